/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The daemon's end of a connection to the server of live text: one request under way at a time,
 * never waited for. Whoever uses it watches its descriptor and the clock.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "text_protocol.h"

struct problem;
struct text_client;

enum {
	TEXT_CLIENT_E_ABSENT = 1, /* there is no such server, or it is not for us */
	TEXT_CLIENT_E_PENDING,	  /* no answer yet */
};

/* What came, until the next call. */
struct text_answer {
	enum text_kind kind;
	int result; /* 0; TEXT_E_UNKNOWN; -errno; then text says why */
	const char *text;
	uint32_t n_modules; /* BEGIN */
	uint64_t cpu_ns;
	size_t n_pages; /* PAGES: of what was asked for … */
	const uint64_t *ips;
	const uint8_t *pages[TEXT_REQUEST_PAGES_MAX]; /* … their bytes; NULL: is no code */
};

/* lifecycle */

/* To a socket in the file system. 0; TEXT_CLIENT_E_ABSENT with a sentence; -errno. */
must_check int text_client_connect(const char *path, struct text_client **ret_client,
				   struct problem *problem);
/* On a connection that there is, which it takes in any case. 0; -errno. */
must_check int text_client_new(int fd, struct text_client **ret_client, struct problem *problem);
/* Hangs up, which ends the server. NULL is fine. */
void text_client_free(struct text_client *client);
DEFINE_CLEANUP(struct text_client, text_client, text_client_free)

/* use */

/* Readable when there is something to take. */
int text_client_fd(const struct text_client *client);
/* Whether an answer is owed. */
bool text_client_is_waiting(const struct text_client *client);
/*
 * Asks; only if no answer is owed. kallsyms_fd is lent for the call, -1: the server has its own.
 * 0; -EPIPE: it has ended; -errno; with a sentence.
 */
must_check int text_client_begin(struct text_client *client, int kallsyms_fd,
				 struct problem *problem);
must_check int text_client_ask(struct text_client *client, const uint64_t *ips, size_t n_pages,
			       struct problem *problem);
/*
 * The answer. 0; TEXT_CLIENT_E_PENDING; -EPIPE: the server has ended; -EBADMSG: what came is not
 * the answer; -errno; with a sentence. After an error the connection is of no use any more.
 */
must_check int text_client_take(struct text_client *client, struct text_answer *ret_answer,
				struct problem *problem);
