/* SPDX-License-Identifier: Apache-2.0 */
#include "job_live.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include "aggregate/counters.h"
#include "base/problem.h"
#include "kernel/text_pages.h"
#include "symbolize/live_text.h"

/* The daemon's own limit is half of it. */
#define FILE_BYTES_MAX ((uint64_t)64 << 20)

struct mapping {
	void *data;
	size_t n_bytes;
};

static void mapping_deinit(struct mapping *mapping)
{
	if (mapping->data)
		munmap(mapping->data, mapping->n_bytes);
}

/* Sealed, so that it does not become shorter while it is read. */
static int map_file(int fd, struct mapping *ret, struct problem *problem)
{
	const int wanted = F_SEAL_SHRINK | F_SEAL_WRITE;
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;
	void *data;

	if (seals < 0 || (seals & wanted) != wanted || fstat(fd, &st) < 0)
		return problem_set(problem, -EBADMSG, "job: live text is no sealed file");
	if (st.st_size <= 0 || (uint64_t)st.st_size > FILE_BYTES_MAX)
		return problem_set(problem, -EBADMSG, "job: live text of %lld bytes",
				   (long long)st.st_size);
	data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (data == MAP_FAILED)
		return problem_set(problem, -errno, "job: map live text: %s", strerror(errno));
	*ret = (struct mapping){ data, (size_t)st.st_size };
	return 0;
}

/* A page may hold the end of an object, and the begin of the next. */
static int add_page(struct live_text *live, const struct snapshot_piece *pieces, size_t n_pieces,
		    const struct text_page *page)
{
	int r = 0;

	for (size_t i = 0; i < n_pieces && r == 0; i++) {
		uint64_t lo = pieces[i].lo_off, end = (uint64_t)pieces[i].hi_off + 1;
		uint64_t page_end = page->window_off + page->n_bytes;

		if (lo < page->window_off)
			lo = page->window_off;
		if (end > page_end)
			end = page_end;
		if (lo < end)
			r = live_text_add(live, pieces[i].vaddr + (lo - pieces[i].lo_off),
					  page->bytes + (lo - page->window_off), end - lo);
	}
	return r;
}

int job_live_read(int fd, const struct snapshot_piece *pieces, size_t n_pieces,
		  struct live_text **ret_live, struct problem *problem)
{
	struct mapping mapping cleanup(mapping_deinit) = { 0 };
	struct live_text *live cleanup(live_text_cleanup) = NULL;
	struct text_pages pages;
	struct text_page page;
	int r = map_file(fd, &mapping, problem);

	if (r == 0)
		r = text_pages_open(&pages, mapping.data, mapping.n_bytes, problem);
	if (r == 0)
		r = live_text_new(&live, FILE_BYTES_MAX);
	while (r == 0 && text_pages_next(&pages, &page))
		r = add_page(live, pieces, n_pieces, &page);
	if (r < 0)
		return r;
	*ret_live = steal_ptr(live);
	return 0;
}
