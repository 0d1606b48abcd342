/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "kernel/build_time.h"

#define NOV_20_2025 1763596800u /* date -ud 2025-11-20 +%s */

/* As kernels, Debian, Fedora, RHEL, Ubuntu and Arch write it. */
static void test_build_time_of_distributions_is_the_day(void **state)
{
	static const char *const versions[] = {
		"#1 SMP PREEMPT_DYNAMIC Thu Nov 20 16:30:32 UTC 2025",
		"#1 SMP PREEMPT_DYNAMIC Debian 6.1.158-1 (2025-11-20)",
		"#1 SMP PREEMPT_DYNAMIC Thu Nov 20 08:13:25 EST 2025",
		"#33-Ubuntu SMP PREEMPT_RT Thu Nov 20 12:00:00 2025",
		"#12 Thu Nov 20 09:00:00 +0100 2025",
		"(2025-11-20)",
		"Nov 20 00:00:00 UTC 2025",
	};

	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		assert_int_equal(kernel_build_time_s(versions[i]), NOV_20_2025);
	assert_int_equal(kernel_build_time_s("#1 SMP Thu Nov  6 16:30:32 UTC 2025"), 1762387200);
}

/* Cut at 64 characters, a constant of reproducible builds, and what is no date. */
static void test_build_time_that_is_not_told_is_none(void **state)
{
	static const char *const versions[] = {
		"",
		"#1",
		"#1 SMP PREEMPT_DYNAMIC",
		"#21~22.04.1-Ubuntu SMP PREEMPT_DYNAMIC Fri Feb  9 13:32:52 UTC 2",
		"#21~22.04.1-Ubuntu SMP PREEMPT_DYNAMIC Fri Feb  9 13:32:52 UTC 202",
		"#21~22.04.1-Ubuntu SMP PREEMPT_DYNAMIC Fri Feb  9 13:32:52 UTC ",
		"#21~22.04.1-Ubuntu SMP PREEMPT_DYNAMIC Fri Feb  9 13:32:52",
		"#1-NixOS SMP PREEMPT_DYNAMIC Tue Jan  1 00:00:00 UTC 1980",
		"#1 SMP Thu Jan  1 00:00:00 UTC 1970",
		"#1 SMP Thu Nov 32 00:00:00 UTC 2025",
		"#1 SMP Thu Nov 99999999999 00:00:00 UTC 2025",
		"#1 SMP Thu ovD 20 00:00:00 UTC 2025",
		"#1 SMP (2025-13-20)",
		"#1 SMP (2025-00-20)",
		"#1 SMP (-999-11-20)",
		"x(2025-11-20)",
	};

	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		if (kernel_build_time_s(versions[i]) != 0)
			fail_msg("%s", versions[i]);
}

/* Every beginning of one, as uname(2) may cut it: the day or nothing. */
static void test_build_time_cut_anywhere_is_the_day_or_none(void **state)
{
	static const char whole[] = "#1 SMP PREEMPT_DYNAMIC Thu Nov 20 16:30:32 UTC 2025";
	char cut[sizeof(whole)];

	for (size_t n = 0; n < sizeof(whole); n++) {
		snprintf(cut, sizeof(cut), "%.*s", (int)n, whole);
		assert_int_equal(kernel_build_time_s(cut),
				 n == sizeof(whole) - 1 ? NOV_20_2025 : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_build_time_of_distributions_is_the_day),
		cmocka_unit_test(test_build_time_that_is_not_told_is_none),
		cmocka_unit_test(test_build_time_cut_anywhere_is_the_day_or_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
