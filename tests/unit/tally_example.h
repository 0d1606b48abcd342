/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the tests of the tally count. Behind cmocka.h.
 */

#include <string.h>
#include "aggregate/branch_counts.h"
#include "aggregate/tally.h"
#include "base/hash.h"
#include "collect/branch.h"

#define WINDOW_IP 0xffffffff01000000ull
#define TEXT_IP (WINDOW_IP + 0x80000000u)

static uint32_t text_end_off = 0x80000000u + (900 << 8);

static inline uint8_t classify(void *context, uint32_t from_off, uint32_t to_off)
{
	const uint32_t *end_off = context;

	return (from_off < *end_off ? FROM_GOOD : 0) | (to_off < *end_off ? TO_GOOD : 0);
}

static const struct tally_config config = {
	.counters = {
		.n_edge_slots = 1024,
		.n_range_slots = 2048,
		.chain = CHAIN_CUT,
		.classify = classify,
		.context = &text_end_off,
	},
	.identity = { .build_id = { 1, 2 }, .n_build_id_bytes = 20, .source = 4711 },
	.accumulates = true,
	.n_total_edge_slots = 2048,
};

static inline size_t make_stack(uint64_t seed, uint64_t n_places, struct branch_entry entries[12])
{
	const uint64_t first_ip = TEXT_IP + (seed >> 6) % 64 * 0x1000;
	uint64_t rng = hash_u64(seed);
	size_t n = rng % 13;

	for (size_t i = 0; i < n; i++) {
		uint64_t v = hash_u64(++rng);

		entries[i] = (struct branch_entry){
			.from_ip = first_ip + v % n_places * 0x100,
			.to_ip = first_ip + (v >> 16) % n_places * 0x100,
			.flags = (v >> 32) % 16 == 0 ? BRANCH_SPEC_WRONG_PATH : 0,
		};
	}
	return n;
}

/* Among n_places^2 edges, others every 64 seeds; some places are not text. */
static inline void add_stack(struct counters *counters, uint64_t seed, uint64_t n_places)
{
	struct branch_entry entries[12];
	size_t n = make_stack(seed, n_places, entries);

	counters_add_stack(counters, WINDOW_IP, entries, n, 1 + seed % 3);
}

static inline struct tally *new_tally(const struct tally_config *wanted)
{
	struct problem problem = { "" };
	struct tally *tally = NULL;

	if (tally_new(wanted, &tally, &problem) != 0)
		fail_msg("%s", problem.text);
	return tally;
}

static inline void assert_same_counts(const struct branch_counts *x, const struct branch_counts *y)
{
	assert_int_equal(x->n_branches, y->n_branches);
	assert_int_equal(x->n_ranges, y->n_ranges);
	assert_memory_equal(x->branches, y->branches, x->n_branches * sizeof(*x->branches));
	assert_memory_equal(x->ranges, y->ranges, x->n_ranges * sizeof(*x->ranges));
}

static inline void assert_same(const struct counters *a, const struct counters *b)
{
	const char *what = "";
	struct branch_counts x, y;

	if (counters_check(a, &what) != 0)
		fail_msg("%s", what);
	assert_memory_equal(counters_totals(a), counters_totals(b), sizeof(struct counters_totals));
	assert_int_equal(counters_snapshot(a, TEXT_IP, &x), 0);
	assert_int_equal(counters_snapshot(b, TEXT_IP, &y), 0);
	assert_same_counts(&x, &y);
	branch_counts_deinit(&x);
	branch_counts_deinit(&y);
}

static inline void do_all_work(struct tally *tally)
{
	int r;

	while ((r = tally_work(tally, TALLY_SLICE_SLOTS)) == TALLY_E_MORE)
		;
	assert_int_equal(r, 0);
}
