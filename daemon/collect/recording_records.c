/* SPDX-License-Identifier: Apache-2.0 */
#include "recording_records.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int records_init(struct records *r, size_t capacity)
{
	size_t rounded = (capacity + 4095) & ~(size_t)4095;
	uint8_t *buffer = aligned_alloc(4096, rounded);

	if (!buffer)
		return -ENOMEM;
	*r = (struct records){ .buffer = buffer, .capacity = rounded, .fd = -1 };
	return 0;
}

void records_deinit(struct records *r)
{
	free(r->buffer);
	*r = (struct records){ .fd = -1 };
}

void records_attach(struct records *r, int fd, bool is_seekable, uint64_t offset, uint64_t limit)
{
	r->pos = r->end = 0;
	r->base = offset;
	r->limit = limit;
	r->fd = fd;
	r->is_seekable = is_seekable;
	r->at_file_end = false;
}

static void slide(struct records *r)
{
	size_t n = records_left(r);

	if (r->pos == 0)
		return;
	memmove(r->buffer, r->buffer + r->pos, n);
	r->base += r->pos;
	r->pos = 0;
	r->end = n;
}

uint8_t *records_room(struct records *r, size_t *ret_n_bytes)
{
	slide(r);
	*ret_n_bytes = r->capacity - r->end;
	return r->buffer + r->end;
}

static ssize_t read_some(struct records *r, uint8_t *to, size_t n)
{
	ssize_t n_read;

	do {
		if (r->is_seekable)
			n_read = pread(r->fd, to, n, (off_t)(r->base + r->end));
		else
			n_read = read(r->fd, to, n);
	} while (n_read < 0 && errno == EINTR);
	return n_read < 0 ? -errno : n_read;
}

int records_fill(struct records *r, size_t n)
{
	while (records_left(r) < n) {
		size_t room;
		uint8_t *to = records_room(r, &room);
		uint64_t ours = r->limit - (r->base + r->end);
		ssize_t n_read;

		if (r->fd < 0 || ours == 0 || r->at_file_end)
			return RECORDS_E_END;
		n_read = read_some(r, to, room < ours ? room : (size_t)ours);
		if (n_read < 0)
			return (int)n_read;
		if (n_read == 0)
			r->at_file_end = true;
		r->end += (size_t)n_read;
	}
	return 0;
}

int records_skip(struct records *r, uint64_t n)
{
	while (n > records_left(r)) {
		int status;

		n -= records_left(r);
		r->pos = r->end;
		status = records_fill(r, 1);
		if (status != 0)
			return status;
	}
	r->pos += (size_t)n;
	return 0;
}
