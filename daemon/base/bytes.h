/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A bounded cursor over foreign bytes (little-endian).
 *
 * Reading past the end never touches memory: the cursor becomes `failed`, jumps to its end and
 * yields zeros from then on. So a decoder reads a whole structure straight through and asks once,
 * at the points where it would act on what it read, whether all of it was there.
 */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "macros.h"

struct bytes {
	const uint8_t *start;
	const uint8_t *pos; /* start <= pos <= end */
	const uint8_t *end;
	bool failed; /* something was read that was not there, or was malformed */
};

/* NULL stands for no bytes; adding 0 to it would be undefined, so the cursor stands elsewhere. */
static inline struct bytes bytes_of(const void *data, size_t n_bytes)
{
	const uint8_t *start = data ? data : (const void *)"";

	return (struct bytes){ .start = start,
			       .pos = start,
			       .end = data ? start + n_bytes : start };
}

static inline size_t bytes_left(const struct bytes *b)
{
	return (size_t)(b->end - b->pos);
}

static inline size_t bytes_off(const struct bytes *b)
{
	return (size_t)(b->pos - b->start);
}

static inline void bytes_fail(struct bytes *b)
{
	b->failed = true;
	b->pos = b->end;
}

/* n bytes in place, or NULL (and failed). Borrowed from what the cursor was made of. */
static inline const uint8_t *bytes_take(struct bytes *b, uint64_t n)
{
	const uint8_t *p = b->pos;

	if (unlikely(n > bytes_left(b))) {
		bytes_fail(b);
		return NULL;
	}
	b->pos += n;
	return p;
}

static inline void bytes_skip(struct bytes *b, uint64_t n)
{
	(void)bytes_take(b, n);
}

/* Moves to off from the start; fails when off is behind the end. */
static inline void bytes_seek(struct bytes *b, uint64_t off)
{
	if (off > (size_t)(b->end - b->start))
		bytes_fail(b);
	else
		b->pos = b->start + off;
}

/* A cursor of its own over the next n bytes, which b skips. A failed b gives a failed one. */
static inline struct bytes bytes_sub(struct bytes *b, uint64_t n)
{
	const uint8_t *p = bytes_take(b, n);
	struct bytes sub = bytes_of(p, p ? n : 0);

	sub.failed = b->failed;
	return sub;
}

#define BYTES_GETTER(type, name)                                                                   \
	static inline type bytes_##name(struct bytes *b)                                           \
	{                                                                                          \
		type v = 0;                                                                        \
		const uint8_t *p = bytes_take(b, sizeof(v));                                       \
		if (likely(p))                                                                     \
			memcpy(&v, p, sizeof(v));                                                  \
		return v;                                                                          \
	}

BYTES_GETTER(uint8_t, u8)
BYTES_GETTER(uint16_t, u16)
BYTES_GETTER(uint32_t, u32)
BYTES_GETTER(uint64_t, u64)
#undef BYTES_GETTER

/* An unsigned little-endian integer of n <= 8 bytes. */
static inline uint64_t bytes_uint(struct bytes *b, unsigned int n)
{
	const uint8_t *p = bytes_take(b, n);
	uint64_t v = 0;

	if (likely(p))
		memcpy(&v, p, n);
	return v;
}

/* ULEB128 (DWARF 5, 7.6). More than 64 bits of value, or no end, is malformed. */
static inline uint64_t bytes_uleb(struct bytes *b)
{
	uint64_t v = 0;
	unsigned int shift = 0;

	if (likely(b->pos < b->end && *b->pos < 0x80))
		return *b->pos++;
	while (b->pos < b->end) {
		uint8_t byte = *b->pos++;

		if (shift >= 64 || (shift == 63 && (byte & 0x7e))) {
			/* padding zeros are legal, lost bits are not */
			if (byte & 0x7f)
				break;
		} else {
			v |= (uint64_t)(byte & 0x7f) << shift;
		}
		shift += 7;
		if (!(byte & 0x80))
			return v;
	}
	bytes_fail(b);
	return 0;
}

/* SLEB128. Bits beyond 64 are dropped, as every DWARF reader does. */
static inline int64_t bytes_sleb(struct bytes *b)
{
	uint64_t v = 0;
	unsigned int shift = 0;

	while (b->pos < b->end) {
		uint8_t byte = *b->pos++;

		if (shift < 64)
			v |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
		if (!(byte & 0x80)) {
			if (shift < 64 && (byte & 0x40))
				v |= ~(uint64_t)0 << shift;
			return (int64_t)v;
		}
	}
	bytes_fail(b);
	return 0;
}

/* Steps over a LEB128 of any length. */
static inline void bytes_skip_leb(struct bytes *b)
{
	while (b->pos < b->end)
		if (!(*b->pos++ & 0x80))
			return;
	bytes_fail(b);
}

/* A NUL-terminated string in place, or NULL (and failed) when no NUL is left. */
static inline const char *bytes_cstr(struct bytes *b)
{
	const uint8_t *p = b->pos;
	const uint8_t *nul = p < b->end ? memchr(p, 0, bytes_left(b)) : NULL;

	if (!nul) {
		bytes_fail(b);
		return NULL;
	}
	b->pos = nul + 1;
	return (const char *)p;
}
