/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A model of a first level instruction TLB: 16 sets of 8 ways for 4 KiB pages,
 * 8 entries for 2 MiB pages, any page in any of them; least recently used; as
 * in Intel's Skylake with one thread on the core (Intel, Optimization Reference
 * Manual, "Skylake Client Microarchitecture", table of TLB parameters). Entries
 * last until others push them out: with global pages and process-context
 * identifiers, which is how Linux runs, no switch throws them away; user
 * addresses of different processes are taken for different pages.
 */
#include <stdint.h>

#define ITLB_SMALL_SHIFT 12
#define ITLB_SMALL_SETS 16
#define ITLB_LARGE_SHIFT 21
#define ITLB_WAYS 8

struct itlb {
	uint64_t small[ITLB_SMALL_SETS][ITLB_WAYS]; /* page + 1, newest first; 0 is empty */
	uint64_t large[ITLB_WAYS];
	uint64_t last; /* page of the newest fetch + 1, with the size in bit 63 */
	uint64_t n_misses;
};

/* Fetches from [first, last], byte addresses on pages of 4 KiB. */
void itlb_fetch_small(struct itlb *itlb, uint64_t first, uint64_t last);

/* The same on pages of 2 MiB. */
void itlb_fetch_large(struct itlb *itlb, uint64_t first, uint64_t last);
