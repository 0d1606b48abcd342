/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "base/buf.h"
#include "conf/file.h"
#include "conf/load.h"
#include "conf/nearest.h"
#include "conf/settings.h"
#include "conf/show.h"

struct target {
	bool flag;
	uint64_t bytes, ns;
	char path[32], title[16];
};

#define FIELD(name) .offset = offsetof(struct target, name)

static const struct conf_setting settings[] = {
	{ NULL, NULL, "flag", CONF_BOOL, FIELD(flag), .default_text = "no" },
	{ "Ring", "Size", "size", CONF_SIZE, FIELD(bytes), .range = { 1, 65536 },
	  .default_text = "4K" },
	{ "Ring", "Interval", "interval", CONF_TIME, FIELD(ns), .range = { 0, UINT64_MAX },
	  .default_text = "1h" },
	{ "Store", "Directory", "directory", CONF_TEXT, FIELD(path), .size = 32, .is_path = true,
	  .default_text = "auto" },
	{ "Store", "Title", "title", CONF_TEXT, FIELD(title), .size = 16, .is_optional = true,
	  .default_text = "" },
};
#define N array_size(settings)

static struct target target;
static struct conf_report report;
static char dir[64];

static int set_up(void **state)
{
	strcpy(dir, "/tmp/test-conf-XXXXXX");
	memset(&report, 0, sizeof(report));
	memset(&target, 0, sizeof(target));
	return mkdtemp(dir) ? conf_settings_default(settings, N, &target, NULL) : -1;
}

static int tear_down(void **state)
{
	char command[100];

	conf_report_deinit(&report);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command); /* NOLINT(cert-env33-c): ours alone */
}

static const char *path_of(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void write_bytes(const char *name, const void *bytes, size_t n)
{
	FILE *file = fopen(path_of(name), "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, n, file), n);
	assert_int_equal(fclose(file), 0);
}

static void write_text(const char *name, const char *text)
{
	write_bytes(name, text, strlen(text));
}

static void make_directory(const char *name)
{
	assert_int_equal(mkdir(path_of(name), 0755), 0);
}

static void load(bool is_optional)
{
	assert_int_equal(
		conf_paths_find(path_of("a.conf"), is_optional, &report.paths, &report.errors), 0);
	assert_int_equal(conf_load(settings, N, &target, &report), 0);
}

/* All errors, a line each, the directory as "D". */
static const char *said(void)
{
	static char shown[20000];
	struct buf text cleanup(buf_deinit) = BUF_INIT(100000);
	char *at;

	for (size_t i = 0; i < conf_errors_n_kept(&report.errors); i++) {
		conf_error_show(&report.errors.items[i], &text);
		buf_u8(&text, '\n');
	}
	buf_u8(&text, 0);
	assert_int_equal(text.error, 0);
	strcpy(shown, (char *)text.data);
	while ((at = strstr(shown, dir))) {
		*at = 'D';
		memmove(at + 1, at + strlen(dir), strlen(at + strlen(dir)) + 1);
	}
	return shown;
}

static void test_load_values_come_with_their_places(void **state)
{
	write_text("a.conf", "[Ring]\nSize=8K\n[Store]\nTitle = caf\xc3\xa9 1\nDirectory=/x\n");
	load(false);
	assert_string_equal(said(), "");
	assert_int_equal(target.bytes, 8192);
	assert_string_equal(target.title, "caf\xc3\xa9 1");
	assert_string_equal(target.path, "/x");
	assert_true(target.ns == 3600000000000u);
	assert_int_equal(report.places[0].origin, CONF_ORIGIN_DEFAULT);
	assert_int_equal(report.places[1].origin, CONF_ORIGIN_FILE);
	assert_int_equal(report.places[1].line, 2);
	assert_int_equal(report.places[2].origin, CONF_ORIGIN_DEFAULT);
	assert_int_equal(report.places[4].line, 4);
}

static void test_load_drop_ins_win_by_name(void **state)
{
	write_text("a.conf", "[Ring]\nSize=1K\nInterval=1s\n");
	make_directory("a.conf.d");
	write_text("a.conf.d/20-b.conf", "[Ring]\nSize=3K\n");
	write_text("a.conf.d/10-z.conf", "[Ring]\nSize=2K\n[Store]\nTitle=ten\n");
	write_text("a.conf.d/.hidden.conf", "[Ring]\nSize=4K\n");
	write_text("a.conf.d/30.conf~", "[Ring]\nSize=4K\n");
	write_text("a.conf.d/.conf", "[Ring]\nSize=4K\n");
	write_text("a.conf.d/README", "of people\n");
	load(false);
	assert_string_equal(said(), "");
	assert_int_equal(report.paths.n, 3);
	assert_int_equal(target.bytes, 3072);
	assert_string_equal(target.title, "ten");
	assert_true(target.ns == 1000000000);
	assert_int_equal(report.places[1].i_path, 2);
	assert_int_equal(report.places[2].i_path, 0);
	assert_int_equal(report.places[4].i_path, 1);
}

static void test_load_missing_file_is_no_error_where_it_is_optional(void **state)
{
	make_directory("a.conf.d");
	write_text("a.conf.d/1.conf", "[Ring]\nSize=3K\n");
	load(true);
	assert_string_equal(said(), "");
	assert_int_equal(target.bytes, 3072);
}

static void test_load_missing_file_is_an_error_where_it_is_named(void **state)
{
	load(false);
	assert_string_equal(said(), "D/a.conf: No such file or directory\n");
}

static void test_load_all_errors_of_all_files_are_told(void **state)
{
	write_text("a.conf", "[Ring]\nSize=3X\nSzie=3\nTitle=x\nInterval=soon\n[Sotre]\nTitle=\n"
			     "More=1\n[Nothing]\nlike=this\n[Store]\nDirectory=here\nword\n");
	make_directory("a.conf.d");
	write_text("a.conf.d/1.conf", "[Ring]\nSize=65K\nNothing=1\n");
	make_directory("a.conf.d/2.conf");
	load(false);
	assert_string_equal(
		said(),
		"D/a.conf:2: [Ring] Size: '3X' is not a size: bytes, or with K, M, G or T behind "
		"the number, powers of 1024\n"
		"D/a.conf:3: [Ring] Szie: unknown key; there is Size\n"
		"D/a.conf:4: [Ring] Title: unknown key; there is Title in [Store]\n"
		"D/a.conf:5: [Ring] Interval: 'soon' is not a time, such as 90s, 500ms or 1h "
		"30min\n"
		"D/a.conf:6: unknown section [Sotre]; there is [Store]\n"
		"D/a.conf:9: unknown section [Nothing]\n"
		"D/a.conf:12: [Store] Directory: 'here' is neither auto nor an absolute path\n"
		"D/a.conf:13: 'word' is neither [Section] nor Key=value\n"
		"D/a.conf.d/1.conf:2: [Ring] Size: '65K' is not a size from 1 to 64K\n"
		"D/a.conf.d/1.conf:3: [Ring] Nothing: unknown key\n"
		"D/a.conf.d/2.conf: Is a directory\n");
	assert_int_equal(report.errors.n, 11);
	assert_string_equal(report.errors.items[0].section, "Ring");
	assert_string_equal(report.errors.items[0].key, "Size");
	assert_string_equal(report.errors.items[0].value, "3X");
	assert_int_equal(report.errors.items[0].line, 2);
}

static void test_load_keys_differ_in_case(void **state)
{
	write_text("a.conf", "[ring]\nSize=1\n[Ring]\nsize=1\n");
	load(false);
	assert_string_equal(said(), "D/a.conf:1: unknown section [ring]; there is [Ring]\n"
				    "D/a.conf:4: [Ring] size: unknown key; there is Size\n");
}

static void test_load_what_is_only_an_option_is_no_key(void **state)
{
	write_text("a.conf", "[Ring]\nflag=yes\n");
	load(false);
	assert_string_equal(said(), "D/a.conf:2: [Ring] flag: unknown key\n");
	assert_false(target.flag);
}

static void test_load_more_errors_than_are_kept_are_counted(void **state)
{
	char text[16384] = "[Ring]\n";

	for (int i = 0; i < 1000; i++)
		strcat(text, "Size=no\n");
	write_text("a.conf", text);
	load(false);
	assert_int_equal(report.errors.n, 1000);
	assert_int_equal(conf_errors_n_kept(&report.errors), CONF_N_ERRORS_MAX);
	assert_int_equal(report.errors.items[CONF_N_ERRORS_MAX - 1].line, CONF_N_ERRORS_MAX + 1);
}

static void test_load_file_too_large_is_refused(void **state)
{
	char *bytes = malloc(CONF_FILE_BYTES_MAX + 1);

	assert_non_null(bytes);
	memset(bytes, '\n', CONF_FILE_BYTES_MAX + 1);
	write_bytes("a.conf", bytes, CONF_FILE_BYTES_MAX);
	load(false);
	assert_string_equal(said(), "");
	conf_report_deinit(&report);
	write_bytes("a.conf", bytes, CONF_FILE_BYTES_MAX + 1);
	load(false);
	assert_string_equal(said(), "D/a.conf: is larger than 256 KiB\n");
	free(bytes);
}

static void test_load_what_is_no_file_is_not_waited_for(void **state)
{
	assert_int_equal(mkfifo(path_of("a.conf"), 0644), 0);
	load(false);
	assert_string_equal(said(), "D/a.conf: is no regular file\n");
}

static void test_load_null_device_is_an_empty_file(void **state)
{
	assert_int_equal(symlink("/dev/null", path_of("a.conf")), 0);
	load(false);
	assert_string_equal(said(), "");
	assert_int_equal(report.paths.n, 1);
}

static void test_load_too_many_drop_ins_are_refused(void **state)
{
	char name[40];

	make_directory("a.conf.d");
	write_text("a.conf", "");
	for (unsigned int i = 0; i < CONF_N_PATHS_MAX - 1; i++) {
		snprintf(name, sizeof(name), "a.conf.d/%u.conf", i);
		write_text(name, "");
	}
	load(false);
	assert_string_equal(said(), "");
	conf_report_deinit(&report);
	write_text("a.conf.d/more.conf", "");
	load(false);
	assert_string_equal(said(), "D/a.conf.d: there are more than 63 drop-ins\n");
}

static void test_load_names_of_files_do_not_reach_a_terminal_raw(void **state)
{
	make_directory("a.conf.d");
	write_text("a.conf.d/\x1b[2J.conf", "[\x1b]\n[Ring]\nSize\x1b=\n[R\x1b]\n");
	load(true);
	assert_int_equal(report.errors.n, 3);
	assert_null(strchr(said(), '\x1b'));
}

static void test_nearest_names_are_those_a_third_away(void **state)
{
	assert_int_equal(conf_distance("", ""), 0);
	assert_int_equal(conf_distance("abc", ""), 3);
	assert_int_equal(conf_distance("kitten", "sitting"), 3);
	assert_int_equal(conf_distance("SIZE", "size"), 0);
	assert_int_equal(conf_distance("szie", "size"), 1);
	assert_ptr_equal(conf_nearest_key(settings, N, "Ring", "Intervals"), &settings[2]);
	assert_ptr_equal(conf_nearest_key(settings, N, "Store", "INTERVL"), &settings[2]);
	assert_null(conf_nearest_key(settings, N, "Ring", "Interxxxx"));
	assert_null(conf_nearest_key(settings, N, "Ring", ""));
	assert_string_equal(conf_nearest_section(settings, N, "Rings"), "Ring");
	assert_null(conf_nearest_section(settings, N, "R"));
}

static void test_nearest_key_is_rather_of_the_same_section(void **state)
{
	static const struct conf_setting twice[] = {
		{ "A", "Size", "a", CONF_BOOL, .default_text = "no" },
		{ "B", "Size", "b", CONF_BOOL, .default_text = "no" },
		{ "C", "Size", "c", CONF_BOOL, .default_text = "no" },
	};

	for (size_t i = 0; i < array_size(twice); i++)
		assert_ptr_equal(
			conf_nearest_key(twice, array_size(twice), twice[i].section, "Szie"),
			&twice[i]);
}

/* What is shown is a file that makes the same. */
static void test_show_is_read_back_and_says_where_from(void **state)
{
	struct buf text cleanup(buf_deinit) = BUF_INIT(100000);
	struct target again = { 0 };
	char line[200];

	write_text("a.conf", "[Ring]\nSize=8K\n[Store]\nDirectory=/x\n");
	load(false);
	report.places[2].origin = CONF_ORIGIN_OPTION;
	target.ns = 5000000000;
	conf_show(settings, N, &target, &report, &text);
	buf_u8(&text, 0);
	snprintf(line, sizeof(line), "# %s/a.conf:2\nSize=8K\n", dir);
	assert_non_null(strstr((char *)text.data, line));
	assert_non_null(strstr((char *)text.data, "# command line, --interval\nInterval=5s\n"));
	assert_non_null(strstr((char *)text.data, "# default\nTitle=\n"));
	assert_non_null(strstr((char *)text.data, "# default\n#--flag=no\n"));
	assert_int_equal(conf_settings_default(settings, N, &again, NULL), 0);
	assert_int_equal(conf_load_text(settings, N, &again, &report, 0, (char *)text.data,
					text.n_bytes - 1),
			 0);
	assert_string_equal(said(), "");
	assert_memory_equal(&again, &target, sizeof(target));
}

static void test_settings_that_changed_are_listed(void **state)
{
	const struct conf_setting *changed[N];
	struct target other = target;
	int error;

	assert_int_equal(conf_settings_changed(settings, N, &target, &other, changed, &error), 0);
	other.bytes = 1;
	strcpy(other.title, "new");
	assert_int_equal(conf_settings_changed(settings, N, &target, &other, changed, &error), 2);
	assert_int_equal(error, 0);
	assert_ptr_equal(changed[0], &settings[1]);
	assert_ptr_equal(changed[1], &settings[4]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_load_values_come_with_their_places),
		TEST(test_load_drop_ins_win_by_name),
		TEST(test_load_missing_file_is_no_error_where_it_is_optional),
		TEST(test_load_missing_file_is_an_error_where_it_is_named),
		TEST(test_load_all_errors_of_all_files_are_told),
		TEST(test_load_keys_differ_in_case),
		TEST(test_load_what_is_only_an_option_is_no_key),
		TEST(test_load_more_errors_than_are_kept_are_counted),
		TEST(test_load_file_too_large_is_refused),
		TEST(test_load_what_is_no_file_is_not_waited_for),
		TEST(test_load_null_device_is_an_empty_file),
		TEST(test_load_too_many_drop_ins_are_refused),
		TEST(test_load_names_of_files_do_not_reach_a_terminal_raw),
		TEST(test_nearest_names_are_those_a_third_away),
		TEST(test_nearest_key_is_rather_of_the_same_section),
		TEST(test_show_is_read_back_and_says_where_from),
		TEST(test_settings_that_changed_are_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
