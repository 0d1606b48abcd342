/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "base/macros.h"
#include "profile/verdict.h"

static void test_verdict_each_rule_has_its_border(void **state)
{
	static const struct verdict_limits limits = { .min_density = 50,
						      .max_lost = 0.5,
						      .max_invalid = 0.25 };
	static const struct {
		struct verdict_input input;
		enum verdict verdict;
		const char *reason;
	} cases[] = {
		{ { 0, 0, SHARE_UNKNOWN, SHARE_UNKNOWN, false }, VERDICT_UNFIT, "no samples" },
		{ { 9, 0, 0, 0, false }, VERDICT_UNFIT, "no samples" },
		{ { 9, 50, 0.5, 0.25, false }, VERDICT_FIT, "density 50.0" },
		{ { 9, 49.9, 0.5, 0.25, false }, VERDICT_THIN, "take 1.0 times" },
		{ { 9, 10, SHARE_UNKNOWN, SHARE_UNKNOWN, false }, VERDICT_THIN, "take 5.0 times" },
		{ { 9, 1000, 0.51, 0, false }, VERDICT_UNFIT, "51% of the samples were lost" },
		{ { 9, 1000, 0, 0.26, false }, VERDICT_UNFIT, "26% of the ranges" },
		{ { 9, 1e9, 0, 0, true }, VERDICT_THIN, "instruction pointers only" },
		{ { 9, 10, 0, 0, true }, VERDICT_THIN, "instruction pointers only" },
		{ { 9, 1e9, 0.51, 0, true }, VERDICT_UNFIT, "51% of the samples were lost" },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		struct verdict_result r = verdict_judge(&cases[i].input, &limits);

		assert_int_equal(r.verdict, cases[i].verdict);
		assert_non_null(strstr(r.reason, cases[i].reason));
	}
}

static void test_verdict_names_are_the_documented_words(void **state)
{
	assert_string_equal(verdict_name(VERDICT_FIT), "fit");
	assert_string_equal(verdict_name(VERDICT_THIN), "thin");
	assert_string_equal(verdict_name(VERDICT_UNFIT), "unfit");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdict_each_rule_has_its_border),
		cmocka_unit_test(test_verdict_names_are_the_documented_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
