/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "symbolize/live_text.h"

#define VADDR 0xffffffff81000000ull
#define PAGE LIVE_TEXT_PAGE_BYTES

static uint8_t pattern[4 * PAGE];

static struct live_text *new_live(size_t max_bytes)
{
	struct live_text *live;

	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (uint8_t)(i * 7 + i / PAGE);
	assert_int_equal(live_text_new(&live, max_bytes), 0);
	return live;
}

static void add(struct live_text *live, uint64_t off, size_t n_bytes)
{
	assert_int_equal(live_text_add(live, VADDR + off, pattern + off, n_bytes), 0);
}

/* What is known from off on are n_bytes, those of the pattern. */
static void assert_known(const struct live_text *live, uint64_t off, size_t n_bytes)
{
	uint8_t buf[sizeof(pattern)];

	assert_int_equal(live_text_read(live, VADDR + off, buf, sizeof(buf)), n_bytes);
	if (n_bytes)
		assert_memory_equal(buf, pattern + off, n_bytes);
	assert_int_equal(live_text_has(live, VADDR + off), n_bytes != 0);
}

static void assert_next(const struct live_text *live, uint64_t lo, uint64_t hi, uint64_t stretch_lo,
			uint64_t stretch_hi)
{
	uint64_t found_lo, found_hi;

	assert_true(live_text_next(live, VADDR + lo, VADDR + hi, &found_lo, &found_hi));
	assert_int_equal(found_lo - VADDR, stretch_lo);
	assert_int_equal(found_hi - VADDR, stretch_hi);
}

static void test_live_text_bytes_come_back_where_they_were_put(void **state)
{
	struct live_text *live = new_live(1 << 20);
	uint64_t lo, hi;

	assert_known(live, 0, 0);
	assert_false(live_text_next(live, VADDR, VADDR + PAGE, &lo, &hi));
	add(live, 100, 2 * PAGE); /* parts of three pages */
	assert_known(live, 99, 0);
	assert_known(live, 100, 2 * PAGE);
	assert_known(live, PAGE + 5, PAGE + 95);
	assert_known(live, 2 * PAGE + 100, 0);
	assert_int_equal(live_text_stats(live).n_pages, 3);
	assert_int_equal(live_text_stats(live).n_bytes, 2 * PAGE);
	live_text_free(live);
}

static void test_live_text_stretches_are_whole_and_clipped(void **state)
{
	struct live_text *live = new_live(1 << 20);
	uint64_t lo, hi;

	add(live, PAGE, PAGE);
	add(live, 2 * PAGE, 10);
	add(live, 3 * PAGE + 8, 8);
	assert_next(live, 0, 4 * PAGE, PAGE, 2 * PAGE + 10);
	assert_next(live, PAGE + 1, 2 * PAGE + 3, PAGE + 1, 2 * PAGE + 3);
	assert_next(live, 2 * PAGE + 10, 4 * PAGE, 3 * PAGE + 8, 3 * PAGE + 16);
	assert_false(live_text_next(live, VADDR, VADDR + PAGE, &lo, &hi));
	assert_false(live_text_next(live, VADDR + 3 * PAGE + 16, VADDR + 4 * PAGE, &lo, &hi));
	assert_false(live_text_next(live, VADDR + PAGE, VADDR + PAGE, &lo, &hi));
	assert_false(live_text_next(live, UINT64_MAX - 10, UINT64_MAX, &lo, &hi));
	live_text_free(live);
}

static void test_live_text_first_bytes_stay_and_others_are_a_conflict(void **state)
{
	struct live_text *live = new_live(1 << 20);
	uint8_t other[PAGE];

	memset(other, 0xcc, sizeof(other));
	add(live, 0, PAGE);
	add(live, 0, PAGE); /* the same again is none */
	assert_int_equal(live_text_stats(live).n_conflicts, 0);
	assert_int_equal(live_text_add(live, VADDR, other, PAGE), 0);
	assert_int_equal(live_text_add(live, VADDR + 5, other, 5), 0);
	assert_int_equal(live_text_stats(live).n_conflicts, 1);
	assert_known(live, 0, PAGE);
	live_text_free(live);
}

static void test_live_text_parts_of_a_page_grow_together(void **state)
{
	struct live_text *live = new_live(1 << 20);

	/* a page that no other test has, whose memory might come back */
	add(live, 3 * PAGE + 100, 10);
	add(live, 3 * PAGE + 110, 10);
	add(live, 3 * PAGE + 95, 5);
	add(live, 3 * PAGE + 90, 40);
	assert_known(live, 3 * PAGE + 90, 40);
	assert_int_equal(live_text_stats(live).n_apart, 0);
	add(live, 3 * PAGE + 200, 10);
	assert_int_equal(live_text_stats(live).n_apart, 1);
	assert_known(live, 3 * PAGE + 200, 0);
	assert_int_equal(live_text_stats(live).n_bytes, 40);
	live_text_free(live);
}

static void test_live_text_ceiling_is_kept_and_counted(void **state)
{
	struct live_text *live = new_live(2 * (PAGE + 64));

	add(live, 0, 4 * PAGE);
	assert_int_equal(live_text_stats(live).n_pages, 2);
	assert_int_equal(live_text_stats(live).n_no_room, 2);
	assert_known(live, 0, 2 * PAGE);
	live_text_free(live);
	live = new_live(0);
	add(live, 0, 1);
	assert_known(live, 0, 0);
	live_text_free(live);
}

static void test_live_text_the_end_of_the_address_space_is_no_trap(void **state)
{
	struct live_text *live = new_live(1 << 20);
	uint8_t buf[64];

	assert_int_equal(live_text_add(live, UINT64_MAX - 3, pattern, 5), -EINVAL);
	assert_int_equal(live_text_add(live, UINT64_MAX - 3, pattern, 3), 0);
	assert_int_equal(live_text_read(live, UINT64_MAX - 3, buf, sizeof(buf)), 3);
	live_text_free(live);
}

static void test_live_text_many_pages_are_all_found(void **state)
{
	struct live_text *live = new_live(64 << 20);

	for (uint64_t i = 0; i < 3000; i++)
		assert_int_equal(live_text_add(live, VADDR + i * 3 * PAGE, &i, sizeof(i)), 0);
	for (uint64_t i = 0, read; i < 3000; i++) {
		assert_int_equal(live_text_read(live, VADDR + i * 3 * PAGE, &read, sizeof(read)),
				 sizeof(read));
		assert_int_equal(read, i);
		assert_false(live_text_has(live, VADDR + i * 3 * PAGE + PAGE));
	}
	live_text_free(live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_live_text_bytes_come_back_where_they_were_put),
		cmocka_unit_test(test_live_text_stretches_are_whole_and_clipped),
		cmocka_unit_test(test_live_text_first_bytes_stay_and_others_are_a_conflict),
		cmocka_unit_test(test_live_text_parts_of_a_page_grow_together),
		cmocka_unit_test(test_live_text_ceiling_is_kept_and_counted),
		cmocka_unit_test(test_live_text_the_end_of_the_address_space_is_no_trap),
		cmocka_unit_test(test_live_text_many_pages_are_all_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
