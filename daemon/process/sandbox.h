/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Giving rights up, for good, and reading back that they are gone.
 *
 * What the daemon's filter of system calls refuses, it refuses with EPERM: libraries cope with
 * that, and a new one that they try is at worst not used. The opener's filter kills (opener.h).
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/macros.h"

struct problem;

struct sandbox_user {
	uid_t uid;
	gid_t gid;
};

/* What this process may do, as the kernel says; a set of capabilities is 1 << CAP_…. */
struct sandbox_facts {
	uint32_t uids[4], gids[4]; /* real, effective, saved, of file accesses */
	uint32_t n_groups;	   /* supplementary */
	uint64_t caps_inheritable, caps_permitted, caps_effective, caps_bounding, caps_ambient;
	bool has_no_new_privs;
	bool has_filter; /* of system calls, seccomp's mode 2 */
};

/* lifecycle */

enum {
	SANDBOX_E_NO_USER = 1, /* no such user, or it is root */
};

/*
 * The user of that name from the system's database. May load libraries: before sandbox_drop().
 * 0; SANDBOX_E_NO_USER with its sentence; -errno.
 */
must_check int sandbox_find_user(const char *name, struct sandbox_user *ret_user,
				 struct problem *problem);
/*
 * Becomes user without supplementary groups, if this process is root; another one keeps its user,
 * whatever it is told. user NULL: keeps it in any case. Then no capability is left in any set (the
 * bounding set only if CAP_SETPCAP was there), none can be got again, and the process can neither
 * be dumped nor traced. 0; -errno and a sentence, after which the process should end.
 */
must_check int sandbox_drop(const struct sandbox_user *user, struct problem *problem);
/*
 * From now on refused with EPERM: other programs (exec), perf_event_open, other processes' memory,
 * mounts, namespaces, kernel modules, eBPF, keys, clocks, changes of user, io_uring, executable
 * memory, sockets other than AF_UNIX and the kernel's uevents. Holds for children. Calls of a
 * foreign ABI (32 bit) kill. 0; -errno and a sentence.
 */
must_check int sandbox_filter(struct problem *problem);

/* use */

/* From self/status below the directory proc_root ("/proc"). 0; -errno; -EBADMSG. */
must_check int sandbox_read(const char *proc_root, struct sandbox_facts *ret_facts,
			    struct problem *problem);
/*
 * Whether facts are those of a process without rights: not root, no capabilities that it has or
 * could pass on, no new ones. If not, problem says the first that is wrong. The bounding set may
 * hold some: it gives nothing to who has no_new_privs.
 */
bool sandbox_verify(const struct sandbox_facts *facts, struct problem *problem);
