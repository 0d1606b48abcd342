/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's end of live text, with servers that do what they should not; and what is a request
 * or a reply at all.
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
#include <sys/un.h>
#include <unistd.h>
#include "process/text_client.h"

#define PAGE TEXT_PAGE_BYTES

struct fixture {
	struct text_client *client;
	int server_fd;
	struct text_request request; /* the last that the server got */
	_Alignas(8) uint8_t reply[TEXT_REPLY_BYTES_MAX + PAGE];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct problem problem = { "" };
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(text_client_new(fds[0], &f->client, &problem), 0);
	f->server_fd = fds[1];
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	text_client_free(f->client);
	close_cleanup(&f->server_fd);
	free(f);
	return 0;
}

static void receive(struct fixture *f)
{
	struct problem problem = { "" };
	uint8_t bytes[sizeof(f->request) + 1];
	ssize_t n = recv(f->server_fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	assert_int_equal(n, sizeof(f->request));
	assert_int_equal(text_request_read(bytes, (size_t)n, &f->request, &problem), 0);
}

static void ask(struct fixture *f, size_t n_pages)
{
	uint64_t ips[TEXT_REQUEST_PAGES_MAX];
	struct problem problem = { "" };

	for (size_t i = 0; i < n_pages; i++)
		ips[i] = 0xffffffff81000000ull + i * PAGE;
	assert_int_equal(text_client_ask(f->client, ips, n_pages, &problem), 0);
	receive(f);
}

static struct text_reply *prepare(struct fixture *f, uint32_t given)
{
	struct text_reply *reply = (struct text_reply *)f->reply;

	*reply = (struct text_reply){
		.magic = TEXT_REPLY_MAGIC,
		.kind = f->request.kind,
		.serial = f->request.serial,
		.given = given,
	};
	return reply;
}

static void send_bytes(struct fixture *f, size_t n_bytes)
{
	assert_int_equal(send(f->server_fd, f->reply, n_bytes, MSG_NOSIGNAL), (ssize_t)n_bytes);
}

static void send_pages(struct fixture *f, size_t n_pages)
{
	send_bytes(f, sizeof(struct text_reply) + n_pages * PAGE);
}

static int take(struct fixture *f, struct text_answer *answer)
{
	struct problem problem = { "" };
	int r = text_client_take(f->client, answer, &problem);

	assert_int_equal(r < 0, problem.text[0] != '\0');
	return r;
}

static void is_refused(struct fixture *f)
{
	struct text_answer answer;

	assert_int_equal(take(f, &answer), -EBADMSG);
}

/* a server that does as it should */

static void test_text_client_gets_what_is_given(void **state)
{
	struct fixture *f = *state;
	struct text_answer answer;

	ask(f, 5);
	assert_true(text_client_is_waiting(f->client));
	assert_int_equal(take(f, &answer), TEXT_CLIENT_E_PENDING);
	prepare(f, 0x16)->cpu_ns = 77;
	memset(f->reply + sizeof(struct text_reply), 1, PAGE);
	memset(f->reply + sizeof(struct text_reply) + PAGE, 2, PAGE);
	memset(f->reply + sizeof(struct text_reply) + 2 * PAGE, 3, PAGE);
	send_pages(f, 3);
	assert_int_equal(take(f, &answer), 0);
	assert_int_equal(answer.kind, TEXT_PAGES);
	assert_int_equal(answer.n_pages, 5);
	assert_int_equal(answer.cpu_ns, 77);
	assert_null(answer.pages[0]);
	assert_int_equal(answer.pages[1][0], 1);
	assert_int_equal(answer.pages[2][PAGE - 1], 2);
	assert_null(answer.pages[3]);
	assert_int_equal(answer.pages[4][0], 3);
	assert_int_equal(answer.ips[4], 0xffffffff81004000ull);
	assert_false(text_client_is_waiting(f->client));
}

static void test_text_client_gets_a_full_answer(void **state)
{
	struct fixture *f = *state;
	struct text_answer answer;

	ask(f, TEXT_REQUEST_PAGES_MAX);
	prepare(f, 0x7fff);
	send_pages(f, TEXT_REQUEST_PAGES_MAX);
	assert_int_equal(take(f, &answer), 0);
	for (size_t i = 0; i < TEXT_REQUEST_PAGES_MAX; i++)
		assert_non_null(answer.pages[i]);
}

static void test_text_client_begins_with_a_descriptor(void **state)
{
	struct fixture *f = *state;
	struct problem problem = { "" };
	struct text_answer answer;
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { &f->request, sizeof(f->request) };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control),
	};
	int fd;

	assert_int_equal(text_client_begin(f->client, f->server_fd, &problem), 0);
	assert_int_equal(recvmsg(f->server_fd, &message, MSG_DONTWAIT), sizeof(f->request));
	assert_int_equal(f->request.kind, TEXT_BEGIN);
	assert_int_equal(f->request.n_pages, 0);
	assert_non_null(CMSG_FIRSTHDR(&message));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	close(fd);
	prepare(f, 0)->n_modules = 5;
	send_pages(f, 0);
	assert_int_equal(take(f, &answer), 0);
	assert_int_equal(answer.n_modules, 5);
	assert_int_equal(answer.n_pages, 0);
}

static void test_text_client_gets_a_reason(void **state)
{
	struct fixture *f = *state;
	struct text_answer answer;
	struct text_reply *reply;

	ask(f, 1);
	reply = prepare(f, 0);
	reply->result = TEXT_E_UNKNOWN;
	memset(reply->text, 'x', sizeof(reply->text)); /* without an end */
	send_pages(f, 0);
	assert_int_equal(take(f, &answer), 0);
	assert_int_equal(answer.result, TEXT_E_UNKNOWN);
	assert_int_equal(strlen(answer.text), sizeof(reply->text) - 1);
	assert_null(answer.pages[0]);
}

/* servers that do not */

static void test_text_client_server_that_says_nothing_is_waited_for(void **state)
{
	struct fixture *f = *state;
	struct text_answer answer;
	struct problem problem = { "" };
	uint64_t ip = 0;

	ask(f, 1);
	assert_int_equal(take(f, &answer), TEXT_CLIENT_E_PENDING);
	/* and not asked for more meanwhile */
	assert_int_equal(text_client_ask(f->client, &ip, 1, &problem), -EBUSY);
	assert_int_equal(text_client_begin(f->client, -1, &problem), -EBUSY);
}

static void test_text_client_server_that_hangs_up_has_ended(void **state)
{
	struct fixture *f = *state;
	struct text_answer answer;
	struct problem problem = { "" };
	uint64_t ip = 0;

	ask(f, 1);
	close(f->server_fd);
	f->server_fd = -1;
	assert_int_equal(take(f, &answer), -EPIPE);
	text_client_free(f->client);
	setup(state);
	free(f);
	f = *state;
	close(f->server_fd);
	f->server_fd = -1;
	assert_int_equal(text_client_ask(f->client, &ip, 1, &problem), -EPIPE);
}

static void test_text_client_answer_of_another_length_is_refused(void **state)
{
	struct fixture *f = *state;

	ask(f, 3);
	prepare(f, 7);
	send_bytes(f, 1);
	is_refused(f);
	send_bytes(f, sizeof(struct text_reply) - 1);
	is_refused(f);
	send_pages(f, 2);
	is_refused(f);
	send_pages(f, 4);
	is_refused(f);
	send_bytes(f, sizeof(struct text_reply) + 3 * PAGE - 1);
	is_refused(f);
	send_bytes(f, TEXT_REPLY_BYTES_MAX + 1);
	is_refused(f);
	send_bytes(f, TEXT_REPLY_BYTES_MAX + PAGE);
	is_refused(f);
}

static void test_text_client_answer_to_another_question_is_refused(void **state)
{
	struct fixture *f = *state;

	ask(f, 1);
	prepare(f, 0)->serial--;
	send_pages(f, 0);
	is_refused(f);
	prepare(f, 0)->serial++;
	send_pages(f, 0);
	is_refused(f);
	prepare(f, 0)->kind = TEXT_BEGIN;
	send_pages(f, 0);
	is_refused(f);
	prepare(f, 0)->kind = N_TEXT_KINDS;
	send_pages(f, 0);
	is_refused(f);
}

static void test_text_client_answer_that_is_none_is_refused(void **state)
{
	struct fixture *f = *state;

	ask(f, 1);
	prepare(f, 0)->magic = TEXT_REQUEST_MAGIC;
	send_pages(f, 0);
	is_refused(f);
}

static void test_text_client_pages_that_nobody_asked_for_are_refused(void **state)
{
	struct fixture *f = *state;
	struct text_reply *reply;

	ask(f, 2);
	prepare(f, 4);
	send_pages(f, 1);
	is_refused(f);
	prepare(f, UINT32_MAX);
	send_pages(f, TEXT_REQUEST_PAGES_MAX);
	is_refused(f);
	/* nor with a refusal */
	reply = prepare(f, 1);
	reply->result = -EACCES;
	send_pages(f, 1);
	is_refused(f);
}

static void test_text_client_answer_to_no_question_is_refused(void **state)
{
	struct fixture *f = *state;

	prepare(f, 0);
	send_pages(f, 0);
	is_refused(f);
}

static void test_text_client_second_answer_is_refused(void **state)
{
	struct fixture *f = *state;
	struct text_answer answer;

	ask(f, 1);
	prepare(f, 0);
	send_pages(f, 0);
	send_pages(f, 0);
	assert_int_equal(take(f, &answer), 0);
	is_refused(f);
}

static void test_text_client_empty_packet_is_the_end(void **state)
{
	struct fixture *f = *state;
	struct text_answer answer;

	ask(f, 1);
	send_bytes(f, 0);
	assert_int_equal(take(f, &answer), -EPIPE);
}

/* asking */

static void test_text_client_too_much_is_not_asked_for(void **state)
{
	struct fixture *f = *state;
	uint64_t ips[TEXT_REQUEST_PAGES_MAX + 1] = { 0 };
	struct problem problem = { "" };

	assert_int_equal(text_client_ask(f->client, ips, 0, &problem), -EINVAL);
	assert_int_equal(text_client_ask(f->client, ips, TEXT_REQUEST_PAGES_MAX + 1, &problem),
			 -EINVAL);
	assert_false(text_client_is_waiting(f->client));
}

static void test_text_client_nobody_there_is_absence(void **state)
{
	struct problem problem = { "" };
	struct text_client *client = NULL;
	char long_path[200];

	(void)state;
	assert_int_equal(text_client_connect("/nonexistent/socket", &client, &problem),
			 TEXT_CLIENT_E_ABSENT);
	assert_non_null(strstr(problem.text, "/nonexistent/socket"));
	assert_int_equal(text_client_connect("/dev/null", &client, &problem), TEXT_CLIENT_E_ABSENT);
	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(text_client_connect(long_path, &client, &problem), -ENAMETOOLONG);
}

static void test_text_client_connects(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct problem problem = { "" };
	struct text_client *client = NULL;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)state;
	snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/autofdod-text-%d", getpid());
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(text_client_connect(address.sun_path, &client, &problem),
			 TEXT_CLIENT_E_ABSENT);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(text_client_connect(address.sun_path, &client, &problem), 0);
	assert_true(fcntl(text_client_fd(client), F_GETFL) & O_NONBLOCK);
	text_client_free(client);
	close(fd);
	unlink(address.sun_path);
}

/* what is a request */

static bool is_request(const struct text_request *request)
{
	struct text_request read;
	struct problem problem = { "" };

	return text_request_read(request, sizeof(*request), &read, &problem) == 0;
}

static void test_text_request_has_to_be_one(void **state)
{
	const struct text_request good = {
		.magic = TEXT_REQUEST_MAGIC,
		.kind = TEXT_PAGES,
		.n_pages = 2,
		.ips = { 0xffffffff81000000ull, 0 },
	};
	struct text_request bad = good;

	(void)state;
	assert_true(is_request(&good));
	bad.magic++;
	assert_false(is_request(&bad));
	bad = good;
	bad.kind = TEXT_HELLO;
	assert_false(is_request(&bad));
	bad.kind = N_TEXT_KINDS;
	assert_false(is_request(&bad));
	bad = good;
	bad.n_pages = 0;
	assert_false(is_request(&bad));
	bad.n_pages = TEXT_REQUEST_PAGES_MAX + 1;
	assert_false(is_request(&bad));
	bad.n_pages = UINT32_MAX;
	assert_false(is_request(&bad));
	bad = good;
	bad.ips[1] = 8;
	assert_false(is_request(&bad));
	bad = good;
	bad.ips[2] = PAGE;
	assert_false(is_request(&bad));
	bad = good;
	bad.kind = TEXT_BEGIN;
	assert_false(is_request(&bad));
	bad.n_pages = 0;
	assert_false(is_request(&bad));
	bad.ips[0] = 0;
	assert_true(is_request(&bad));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_text_client_gets_what_is_given),
		TEST(test_text_client_gets_a_full_answer),
		TEST(test_text_client_begins_with_a_descriptor),
		TEST(test_text_client_gets_a_reason),
		TEST(test_text_client_server_that_says_nothing_is_waited_for),
		TEST(test_text_client_server_that_hangs_up_has_ended),
		TEST(test_text_client_answer_of_another_length_is_refused),
		TEST(test_text_client_answer_to_another_question_is_refused),
		TEST(test_text_client_answer_that_is_none_is_refused),
		TEST(test_text_client_pages_that_nobody_asked_for_are_refused),
		TEST(test_text_client_answer_to_no_question_is_refused),
		TEST(test_text_client_second_answer_is_refused),
		TEST(test_text_client_empty_packet_is_the_end),
		TEST(test_text_client_too_much_is_not_asked_for),
		TEST(test_text_client_nobody_there_is_absence),
		TEST(test_text_client_connects),
		TEST(test_text_request_has_to_be_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
