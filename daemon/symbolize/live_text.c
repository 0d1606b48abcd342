/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages in one array, in order of arrival, and an open-addressing table from page number to index.
 */
#include "live_text.h"

#include <errno.h>
#include <string.h>
#include "base/array.h"
#include "base/hash.h"

#define N_SLOTS_START 64

struct page {
	uint64_t number;  /* vaddr / LIVE_TEXT_PAGE_BYTES */
	uint16_t lo, hi;  /* bytes [lo, hi) are known; lo < hi <= LIVE_TEXT_PAGE_BYTES */
	bool is_conflict; /* it came again with other bytes */
	uint8_t bytes[LIVE_TEXT_PAGE_BYTES];
};

struct live_text {
	struct page *pages; /* n_pages */
	size_t n_pages, capacity, n_pages_max;
	uint32_t *slots; /* n_slots, a power of two: index of a page + 1, or 0 */
	size_t n_slots;
	struct live_text_stats stats;
};

int live_text_new(struct live_text **ret_live, size_t max_bytes)
{
	struct live_text *live = calloc(1, sizeof(*live));

	if (!live)
		return -ENOMEM;
	/* the table takes up to 16 bytes a page */
	live->n_pages_max = max_bytes / (sizeof(struct page) + 16);
	if (live->n_pages_max > UINT32_MAX / 4)
		live->n_pages_max = UINT32_MAX / 4;
	*ret_live = live;
	return 0;
}

void live_text_free(struct live_text *live)
{
	if (!live)
		return;
	free(live->pages);
	free(live->slots);
	free(live);
}

/* The slot of the page, or the empty one where it belongs. There is always an empty one. */
static uint32_t *find_slot(const struct live_text *live, uint64_t number)
{
	size_t i = hash_u64(number) & (live->n_slots - 1);

	while (live->slots[i] && live->pages[live->slots[i] - 1].number != number)
		i = (i + 1) & (live->n_slots - 1);
	return &live->slots[i];
}

static struct page *find_page(const struct live_text *live, uint64_t number)
{
	uint32_t index = live->n_slots ? *find_slot(live, number) : 0;

	return index ? &live->pages[index - 1] : NULL;
}

/* A table at most half full. */
static int reserve_slots(struct live_text *live)
{
	size_t n = live->n_slots ? live->n_slots * 2 : N_SLOTS_START;
	uint32_t *slots;

	if ((live->n_pages + 1) * 2 <= live->n_slots)
		return 0;
	slots = calloc(n, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(live->slots);
	live->slots = slots;
	live->n_slots = n;
	for (size_t i = 0; i < live->n_pages; i++)
		*find_slot(live, live->pages[i].number) = (uint32_t)(i + 1);
	return 0;
}

/* -E2BIG: beyond the ceiling. */
static int new_page(struct live_text *live, uint64_t number, struct page **ret_page)
{
	int r = array_reserve((void **)&live->pages, &live->capacity, live->n_pages + 1,
			      sizeof(*live->pages), live->n_pages_max);

	if (r == 0)
		r = reserve_slots(live);
	if (r < 0)
		return r;
	*ret_page = &live->pages[live->n_pages++];
	(*ret_page)->number = number;
	(*ret_page)->lo = (*ret_page)->hi = 0;
	(*ret_page)->is_conflict = false;
	*find_slot(live, number) = (uint32_t)live->n_pages;
	live->stats.n_pages++;
	return 0;
}

/* Bytes [lo, hi) of a page that has some: what is new of them is added, what is not is compared. */
static void merge(struct live_text *live, struct page *page, uint16_t lo, uint16_t hi,
		  const uint8_t *bytes)
{
	uint16_t common_lo = lo > page->lo ? lo : page->lo;
	uint16_t common_hi = hi < page->hi ? hi : page->hi;

	if (lo > page->hi || hi < page->lo) {
		live->stats.n_apart++;
		return;
	}
	if (common_lo < common_hi && !page->is_conflict &&
	    memcmp(page->bytes + common_lo, bytes + (common_lo - lo),
		   (size_t)(common_hi - common_lo)) != 0) {
		page->is_conflict = true;
		live->stats.n_conflicts++;
	}
	if (lo < page->lo) {
		memcpy(page->bytes + lo, bytes, (size_t)(page->lo - lo));
		live->stats.n_bytes += (uint64_t)(page->lo - lo);
		page->lo = lo;
	}
	if (hi > page->hi) {
		memcpy(page->bytes + page->hi, bytes + (page->hi - lo), (size_t)(hi - page->hi));
		live->stats.n_bytes += (uint64_t)(hi - page->hi);
		page->hi = hi;
	}
}

static int add_to_page(struct live_text *live, uint64_t number, uint16_t lo, uint16_t hi,
		       const uint8_t *bytes)
{
	struct page *page = find_page(live, number);
	int r;

	if (page) {
		merge(live, page, lo, hi, bytes);
		return 0;
	}
	r = new_page(live, number, &page);
	if (r == -E2BIG) {
		live->stats.n_no_room++;
		return 0;
	}
	if (r < 0)
		return r;
	memcpy(page->bytes + lo, bytes, (size_t)(hi - lo));
	page->lo = lo;
	page->hi = hi;
	live->stats.n_bytes += (uint64_t)(hi - lo);
	return 0;
}

int live_text_add(struct live_text *live, uint64_t vaddr, const void *bytes, size_t n_bytes)
{
	const uint8_t *from = bytes;
	int r = 0;

	if (vaddr + n_bytes < vaddr)
		return -EINVAL;
	while (r == 0 && n_bytes) {
		uint64_t lo = vaddr % LIVE_TEXT_PAGE_BYTES;
		uint64_t n =
			LIVE_TEXT_PAGE_BYTES - lo < n_bytes ? LIVE_TEXT_PAGE_BYTES - lo : n_bytes;

		r = add_to_page(live, vaddr / LIVE_TEXT_PAGE_BYTES, (uint16_t)lo,
				(uint16_t)(lo + n), from);
		vaddr += n;
		from += n;
		n_bytes -= n;
	}
	return r;
}

/* The page that has the byte at vaddr, or NULL. */
static const struct page *page_at(const struct live_text *live, uint64_t vaddr)
{
	const struct page *page = find_page(live, vaddr / LIVE_TEXT_PAGE_BYTES);
	uint64_t at = vaddr % LIVE_TEXT_PAGE_BYTES;

	return page && at >= page->lo && at < page->hi ? page : NULL;
}

size_t live_text_read(const struct live_text *live, uint64_t vaddr, void *buf, size_t n_bytes)
{
	uint8_t *to = buf;
	size_t n_read = 0;

	while (n_read < n_bytes) {
		const struct page *page = page_at(live, vaddr + n_read);
		uint64_t at = (vaddr + n_read) % LIVE_TEXT_PAGE_BYTES;
		size_t n;

		if (!page)
			break;
		n = (size_t)(page->hi - at);
		if (n > n_bytes - n_read)
			n = n_bytes - n_read;
		memcpy(to + n_read, page->bytes + at, n);
		n_read += n;
	}
	return n_read;
}

bool live_text_has(const struct live_text *live, uint64_t vaddr)
{
	return page_at(live, vaddr) != NULL;
}

/* Where the stretch that begins at vaddr, which is known, ends; not above hi. */
static uint64_t stretch_end(const struct live_text *live, uint64_t vaddr, uint64_t hi_vaddr)
{
	while (vaddr < hi_vaddr) {
		const struct page *page = page_at(live, vaddr);

		if (!page)
			return vaddr;
		vaddr += page->hi - vaddr % LIVE_TEXT_PAGE_BYTES;
	}
	return hi_vaddr;
}

bool live_text_next(const struct live_text *live, uint64_t lo_vaddr, uint64_t hi_vaddr,
		    uint64_t *ret_lo_vaddr, uint64_t *ret_hi_vaddr)
{
	uint64_t vaddr = lo_vaddr;

	while (vaddr < hi_vaddr) {
		uint64_t at = vaddr % LIVE_TEXT_PAGE_BYTES, rest = LIVE_TEXT_PAGE_BYTES - at;
		const struct page *page = find_page(live, vaddr / LIVE_TEXT_PAGE_BYTES);

		if (page && at < page->hi) {
			vaddr += at < page->lo ? page->lo - at : 0;
			break;
		}
		vaddr = hi_vaddr - vaddr > rest ? vaddr + rest : hi_vaddr;
	}
	if (vaddr >= hi_vaddr)
		return false;
	*ret_lo_vaddr = vaddr;
	*ret_hi_vaddr = stretch_end(live, vaddr, hi_vaddr);
	return true;
}

struct live_text_stats live_text_stats(const struct live_text *live)
{
	return live->stats;
}
