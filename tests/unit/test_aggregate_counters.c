/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables against a naive model that follows the rules word by word: a list of what is left of
 * a stack, then a list of counts that is searched from its start. Random stacks draw their
 * addresses from a few offsets, so that edges repeat, halves are good or not at random, and every
 * reason to remove or cut occurs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "aggregate/branch_counts.h"
#include "aggregate/counters.h"
#include "aggregate/counters_inside.h"
#include "base/hash.h"
#include "collect/branch.h"

#define WINDOW_IP 0xffffffff0b000000ull
#define WINDOW_VADDR 0xffffffff01000000ull
#define USER_IP 0x7f0012345678ull
#define GIB4 (1ull << 32)

/* A classifier that says what the seed says, for each edge. */
struct oracle {
	uint64_t seed;
	size_t n_asked;
};

static uint8_t answer_at_random(void *context, uint32_t from_off, uint32_t to_off)
{
	struct oracle *oracle = context;
	uint64_t h = hash_u64(oracle->seed ^ hash_u64((uint64_t)from_off << 32 | to_off));

	oracle->n_asked++;
	/* both good for a half of the edges */
	return h & 4 ? FROM_GOOD | TO_GOOD : h & 3;
}

static uint8_t answer_good(void *context, uint32_t from_off, uint32_t to_off)
{
	(void)context;
	(void)from_off;
	(void)to_off;
	return FROM_GOOD | TO_GOOD;
}

/* Everything at or above this offset is not text. */
#define TEXT_END_OFF 0x90000000u

static uint8_t answer_text(void *context, uint32_t from_off, uint32_t to_off)
{
	(void)context;
	return (from_off < TEXT_END_OFF ? FROM_GOOD : 0) | (to_off < TEXT_END_OFF ? TO_GOOD : 0);
}

static struct counters *new_of(const struct counters_config *config)
{
	struct counters *counters = NULL;

	assert_int_equal(counters_new(config, &counters), 0);
	return counters;
}

static struct counters *new_sized(size_t n_edge_slots, size_t n_range_slots, enum chain_rule chain,
				  counters_classify_fn classify, void *context)
{
	return new_of(&(struct counters_config){
		.n_edge_slots = n_edge_slots,
		.n_range_slots = n_range_slots,
		.chain = chain,
		.classify = classify,
		.context = context,
	});
}

static struct counters *new_counters(size_t n_slots, enum chain_rule chain,
				     counters_classify_fn classify, void *context)
{
	return new_sized(n_slots, n_slots, chain, classify, context);
}

static void assert_balanced(const struct counters *counters)
{
	const char *what = "";

	if (counters_check(counters, &what))
		fail_msg("%s", what);
}

/* The model */

struct model_counts {
	uint64_t (*items)[3];
	size_t n, capacity;
};

static void model_add(struct model_counts *counts, uint64_t a, uint64_t b, uint64_t weight)
{
	for (size_t i = 0; i < counts->n; i++)
		if (counts->items[i][0] == a && counts->items[i][1] == b) {
			counts->items[i][2] += weight;
			return;
		}
	if (counts->n == counts->capacity) {
		counts->capacity = counts->capacity * 2 + 64;
		counts->items = reallocarray(counts->items, counts->capacity, 24);
		assert_non_null(counts->items);
	}
	counts->items[counts->n][0] = a;
	counts->items[counts->n][1] = b;
	counts->items[counts->n++][2] = weight;
}

struct model {
	enum chain_rule chain;
	counters_classify_fn classify;
	void *context;
	struct model_counts branches, ranges;
	struct counters_totals totals; /* the n_* of them */
};

static void model_deinit(struct model *model)
{
	free(model->branches.items);
	free(model->ranges.items);
}

static uint64_t model_off(uint64_t ip)
{
	if (ip < WINDOW_IP || (ip - WINDOW_IP) >= GIB4)
		return 0;
	return ip - WINDOW_IP;
}

static uint64_t model_vaddr(uint64_t off)
{
	return off ? WINDOW_VADDR + off : VADDR_EXTERNAL;
}

/* enum removed, or N_REMOVED: the entry stays, its halves replaced by 0 where they are not good. */
static enum removed model_judge(const struct model *model, const struct branch_entry *entry,
				bool is_doubled, uint64_t *from, uint64_t *to)
{
	uint8_t good = 0;

	*from = model_off(entry->from_ip);
	*to = model_off(entry->to_ip);
	if (model->chain == CHAIN_CUT && is_doubled && *from && *to &&
	    (int64_t)(*from - *to) > 0x1000)
		return REMOVED_REPEATED;
	if (model->chain == CHAIN_CUT) {
		if (entry->flags & BRANCH_ABORT || entry->flags & BRANCH_IN_TX)
			return REMOVED_TRANSACTION;
		if ((entry->flags & BRANCH_SPEC_MASK) == BRANCH_SPEC_WRONG_PATH)
			return REMOVED_WRONG_PATH;
	}
	if (*from || *to)
		good = model->classify(model->context, (uint32_t)*from, (uint32_t)*to);
	if (!(good & FROM_GOOD))
		*from = 0;
	if (!(good & TO_GOOD))
		*to = 0;
	return *from || *to ? N_REMOVED : REMOVED_EXTERNAL;
}

static void model_add_stack(struct model *model, const struct branch_entry *entries, size_t n,
			    uint64_t weight)
{
	static const enum cut cut_of[] = {
		[REMOVED_EXTERNAL] = CUT_EXTERNAL,
		[REMOVED_WRONG_PATH] = CUT_WRONG_PATH,
		[REMOVED_TRANSACTION] = CUT_TRANSACTION,
		[REMOVED_REPEATED] = N_CUT, /* nothing newer to cut from */
	};
	size_t n_kept = 0;
	enum cut cut = N_CUT;
	uint64_t end = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t from, to;
		bool is_doubled = i == 0 && n > 1 && entries[0].from_ip == entries[1].from_ip &&
				  entries[0].to_ip == entries[1].to_ip;
		enum removed why = model_judge(model, &entries[i], is_doubled, &from, &to);

		model->totals.n_entries++;
		if (why != N_REMOVED) {
			model->totals.n_removed[why]++;
			if (model->chain == CHAIN_CUT)
				cut = cut_of[why];
			continue;
		}
		if (to)
			model_add(&model->branches, model_vaddr(from), model_vaddr(to), weight);
		if (!n_kept) {
			model->totals.n_cut[CUT_NEWEST]++;
		} else if (cut != N_CUT) {
			model->totals.n_cut[cut]++;
		} else {
			model_add(&model->ranges, model_vaddr(to), model_vaddr(end), weight);
			model->totals.n_pairs++;
		}
		cut = N_CUT;
		end = from;
		n_kept++;
	}
	model->totals.n_stacks++;
	model->totals.n_empty_stacks += n == 0;
	model->totals.n_void_stacks += n && !n_kept;
	model->totals.n_kept += n_kept;
}

static int compare_items(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	for (int k = 0; k < 3; k++)
		if (x[k] != y[k])
			return x[k] < y[k] ? -1 : 1;
	return 0;
}

static void assert_same_counts(const void *items, size_t n, struct model_counts *model)
{
	assert_int_equal(n, model->n);
	if (!n)
		return;
	qsort(model->items, model->n, 24, compare_items);
	assert_memory_equal(items, model->items, n * 24);
}

/* Random stacks */

static uint64_t rng_next(uint64_t *rng)
{
	return hash_u64((*rng)++);
}

/* Offsets 0x1000 apart: differences on both sides of the stride limit. */
static uint64_t random_ip(uint64_t *rng)
{
	uint64_t v = rng_next(rng);

	switch (v % 16) {
	case 0:
		return 0;
	case 1:
		return USER_IP + v % 3;
	case 2:
		return WINDOW_IP - 1;
	case 3:
		/* behind the end of the address space, were there more of it */
		return (v >> 8) % 0x2000000;
	default:
		return WINDOW_IP + 0x80000000u + (v >> 8) % 12 * 0x1000 + (v >> 20) % 2;
	}
}

static uint64_t random_flags(uint64_t *rng)
{
	uint64_t v = rng_next(rng);

	/* one of 16 aborts or is in a transaction, the other bits are at random */
	return (v & ~(BRANCH_IN_TX | BRANCH_ABORT | BRANCH_SPEC_MASK)) |
	       (v >> 58 ? 0 : v & (BRANCH_IN_TX | BRANCH_ABORT)) |
	       (v >> 40 & 3 ? 2ull << 24 : v & BRANCH_SPEC_MASK);
}

static size_t random_stack(uint64_t *rng, struct branch_entry *entries, size_t n_max)
{
	size_t n = rng_next(rng) % (n_max + 1);

	for (size_t i = 0; i < n; i++) {
		if (i && rng_next(rng) % 4 == 0) {
			entries[i] = entries[i - 1];
			continue;
		}
		entries[i].from_ip = random_ip(rng);
		entries[i].to_ip = random_ip(rng);
		entries[i].flags = random_flags(rng);
	}
	return n;
}

static void assert_same_totals(const struct counters_totals *a, const struct counters_totals *b)
{
	assert_int_equal(a->n_stacks, b->n_stacks);
	assert_int_equal(a->n_empty_stacks, b->n_empty_stacks);
	assert_int_equal(a->n_void_stacks, b->n_void_stacks);
	assert_int_equal(a->n_entries, b->n_entries);
	assert_int_equal(a->n_kept, b->n_kept);
	assert_memory_equal(a->n_removed, b->n_removed, sizeof(a->n_removed));
	assert_int_equal(a->n_pairs, b->n_pairs);
	assert_memory_equal(a->n_cut, b->n_cut, sizeof(a->n_cut));
	assert_int_equal(a->n_ips, b->n_ips);
	assert_int_equal(a->n_kept_ips, b->n_kept_ips);
	assert_memory_equal(a->n_ip_removed, b->n_ip_removed, sizeof(a->n_ip_removed));
}

static void compare_with_model(enum chain_rule chain, uint64_t seed, size_t n_step_slots)
{
	struct oracle oracle = { .seed = seed }, model_oracle = oracle;
	struct counters *counters = new_of(&(struct counters_config){
		.n_edge_slots = 1024,
		.n_range_slots = 1024,
		.chain = chain,
		.classify = answer_at_random,
		.context = &oracle,
		.n_step_slots = n_step_slots,
	});
	struct model model = {
		.chain = chain,
		.classify = answer_at_random,
		.context = &model_oracle,
	};
	struct branch_counts counts;
	struct branch_entry entries[200];
	uint64_t rng = seed << 32;

	for (int i = 0; i < 300; i++) {
		/* mostly short; the long ones are counted in several batches */
		size_t n = random_stack(&rng, entries, i % 8 ? 33 : array_size(entries));
		/* steps are only for those of weight 1 */
		uint64_t weight = n_step_slots && i % 16 ? 1 : rng_next(&rng) % 5;

		counters_add_stack(counters, WINDOW_IP, entries, n, weight + !weight);
		model_add_stack(&model, entries, n, weight + !weight);
	}
	counters_settle(counters);
	assert_balanced(counters);
	assert_same_totals(counters_totals(counters), &model.totals);
	assert_int_equal(counters_snapshot(counters, WINDOW_VADDR, &counts), 0);
	assert_same_counts(counts.branches, counts.n_branches, &model.branches);
	assert_same_counts(counts.ranges, counts.n_ranges, &model.ranges);
	assert_int_equal(oracle.n_asked, counters_fill(counters).n_edges);
	branch_counts_deinit(&counts);
	model_deinit(&model);
	counters_free(counters);
}

static void test_counters_random_stacks_count_as_llvm_profgen_does(void **state)
{
	for (uint64_t seed = 1; seed <= 40; seed++)
		compare_with_model(CHAIN_LLVM, seed, 0);
}

static void test_counters_random_stacks_count_as_the_cut_rule_says(void **state)
{
	for (uint64_t seed = 1; seed <= 40; seed++)
		compare_with_model(CHAIN_CUT, seed, 0);
}

/* Slots for all, for hardly any, and for a few. */
static void test_counters_steps_count_the_same(void **state)
{
	static const size_t n_slots[] = { 4096, 1, 64 };

	for (size_t i = 0; i < array_size(n_slots); i++)
		for (uint64_t seed = 1; seed <= 40; seed++) {
			compare_with_model(CHAIN_LLVM, seed, n_slots[i]);
			compare_with_model(CHAIN_CUT, seed, n_slots[i]);
		}
}

static void assert_same_snapshot(const struct counters *a, const struct counters *b);

/* The same stacks with steps and without; the tables of `sizes` are too small for some. */
static void compare_with_steps(const size_t sizes[2], enum chain_rule chain, uint64_t window_ip,
			       uint64_t n_counted)
{
	struct oracle oracle = { .seed = 11 };
	struct counters_config config = {
		.n_edge_slots = sizes[0],
		.n_range_slots = sizes[1],
		.chain = chain,
		.classify = answer_at_random,
		.context = &oracle,
	};
	struct counters *plain = new_of(&config), *stepped;
	struct branch_entry entries[32];
	uint64_t rng = 7;

	config.n_step_slots = 256;
	stepped = new_of(&config);
	stepped->steps->n_counted = n_counted;
	for (int i = 0; i < 600; i++) {
		size_t n = random_stack(&rng, entries, array_size(entries));

		/* the last offset stands for none, in a step */
		for (size_t k = 0; k < n && i % 3 == 0; k += 5)
			entries[k].from_ip = window_ip + UINT32_MAX;
		counters_add_stack(plain, window_ip, entries, n, 1);
		counters_add_stack(stepped, window_ip, entries, n, 1);
		if (i == 300)
			counters_settle(stepped);
	}
	counters_settle(stepped);
	assert_balanced(stepped);
	assert_same_totals(counters_totals(stepped), counters_totals(plain));
	assert_same_snapshot(stepped, plain);
	counters_free(plain);
	counters_free(stepped);
}

static void test_counters_steps_of_full_tables_and_odd_windows_count_the_same(void **state)
{
	static const size_t sizes[][2] = { { 4096, 4096 }, { 64, 1024 }, { 1024, 64 }, { 64, 64 } };

	for (size_t i = 0; i < array_size(sizes); i++)
		for (int chain = 0; chain < 2; chain++) {
			enum chain_rule rule = chain ? CHAIN_CUT : CHAIN_LLVM;

			compare_with_steps(sizes[i], rule, WINDOW_IP, 0);
			compare_with_steps(sizes[i], rule, WINDOW_IP - (1ull << 32), 0);
			compare_with_steps(sizes[i], rule, WINDOW_IP, UINT32_MAX - 40);
		}
}

static void test_counters_steps_are_forgotten_with_the_rest(void **state)
{
	struct branch_entry entries[2] = { { WINDOW_IP + 9, WINDOW_IP + 5, 0 },
					   { WINDOW_IP + 3, WINDOW_IP + 7, 0 } };
	struct counters *counters = new_of(&(struct counters_config){
		.n_edge_slots = 64,
		.n_range_slots = 64,
		.chain = CHAIN_LLVM,
		.classify = answer_good,
		.n_step_slots = 64,
	});

	for (int i = 0; i < 3; i++)
		counters_add_stack(counters, WINDOW_IP, entries, 2, 1);
	counters_reset(counters);
	counters_settle(counters);
	assert_int_equal(counters_fill(counters).n_edges, 0);
	assert_balanced(counters);
	counters_add_stack(counters, WINDOW_IP, entries, 2, 1);
	counters_settle(counters);
	assert_int_equal(counters_fill(counters).n_edges, 2);
	assert_int_equal(counters_totals(counters)->kept_weight, 2);
	assert_balanced(counters);
	counters_free(counters);
}

/* Hundreds of keys for 64 slots, in one of the tables. */
static void overfill(size_t n_edge_slots, size_t n_range_slots, enum chain_rule chain,
		     struct counters_totals *ret_totals)
{
	struct oracle oracle = { .seed = 9 };
	struct counters *counters =
		new_sized(n_edge_slots, n_range_slots, chain, answer_at_random, &oracle);
	struct branch_entry entries[32];
	uint64_t rng = 3;

	for (int i = 0; i < 300; i++) {
		size_t n = random_stack(&rng, entries, array_size(entries));

		counters_add_stack(counters, WINDOW_IP, entries, n, 3);
		assert_balanced(counters);
	}
	assert_true(counters_is_nearly_full(counters));
	*ret_totals = *counters_totals(counters);
	counters_free(counters);
}

static void test_counters_full_tables_drop_and_stay_balanced(void **state)
{
	struct counters_totals totals;

	for (int i = 0; i < 2; i++) {
		overfill(64, 1024, i ? CHAIN_CUT : CHAIN_LLVM, &totals);
		assert_true(totals.n_removed[REMOVED_TABLE_FULL] > 0);
		assert_true(totals.n_cut[CUT_EDGE_LOST] > 0);
		assert_int_equal(totals.n_cut[CUT_RANGE_LOST], 0);
		overfill(1024, 64, i ? CHAIN_CUT : CHAIN_LLVM, &totals);
		assert_int_equal(totals.n_removed[REMOVED_TABLE_FULL], 0);
		assert_true(totals.n_cut[CUT_RANGE_LOST] > 0);
	}
}

static void add_edge(struct counters *counters, uint64_t from_ip, uint64_t to_ip)
{
	struct branch_entry entry = { from_ip, to_ip, 0 };

	counters_add_stack(counters, WINDOW_IP, &entry, 1, 1);
}

static void test_counters_three_quarters_are_nearly_full(void **state)
{
	struct counters *counters = new_counters(64, CHAIN_LLVM, answer_good, NULL);

	for (uint64_t i = 1; i <= 47; i++)
		add_edge(counters, WINDOW_IP + i, WINDOW_IP + 1);
	assert_false(counters_is_nearly_full(counters));
	add_edge(counters, WINDOW_IP + 48, WINDOW_IP + 1);
	assert_true(counters_is_nearly_full(counters));
	counters_reset(counters);
	assert_false(counters_is_nearly_full(counters));
	assert_int_equal(counters_totals(counters)->n_entries, 0);
	assert_int_equal(counters_fill(counters).n_edges, 0);
	assert_balanced(counters);
	counters_free(counters);
}

/* Only the first and the last byte of the window are in it; low addresses do not wrap into it. */
static void test_counters_window_edges_are_exact(void **state)
{
	struct counters *counters = new_counters(64, CHAIN_LLVM, answer_good, NULL);
	uint64_t window_ip = 0xffff800000000000ull;
	struct branch_entry entries[] = {
		{ window_ip + 1, window_ip + GIB4 - 1, 0 },
		{ window_ip - 1, window_ip + GIB4, 0 },
		{ 0, USER_IP, 0 },
		{ window_ip, window_ip, 0 },
	};
	struct branch_entry low = { 0x400000, 0x400010, 0 };
	struct branch_counts counts;

	counters_add_stack(counters, window_ip, entries, array_size(entries), 1);
	counters_add_stack(counters, WINDOW_IP, &low, 1, 1);
	assert_int_equal(counters_snapshot(counters, 0x100000000ull, &counts), 0);
	assert_int_equal(counts.n_branches, 1);
	assert_int_equal(counts.branches[0].from_vaddr, 0x100000001ull);
	assert_int_equal(counts.branches[0].to_vaddr, 0x1ffffffffull);
	assert_int_equal(counts.branches[0].n, 1);
	assert_int_equal(counters_totals(counters)->n_removed[REMOVED_EXTERNAL], 4);
	branch_counts_deinit(&counts);
	counters_free(counters);
}

/* The same three entries, the middle one outside of the text: bridged, or cut. */
static void test_counters_removed_entry_bridges_or_cuts(void **state)
{
	const uint64_t text = WINDOW_IP + 0x80000000u, module = WINDOW_IP + TEXT_END_OFF;
	const struct branch_entry entries[] = {
		{ text + 0x50, text + 0x10, 0 },
		{ module, module + 8, 0 },
		{ text + 0x20, text + 0x30, 0 },
	};
	struct counters *llvm = new_counters(64, CHAIN_LLVM, answer_text, NULL);
	struct counters *cut = new_counters(64, CHAIN_CUT, answer_text, NULL);
	struct branch_counts counts;

	counters_add_stack(llvm, WINDOW_IP, entries, 3, 7);
	counters_add_stack(cut, WINDOW_IP, entries, 3, 7);
	assert_int_equal(counters_snapshot(llvm, WINDOW_VADDR, &counts), 0);
	assert_int_equal(counts.n_branches, 2);
	assert_int_equal(counts.n_ranges, 1);
	assert_int_equal(counts.ranges[0].start_vaddr, WINDOW_VADDR + 0x80000030);
	assert_int_equal(counts.ranges[0].end_vaddr, WINDOW_VADDR + 0x80000050);
	assert_int_equal(counts.ranges[0].n, 7);
	branch_counts_deinit(&counts);
	assert_int_equal(counters_snapshot(cut, WINDOW_VADDR, &counts), 0);
	assert_int_equal(counts.n_branches, 2);
	assert_int_equal(counts.n_ranges, 0);
	assert_int_equal(counters_totals(cut)->n_cut[CUT_EXTERNAL], 1);
	branch_counts_deinit(&counts);
	counters_free(llvm);
	counters_free(cut);
}

/* Out to user space and back in: both ends of the pair are external, and it is counted. */
static void test_counters_pair_outside_is_counted_as_external(void **state)
{
	const uint64_t text = WINDOW_IP + 0x80000000u;
	const struct branch_entry entries[] = {
		{ USER_IP, text + 0x10, 0 },
		{ text + 0x20, USER_IP, 0 },
	};
	struct counters *counters = new_counters(64, CHAIN_LLVM, answer_text, NULL);
	struct branch_counts counts;

	counters_add_stack(counters, WINDOW_IP, entries, 2, 1);
	counters_add_stack(counters, WINDOW_IP, entries, 2, 1);
	assert_int_equal(counters_snapshot(counters, WINDOW_VADDR, &counts), 0);
	assert_int_equal(counts.n_branches, 1);
	assert_int_equal(counts.branches[0].from_vaddr, VADDR_EXTERNAL);
	assert_int_equal(counts.branches[0].n, 2);
	assert_int_equal(counts.n_ranges, 1);
	assert_int_equal(counts.ranges[0].start_vaddr, VADDR_EXTERNAL);
	assert_int_equal(counts.ranges[0].end_vaddr, VADDR_EXTERNAL);
	assert_int_equal(counts.ranges[0].n, 2);
	assert_balanced(counters);
	branch_counts_deinit(&counts);
	counters_free(counters);
}

static uint64_t kept_of_two(enum chain_rule chain, uint32_t stride, uint64_t second_flags)
{
	const uint64_t text = WINDOW_IP + 0x80000000u;
	const struct branch_entry entries[] = {
		{ text + stride, text, 0 },
		{ text + stride, text, second_flags },
	};
	struct counters *counters = new_counters(64, chain, answer_text, NULL);
	const struct counters_totals *totals = counters_totals(counters);
	uint64_t n_kept;

	counters_add_stack(counters, WINDOW_IP, entries, 2, 1);
	n_kept = totals->n_kept;
	assert_int_equal(totals->n_pairs, n_kept ? n_kept - 1 : 0);
	assert_int_equal(totals->n_removed[REMOVED_REPEATED],
			 chain == CHAIN_CUT && stride > 0x1000);
	assert_balanced(counters);
	counters_free(counters);
	return n_kept;
}

static void test_counters_repeated_long_loop_is_one_branch(void **state)
{
	assert_int_equal(kept_of_two(CHAIN_CUT, 0x1000, 0), 2);
	assert_int_equal(kept_of_two(CHAIN_CUT, 0x1001, 0), 1);
	assert_int_equal(kept_of_two(CHAIN_CUT, 0x1001, BRANCH_ABORT), 0);
	assert_int_equal(kept_of_two(CHAIN_LLVM, 0x1001, 0), 2);
}

static uint64_t removed_for(enum chain_rule chain, uint64_t flags, enum removed why)
{
	struct counters *counters = new_counters(64, chain, answer_good, NULL);
	struct branch_entry entry = { WINDOW_IP + 1, WINDOW_IP + 2, flags };
	uint64_t n;

	counters_add_stack(counters, WINDOW_IP, &entry, 1, 1);
	n = counters_totals(counters)->n_removed[why];
	assert_int_equal(counters_totals(counters)->n_kept, 1 - n);
	counters_free(counters);
	return n;
}

static void test_counters_flags_remove_only_under_the_cut_rule(void **state)
{
	const uint64_t other = ~(BRANCH_IN_TX | BRANCH_ABORT | BRANCH_SPEC_MASK);

	assert_int_equal(removed_for(CHAIN_CUT, BRANCH_SPEC_WRONG_PATH, REMOVED_WRONG_PATH), 1);
	assert_int_equal(removed_for(CHAIN_CUT, 2ull << 24, REMOVED_WRONG_PATH), 0);
	assert_int_equal(removed_for(CHAIN_CUT, 3ull << 24, REMOVED_WRONG_PATH), 0);
	assert_int_equal(removed_for(CHAIN_CUT, other, REMOVED_WRONG_PATH), 0);
	assert_int_equal(removed_for(CHAIN_CUT, BRANCH_IN_TX, REMOVED_TRANSACTION), 1);
	assert_int_equal(removed_for(CHAIN_CUT, BRANCH_ABORT, REMOVED_TRANSACTION), 1);
	assert_int_equal(removed_for(CHAIN_LLVM, ~0ull, REMOVED_TRANSACTION), 0);
	assert_int_equal(removed_for(CHAIN_LLVM, BRANCH_SPEC_WRONG_PATH, REMOVED_WRONG_PATH), 0);
}

static void test_counters_weight_that_would_overflow_is_refused(void **state)
{
	struct counters *counters = new_counters(64, CHAIN_CUT, answer_good, NULL);
	struct branch_entry entries[2] = { { WINDOW_IP + 1, WINDOW_IP + 2, 0 },
					   { WINDOW_IP + 1, WINDOW_IP + 2, 0 } };
	const struct counters_totals *totals = counters_totals(counters);
	struct branch_counts counts;

	counters_add_stack(counters, WINDOW_IP, entries, 2, UINT64_MAX);
	counters_add_stack(counters, WINDOW_IP, entries, 1, 1ull << 62);
	assert_int_equal(totals->n_removed[REMOVED_OVERFLOW], 3);
	counters_add_stack(counters, WINDOW_IP, entries, 1, (1ull << 62) - 1);
	assert_int_equal(totals->n_kept, 1);
	counters_add_stack(counters, WINDOW_IP, entries, 1, 1);
	assert_int_equal(totals->n_removed[REMOVED_OVERFLOW], 4);
	assert_int_equal(counters_snapshot(counters, 0, &counts), 0);
	assert_int_equal(counts.branches[0].n, (1ull << 62) - 1);
	assert_balanced(counters);
	branch_counts_deinit(&counts);
	counters_free(counters);
}

static void assert_same_snapshot(const struct counters *a, const struct counters *b)
{
	struct branch_counts x, y;

	assert_int_equal(counters_snapshot(a, WINDOW_VADDR, &x), 0);
	assert_int_equal(counters_snapshot(b, WINDOW_VADDR, &y), 0);
	assert_int_equal(x.n_branches, y.n_branches);
	assert_int_equal(x.n_ranges, y.n_ranges);
	assert_memory_equal(x.branches, y.branches, x.n_branches * sizeof(*x.branches));
	assert_memory_equal(x.ranges, y.ranges, x.n_ranges * sizeof(*x.ranges));
	branch_counts_deinit(&x);
	branch_counts_deinit(&y);
}

static void test_counters_merge_equals_counting_together(void **state)
{
	struct oracle oracle = { .seed = 5 };
	struct counters *together = new_counters(1024, CHAIN_CUT, answer_at_random, &oracle);
	struct counters *parts[2];
	struct branch_entry entries[32];
	uint64_t rng = 1;

	/* of different sizes: slots are elsewhere */
	parts[0] = new_counters(2048, CHAIN_CUT, answer_at_random, &oracle);
	parts[1] = new_counters(512, CHAIN_CUT, answer_at_random, &oracle);
	for (int i = 0; i < 200; i++) {
		size_t n = random_stack(&rng, entries, array_size(entries));

		counters_add_stack(together, WINDOW_IP, entries, n, 2);
		counters_add_stack(parts[i % 2], WINDOW_IP, entries, n, 2);
		counters_add_ip(together, WINDOW_IP, entries[0].to_ip, 3);
		counters_add_ip(parts[i % 2], WINDOW_IP, entries[0].to_ip, 3);
	}
	assert_int_equal(counters_merge(parts[0], parts[1]), 0);
	assert_balanced(parts[0]);
	assert_same_totals(counters_totals(parts[0]), counters_totals(together));
	assert_same_snapshot(parts[0], together);
	counters_free(together);
	counters_free(parts[0]);
	counters_free(parts[1]);
}

static void test_counters_address_is_a_range_of_one_instruction(void **state)
{
	const uint64_t text_ip = WINDOW_IP + 0x80000000u;
	struct counters *counters = new_counters(64, CHAIN_CUT, answer_text, NULL);
	const struct counters_totals *totals = counters_totals(counters);
	struct branch_counts counts;

	counters_add_ip(counters, WINDOW_IP, text_ip + 16, 5);
	counters_add_ip(counters, WINDOW_IP, text_ip + 16, 7);
	counters_add_ip(counters, WINDOW_IP, text_ip, 1);
	/* not text, in no window, user's, none at all */
	counters_add_ip(counters, WINDOW_IP, WINDOW_IP + TEXT_END_OFF, 1);
	counters_add_ip(counters, WINDOW_IP, WINDOW_IP - 1, 1);
	counters_add_ip(counters, WINDOW_IP, 0x401000, 1);
	counters_add_ip(counters, WINDOW_IP, WINDOW_IP, 1);
	assert_balanced(counters);
	assert_int_equal(totals->n_ips, 7);
	assert_int_equal(totals->n_kept_ips, 3);
	assert_int_equal(totals->n_ip_removed[IP_REMOVED_EXTERNAL], 4);
	assert_int_equal(totals->n_pairs, 3);
	assert_int_equal(totals->pairs_weight, 13);
	assert_int_equal(totals->n_stacks + totals->n_entries, 0);
	assert_int_equal(counters_snapshot(counters, WINDOW_VADDR, &counts), 0);
	assert_int_equal(counts.n_branches, 0);
	assert_int_equal(counts.n_ranges, 2);
	assert_int_equal(counts.ranges[1].start_vaddr, WINDOW_VADDR + 0x80000010u);
	assert_int_equal(counts.ranges[1].end_vaddr, WINDOW_VADDR + 0x80000010u);
	assert_int_equal(counts.ranges[1].n, 12);
	branch_counts_deinit(&counts);
	counters_free(counters);
}

static void test_counters_addresses_without_room_are_counted_as_such(void **state)
{
	struct counters *counters = new_counters(64, CHAIN_CUT, answer_good, NULL);
	const struct counters_totals *totals = counters_totals(counters);

	for (uint64_t i = 1; i <= 200; i++)
		counters_add_ip(counters, WINDOW_IP, WINDOW_IP + i, 1);
	assert_balanced(counters);
	assert_true(counters_is_nearly_full(counters));
	assert_int_equal(totals->n_ips, 200);
	assert_int_equal(totals->n_kept_ips, counters_fill(counters).n_ranges);
	assert_in_range(totals->n_ip_removed[IP_REMOVED_TABLE_FULL], 200 - 63, 200 - 32);
	/* what is there is counted on */
	counters_add_ip(counters, WINDOW_IP, WINDOW_IP + 1, 1);
	assert_int_equal(totals->n_kept_ips, counters_fill(counters).n_ranges + 1);
	counters_free(counters);
}

static void test_counters_address_that_would_overflow_is_refused(void **state)
{
	struct counters *counters = new_counters(64, CHAIN_CUT, answer_good, NULL);
	const struct counters_totals *totals = counters_totals(counters);
	const uint64_t count_max = (1ull << 62) - 1;

	counters_add_ip(counters, WINDOW_IP, WINDOW_IP + 1, count_max);
	counters_add_ip(counters, WINDOW_IP, WINDOW_IP + 1, 1);
	assert_balanced(counters);
	assert_int_equal(totals->pairs_weight, count_max);
	assert_int_equal(totals->n_ip_removed[IP_REMOVED_OVERFLOW], 1);
	counters_free(counters);
}

static void test_counters_merge_without_room_adds_nothing(void **state)
{
	struct counters *small = new_counters(64, CHAIN_LLVM, answer_good, NULL);
	struct counters *before = new_counters(64, CHAIN_LLVM, answer_good, NULL);
	struct counters *large = new_counters(256, CHAIN_LLVM, answer_good, NULL);
	struct counters *cut = new_counters(64, CHAIN_CUT, answer_good, NULL);

	for (uint64_t i = 1; i <= 64; i++) {
		add_edge(large, WINDOW_IP + i, WINDOW_IP + 1);
		if (i <= 10) {
			add_edge(small, WINDOW_IP + i, WINDOW_IP + 1);
			add_edge(before, WINDOW_IP + i, WINDOW_IP + 1);
		}
	}
	assert_int_equal(counters_merge(small, large), COUNTERS_E_FULL);
	assert_balanced(small);
	assert_same_totals(counters_totals(small), counters_totals(before));
	assert_same_snapshot(small, before);
	assert_int_equal(counters_merge(cut, small), -EINVAL);
	counters_free(small);
	counters_free(before);
	counters_free(large);
	counters_free(cut);
}

static void test_counters_check_finds_what_does_not_balance(void **state)
{
	struct counters *counters = new_counters(64, CHAIN_LLVM, answer_good, NULL);
	struct counters_totals *totals = (struct counters_totals *)counters_totals(counters);
	const char *what = NULL;

	add_edge(counters, WINDOW_IP + 1, WINDOW_IP + 2);
	assert_balanced(counters);
	for (size_t i = 0; i < sizeof(*totals) / 8 - 1; i++) {
		((uint64_t *)totals)[i]++;
		assert_int_equal(counters_check(counters, &what), -EBADMSG);
		assert_non_null(what);
		((uint64_t *)totals)[i]--;
	}
	assert_balanced(counters);
	counters_free(counters);
}

static void test_counters_sizes_are_checked_and_rounded_up(void **state)
{
	struct counters_config config = { .n_edge_slots = 65, .n_range_slots = 1000 };
	struct counters *counters = NULL;

	assert_int_equal(counters_new(&config, &counters), 0);
	assert_int_equal(counters_fill(counters).n_edge_slots, 128);
	assert_int_equal(counters_fill(counters).n_range_slots, 1024);
	counters_free(counters);
	counters = NULL;
	config.n_edge_slots = 63;
	assert_int_equal(counters_new(&config, &counters), -EINVAL);
	config.n_edge_slots = 64;
	config.n_range_slots = N_SLOTS_MAX + 1ul;
	assert_int_equal(counters_new(&config, &counters), -EINVAL);
	assert_null(counters);
}

/* pieces: the same keys, each looked up in a list of pieces from its start */

#define N_PIECES 6

static uint64_t piece_vaddr(const struct snapshot_piece *pieces, uint32_t off)
{
	for (size_t i = 0; off && i < N_PIECES; i++)
		if (off >= pieces[i].lo_off && off <= pieces[i].hi_off)
			return pieces[i].vaddr + (off - pieces[i].lo_off);
	return VADDR_EXTERNAL;
}

static uint64_t placed(const struct snapshot_piece *pieces, uint64_t vaddr)
{
	return vaddr == VADDR_EXTERNAL ? vaddr
				       : piece_vaddr(pieces, (uint32_t)(vaddr - WINDOW_VADDR));
}

/* What a snapshot in one piece becomes when each address is placed by itself. */
static void place_counts(struct branch_counts *counts, const struct snapshot_piece *pieces)
{
	size_t n = 0;

	for (size_t i = 0; i < counts->n_branches; i++) {
		struct branch_count b = counts->branches[i];

		b.from_vaddr = placed(pieces, b.from_vaddr);
		b.to_vaddr = placed(pieces, b.to_vaddr);
		if (b.to_vaddr != VADDR_EXTERNAL)
			counts->branches[n++] = b;
	}
	counts->n_branches = n;
	for (size_t i = 0; i < counts->n_ranges; i++) {
		counts->ranges[i].start_vaddr = placed(pieces, counts->ranges[i].start_vaddr);
		counts->ranges[i].end_vaddr = placed(pieces, counts->ranges[i].end_vaddr);
	}
	branch_counts_normalize(counts);
}

static void expect_same_counts(const struct branch_counts *x, const struct branch_counts *y)
{
	assert_int_equal(x->n_branches, y->n_branches);
	assert_int_equal(x->n_ranges, y->n_ranges);
	assert_memory_equal(x->branches, y->branches, x->n_branches * sizeof(*x->branches));
	assert_memory_equal(x->ranges, y->ranges, x->n_ranges * sizeof(*x->ranges));
}

static void test_counters_snapshot_in_pieces_places_each_address(void **state)
{
	for (uint64_t seed = 1; seed <= 100; seed++) {
		struct oracle oracle = { .seed = seed, .n_asked = 0 };
		struct counters *counters =
			new_counters(1024, CHAIN_CUT, answer_at_random, &oracle);
		struct snapshot_piece pieces[N_PIECES];
		uint64_t sums[N_PIECES + 2], expected[N_PIECES + 2] = { 0 };
		struct branch_counts whole, got;
		uint64_t h = seed;

		for (unsigned int i = 0; i < N_PIECES; i++) {
			h = hash_u64(h);
			pieces[i].lo_off = 100 * i + (uint32_t)(h % 40);
			pieces[i].hi_off = pieces[i].lo_off + (uint32_t)(h >> 32) % 60;
			pieces[i].vaddr = 0x1000000ull * (N_PIECES - i);
		}
		for (unsigned int k = 0; k < 200; k++) {
			struct branch_entry entries[4];

			for (size_t e = 0; e < array_size(entries); e++) {
				uint32_t from = (uint32_t)((h = hash_u64(h)) % 700);
				uint32_t to = (uint32_t)((h = hash_u64(h)) % 700);
				size_t at = N_PIECES;

				entries[e] = (struct branch_entry){ WINDOW_IP + from,
								    WINDOW_IP + to, 0 };
				for (size_t i = 0; i < N_PIECES; i++)
					if (to >= pieces[i].lo_off && to <= pieces[i].hi_off)
						at = i;
				expected[to ? at : N_PIECES + 1] += 3;
			}
			counters_add_stack(counters, WINDOW_IP, entries, array_size(entries), 3);
		}
		assert_int_equal(counters_snapshot(counters, WINDOW_VADDR, &whole), 0);
		assert_int_equal(counters_snapshot_pieces(counters, pieces, N_PIECES, &got), 0);
		place_counts(&whole, pieces);
		expect_same_counts(&got, &whole);
		counters_sum_targets(counters, pieces, N_PIECES, sums);
		assert_memory_equal(sums, expected, sizeof(sums));
		branch_counts_deinit(&whole);
		branch_counts_deinit(&got);
		counters_free(counters);
	}
}

static void test_branch_counts_added_are_those_of_both(void **state)
{
	struct oracle oracle = { .seed = 5, .n_asked = 0 };
	struct counters *counters = new_counters(1024, CHAIN_CUT, answer_at_random, &oracle);
	struct branch_counts sum = { 0 }, once, twice;
	struct branch_entry entries[3] = { { WINDOW_IP + 1, WINDOW_IP + 2, 0 },
					   { WINDOW_IP + 3, WINDOW_IP + 4, 0 },
					   { WINDOW_IP + 5, WINDOW_IP + 6, 0 } };

	counters_add_stack(counters, WINDOW_IP, entries, 3, 1);
	assert_int_equal(counters_snapshot(counters, WINDOW_VADDR, &once), 0);
	counters_add_stack(counters, WINDOW_IP, entries, 3, 1);
	assert_int_equal(counters_snapshot(counters, WINDOW_VADDR, &twice), 0);
	assert_int_equal(branch_counts_add(&sum, &once), 0);
	expect_same_counts(&sum, &once);
	assert_int_equal(branch_counts_add(&sum, &once), 0);
	expect_same_counts(&sum, &twice);
	branch_counts_deinit(&sum);
	branch_counts_deinit(&once);
	branch_counts_deinit(&twice);
	counters_free(counters);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counters_random_stacks_count_as_llvm_profgen_does),
		cmocka_unit_test(test_counters_random_stacks_count_as_the_cut_rule_says),
		cmocka_unit_test(test_counters_steps_count_the_same),
		cmocka_unit_test(test_counters_steps_of_full_tables_and_odd_windows_count_the_same),
		cmocka_unit_test(test_counters_steps_are_forgotten_with_the_rest),
		cmocka_unit_test(test_counters_full_tables_drop_and_stay_balanced),
		cmocka_unit_test(test_counters_three_quarters_are_nearly_full),
		cmocka_unit_test(test_counters_window_edges_are_exact),
		cmocka_unit_test(test_counters_removed_entry_bridges_or_cuts),
		cmocka_unit_test(test_counters_pair_outside_is_counted_as_external),
		cmocka_unit_test(test_counters_repeated_long_loop_is_one_branch),
		cmocka_unit_test(test_counters_flags_remove_only_under_the_cut_rule),
		cmocka_unit_test(test_counters_weight_that_would_overflow_is_refused),
		cmocka_unit_test(test_counters_address_is_a_range_of_one_instruction),
		cmocka_unit_test(test_counters_addresses_without_room_are_counted_as_such),
		cmocka_unit_test(test_counters_address_that_would_overflow_is_refused),
		cmocka_unit_test(test_counters_merge_equals_counting_together),
		cmocka_unit_test(test_counters_merge_without_room_adds_nothing),
		cmocka_unit_test(test_counters_check_finds_what_does_not_balance),
		cmocka_unit_test(test_counters_sizes_are_checked_and_rounded_up),
		cmocka_unit_test(test_counters_snapshot_in_pieces_places_each_address),
		cmocka_unit_test(test_branch_counts_added_are_those_of_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
