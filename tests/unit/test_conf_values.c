/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include "base/macros.h"
#include "base/problem.h"
#include "conf/values.h"

#define ANY ((struct conf_range){ 0, UINT64_MAX })
#define S 1000000000ull

static uint64_t size_of(const char *text)
{
	uint64_t bytes = 0;

	assert_int_equal(conf_parse_size(text, ANY, &bytes, NULL), 0);
	return bytes;
}

static uint64_t time_of(const char *text)
{
	uint64_t ns = 0;

	assert_int_equal(conf_parse_time(text, ANY, &ns, NULL), 0);
	return ns;
}

static double share_of(const char *text)
{
	double share = -1;

	assert_int_equal(conf_parse_share(text, ANY, &share, NULL), 0);
	return share;
}

static void test_bool_of_all_spellings_is_read(void **state)
{
	static const char *const yes[] = { "yes", "on", "true", "1", "YES", "True" };
	static const char *const no[] = { "no", "off", "false", "0", "No" };
	bool value;

	for (size_t i = 0; i < array_size(yes); i++) {
		value = false;
		assert_int_equal(conf_parse_bool(yes[i], &value, NULL), 0);
		assert_true(value);
	}
	for (size_t i = 0; i < array_size(no); i++) {
		value = true;
		assert_int_equal(conf_parse_bool(no[i], &value, NULL), 0);
		assert_false(value);
	}
}

static void test_bool_of_something_else_is_refused(void **state)
{
	struct problem problem;
	bool value = true;

	assert_int_equal(conf_parse_bool("maybe", &value, &problem), -EINVAL);
	assert_string_equal(problem.text, "'maybe' is neither yes nor no");
	assert_true(value);
	assert_int_equal(conf_parse_bool("", &value, &problem), -EINVAL);
	assert_int_equal(conf_parse_bool("yes ", &value, &problem), -EINVAL);
}

static void test_count_at_its_bounds_is_read(void **state)
{
	struct conf_range range = { 3, 17 };
	uint64_t n = 99;

	assert_int_equal(conf_parse_count("3", range, &n, NULL), 0);
	assert_int_equal(n, 3);
	assert_int_equal(conf_parse_count("017", range, &n, NULL), 0);
	assert_int_equal(n, 17);
}

static void test_count_beyond_its_bounds_says_them(void **state)
{
	static const char *const bad[] = { "2",
					   "18",
					   "",
					   "-4",
					   "+4",
					   " 4",
					   "4 ",
					   "4.",
					   "4.0",
					   "0x4",
					   "4K",
					   "99999999999999999999",
					   "18446744073709551620" /* 2^64 + 4 */ };
	struct conf_range range = { 3, 17 };
	struct problem problem;
	uint64_t n = 99;

	for (size_t i = 0; i < array_size(bad); i++)
		assert_int_equal(conf_parse_count(bad[i], range, &n, &problem), -EINVAL);
	assert_int_equal(n, 99);
	assert_int_equal(conf_parse_count("18", range, &n, &problem), -EINVAL);
	assert_string_equal(problem.text, "'18' is not a whole number from 3 to 17");
}

static void test_size_with_units_is_in_powers_of_1024(void **state)
{
	assert_true(size_of("0") == 0);
	assert_true(size_of("4096") == 4096);
	assert_true(size_of("4096B") == 4096);
	assert_true(size_of("64K") == 65536);
	assert_true(size_of("64KB") == 65536);
	assert_true(size_of("1M") == 1048576);
	assert_true(size_of("2G") == 2147483648ull);
	assert_true(size_of("3T") == 3298534883328ull);
	assert_true(size_of("1.5K") == 1536);
	/* 2^64 - 2^50, the last that is whole */
	assert_true(size_of("16383P") == 16383ull << 50);
}

static void test_size_that_is_none_says_what_one_is(void **state)
{
	static const char *const bad[] = { "",	  "K",	   "64Q", "64k",  "-1",	  "1.5",
					   "1.K", "1..5K", ".5K", "64 K", "64KK", "64BB" };
	struct problem problem;
	uint64_t bytes = 7;

	for (size_t i = 0; i < array_size(bad); i++)
		assert_int_equal(conf_parse_size(bad[i], ANY, &bytes, &problem), -EINVAL);
	assert_int_equal(conf_parse_size("64Q", ANY, &bytes, &problem), -EINVAL);
	assert_string_equal(problem.text, "'64Q' is not a size: bytes, or with K, M, G or T behind "
					  "the number, powers of 1024");
	assert_int_equal(bytes, 7);
}

static void test_size_that_does_not_fit_is_refused(void **state)
{
	struct conf_range range = { 4096, 16777216 };
	struct problem problem;
	uint64_t bytes = 7;

	assert_int_equal(conf_parse_size("16384P", ANY, &bytes, &problem), -EINVAL);
	assert_int_equal(conf_parse_size("4095", range, &bytes, &problem), -EINVAL);
	assert_int_equal(conf_parse_size("17M", range, &bytes, &problem), -EINVAL);
	assert_string_equal(problem.text, "'17M' is not a size from 4K to 16M");
	assert_int_equal(bytes, 7);
	assert_int_equal(conf_parse_size("16M", range, &bytes, &problem), 0);
	assert_int_equal(conf_parse_size("4K", range, &bytes, &problem), 0);
}

static void test_time_of_terms_is_their_sum(void **state)
{
	assert_true(time_of("0") == 0);
	assert_true(time_of("2") == 2 * S);
	assert_true(time_of("10min") == 600 * S);
	assert_true(time_of("1h 30min") == 5400 * S);
	assert_true(time_of("1h30m") == 5400 * S);
	assert_true(time_of("1 hour 30 minutes") == 5400 * S);
	assert_true(time_of("500ms") == S / 2);
	assert_true(time_of("250us") == 250000);
	assert_true(time_of("1.5h") == 5400 * S);
	assert_true(time_of("1d 1w") == 8 * 86400 * S);
	assert_true(time_of("0.000000001") == 1);
	assert_true(time_of("infinity") == CONF_TIME_INFINITY);
}

static void test_time_that_is_none_gives_examples(void **state)
{
	static const char *const bad[] = { "",	  " ",	  "h",	 "1x",	"1H",	    "-1s",
					   " 1s", "1h,2", "1hh", "1.h", "Infinity", "infinity 1s" };
	struct problem problem;
	uint64_t ns = 7;

	for (size_t i = 0; i < array_size(bad); i++)
		assert_int_equal(conf_parse_time(bad[i], ANY, &ns, &problem), -EINVAL);
	assert_int_equal(conf_parse_time("1x", ANY, &ns, &problem), -EINVAL);
	assert_string_equal(problem.text, "'1x' is not a time, such as 90s, 500ms or 1h 30min");
	assert_int_equal(ns, 7);
}

static void test_time_beyond_its_range_says_it(void **state)
{
	struct conf_range range = { S, 3600 * S };
	struct problem problem;
	uint64_t ns = 7;

	assert_int_equal(conf_parse_time("999ms", range, &ns, &problem), -EINVAL);
	assert_int_equal(conf_parse_time("61min", range, &ns, &problem), -EINVAL);
	assert_string_equal(problem.text, "'61min' is not a time from 1s to 1h");
	assert_int_equal(conf_parse_time("infinity", range, &ns, &problem), -EINVAL);
	assert_int_equal(ns, 7);
}

/* 2^64 ns are 584 years; a sum must neither wrap nor become infinity. */
static void test_time_too_long_for_64_bits_is_refused(void **state)
{
	uint64_t ns = 7;

	assert_int_equal(conf_parse_time("30501w", ANY, &ns, NULL), -EINVAL);
	assert_int_equal(conf_parse_time("30500w 1w", ANY, &ns, NULL), -EINVAL);
	assert_int_equal(conf_parse_time("18446744073s 709551615us", ANY, &ns, NULL), -EINVAL);
	assert_int_equal(conf_parse_time("18446744073.709551615s", ANY, &ns, NULL), -EINVAL);
	/* 2^64 - 1 */
	assert_int_equal(conf_parse_time("18446744073s 709ms 551us 0.000000615s", ANY, &ns, NULL),
			 -EINVAL);
	assert_int_equal(conf_parse_time("999999999999999999w", ANY, &ns, NULL), -EINVAL);
	assert_int_equal(ns, 7);
	assert_int_equal(conf_parse_time("30500w", ANY, &ns, NULL), 0);
}

static void test_share_is_the_nearest_double(void **state)
{
	assert_true(share_of("0.1%") == 0.001);
	assert_true(share_of("30%") == 0.3);
	assert_true(share_of("20%") == 0.2);
	assert_true(share_of("0.0001%") == 0.000001);
	assert_true(share_of("100%") == 1);
	assert_true(share_of("0%") == 0);
}

static void test_share_without_a_sign_is_refused(void **state)
{
	static const char *const bad[] = { "",	  "%",	 "30",	 "-1%",	 "1e1%",
					   "1.%", ".1%", "30%%", "nan%", "0.1000000000%" };
	struct problem problem;
	double share = 7;

	for (size_t i = 0; i < array_size(bad); i++)
		assert_int_equal(conf_parse_share(bad[i], ANY, &share, &problem), -EINVAL);
	assert_int_equal(conf_parse_share("30", ANY, &share, &problem), -EINVAL);
	assert_string_equal(problem.text,
			    "'30' is not a percentage, such as 0.1% or 30%, of at most 9 decimals");
	assert_true(share == 7);
}

static void test_share_beyond_its_range_says_it(void **state)
{
	struct conf_range range = { 1, 1000000 };
	struct problem problem;
	double share = 7;

	assert_int_equal(conf_parse_share("0.00009%", range, &share, &problem), -EINVAL);
	assert_int_equal(conf_parse_share("100.000000001%", range, &share, &problem), -EINVAL);
	assert_string_equal(problem.text, "'100.000000001%' is not a percentage from 0.0001% "
					  "to 100%");
	assert_true(share == 7);
	assert_int_equal(conf_parse_share("0.0001%", range, &share, &problem), 0);
	assert_int_equal(conf_parse_share("100%", range, &share, &problem), 0);
}

static void test_choice_is_an_index_or_a_list(void **state)
{
	static const char *const names[] = { "auto", "branch", "ip" };
	struct problem problem;
	unsigned int i = 7;

	assert_int_equal(conf_parse_choice("ip", names, 3, &i, &problem), 0);
	assert_int_equal(i, 2);
	assert_int_equal(conf_parse_choice("IP", names, 3, &i, &problem), -EINVAL);
	assert_string_equal(problem.text, "'IP' is not one of auto, branch or ip");
	assert_int_equal(i, 2);
}

static void test_value_of_a_hostile_length_is_quoted_in_part(void **state)
{
	char text[5000];
	struct problem problem;
	uint64_t n;

	memset(text, '\x1b', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(conf_parse_count(text, (struct conf_range){ 0, 9 }, &n, &problem),
			 -EINVAL);
	assert_non_null(strstr(problem.text, "' is not a whole number from 0 to 9"));
	assert_null(strchr(problem.text, '\x1b'));
	memset(text, '9', sizeof(text) - 1);
	assert_int_equal(conf_parse_size(text, ANY, &n, &problem), -EINVAL);
	assert_int_equal(conf_parse_time(text, ANY, &n, &problem), -EINVAL);
}

static void test_format_is_read_back_as_the_same_value(void **state)
{
	static const uint64_t sizes[] = { 0, 1, 1023, 1024, 1536, 65536, 1u << 20, 5ull << 40 };
	static const uint64_t times[] = { 0,	     1000,     S / 2,	  S,
					  90 * S,    5400 * S, 86400 * S, 694861 * S + 1001000,
					  UINT64_MAX };
	static const double shares[] = { 0, 0.001, 0.3, 0.2, 0.000001, 1, 0.12345678901, 1.0 / 3 };
	char text[CONF_VALUE_SIZE];

	for (size_t i = 0; i < array_size(sizes); i++)
		assert_true(size_of(conf_format_size(sizes[i], text)) == sizes[i]);
	for (size_t i = 0; i < array_size(times); i++)
		assert_true(time_of(conf_format_time(times[i], text)) == times[i]);
	for (size_t i = 0; i < array_size(shares); i++) {
		double again = share_of(conf_format_share(shares[i], text));

		assert_true(again >= shares[i] - 5.01e-12 && again <= shares[i] + 5.01e-12);
	}
}

static void test_format_is_what_a_person_would_write(void **state)
{
	char text[CONF_VALUE_SIZE];

	assert_string_equal(conf_format_size(65536, text), "64K");
	assert_string_equal(conf_format_size(1536, text), "1536");
	assert_string_equal(conf_format_size(0, text), "0");
	assert_string_equal(conf_format_time(0, text), "0s");
	assert_string_equal(conf_format_time(600 * S, text), "10min");
	assert_string_equal(conf_format_time(5400 * S, text), "1h 30min");
	assert_string_equal(conf_format_time(694861 * S + 1001000, text),
			    "1w 1d 1h 1min 1s 1ms 1us");
	assert_string_equal(conf_format_share(0.001, text), "0.1%");
	assert_string_equal(conf_format_share(0.3, text), "30%");
	assert_string_equal(conf_format_share(0.000001, text), "0.0001%");
	assert_string_equal(conf_format_share(0, text), "0%");
	assert_string_equal(conf_format_share(1, text), "100%");
	assert_string_equal(conf_format_share(1.0 / 3, text), "33.333333333%");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bool_of_all_spellings_is_read),
		cmocka_unit_test(test_bool_of_something_else_is_refused),
		cmocka_unit_test(test_count_at_its_bounds_is_read),
		cmocka_unit_test(test_count_beyond_its_bounds_says_them),
		cmocka_unit_test(test_size_with_units_is_in_powers_of_1024),
		cmocka_unit_test(test_size_that_is_none_says_what_one_is),
		cmocka_unit_test(test_size_that_does_not_fit_is_refused),
		cmocka_unit_test(test_time_of_terms_is_their_sum),
		cmocka_unit_test(test_time_that_is_none_gives_examples),
		cmocka_unit_test(test_time_beyond_its_range_says_it),
		cmocka_unit_test(test_time_too_long_for_64_bits_is_refused),
		cmocka_unit_test(test_share_is_the_nearest_double),
		cmocka_unit_test(test_share_without_a_sign_is_refused),
		cmocka_unit_test(test_share_beyond_its_range_says_it),
		cmocka_unit_test(test_choice_is_an_index_or_a_list),
		cmocka_unit_test(test_value_of_a_hostile_length_is_quoted_in_part),
		cmocka_unit_test(test_format_is_read_back_as_the_same_value),
		cmocka_unit_test(test_format_is_what_a_person_would_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
