/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both sides of a connection, each in a process of its own: what worker_serve() does when it is
 * asked by worker_connect(), what either makes of another side that is not what it should be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "fake_worker.h"
#include "process/sandbox.h"
#include "process/worker.h"
#include "process/worker_message.h"
#include "process/worker_serve.h"
#include "process_example.h"

#define MIB ((size_t)1 << 20)

static const struct worker_config plain = { .result_bytes = 64 << 10 };

struct fixture {
	char directory[40];
	struct sockaddr_un address;
	int listen_fd;
	pid_t server; /* of one connection; 0: none */
};

/* Of the test that runs: one that hangs is ended by who has waited long enough, timeout(1). */
static struct fixture *present;

static void on_end(int number)
{
	if (present) {
		unlink(present->address.sun_path);
		rmdir(present->directory);
	}
	_exit(128 + number);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->directory, "/tmp/autofdod-worker.XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	present = f;
	assert_int_equal(chmod(f->directory, 0755), 0);
	f->address.sun_family = AF_UNIX;
	snprintf(f->address.sun_path, sizeof(f->address.sun_path), "%s/socket", f->directory);
	f->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(
		bind(f->listen_fd, (const struct sockaddr *)&f->address, sizeof(f->address)), 0);
	assert_int_equal(chmod(f->address.sun_path, 0666), 0);
	assert_int_equal(listen(f->listen_fd, 4), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	if (f->server) {
		kill(f->server, SIGKILL);
		waitpid(f->server, NULL, 0);
	}
	close(f->listen_fd);
	unlink(f->address.sun_path);
	rmdir(f->directory);
	present = NULL;
	free(f);
	return 0;
}

/* the worker's side */

struct work {
	struct worker_service service;
	char bytes[64]; /* of the job */
	size_t n_bytes, n_fds;
	int fds[4];
};

static int take(void *context, const void *bytes, size_t n_bytes, const int *fds, size_t n_fds,
		struct problem *problem)
{
	struct work *work = context;

	if (n_bytes > sizeof(work->bytes) || n_fds > array_size(work->fds))
		return problem_set(problem, -EBADMSG, "test: too much");
	memcpy(work->bytes, bytes, n_bytes);
	work->n_bytes = n_bytes;
	memcpy(work->fds, fds, n_fds * sizeof(int));
	work->n_fds = n_fds;
	return 0;
}

static int exit_status(int r)
{
	return -r & 0x7f;
}

/* In a process of its own, which accepts one connection. */
static void serve(struct fixture *f, worker_job job, uid_t peer_uid)
{
	struct work work = {
		.service = { .peer_uid = peer_uid, .take = take, .job = job, .context = &work },
	};
	struct problem problem = { "" };

	fflush(NULL);
	f->server = fork();
	if (f->server != 0)
		return;
	_exit(exit_status(worker_serve(accept(f->listen_fd, NULL, NULL), &work.service, &problem)));
}

static void serve_fake(struct fixture *f, const struct fake_worker *fake)
{
	fflush(NULL);
	f->server = fork();
	if (f->server != 0)
		return;
	fake_worker_run(fake, accept(f->listen_fd, NULL, NULL));
	_exit(0);
}

/* What wait(2) says of the server, once it has ended. */
static int server_status(struct fixture *f)
{
	int status = -1;

	assert_int_equal(waitpid(f->server, &status, 0), f->server);
	f->server = 0;
	return status;
}

/* the daemon's side */

static struct worker *connect_to(struct fixture *f, const struct worker_config *config,
				 const char *bytes)
{
	struct worker *worker = NULL;
	struct problem problem = { "" };

	if (worker_connect(config, f->address.sun_path, bytes, strlen(bytes), &worker, &problem))
		fail_msg("%s", problem.text);
	assert_int_equal(worker_pid(worker), 0);
	return worker;
}

static struct worker_end finish(struct worker *worker)
{
	struct pollfd ended = { .fd = worker_fd(worker), .events = POLLIN };
	struct worker_end end;
	struct problem problem = { "" };
	int r;

	do {
		assert_int_equal(poll(&ended, 1, 120000), 1);
		r = worker_finish(worker, &end, &problem);
	} while (r == WORKER_E_RUNNING);
	if (r != 0)
		fail_msg("%s", problem.text);
	assert_true(worker_finish(worker, &end, &problem) == -EINVAL);
	worker_free(worker);
	return end;
}

static void assert_end(struct worker_end end, const char *outcome, const char *says)
{
	if (strcmp(worker_outcome_name(end.outcome), outcome) != 0 ||
	    !strstr(end.reason.text, says))
		fail_msg("%s: %s", worker_outcome_name(end.outcome), end.reason.text);
	assert_int_equal(end.result.n_sections, 0);
	worker_end_deinit(&end);
}

/* jobs */

static int put_bytes(void *context, struct worker_out *out, struct problem *problem)
{
	const struct work *work = context;

	(void)problem;
	return worker_out_put(out, 7, work->bytes, work->n_bytes);
}

static void test_worker_connect_job_done_gives_its_sections(void **state)
{
	struct fixture *f = *state;
	const struct worker_section *section;
	struct worker_end end;

	serve(f, put_bytes, (uid_t)-1);
	end = finish(connect_to(f, &plain, "twelve bytes"));
	assert_string_equal(end.reason.text, "");
	assert_int_equal(end.outcome, WORKER_DONE);
	assert_int_equal(end.result.n_sections, 1);
	section = worker_result_find(&end.result, 7);
	assert_int_equal(section->n_bytes, 12);
	assert_memory_equal(section->bytes, "twelve bytes", 12);
	assert_true(end.cpu_ns > 0);
	assert_true(end.rss_bytes_max > 0);
	worker_end_deinit(&end);
	/* it was not killed for the connection's end */
	assert_int_equal(server_status(f), 0);
}

static int put_files(void *context, struct worker_out *out, struct problem *problem)
{
	const struct work *work = context;
	char byte;
	int r = 0;

	(void)problem;
	for (size_t i = 0; i < work->n_fds && r == 0; i++) {
		if (pread(work->fds[i], &byte, 1, 0) != 1)
			return -errno;
		if (pwrite(work->fds[i], &byte, 1, 0) >= 0)
			return -EBADF; /* it was to be read only */
		r = worker_out_put(out, (uint32_t)i, &byte, 1);
	}
	return r;
}

static int file_of(char byte)
{
	char path[32];
	int fd = memfd_create("test", MFD_CLOEXEC), read_fd;

	assert_int_equal(write(fd, &byte, 1), 1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	read_fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(read_fd >= 0);
	close(fd);
	return read_fd;
}

static void test_worker_connect_descriptors_come_in_their_order(void **state)
{
	struct fixture *f = *state;
	const int fds[] = { file_of('a'), file_of('b'), file_of('c') };
	const struct worker_config config = { .result_bytes = 4096,
					      .keep_fds = fds,
					      .n_keep_fds = array_size(fds) };
	struct worker_end end;

	serve(f, put_files, (uid_t)-1);
	end = finish(connect_to(f, &config, ""));
	assert_int_equal(end.outcome, WORKER_DONE);
	assert_int_equal(end.result.n_sections, 3);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(worker_result_find(&end.result, i)->bytes[0], 'a' + i);
	worker_end_deinit(&end);
	for (size_t i = 0; i < array_size(fds); i++)
		close(fds[i]);
}

static int fail_with_sentence(void *context, struct worker_out *out, struct problem *problem)
{
	(void)context, (void)out;
	return problem_set(problem, -ENOENT, "job: there is nothing to do");
}

static int want_memory(void *context, struct worker_out *out, struct problem *problem)
{
	char *volatile memory = malloc(256 * MIB);

	(void)context, (void)out, (void)problem;
	if (!memory)
		return -ENOMEM;
	memset(memory, 1, 256 * MIB);
	return 0;
}

static int crash(void *context, struct worker_out *out, struct problem *problem)
{
	(void)context, (void)out, (void)problem;
	abort();
}

static int put_too_much(void *context, struct worker_out *out, struct problem *problem)
{
	static char bytes[MIB];

	(void)context, (void)problem;
	return worker_out_put(out, 1, bytes, sizeof(bytes));
}

static int spin(void *context, struct worker_out *out, struct problem *problem)
{
	(void)context, (void)out, (void)problem;
	for (;;)
		__asm__ volatile("" ::: "memory");
	return 0;
}

static void test_worker_connect_job_failed_is_told(void **state)
{
	struct fixture *f = *state;
	struct worker_end end;

	serve(f, fail_with_sentence, (uid_t)-1);
	end = finish(connect_to(f, &plain, ""));
	assert_int_equal(end.code, -ENOENT);
	assert_end(end, "failed", "job: there is nothing to do");
	assert_int_equal(server_status(f), 0);
}

static void test_worker_connect_job_without_memory_is_told(void **state)
{
	struct fixture *f = *state;
	struct worker_config config = plain;

	skip_with_sanitizer("AddressSanitizer needs all the memory that there is");
	config.memory_bytes = 64 * MIB;
	serve(f, want_memory, (uid_t)-1);
	assert_end(finish(connect_to(f, &config, "")), "memory", "");
}

static void test_worker_connect_result_too_large_is_told(void **state)
{
	struct fixture *f = *state;

	serve(f, put_too_much, (uid_t)-1);
	assert_end(finish(connect_to(f, &plain, "")), "failed", "File too large");
}

static void test_worker_connect_job_crashed_is_told(void **state)
{
	struct fixture *f = *state;

	serve(f, crash, (uid_t)-1);
	assert_end(finish(connect_to(f, &plain, "")), "crashed", "ended without an answer");
}

static void test_worker_connect_job_beyond_its_cpu_time_is_told(void **state)
{
	struct fixture *f = *state;
	struct worker_config config = plain;

	config.cpu_s_max = 1;
	serve(f, spin, (uid_t)-1);
	assert_end(finish(connect_to(f, &config, "")), "crashed", "ended without an answer");
	assert_true(WIFSIGNALED(server_status(f)));
}

/* killing */

static void wait_until_begun(struct worker *worker)
{
	struct pollfd begun = { .fd = worker_fd(worker), .events = POLLIN };
	struct problem problem = { "" };
	struct worker_end end;

	assert_int_equal(poll(&begun, 1, 120000), 1);
	assert_int_equal(worker_finish(worker, &end, &problem), WORKER_E_RUNNING);
}

static void expect_killed(struct fixture *f)
{
	int status = server_status(f);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void test_worker_connect_one_that_hangs_is_killed(void **state)
{
	struct fixture *f = *state;
	struct worker *worker;

	serve(f, spin, (uid_t)-1);
	worker = connect_to(f, &plain, "");
	wait_until_begun(worker);
	worker_kill(worker, WORKER_DEADLINE);
	assert_end(finish(worker), "deadline", "had not ended in time");
	expect_killed(f);
}

static void test_worker_connect_one_that_is_stopped_is_killed(void **state)
{
	struct fixture *f = *state;
	struct worker *worker;
	int status;

	serve(f, spin, (uid_t)-1);
	worker = connect_to(f, &plain, "");
	wait_until_begun(worker);
	kill(f->server, SIGSTOP);
	assert_int_equal(waitpid(f->server, &status, WUNTRACED), f->server);
	assert_true(WIFSTOPPED(status));
	worker_kill(worker, WORKER_STOPPED);
	assert_end(finish(worker), "stopped", "was stopped");
	expect_killed(f);
}

static void test_worker_connect_one_that_is_freed_is_killed(void **state)
{
	struct fixture *f = *state;
	struct worker *worker;

	serve(f, spin, (uid_t)-1);
	worker = connect_to(f, &plain, "");
	wait_until_begun(worker);
	worker_free(worker);
	expect_killed(f);
}

static int ask_and_die(void *context)
{
	struct worker *worker;

	worker = connect_to(context, &plain, "");
	wait_until_begun(worker);
	kill(getpid(), SIGKILL);
	return 0;
}

static void test_worker_connect_dies_with_its_daemon(void **state)
{
	struct fixture *f = *state;

	serve(f, spin, (uid_t)-1);
	assert_int_equal(in_child(ask_and_die, f), -1);
	expect_killed(f);
}

/* Before it was accepted, as by a service manager that does not come to it. */
static void test_worker_connect_one_that_never_began_is_killed(void **state)
{
	struct fixture *f = *state;
	struct worker *worker = connect_to(f, &plain, "");

	worker_kill(worker, WORKER_DEADLINE);
	assert_end(finish(worker), "deadline", "had not ended in time");
	serve(f, put_bytes, (uid_t)-1);
	/* it does not begin, or is killed before that is known */
	assert_int_not_equal(server_status(f), 0);
}

/* rights */

static int put_facts(void *context, struct worker_out *out, struct problem *problem)
{
	struct sandbox_facts facts;
	int r = sandbox_read("/proc", &facts, problem);

	(void)context;
	return r ? r : worker_out_put(out, 1, &facts, sizeof(facts));
}

static void test_worker_connect_has_no_rights(void **state)
{
	struct fixture *f = *state;
	struct sandbox_facts facts;
	struct worker_end end;

	serve(f, put_facts, (uid_t)-1);
	end = finish(connect_to(f, &plain, ""));
	assert_string_equal(end.reason.text, "");
	memcpy(&facts, worker_result_find(&end.result, 1)->bytes, sizeof(facts));
	assert_true(facts.has_filter);
	assert_true(facts.has_no_new_privs);
	assert_int_equal(facts.caps_permitted | facts.caps_effective | facts.caps_inheritable, 0);
	worker_end_deinit(&end);
}

static int ask_as_somebody(void *context)
{
	struct fixture *f = context;
	struct problem problem = { "" };
	struct worker *worker = NULL;
	struct pollfd ended = { .events = POLLIN };
	struct worker_end end = { 0 };
	int r;

	expect(setresuid(54321, 54321, 54321) == 0);
	r = worker_connect(&plain, f->address.sun_path, "x", 1, &worker, &problem);
	expect(r == 0);
	ended.fd = worker_fd(worker);
	do {
		expect(poll(&ended, 1, 120000) == 1);
		r = worker_finish(worker, &end, &problem);
	} while (r == WORKER_E_RUNNING);
	expect(r == 0);
	return end.outcome == WORKER_DONE ? 1000 : 1000 + (int)end.outcome;
}

static void test_worker_connect_others_may_not_ask(void **state)
{
	struct fixture *f = *state;

	if (geteuid() != 0)
		skip_because("only root can be somebody else");
	serve(f, put_bytes, 54320);
	assert_int_equal(in_child(ask_as_somebody, f), 1000 + (int)WORKER_FAILED);
	assert_int_equal(WEXITSTATUS(server_status(f)), exit_status(-EACCES));
	serve(f, put_bytes, 54321);
	assert_int_equal(in_child(ask_as_somebody, f), 1000);
	assert_int_equal(server_status(f), 0);
}

/* the other side is not there, or not what it should be */

static int try_connect(const char *path, const struct worker_config *config, size_t n_job_bytes,
		       struct problem *problem)
{
	static const char bytes[WORKER_JOB_BYTES_MAX + 1];
	struct worker *worker = NULL;
	int r = worker_connect(config, path, bytes, n_job_bytes, &worker, problem);

	worker_free(worker);
	return r;
}

static void test_worker_connect_without_a_listener_is_absent(void **state)
{
	struct fixture *f = *state;
	struct problem problem = { "" };
	char path[200];

	assert_int_equal(try_connect("/tmp/autofdod-no-such-socket", &plain, 0, &problem),
			 WORKER_E_ABSENT);
	assert_non_null(strstr(problem.text, "No such file"));
	close(f->listen_fd); /* its name stays */
	f->listen_fd = -1;
	assert_int_equal(try_connect(f->address.sun_path, &plain, 0, &problem), WORKER_E_ABSENT);
	assert_non_null(strstr(problem.text, "refused"));
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(try_connect(path, &plain, 0, &problem), -ENAMETOOLONG);
}

static void test_worker_connect_of_another_kind_is_absent(void **state)
{
	struct fixture *f = *state;
	struct problem problem = { "" };

	close(f->listen_fd);
	unlink(f->address.sun_path);
	f->listen_fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(
		bind(f->listen_fd, (const struct sockaddr *)&f->address, sizeof(f->address)), 0);
	assert_int_equal(listen(f->listen_fd, 1), 0);
	assert_int_equal(try_connect(f->address.sun_path, &plain, 0, &problem), WORKER_E_ABSENT);
}

/* It does not wait for its turn. */
static void test_worker_connect_to_a_full_queue_fails(void **state)
{
	struct fixture *f = *state;
	struct worker *workers[64] = { NULL };
	struct problem problem = { "" };
	size_t n = 0;
	int r = 0;

	while (r == 0 && n < array_size(workers))
		r = worker_connect(&plain, f->address.sun_path, "x", 1, &workers[n++], &problem);
	assert_int_equal(r, -EAGAIN);
	while (n > 0)
		worker_free(workers[--n]);
}

static void test_worker_connect_bad_config_is_refused(void **state)
{
	struct fixture *f = *state;
	struct worker_config config = plain;
	int fds[WORKER_FDS_MAX] = { 0 };
	struct problem problem = { "" };

	config.keep_fds = fds;
	config.n_keep_fds = array_size(fds);
	assert_int_equal(try_connect(f->address.sun_path, &config, 0, &problem), -E2BIG);
	assert_int_equal(
		try_connect(f->address.sun_path, &plain, WORKER_JOB_BYTES_MAX + 1, &problem),
		-E2BIG);
	config = plain;
	config.result_bytes = UINT64_MAX;
	assert_int_equal(try_connect(f->address.sun_path, &config, 0, &problem), -EINVAL);
}

static void test_worker_connect_fakes_do_no_harm(void **state)
{
	struct fixture *f = *state;

	for (const struct fake_worker *fake = fake_workers; fake->name; fake++) {
		serve_fake(f, fake);
		assert_end(finish(connect_to(f, &plain, "some job")), fake->outcome, fake->says);
		assert_int_equal(server_status(f), 0);
	}
}

/* requests that are none: what is sent, what the worker says to it */

struct bad_request {
	const char *says;
	size_t n_bytes; /* of it; 0: all */
	void (*change)(struct worker_request *request);
	bool has_no_fd, has_other_fd;
};

static void change_magic(struct worker_request *request)
{
	request->magic++;
}

static void change_version(struct worker_request *request)
{
	strcpy(request->version, "0.0.9");
}

static void unend_version(struct worker_request *request)
{
	memset(request->version, '1', sizeof(request->version));
}

static void want_more_bytes(struct worker_request *request)
{
	request->n_job_bytes++;
}

static void want_more_fds(struct worker_request *request)
{
	request->n_fds++;
}

static void want_endless_result(struct worker_request *request)
{
	request->result_bytes = UINT64_MAX;
}

static void want_other_result(struct worker_request *request)
{
	request->result_bytes++;
}

static void set_zero(struct worker_request *request)
{
	request->zero = 1;
}

static void set_urgent(struct worker_request *request)
{
	request->is_urgent = 2;
}

static const struct bad_request bad_requests[] = {
	{ .says = "a request of 1 bytes", .n_bytes = 1 },
	{ .says = "a request of 79 bytes", .n_bytes = sizeof(struct worker_request) - 1 },
	{ .says = "not a request", .change = change_magic },
	{ .says = "the daemon of 0.0.9, which has to be restarted", .change = change_version },
	{ .says = "of no version", .change = unend_version },
	{ .says = "a job of 4 bytes in a request of 83", .change = want_more_bytes },
	{ .says = "1 descriptors came with a request that says 2", .change = want_more_fds },
	{ .says = "0 descriptors came", .has_no_fd = true },
	{ .says = "a result of 18446744073709551615 bytes", .change = want_endless_result },
	{ .says = "is not for its result", .change = want_other_result },
	{ .says = "is not for its result", .has_other_fd = true },
	{ .says = "unknown words", .change = set_zero },
	{ .says = "unknown words", .change = set_urgent },
};

static int result_fd(const struct bad_request *bad, const struct worker_request *request)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	off_t n_bytes = (off_t)worker_result_file_bytes(request->result_bytes);

	assert_int_equal(ftruncate(fd, bad->has_other_fd ? 4096 : n_bytes), 0);
	return fd;
}

static void send_bad(int fd, const struct bad_request *bad)
{
	struct {
		struct worker_request request;
		char job[3];
	} sent = { .request = { .magic = WORKER_REQUEST_MAGIC,
				.n_job_bytes = 3,
				.version = AUTOFDOD_VERSION,
				.result_bytes = 4096,
				.n_fds = 1 } };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec part = { &sent, sizeof(struct worker_request) + 3 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	int memory_fd = result_fd(bad, &sent.request);

	if (!bad->has_no_fd) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		*CMSG_FIRSTHDR(&message) = (struct cmsghdr){
			.cmsg_len = CMSG_LEN(sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
		};
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), &memory_fd, sizeof(int));
	}
	if (bad->change)
		bad->change(&sent.request);
	if (bad->n_bytes)
		part.iov_len = bad->n_bytes;
	assert_true(sendmsg(fd, &message, MSG_NOSIGNAL) > 0);
	close(memory_fd);
}

static void test_worker_serve_bad_request_is_refused(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < array_size(bad_requests); i++) {
		int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
		struct worker_answer answer = { 0 };

		serve(f, put_bytes, (uid_t)-1);
		assert_int_equal(
			connect(fd, (const struct sockaddr *)&f->address, sizeof(f->address)), 0);
		send_bad(fd, &bad_requests[i]);
		assert_int_equal(recv(fd, &answer, sizeof(answer), 0), sizeof(answer));
		assert_int_equal(answer.kind, WORKER_ENDED);
		assert_int_equal(answer.has_result, 0);
		assert_int_equal(answer.code, -EBADMSG);
		if (!strstr(answer.text, bad_requests[i].says))
			fail_msg("%zu: %s", i, answer.text);
		assert_int_equal(WEXITSTATUS(server_status(f)), exit_status(-EBADMSG));
		close(fd);
	}
}

static void test_worker_serve_end_before_a_request_is_an_error(void **state)
{
	struct fixture *f = *state;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)&f->address, sizeof(f->address)), 0);
	close(fd);
	serve(f, put_bytes, (uid_t)-1);
	assert_int_equal(WEXITSTATUS(server_status(f)), exit_status(-EBADMSG));
}

/* Nobody says a second thing to a worker that has begun: it would be the end of it. */
static void test_worker_serve_second_request_is_the_end(void **state)
{
	struct fixture *f = *state;
	struct worker *worker;

	serve(f, spin, (uid_t)-1);
	worker = connect_to(f, &plain, "");
	wait_until_begun(worker);
	assert_int_equal(send(worker_fd(worker), "again", 5, MSG_NOSIGNAL), 5);
	assert_end(finish(worker), "crashed", "ended without an answer");
	expect_killed(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_worker_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(connect_job_done_gives_its_sections),
		TEST(connect_descriptors_come_in_their_order),
		TEST(connect_job_failed_is_told),
		TEST(connect_job_without_memory_is_told),
		TEST(connect_result_too_large_is_told),
		TEST(connect_job_crashed_is_told),
		TEST(connect_job_beyond_its_cpu_time_is_told),
		TEST(connect_one_that_hangs_is_killed),
		TEST(connect_one_that_is_stopped_is_killed),
		TEST(connect_one_that_is_freed_is_killed),
		TEST(connect_dies_with_its_daemon),
		TEST(connect_one_that_never_began_is_killed),
		TEST(connect_has_no_rights),
		TEST(connect_others_may_not_ask),
		TEST(connect_without_a_listener_is_absent),
		TEST(connect_of_another_kind_is_absent),
		TEST(connect_to_a_full_queue_fails),
		TEST(connect_bad_config_is_refused),
		TEST(connect_fakes_do_no_harm),
		TEST(serve_bad_request_is_refused),
		TEST(serve_end_before_a_request_is_an_error),
		TEST(serve_second_request_is_the_end),
	};

	(void)signal(SIGTERM, on_end);
	(void)signal(SIGINT, on_end);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
