/* SPDX-License-Identifier: Apache-2.0 */
#include "recording_records.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of Linux 5.14: reads pages in without a fault each, and fails where a fault would be SIGBUS. */
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

int records_init(struct records *r, size_t capacity)
{
	size_t rounded = (capacity + 4095) & ~(size_t)4095;
	uint8_t *buffer = aligned_alloc(4096, rounded);

	if (!buffer)
		return -ENOMEM;
	*r = (struct records){ .buffer = buffer, .own = buffer, .capacity = rounded, .fd = -1 };
	return 0;
}

/* Goes back to the buffer, with nothing in it, at the offset. */
static void leave_window(struct records *r, uint64_t offset)
{
	if (r->window_bytes)
		munmap(r->buffer, r->window_bytes);
	r->window_bytes = 0;
	r->buffer = r->own;
	r->base = offset;
	r->pos = r->end = 0;
}

void records_deinit(struct records *r)
{
	leave_window(r, 0);
	free(r->own);
	*r = (struct records){ .fd = -1 };
}

void records_attach(struct records *r, int fd, bool is_seekable, uint64_t offset, uint64_t limit)
{
	leave_window(r, offset);
	r->limit = limit;
	r->fd = fd;
	r->is_seekable = is_seekable;
	r->is_mapped = false;
	r->at_file_end = false;
}

void records_map(struct records *r)
{
	struct stat st;

	r->is_mapped = r->is_seekable && r->base % sizeof(uint64_t) == 0 &&
		       fstat(r->fd, &st) == 0 && S_ISREG(st.st_mode);
	if (r->is_mapped)
		leave_window(r, records_offset(r));
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

/* Maps [offset, end) of the file, pages and all, into *ret_window. */
static int map_pages(int fd, uint64_t offset, size_t n_bytes, void **ret_window)
{
	void *window = mmap(NULL, n_bytes, PROT_READ, MAP_SHARED, fd, (off_t)offset);

	if (window == MAP_FAILED)
		return -errno;
	(void)madvise(window, n_bytes, MADV_SEQUENTIAL);
	if (madvise(window, n_bytes, MADV_POPULATE_READ) < 0) {
		int r = -errno;

		munmap(window, n_bytes);
		return r;
	}
	*ret_window = window;
	return 0;
}

/*
 * Goes on to the window that begins with the page of the first unread byte. 0; or -errno: it cannot
 * be had, and the bytes are to be read. Whatever read(2) makes of the file is what is said of it.
 */
static int next_window(struct records *r)
{
	uint64_t at = records_offset(r);
	uint64_t first = at & ~((uint64_t)sysconf(_SC_PAGESIZE) - 1);
	uint64_t end = first + 2 * r->capacity, file_end;
	struct stat st;
	void *window = NULL;
	int error;

	/* before the next one is there: two of them would count as ours */
	leave_window(r, at);
	if (fstat(r->fd, &st) < 0)
		return -errno;
	file_end = (uint64_t)st.st_size;
	end = end < r->limit ? end : r->limit;
	if (end > file_end) {
		r->at_file_end = true;
		end = file_end;
	}
	if (end <= at)
		return 0;
	error = map_pages(r->fd, first, (size_t)(end - first), &window);
	if (error < 0)
		return error;
	r->base = first;
	r->buffer = window;
	r->window_bytes = r->end = (size_t)(end - first);
	r->pos = (size_t)(at - first);
	return 0;
}

int records_fill(struct records *r, size_t n)
{
	if (r->is_mapped) {
		if (next_window(r) == 0)
			return records_left(r) < n ? RECORDS_E_END : 0;
		r->is_mapped = r->at_file_end = false;
	}
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
