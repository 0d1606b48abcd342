/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/bitmap.h"

#define N_BITS 200

static uint64_t bits[N_BITS / BITMAP_WORD_BITS + 1];

static int clear(void **state)
{
	memset(bits, 0, sizeof(bits));
	return 0;
}

static void test_bitmap_bits_at_word_borders_are_apart(void **state)
{
	assert_int_equal(bitmap_bytes(0), 8);
	assert_int_equal(bitmap_bytes(63), 8);
	assert_int_equal(bitmap_bytes(64), 16);
	bitmap_set(bits, 63);
	bitmap_set(bits, 64);
	assert_true(bitmap_get(bits, 63) && bitmap_get(bits, 64));
	assert_false(bitmap_get(bits, 62) || bitmap_get(bits, 65));
	bitmap_clear(bits, 63);
	assert_false(bitmap_get(bits, 63));
	assert_true(bitmap_get(bits, 64));
}

/* Against the obvious loops, for all ranges over a few patterns. */
static void test_bitmap_searches_equal_the_naive_ones(void **state)
{
	static const unsigned int steps[] = { 1, 3, 7, 63, 64, 65, 190 };

	for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]); k++) {
		clear(NULL);
		for (uint64_t i = steps[k] / 2; i < N_BITS; i += steps[k])
			bitmap_set(bits, i);
		for (uint64_t from = 0; from <= N_BITS; from += 5) {
			for (uint64_t to = 0; to <= N_BITS; to++) {
				uint64_t first = to, last = UINT64_MAX, n = 0;

				for (uint64_t i = from; i < to; i++) {
					if (!bitmap_get(bits, i))
						continue;
					first = first == to ? i : first;
					last = i;
					n++;
				}
				assert_int_equal(bitmap_next(bits, from, to), first);
				assert_int_equal(bitmap_last(bits, from, to), last);
				assert_int_equal(bitmap_count(bits, from, to), n);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_bitmap_bits_at_word_borders_are_apart, clear),
		cmocka_unit_test_setup(test_bitmap_searches_equal_the_naive_ones, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
