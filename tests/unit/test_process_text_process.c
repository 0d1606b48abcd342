/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process of live text, forked or started by somebody else, on a kernel made of files: which
 * rights it has, when it ends, and that it answers.
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
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "base/problem.h"
#include "base/small_file.h"
#include "process/filter.h"
#include "process/sandbox.h"
#include "process/text_client.h"
#include "process/text_process.h"
#include "process_example.h"
#include "text_example.h"

#define NOBODY 65534u

struct fixture {
	char proc[40];
	struct example_folders folders;
};

static void put(const struct fixture *f, const char *name, const void *bytes, size_t n_bytes)
{
	char path[80];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", f->proc, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_int_equal(write(fd, bytes, n_bytes), (ssize_t)n_bytes);
	close(fd);
}

static int setup(void **state)
{
	static uint8_t core[EXAMPLE_CORE_BYTES];
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->proc, "/tmp/autofdod-text.XXXXXX");
	assert_non_null(mkdtemp(f->proc));
	example_fill_core(core);
	put(f, "kcore", core, sizeof(core));
	put(f, "kallsyms", EXAMPLE_KALLSYMS, strlen(EXAMPLE_KALLSYMS));
	put(f, "modules", EXAMPLE_MODULES, strlen(EXAMPLE_MODULES));
	assert_true(example_folders_init(&f->folders));
	*state = f;
	return 0;
}

static void drop(const struct fixture *f, const char *name)
{
	char path[80];

	snprintf(path, sizeof(path), "%s/%s", f->proc, name);
	unlink(path);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	drop(f, "kcore");
	drop(f, "kallsyms");
	drop(f, "modules");
	example_folders_deinit(&f->folders);
	rmdir(f->proc);
	free(f);
	return 0;
}

static int start(const struct fixture *f, struct text_process **ret_process, int *ret_fd,
		 struct problem *problem)
{
	const struct sandbox_user nobody = { NOBODY, NOBODY };
	const struct text_process_config config = {
		.user = &nobody,
		.proc_root = f->proc,
		.modules_root = f->folders.path,
		.page_bytes = PAGE,
	};

	return text_process_start(&config, ret_process, ret_fd, problem);
}

static void take(struct text_client *client, struct text_answer *answer)
{
	struct pollfd readable = { .fd = text_client_fd(client), .events = POLLIN };
	struct problem problem = { "" };

	assert_int_equal(poll(&readable, 1, 20000), 1);
	if (text_client_take(client, answer, &problem))
		fail_msg("%s", problem.text);
}

static void serves(struct text_client *client, int kallsyms_fd)
{
	const uint64_t ips[] = { IMAGE_IP, IMAGE_IP + 3 * PAGE, MODULES_IP };
	struct problem problem = { "" };
	struct text_answer answer;

	assert_int_equal(text_client_begin(client, kallsyms_fd, &problem), 0);
	take(client, &answer);
	assert_int_equal(answer.result, 0);
	assert_int_equal(answer.n_modules, 1);
	assert_int_equal(text_client_ask(client, ips, 3, &problem), 0);
	take(client, &answer);
	assert_int_equal(answer.result, 0);
	assert_int_equal(answer.pages[0][0], 16);
	assert_null(answer.pages[1]);
	assert_int_equal(answer.pages[2][0], 32);
	assert_true(answer.cpu_ns > 0);
}

/* "Key:\tvalue" of its status. */
static void has(pid_t pid, const char *line)
{
	char path[40], status[8192];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	assert_true(small_file_read_text(AT_FDCWD, path, status, sizeof(status)) >= 0);
	if (!strstr(status, line))
		fail_msg("no '%s' in %s", line, status);
}

static void test_text_process_has_no_rights_and_answers(void **state)
{
	struct text_process *process = NULL;
	struct text_client *client = NULL;
	struct problem problem = { "" };
	int fd = -1;

	if (start(*state, &process, &fd, &problem))
		fail_msg("%s", problem.text);
	assert_int_equal(text_client_new(fd, &client, &problem), 0);
	has(text_process_pid(process), "Name:\tautofdod-text\n");
	has(text_process_pid(process), "\nCapPrm:\t0000000000000000\n");
	has(text_process_pid(process), "\nCapEff:\t0000000000000000\n");
	has(text_process_pid(process), "\nNoNewPrivs:\t1\n");
	has(text_process_pid(process), "\nSeccomp:\t2\n");
	if (geteuid() == 0)
		has(text_process_pid(process), "\nUid:\t65534\t65534\t65534\t65534\n");
	serves(client, -1);
	text_client_free(client);
	text_process_free(process);
}

static void test_text_process_ends_with_its_connection(void **state)
{
	struct text_process *process = NULL;
	struct problem problem = { "" };
	pid_t pid;
	int fd = -1;

	assert_int_equal(start(*state, &process, &fd, &problem), 0);
	pid = text_process_pid(process);
	close(fd);
	text_process_free(process);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(errno, ESRCH);
}

static void test_text_process_that_hangs_is_killed(void **state)
{
	struct text_process *process = NULL;
	struct problem problem = { "" };
	pid_t pid;
	int fd = -1;

	assert_int_equal(start(*state, &process, &fd, &problem), 0);
	pid = text_process_pid(process);
	assert_int_equal(kill(pid, SIGSTOP), 0);
	close(fd);
	text_process_free(process);
	assert_int_equal(kill(pid, 0), -1);
}

/* The filter: it is told to do nothing else, and dies of it. */
static void test_text_process_is_killed_from_outside_and_noticed(void **state)
{
	struct text_process *process = NULL;
	struct text_client *client = NULL;
	struct problem problem = { "" };
	struct text_answer answer;
	struct pollfd readable = { .events = POLLIN };
	int fd = -1;

	assert_int_equal(start(*state, &process, &fd, &problem), 0);
	assert_int_equal(text_client_new(fd, &client, &problem), 0);
	assert_int_equal(kill(text_process_pid(process), SIGKILL), 0);
	readable.fd = fd;
	assert_int_equal(poll(&readable, 1, 20000), 1);
	assert_int_equal(text_client_take(client, &answer, &problem), -EPIPE);
	text_client_free(client);
	text_process_free(process);
}

static void test_text_process_without_kcore_is_refused(void **state)
{
	struct text_process *process = NULL;
	struct problem problem = { "" };
	int fd = -1;

	drop(*state, "kcore");
	assert_int_equal(start(*state, &process, &fd, &problem), TEXT_PROCESS_E_REFUSED);
	assert_non_null(strstr(problem.text, "kcore: No such file"));
	assert_null(process);
	assert_int_equal(fd, -1);
}

static void test_text_process_of_no_core_does_not_start(void **state)
{
	struct text_process *process = NULL;
	struct problem problem = { "" };
	int fd = -1;

	put(*state, "kcore", "nothing", 7);
	assert_true(start(*state, &process, &fd, &problem) < 0);
	assert_non_null(strstr(problem.text, "kcore"));
	assert_null(process);
	assert_int_equal(fd, -1);
}

/* started by somebody else */

struct service {
	const struct fixture *f;
	struct text_service service;
	int connection_fd;
	uid_t uid;
};

static int run_service(const struct service *s)
{
	struct text_service service = s->service;
	struct problem problem = { "" };
	struct text_files *files = &service.config.files;
	int dir_fd = open(s->f->proc, O_RDONLY | O_DIRECTORY);

	files->kcore_fd = openat(dir_fd, "kcore", O_RDONLY);
	files->kallsyms_fd = openat(dir_fd, "kallsyms", O_RDONLY);
	files->modules.list_fd = openat(dir_fd, "modules", O_RDONLY);
	files->modules.folders_fd = open(s->f->folders.path, O_PATH | O_DIRECTORY);
	if (s->uid != 0 && setresuid(s->uid, s->uid, s->uid) < 0)
		return 120;
	return -text_serve(s->connection_fd, &service, &problem) & 0x7f;
}

/* The daemon's end; the server is a child. */
static int serve(const struct fixture *f, uid_t uid, unsigned int idle_s_max, pid_t *ret_pid)
{
	struct service s = {
		.f = f,
		.service = {
			.peer_uid = (uid_t)-1,
			.config = { .page_bytes = PAGE, .look_ns = 1 },
			.idle_s_max = idle_s_max,
		},
		.uid = uid,
	};
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	s.connection_fd = fds[1];
	fflush(NULL);
	*ret_pid = fork();
	if (*ret_pid == 0) {
		close(fds[0]);
		_exit(run_service(&s));
	}
	close(fds[1]);
	return fds[0];
}

static int status_of(pid_t pid)
{
	int status = -1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

static void test_text_serve_answers_and_ends_with_the_connection(void **state)
{
	struct text_client *client = NULL;
	struct problem problem = { "" };
	pid_t pid;
	int fd = serve(*state, geteuid() == 0 ? NOBODY : 0, 20, &pid);

	assert_int_equal(text_client_new(fd, &client, &problem), 0);
	serves(client, -1);
	text_client_free(client);
	assert_int_equal(status_of(pid), 0);
}

static void test_text_serve_ends_if_nobody_asks(void **state)
{
	pid_t pid;
	int fd = serve(*state, 0, 1, &pid);

	assert_int_equal(status_of(pid), 0);
	close(fd);
}

/* Anything that its filter does not know kills it: a descriptor that is no file of /proc does not.
 */
static void test_text_serve_takes_no_other_descriptor(void **state)
{
	struct text_client *client = NULL;
	struct problem problem = { "" };
	pid_t pid;
	int fd = serve(*state, 0, 20, &pid);
	int other = open("/dev/null", O_RDONLY), proc = open("/proc/kallsyms", O_RDONLY);

	assert_int_equal(text_client_new(fd, &client, &problem), 0);
	serves(client, other);
	if (proc >= 0)
		serves(client, proc);
	text_client_free(client);
	assert_int_equal(status_of(pid), 0);
	close_cleanup(&other);
	close_cleanup(&proc);
}

static void test_text_serve_garbage_gets_an_answer(void **state)
{
	char bytes[200];
	pid_t pid;
	int fd = serve(*state, 0, 20, &pid);

	memset(bytes, 0x5a, sizeof(bytes));
	for (size_t n = 1; n <= sizeof(bytes); n++) {
		struct text_reply reply;

		assert_int_equal(send(fd, bytes, n, MSG_NOSIGNAL), (ssize_t)n);
		assert_int_equal(recv(fd, &reply, sizeof(reply), 0), sizeof(reply));
		assert_int_equal(reply.result, -EBADMSG);
	}
	close(fd);
	assert_int_equal(status_of(pid), 0);
}

/* what it may do at all */

static void open_a_file(void)
{
	(void)!open("/proc/self/status", O_RDONLY);
}

static void make_a_socket(void)
{
	(void)!socket(AF_UNIX, SOCK_STREAM, 0);
}

static void write_a_file(void)
{
	(void)!write(STDERR_FILENO + 1, "x", 1);
}

static void run_a_program(void)
{
	(void)!execl("/bin/true", "true", NULL);
}

static void map_code(void)
{
	(void)!mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void fork_a_process(void)
{
	(void)!fork();
}

static void test_text_filter_kills_whatever_it_does_not_need(void **state)
{
	static void (*const forbidden[])(void) = { open_a_file,	  make_a_socket, write_a_file,
						   run_a_program, map_code,	 fork_a_process };

	(void)state;
	skip_with_sanitizer("its library opens files");
	for (size_t i = 0; i < array_size(forbidden); i++) {
		struct problem problem = { "" };
		pid_t pid;

		fflush(NULL);
		pid = fork();
		if (pid == 0) {
			if (filter_load(FILTER_TEXT, NULL, 0, &problem) < 0)
				_exit(1);
			forbidden[i]();
			_exit(0);
		}
		assert_int_equal(status_of(pid), 256 + SIGSYS);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_text_process_has_no_rights_and_answers),
		TEST(test_text_process_ends_with_its_connection),
		TEST(test_text_process_that_hangs_is_killed),
		TEST(test_text_process_is_killed_from_outside_and_noticed),
		TEST(test_text_process_without_kcore_is_refused),
		TEST(test_text_process_of_no_core_does_not_start),
		TEST(test_text_serve_answers_and_ends_with_the_connection),
		TEST(test_text_serve_ends_if_nobody_asks),
		TEST(test_text_serve_takes_no_other_descriptor),
		TEST(test_text_serve_garbage_gets_an_answer),
		TEST(test_text_filter_kills_whatever_it_does_not_need),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
