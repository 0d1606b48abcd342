/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include "base/hash.h"
#include "base/macros.h"
#include "base/radix.h"

static uint64_t key_of(uint64_t i, unsigned int n_bits, uint64_t seed)
{
	uint64_t key = hash_u64(seed + i);

	return n_bits == 64 ? key : (key >> 1 >> (63 - n_bits)) + seed;
}

/* n items of n_words, whose keys have n_bits above a base; their last words count them. */
static uint64_t *random_items(size_t n, size_t n_words, unsigned int n_bits, uint64_t seed)
{
	uint64_t *items = calloc(n * n_words + 1, sizeof(*items));

	assert_non_null(items);
	for (size_t i = 0; i < n; i++) {
		items[i * n_words] = key_of(i, n_bits, seed);
		if (n_words > 1)
			items[i * n_words + n_words - 1] = i;
	}
	return items;
}

static int compare_words(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The last word, and the zeros between, came along with the key. */
static void expect_own_words(const uint64_t *item, size_t n_words, unsigned int n_bits,
			     uint64_t seed)
{
	assert_int_equal(item[0], key_of(item[n_words - 1], n_bits, seed));
	for (size_t i = 1; i + 1 < n_words; i++)
		assert_int_equal(item[i], 0);
}

static void expect_sorted(size_t n, size_t n_words, unsigned int n_bits)
{
	uint64_t seed = 0xffffffff81000000 + n;
	uint64_t *items = random_items(n, n_words, n_bits, seed);
	uint64_t *keys = random_items(n, 1, n_bits, seed);

	radix_sort(items, n, n_words * sizeof(*items));
	qsort(keys, n, sizeof(*keys), compare_words);
	for (size_t i = 0; i < n; i++) {
		const uint64_t *item = items + i * n_words;

		assert_int_equal(item[0], keys[i]);
		if (n_words > 1)
			expect_own_words(item, n_words, n_bits, seed);
	}
	free(items);
	free(keys);
}

static void test_radix_items_of_any_size_and_range_are_sorted(void **state)
{
	static const size_t numbers[] = { 1, 2, 511, 512, 513, 4096, 70001 };
	static const unsigned int bits[] = { 0, 1, 10, 11, 12, 27, 33, 64 };

	for (size_t i = 0; i < array_size(numbers); i++)
		for (size_t k = 0; k < array_size(bits); k++)
			for (size_t n_words = 1; n_words <= 5; n_words++)
				expect_sorted(numbers[i], n_words, bits[k]);
}

static void test_radix_nothing_is_left_alone(void **state)
{
	uint64_t word = 7;

	radix_sort(&word, 0, sizeof(word));
	radix_sort(NULL, 0, sizeof(word));
	assert_int_equal(word, 7);
}

static void test_radix_the_ends_of_the_range_are_apart(void **state)
{
	uint64_t words[1024];

	for (size_t i = 0; i < array_size(words); i++)
		words[i] = i % 3 == 0 ? UINT64_MAX - i : i % 3 == 1 ? i : (uint64_t)1 << 63;
	radix_sort(words, array_size(words), sizeof(*words));
	for (size_t i = 1; i < array_size(words); i++)
		assert_true(words[i - 1] <= words[i]);
	assert_int_equal(words[0], 1);
	assert_int_equal(words[array_size(words) - 1], UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_radix_items_of_any_size_and_range_are_sorted),
		cmocka_unit_test(test_radix_nothing_is_left_alone),
		cmocka_unit_test(test_radix_the_ends_of_the_range_are_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
