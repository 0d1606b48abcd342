/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What struct counters is, for the files that implement it.
 *
 *   block | header, 1 page | edge slots | range slots |
 *
 * The block has no pointers, so that another process can map it elsewhere.
 */

#include "counters.h"
#include "table.h"

#define HEADER_BYTES 4096u

struct block {
	uint64_t magic;
	uint64_t n_bytes; /* of the mapping */
	uint64_t chain;	  /* enum chain_rule */
	uint64_t n_edge_slots, n_range_slots;
	uint64_t n_edges, n_ranges;
	struct counters_totals totals;
};

_Static_assert(sizeof(struct block) <= HEADER_BYTES, "the header's page");

struct counters {
	struct block *block;	    /* owned mapping */
	struct table edges, ranges; /* views of the block */
	enum chain_rule chain;
	counters_classify_fn classify;
	void *context;
};
