/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the daemon and the server of live text say to each other: packets (SOCK_SEQPACKET) in this
 * program's own layout, since both are of one version. Neither trusts the other's bytes.
 *
 *	daemon   TEXT_BEGIN, with a descriptor of /proc/kallsyms where the server has none
 *	server   its answer: it knows what is code, or why it does not
 *	daemon   TEXT_PAGES, as often as it likes, one at a time
 *	server   those of the pages that are code, in the order in which they were asked for
 *
 * The end of the connection is the end of the server.
 */

#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "base/problem.h"
#include "kernel/text_pages.h"

#define TEXT_REQUEST_MAGIC 0x31717461u /* "atq1" */
#define TEXT_REPLY_MAGIC 0x31727461u   /* "atr1" */

/*
 * A reply with all of them fits into 64 KiB, and so into any socket's buffer. Pages are of
 * TEXT_PAGE_BYTES, whatever the machine's own are.
 */
#define TEXT_REQUEST_PAGES_MAX 15u

enum text_kind {
	TEXT_HELLO, /* the first reply of a server that was forked, to no request */
	TEXT_BEGIN, /* look again what is code: at the beginning, and when modules have changed */
	TEXT_PAGES,
	N_TEXT_KINDS,
};

/* Results of a reply beside 0 and -errno. */
enum {
	TEXT_E_UNKNOWN = 1, /* BEGIN, PAGES: it does not know what is code; text says why */
};

struct text_request {
	uint32_t magic;
	uint32_t kind;
	uint32_t serial;		      /* the reply's */
	uint32_t n_pages;		      /* PAGES: 1 to TEXT_REQUEST_PAGES_MAX; else 0 */
	uint64_t ips[TEXT_REQUEST_PAGES_MAX]; /* multiples of TEXT_PAGE_BYTES; zeros behind */
};

struct text_reply {
	uint32_t magic;
	uint32_t kind;
	uint32_t serial;
	int32_t result;
	/* PAGES: bit i is page i of the request; set: it is given, all of it, behind this */
	uint32_t given;
	uint32_t n_modules;			       /* BEGIN: whose code it knows */
	uint64_t cpu_ns;			       /* of the server so far */
	char text[sizeof((struct problem){ 0 }.text)]; /* if result is not 0 */
};

#define TEXT_REPLY_BYTES_MAX                                                                       \
	(sizeof(struct text_reply) + TEXT_REQUEST_PAGES_MAX * (size_t)TEXT_PAGE_BYTES)

/*
 * Whether n_bytes are a request that can be followed; whether its pages are code is another
 * question. 0 and a copy; -EBADMSG and a sentence.
 */
must_check int text_request_read(const void *bytes, size_t n_bytes,
				 struct text_request *ret_request, struct problem *problem);
/*
 * Whether n_bytes are the reply to request, with as many pages behind it as it says, none of which
 * was not asked for. 0, a copy whose text is a string, and the first page in place, as they are
 * given; -EBADMSG and a sentence.
 */
must_check int text_reply_read(const void *bytes, size_t n_bytes,
			       const struct text_request *request, struct text_reply *ret_reply,
			       const uint8_t **ret_pages, struct problem *problem);
