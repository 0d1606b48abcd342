/* SPDX-License-Identifier: Apache-2.0 */
#include "text_pages.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Little-endian, as the machines that this runs on (base/bytes.h reads it so). */
struct header {
	uint64_t magic;
	uint32_t version;
	uint32_t page_bytes;
};

struct record {
	uint64_t window_off;
	uint32_t n_bytes;
	uint32_t zero;
	uint8_t bytes[TEXT_PAGE_BYTES];
};

_Static_assert(sizeof(struct header) == TEXT_PAGES_HEADER_BYTES, "as text_pages.h draws it");
_Static_assert(sizeof(struct record) == TEXT_PAGES_RECORD_BYTES, "as text_pages.h draws it");

static int write_whole(int fd, const void *data, size_t n_bytes)
{
	const uint8_t *from = data;

	while (n_bytes) {
		ssize_t n = write(fd, from, n_bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		from += n;
		n_bytes -= (size_t)n;
	}
	return 0;
}

int text_pages_begin(int fd)
{
	const struct header header = {
		.magic = TEXT_PAGES_MAGIC,
		.version = TEXT_PAGES_VERSION,
		.page_bytes = TEXT_PAGE_BYTES,
	};

	return write_whole(fd, &header, sizeof(header));
}

int text_pages_append(int fd, uint64_t window_off, const void *bytes, size_t n_bytes)
{
	struct record record = { .window_off = window_off, .n_bytes = (uint32_t)n_bytes };

	if (window_off % TEXT_PAGE_BYTES || n_bytes == 0 || n_bytes > TEXT_PAGE_BYTES)
		return -EINVAL;
	memcpy(record.bytes, bytes, n_bytes);
	return write_whole(fd, &record, sizeof(record));
}

int text_pages_open(struct text_pages *ret_pages, const void *data, size_t n_bytes,
		    struct problem *problem)
{
	struct bytes b = bytes_of(data, n_bytes);
	uint64_t magic = bytes_u64(&b);
	uint32_t version = bytes_u32(&b), page_bytes = bytes_u32(&b);

	if (b.failed || magic != TEXT_PAGES_MAGIC)
		return problem_set(problem, -EBADMSG, "text pages: not of this form");
	if (version != TEXT_PAGES_VERSION || page_bytes != TEXT_PAGE_BYTES)
		return problem_set(problem, -EBADMSG,
				   "text pages: version %u with pages of %u bytes, not %u with %u",
				   version, page_bytes, TEXT_PAGES_VERSION, TEXT_PAGE_BYTES);
	*ret_pages = (struct text_pages){ .left = b };
	return 0;
}

bool text_pages_next(struct text_pages *pages, struct text_page *ret_page)
{
	while (bytes_left(&pages->left) >= TEXT_PAGES_RECORD_BYTES) {
		uint64_t window_off = bytes_u64(&pages->left);
		uint32_t n_bytes = bytes_u32(&pages->left), zero = bytes_u32(&pages->left);
		const uint8_t *bytes = bytes_take(&pages->left, TEXT_PAGE_BYTES);

		if (window_off % TEXT_PAGE_BYTES || n_bytes == 0 || n_bytes > TEXT_PAGE_BYTES ||
		    zero) {
			pages->n_refused++;
			continue;
		}
		*ret_page = (struct text_page){ window_off, bytes, n_bytes };
		return true;
	}
	return false;
}
