/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server with real sockets, in the test's own loop: clients write and read between passes, and
 * never wait.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/problem.h"
#include "control/control.h"
#include "control/peer.h"

#define STATUS "{\"method\":\"io.autofdod.GetStatus\"}"
#define ANSWER "{\"parameters\":{\"ok\":true}}"

struct fixture {
	char directory[64], path[100];
	sd_event *event;
	struct control *control;
	struct control_limits limits;
	struct control_call *waiting;
	unsigned int n_calls, n_gone;
	unsigned int n_before; /* calls, before GetMetrics */
	size_t n_answer_bytes; /* of padding in an answer */
};

static struct json_object *answer(struct fixture *f)
{
	struct json_object *object = json_object_new_object();
	char *text;

	json_object_object_add(object, "ok", json_object_new_boolean(true));
	if (f->n_answer_bytes) {
		text = calloc(f->n_answer_bytes + 1, 1);
		memset(text, 'a', f->n_answer_bytes);
		json_object_object_add(object, "text", json_object_new_string(text));
		free(text);
	}
	return object;
}

static void on_call(void *context, enum control_method method, struct json_object *parameters,
		    struct control_call *call)
{
	struct fixture *f = context;

	(void)parameters;
	f->n_calls++;
	if (method == CONTROL_GET_METRICS)
		f->n_before = f->n_calls - 1;
	if (method == CONTROL_DUMP || method == CONTROL_MONITOR)
		f->waiting = call;
	else
		control_reply(call, answer(f));
}

static void on_gone(void *context, struct control_call *call)
{
	struct fixture *f = context;

	f->n_gone++;
	if (f->waiting == call)
		f->waiting = NULL;
}

static void start(struct fixture *f)
{
	struct control_config config = {
		.event = f->event,
		.handler = { f, on_call, on_gone },
		.rights = { .uid = 0, .group = 4242, .has_group = true },
		.limits = &f->limits,
		.version = "1",
	};
	struct problem problem = { "" };
	int fd;

	assert_int_equal(control_listen(f->path, 0666, (gid_t)-1, &fd, &problem), 0);
	assert_int_equal(control_new(&config, fd, &f->control, &problem), 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->directory, "/tmp/autofdod-control-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	assert_int_equal(chmod(f->directory, 0755), 0);
	snprintf(f->path, sizeof(f->path), "%s/socket", f->directory);
	assert_true(sd_event_new(&f->event) >= 0);
	f->limits = control_limits_default;
	start(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	control_free(f->control);
	sd_event_unref(f->event);
	unlink(f->path);
	rmdir(f->directory);
	free(f);
	return 0;
}

/* Lets the server do all it can do now. */
static void run(struct fixture *f)
{
	while (sd_event_run(f->event, 0) > 0)
		;
}

static int try_connect(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	strcpy(address.sun_path, path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

static int client(struct fixture *f)
{
	int fd = try_connect(f->path);

	assert_true(fd >= 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text) + 1, MSG_NOSIGNAL), strlen(text) + 1);
}

/* What has come, which is one message. */
static void assert_heard(int fd, const char *text)
{
	char bytes[4096];
	ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

	assert_true(n > 0);
	assert_int_equal(bytes[n - 1], '\0');
	assert_string_equal(bytes, text);
}

static bool is_closed(int fd)
{
	char byte;

	return recv(fd, &byte, 1, 0) == 0;
}

static struct control_figures figures(struct fixture *f)
{
	struct control_figures figures;

	control_figures(f->control, &figures);
	return figures;
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static void test_control_client_is_answered(void **state)
{
	struct fixture *f = *state;
	int fd = client(f);

	say(fd, STATUS);
	run(f);
	assert_heard(fd, ANSWER);
	say(fd, STATUS);
	run(f);
	assert_heard(fd, ANSWER);
	close(fd);
	run(f);
	assert_int_equal(figures(f).n_clients, 0);
	assert_int_equal(figures(f).n_calls, 2);
}

static void test_control_hundred_clients_are_answered(void **state)
{
	struct fixture *f = *state;
	int fds[100];

	if (geteuid() != 0)
		skip(); /* fewer of a user who may change nothing are let in */
	for (size_t i = 0; i < array_size(fds); i++) {
		fds[i] = client(f);
		say(fds[i], STATUS);
	}
	run(f);
	assert_int_equal(figures(f).n_clients, 100);
	for (size_t i = 0; i < array_size(fds); i++) {
		assert_heard(fds[i], ANSWER);
		close(fds[i]);
	}
	run(f);
	assert_int_equal(figures(f).n_clients, 0);
}

/* Each has its say after at most one message of each other, however many that one has sent. */
static void test_control_talkative_clients_leave_the_turn_to_others(void **state)
{
	static const char oneway[] = "{\"method\":\"io.autofdod.Pause\",\"oneway\":true}";
	struct fixture *f = *state;
	char many[8192];
	size_t n = 0;
	int loud[20], quiet;
	unsigned int n_passes;
	char byte;

	/* no answer has to be read before the next is looked at */
	while (n + sizeof(oneway) <= sizeof(many)) {
		memcpy(many + n, oneway, sizeof(oneway));
		n += sizeof(oneway);
	}
	for (size_t i = 0; i < array_size(loud); i++) {
		loud[i] = client(f);
		assert_int_equal(send(loud[i], many, n, 0), n);
	}
	quiet = client(f);
	say(quiet, "{\"method\":\"io.autofdod.GetMetrics\"}");
	for (unsigned int i = 0; figures(f).n_clients < 21 && i < 1000; i++)
		sd_event_run(f->event, 0);
	for (n_passes = 0; recv(quiet, &byte, 1, MSG_PEEK) < 0 && n_passes < 1000; n_passes++)
		sd_event_run(f->event, 0);
	print_message("heard after %u passes, called after %u calls\n", n_passes, f->n_before);
	assert_true(f->n_before <= 2 * 20);
	assert_heard(quiet, ANSWER);
	run(f);
	for (size_t i = 0; i < array_size(loud); i++)
		close(loud[i]);
	close(quiet);
	run(f);
	assert_int_equal(figures(f).n_clients, 0);
}

static void test_control_pass_is_short_under_hundred_attackers(void **state)
{
	struct fixture *f = *state;
	static const char junk[4096] = { '[' };
	uint64_t longest_ns = 0, n_passes = 0;
	int fds[100];

	f->n_answer_bytes = 1000;
	for (size_t i = 0; i < array_size(fds); i++)
		fds[i] = client(f);
	for (unsigned int round = 0; round < 20; round++) {
		for (size_t i = 0; i < array_size(fds); i++) {
			(void)!send(fds[i], i % 3 ? STATUS : junk, i % 3 ? sizeof(STATUS) : 4096,
				    MSG_NOSIGNAL);
			if (i % 7 == 0) {
				close(fds[i]);
				fds[i] = client(f);
			}
		}
		for (;;) {
			uint64_t began_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID), took_ns;

			if (sd_event_run(f->event, 0) <= 0)
				break;
			took_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - began_ns;
			longest_ns = took_ns > longest_ns ? took_ns : longest_ns;
			n_passes++;
		}
	}
	print_message("longest of %llu passes: %llu us of CPU time\n", (unsigned long long)n_passes,
		      (unsigned long long)longest_ns / 1000);
	/* of CPU time: others on the machine do not count; a sanitizer does */
	assert_true(longest_ns < 10000000);
	for (size_t i = 0; i < array_size(fds); i++)
		close(fds[i]);
	run(f);
	assert_int_equal(figures(f).n_clients, 0);
}

static void test_control_half_closed_client_is_answered(void **state)
{
	struct fixture *f = *state;
	int fd = client(f);

	say(fd, STATUS);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	run(f);
	assert_heard(fd, ANSWER);
	assert_true(is_closed(fd));
	close(fd);
	assert_int_equal(figures(f).n_clients, 0);
}

static void test_control_half_closed_client_waits_for_its_answer(void **state)
{
	struct fixture *f = *state;
	int fd = client(f);

	say(fd, "{\"method\":\"io.autofdod.Dump\",\"more\":true}");
	shutdown(fd, SHUT_WR);
	run(f);
	assert_non_null(f->waiting);
	control_continue(f->waiting, answer(f));
	run(f);
	assert_heard(fd, "{\"continues\":true,\"parameters\":{\"ok\":true}}");
	control_reply(f->waiting, answer(f));
	run(f);
	assert_heard(fd, ANSWER);
	assert_true(is_closed(fd));
	close(fd);
}

static void test_control_client_that_leaves_is_noticed(void **state)
{
	struct fixture *f = *state;
	int fd = client(f);

	say(fd, "{\"method\":\"io.autofdod.Monitor\",\"more\":true}");
	run(f);
	assert_non_null(f->waiting);
	close(fd);
	run(f);
	assert_int_equal(f->n_gone, 1);
	assert_int_equal(figures(f).n_clients, 0);
}

static void test_control_oneway_of_a_client_that_left_is_called(void **state)
{
	struct fixture *f = *state;
	int fd;

	if (geteuid() != 0)
		skip(); /* other users may not */
	fd = client(f);
	say(fd, "{\"method\":\"io.autofdod.Pause\",\"oneway\":true}");
	close(fd);
	run(f);
	assert_int_equal(f->n_calls, 1);
	assert_int_equal(figures(f).n_clients, 0);
}

static void test_control_client_that_does_not_read_ends(void **state)
{
	struct fixture *f = *state;
	int fd = client(f), other = client(f);
	unsigned int i;

	say(fd, "{\"method\":\"io.autofdod.Monitor\",\"more\":true}");
	run(f);
	f->n_answer_bytes = 10000;
	for (i = 0; f->n_gone == 0 && i < 10000; i++) {
		control_continue(f->waiting, answer(f));
		run(f);
	}
	assert_in_range(i, 7, 100); /* the socket's own buffer, and 64 KiB */
	assert_int_equal(figures(f).n_dropped_slow, 1);
	f->n_answer_bytes = 0;
	say(other, STATUS);
	run(f);
	assert_heard(other, ANSWER);
	close(fd);
	close(other);
}

static void test_control_large_answer_arrives_whole(void **state)
{
	struct fixture *f = *state;
	int fd = client(f);
	size_t n_all = 0;
	char bytes[70000];

	f->n_answer_bytes = 1000000;
	say(fd, STATUS);
	for (unsigned int i = 0; i < 1000 && (n_all == 0 || bytes[0] != '\0'); i++) {
		ssize_t n;

		run(f);
		n = recv(fd, bytes, sizeof(bytes), 0);
		assert_true(n > 0);
		n_all += (size_t)n;
		bytes[0] = bytes[n - 1];
	}
	assert_int_equal(n_all, 1000000 + strlen(ANSWER) + strlen(",\"text\":\"\"") + 1);
	close(fd);
}

/* Until the end, or until nothing has come for long. */
static size_t read_all(struct fixture *f, int fd)
{
	char bytes[70000];
	size_t n_all = 0;
	ssize_t n;

	for (unsigned int i = 0; i < 100; i++) {
		run(f);
		n = recv(fd, bytes, sizeof(bytes), 0);
		if (n == 0)
			break;
		n_all += n > 0 ? (size_t)n : 0;
	}
	return n_all;
}

static void restart(struct fixture *f)
{
	control_free(f->control);
	start(f);
}

/* All output together is bounded: who has not read for longest goes first. */
static void test_control_answers_that_nobody_reads_are_bounded(void **state)
{
	struct fixture *f = *state;
	int fds[20];

	f->limits.output_bytes = 4000000;
	restart(f);
	f->n_answer_bytes = 1000000;
	for (size_t i = 0; i < array_size(fds); i++) {
		fds[i] = client(f);
		say(fds[i], STATUS);
		run(f);
	}
	assert_int_equal(f->n_calls, 20);
	assert_in_range(figures(f).n_clients, 3, 5);
	assert_int_equal(figures(f).n_dropped_slow, 20 - figures(f).n_clients);
	assert_true(read_all(f, fds[0]) < 1000000);
	assert_true(read_all(f, fds[18]) >= 1000000);
	for (size_t i = 0; i < array_size(fds); i++)
		close(fds[i]);
}

static void test_control_too_many_clients_are_closed(void **state)
{
	struct fixture *f = *state;
	int fds[10];

	if (geteuid() != 0)
		skip(); /* the last places are kept for who may change something */
	f->limits.n_clients = 5;
	restart(f);
	for (size_t i = 0; i < array_size(fds); i++)
		fds[i] = client(f);
	run(f);
	assert_int_equal(figures(f).n_clients, 5);
	assert_int_equal(figures(f).n_refused, 5);
	assert_true(is_closed(fds[9]));
	say(fds[0], STATUS);
	run(f);
	assert_heard(fds[0], ANSWER);
	for (size_t i = 0; i < array_size(fds); i++)
		close(fds[i]);
	run(f);
	close(client(f));
	run(f);
	assert_int_equal(figures(f).n_accepted, 11);
}

static void test_control_time_passes_for_those_who_wait(void **state)
{
	struct fixture *f = *state;
	int idle, late;

	f->limits.idle_usec = f->limits.message_usec = 100000;
	restart(f);
	idle = client(f);
	late = client(f);
	assert_int_equal(send(late, "{", 1, 0), 1);
	for (uint64_t end_ns = now_ns() + 3000000000u;
	     now_ns() < end_ns && (figures(f).n_accepted < 2 || figures(f).n_clients > 0);)
		sd_event_run(f->event, 100000);
	assert_int_equal(figures(f).n_dropped_idle, 1);
	assert_int_equal(figures(f).n_dropped_late, 1);
	assert_true(is_closed(idle));
	close(idle);
	close(late);
}

static void test_control_without_descriptors_waits_and_goes_on(void **state)
{
	struct fixture *f = *state;
	int fd = client(f);
	struct rlimit old, none;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = (struct rlimit){ (rlim_t)fd + 1, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	for (unsigned int i = 0; i < 20; i++)
		sd_event_run(f->event, 0); /* must not turn without end */
	assert_int_equal(sd_event_run(f->event, 0), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	for (uint64_t end_ns = now_ns() + 3000000000u;
	     now_ns() < end_ns && figures(f).n_clients == 0;)
		sd_event_run(f->event, 100000);
	assert_int_equal(figures(f).n_clients, 1);
	close(fd);
}

/* rights */

static void test_peer_rule_has_these_cells(void **state)
{
	const struct control_rights rights = { .uid = 7, .group = 8, .has_group = true };
	const struct control_rights no_group = { .uid = 7, .group = 8 };
	const gid_t groups[] = { 1, 8, 3 };

	(void)state;
	assert_true(peer_may_change(&rights, 0, 0, NULL, 0));
	assert_true(peer_may_change(&rights, 7, 9, NULL, 0));
	assert_true(peer_may_change(&rights, 9, 8, NULL, 0));
	assert_true(peer_may_change(&rights, 9, 9, groups, 3));
	assert_false(peer_may_change(&rights, 9, 9, groups, 1));
	assert_false(peer_may_change(&rights, 8, 7, NULL, 0));
	assert_false(peer_may_change(&no_group, 9, 8, groups, 3));
	assert_true(peer_may_change(&no_group, 7, 9, NULL, 0));
}

/* Another user, who may be in the group, calls Pause. Returns the length of the answer. */
static int pause_as(struct fixture *f, const gid_t *groups, size_t n_groups)
{
	int status, fd, r;
	pid_t pid = fork();

	if (pid == 0) {
		char bytes[200] = { 0 };

		r = setgroups(n_groups, groups) || setgid(65534) || setuid(65534);
		fd = r ? -1 : try_connect(f->path);
		if (fd < 0 || fcntl(fd, F_SETFL, 0) < 0)
			_exit(100);
		say(fd, "{\"method\":\"io.autofdod.Pause\"}");
		if (recv(fd, bytes, sizeof(bytes) - 1, 0) <= 0)
			_exit(101);
		_exit(strstr(bytes, "PermissionDenied") ? 1 : strstr(bytes, "ok") ? 0 : 102);
	}
	for (uint64_t end_ns = now_ns() + 5000000000u;
	     now_ns() < end_ns && waitpid(pid, &status, WNOHANG) == 0;)
		sd_event_run(f->event, 10000);
	return WEXITSTATUS(status);
}

static void test_control_changes_are_for_the_group(void **state)
{
	static const gid_t of_group[] = { 1, 4242 }, of_others[] = { 1, 2 };
	struct fixture *f = *state;

	if (getuid() != 0)
		skip();
	assert_int_equal(pause_as(f, of_group, 2), 0);
	assert_int_equal(pause_as(f, of_others, 2), 1);
	assert_int_equal(pause_as(f, NULL, 0), 1);
	assert_int_equal(figures(f).n_denied, 2);
	control_set_rights(f->control, &(struct control_rights){ .group = 2, .has_group = true });
	assert_int_equal(pause_as(f, of_group, 2), 1);
	assert_int_equal(pause_as(f, of_others, 2), 0);
}

/* How many of n connections of another user are kept; they end with it. */
static pid_t crowd(struct fixture *f, uid_t uid, unsigned int n)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		if (setgroups(0, NULL) || setgid(uid) || setuid(uid))
			_exit(1);
		for (unsigned int i = 0; i < n; i++)
			if (try_connect(f->path) < 0)
				_exit(1);
		(void)!write(ready[1], "", 1);
		pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	run(f);
	return pid;
}

static void disperse(struct fixture *f, pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	run(f);
}

static void test_control_places_are_kept_for_others(void **state)
{
	struct fixture *f = *state;
	pid_t one, other;
	int fds[3];

	if (getuid() != 0)
		skip();
	f->limits.n_clients = 8;
	f->limits.n_clients_reserved = 3;
	f->limits.n_clients_per_uid = 4;
	restart(f);
	one = crowd(f, 65534, 6);
	assert_int_equal(figures(f).n_clients, 4); /* of one user */
	other = crowd(f, 65533, 3);
	assert_int_equal(figures(f).n_clients, 5); /* of all users */
	for (size_t i = 0; i < array_size(fds); i++)
		fds[i] = client(f);
	run(f);
	assert_int_equal(figures(f).n_clients, 8); /* and root has its places */
	assert_int_equal(figures(f).n_refused, 4);
	for (size_t i = 0; i < array_size(fds); i++)
		close(fds[i]);
	disperse(f, one);
	disperse(f, other);
	assert_int_equal(figures(f).n_clients, 0);
}

/* listening */

static void test_listen_replaces_what_a_dead_process_left(void **state)
{
	struct fixture *f = *state;
	struct problem problem = { "" };
	struct stat st;
	int fd;

	assert_int_equal(control_listen(f->path, 0660, (gid_t)-1, &fd, &problem), CONTROL_E_BUSY);
	assert_non_null(strstr(problem.text, "another process"));
	control_free(f->control); /* leaves the file */
	f->control = NULL;
	assert_int_equal(control_listen(f->path, 0660, (gid_t)-1, &fd, &problem), 0);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	close(fd);
}

static void test_listen_leaves_files_of_others_alone(void **state)
{
	struct fixture *f = *state;
	struct problem problem = { "" };
	char path[200];
	int fd;

	snprintf(path, sizeof(path), "%s/file", f->directory);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(control_listen(path, 0660, (gid_t)-1, &fd, &problem), CONTROL_E_BUSY);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(control_listen("/nowhere/at/all", 0660, (gid_t)-1, &fd, &problem),
			 -ENOENT);
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(control_listen(path, 0660, (gid_t)-1, &fd, &problem), -ENAMETOOLONG);
}

static void test_control_takes_only_listening_sockets(void **state)
{
	struct fixture *f = *state;
	struct control_config config = { .event = f->event };
	struct control *control;
	struct problem problem = { "" };
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(control_new(&config, pair[0], &control, &problem), -ENOTSOCK);
	assert_int_equal(close(pair[0]), -1); /* it was taken */
	close(pair[1]);
}

static void test_control_that_ends_tells_calls_and_clients(void **state)
{
	struct fixture *f = *state;
	int fd = client(f), asked = client(f);

	say(fd, "{\"method\":\"io.autofdod.Dump\"}");
	run(f);
	say(asked, "{\"method\":\"io.autofdod.Dump\"}");
	run(f);
	control_reply(f->waiting, answer(f));
	f->waiting = NULL;
	control_free(f->control);
	f->control = NULL;
	assert_int_equal(f->n_gone, 1);
	assert_true(is_closed(fd));
	assert_heard(asked, ANSWER); /* what was said is sent */
	close(fd);
	close(asked);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_control_client_is_answered),
		TEST(test_control_hundred_clients_are_answered),
		TEST(test_control_talkative_clients_leave_the_turn_to_others),
		TEST(test_control_pass_is_short_under_hundred_attackers),
		TEST(test_control_half_closed_client_is_answered),
		TEST(test_control_half_closed_client_waits_for_its_answer),
		TEST(test_control_client_that_leaves_is_noticed),
		TEST(test_control_oneway_of_a_client_that_left_is_called),
		TEST(test_control_client_that_does_not_read_ends),
		TEST(test_control_large_answer_arrives_whole),
		TEST(test_control_answers_that_nobody_reads_are_bounded),
		TEST(test_control_too_many_clients_are_closed),
		TEST(test_control_time_passes_for_those_who_wait),
		TEST(test_control_without_descriptors_waits_and_goes_on),
		TEST(test_peer_rule_has_these_cells),
		TEST(test_control_changes_are_for_the_group),
		TEST(test_control_places_are_kept_for_others),
		TEST(test_listen_replaces_what_a_dead_process_left),
		TEST(test_listen_leaves_files_of_others_alone),
		TEST(test_control_takes_only_listening_sockets),
		TEST(test_control_that_ends_tells_calls_and_clients),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
