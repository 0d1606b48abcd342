/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include "base/checksum.h"

#define N_BYTES 200

static void fill(uint8_t *bytes)
{
	for (size_t i = 0; i < N_BYTES; i++)
		bytes[i] = (uint8_t)(i * 7 + 3);
}

/* Files have them: they must never change. */
static void test_checksum_values_stay(void **state)
{
	uint8_t bytes[N_BYTES];

	fill(bytes);
	assert_true(checksum_bytes(bytes, 0) == 0xd5c7f08ac5ffbd3eu);
	assert_true(checksum_bytes(bytes, N_BYTES) == 0x12a3af60a2f7b079u);
}

static void test_checksum_any_bit_and_any_length_matters(void **state)
{
	uint8_t bytes[N_BYTES];

	fill(bytes);
	for (size_t n = 1; n <= N_BYTES; n++) {
		uint64_t sum = checksum_bytes(bytes, n);

		assert_true(sum != checksum_bytes(bytes, n - 1));
		for (size_t bit = 0; bit < 8 * n; bit++) {
			bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
			assert_true(sum != checksum_bytes(bytes, n));
			bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		}
	}
}

static void test_checksum_swapped_words_are_told_apart(void **state)
{
	uint8_t bytes[N_BYTES], swapped[N_BYTES];

	fill(bytes);
	for (size_t i = 0; i + 16 <= N_BYTES; i += 8) {
		memcpy(swapped, bytes, N_BYTES);
		memcpy(swapped + i, bytes + i + 8, 8);
		memcpy(swapped + i + 8, bytes + i, 8);
		assert_true(checksum_bytes(swapped, N_BYTES) != checksum_bytes(bytes, N_BYTES));
	}
}

/* Zeros at the end are not the padding of the last words. */
static void test_checksum_trailing_zeros_count(void **state)
{
	uint8_t *zeros = calloc(N_BYTES, 1);

	for (size_t n = 1; n < N_BYTES; n++)
		assert_true(checksum_bytes(zeros, n) != checksum_bytes(zeros, n + 1));
	free(zeros);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_checksum_values_stay),
		cmocka_unit_test(test_checksum_any_bit_and_any_length_matters),
		cmocka_unit_test(test_checksum_swapped_words_are_told_apart),
		cmocka_unit_test(test_checksum_trailing_zeros_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
