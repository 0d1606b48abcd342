/* SPDX-License-Identifier: Apache-2.0 */
#include "buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define ULEB_BYTES_MAX 10

void buf_deinit(struct buf *b)
{
	free(b->data);
	*b = (struct buf){ .ceiling_bytes = b->ceiling_bytes };
}

uint8_t *buf_steal(struct buf *b, size_t *ret_n_bytes)
{
	*ret_n_bytes = b->n_bytes;
	b->n_bytes = b->capacity = 0;
	return steal_ptr(b->data);
}

/* The place for n more bytes, or NULL when the buffer has failed. */
static uint8_t *room(struct buf *b, size_t n)
{
	size_t want;
	uint8_t *grown;

	if (b->error)
		return NULL;
	if (n <= b->capacity - b->n_bytes)
		return b->data + b->n_bytes;
	if (n > b->ceiling_bytes - b->n_bytes) {
		b->error = -EFBIG;
		return NULL;
	}
	want = b->capacity < 256 ? 512 : b->capacity * 2;
	if (want < b->n_bytes + n)
		want = b->n_bytes + n;
	if (want > b->ceiling_bytes)
		want = b->ceiling_bytes;
	grown = realloc(b->data, want);
	if (!grown) {
		b->error = -ENOMEM;
		return NULL;
	}
	b->data = grown;
	b->capacity = want;
	return b->data + b->n_bytes;
}

void buf_append(struct buf *b, const void *data, size_t n_bytes)
{
	uint8_t *to = n_bytes ? room(b, n_bytes) : NULL;

	if (!to)
		return;
	memcpy(to, data, n_bytes);
	b->n_bytes += n_bytes;
}

void buf_u8(struct buf *b, uint8_t v)
{
	buf_append(b, &v, sizeof(v));
}

void buf_u16(struct buf *b, uint16_t v)
{
	buf_append(b, &v, sizeof(v));
}

void buf_u32(struct buf *b, uint32_t v)
{
	buf_append(b, &v, sizeof(v));
}

void buf_u64(struct buf *b, uint64_t v)
{
	buf_append(b, &v, sizeof(v));
}

void buf_uleb_long(struct buf *b, uint64_t v)
{
	uint8_t bytes[ULEB_BYTES_MAX], *to = bytes;
	bool has_room = !b->error && b->capacity - b->n_bytes >= ULEB_BYTES_MAX;
	size_t n = 0;

	/* nearly always there is room */
	if (likely(has_room))
		to = b->data + b->n_bytes;
	do {
		to[n++] = (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
		v >>= 7;
	} while (v);
	if (likely(has_room))
		b->n_bytes += n;
	else
		buf_append(b, bytes, n);
}

void buf_str(struct buf *b, const char *s)
{
	buf_append(b, s, strlen(s));
}

void buf_spaces(struct buf *b, size_t n)
{
	static const char spaces[] = "                ";

	for (; n >= sizeof(spaces) - 1; n -= sizeof(spaces) - 1)
		buf_append(b, spaces, sizeof(spaces) - 1);
	buf_append(b, spaces, n);
}

static void append_in_base(struct buf *b, uint64_t v, unsigned int base)
{
	char digits[20];
	size_t n = sizeof(digits);

	do {
		digits[--n] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	buf_append(b, digits + n, sizeof(digits) - n);
}

void buf_decimal(struct buf *b, uint64_t v)
{
	append_in_base(b, v, 10);
}

void buf_hex(struct buf *b, uint64_t v)
{
	append_in_base(b, v, 16);
}

void buf_printf(struct buf *b, const char *format, ...)
{
	char text[1024];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof(text)) {
		/* our own formats are short; what is foreign goes through buf_str() */
		if (!b->error)
			b->error = -EFBIG;
		return;
	}
	buf_append(b, text, (size_t)n);
}
