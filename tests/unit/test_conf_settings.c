/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include "base/buf.h"
#include "base/problem.h"
#include "conf/settings.h"

struct target {
	bool flag;
	uint64_t count, bytes, ns;
	double share;
	unsigned int choice;
	char text[8];
	char twice[16];
};

static int set_twice(const char *text, void *field, struct problem *problem)
{
	if (strlen(text) > 7)
		return problem_set(problem, -EINVAL, "too long to be said twice");
	strcpy(field, text);
	strcat(field, text);
	return 0;
}

static void show_twice(const void *field, struct buf *text)
{
	buf_append(text, field, strlen(field) / 2);
}

static const char *const choices[] = { "red", "green", NULL };

#define FIELD(name) .offset = offsetof(struct target, name)

static const struct conf_setting settings[] = {
	{ "A", "Flag", "flag", CONF_BOOL, FIELD(flag), .default_text = "yes" },
	{ "A", "Count", "count", CONF_COUNT, FIELD(count), .range = { 1, 64 },
	  .is_power_of_two = true, .default_text = "8" },
	{ "A", "Bytes", "bytes", CONF_SIZE, FIELD(bytes), .range = { 1, 65536 },
	  .default_text = "4K" },
	{ "B", "Time", "time", CONF_TIME, FIELD(ns), .range = { 0, UINT64_MAX },
	  .default_text = "1min" },
	{ "B", "Share", "share", CONF_SHARE, FIELD(share), .range = { 0, 1000000 },
	  .default_text = "5%" },
	{ "B", "Choice", "choice", CONF_CHOICE, FIELD(choice), .choices = choices,
	  .default_text = "green" },
	{ "B", "Flag", "text", CONF_TEXT, FIELD(text), .size = 8, .default_text = "seven77" },
	{ NULL, NULL, "twice", CONF_CUSTOM, FIELD(twice), .set = set_twice, .show = show_twice,
	  .default_text = "ab" },
};

static struct target defaults(void)
{
	struct target target;

	memset(&target, 0, sizeof(target));
	assert_int_equal(conf_settings_default(settings, array_size(settings), &target, NULL), 0);
	return target;
}

static const struct conf_setting *find(const char *option)
{
	return conf_setting_find_option(settings, array_size(settings), option, strlen(option));
}

static void test_settings_defaults_are_those_of_the_table(void **state)
{
	struct target t = defaults();

	assert_true(t.flag);
	assert_int_equal(t.count, 8);
	assert_int_equal(t.bytes, 4096);
	assert_true(t.ns == 60000000000ull);
	assert_true(t.share == 0.05);
	assert_int_equal(t.choice, 1);
	assert_string_equal(t.text, "seven77");
	assert_string_equal(t.twice, "abab");
}

static void test_settings_with_a_bad_default_name_the_setting(void **state)
{
	struct conf_setting bad = settings[1];
	struct problem problem;
	struct target t;

	bad.default_text = "65";
	assert_int_equal(conf_settings_default(&bad, 1, &t, &problem), -EINVAL);
	assert_string_equal(problem.text,
			    "default of count: '65' is not a whole number from 1 to 64");
}

static void test_settings_bad_value_leaves_the_target(void **state)
{
	static const struct {
		const char *option, *value;
	} bad[] = {
		{ "flag", "2" },      { "count", "7" },	      { "count", "0" },
		{ "bytes", "65537" }, { "time", "1x" },	      { "share", "100.1%" },
		{ "choice", "blue" }, { "text", "eight888" }, { "text", "" },
		{ "text", "a\nb" },   { "text", "a\x7f" },    { "twice", "12345678" },
	};
	struct target before = defaults(), t = before;
	struct problem problem;

	for (size_t i = 0; i < array_size(bad); i++) {
		problem.text[0] = '\0';
		assert_int_equal(conf_setting_set(find(bad[i].option), bad[i].value, &t, &problem),
				 -EINVAL);
		assert_true(problem.text[0]);
		assert_memory_equal(&t, &before, sizeof(t));
	}
}

static void test_settings_value_between_powers_of_two_is_refused(void **state)
{
	struct target t = defaults();
	struct problem problem;

	assert_int_equal(conf_setting_set(find("count"), "12", &t, &problem), -EINVAL);
	assert_string_equal(problem.text, "'12' is not a power of two");
	assert_int_equal(conf_setting_set(find("count"), "64", &t, &problem), 0);
	assert_int_equal(t.count, 64);
}

static void test_settings_optional_text_may_be_empty(void **state)
{
	struct conf_setting optional = settings[6];
	struct target t = defaults();

	optional.is_optional = true;
	assert_int_equal(conf_setting_set(&optional, "", &t, NULL), 0);
	assert_string_equal(t.text, "");
}

static void test_settings_shown_are_read_back(void **state)
{
	struct target t = defaults(), again;

	memset(&again, 0, sizeof(again));
	for (size_t i = 0; i < array_size(settings); i++) {
		struct buf text cleanup(buf_deinit) = BUF_INIT(1000);

		conf_setting_show(&settings[i], &t, &text);
		buf_u8(&text, 0);
		assert_string_equal((char *)text.data, settings[i].default_text);
		assert_int_equal(conf_setting_set(&settings[i], (char *)text.data, &again, NULL),
				 0);
	}
	assert_memory_equal(&t, &again, sizeof(t));
}

static void test_settings_are_found_by_whole_names(void **state)
{
	size_t n = array_size(settings);

	assert_ptr_equal(find("bytes"), &settings[2]);
	assert_null(find("byte"));
	assert_null(find("bytess"));
	assert_null(find(""));
	assert_ptr_equal(conf_setting_find_option(settings, n, "count=3", 5), &settings[1]);
	assert_ptr_equal(conf_setting_find_key(settings, n, "A", "Flag"), &settings[0]);
	assert_ptr_equal(conf_setting_find_key(settings, n, "B", "Flag"), &settings[6]);
	assert_null(conf_setting_find_key(settings, n, "B", "Count"));
	assert_null(conf_setting_find_key(settings, n, "A", "flag"));
}

static void test_settings_ranges_are_said_in_words(void **state)
{
	static const char *const words[] = { "",	   "1 to 64, a power of two",
					     "1 to 64K",   "0s to infinity",
					     "0% to 100%", "red, green",
					     "",	   "" };

	for (size_t i = 0; i < array_size(settings); i++) {
		struct buf text cleanup(buf_deinit) = BUF_INIT(1000);

		conf_setting_describe_range(&settings[i], &text);
		buf_u8(&text, 0);
		assert_string_equal((char *)text.data, words[i]);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_settings_defaults_are_those_of_the_table),
		cmocka_unit_test(test_settings_with_a_bad_default_name_the_setting),
		cmocka_unit_test(test_settings_bad_value_leaves_the_target),
		cmocka_unit_test(test_settings_value_between_powers_of_two_is_refused),
		cmocka_unit_test(test_settings_optional_text_may_be_empty),
		cmocka_unit_test(test_settings_shown_are_read_back),
		cmocka_unit_test(test_settings_are_found_by_whole_names),
		cmocka_unit_test(test_settings_ranges_are_said_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
