/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "base/buf.h"
#include "base/problem.h"
#include "conf/load.h"
#include "conf/settings.h"
#include "service/options.h"

static struct daemon_options options;
static struct conf_report report;
static struct problem problem;
static char dir[64], config_argument[100];

static int set_up(void **state)
{
	strcpy(dir, "/tmp/test-options-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(config_argument, sizeof(config_argument), "--config=%s/a.conf", dir);
	return 0;
}

static int tear_down(void **state)
{
	char command[100];

	conf_report_deinit(&report);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command); /* NOLINT(cert-env33-c): ours alone */
}

static void write_text(const char *name, const char *text)
{
	char path[200];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* With --config=dir/a.conf before the others. */
#define LOAD(...) load((const char *const[]){ "autofdod", config_argument, ##__VA_ARGS__, NULL })

static int load(const char *const *arguments)
{
	int n = 0;

	while (arguments[n])
		n++;
	conf_report_deinit(&report);
	memset(&options, 0xaa, sizeof(options));
	problem.text[0] = '\0';
	return options_load(n, (char *const *)arguments, "/work", &options, &report, &problem);
}

/* The first error; the directory as "D". */
static const char *said(void)
{
	static char shown[2000];
	struct buf text cleanup(buf_deinit) = BUF_INIT(10000);
	char *at;

	assert_true(report.errors.n > 0);
	conf_error_show(&report.errors.items[0], &text);
	buf_u8(&text, 0);
	strcpy(shown, (char *)text.data);
	while ((at = strstr(shown, dir))) {
		*at = 'D';
		memmove(at + 1, at + strlen(dir), strlen(at + strlen(dir)) + 1);
	}
	return shown;
}

static const struct conf_place *place_of(const char *option)
{
	size_t n;
	const struct conf_setting *s = options_settings(&n);

	return &report.places[conf_setting_find_option(s, n, option, strlen(option)) - s];
}

static void test_options_load_command_line_has_the_last_word(void **state)
{
	write_text("a.conf", "[Sampling]\nPeriod=2003\nRingSize=128K\n");
	assert_int_equal(LOAD("--period=3001", "--status=s"), 0);
	assert_int_equal(options.period, 3001);
	assert_int_equal(options.ring_bytes, 131072);
	assert_true(options.gate_open == 0.3);
	assert_string_equal(options.status, "/work/s");
	assert_int_equal(place_of("period")->origin, CONF_ORIGIN_OPTION);
	assert_int_equal(place_of("ring-size")->origin, CONF_ORIGIN_FILE);
	assert_int_equal(place_of("ring-size")->line, 3);
	assert_int_equal(place_of("gate-open")->origin, CONF_ORIGIN_DEFAULT);
}

static void test_options_load_empty_file_gives_the_defaults(void **state)
{
	static struct daemon_options defaults;

	write_text("a.conf", "");
	assert_int_equal(LOAD(), 0);
	options_set_defaults(&defaults);
	snprintf(defaults.config, sizeof(defaults.config), "%s/a.conf", dir);
	assert_memory_equal(&options, &defaults, sizeof(options));
}

static void test_options_load_named_file_that_is_missing_is_an_error(void **state)
{
	assert_int_equal(LOAD(), OPTIONS_E_CONFIG);
	assert_string_equal(said(), "D/a.conf: No such file or directory");
}

static void test_options_load_wrong_usage_is_told_before_files_are_read(void **state)
{
	assert_int_equal(LOAD("--period=1"), OPTIONS_E_USAGE);
	assert_non_null(strstr(problem.text, "--period: '1' is not"));
	assert_int_equal(report.errors.n, 0);
}

static void test_options_load_failure_leaves_the_options(void **state)
{
	static struct daemon_options before;

	memset(&before, 0xaa, sizeof(before));
	write_text("a.conf", "[Sampling]\nPeriod=2003\nMode=no\n");
	assert_int_equal(LOAD(), OPTIONS_E_CONFIG);
	assert_memory_equal(&options, &before, sizeof(options));
}

/* Both are named, as they were given. */
static void test_options_load_contradictions_name_both_sides(void **state)
{
	write_text("a.conf", "[Gate]\nCloseUtilization=50%\n");
	assert_int_equal(LOAD(), OPTIONS_E_CONFIG);
	assert_string_equal(said(),
			    "D/a.conf:2: [Gate] CloseUtilization: the gate would never stay open: "
			    "CloseUtilization=50% is above OpenUtilization=30%, the default");
	assert_int_equal(LOAD("--gate-open=40%"), OPTIONS_E_CONFIG);
	assert_string_equal(said(),
			    "D/a.conf:2: [Gate] CloseUtilization: the gate would never stay open: "
			    "CloseUtilization=50% is above --gate-open=40%");
	assert_int_equal(LOAD("--gate-open=50%"), 0);
	write_text("a.conf", "[Gate]\nOpenUtilization=10%\n");
	assert_int_equal(LOAD(), OPTIONS_E_CONFIG);
	assert_string_equal(said(),
			    "D/a.conf:2: [Gate] OpenUtilization: the gate would never stay open: "
			    "CloseUtilization=20%, the default, is above OpenUtilization=10%");
	write_text("a.conf", "[Gate]\nCloseUtilization=11%\nOpenUtilization=10%\n");
	assert_int_equal(LOAD(), OPTIONS_E_CONFIG);
	assert_string_equal(said(),
			    "D/a.conf:2: [Gate] CloseUtilization: the gate would never stay open: "
			    "CloseUtilization=11% is above OpenUtilization=10%, D/a.conf:3");
}

static void test_options_load_contradictions_of_the_command_line_are_told(void **state)
{
	static const struct {
		const char *a, *b, *said;
	} cases[] = {
		{ "--gate-open=10%", NULL,
		  "the gate would never stay open: --gate-close=20%, the default, is above "
		  "--gate-open=10%" },
		{ "--exit-at-end", NULL,
		  "--exit-at-end=yes wants a recording, which has an end: --source=auto, the "
		  "default, has none" },
		{ "--mode=ip", "--source=recording:/a",
		  "--mode=ip samples the machine: it does not go with "
		  "--source=recording:/a,rate=max" },
		{ "--event=cycles", "--source=recording:/a",
		  "--event=cycles names what the machine counts: it does not go with "
		  "--source=recording:/a,rate=max" },
	};

	write_text("a.conf", "");
	for (size_t i = 0; i < array_size(cases); i++) {
		assert_int_equal(LOAD(cases[i].a, cases[i].b), OPTIONS_E_CONFIG);
		assert_int_equal(report.errors.n, 1);
		assert_string_equal(said(), cases[i].said);
	}
	assert_int_equal(LOAD("--exit-at-end", "--source=recording:/a"), 0);
}

static void test_options_load_all_contradictions_are_told(void **state)
{
	write_text("a.conf", "");
	assert_int_equal(LOAD("--gate-open=10%", "--exit-at-end"), OPTIONS_E_CONFIG);
	assert_int_equal(report.errors.n, 2);
}

/* The default in the place of a value that was not understood contradicts nobody. */
static void test_options_load_bad_value_is_in_no_contradiction(void **state)
{
	write_text("a.conf", "[Gate]\nOpenUtilization=most\nCloseUtilization=50%\n");
	assert_int_equal(LOAD(), OPTIONS_E_CONFIG);
	assert_int_equal(report.errors.n, 1);
	assert_string_equal(report.errors.items[0].value, "most");
}

static void test_options_reload_takes_what_may_change(void **state)
{
	static struct daemon_options running, fresh, after;
	const struct conf_setting *changed[CONF_N_SETTINGS_MAX];
	size_t n;

	options_set_defaults(&running);
	fresh = running;
	assert_int_equal(options_reload(&running, &fresh, &after, changed, &n), 0);
	assert_int_equal(n, 0);
	fresh.ring_bytes *= 2;
	fresh.gate_open = 0.4;
	strcpy(fresh.vmlinux, "/x");
	strcpy(fresh.directory, "/y");
	assert_int_equal(options_reload(&running, &fresh, &after, changed, &n), 0);
	assert_int_equal(n, 4);
	assert_string_equal(changed[0]->key, "RingSize");
	assert_true(changed[0]->is_fixed);
	assert_string_equal(changed[1]->key, "OpenUtilization");
	assert_false(changed[1]->is_fixed);
	assert_string_equal(changed[2]->key, "Vmlinux");
	assert_false(changed[2]->is_fixed);
	assert_string_equal(changed[3]->key, "Directory");
	assert_true(changed[3]->is_fixed);
	fresh.ring_bytes = running.ring_bytes;
	strcpy(fresh.directory, running.directory);
	assert_memory_equal(&after, &fresh, sizeof(after));
}

/* Reports hold places for all rows. */
static void test_options_are_not_more_than_a_report_has_places(void **state)
{
	size_t n;

	options_settings(&n);
	assert_true(n <= CONF_N_SETTINGS_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_options_load_command_line_has_the_last_word),
		TEST(test_options_load_empty_file_gives_the_defaults),
		TEST(test_options_load_named_file_that_is_missing_is_an_error),
		TEST(test_options_load_wrong_usage_is_told_before_files_are_read),
		TEST(test_options_load_failure_leaves_the_options),
		TEST(test_options_load_contradictions_name_both_sides),
		TEST(test_options_load_contradictions_of_the_command_line_are_told),
		TEST(test_options_load_all_contradictions_are_told),
		TEST(test_options_load_bad_value_is_in_no_contradiction),
		TEST(test_options_reload_takes_what_may_change),
		TEST(test_options_are_not_more_than_a_report_has_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
