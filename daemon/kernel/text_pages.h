/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The form in which pages of live text travel from the daemon to its worker: a file of a header
 * and equal records, in order of writing.
 *
 *	0   u64  TEXT_PAGES_MAGIC
 *	8   u32  TEXT_PAGES_VERSION
 *	12  u32  bytes of a page: TEXT_PAGE_BYTES
 *	16  records: u64 offset, in the window of the counters, a multiple of TEXT_PAGE_BYTES
 *	             u32 bytes from there on that are known, 1 to TEXT_PAGE_BYTES
 *	             u32 0
 *	             TEXT_PAGE_BYTES of text; 0 behind the known ones
 *
 * Little-endian. There is no count: a file that was cut off has only the records that are whole.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/bytes.h"
#include "base/macros.h"
#include "base/problem.h"

#define TEXT_PAGES_MAGIC 0x7367507478655461ull /* "aTextPgs" */
#define TEXT_PAGES_VERSION 1
#define TEXT_PAGE_BYTES 4096
#define TEXT_PAGES_HEADER_BYTES 16
#define TEXT_PAGES_RECORD_BYTES (16 + TEXT_PAGE_BYTES)

/* write */

/* Writes the header to fd, an empty file. 0; -errno. */
must_check int text_pages_begin(int fd);
/*
 * Appends a page: n_bytes, 1 to TEXT_PAGE_BYTES, of text from window_off on, which is a multiple of
 * TEXT_PAGE_BYTES. 0; -EINVAL: it is none; -errno.
 */
must_check int text_pages_append(int fd, uint64_t window_off, const void *bytes, size_t n_bytes);

/* read */

struct text_page {
	uint64_t window_off;  /* multiple of TEXT_PAGE_BYTES */
	const uint8_t *bytes; /* n_bytes, borrowed */
	size_t n_bytes;	      /* 1 to TEXT_PAGE_BYTES */
};

struct text_pages {
	struct bytes left;  /* the records not yet read */
	uint64_t n_refused; /* records that break the rules above, left out so far */
};

/*
 * Begins to read what data, borrowed as long as pages are read, holds. -EBADMSG: not of this form;
 * problem says why.
 */
must_check int text_pages_open(struct text_pages *ret_pages, const void *data, size_t n_bytes,
			       struct problem *problem);
/* The next page; false: there is none left. */
bool text_pages_next(struct text_pages *pages, struct text_page *ret_page);
