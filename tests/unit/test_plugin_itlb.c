/* SPDX-License-Identifier: Apache-2.0 */
/* The model of an instruction TLB that the lab's meter counts misses with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../system/plugin/itlb.h"

#define SMALL (1ULL << ITLB_SMALL_SHIFT)
#define LARGE (1ULL << ITLB_LARGE_SHIFT)
#define KERNEL 0xffffffff81000000ULL

static void fetch_small(struct itlb *itlb, uint64_t ip)
{
	itlb_fetch_small(itlb, ip, ip);
}

static void fetch_large(struct itlb *itlb, uint64_t ip)
{
	itlb_fetch_large(itlb, ip, ip);
}

static void test_itlb_page_seen_before_hits(void **state)
{
	struct itlb itlb = { 0 };

	(void)state;
	fetch_small(&itlb, 0x400000);
	fetch_small(&itlb, 0x400fff);
	fetch_small(&itlb, 0x401000);
	fetch_small(&itlb, 0x400000);
	assert_int_equal(itlb.n_misses, 2);
}

static void test_itlb_first_page_of_all_misses(void **state)
{
	struct itlb itlb = { 0 };

	(void)state;
	fetch_small(&itlb, 0);
	fetch_large(&itlb, 0);
	assert_int_equal(itlb.n_misses, 2);
}

static void test_itlb_range_over_pages_fetches_each(void **state)
{
	struct itlb itlb = { 0 };

	(void)state;
	itlb_fetch_small(&itlb, 0x400ff0, 0x40100f);
	assert_int_equal(itlb.n_misses, 2);
	itlb_fetch_large(&itlb, KERNEL + LARGE - 1, KERNEL + LARGE);
	assert_int_equal(itlb.n_misses, 4);
}

static void test_itlb_small_pages_that_fit_stay(void **state)
{
	const uint64_t n = ITLB_SMALL_SETS * ITLB_WAYS;
	struct itlb itlb = { 0 };

	(void)state;
	for (int round = 0; round < 3; round++)
		for (uint64_t i = 0; i < n; i++)
			fetch_small(&itlb, KERNEL + i * SMALL);
	assert_int_equal(itlb.n_misses, n);
}

/* One page too many in a set, in turn: the least recently used is always the next. */
static void test_itlb_small_pages_of_one_set_push_each_other_out(void **state)
{
	struct itlb itlb = { 0 };

	(void)state;
	for (int round = 0; round < 3; round++)
		for (uint64_t i = 0; i < ITLB_WAYS + 1; i++)
			fetch_small(&itlb, KERNEL + i * ITLB_SMALL_SETS * SMALL);
	assert_int_equal(itlb.n_misses, 3 * (ITLB_WAYS + 1));
}

static void test_itlb_least_recently_used_leaves(void **state)
{
	const uint64_t step = ITLB_SMALL_SETS * SMALL;
	struct itlb itlb = { 0 };

	(void)state;
	for (uint64_t i = 0; i < ITLB_WAYS; i++)
		fetch_small(&itlb, i * step);
	fetch_small(&itlb, 0); /* makes 1 the oldest */
	fetch_small(&itlb, ITLB_WAYS * step);
	assert_int_equal(itlb.n_misses, ITLB_WAYS + 1);
	fetch_small(&itlb, 0);
	assert_int_equal(itlb.n_misses, ITLB_WAYS + 1);
	fetch_small(&itlb, step);
	assert_int_equal(itlb.n_misses, ITLB_WAYS + 2);
}

static void test_itlb_large_pages_have_eight_entries(void **state)
{
	struct itlb itlb = { 0 };

	(void)state;
	for (int round = 0; round < 3; round++)
		for (uint64_t i = 0; i < ITLB_WAYS; i++)
			fetch_large(&itlb, KERNEL + i * LARGE);
	assert_int_equal(itlb.n_misses, ITLB_WAYS);
	for (uint64_t i = 0; i < ITLB_WAYS + 1; i++)
		fetch_large(&itlb, KERNEL + i * LARGE);
	for (uint64_t i = 0; i < ITLB_WAYS + 1; i++)
		fetch_large(&itlb, KERNEL + i * LARGE);
	assert_int_equal(itlb.n_misses, ITLB_WAYS + 1 + ITLB_WAYS + 1);
}

/* User code that fills its sets leaves the kernel's pages where they are. */
static void test_itlb_small_pages_do_not_push_large_ones_out(void **state)
{
	struct itlb itlb = { 0 };
	uint64_t n_misses;

	(void)state;
	fetch_large(&itlb, KERNEL);
	for (uint64_t i = 0; i < 1000; i++)
		fetch_small(&itlb, 0x400000 + i * SMALL);
	n_misses = itlb.n_misses;
	fetch_large(&itlb, KERNEL + 4096);
	assert_int_equal(itlb.n_misses, n_misses);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_itlb_page_seen_before_hits),
		cmocka_unit_test(test_itlb_first_page_of_all_misses),
		cmocka_unit_test(test_itlb_range_over_pages_fetches_each),
		cmocka_unit_test(test_itlb_small_pages_that_fit_stay),
		cmocka_unit_test(test_itlb_small_pages_of_one_set_push_each_other_out),
		cmocka_unit_test(test_itlb_least_recently_used_leaves),
		cmocka_unit_test(test_itlb_large_pages_have_eight_entries),
		cmocka_unit_test(test_itlb_small_pages_do_not_push_large_ones_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
