/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The process that serves live text. Two ways lead to it: forked while the program is privileged,
 * where nobody else starts one (text_process_start()), or started by a service manager for a
 * connection (text_serve()). Either has opened what it reads before, and holds no right any more
 * when the first request comes: the kernel asks for rights when /proc/kcore is opened, not when it
 * is read (open_kcore(), read_kcore_iter() of fs/proc/kcore.c, Linux 6.12).
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/macros.h"
#include "text_server.h"

struct problem;
struct sandbox_user;
struct text_process;

/* forked */

enum {
	/* /proc/kcore cannot be opened by this process: no such file, no right, locked down */
	TEXT_PROCESS_E_REFUSED = 1,
};

/* Borrowed until text_process_start() returns: the process is a fork. */
struct text_process_config {
	const struct sandbox_user *user; /* becomes it, if root; NULL: keeps its user */
	const char *proc_root;		 /* NULL: "/proc" */
	const char *modules_root;	 /* NULL: "/sys/module" */
	uint64_t page_bytes;
	unsigned int timeout_ms; /* of the start; 0: 5 s */
};

/*
 * Forks it and waits until it has given up what it does not need. *ret_fd is the connection, for a
 * text_client. 0; TEXT_PROCESS_E_REFUSED with a sentence; -errno; with no process left behind.
 */
must_check int text_process_start(const struct text_process_config *config,
				  struct text_process **ret_process, int *ret_fd,
				  struct problem *problem);
/* Waits for its end, which that of the connection is; at most a second before it is killed. */
void text_process_free(struct text_process *process);
DEFINE_CLEANUP(struct text_process, text_process, text_process_free)
pid_t text_process_pid(const struct text_process *process);

/* started by somebody else */

/* Beside its own user and root. (uid_t)-1: nobody. */
struct text_service {
	uid_t peer_uid;
	struct text_server_config config;
	unsigned int idle_s_max; /* ends if nobody asks for so long */
};

/*
 * Gives up what rights there are and serves one connection to its end. 0; -EACCES: the peer may
 * not ask; -errno; with a sentence.
 */
must_check int text_serve(int connection_fd, const struct text_service *service,
			  struct problem *problem);
