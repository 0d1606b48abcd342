/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A growing byte buffer with a ceiling: what every encoder writes into.
 *
 * The first failure sticks (error) and later appends do nothing, so an encoder writes straight
 * through and its caller asks once at the end. A buffer cannot be made without its ceiling.
 */

#include <stdint.h>
#include "macros.h"

struct buf {
	uint8_t *data;	 /* malloc'd, owned */
	size_t n_bytes;	 /* used */
	size_t capacity; /* n_bytes <= capacity <= ceiling_bytes */
	size_t ceiling_bytes;
	int error; /* 0, -ENOMEM, or -EFBIG: the ceiling was reached */
};

/* lifecycle */

#define BUF_INIT(ceiling) { .ceiling_bytes = (ceiling) }
void buf_deinit(struct buf *b); /* accepts a null-initialised one */
/* The bytes, now the caller's to free(); the buffer is empty afterwards. NULL if empty. */
uint8_t *buf_steal(struct buf *b, size_t *ret_n_bytes);

/* use */

void buf_append(struct buf *b, const void *data, size_t n_bytes);
void buf_u8(struct buf *b, uint8_t v);
void buf_u16(struct buf *b, uint16_t v); /* little-endian, as all below */
void buf_u32(struct buf *b, uint32_t v);
void buf_u64(struct buf *b, uint64_t v);
void buf_uleb_long(struct buf *b, uint64_t v); /* buf_uleb() of any number */
void buf_str(struct buf *b, const char *s);    /* without its NUL */
void buf_spaces(struct buf *b, size_t n);
void buf_decimal(struct buf *b, uint64_t v);
void buf_hex(struct buf *b, uint64_t v); /* lower case, no 0x, no leading zeros */
void buf_printf(struct buf *b, const char *format, ...) printf_like(2, 3);

/* inline helpers */

/* ULEB128, minimal length. Profiles are made of these, mostly of one byte. */
static inline void buf_uleb(struct buf *b, uint64_t v)
{
	if (v < 0x80 && b->n_bytes < b->capacity && !b->error)
		b->data[b->n_bytes++] = (uint8_t)v;
	else
		buf_uleb_long(b, v);
}
