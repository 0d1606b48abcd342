/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reading of live text on a loop, from servers that are good and from servers of every other
 * kind: each ends, in time, with pages or with a reason, and never with half of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "aggregate/counters.h"
#include "collect/branch.h"
#include "kernel/text_pages.h"
#include "process/text_client.h"
#include "service/live_reading.h"

#define WINDOW_IP 0xffffffff00000000ull
#define PAGE TEXT_PAGE_BYTES
#define MS 1000000ull

/* What the server does with request number n, from 0: BEGIN is the first. */
struct server {
	void (*answer)(int fd, const struct text_request *request, unsigned int n);
};

struct fixture {
	sd_event *event;
	struct counters *counters;
	struct text_client *client;
	struct live_reading *reading;
	pid_t server;
	unsigned int n_ends, n_looks;
	uint32_t shift;	    /* of pages, from placed to run-time offsets */
	bool goes;	    /* what is there is found to be gone when it is looked for again … */
	unsigned int stays; /* … so many times it is not */
};

static uint8_t all_good(void *context, uint32_t from_off, uint32_t to_off)
{
	(void)context, (void)from_off, (void)to_off;
	return FROM_GOOD | TO_GOOD;
}

/* One page for each of n branches, from page 16 on, 64 KiB apart. */
static void count(struct fixture *f, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint64_t ip = WINDOW_IP + (i + 1) * 0x10000ull;
		struct branch_entry entry = { .from_ip = ip + 16, .to_ip = ip };

		counters_add_stack(f->counters, WINDOW_IP, &entry, 1, 1);
	}
}

static int setup(void **state)
{
	struct counters_config config = {
		.n_edge_slots = 4096,
		.n_range_slots = 4096,
		.classify = all_good,
	};
	struct fixture *f = calloc(1, sizeof(*f));

	assert_true(sd_event_new(&f->event) >= 0);
	assert_int_equal(counters_new(&config, &f->counters), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	live_reading_free(f->reading);
	text_client_free(f->client);
	if (f->server > 0) {
		kill(f->server, SIGKILL);
		waitpid(f->server, NULL, 0);
	}
	counters_free(f->counters);
	sd_event_unref(f->event);
	free(f);
	return 0;
}

/* servers */

static _Alignas(8) uint8_t reply_bytes[TEXT_REPLY_BYTES_MAX];

static struct text_reply *reply_to(const struct text_request *request, uint32_t given)
{
	struct text_reply *reply = (struct text_reply *)reply_bytes;

	*reply = (struct text_reply){
		.magic = TEXT_REPLY_MAGIC,
		.kind = request->kind,
		.serial = request->serial,
		.given = given,
		.n_modules = 3,
		.cpu_ns = 5,
	};
	return reply;
}

static void send_reply(int fd, size_t n_pages)
{
	(void)!send(fd, reply_bytes, sizeof(struct text_reply) + n_pages * PAGE, MSG_NOSIGNAL);
}

/* Each page says which it is. */
static void give(int fd, const struct text_request *request, uint32_t n)
{
	reply_to(request, (1u << n) - 1);
	for (uint32_t i = 0; i < n; i++)
		memset(reply_bytes + sizeof(struct text_reply) + i * PAGE,
		       (int)(request->ips[i] >> 16 & 0xff), PAGE);
	send_reply(fd, n);
}

static void good(int fd, const struct text_request *request, unsigned int n)
{
	(void)n;
	give(fd, request, request->kind == TEXT_PAGES ? request->n_pages : 0);
}

static void hangs(int fd, const struct text_request *request, unsigned int n)
{
	if (n < 2)
		good(fd, request, n);
}

static void never_begins(int fd, const struct text_request *request, unsigned int n)
{
	(void)fd, (void)request, (void)n;
}

static void hangs_up(int fd, const struct text_request *request, unsigned int n)
{
	if (n == 2)
		_exit(0);
	good(fd, request, n);
}

static void hangs_up_at_once(int fd, const struct text_request *request, unsigned int n)
{
	(void)fd, (void)request, (void)n;
	_exit(0);
}

static void lies_about_the_length(int fd, const struct text_request *request, unsigned int n)
{
	if (n < 2) {
		good(fd, request, n);
		return;
	}
	reply_to(request, 7);
	send_reply(fd, 2);
}

static void gives_others(int fd, const struct text_request *request, unsigned int n)
{
	if (n < 2) {
		good(fd, request, n);
		return;
	}
	reply_to(request, 0x7fff);
	send_reply(fd, TEXT_REQUEST_PAGES_MAX);
}

static void answers_the_last_one_again(int fd, const struct text_request *request, unsigned int n)
{
	struct text_request last = *request;

	last.serial -= n > 1;
	give(fd, &last, request->n_pages);
}

static void answers_twice(int fd, const struct text_request *request, unsigned int n)
{
	good(fd, request, n);
	good(fd, request, n);
}

static void talks_nonsense(int fd, const struct text_request *request, unsigned int n)
{
	(void)request, (void)n;
	memset(reply_bytes, 0xa5, sizeof(reply_bytes));
	send_reply(fd, 4);
}

static void is_slow(int fd, const struct text_request *request, unsigned int n)
{
	const struct timespec t = { .tv_nsec = 60 * MS };

	nanosleep(&t, NULL);
	good(fd, request, n);
}

static void does_not_know(int fd, const struct text_request *request, unsigned int n)
{
	struct text_reply *reply = reply_to(request, 0);

	(void)n;
	reply->result = TEXT_E_UNKNOWN;
	strcpy(reply->text, "the reason of the server");
	send_reply(fd, 0);
}

static void fails_silently(int fd, const struct text_request *request, unsigned int n)
{
	(void)n;
	reply_to(request, 0)->result = -EIO;
	send_reply(fd, 0);
}

static void gives_nothing(int fd, const struct text_request *request, unsigned int n)
{
	(void)n;
	reply_to(request, 0);
	send_reply(fd, 0);
}

static void gives_the_first(int fd, const struct text_request *request, unsigned int n)
{
	(void)n;
	give(fd, request, request->kind == TEXT_PAGES);
}

static void serve(struct fixture *f, void (*answer)(int, const struct text_request *, unsigned int))
{
	struct problem problem = { "" };
	struct text_request request;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	fflush(NULL);
	f->server = fork();
	if (f->server == 0) {
		close(fds[0]);
		for (unsigned int n = 0; recv(fds[1], &request, sizeof(request), 0) > 0; n++)
			answer(fds[1], &request, n);
		_exit(0);
	}
	close(fds[1]);
	assert_int_equal(text_client_new(fds[0], &f->client, &problem), 0);
}

/* reading */

static uint32_t run_off(void *context, uint32_t off)
{
	const struct fixture *f = context;

	return f->shift == UINT32_MAX ? 0 : off + f->shift;
}

static void on_known(void *context)
{
	struct fixture *f = context;

	f->n_looks++;
	if (f->goes && f->n_looks > f->stays)
		f->shift = UINT32_MAX;
}

static void on_end(void *context)
{
	struct fixture *f = context;

	f->n_ends++;
}

static const struct live_reading_result *read_with(struct fixture *f, uint64_t bytes_max)
{
	struct live_reading_config config = {
		.event = f->event,
		.priority = SD_EVENT_PRIORITY_NORMAL,
		.client = f->client,
		.socket = "/nonexistent/autofdod-text",
		.kallsyms_fd = -1,
		.counters = f->counters,
		.window_ip = WINDOW_IP,
		.run_off = run_off,
		.on_known = on_known,
		.on_end = on_end,
		.context = f,
		.bytes_max = bytes_max,
		.reply_ns = 300 * MS,
		.total_ns = 1000 * MS,
	};

	assert_int_equal(live_reading_start(&config, &f->reading), 0);
	while (!live_reading_has_ended(f->reading))
		assert_true(sd_event_run(f->event, UINT64_MAX) >= 0);
	/* nothing comes after the end */
	assert_true(sd_event_run(f->event, 1000) >= 0);
	assert_int_equal(f->n_ends, 1);
	return live_reading_result(f->reading);
}

static void test_live_reading_all_pages_are_kept(void **state)
{
	struct fixture *f = *state;
	const struct live_reading_result *result;
	struct text_pages pages;
	struct text_page page;
	struct problem problem = { "" };
	struct stat st;
	void *data;
	uint32_t n = 0;

	count(f, 100);
	serve(f, good);
	result = read_with(f, 1 << 20);
	assert_true(result->fd >= 0);
	assert_int_equal(result->n_pages, 100);
	assert_int_equal(result->n_refused, 0);
	assert_int_equal(result->n_left, 0);
	assert_int_equal(result->n_modules, 3);
	assert_int_equal(result->cpu_ns, 5);
	assert_false(live_reading_is_broken(f->reading));
	assert_true(fcntl(result->fd, F_GET_SEALS) & F_SEAL_WRITE);
	assert_int_equal(fstat(result->fd, &st), 0);
	data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, result->fd, 0);
	assert_int_equal(text_pages_open(&pages, data, (size_t)st.st_size, &problem), 0);
	for (; text_pages_next(&pages, &page); n++) {
		assert_int_equal(page.window_off, (n + 1) * 0x10000);
		assert_int_equal(page.bytes[0], (n + 1) & 0xff);
	}
	assert_int_equal(n, 100);
	munmap(data, (size_t)st.st_size);
}

/* Where code is now is asked for, where it was counted is written down. */
static void test_live_reading_of_what_is_elsewhere_now(void **state)
{
	struct fixture *f = *state;
	const struct live_reading_result *result;
	uint8_t record[TEXT_PAGES_RECORD_BYTES];
	uint64_t off;

	count(f, 1);
	f->shift = 0x50000;
	serve(f, good);
	result = read_with(f, 1 << 20);
	assert_int_equal(result->n_pages, 1);
	assert_int_equal(pread(result->fd, record, sizeof(record), TEXT_PAGES_HEADER_BYTES),
			 sizeof(record));
	memcpy(&off, record, sizeof(off));
	assert_int_equal(off, 0x10000);
	assert_int_equal(record[16], 6);
}

static void test_live_reading_of_what_is_nowhere_now(void **state)
{
	struct fixture *f = *state;
	const struct live_reading_result *result;

	count(f, 40);
	f->shift = UINT32_MAX;
	serve(f, good);
	result = read_with(f, 1 << 20);
	assert_int_equal(result->fd, -1);
	assert_int_equal(result->n_left, 40);
	assert_int_not_equal(result->why.text[0], '\0');
}

/*
 * One module went and another came to its place before the server has looked: to it that is code
 * as any other, so who counts has to find out before asking.
 */
static void test_live_reading_of_what_went_before_the_server_looked(void **state)
{
	struct fixture *f = *state;
	const struct live_reading_result *result;

	count(f, 40);
	f->goes = true;
	serve(f, good);
	result = read_with(f, 1 << 20);
	assert_int_equal(f->n_looks, 1);
	assert_int_equal(result->fd, -1);
	assert_int_equal(result->n_left, 40);
}

/*
 * It went while the server was asked, and another came to its place: a server that has looked again
 * by then gives that one's code. Before the fix it was kept as the former's.
 */
static void test_live_reading_of_what_went_while_the_server_was_asked(void **state)
{
	struct fixture *f = *state;
	const struct live_reading_result *result;

	count(f, 40);
	f->goes = true;
	f->stays = 2;
	serve(f, good);
	result = read_with(f, 1 << 20);
	assert_int_equal(f->n_looks, 3);
	assert_int_equal(result->n_pages, TEXT_REQUEST_PAGES_MAX);
	assert_int_equal(result->n_refused, 0);
	assert_int_equal(result->n_left, 40 - TEXT_REQUEST_PAGES_MAX);
	assert_true(result->fd >= 0);
}

static void test_live_reading_stops_at_its_limit(void **state)
{
	struct fixture *f = *state;
	const struct live_reading_result *result;

	count(f, 100);
	serve(f, good);
	result = read_with(f, 33 * TEXT_PAGES_RECORD_BYTES);
	assert_int_equal(result->n_pages, 33);
	assert_int_equal(result->n_left, 67);
	assert_true(result->fd >= 0);
}

static void test_live_reading_what_is_refused_is_counted(void **state)
{
	struct fixture *f = *state;
	const struct live_reading_result *result;

	count(f, 30);
	serve(f, gives_the_first);
	result = read_with(f, 1 << 20);
	assert_int_equal(result->n_pages, 2);
	assert_int_equal(result->n_refused, 28);
	assert_true(result->fd >= 0);
}

static void test_live_reading_of_no_counts_ends(void **state)
{
	struct fixture *f = *state;

	serve(f, good);
	assert_int_equal(read_with(f, 1 << 20)->fd, -1);
}

static void test_live_reading_without_a_server_ends(void **state)
{
	struct fixture *f = *state;
	const struct live_reading_result *result;

	count(f, 10);
	result = read_with(f, 1 << 20);
	assert_int_equal(result->fd, -1);
	assert_non_null(strstr(result->why.text, "/nonexistent/autofdod-text"));
}

/* With a reason that has why in it, and nothing else. */
static void fails(struct fixture *f, void (*answer)(int, const struct text_request *, unsigned int),
		  bool is_broken, const char *why)
{
	const struct live_reading_result *result;

	count(f, 100);
	serve(f, answer);
	result = read_with(f, 1 << 20);
	assert_int_equal(result->fd, -1);
	assert_int_equal(result->n_pages, 0);
	assert_true(result->wall_ns < 5000 * MS);
	assert_int_equal(live_reading_is_broken(f->reading), is_broken);
	if (!strstr(result->why.text, why))
		fail_msg("no '%s' in '%s'", why, result->why.text);
}

#define FAILS(server, is_broken, why)                                                              \
	static void test_live_reading_server_that_##server(void **state)                           \
	{                                                                                          \
		fails(*state, server, is_broken, why);                                             \
	}

FAILS(hangs, true, "no answer within")
FAILS(never_begins, true, "no answer within")
FAILS(hangs_up, true, "has ended")
FAILS(hangs_up_at_once, true, "has ended")
FAILS(lies_about_the_length, true, "bytes for 3 pages")
FAILS(gives_others, true, "")
FAILS(answers_the_last_one_again, true, "another request")
FAILS(answers_twice, true, "")
FAILS(talks_nonsense, true, "not a reply")
FAILS(does_not_know, false, "the reason of the server")
FAILS(fails_silently, false, "refuses")
FAILS(gives_nothing, false, "none of 100 pages")

/* Each answer is in time, all of them together are not. */
static void test_live_reading_server_that_is_slow(void **state)
{
	struct fixture *f = *state;
	const struct live_reading_result *result;

	count(f, 1000);
	serve(f, is_slow);
	result = read_with(f, 8 << 20);
	assert_int_equal(result->fd, -1);
	assert_true(result->wall_ns >= 900 * MS && result->wall_ns < 3000 * MS);
}

static void test_live_reading_in_a_hurry_ends_sooner(void **state)
{
	struct fixture *f = *state;
	struct live_reading_config config = {
		.event = f->event,
		.kallsyms_fd = -1,
		.counters = f->counters,
		.window_ip = WINDOW_IP,
		.run_off = run_off,
		.on_end = on_end,
		.context = f,
		.bytes_max = 1 << 20,
		.reply_ns = 60000 * MS,
		.total_ns = 60000 * MS,
	};

	count(f, 10);
	serve(f, never_begins);
	config.client = f->client;
	assert_int_equal(live_reading_start(&config, &f->reading), 0);
	for (int i = 0; i < 5; i++)
		assert_true(sd_event_run(f->event, 10000) >= 0);
	assert_false(live_reading_has_ended(f->reading));
	live_reading_hurry(f->reading, 50 * MS);
	while (!live_reading_has_ended(f->reading))
		assert_true(sd_event_run(f->event, UINT64_MAX) >= 0);
	assert_true(live_reading_result(f->reading)->wall_ns < 5000 * MS);
}

static void test_live_reading_freed_in_the_middle_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct live_reading_config config = {
		.event = f->event,
		.kallsyms_fd = -1,
		.counters = f->counters,
		.window_ip = WINDOW_IP,
		.run_off = run_off,
		.on_end = on_end,
		.context = f,
		.bytes_max = 1 << 20,
		.reply_ns = 1000 * MS,
		.total_ns = 1000 * MS,
	};

	count(f, 100);
	serve(f, good);
	config.client = f->client;
	for (int n = 0; n < 8; n++) {
		assert_int_equal(live_reading_start(&config, &f->reading), 0);
		for (int i = 0; i < n && !text_client_is_waiting(f->client); i++)
			assert_true(sd_event_run(f->event, 1000) >= 0);
		live_reading_free(f->reading);
		f->reading = NULL;
		if (text_client_is_waiting(f->client))
			break;
	}
	assert_true(sd_event_run(f->event, 1000) >= 0);
	assert_int_equal(f->n_ends, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_live_reading_all_pages_are_kept),
		TEST(test_live_reading_of_what_is_elsewhere_now),
		TEST(test_live_reading_of_what_is_nowhere_now),
		TEST(test_live_reading_of_what_went_before_the_server_looked),
		TEST(test_live_reading_of_what_went_while_the_server_was_asked),
		TEST(test_live_reading_stops_at_its_limit),
		TEST(test_live_reading_what_is_refused_is_counted),
		TEST(test_live_reading_of_no_counts_ends),
		TEST(test_live_reading_without_a_server_ends),
		TEST(test_live_reading_server_that_hangs),
		TEST(test_live_reading_server_that_never_begins),
		TEST(test_live_reading_server_that_hangs_up),
		TEST(test_live_reading_server_that_hangs_up_at_once),
		TEST(test_live_reading_server_that_lies_about_the_length),
		TEST(test_live_reading_server_that_gives_others),
		TEST(test_live_reading_server_that_answers_the_last_one_again),
		TEST(test_live_reading_server_that_answers_twice),
		TEST(test_live_reading_server_that_talks_nonsense),
		TEST(test_live_reading_server_that_does_not_know),
		TEST(test_live_reading_server_that_fails_silently),
		TEST(test_live_reading_server_that_gives_nothing),
		TEST(test_live_reading_server_that_is_slow),
		TEST(test_live_reading_in_a_hurry_ends_sooner),
		TEST(test_live_reading_freed_in_the_middle_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
