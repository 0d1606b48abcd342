/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A run of bytes that slides through one aligned buffer: from a descriptor, or written into it by
 * the decompressor. Internal to the recording reader.
 *
 *   buffer  [ consumed | pos … unread … end | room ]     capacity bytes, allocated once
 *
 * Sliding moves the unread bytes to the start of the buffer, so what starts a multiple of 8 bytes
 * behind the place of the last slide is 8-aligned in memory.
 *
 * A file may be mapped instead, one window after the other, which spares the copy: half of what
 * reading costs. Windows begin with a page, so what is 8-aligned in the file is in memory. Pages of
 * a window are read when it is made; whoever cuts the file after that moment takes them away again,
 * and reading them is SIGBUS.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"

#define RECORDS_E_END 1

struct records {
	uint8_t *buffer; /* own, or a window */
	uint8_t *own;	 /* owned; capacity bytes */
	size_t capacity;
	size_t window_bytes; /* owned mapping at buffer; 0: that is own */
	bool is_mapped;	     /* the next window is to be mapped */
	size_t pos, end;     /* pos <= end */
	uint64_t base;	     /* offset of buffer[0] in the source */
	uint64_t limit;	     /* offset behind the last byte that is ours; UINT64_MAX: unknown */
	int fd;		     /* borrowed; -1: filled through records_room() */
	bool is_seekable;
	bool at_file_end; /* the source ended before the limit */
};

/* lifecycle */

/* capacity is at least RECORDS_BYTES_MIN. 0, -ENOMEM. */
must_check int records_init(struct records *r, size_t capacity);
void records_deinit(struct records *r); /* accepts a zeroed one */

/* Forgets the contents and reads [offset, limit) of fd from now on. */
void records_attach(struct records *r, int fd, bool is_seekable, uint64_t offset, uint64_t limit);

/*
 * From now on the attached file is mapped, as far as that is possible: if it is a regular one, and
 * what is attached of it begins at a multiple of 8.
 */
void records_map(struct records *r);

/* use */

/* A record has at most 65535 bytes; one more may lie before it, unconsumed. */
#define RECORDS_BYTES_MIN ((size_t)128 << 10)

/* Has n <= RECORDS_BYTES_MIN unread bytes in the buffer. 0, RECORDS_E_END, or -errno of read(2). */
must_check int records_fill(struct records *r, size_t n);
/* Consumes n bytes, in the buffer or not. 0, RECORDS_E_END (and all is consumed), -errno. */
must_check int records_skip(struct records *r, uint64_t n);
/* All the room there is behind the unread bytes; records_added() says how much of it was filled. */
uint8_t *records_room(struct records *r, size_t *ret_n_bytes);

/* inline helpers */

static inline size_t records_left(const struct records *r)
{
	return r->end - r->pos;
}

static inline const uint8_t *records_at(const struct records *r)
{
	return r->buffer + r->pos;
}

static inline uint64_t records_offset(const struct records *r)
{
	return r->base + r->pos;
}

static inline int records_want(struct records *r, size_t n)
{
	return likely(records_left(r) >= n) ? 0 : records_fill(r, n);
}

static inline void records_added(struct records *r, size_t n)
{
	r->end += n;
}
