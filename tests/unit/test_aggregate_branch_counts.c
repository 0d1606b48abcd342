/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "aggregate/branch_counts.h"
#include "base/hash.h"

static int compare_ranges(const void *a, const void *b)
{
	const struct range_count *x = a, *y = b;

	if (x->start_vaddr != y->start_vaddr)
		return x->start_vaddr < y->start_vaddr ? -1 : 1;
	if (x->end_vaddr != y->end_vaddr)
		return x->end_vaddr < y->end_vaddr ? -1 : 1;
	return 0;
}

/* What normalizing has to make of n > 0 items whose counts are small. */
static size_t normalize_naively(struct range_count *items, size_t n)
{
	size_t n_kept = 0;

	qsort(items, n, sizeof(*items), compare_ranges);
	for (size_t i = 0, next; i < n; i = next) {
		struct range_count sum = items[i];

		for (next = i + 1; next < n && !compare_ranges(&items[next], &sum); next++)
			sum.n += items[next].n;
		if (sum.n)
			items[n_kept++] = sum;
	}
	return n_kept;
}

/* What the addresses are like: base + 0..spread-1, and every external_in-th external. */
struct shape {
	uint64_t base, spread, external_in;
};

static uint64_t random_vaddr(const struct shape *shape, uint64_t *rng)
{
	uint64_t v = hash_u64((*rng)++);

	if (shape->external_in && v % shape->external_in == 0)
		return VADDR_EXTERNAL;
	return shape->base + hash_u64(v) % shape->spread;
}

static void compare_with_naive(const struct shape *shape, size_t n, uint64_t rng)
{
	struct branch_counts counts = {
		.branches = calloc(n, sizeof(struct branch_count)),
		.ranges = calloc(n, sizeof(struct range_count)),
		.n_branches = n,
		.n_ranges = n,
	};
	struct range_count *expected = calloc(n, sizeof(*expected));
	size_t n_expected;

	for (size_t i = 0; i < n; i++) {
		expected[i].start_vaddr = random_vaddr(shape, &rng);
		expected[i].end_vaddr = random_vaddr(shape, &rng);
		expected[i].n = hash_u64(rng++) % 4;
	}
	memcpy(counts.branches, expected, n * sizeof(*expected));
	memcpy(counts.ranges, expected, n * sizeof(*expected));
	n_expected = normalize_naively(expected, n);
	branch_counts_normalize(&counts);
	assert_int_equal(counts.n_branches, n_expected);
	assert_int_equal(counts.n_ranges, n_expected);
	assert_memory_equal(counts.branches, expected, n_expected * sizeof(*expected));
	assert_memory_equal(counts.ranges, expected, n_expected * sizeof(*expected));
	/* once more: nothing changes */
	branch_counts_normalize(&counts);
	assert_int_equal(counts.n_ranges, n_expected);
	assert_memory_equal(counts.ranges, expected, n_expected * sizeof(*expected));
	free(expected);
	branch_counts_deinit(&counts);
}

static void test_branch_counts_random_ones_are_sorted_and_added_up(void **state)
{
	static const struct shape shapes[] = {
		{ 0xffffffff81000000, 20 << 20, 16 }, /* a kernel */
		{ 0xffffffff81000000, 100, 3 },	      /* many equal */
		{ 0, 4, 0 },			      /* 0 sorts before VADDR_EXTERNAL */
		{ 0, UINT64_MAX, 5 },		      /* every bit counts */
		{ UINT64_MAX - 2, 3, 2 },	      /* up to the last address */
		{ 7, 1, 0 },			      /* a single key */
		{ 7, 1, 1 },			      /* nothing but external */
	};
	static const size_t sizes[] = { 1, 2, 100, 1023, 1024, 1025, 5000, 40000 };

	for (size_t s = 0; s < array_size(shapes); s++)
		for (size_t k = 0; k < array_size(sizes); k++)
			compare_with_naive(&shapes[s], sizes[k], s * 1000000 + k);
}

static void test_branch_counts_sum_saturates(void **state)
{
	struct branch_count branches[] = { { 5, 6, UINT64_MAX - 1 }, { 1, 6, 2 }, { 5, 6, 2 } };
	struct branch_counts counts = { .branches = branches, .n_branches = 3 };

	branch_counts_normalize(&counts);
	assert_int_equal(counts.n_branches, 2);
	assert_int_equal(counts.branches[0].from_vaddr, VADDR_EXTERNAL);
	assert_int_equal(counts.branches[0].n, 2);
	assert_true(counts.branches[1].n == UINT64_MAX);
}

static void test_branch_counts_nothing_stays_nothing(void **state)
{
	struct branch_counts counts = { 0 };

	branch_counts_normalize(&counts);
	assert_int_equal(counts.n_branches, 0);
	assert_int_equal(counts.n_ranges, 0);
	branch_counts_deinit(&counts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_branch_counts_random_ones_are_sorted_and_added_up),
		cmocka_unit_test(test_branch_counts_sum_saturates),
		cmocka_unit_test(test_branch_counts_nothing_stays_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
