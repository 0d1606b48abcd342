/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a journal gets: the socket that is bound here stands for systemd's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
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
	int fds[2]; /* a pipe for stderr */
	char directory[64], path[96];
	int journal;	  /* bound to path, or -1 */
	char text[65536]; /* what was received or read last */
};

static void start_journal(struct fixture *f)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	f->journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(f->journal >= 0);
	strcpy(address.sun_path, f->path);
	assert_int_equal(bind(f->journal, (struct sockaddr *)&address, sizeof(address)), 0);
}

static void stop_journal(struct fixture *f)
{
	close(f->journal);
	f->journal = -1;
	assert_int_equal(unlink(f->path), 0);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct log_config config = {
		.has_priority = true,
		.level = LOG_LEVEL_DEBUG,
		.clock_ns = test_clock,
	};

	now_ns = 1;
	if (!f || pipe2(f->fds, O_NONBLOCK) != 0)
		return -1;
	strcpy(f->directory, "/tmp/log-journal-XXXXXX");
	if (!mkdtemp(f->directory))
		return -1;
	snprintf(f->path, sizeof(f->path), "%s/socket", f->directory);
	start_journal(f);
	config.fd = f->fds[1];
	config.journal = f->path;
	log_init(&f->log, &config);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	log_deinit(&f->log);
	if (f->journal >= 0)
		stop_journal(f);
	rmdir(f->directory);
	close(f->fds[0]);
	close(f->fds[1]);
	free(f);
	return 0;
}

/* The next message, or "" if there is none. */
static const char *message(struct fixture *f)
{
	ssize_t n = recv(f->journal, f->text, sizeof(f->text) - 1, 0);

	f->text[n > 0 ? n : 0] = '\0';
	return f->text;
}

/* All lines at stderr since the last look. */
static const char *lines(struct fixture *f)
{
	ssize_t n = read(f->fds[0], f->text, sizeof(f->text) - 1);

	f->text[n > 0 ? n : 0] = '\0';
	return f->text;
}

static void test_log_journal_gets_the_fields_and_the_line(void **state)
{
	struct fixture *f = *state;
	char expected[1024];

	log_event(&f->log, LOG_PUBLISH_FAILED, LOG_TEXT("what", "write"),
		  LOG_TEXT("reason", "say \"no\""), LOG_U64("ring-bytes", 65536),
		  LOG_I64("change", -3), LOG_SHARE("lost", 0.00123),
		  LOG_SECONDS("took", 1500000000), LOG_ERRNO(-ENOSPC));
	snprintf(expected, sizeof(expected),
		 "PRIORITY=3\nSYSLOG_IDENTIFIER=autofdod\nMESSAGE_ID=%s\n"
		 "AUTOFDOD_EVENT=publish-failed\nAUTOFDOD_WHAT=write\n"
		 "AUTOFDOD_REASON=say \"no\"\nAUTOFDOD_RING_BYTES=65536\nAUTOFDOD_CHANGE=-3\n"
		 "AUTOFDOD_LOST=0.123%%\nAUTOFDOD_TOOK=1.500s\nERRNO=28\n"
		 "MESSAGE=publish-failed what=write reason=\"say \\\"no\\\"\" ring-bytes=65536 "
		 "change=-3 lost=0.123%% took=1.500s errno=28\n",
		 log_event_message_id(LOG_PUBLISH_FAILED));
	assert_string_equal(message(f), expected);
	assert_string_equal(message(f), "");
	assert_string_equal(lines(f), "");
	assert_int_equal(f->log.n_lines, 1);
}

/* Neither a field nor a message of its own can come from a value. */
static void test_log_journal_value_of_foreign_bytes_stays_a_value(void **state)
{
	struct fixture *f = *state;

	log_event(&f->log, LOG_FAILED, LOG_TEXT("what", "x\nPRIORITY=0\n\ny"),
		  LOG_TEXT("reason", "\x1b[2J\xc3\xa4"));
	message(f);
	assert_non_null(strstr(f->text, "\nAUTOFDOD_WHAT=x\\x0aPRIORITY=0\\x0a\\x0ay\n"));
	assert_non_null(strstr(f->text, "\nAUTOFDOD_REASON=\\x1b[2J\\xc3\\xa4\nMESSAGE="));
	assert_null(strstr(f->text, "\nPRIORITY="));
}

static void test_log_journal_what_is_not_there_leaves_no_field(void **state)
{
	struct fixture *f = *state;

	log_event(&f->log, LOG_FAILED, LOG_TEXT("what", NULL), LOG_TEXT("reason", ""), LOG_ERRNO(0),
		  LOG_ERRNO(1));
	message(f);
	assert_non_null(strstr(f->text, "\nAUTOFDOD_EVENT=failed\nAUTOFDOD_REASON=\n"
					"MESSAGE=failed reason=\"\"\n"));
}

/* However much is said, each field and the line are whole. */
static void test_log_journal_message_too_long_keeps_whole_fields(void **state)
{
	struct fixture *f = *state;
	char text[LOG_VALUE_BYTES];
	size_t n;

	memset(text, '\x01', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_event(&f->log, LOG_FAILED, LOG_TEXT("a", text), LOG_TEXT("b", text),
		  LOG_TEXT("c", text), LOG_TEXT("d", text), LOG_TEXT("e", text), LOG_U64("f", 1));
	n = strlen(message(f));
	assert_true(n < LOG_JOURNAL_BYTES && n > LOG_JOURNAL_BYTES / 2);
	assert_string_equal(f->text + n - 5, "...\"\n");
	for (char *line = strtok(f->text, "\n"); line; line = strtok(NULL, "\n")) {
		assert_non_null(strchr(line, '='));
		assert_true(line[0] >= 'A' && line[0] <= 'Z');
	}
}

/* However little room is left for the last one: it is there, cut, or not at all. */
static void test_log_journal_message_nearly_full_has_no_half_fields(void **state)
{
	struct fixture *f = *state;
	char full[LOG_VALUE_BYTES], last[LOG_VALUE_BYTES];
	unsigned int n_left_out = 0;

	memset(full, '\x01', sizeof(full) - 1);
	full[sizeof(full) - 1] = '\0';
	for (size_t n_last = 1; n_last < LOG_VALUE_BYTES; n_last++) {
		memset(last, '\x02', n_last);
		last[n_last] = '\0';
		now_ns += MINUTE;
		log_event(&f->log, LOG_FAILED, LOG_TEXT("a", full), LOG_TEXT("b", full),
			  LOG_TEXT("c", last), LOG_TEXT("d", "two words"));
		message(f);
		n_left_out += !strstr(f->text, "\nAUTOFDOD_D=two words\n");
		assert_non_null(strstr(f->text, "\nMESSAGE=failed a="));
		assert_null(strstr(f->text, "=\n"));
	}
	assert_true(n_left_out > 0 && n_left_out < LOG_VALUE_BYTES - 1);
}

static void test_log_journal_repeats_are_folded_with_their_count(void **state)
{
	struct fixture *f = *state;

	for (unsigned int i = 0; i < 9; i++)
		log_event(&f->log, LOG_SAMPLES_LOST, LOG_U64("lost", i));
	for (unsigned int i = 0; i < 5; i++)
		assert_null(strstr(message(f), "FOLDED"));
	assert_string_equal(message(f), "");
	now_ns += MINUTE;
	log_event(&f->log, LOG_SAMPLES_LOST, LOG_U64("lost", 7));
	message(f);
	assert_non_null(strstr(f->text, "\nAUTOFDOD_LOST=7\nAUTOFDOD_FOLDED=4\n"
					"MESSAGE=samples-lost lost=7 folded=4\n"));
}

static void test_log_journal_flush_says_which_event_was_folded(void **state)
{
	struct fixture *f = *state;

	for (unsigned int i = 0; i < 9; i++)
		log_event(&f->log, LOG_SAMPLES_LOST);
	for (unsigned int i = 0; i < 5; i++)
		message(f);
	log_flush(&f->log);
	message(f);
	assert_non_null(strstr(f->text, log_event_message_id(LOG_LINES_FOLDED)));
	assert_non_null(strstr(f->text, "\nAUTOFDOD_EVENT=lines-folded\n"
					"AUTOFDOD_FOLDED_EVENT=samples-lost\nAUTOFDOD_FOLDED=4\n"));
}

/* The socket of a restarted journal is another one of the same name. */
static void test_log_journal_gone_gets_lines_until_it_is_back(void **state)
{
	struct fixture *f = *state;

	stop_journal(f);
	log_event(&f->log, LOG_READY, LOG_U64("cpus", 2));
	assert_string_equal(lines(f), "<5>ready cpus=2\n");
	start_journal(f);
	log_event(&f->log, LOG_STOPPING);
	assert_non_null(strstr(message(f), "\nMESSAGE=stopping\n"));
	assert_string_equal(lines(f), "");
	assert_int_equal(f->log.n_lines, 2);
	assert_int_equal(f->log.n_unwritten, 0);
}

/*
 * A journal that sleeps lets its socket fill (net.unix.max_dgram_qlen) and then its stream: the
 * daemon goes on, and later says what is missing.
 */
static void test_log_journal_that_sleeps_stops_nothing(void **state)
{
	struct fixture *f = *state;
	unsigned int n_messages = 0, n_lost;
	char page[4096];

	assert_int_equal(fcntl(f->fds[1], F_SETFL, O_NONBLOCK), 0);
	memset(page, '\n', sizeof(page));
	while (write(f->fds[1], page, sizeof(page)) > 0)
		;
	assert_int_equal(fcntl(f->fds[1], F_SETFL, 0), 0);
	while (f->log.n_unwritten < 3) {
		now_ns += MINUTE;
		log_event(&f->log, LOG_STOPPING);
		assert_true(f->log.n_lines < 100000);
	}
	n_lost = (unsigned int)f->log.n_unwritten;
	while (*message(f))
		n_messages++;
	assert_int_equal(n_messages, f->log.n_lines);
	log_event(&f->log, LOG_STOPPED);
	message(f);
	assert_non_null(strstr(f->text, "\nAUTOFDOD_UNWRITTEN=3\nMESSAGE=stopped unwritten=3\n"));
	assert_int_equal(n_lost, 3);
}

static void test_log_journal_name_too_long_gets_lines(void **state)
{
	struct fixture *f = *state;
	struct log_config config = f->log.config;
	char path[200];

	memset(path, 'p', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	config.journal = path;
	log_deinit(&f->log);
	log_init(&f->log, &config);
	log_event(&f->log, LOG_READY);
	assert_string_equal(lines(f), "<5>ready\n");
}

static void test_log_journal_below_its_level_is_silent(void **state)
{
	struct fixture *f = *state;

	f->log.config.level = LOG_LEVEL_WARNING;
	log_event(&f->log, LOG_READY);
	assert_string_equal(message(f), "");
	log_event(&f->log, LOG_FAILED);
	assert_non_null(strstr(message(f), "\nMESSAGE=failed\n"));
}

#define test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		test(test_log_journal_gets_the_fields_and_the_line),
		test(test_log_journal_value_of_foreign_bytes_stays_a_value),
		test(test_log_journal_what_is_not_there_leaves_no_field),
		test(test_log_journal_message_too_long_keeps_whole_fields),
		test(test_log_journal_message_nearly_full_has_no_half_fields),
		test(test_log_journal_repeats_are_folded_with_their_count),
		test(test_log_journal_flush_says_which_event_was_folded),
		test(test_log_journal_gone_gets_lines_until_it_is_back),
		test(test_log_journal_that_sleeps_stops_nothing),
		test(test_log_journal_name_too_long_gets_lines),
		test(test_log_journal_below_its_level_is_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
