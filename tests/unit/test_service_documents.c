/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands about the settings outside of the code: every key, in the order of the table, with
 * its default, its range and what a change takes, and nothing that is no key.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "base/buf.h"
#include "conf/load.h"
#include "conf/settings.h"
#include "service/options.h"

static char document[1 << 18];

static void read_document(const char *path)
{
	FILE *file = fopen(path, "r");
	size_t n;

	assert_non_null(file);
	n = fread(document, 1, sizeof(document) - 1, file);
	assert_int_equal(fclose(file), 0);
	assert_true(n > 0 && n < sizeof(document) - 1);
	document[n] = '\0';
}

/* Behind the line, which stands at or behind from. */
static const char *expect_line(const char *from, const char *line)
{
	size_t n = strlen(line);

	for (const char *at = from; (at = strstr(at, line)); at++)
		if ((at == document || at[-1] == '\n') && at[n] == '\n')
			return at + n + 1;
	fail_msg("there is no line, or only before others, of: %s", line);
	return from;
}

static const char *expect(const char *from, const struct buf *line)
{
	assert_int_equal(line->error, 0);
	return expect_line(from, (const char *)line->data);
}

/* Which keys the lines that begin with prefix and a letter name; how many there are. */
static size_t count_keys(const char *prefix, const char *end)
{
	size_t n_settings, n = 0;
	const struct conf_setting *settings = options_settings(&n_settings);

	for (const char *line = document; line; line = strchr(line, '\n')) {
		const char *key = (line += *line == '\n') + strlen(prefix);
		bool is_known = false;
		size_t n_key;

		if (strncmp(line, prefix, strlen(prefix)) != 0 || strcspn(key, " =\n") == 0)
			continue;
		n_key = strcspn(key, " =\n");
		if (strncmp(key + n_key, end, strlen(end)) != 0)
			continue;
		for (size_t i = 0; i < n_settings; i++)
			is_known |= settings[i].key && strlen(settings[i].key) == n_key &&
				    memcmp(settings[i].key, key, n_key) == 0;
		if (!is_known)
			fail_msg("no setting: %.*s", (int)n_key, key);
		n++;
	}
	return n;
}

static size_t count_settings(void)
{
	size_t n_settings, n = 0;
	const struct conf_setting *settings = options_settings(&n_settings);

	for (size_t i = 0; i < n_settings; i++)
		n += settings[i].key != NULL;
	return n;
}

static void test_documents_file_has_every_key_at_its_default(void **state)
{
	size_t n;
	const struct conf_setting *s = options_settings(&n);
	const char *at = document, *section = "";

	read_document(CONF_DIRECTORY "/autofdod.conf");
	for (size_t i = 0; i < n; i++) {
		struct buf line cleanup(buf_deinit) = BUF_INIT(10000);

		if (!s[i].section)
			continue;
		if (strcmp(s[i].section, section) != 0)
			buf_printf(&line, "[%s]", section = s[i].section);
		buf_u8(&line, 0);
		if (line.n_bytes > 1)
			at = expect(at, &line);
		line.n_bytes = 0;
		buf_printf(&line, "#%s=%s", s[i].key, s[i].default_text);
		buf_u8(&line, 0);
		at = expect(at, &line);
	}
	assert_int_equal(count_keys("#", "="), count_settings());
}

/* The installed file with its entries in effect, and nothing from elsewhere, is the defaults. */
static void test_documents_file_uncommented_is_the_defaults(void **state)
{
	static struct daemon_options options, defaults;
	static struct conf_report report;
	static char path[] = "autofdod.conf";
	char *to = document;
	size_t n;
	const struct conf_setting *s = options_settings(&n);

	read_document(CONF_DIRECTORY "/autofdod.conf");
	for (char *from = document; *from; from++)
		if (from[0] != '#' || from[1] == ' ' || from[1] == '\n')
			*to++ = *from;
	options_set_defaults(&defaults);
	memset(&options, 0, sizeof(options));
	/* so that what the file lacks would be seen */
	options.max_overhead = -1;
	options.n_files_max = 0;
	for (size_t i = 0; i < n; i++)
		if (!s[i].section)
			assert_int_equal(conf_setting_set(&s[i], s[i].default_text, &options, NULL),
					 0);
	report.paths.items[report.paths.n++] = path;
	assert_int_equal(
		conf_load_text(s, n, &options, &report, 0, document, (size_t)(to - document)), 0);
	if (report.errors.n)
		fail_msg("line %u: %s", report.errors.items[0].line,
			 report.errors.items[0].why.text);
	assert_memory_equal(&options, &defaults, sizeof(options));
}

/* "Default: 64K; 4K to 16M, a power of two; a change takes a restart." */
static void describe(const struct conf_setting *s, struct buf *line)
{
	struct buf range cleanup(buf_deinit) = BUF_INIT(1000);

	conf_setting_describe_range(s, &range);
	buf_printf(line, "Default: %s", s->default_text[0] ? s->default_text : "none");
	if (range.n_bytes)
		buf_str(line, "; ");
	buf_append(line, range.data, range.n_bytes);
	buf_printf(line, "%s.", s->is_fixed ? "; a change takes a restart" : "");
	buf_u8(line, 0);
}

static void test_documents_manual_has_every_key_as_it_is(void **state)
{
	size_t n;
	const struct conf_setting *s = options_settings(&n);
	const char *at = document, *section = "";

	read_document(CONF_DIRECTORY "/autofdod.conf.5");
	for (size_t i = 0; i < n; i++) {
		struct buf title cleanup(buf_deinit) = BUF_INIT(1000);
		struct buf item cleanup(buf_deinit) = BUF_INIT(1000);
		struct buf facts cleanup(buf_deinit) = BUF_INIT(1000);
		const char *next;

		if (!s[i].section)
			continue;
		if (strcmp(s[i].section, section) != 0) {
			buf_printf(&title, ".Sh [%s] SECTION", section = s[i].section);
			buf_u8(&title, 0);
			at = expect(at, &title);
		}
		buf_printf(&item, ".It Va %s Ns = Ns Ar %s", s[i].key, s[i].value_name);
		buf_u8(&item, 0);
		at = expect(at, &item);
		describe(&s[i], &facts);
		next = strstr(at, "\n.It Va ");
		at = expect(at, &facts);
		/* its own, not one of those behind */
		assert_true(!next || at <= next + 1);
	}
	assert_int_equal(count_keys(".It Va ", " Ns = "), count_settings());
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_documents_file_has_every_key_at_its_default),
		cmocka_unit_test(test_documents_file_uncommented_is_the_defaults),
		cmocka_unit_test(test_documents_manual_has_every_key_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
