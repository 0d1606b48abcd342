/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/problem.h"
#include "conf/file.h"

/* What was read, a line each: "1 [A]", "2 K=v", "3 ! sentence". */
static char heard[1 << 16];
static int answer; /* of the handlers */

static void hear(unsigned int line, const char *a, const char *b, const char *c)
{
	size_t n = strlen(heard);

	snprintf(heard + n, sizeof(heard) - n, "%u %s%s%s\n", line, a, b, c);
}

static int on_section(void *context, unsigned int line, const char *name)
{
	hear(line, "[", name, "]");
	return answer;
}

static int on_entry(void *context, unsigned int line, const char *key, const char *value)
{
	hear(line, key, "=", value);
	return answer;
}

static int on_complaint(void *context, unsigned int line, const struct problem *why)
{
	hear(line, "! ", why->text, "");
	return answer;
}

static const struct conf_file_handler handler = { on_section, on_entry, on_complaint, NULL };

static const char *hear_bytes(const char *text, size_t n_bytes)
{
	char *exact = malloc(n_bytes ? n_bytes : 1);

	heard[0] = '\0';
	answer = 0;
	assert_non_null(exact);
	memcpy(exact, text, n_bytes);
	assert_int_equal(conf_file_read(exact, n_bytes, &handler), 0);
	free(exact);
	return heard;
}

static const char *read_text(const char *text)
{
	return hear_bytes(text, strlen(text));
}

static void test_file_entries_come_with_section_and_line(void **state)
{
	assert_string_equal(read_text("# of people\n\n[A]\nKey=value\n; and\nOther=2\n[B]\nKey=\n"),
			    "3 [A]\n4 Key=value\n6 Other=2\n7 [B]\n8 Key=\n");
	assert_string_equal(read_text(""), "");
	assert_string_equal(read_text("\n\n"), "");
}

static void test_file_white_space_around_names_and_values_is_stripped(void **state)
{
	assert_string_equal(read_text("  [A]\t\n\t Key \t= a  b \n  # c\n \t\nx=y\r\n"),
			    "1 [A]\n2 Key=a  b\n5 x=y\n");
}

/* Where inih would take the line for more of the value before it. */
static void test_file_indented_line_is_an_entry_of_its_own(void **state)
{
	assert_string_equal(read_text("[A]\na=1\n  b=2\n"), "1 [A]\n2 a=1\n3 b=2\n");
}

static void test_file_without_newline_at_its_end_is_read_whole(void **state)
{
	assert_string_equal(read_text("[A]\na=1"), "1 [A]\n2 a=1\n");
	assert_string_equal(read_text("[A]"), "1 [A]\n");
}

static void test_file_byte_order_mark_is_passed_over(void **state)
{
	assert_string_equal(read_text("\xef\xbb\xbf[A]\na=1"), "1 [A]\n2 a=1\n");
	/* at the start alone */
	assert_string_equal(read_text("[A]\na=1\n\xef\xbb\xbf=1"),
			    "1 [A]\n2 a=1\n3 \xef\xbb\xbf=1\n");
}

static void test_file_values_keep_what_they_hold(void **state)
{
	assert_string_equal(read_text("[A]\na=b=c:d\nb=[x]\nc=a#b;c\nd=#1\ne=\"q\"\nf=\\\\x\n"),
			    "1 [A]\n2 a=b=c:d\n3 b=[x]\n4 c=a#b;c\n5 d=#1\n6 e=\"q\"\n7 f=\\\\x\n");
}

/* inih returns the number of the first one alone. */
static void test_file_all_lines_that_are_nothing_are_told(void **state)
{
	assert_string_equal(read_text("[A]\nword\nb: 2\n=3\na=1\nx:y=z\n"),
			    "1 [A]\n"
			    "2 ! 'word' is neither [Section] nor Key=value\n"
			    "3 ! 'b: 2' is neither [Section] nor Key=value\n"
			    "4 ! '=3' is neither [Section] nor Key=value\n"
			    "5 a=1\n"
			    "6 ! 'x:y=z' is neither [Section] nor Key=value\n");
}

static void test_file_entry_before_any_section_is_refused(void **state)
{
	assert_string_equal(read_text("a=1\n[A]\nb=2"),
			    "1 ! 'a=1' stands before the first [Section]\n2 [A]\n3 b=2\n");
}

/* Its entries would else belong to the section before. */
static void test_file_bad_section_takes_its_entries_with_it(void **state)
{
	static const char *const bad[] = {
		"[B",
		"[]",
		"[B] x=1",
		"[B]]",
		"[B\xff]",
		"[B\x01]",
		"[1234567890123456789012345678901234567890123456789]",
	};

	for (size_t i = 0; i < array_size(bad); i++) {
		char text[200];

		snprintf(text, sizeof(text), "[A]\na=1\n%s\na=2\nword\n[C]\na=3\n", bad[i]);
		read_text(text);
		assert_non_null(strstr(heard, "\n3 ! "));
		assert_null(strstr(heard, "a=2"));
		assert_null(strstr(heard, "\n5 "));
		assert_non_null(strstr(heard, "\n6 [C]\n7 a=3\n"));
	}
}

static void test_file_comment_behind_a_value_is_refused(void **state)
{
	assert_string_equal(read_text("[A]\na=1 # one\nb=2\t; two\nc= ;x\n"),
			    "1 [A]\n"
			    "2 ! '# one': a comment stands in a line of its own\n"
			    "3 ! '; two': a comment stands in a line of its own\n"
			    "4 ! ';x': a comment stands in a line of its own\n");
}

static void test_file_continuation_is_refused(void **state)
{
	assert_string_equal(read_text("[A]\na=1\\\nb=2\n"),
			    "1 [A]\n"
			    "2 ! a value does not go on in the next line, after a '\\'\n"
			    "3 b=2\n");
}

static void test_file_bytes_that_are_no_text_are_refused_with_their_line(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} bad[] = {
		{ "\x00", 1 },	       { "\x01", 1 },
		{ "\x7f", 1 },	       { "\xff", 1 },
		{ "\x80", 1 },	       { "\xc3", 1 },
		{ "\xc0\x80", 2 },     { "\xe0\x80\x80", 3 },
		{ "\xed\xa0\x80", 3 }, { "\xf4\x90\x80\x80", 4 },
		{ "\xf0\x9f\x98", 3 }, { "\r", 1 },
	};

	for (size_t i = 0; i < array_size(bad); i++) {
		char text[64] = "[A]\na=x", line[64];
		size_t n = strlen(text);

		memcpy(text + n, bad[i].bytes, bad[i].n);
		memcpy(text + n + bad[i].n, "y\nb=2\n", 6);
		hear_bytes(text, n + bad[i].n + 6);
		snprintf(line, sizeof(line),
			 "\n2 ! byte 0x%02x is no text: ", (unsigned char)bad[i].bytes[0]);
		assert_non_null(strstr(heard, line));
		assert_non_null(strstr(heard, "\n3 b=2\n"));
	}
}

static void test_file_text_of_all_the_world_is_taken(void **state)
{
	assert_string_equal(
		read_text("[A]\na=\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf"),
		"1 [A]\n"
		"2 a=\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf\n");
}

/*
 * Longer than inih's buffer, with white space and what begins a comment wherever a piece may end:
 * for all lengths around a piece's.
 */
static void test_file_long_values_are_joined(void **state)
{
	static const char pattern[] = "ab c;d#e  f[g]=\t:h";
	static char text[CONF_LINE_BYTES_MAX + 10], expected[CONF_LINE_BYTES_MAX + 20];

	for (size_t n = 150; n < 900; n++) {
		size_t n_text = (size_t)sprintf(text, "[A]\nKey=");

		for (size_t i = 0; i < n; i++)
			text[n_text + i] = pattern[(i * 7 + n) % strlen(pattern)];
		/* neither comments nor stripped */
		for (size_t i = 1; i < n; i++)
			if (strchr(" \t", text[n_text + i - 1]) && strchr(";#", text[n_text + i]))
				text[n_text + i] = '.';
		text[n_text] = text[n_text + n - 1] = 'x';
		text[n_text + n] = '\0';
		snprintf(expected, sizeof(expected), "1 [A]\n2 %s\n", text + 4);
		assert_string_equal(read_text(text), expected);
	}
}

static void test_file_line_too_long_is_refused_and_the_next_read(void **state)
{
	static char text[CONF_LINE_BYTES_MAX + 20];
	size_t n = (size_t)sprintf(text, "[A]\na=");

	memset(text + n, 'v', CONF_LINE_BYTES_MAX - 2);
	strcpy(text + n + CONF_LINE_BYTES_MAX - 2, "\nb=1");
	read_text(text);
	assert_int_equal(strlen(heard), strlen("1 [A]\n2 \n3 b=1\n") + CONF_LINE_BYTES_MAX);
	strcpy(text + n + CONF_LINE_BYTES_MAX - 2, "v\nb=1");
	assert_string_equal(read_text(text), "1 [A]\n"
					     "2 ! the line is longer than 8192 bytes\n"
					     "3 b=1\n");
}

/* A run of white space that fills inih's buffer could be handed on only by changing it. */
static void test_file_value_that_cannot_be_handed_on_is_told(void **state)
{
	char text[600] = "[A]\na=x";

	memset(text + 7, ' ', 400);
	strcpy(text + 407, "y\nb=1\n");
	read_text(text);
	assert_non_null(strstr(heard, "2 ! 'a=x "));
	assert_non_null(strstr(heard, " cannot be read\n3 b=1\n"));
}

static void test_file_key_too_long_is_not_cut(void **state)
{
	char text[200] = "[A]\n", key[CONF_NAME_SIZE + 1];

	memset(key, 'k', CONF_NAME_SIZE);
	key[CONF_NAME_SIZE] = '\0';
	snprintf(text, sizeof(text), "[A]\n%s=1\n", key + 1);
	assert_non_null(strstr(read_text(text), key + 1));
	assert_null(strstr(heard, "!"));
	snprintf(text, sizeof(text), "[A]\n%s=1\n", key);
	assert_non_null(strstr(read_text(text), "2 ! "));
	assert_non_null(strstr(heard, "is too long for a key"));
}

static void test_file_failure_of_a_handler_ends_the_reading(void **state)
{
	heard[0] = '\0';
	answer = -ENOMEM;
	assert_int_equal(conf_file_read("[A]\na=1\nword\n[B]\n", 17, &handler), -ENOMEM);
	assert_string_equal(heard, "1 [A]\n");
	heard[0] = '\0';
	assert_int_equal(conf_file_read("word\n[A]\n", 9, &handler), -ENOMEM);
	assert_string_equal(heard, "1 ! 'word' is neither [Section] nor Key=value\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file_entries_come_with_section_and_line),
		cmocka_unit_test(test_file_white_space_around_names_and_values_is_stripped),
		cmocka_unit_test(test_file_indented_line_is_an_entry_of_its_own),
		cmocka_unit_test(test_file_without_newline_at_its_end_is_read_whole),
		cmocka_unit_test(test_file_byte_order_mark_is_passed_over),
		cmocka_unit_test(test_file_values_keep_what_they_hold),
		cmocka_unit_test(test_file_all_lines_that_are_nothing_are_told),
		cmocka_unit_test(test_file_entry_before_any_section_is_refused),
		cmocka_unit_test(test_file_bad_section_takes_its_entries_with_it),
		cmocka_unit_test(test_file_comment_behind_a_value_is_refused),
		cmocka_unit_test(test_file_continuation_is_refused),
		cmocka_unit_test(test_file_bytes_that_are_no_text_are_refused_with_their_line),
		cmocka_unit_test(test_file_text_of_all_the_world_is_taken),
		cmocka_unit_test(test_file_long_values_are_joined),
		cmocka_unit_test(test_file_line_too_long_is_refused_and_the_next_read),
		cmocka_unit_test(test_file_value_that_cannot_be_handed_on_is_told),
		cmocka_unit_test(test_file_key_too_long_is_not_cut),
		cmocka_unit_test(test_file_failure_of_a_handler_ends_the_reading),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
