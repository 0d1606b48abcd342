/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts that nobody could make a profile of, when there is no other time.
 */
#include "service/symbolizer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void expect_one_more_try(struct symbolizer *s, const char *who)
{
	const struct problem why = { "no memory" };

	assert_true(symbolizer_give_up(s, &why));
	assert_true(s->is_given_up);
	assert_non_null(strstr(s->why.text, who));
	assert_non_null(strstr(s->why.text, why.text));
	/* that was it */
	assert_false(symbolizer_give_up(s, &why));
}

static void test_symbolizer_unit_is_given_up_once(void **state)
{
	struct symbolizer s = { .socket = "/run/symbolize", .has_unit = true };

	(void)state;
	expect_one_more_try(&s, "the worker's unit failed at the end: ");
}

static void test_symbolizer_fork_is_given_up_once(void **state)
{
	struct symbolizer s = { .socket = "" };

	(void)state;
	expect_one_more_try(&s, "the worker failed at the end: ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_symbolizer_unit_is_given_up_once),
		cmocka_unit_test(test_symbolizer_fork_is_given_up_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
