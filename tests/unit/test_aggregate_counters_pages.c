/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "aggregate/counters.h"
#include "aggregate/counters_pages.h"
#include "collect/branch.h"

#define WINDOW_IP 0xffffffff00000000ull
#define PAGE COUNTERS_PAGE_BYTES

static uint8_t all_good(void *context, uint32_t from_off, uint32_t to_off)
{
	(void)context, (void)from_off, (void)to_off;
	return FROM_GOOD | TO_GOOD;
}

static uint8_t good_target(void *context, uint32_t from_off, uint32_t to_off)
{
	(void)context, (void)from_off, (void)to_off;
	return TO_GOOD;
}

static struct counters *new_counters(counters_classify_fn classify)
{
	struct counters_config config = {
		.n_edge_slots = 256,
		.n_range_slots = 256,
		.classify = classify,
	};
	struct counters *counters = NULL;

	assert_int_equal(counters_new(&config, &counters), 0);
	return counters;
}

/* Branches newest first. */
static void add(struct counters *counters, const uint32_t (*edges)[2], size_t n)
{
	struct branch_entry entries[8];

	memset(entries, 0, sizeof(entries));
	for (size_t i = 0; i < n; i++) {
		entries[i].from_ip = WINDOW_IP + edges[i][0];
		entries[i].to_ip = WINDOW_IP + edges[i][1];
	}
	counters_add_stack(counters, WINDOW_IP, entries, n, 1);
}

/* By slices of so many slots. */
static size_t list(const struct counters *counters, size_t n_slots, uint32_t *numbers, size_t n_max)
{
	uint64_t *pages = calloc(COUNTERS_PAGE_WORDS, sizeof(*pages));
	size_t pos = 0, n, n_slices = 0;

	while (!counters_mark_pages(counters, &pos, n_slots, pages))
		assert_true(++n_slices < 1000);
	n = counters_list_pages(pages, numbers, n_max);
	free(pages);
	return n;
}

static void test_counters_pages_of_nothing_are_none(void **state)
{
	struct counters *counters = new_counters(all_good);
	uint32_t numbers[4];

	(void)state;
	assert_int_equal(list(counters, 7, numbers, 4), 0);
	counters_free(counters);
}

static void test_counters_pages_have_both_ends_and_what_is_between(void **state)
{
	struct counters *counters = new_counters(all_good);
	/* from page 10 to page 20; there, over page 21, to the branch in page 22 to page 10 */
	static const uint32_t edges[][2] = { { 22 * PAGE + 8, 10 * PAGE },
					     { 10 * PAGE + 4, 20 * PAGE + 100 } };
	uint32_t numbers[8];

	(void)state;
	add(counters, edges, 2);
	for (size_t n_slots = 1; n_slots < 1000; n_slots += 111) {
		assert_int_equal(list(counters, n_slots, numbers, 8), 4);
		assert_int_equal(numbers[0], 10);
		assert_int_equal(numbers[1], 20);
		assert_int_equal(numbers[2], 21);
		assert_int_equal(numbers[3], 22);
	}
	assert_int_equal(list(counters, 100, numbers, 2), 4);
	counters_free(counters);
}

static void test_counters_pages_an_instruction_may_go_on_in_the_next(void **state)
{
	struct counters *counters = new_counters(all_good);
	static const uint32_t edges[][2] = { { 11 * PAGE - 2, 30 * PAGE } };
	uint32_t numbers[8];

	(void)state;
	add(counters, edges, 1);
	assert_int_equal(list(counters, 1000, numbers, 8), 3);
	assert_int_equal(numbers[0], 10);
	assert_int_equal(numbers[1], 11);
	assert_int_equal(numbers[2], 30);
	counters_free(counters);
}

static void test_counters_pages_between_ends_that_are_far_apart_are_not(void **state)
{
	struct counters *counters = new_counters(all_good);
	static const uint32_t edges[][2] = { { 9000 * PAGE, 9000 * PAGE },
					     { 9000 * PAGE, 20 * PAGE } };
	uint32_t numbers[8];

	(void)state;
	add(counters, edges, 2);
	assert_int_equal(list(counters, 1000, numbers, 8), 2);
	assert_int_equal(numbers[0], 20);
	assert_int_equal(numbers[1], 9000);
	counters_free(counters);
}

static void test_counters_pages_of_what_is_external_are_none(void **state)
{
	struct counters *counters = new_counters(good_target);
	static const uint32_t edges[][2] = { { 40 * PAGE, 50 * PAGE } };
	uint32_t numbers[8];

	(void)state;
	add(counters, edges, 1);
	assert_int_equal(list(counters, 1000, numbers, 8), 1);
	assert_int_equal(numbers[0], 50);
	counters_free(counters);
}

static void test_counters_pages_at_the_ends_of_the_window_are_found(void **state)
{
	struct counters *counters = new_counters(all_good);
	static const uint32_t edges[][2] = { { UINT32_MAX, 1 } };
	uint32_t numbers[8];

	(void)state;
	add(counters, edges, 1);
	assert_int_equal(list(counters, 1000, numbers, 8), 1);
	assert_int_equal(numbers[0], (1u << 20) - 1);
	counters_free(counters);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counters_pages_of_nothing_are_none),
		cmocka_unit_test(test_counters_pages_have_both_ends_and_what_is_between),
		cmocka_unit_test(test_counters_pages_an_instruction_may_go_on_in_the_next),
		cmocka_unit_test(test_counters_pages_between_ends_that_are_far_apart_are_not),
		cmocka_unit_test(test_counters_pages_of_what_is_external_are_none),
		cmocka_unit_test(test_counters_pages_at_the_ends_of_the_window_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
