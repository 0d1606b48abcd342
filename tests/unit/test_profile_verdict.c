/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "profile/verdict.h"

#define DAY_NS (86400ull * 1000000000)

static const struct verdict_limits limits = { .min_density = 50,
					      .min_samples = 1000,
					      .max_lost = 0.5,
					      .max_invalid = 0.25,
					      .min_overlap = 0.8,
					      .max_kernel_age_ns = 90 * DAY_NS,
					      .max_age_ns = 7 * DAY_NS };

/* At every limit, and beyond none. */
static const struct verdict_input good = { .n_records = 9,
					   .density = 50,
					   .lost_share = 0.5,
					   .invalid_share = 0.25,
					   .n_samples = 1000,
					   .overlap = 0.8,
					   .kernel_age_ns = 90 * DAY_NS,
					   .age_ns = 7 * DAY_NS };

static void expect(struct verdict_input input, enum verdict verdict, const char *reason)
{
	struct verdict_result r = verdict_judge(&input, &limits);

	assert_int_equal(r.verdict, verdict);
	if (!strstr(r.reason, reason))
		fail_msg("'%s' does not say '%s'", r.reason, reason);
}

/* One input that differs from what is good by a field or two. */
#define EXPECT(change, verdict, reason)                                                            \
	do {                                                                                       \
		struct verdict_input i = good;                                                     \
		change;                                                                            \
		expect(i, verdict, reason);                                                        \
	} while (0)

static void test_verdict_each_rule_has_its_border(void **state)
{
	EXPECT(, VERDICT_FIT, "density 50.0, 50 is enough");
	EXPECT(i.n_records = 0; i.density = 0, VERDICT_UNFIT, "no samples");
	EXPECT(i.density = 0, VERDICT_UNFIT, "no samples");
	EXPECT(i.lost_share = 0.51, VERDICT_UNFIT, "51% of the samples were lost, limit 50%");
	EXPECT(i.invalid_share = 0.26, VERDICT_UNFIT, "26% of the ranges");
	EXPECT(i.is_ip_only = true, VERDICT_THIN, "instruction pointers only");
	EXPECT(i.density = 49.9, VERDICT_THIN, "take 1.0 times");
	EXPECT(i.density = 10, VERDICT_THIN, "density 10.0 of 50: take 5.0 times");
	EXPECT(i.n_samples = 999, VERDICT_THIN, "999 samples of 1000");
	EXPECT(i.kernel_age_ns++, VERDICT_STALE, "built 90.0 days ago, limit 90.0");
	EXPECT(i.kernel_age_ns = 400 * DAY_NS, VERDICT_STALE, "built 400.0 days ago");
	EXPECT(i.age_ns++, VERDICT_STALE, "counted 7.0 days ago, limit 7.0");
	EXPECT(i.overlap = 0.799, VERDICT_STALE, "79.9% in common");
}

static void test_verdict_of_several_is_the_first_in_order(void **state)
{
	EXPECT(i.lost_share = 1; i.density = 1; i.overlap = 0, VERDICT_UNFIT, "lost");
	EXPECT(i.lost_share = 1; i.invalid_share = 1; i.is_ip_only = true, VERDICT_UNFIT, "lost");
	EXPECT(i.is_ip_only = true; i.density = 1; i.age_ns *= 2, VERDICT_THIN, "pointers only");
	EXPECT(i.density = 1; i.n_samples = 0; i.overlap = 0, VERDICT_THIN, "density");
	EXPECT(i.n_samples = 0; i.kernel_age_ns *= 2, VERDICT_THIN, "0 samples");
	EXPECT(i.kernel_age_ns *= 2; i.age_ns *= 2, VERDICT_STALE, "kernel");
}

static void test_verdict_does_not_judge_what_is_not_known(void **state)
{
	struct verdict_input input = { VERDICT_INPUT_UNKNOWN };

	input.n_records = 1;
	input.density = 50;
	expect(input, VERDICT_FIT, "density");
}

/* As long as nobody sets a limit, nothing is judged that was not judged before there were some. */
static void test_verdict_by_default_asks_for_density_loss_and_ranges_only(void **state)
{
	const struct verdict_limits defaults = VERDICT_LIMITS_DEFAULT;
	struct verdict_input input = { .n_records = 1,
				       .density = 50,
				       .kernel_age_ns = UINT64_MAX - 1,
				       .age_ns = UINT64_MAX - 1 };

	assert_int_equal(verdict_judge(&input, &defaults).verdict, VERDICT_FIT);
	input.density = 49;
	assert_int_equal(verdict_judge(&input, &defaults).verdict, VERDICT_THIN);
	input.lost_share = 0.6;
	assert_int_equal(verdict_judge(&input, &defaults).verdict, VERDICT_UNFIT);
}

/* It changes no verdict, and is said behind every one. */
static void test_verdict_says_what_share_has_no_symbols(void **state)
{
	EXPECT(i.symbolized_share = 0.9, VERDICT_FIT,
	       "; 10% of the branches arrived where there are no symbols");
	EXPECT(i.symbolized_share = 0.5;
	       i.is_ip_only = true, VERDICT_THIN, "; 50% of the addresses have no symbols");
	EXPECT(i.symbolized_share = 0.994;
	       i.lost_share = 0.6, VERDICT_UNFIT, "; 0.6% of the branches");
	for (int i = 0; i < 3; i++) {
		struct verdict_input input = good;

		input.symbolized_share =
			(const double[]){ SHARE_UNKNOWN, VERDICT_SYMBOLIZED_ENOUGH, 1 }[i];
		assert_null(strchr(verdict_judge(&input, &limits).reason, ';'));
	}
}

static void test_verdict_names_are_the_documented_words(void **state)
{
	assert_string_equal(verdict_name(VERDICT_FIT), "fit");
	assert_string_equal(verdict_name(VERDICT_THIN), "thin");
	assert_string_equal(verdict_name(VERDICT_STALE), "stale");
	assert_string_equal(verdict_name(VERDICT_UNFIT), "unfit");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdict_each_rule_has_its_border),
		cmocka_unit_test(test_verdict_of_several_is_the_first_in_order),
		cmocka_unit_test(test_verdict_does_not_judge_what_is_not_known),
		cmocka_unit_test(test_verdict_by_default_asks_for_density_loss_and_ranges_only),
		cmocka_unit_test(test_verdict_says_what_share_has_no_symbols),
		cmocka_unit_test(test_verdict_names_are_the_documented_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
