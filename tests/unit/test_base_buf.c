/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include "base/buf.h"

static void expect(struct buf *b, const char *text, size_t n)
{
	assert_int_equal(b->error, 0);
	assert_int_equal(b->n_bytes, n);
	assert_memory_equal(b->data, text, n);
	buf_deinit(b);
}

static void test_buf_numbers_take_their_shortest_form(void **state)
{
	struct buf b = BUF_INIT(1000);

	buf_decimal(&b, 0);
	buf_u8(&b, ' ');
	buf_decimal(&b, UINT64_MAX);
	buf_u8(&b, ' ');
	buf_hex(&b, 0xffffffff81000000);
	expect(&b, "0 18446744073709551615 ffffffff81000000", 39);
	buf_uleb(&b, 0x7f);
	buf_uleb(&b, 0x80);
	buf_uleb(&b, UINT64_MAX);
	expect(&b, "\x7f\x80\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 13);
}

static void test_buf_ceiling_sticks_and_keeps_what_was_there(void **state)
{
	struct buf b = BUF_INIT(4);

	buf_str(&b, "abc");
	buf_str(&b, "de");
	assert_int_equal(b.error, -EFBIG);
	buf_u8(&b, 'x');
	assert_int_equal(b.n_bytes, 3);
	assert_memory_equal(b.data, "abc", 3);
	buf_deinit(&b);
}

static void test_buf_spaces_of_any_number_are_that_many(void **state)
{
	for (size_t n = 0; n < 40; n++) {
		struct buf b = BUF_INIT(100);

		buf_spaces(&b, n);
		assert_int_equal(b.n_bytes, n);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(b.data[i], ' ');
		buf_deinit(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buf_numbers_take_their_shortest_form),
		cmocka_unit_test(test_buf_ceiling_sticks_and_keeps_what_was_there),
		cmocka_unit_test(test_buf_spaces_of_any_number_are_that_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
