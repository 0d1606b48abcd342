/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of the metrics, read as the format asks for it (0.0.4), and the man page that lists
 * them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "profile/verdict.h"
#include "service/metrics.h"
#include "service/metrics_view.h"

static char document[1 << 18];

/* A view in which every number is the same. */
static struct metrics_view view_of(double number)
{
	struct metrics_view view = { .version = "1.2", .release = "6.12", .build_id = "abcd" };
	double *values = &view.one;
	size_t n = (sizeof(view) - offsetof(struct metrics_view, one)) / sizeof(*values);

	strcpy(view.pmus, "cpu_core,cpu_atom");
	for (size_t i = 0; i < n; i++)
		values[i] = number;
	return view;
}

static char *render(const struct metrics_view *view, struct buf *text)
{
	assert_int_equal(metrics_render(view, text), 0);
	buf_u8(text, 0);
	assert_int_equal(text->error, 0);
	return (char *)text->data;
}

static void expect_label(const char *value, const char *expected)
{
	struct buf text cleanup(buf_deinit) = BUF_INIT(1000);

	metrics_label(&text, "k", value);
	buf_u8(&text, 0);
	assert_string_equal((const char *)text.data, expected);
}

static void test_metrics_label_escapes_what_the_format_cannot_have(void **state)
{
	expect_label("", "k=\"\"");
	expect_label("6.12-rc1+", "k=\"6.12-rc1+\"");
	expect_label("a\\b\"c\nd", "k=\"a\\\\b\\\"c\\nd\"");
	expect_label("\x01\x7f\xff", "k=\"???\"");
	expect_label("\"} 1\nautofdod_state 7", "k=\"\\\"} 1\\nautofdod_state 7\"");
}

/* The value behind name, which is a name with its labels. */
static const char *value_of(const char *text, const char *name)
{
	size_t n = strlen(name);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, n) == 0 && line[n] == ' ')
			return line + n + 1;
	}
	return NULL;
}

static void expect_sample(const char *text, const char *name, const char *expected)
{
	const char *value = value_of(text, name);

	if (!value)
		fail_msg("there is no %s", name);
	else if (strncmp(value, expected, strlen(expected)) != 0 || value[strlen(expected)] != '\n')
		fail_msg("%s is not %s but %.30s", name, expected, value);
}

static void test_metrics_numbers_are_exact_or_have_twelve_digits(void **state)
{
	struct buf text cleanup(buf_deinit) = BUF_INIT(METRICS_BYTES_MAX);
	struct metrics_view view = view_of(0);
	const char *s;

	view.taken = 9007199254740992.0;
	view.used = 1e300;
	view.overhead = 0.001;
	view.published_at = 1795303068.484;
	view.density = INFINITY;
	view.profile_samples = -INFINITY;
	view.running = 1.0 / 3;
	s = render(&view, &text);
	expect_sample(s, "autofdod_samples_taken_total", "9007199254740992");
	expect_sample(s, "autofdod_samples_used_total", "1e+300");
	expect_sample(s, "autofdod_overhead_ratio", "0.001");
	expect_sample(s, "autofdod_last_publication_timestamp_seconds", "1795303068.48");
	expect_sample(s, "autofdod_profile_density", "+Inf");
	expect_sample(s, "autofdod_profile_samples", "-Inf");
	expect_sample(s, "autofdod_event_running_seconds_total", "0.333333333333");
	expect_sample(s,
		      "autofdod_build_info{version=\"1.2\",kernel_release=\"6.12\","
		      "kernel_build_id=\"abcd\",pmu=\"cpu_core,cpu_atom\"}",
		      "0");
}

static void test_metrics_what_is_not_known_is_left_out(void **state)
{
	struct buf text cleanup(buf_deinit) = BUF_INIT(METRICS_BYTES_MAX);
	struct buf none cleanup(buf_deinit) = BUF_INIT(METRICS_BYTES_MAX);
	struct metrics_view view = view_of(NAN);
	const char *s;

	view.verdicts[VERDICT_THIN] = 1;
	view.lost[METRICS_LOST_HARDWARE] = 3;
	s = render(&view, &text);
	assert_string_equal(
		s, "# HELP autofdod_samples_lost_total Samples that were never in a ring.\n"
		   "# TYPE autofdod_samples_lost_total counter\n"
		   "autofdod_samples_lost_total{source=\"hardware\"} 3\n"
		   "# HELP autofdod_profile_verdict 1 for the verdict of the last profile, "
		   "0 for the others.\n"
		   "# TYPE autofdod_profile_verdict gauge\n"
		   "autofdod_profile_verdict{verdict=\"thin\"} 1\n");
	view = view_of(NAN);
	assert_int_equal(metrics_render(&view, &none), 0);
	assert_int_equal(none.n_bytes, 0);
}

static void test_metrics_text_has_a_ceiling(void **state)
{
	struct buf text cleanup(buf_deinit) = BUF_INIT(METRICS_BYTES_MAX);
	struct buf small cleanup(buf_deinit) = BUF_INIT(5000);
	struct metrics_view view = view_of(-1.23456789012e-300);

	memset(view.pmus, '\n', sizeof(view.pmus) - 1);
	assert_int_equal(metrics_render(&view, &text), 0);
	assert_in_range(text.n_bytes, 10000, METRICS_BYTES_MAX / 2);
	assert_int_equal(metrics_render(&view, &small), -EFBIG);
}

/* names */

static bool ends_in(const char *name, const char *end)
{
	size_t n = strlen(name), n_end = strlen(end);

	return n > n_end && strcmp(name + n - n_end, end) == 0;
}

static void check_name(const struct metric *m)
{
	assert_true(strncmp(m->name, "autofdod_", 9) == 0);
	assert_int_equal(m->name[strspn(m->name, "abcdefghijklmnopqrstuvwxyz_")], '\0');
	assert_null(strstr(m->name, "__"));
	/* prometheus.io/docs/practices/naming; promtool would say so, too */
	assert_int_equal(ends_in(m->name, "_total"), m->is_counter);
	assert_null(strstr(m->name, "_ms"));
	assert_null(strstr(m->name, "_ns"));
	assert_null(strstr(m->name, "percent"));
	assert_true(m->help[0] && m->help[strlen(m->help) - 1] == '.');
	assert_null(strpbrk(m->help, "\n\\"));
}

static void check_labels(const struct metric *m)
{
	assert_true(m->n_values >= 1 && m->n_values <= 16);
	assert_true(m->label ? m->label_value != NULL : m->n_values == 1);
	assert_true(m->offset % sizeof(double) == 0 &&
		    m->offset >= offsetof(struct metrics_view, one));
	assert_true(m->offset + m->n_values * sizeof(double) <= sizeof(struct metrics_view));
	for (size_t i = 0; m->label && i < m->n_values; i++) {
		assert_non_null(m->label_value(i));
		assert_true(m->label_value(i)[0]);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(m->label_value(i), m->label_value(j));
	}
}

static void test_metrics_table_keeps_to_the_conventions(void **state)
{
	size_t n;
	const struct metric *table = metrics_table(&n);

	assert_true(n > 40);
	for (size_t i = 0; i < n; i++) {
		check_name(&table[i]);
		check_labels(&table[i]);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(table[i].name, table[j].name);
	}
}

/* Every number of the view has a name, and only one. */
static void test_metrics_table_has_the_whole_view(void **state)
{
	static unsigned int uses[sizeof(struct metrics_view) / sizeof(double)];
	size_t n, first = offsetof(struct metrics_view, one) / sizeof(double);
	const struct metric *table = metrics_table(&n);

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < table[i].n_values; k++)
			uses[table[i].offset / sizeof(double) + k]++;
	for (size_t i = first; i < sizeof(struct metrics_view) / sizeof(double); i++)
		if (uses[i] != 1)
			fail_msg("number %zu has %u names", i - first, uses[i]);
}

/* Four verdicts, and no more: the fifth has no name. */
static void test_metrics_verdicts_are_all_there(void **state)
{
	assert_string_equal(verdict_name((enum verdict)N_METRICS_VERDICTS), "");
	assert_string_not_equal(verdict_name((enum verdict)(N_METRICS_VERDICTS - 1)), "");
}

/* the format */

/* A name, labels with escapes, a number; returns what is behind the line. */
static const char *check_sample(const char *line, const char *name)
{
	size_t n = strlen(name);
	char *end;

	if (strncmp(line, name, n) != 0)
		fail_msg("not of %s: %.60s", name, line);
	line += n;
	if (*line == '{') {
		do {
			line++;
			assert_true(islower((unsigned char)*line));
			line += strspn(line, "abcdefghijklmnopqrstuvwxyz_");
			assert_memory_equal(line, "=\"", 2);
			for (line += 2; *line != '"'; line++) {
				assert_true(*line != '\n' && *line);
				line += *line == '\\';
			}
			line++;
		} while (*line == ',');
		assert_int_equal(*line++, '}');
	}
	assert_int_equal(*line++, ' ');
	strtod(line, &end);
	assert_ptr_not_equal(end, line);
	assert_int_equal(*end, '\n');
	return end + 1;
}

static void test_metrics_text_is_what_the_format_asks_for(void **state)
{
	struct buf text cleanup(buf_deinit) = BUF_INIT(METRICS_BYTES_MAX);
	struct metrics_view view = view_of(1.5);
	const char *at;
	size_t n;
	const struct metric *table = metrics_table(&n);

	strcpy(view.pmus, "a\"b\\c\nd");
	at = render(&view, &text);
	for (size_t i = 0; i < n; i++) {
		char head[500];
		int n_head = snprintf(head, sizeof(head), "# HELP %s %s\n# TYPE %s %s\n",
				      table[i].name, table[i].help, table[i].name,
				      table[i].is_counter ? "counter" : "gauge");

		assert_memory_equal(at, head, (size_t)n_head);
		at += n_head;
		for (size_t k = 0; k < table[i].n_values; k++)
			at = check_sample(at, table[i].name);
	}
	assert_int_equal(*at, '\0');
}

/* the man page */

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

static void describe(const struct metric *m, struct buf *text)
{
	buf_printf(text, "\n.It Ic %s , %s\n%s\n", m->name, m->is_counter ? "counter" : "gauge",
		   m->help);
	if (m->label)
		buf_printf(text, ".br\n.Va %s :\n", m->label);
	for (size_t i = 0; m->label && i < m->n_values; i++)
		buf_printf(text, ".Cm %s %s\n", m->label_value(i),
			   i + 1 == m->n_values ? "." : ",");
	if (m->labels)
		buf_str(text, ".br\n.Va version , kernel_release , kernel_build_id , pmu .\n");
	buf_u8(text, 0);
}

static void test_metrics_manual_lists_them_as_they_are(void **state)
{
	size_t n, n_items = 0;
	const struct metric *table = metrics_table(&n);
	const char *at = document;

	read_document(METRICS_PAGE);
	for (size_t i = 0; i < n; i++) {
		struct buf text cleanup(buf_deinit) = BUF_INIT(2000);
		const char *found;

		describe(&table[i], &text);
		assert_int_equal(text.error, 0);
		found = strstr(at, (const char *)text.data);
		if (!found)
			fail_msg("not there, or before others: %s", (const char *)text.data);
		else
			at = found + 1;
	}
	for (at = document; (at = strstr(at, "\n.It Ic autofdod_")); at++)
		n_items++;
	assert_int_equal(n_items, n);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_metrics_label_escapes_what_the_format_cannot_have),
		cmocka_unit_test(test_metrics_numbers_are_exact_or_have_twelve_digits),
		cmocka_unit_test(test_metrics_what_is_not_known_is_left_out),
		cmocka_unit_test(test_metrics_text_has_a_ceiling),
		cmocka_unit_test(test_metrics_table_keeps_to_the_conventions),
		cmocka_unit_test(test_metrics_table_has_the_whole_view),
		cmocka_unit_test(test_metrics_verdicts_are_all_there),
		cmocka_unit_test(test_metrics_text_is_what_the_format_asks_for),
		cmocka_unit_test(test_metrics_manual_lists_them_as_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
