/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/bytes.h"

static void test_bytes_short_input_fails_and_yields_zero(void **state)
{
	struct bytes b = bytes_of("\x01\x02\x03", 3);

	assert_int_equal(bytes_u16(&b), 0x0201);
	assert_int_equal(bytes_u32(&b), 0);
	assert_true(b.failed);
	assert_int_equal(bytes_u8(&b), 0);
	assert_ptr_equal(b.pos, b.end);
}

static void test_bytes_uleb_boundaries_decode(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		uint64_t value;
		bool fails;
	} cases[] = {
		{ "\x00", 1, 0, false },
		{ "\x7f", 1, 0x7f, false },
		{ "\x80\x01", 2, 0x80, false },
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, UINT64_MAX, false },
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x03", 10, 0, true },
		{ "\x81\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 12, 1, false },
		{ "\x80", 1, 0, true },
		{ "", 0, 0, true },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		struct bytes b = bytes_of(cases[i].text, cases[i].n);

		assert_int_equal(bytes_uleb(&b), cases[i].value);
		assert_int_equal(b.failed, cases[i].fails);
	}
}

static void test_bytes_sleb_negative_is_extended(void **state)
{
	struct bytes b = bytes_of("\x7f\x80\x7f\x3f", 4);

	assert_int_equal(bytes_sleb(&b), -1);
	assert_int_equal(bytes_sleb(&b), -128);
	assert_int_equal(bytes_sleb(&b), 63);
	assert_false(b.failed);
}

static void test_bytes_cstr_without_nul_fails(void **state)
{
	struct bytes b = bytes_of("ab\0cd", 5);

	assert_string_equal(bytes_cstr(&b), "ab");
	assert_null(bytes_cstr(&b));
	assert_true(b.failed);
}

static void test_bytes_sub_longer_than_rest_fails_both(void **state)
{
	struct bytes b = bytes_of("abcd", 4);
	struct bytes sub = bytes_sub(&b, 5);

	assert_true(b.failed);
	assert_true(sub.failed);
	assert_int_equal(bytes_left(&sub), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes_short_input_fails_and_yields_zero),
		cmocka_unit_test(test_bytes_uleb_boundaries_decode),
		cmocka_unit_test(test_bytes_sleb_negative_is_extended),
		cmocka_unit_test(test_bytes_cstr_without_nul_fails),
		cmocka_unit_test(test_bytes_sub_longer_than_rest_fails_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
