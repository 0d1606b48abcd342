/* SPDX-License-Identifier: Apache-2.0 */
#include "itlb.h"

#include <string.h>

#define IS_LARGE (1ULL << 63)

/* An entry is the page's number plus one, so that 0 is none. */
static void look_up(struct itlb *itlb, uint64_t *set, uint64_t entry)
{
	unsigned int way = 0;

	while (way < ITLB_WAYS && set[way] != entry)
		way++;
	if (way == ITLB_WAYS) {
		itlb->n_misses++;
		way--; /* the oldest leaves */
	}
	memmove(set + 1, set, way * sizeof(*set));
	set[0] = entry;
}

void itlb_fetch_small(struct itlb *itlb, uint64_t first, uint64_t last)
{
	last >>= ITLB_SMALL_SHIFT;
	for (uint64_t page = first >> ITLB_SMALL_SHIFT; page <= last; page++) {
		if (itlb->last == page + 1)
			continue; /* as the fetch before */
		look_up(itlb, itlb->small[page % ITLB_SMALL_SETS], page + 1);
		itlb->last = page + 1;
	}
}

void itlb_fetch_large(struct itlb *itlb, uint64_t first, uint64_t last)
{
	last >>= ITLB_LARGE_SHIFT;
	for (uint64_t page = first >> ITLB_LARGE_SHIFT; page <= last; page++) {
		if (itlb->last == (IS_LARGE | (page + 1)))
			continue;
		look_up(itlb, itlb->large, page + 1);
		itlb->last = IS_LARGE | (page + 1);
	}
}
