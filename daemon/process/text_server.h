/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Answers requests for pages of the running kernel's code from /proc/kcore, and for nothing but
 * code. It holds what could read all of the machine's memory, so it takes little in and does
 * little: fixed-size requests, kallsyms and modules as the kernel writes them.
 *
 * Pages of modules are given only if the modules are the same before and after they are read: else
 * they could be of whatever came to their place. An empty page is not given: the kernel writes
 * zeros where it could not read (read_kcore_iter(), Linux 6.12).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "text_protocol.h"
#include "text_ranges.h"

struct problem;
struct text_server;

/* Borrowed as long as the server lives. */
struct text_files {
	int kcore_fd;
	int kallsyms_fd; /* -1: comes with TEXT_BEGIN */
	struct text_module_files modules;
};

struct text_server_config {
	struct text_files files;
	uint64_t page_bytes; /* the machine's */
	/*
	 * Not looked what is code more often than that, whatever comes with a request: it takes a
	 * tenth of a second. Modules that have changed are a reason to look at once.
	 */
	uint64_t look_ns;
};

/* lifecycle */

/* 0; -errno; -EBADMSG: no core in the form of /proc/kcore; with a sentence. */
must_check int text_server_new(const struct text_server_config *config,
			       struct text_server **ret_server, struct problem *problem);
void text_server_free(struct text_server *server);
DEFINE_CLEANUP(struct text_server, text_server, text_server_free)

/* use */

/*
 * The answer to a packet, to a buffer of TEXT_REPLY_BYTES_MAX bytes; returns how many it has.
 * fd came along and is the server's, to close or to keep; -1: none did. now_ns is of any clock
 * that does not go backwards.
 */
size_t text_server_answer(struct text_server *server, const void *bytes, size_t n_bytes, int fd,
			  uint64_t now_ns, void *to);
/* How often it has read kallsyms. */
uint64_t text_server_n_looks(const struct text_server *server);
/* Whether an open file is /proc/kallsyms of whatever mount. */
bool text_server_is_kallsyms(int fd);
