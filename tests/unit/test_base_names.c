/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/names.h"

static uint32_t add(struct names *names, const char *text)
{
	uint32_t name;

	assert_int_equal(names_add(names, text, strlen(text), &name), 0);
	return name;
}

static void test_names_many_are_numbered_in_order_and_found(void **state)
{
	struct names *names;
	char text[32];

	assert_int_equal(names_new(&names, 10 << 20), 0);
	for (uint32_t i = 0; i < 5000; i++) {
		snprintf(text, sizeof(text), "function_%u", i);
		assert_int_equal(add(names, text), i);
		assert_int_equal(add(names, text), i);
	}
	for (uint32_t i = 0; i < 5000; i++) {
		snprintf(text, sizeof(text), "function_%u", i);
		assert_int_equal(names_find(names, text, strlen(text)), i);
		assert_string_equal(names_get(names, i).text, text);
	}
	assert_int_equal(names_find(names, "x", 1), NAME_NONE);
	assert_int_equal(names_count(names), 5000);
	names_free(names);
}

static void test_names_ceiling_is_a_code_and_old_names_stay(void **state)
{
	struct names *names;
	uint32_t name = 77;

	assert_int_equal(names_new(&names, 8), 0);
	assert_int_equal(add(names, "abc"), 0);
	assert_int_equal(names_add(names, "defgh", 5, &name), -E2BIG);
	assert_int_equal(name, 77);
	assert_int_equal(add(names, "abc"), 0);
	names_free(names);
}

static void test_names_order_is_bytes_then_length(void **state)
{
	struct names *names;
	uint32_t a, ab, b;

	assert_int_equal(names_new(&names, 100), 0);
	b = add(names, "b");
	ab = add(names, "ab");
	a = add(names, "a");
	assert_true(names_compare(names, a, ab) < 0);
	assert_true(names_compare(names, ab, b) < 0);
	assert_true(names_compare(names, b, a) > 0);
	assert_int_equal(names_compare(names, ab, ab), 0);
	names_free(names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_many_are_numbered_in_order_and_found),
		cmocka_unit_test(test_names_ceiling_is_a_code_and_old_names_stay),
		cmocka_unit_test(test_names_order_is_bytes_then_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
