/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "base/buf.h"
#include "base/problem.h"
#include "conf/settings.h"
#include "service/options.h"

static struct daemon_options options;
static enum options_action action;
static struct problem problem;

/* Ends with NULL. */
#define PARSE(...) parse((const char *const[]){ "autofdod", ##__VA_ARGS__, NULL })

static int parse(const char *const *arguments)
{
	int n = 0;

	while (arguments[n])
		n++;
	memset(&options, 0xaa, sizeof(options));
	action = (enum options_action)99;
	problem.text[0] = '\0';
	return options_parse(n, (char *const *)arguments, &options, &action, &problem);
}

static void test_options_without_arguments_are_the_defaults(void **state)
{
	static struct daemon_options defaults;

	assert_int_equal(PARSE(), 0);
	assert_int_equal(action, OPTIONS_RUN);
	options_set_defaults(&defaults);
	assert_memory_equal(&options, &defaults, sizeof(options));
	assert_int_equal(options.source.kind, OPTIONS_SOURCE_MACHINE);
	assert_int_equal(options.mode, OPTIONS_MODE_AUTO);
	assert_string_equal(options.event, "auto");
	assert_int_equal(options.period, 500009);
	assert_int_equal(options.cpus.kind, OPTIONS_CPUS_DEFAULT);
	assert_int_equal(options.ring_bytes, 65536);
	assert_true(options.max_overhead == 0.001);
	assert_int_equal(options.target_samples_per_hour, 0);
	assert_true(options.gate_open == 0.3);
	assert_true(options.gate_close == 0.2);
	assert_true(options.gate_window_ns == 10000000000u);
	assert_true(options.gate_min_open_ns == 30000000000u);
	assert_true(options.exclude_idle);
	assert_string_equal(options.idle_functions, "");
	assert_true(options.interval_ns == 3600000000000u);
	assert_true(options.accumulate);
	assert_string_equal(options.vmlinux, "auto");
	assert_string_equal(options.directory, "/var/lib/autofdod");
	assert_string_equal(options.user, "autofdod");
	assert_string_equal(options.status, "");
	assert_string_equal(options.config, "/etc/autofdod/autofdod.conf");
	assert_false(options.exit_at_end);
	assert_int_equal(options.log_level, OPTIONS_LOG_INFO);
}

static void test_options_take_values_both_ways(void **state)
{
	assert_int_equal(PARSE("--ring-size=128K", "--period", "1000003", "--accumulate=no",
			       "--mode", "ip", "--max-overhead=0.5%", "--interval", "10min"),
			 0);
	assert_int_equal(options.ring_bytes, 131072);
	assert_int_equal(options.period, 1000003);
	assert_false(options.accumulate);
	assert_int_equal(options.mode, OPTIONS_MODE_IP);
	assert_true(options.max_overhead == 0.005);
	assert_true(options.interval_ns == 600000000000u);
}

/* A bare one means yes, and does not eat what follows. */
static void test_options_of_yes_and_no_need_no_value(void **state)
{
	assert_int_equal(PARSE("--allow-degraded", "--period=2003"), 0);
	assert_true(options.allow_degraded);
	assert_int_equal(options.period, 2003);
	assert_int_equal(PARSE("--allow-degraded", "no"), OPTIONS_E_USAGE);
	assert_string_equal(problem.text, "unexpected argument 'no'");
}

static void test_options_given_twice_take_the_last(void **state)
{
	assert_int_equal(PARSE("--period=2003", "--period=3001"), 0);
	assert_int_equal(options.period, 3001);
}

static void test_options_unknown_or_without_value_are_refused(void **state)
{
	assert_int_equal(PARSE("--perod=3"), OPTIONS_E_USAGE);
	assert_string_equal(problem.text, "unknown option '--perod=3'");
	assert_int_equal(PARSE("--perio=2003"), OPTIONS_E_USAGE); /* no abbreviations */
	assert_int_equal(PARSE("--period"), OPTIONS_E_USAGE);
	assert_string_equal(problem.text, "--period wants a value: --period=N");
	assert_int_equal(PARSE("-x"), OPTIONS_E_USAGE);
	assert_int_equal(PARSE("file"), OPTIONS_E_USAGE);
	assert_int_equal(PARSE("--"), OPTIONS_E_USAGE);
	assert_int_equal(PARSE(""), OPTIONS_E_USAGE);
	assert_int_equal(PARSE("--check=yes"), OPTIONS_E_USAGE);
	assert_int_equal(action, 99);
}

static void test_options_bad_value_is_one_sentence(void **state)
{
	assert_int_equal(PARSE("--ring-size=1"), OPTIONS_E_USAGE);
	assert_string_equal(problem.text, "--ring-size: '1' is not a size from 4K to 16M");
	assert_int_equal(PARSE("--ring-size=12K"), OPTIONS_E_USAGE);
	assert_string_equal(problem.text, "--ring-size: '12K' is not a power of two");
	assert_int_equal(PARSE("--max-overhead=0%"), OPTIONS_E_USAGE);
	assert_int_equal(PARSE("--period=999"), OPTIONS_E_USAGE);
	assert_int_equal(PARSE("--period=1099511627777"), OPTIONS_E_USAGE);
	assert_int_equal(PARSE("--gate-window=500ms"), OPTIONS_E_USAGE);
	assert_int_equal(PARSE("--max-files=0"), OPTIONS_E_USAGE);
	assert_int_equal(PARSE("--directory="), OPTIONS_E_USAGE);
	assert_string_equal(problem.text, "--directory: there is no value");
}

static void test_options_source_is_the_machine_or_a_recording(void **state)
{
	assert_int_equal(PARSE("--source=recording:/a/perf.data"), 0);
	assert_int_equal(options.source.kind, OPTIONS_SOURCE_RECORDING);
	assert_string_equal(options.source.path, "/a/perf.data");
	assert_int_equal(options.source.samples_per_s, 0);
	assert_int_equal(PARSE("--source=recording:a,rate=b,rate=2500"), 0);
	assert_string_equal(options.source.path, "a,rate=b");
	assert_int_equal(options.source.samples_per_s, 2500);
	assert_int_equal(PARSE("--source=recording:a,rate=max"), 0);
	assert_int_equal(options.source.samples_per_s, 0);
	assert_int_equal(PARSE("--source=auto"), 0);
	assert_string_equal(options.source.path, "");
}

static void test_options_source_of_another_kind_is_refused(void **state)
{
	assert_int_equal(PARSE("--source=perf.data"), OPTIONS_E_USAGE);
	assert_string_equal(problem.text, "--source: 'perf.data' is neither auto nor "
					  "recording:FILE[,rate=N]");
	assert_int_equal(PARSE("--source=recording:"), OPTIONS_E_USAGE);
	assert_int_equal(PARSE("--source=recording:,rate=3"), OPTIONS_E_USAGE);
	assert_int_equal(PARSE("--source=recording:a,rate=0"), OPTIONS_E_USAGE);
	assert_int_equal(PARSE("--source=recording:a,rate=fast"), OPTIONS_E_USAGE);
	assert_string_equal(problem.text, "--source: rate: 'fast' is not a whole number from 1 to "
					  "1000000000, nor max");
}

static void test_options_cpus_are_a_word_or_a_list(void **state)
{
	assert_int_equal(PARSE("--cpus=0-3,8"), 0);
	assert_int_equal(options.cpus.kind, OPTIONS_CPUS_LIST);
	assert_int_equal(cpus_count(&options.cpus.list), 5);
	assert_true(cpus_has(&options.cpus.list, 8));
	assert_int_equal(PARSE("--cpus=all"), 0);
	assert_int_equal(options.cpus.kind, OPTIONS_CPUS_ALL);
	assert_int_equal(PARSE("--cpus="), OPTIONS_E_USAGE);
	assert_int_equal(PARSE("--cpus=3-1"), OPTIONS_E_USAGE);
	assert_int_equal(PARSE("--cpus=8192"), OPTIONS_E_USAGE);
	assert_non_null(strstr(problem.text, "below 8192"));
}

static void test_options_idle_functions_are_split_at_commas(void **state)
{
	const char *names[OPTIONS_N_NAMES_MAX];
	char text[OPTIONS_NAMES_SIZE];

	assert_int_equal(PARSE("--idle-functions=poll_idle,foo.isra.0,bar"), 0);
	assert_int_equal(options_idle_functions(&options, text, names), 3);
	assert_string_equal(names[0], "poll_idle");
	assert_string_equal(names[1], "foo.isra.0");
	assert_string_equal(names[2], "bar");
	assert_int_equal(PARSE("--idle-functions="), 0);
	assert_int_equal(options_idle_functions(&options, text, names), 0);
	assert_int_equal(PARSE("--idle-functions=a,,b"), OPTIONS_E_USAGE);
	assert_int_equal(PARSE("--idle-functions=a,"), OPTIONS_E_USAGE);
	assert_int_equal(PARSE("--idle-functions=a b"), OPTIONS_E_USAGE);
}

static void test_options_too_many_idle_functions_are_refused(void **state)
{
	char text[OPTIONS_NAMES_SIZE] = "--idle-functions=f";
	const char *names[OPTIONS_N_NAMES_MAX];
	char names_text[OPTIONS_NAMES_SIZE];

	for (unsigned int i = 1; i < OPTIONS_N_NAMES_MAX; i++)
		strcat(text, ",f");
	assert_int_equal(PARSE(text), 0);
	assert_int_equal(options_idle_functions(&options, names_text, names), OPTIONS_N_NAMES_MAX);
	strcat(text, ",f");
	assert_int_equal(PARSE(text), OPTIONS_E_USAGE);
	assert_string_equal(problem.text, "--idle-functions: more than 64 functions");
}

static void test_options_actions_are_told_apart(void **state)
{
	assert_int_equal(PARSE("--check"), 0);
	assert_int_equal(action, OPTIONS_CHECK);
	assert_int_equal(PARSE("--json", "--check", "--mode=ip"), 0);
	assert_int_equal(action, OPTIONS_CHECK_JSON);
	assert_int_equal(options.mode, OPTIONS_MODE_IP);
	assert_int_equal(PARSE("--check-config"), 0);
	assert_int_equal(action, OPTIONS_CHECK_CONFIG);
	assert_int_equal(PARSE("--show-config"), 0);
	assert_int_equal(action, OPTIONS_SHOW_CONFIG);
	assert_int_equal(PARSE("--version"), 0);
	assert_int_equal(action, OPTIONS_VERSION);
	assert_int_equal(PARSE("--check", "--help"), 0);
	assert_int_equal(action, OPTIONS_HELP);
	assert_int_equal(PARSE("-h"), 0);
	assert_int_equal(action, OPTIONS_HELP);
	assert_int_equal(PARSE("--json"), OPTIONS_E_USAGE);
}

static void test_options_relative_paths_become_absolute(void **state)
{
	assert_int_equal(PARSE("--source=recording:perf.data", "--vmlinux=../vmlinux",
			       "--directory=/out", "--status=s.json"),
			 0);
	assert_int_equal(options_resolve_paths(&options, "/home/x", &problem), 0);
	assert_string_equal(options.source.path, "/home/x/perf.data");
	assert_string_equal(options.vmlinux, "/home/x/../vmlinux");
	assert_string_equal(options.directory, "/out");
	assert_string_equal(options.status, "/home/x/s.json");
}

static void test_options_words_that_are_no_paths_stay(void **state)
{
	assert_int_equal(PARSE(), 0);
	assert_int_equal(options_resolve_paths(&options, "/home/x", &problem), 0);
	assert_string_equal(options.source.path, "");
	assert_string_equal(options.vmlinux, "auto");
	assert_string_equal(options.status, "");
}

static void test_options_path_too_long_to_be_absolute_is_refused(void **state)
{
	static char directory[PATH_MAX];

	memset(directory, 'd', sizeof(directory) - 1);
	assert_int_equal(PARSE("--status=s"), 0);
	assert_int_equal(options_resolve_paths(&options, directory, &problem), -36);
	directory[PATH_MAX - 2] = '\0'; /* one too many, with "/s" */
	assert_int_equal(options_resolve_paths(&options, directory, &problem), -36);
	directory[PATH_MAX - 3] = '\0'; /* room for "/s" */
	assert_int_equal(options_resolve_paths(&options, directory, &problem), 0);
	assert_int_equal(strlen(options.status), PATH_MAX - 1);
}

/* Wherever a value can stand: printed, it is read again. */
static void test_options_of_every_row_are_shown_and_read_back(void **state)
{
	size_t n;
	const struct conf_setting *settings = options_settings(&n);
	static struct daemon_options again;

	assert_int_equal(PARSE("--source=recording:x,rate=7", "--cpus=1,3-5,8191",
			       "--idle-functions=a,b", "--gate-open=33.3%"),
			 0);
	memset(&again, 0, sizeof(again));
	for (size_t i = 0; i < n; i++) {
		struct buf text cleanup(buf_deinit) = BUF_INIT(10000);

		conf_setting_show(&settings[i], &options, &text);
		buf_u8(&text, 0);
		assert_int_equal(conf_setting_set(&settings[i], (char *)text.data, &again, NULL),
				 0);
	}
	assert_memory_equal(&options, &again, sizeof(options));
}

static void test_options_rows_are_whole_and_distinct(void **state)
{
	size_t n;
	const struct conf_setting *s = options_settings(&n);

	for (size_t i = 0; i < n; i++) {
		assert_non_null(s[i].option);
		assert_non_null(s[i].help);
		assert_non_null(s[i].value_name);
		assert_true(!s[i].section == !s[i].key);
		assert_ptr_equal(conf_setting_find_option(s, n, s[i].option, strlen(s[i].option)),
				 &s[i]);
		if (s[i].section)
			assert_ptr_equal(conf_setting_find_key(s, n, s[i].section, s[i].key),
					 &s[i]);
		assert_true(s[i].offset < sizeof(struct daemon_options));
	}
}

/* On a terminal of 60 columns no line of it wraps, and every setting is in it once. */
static void test_options_help_is_narrow_and_complete(void **state)
{
	struct buf text cleanup(buf_deinit) = BUF_INIT(100000);
	size_t n, n_settings;
	const struct conf_setting *settings = options_settings(&n_settings);
	char *line, *rest;

	options_help(&text);
	assert_int_equal(text.error, 0);
	buf_u8(&text, 0);
	for (size_t i = 0; i < n_settings; i++) {
		char option[80] = "\n  --";
		const char *at;

		strcat(strcat(option, settings[i].option),
		       settings[i].type == CONF_BOOL ? "[=" : "=");
		at = strstr((char *)text.data, option);
		assert_non_null(at);
		assert_null(strstr(at + 1, option));
	}
	rest = (char *)text.data;
	while ((line = strsep(&rest, "\n"))) {
		n = strlen(line);
		assert_true(n <= 60);
		assert_true(n == 0 || line[n - 1] != ' ');
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options_without_arguments_are_the_defaults),
		cmocka_unit_test(test_options_take_values_both_ways),
		cmocka_unit_test(test_options_of_yes_and_no_need_no_value),
		cmocka_unit_test(test_options_given_twice_take_the_last),
		cmocka_unit_test(test_options_unknown_or_without_value_are_refused),
		cmocka_unit_test(test_options_bad_value_is_one_sentence),
		cmocka_unit_test(test_options_source_is_the_machine_or_a_recording),
		cmocka_unit_test(test_options_source_of_another_kind_is_refused),
		cmocka_unit_test(test_options_cpus_are_a_word_or_a_list),
		cmocka_unit_test(test_options_idle_functions_are_split_at_commas),
		cmocka_unit_test(test_options_too_many_idle_functions_are_refused),
		cmocka_unit_test(test_options_actions_are_told_apart),
		cmocka_unit_test(test_options_relative_paths_become_absolute),
		cmocka_unit_test(test_options_words_that_are_no_paths_stay),
		cmocka_unit_test(test_options_path_too_long_to_be_absolute_is_refused),
		cmocka_unit_test(test_options_of_every_row_are_shown_and_read_back),
		cmocka_unit_test(test_options_rows_are_whole_and_distinct),
		cmocka_unit_test(test_options_help_is_narrow_and_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
