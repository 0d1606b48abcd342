/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A model of a level 1 instruction cache: 32 KiB, 8 ways, 64-byte lines,
 * least recently used, no prefetch, as in Intel's cores from Nehalem to Ice
 * Lake and AMD's Zen 2 to 5. Indexed by virtual address: in these caches the
 * index lies within the page offset, and the lab's user space is one program.
 */
#include <stdint.h>

#define L1I_LINE_SHIFT 6
#define L1I_SETS 64
#define L1I_WAYS 8

struct l1i {
	uint64_t lines[L1I_SETS][L1I_WAYS]; /* newest first; 0 is empty */
	uint64_t last;			    /* line of the newest fetch */
	uint64_t n_fetches;
	uint64_t n_misses;
};

/* Fetches every line of [first, last], both are byte addresses. */
void l1i_fetch(struct l1i *l1i, uint64_t first, uint64_t last);
