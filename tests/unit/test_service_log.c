/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "service/log.h"

#define MINUTE 60000000000ull

static uint64_t now_ns;

static uint64_t test_clock(void)
{
	return now_ns;
}

struct fixture {
	struct log log;
	int fds[2]; /* a pipe: what was written is read from [0] */
	char text[65536];
};

static void use(struct fixture *f, enum log_level level, bool has_priority)
{
	struct log_config config = {
		.fd = f->fds[1],
		.has_priority = has_priority,
		.level = level,
		.clock_ns = test_clock,
	};

	log_init(&f->log, &config);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	now_ns = 1;
	if (!f || pipe2(f->fds, O_NONBLOCK) != 0)
		return -1;
	use(f, LOG_LEVEL_DEBUG, false);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	close(f->fds[0]);
	close(f->fds[1]);
	free(f);
	return 0;
}

/* All lines since the last look. */
static const char *lines(struct fixture *f)
{
	ssize_t n = read(f->fds[0], f->text, sizeof(f->text) - 1);

	f->text[n > 0 ? n : 0] = '\0';
	return f->text;
}

static void test_log_line_is_a_name_and_fields(void **state)
{
	struct fixture *f = *state;

	log_event(&f->log, LOG_EVENT_CHOSEN, LOG_U64("cpus", 16), LOG_I64("change", -3),
		  LOG_TEXT("event", "BR_INST_RETIRED.NEAR_TAKEN"), LOG_SHARE("lost", 0.00123),
		  LOG_SECONDS("after", 12345678901));
	assert_string_equal(lines(f), "event-chosen cpus=16 change=-3 "
				      "event=BR_INST_RETIRED.NEAR_TAKEN lost=0.123% "
				      "after=12.345s\n");
	log_event(&f->log, LOG_READY);
	assert_string_equal(lines(f), "ready\n");
	assert_int_equal(f->log.n_lines, 2);
}

static void test_log_text_that_is_not_there_leaves_no_field(void **state)
{
	struct fixture *f = *state;

	log_event(&f->log, LOG_READY, LOG_TEXT("a", NULL), LOG_TEXT("b", ""), LOG_U64("c", 0));
	assert_string_equal(lines(f), "ready b=\"\" c=0\n");
}

static void test_log_value_with_other_signs_is_quoted(void **state)
{
	struct fixture *f = *state;

	log_event(&f->log, LOG_FAILED, LOG_TEXT("a", "two words"), LOG_TEXT("b", "k=v"),
		  LOG_TEXT("c", "say \"\\n\""), LOG_TEXT("d", "/a/b-c_d.e:f,(g)[h]~@%+;1"));
	assert_string_equal(lines(f), "failed a=\"two words\" b=\"k=v\" c=\"say \\\"\\\\n\\\"\" "
				      "d=/a/b-c_d.e:f,(g)[h]~@%+;1\n");
}

/* Neither a line of its own nor a control sequence can come from a value. */
static void test_log_value_of_foreign_bytes_is_escaped(void **state)
{
	struct fixture *f = *state;

	log_event(&f->log, LOG_FAILED, LOG_TEXT("a", "x\ny"), LOG_TEXT("b", "\x1b[2J\x7f"),
		  LOG_TEXT("c", "\xc3\xa4"));
	assert_string_equal(lines(f),
			    "failed a=\"x\\x0ay\" b=\"\\x1b[2J\\x7f\" c=\"\\xc3\\xa4\"\n");
}

static void test_log_value_too_long_is_cut_and_says_so(void **state)
{
	struct fixture *f = *state;
	char text[LOG_VALUE_BYTES + 2];

	memset(text, 'v', sizeof(text));
	text[LOG_VALUE_BYTES] = '\0';
	log_event(&f->log, LOG_FAILED, LOG_TEXT("a", text));
	assert_int_equal(strlen(lines(f)), strlen("failed a=\n") + LOG_VALUE_BYTES);
	text[LOG_VALUE_BYTES] = 'v';
	text[LOG_VALUE_BYTES + 1] = '\0';
	log_event(&f->log, LOG_FAILED, LOG_TEXT("a", text), LOG_U64("b", 1));
	assert_int_equal(strlen(lines(f)), strlen("failed a=\"...\" b=1\n") + LOG_VALUE_BYTES);
	assert_non_null(strstr(f->text, "vvv...\" b=1\n"));
}

/* Four bytes each when escaped: ten values cannot fit, and the line stays whole. */
static void test_log_line_too_long_keeps_whole_fields(void **state)
{
	struct fixture *f = *state;
	char text[LOG_VALUE_BYTES];
	size_t n;

	memset(text, '\x01', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_event(&f->log, LOG_FAILED, LOG_TEXT("a", text), LOG_TEXT("b", text),
		  LOG_TEXT("c", text), LOG_TEXT("d", text), LOG_U64("e", 1));
	n = strlen(lines(f));
	assert_true(n < LOG_LINE_BYTES && n > LOG_LINE_BYTES / 2);
	assert_string_equal(f->text + n - 5, "...\"\n");
	assert_null(strstr(f->text, " b="));
}

/* However little room is left for the last one: it is there, cut, or not at all. */
static void test_log_line_nearly_full_has_no_key_without_value(void **state)
{
	struct fixture *f = *state;
	char full[LOG_VALUE_BYTES + 1], last[LOG_VALUE_BYTES + 1];
	unsigned int n_left_out = 0;
	size_t n;

	memset(full, 'v', LOG_VALUE_BYTES);
	full[LOG_VALUE_BYTES] = '\0';
	for (size_t n_last = 1; n_last < LOG_VALUE_BYTES; n_last++) {
		memset(last, 'w', n_last);
		last[n_last] = '\0';
		now_ns += MINUTE;
		log_event(&f->log, LOG_FAILED, LOG_TEXT("a", full), LOG_TEXT("b", full),
			  LOG_TEXT("c", full), LOG_TEXT("d", last), LOG_TEXT("e", "two words"));
		n = strlen(lines(f));
		n_left_out += !strstr(f->text, " e=");
		assert_true(f->text[n - 2] == '"' || f->text[n - 2] == 'w');
	}
	assert_true(n_left_out > 0 && n_left_out < LOG_VALUE_BYTES - 1);
}

static void test_log_in_the_journal_begins_with_its_priority(void **state)
{
	struct fixture *f = *state;

	use(f, LOG_LEVEL_DEBUG, true);
	log_event(&f->log, LOG_FAILED);
	log_event(&f->log, LOG_WORKER_STARTED);
	assert_string_equal(lines(f), "<3>failed\n<7>worker-started\n");
}

static void test_log_below_its_level_is_silent(void **state)
{
	struct fixture *f = *state;

	use(f, LOG_LEVEL_NOTICE, false);
	log_event(&f->log, LOG_GATE_OPENED); /* info */
	log_event(&f->log, LOG_READY);	     /* notice */
	log_event(&f->log, LOG_FAILED);	     /* error */
	assert_string_equal(lines(f), "ready\nfailed\n");
	assert_int_equal(f->log.n_folded, 0);
}

static void test_log_without_a_log_does_nothing(void **state)
{
	log_event(NULL, LOG_READY, LOG_U64("a", 1));
	log_flush(NULL);
	log_flush_due(NULL);
}

static void write_many(struct fixture *f, enum log_event event, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		log_event(&f->log, event);
}

static void test_log_repeats_are_folded_until_the_minute_is_over(void **state)
{
	struct fixture *f = *state;

	write_many(f, LOG_SAMPLES_LOST, 12);
	assert_string_equal(lines(f), "samples-lost\nsamples-lost\nsamples-lost\nsamples-lost\n"
				      "samples-lost\n");
	now_ns += MINUTE - 1;
	write_many(f, LOG_SAMPLES_LOST, 1);
	assert_string_equal(lines(f), "");
	now_ns += 1;
	write_many(f, LOG_SAMPLES_LOST, 2);
	assert_string_equal(lines(f), "samples-lost folded=8\nsamples-lost\n");
	assert_int_equal(f->log.n_folded, 8);
}

static void test_log_folding_is_by_event(void **state)
{
	struct fixture *f = *state;

	write_many(f, LOG_SAMPLES_LOST, 100);
	lines(f);
	log_event(&f->log, LOG_THROTTLED);
	assert_string_equal(lines(f), "throttled\n");
}

static void test_log_flush_says_what_was_folded_once(void **state)
{
	struct fixture *f = *state;

	write_many(f, LOG_SAMPLES_LOST, 8);
	write_many(f, LOG_THROTTLED, 6);
	lines(f);
	log_flush(&f->log);
	assert_string_equal(lines(f), "lines-folded folded-event=samples-lost folded=3\n"
				      "lines-folded folded-event=throttled folded=1\n");
	log_flush(&f->log);
	assert_string_equal(lines(f), "");
}

/* A condition that is over says nothing any more: its count must not wait for the next time. */
static void test_log_folded_of_a_minute_that_is_over_is_due(void **state)
{
	struct fixture *f = *state;

	write_many(f, LOG_SAMPLES_LOST, 8);
	now_ns += MINUTE / 2;
	write_many(f, LOG_THROTTLED, 6);
	lines(f);
	now_ns += MINUTE / 2 - 1;
	log_flush_due(&f->log);
	assert_string_equal(lines(f), "");
	now_ns += 1;
	log_flush_due(&f->log);
	assert_string_equal(lines(f), "lines-folded folded-event=samples-lost folded=3\n");
	log_flush_due(&f->log);
	assert_string_equal(lines(f), "");
	log_event(&f->log, LOG_SAMPLES_LOST);
	assert_string_equal(lines(f), "samples-lost\n");
}

/* The count of what was folded is in the line however full that is. */
static void test_log_folded_finds_room_in_a_full_line(void **state)
{
	struct fixture *f = *state;
	char text[LOG_VALUE_BYTES];

	memset(text, '\x01', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	write_many(f, LOG_SAMPLES_LOST, 8);
	now_ns += MINUTE;
	lines(f);
	log_event(&f->log, LOG_SAMPLES_LOST, LOG_TEXT("a", text));
	assert_non_null(strstr(lines(f), "...\" folded=3\n"));
	assert_true(strlen(f->text) <= LOG_LINE_BYTES);
}

static void test_log_that_cannot_be_written_is_counted(void **state)
{
	struct fixture *f = *state;

	signal(SIGPIPE, SIG_IGN);
	close(f->fds[0]);
	log_event(&f->log, LOG_READY);
	assert_int_equal(f->log.n_unwritten, 1);
	assert_int_equal(f->log.n_lines, 0);
	f->fds[0] = open("/dev/null", O_RDONLY);
}

/* Leaves no room, in a pipe that blocks, as stderr does. */
static void fill(struct fixture *f)
{
	char page[4096];

	assert_int_equal(fcntl(f->fds[1], F_SETFL, O_NONBLOCK), 0);
	memset(page, '\n', sizeof(page));
	while (write(f->fds[1], page, sizeof(page)) > 0)
		;
	assert_int_equal(fcntl(f->fds[1], F_SETFL, 0), 0);
}

static void drain(struct fixture *f)
{
	while (read(f->fds[0], f->text, sizeof(f->text)) > 0)
		;
}

/* A reader that sleeps neither stops the daemon nor goes without knowing what it missed. */
static void test_log_nobody_reads_is_said_when_somebody_does(void **state)
{
	struct fixture *f = *state;

	fill(f);
	log_event(&f->log, LOG_READY);
	log_event(&f->log, LOG_STOPPING);
	assert_int_equal(f->log.n_unwritten, 2);
	drain(f);
	log_event(&f->log, LOG_STOPPED, LOG_U64("published", 3));
	log_event(&f->log, LOG_FAILED);
	assert_string_equal(lines(f), "stopped published=3 unwritten=2\nfailed\n");
	assert_int_equal(f->log.n_unwritten, 2);
}

/* The line that should have said it is lost, the count is not. */
static void test_log_folded_is_said_when_somebody_reads(void **state)
{
	struct fixture *f = *state;

	write_many(f, LOG_SAMPLES_LOST, 8);
	fill(f);
	now_ns += MINUTE;
	log_event(&f->log, LOG_SAMPLES_LOST);
	log_flush_due(&f->log);
	drain(f);
	log_event(&f->log, LOG_SAMPLES_LOST);
	assert_string_equal(lines(f), "samples-lost folded=3 unwritten=1\n");
	write_many(f, LOG_SAMPLES_LOST, 4);
	fill(f);
	now_ns += MINUTE;
	for (int i = 0; i < 10; i++)
		log_flush_due(&f->log);
	drain(f);
	log_flush(&f->log);
	assert_string_equal(lines(f),
			    "lines-folded folded-event=samples-lost folded=1 unwritten=1\n");
}

static void test_log_journal_is_known_by_its_stream(void **state)
{
	struct fixture *f = *state;
	char stream[64];
	struct stat st;

	assert_int_equal(fstat(f->fds[1], &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	assert_true(log_is_journal(f->fds[1], stream));
	assert_false(log_is_journal(f->fds[1], NULL));
	assert_false(log_is_journal(f->fds[1], ""));
	assert_false(log_is_journal(f->fds[1], "1"));
	assert_false(log_is_journal(-1, stream));
	strcat(stream, "x");
	assert_false(log_is_journal(f->fds[1], stream));
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino + 1);
	assert_false(log_is_journal(f->fds[1], stream));
}

/* As systemd-id128(1) makes them, and no two the same. */
static void test_log_events_have_ids_of_their_own(void **state)
{
	for (enum log_event i = 0; i < LOG_N_EVENTS; i++) {
		const char *id = log_event_message_id(i);

		assert_int_equal(strlen(id), 32);
		assert_int_equal(strspn(id, "0123456789abcdef"), 32);
		assert_true(id[12] == '4' && strchr("89ab", id[16]));
		for (enum log_event j = 0; j < i; j++)
			assert_string_not_equal(id, log_event_message_id(j));
	}
}

/* Names are parsed by others: words of lower case with '-', all different. */
static void test_log_events_have_names_of_their_own(void **state)
{
	for (enum log_event i = 0; i < LOG_N_EVENTS; i++) {
		const char *name = log_event_name(i);

		assert_true(name[0] >= 'a' && name[0] <= 'z');
		assert_true(!name[strspn(name, "abcdefghijklmnopqrstuvwxyz-")]);
		assert_true(log_event_level(i) >= LOG_LEVEL_ERROR &&
			    log_event_level(i) <= LOG_LEVEL_DEBUG);
		for (enum log_event j = 0; j < i; j++)
			assert_string_not_equal(name, log_event_name(j));
	}
}

#define test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		test(test_log_line_is_a_name_and_fields),
		test(test_log_text_that_is_not_there_leaves_no_field),
		test(test_log_value_with_other_signs_is_quoted),
		test(test_log_value_of_foreign_bytes_is_escaped),
		test(test_log_value_too_long_is_cut_and_says_so),
		test(test_log_line_too_long_keeps_whole_fields),
		test(test_log_line_nearly_full_has_no_key_without_value),
		test(test_log_in_the_journal_begins_with_its_priority),
		test(test_log_below_its_level_is_silent),
		test(test_log_without_a_log_does_nothing),
		test(test_log_repeats_are_folded_until_the_minute_is_over),
		test(test_log_folding_is_by_event),
		test(test_log_flush_says_what_was_folded_once),
		test(test_log_folded_of_a_minute_that_is_over_is_due),
		test(test_log_folded_finds_room_in_a_full_line),
		test(test_log_that_cannot_be_written_is_counted),
		test(test_log_nobody_reads_is_said_when_somebody_does),
		test(test_log_folded_is_said_when_somebody_reads),
		test(test_log_journal_is_known_by_its_stream),
		test(test_log_events_have_names_of_their_own),
		test(test_log_events_have_ids_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
