/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ELF core: its segments are in order, and every byte of them that is read is the file's byte
 * at the segment's place. Bytes that begin as pages of text do are read as these, too.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "kernel/kcore.h"
#include "kernel/text_pages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void check_segment(const struct kcore *kcore, const struct kcore_segment *s,
			  const uint8_t *data, size_t n_bytes)
{
	uint8_t buf[64];
	size_t n = 0;
	int r = kcore_read(kcore, s->ip, buf, sizeof(buf), &n);

	if (r == KCORE_E_ABSENT && s->file_off < n_bytes)
		abort();
	if (r != 0)
		return;
	if (n == 0 || n > sizeof(buf) || s->file_off >= n_bytes)
		abort();
	if (n > s->n_bytes) /* the rest is of the next one */
		n = s->n_bytes;
	if (n > n_bytes - s->file_off || memcmp(buf, data + s->file_off, n) != 0)
		abort();
}

static void check_kcore(int fd, const uint8_t *data, size_t n_bytes)
{
	const struct kcore_segment *segments;
	struct problem problem = { "" };
	struct kcore *kcore;
	size_t n;

	if (kcore_open(fd, &kcore, &problem) != 0)
		return;
	segments = kcore_segments(kcore, &n);
	for (size_t i = 0; i < n; i++) {
		if (segments[i].n_bytes == 0 ||
		    (i && (segments[i].ip <= segments[i - 1].ip ||
			   segments[i].ip - segments[i - 1].ip < segments[i - 1].n_bytes)))
			abort();
		check_segment(kcore, &segments[i], data, n_bytes);
	}
	kcore_free(kcore);
}

static void check_pages(const uint8_t *data, size_t n_bytes)
{
	struct text_pages pages;
	struct text_page page;
	uint64_t n = 0;

	if (text_pages_open(&pages, data, n_bytes, NULL) != 0)
		return;
	while (text_pages_next(&pages, &page)) {
		if (page.window_off % TEXT_PAGE_BYTES || page.n_bytes == 0 ||
		    page.n_bytes > TEXT_PAGE_BYTES || page.bytes < data ||
		    page.bytes + TEXT_PAGE_BYTES > data + n_bytes)
			abort();
		n++;
	}
	if (n + pages.n_refused != (n_bytes - TEXT_PAGES_HEADER_BYTES) / TEXT_PAGES_RECORD_BYTES)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	int fd = memfd_create("core", MFD_CLOEXEC);

	if (fd < 0 || (n_bytes && write(fd, data, n_bytes) != (ssize_t)n_bytes))
		abort();
	check_kcore(fd, data, n_bytes);
	close(fd);
	check_pages(data, n_bytes);
	return 0;
}
