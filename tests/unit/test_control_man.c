/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io.autofdod(7) against what it describes: every statement of the interface and no other, the
 * rights of each method, the ranges of its numbers, the bounds of the server.
 */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/macros.h"
#include "control/control.h"
#include "control/interfaces.h"
#include "control/message.h"
#include "control/methods.h"

#define PAGE_BYTES_MAX ((size_t)1 << 20)
#define TEXT_SIZE 2000

/* The page, to be freed. */
static char *read_page(void)
{
	FILE *file = fopen(IO_AUTOFDOD_7, "r");
	char *page = calloc(1, PAGE_BYTES_MAX);

	if (!file || !page)
		abort();
	assert_true(fread(page, 1, PAGE_BYTES_MAX - 1, file) > 0);
	assert_int_equal(fclose(file), 0);
	return page;
}

/*
 * Takes the next statement of the interface language, with one blank for all white space between
 * its words and "\n" behind it; comments and what is none are left out. Returns where the next one
 * may begin; NULL: there is none. A statement ends with the line that brings its parentheses
 * together and does not end with "->", where the next line goes on.
 */
static const char *next_statement(const char *text, char *statement)
{
	static const char *const words[] = { "method ", "type ", "error " };
	size_t n = 0;
	int depth = 0;
	bool is_inside = false;

	while (*text) {
		size_t n_line = strcspn(text, "\n");

		for (size_t i = 0; !is_inside && i < array_size(words); i++)
			is_inside = strncmp(text, words[i], strlen(words[i])) == 0;
		for (size_t i = 0; is_inside && i < n_line; i++) {
			depth += (text[i] == '(') - (text[i] == ')');
			assert_true(n < TEXT_SIZE - 3);
			if (!isspace((unsigned char)text[i]))
				statement[n++] = text[i];
			else if (n > 0 && statement[n - 1] != ' ')
				statement[n++] = ' ';
		}
		text += n_line + (text[n_line] == '\n');
		if (!is_inside)
			continue;
		if (depth == 0) {
			memcpy(statement + n, "\n", sizeof("\n"));
			return text;
		}
		if (n > 0 && statement[n - 1] != ' ')
			statement[n++] = ' ';
	}
	return NULL;
}

static unsigned int count_statements(const char *text)
{
	char statement[TEXT_SIZE];
	unsigned int n = 0;

	while ((text = next_statement(text, statement)))
		n++;
	return n;
}

/* All of the page's, to be freed. */
static char *statements_of(const char *text)
{
	struct buf all = BUF_INIT(PAGE_BYTES_MAX);
	char statement[TEXT_SIZE];
	size_t n;

	while ((text = next_statement(text, statement)))
		buf_str(&all, statement);
	buf_append(&all, "", 1);
	assert_int_equal(all.error, 0);
	return (char *)buf_steal(&all, &n);
}

static void test_man_interface_every_statement_is_there(void **state)
{
	cleanup(free_cleanup) char *page = read_page();
	cleanup(free_cleanup) char *described = statements_of(page);
	const char *text = interface_ours;
	char statement[TEXT_SIZE];

	(void)state;
	while ((text = next_statement(text, statement)))
		if (!strstr(described, statement))
			fail_msg("not in io.autofdod(7): %s", statement);
	assert_int_equal(count_statements(page), count_statements(interface_ours));
	assert_true(count_statements(page) > N_CONTROL_METHODS);
}

/* The page's item of a method: up to the next one. To be freed. */
static char *item_of(const char *page, const char *name)
{
	char head[100];
	const char *item, *end;

	snprintf(head, sizeof(head), "\n.It Ic %s\n", name);
	item = strstr(page, head);
	if (!item) {
		fail_msg("%s has no item", name);
		return NULL;
	}
	end = strstr(item + 1, "\n.It ");
	return strndup(item, end ? (size_t)(end - item) : strlen(item));
}

static void test_man_methods_have_their_rights(void **state)
{
	cleanup(free_cleanup) char *page = read_page();

	(void)state;
	for (size_t i = 0; i < N_CONTROL_METHODS; i++) {
		const struct method *method = methods_get((enum control_method)i);
		cleanup(free_cleanup) char *item = item_of(page, method->name);
		bool reads = strstr(item, "\nRights: whoever can connect.\n");
		bool changes = strstr(item, "\nRights: whoever may change.\n");

		assert_true(reads != changes);
		assert_int_equal(reads, method->access == METHOD_READS);
		assert_int_equal(strstr(item, "\nNeeds\n.Ql more .\n") != NULL, method->needs_more);
	}
}

static void test_man_methods_have_their_ranges(void **state)
{
	cleanup(free_cleanup) char *page = read_page();

	(void)state;
	for (size_t i = 0; i < N_CONTROL_METHODS; i++) {
		const struct method *method = methods_get((enum control_method)i);
		cleanup(free_cleanup) char *item = item_of(page, method->name);

		for (size_t p = 0; p < METHOD_N_PARAMETERS_MAX && method->parameters[p].name; p++) {
			const struct method_parameter *parameter = &method->parameters[p];
			char range[60], name[60];

			snprintf(name, sizeof(name), ".Va %s", parameter->name);
			if (!strstr(item, name))
				fail_msg("%s says nothing of %s", method->name, parameter->name);
			snprintf(range, sizeof(range), "%lld to %lld", (long long)parameter->min,
				 (long long)parameter->max);
			if (parameter->type == METHOD_INT && !strstr(item, range))
				fail_msg("%s has no \"%s\"", method->name, range);
		}
	}
}

static void page_says(const char *page, const char *format, ...) printf_like(2, 3);
static void page_says(const char *page, const char *format, ...)
{
	char text[200];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!strstr(page, text))
		fail_msg("io.autofdod(7) does not say \"%s\"", text);
}

static void test_man_bounds_are_those_of_the_server(void **state)
{
	cleanup(free_cleanup) char *page = read_page();
	const struct control_limits *l = &control_limits_default;

	(void)state;
	page_says(page, "\n%u at once, of which %u are kept", l->n_clients, l->n_clients_reserved);
	page_says(page, "; %u of one user", l->n_clients_per_uid);
	page_says(page, "\n%zu bytes, %d objects and arrays within each other, texts of %u bytes",
		  l->message_bytes, MESSAGE_DEPTH_MAX, METHOD_TEXT_BYTES_MAX);
	page_says(page, "\n%zu bytes; one of several %zu bytes", l->reply_bytes, l->stream_bytes);
	page_says(page, "\n%zu bytes for all clients together", l->output_bytes);
	page_says(page, "\n%u seconds from the first byte", (unsigned)(l->message_usec / 1000000));
	page_says(page, " %u seconds without a call", (unsigned)(l->idle_usec / 1000000));
	page_says(page, "\n%u seconds in which nothing", (unsigned)(l->stalled_usec / 1000000));
}

/* Before the others mean anything. */
static void test_man_statements_are_told_apart(void **state)
{
	char statement[TEXT_SIZE];
	const char *text = "no statement\n# method comment()\nmethod A(\n  x:  int\n) -> (\n)\n"
			   "error B ()\nmethod C(x: (a, b)) -> ()";

	(void)state;
	text = next_statement(text, statement);
	assert_string_equal(statement, "method A( x: int ) -> ( )\n");
	text = next_statement(text, statement);
	assert_string_equal(statement, "error B ()\n");
	text = next_statement(text, statement);
	assert_string_equal(statement, "method C(x: (a, b)) -> ()\n");
	assert_null(next_statement(text, statement));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_man_statements_are_told_apart),
		cmocka_unit_test(test_man_interface_every_statement_is_there),
		cmocka_unit_test(test_man_methods_have_their_rights),
		cmocka_unit_test(test_man_methods_have_their_ranges),
		cmocka_unit_test(test_man_bounds_are_those_of_the_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
