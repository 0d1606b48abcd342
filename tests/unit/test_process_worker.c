/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real forks: each job does one thing that a worker may do to us.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "process/sandbox.h"
#include "process/worker.h"
#include "process_example.h"

#define MIB ((size_t)1 << 20)

static const struct worker_config plain = { .result_bytes = 64 << 10 };

static struct worker *start(const struct worker_config *config, worker_job job, void *context)
{
	struct worker *worker;
	struct problem problem = { 0 };

	if (worker_start(config, job, context, &worker, &problem) != 0)
		fail_msg("%s", problem.text);
	return worker;
}

static struct worker_end finish(struct worker *worker)
{
	struct pollfd ended = { .fd = worker_fd(worker), .events = POLLIN };
	struct worker_end end;
	struct problem problem = { 0 };

	assert_int_equal(poll(&ended, 1, 120000), 1);
	if (worker_finish(worker, &end, &problem) != 0)
		fail_msg("%s", problem.text);
	worker_free(worker);
	return end;
}

static struct worker_end run(const struct worker_config *config, worker_job job, void *context)
{
	return finish(start(config, job, context));
}

static void assert_end(struct worker_end end, enum worker_outcome outcome, const char *says)
{
	if (end.outcome != outcome || !strstr(end.reason.text, says))
		fail_msg("%s: %s", worker_outcome_name(end.outcome), end.reason.text);
	assert_int_equal(end.result.n_sections, 0);
	worker_end_deinit(&end);
}

/* results */

static int put_two(void *context, struct worker_out *out, struct problem *problem)
{
	const char *text = context;
	int r = worker_out_put(out, 7, text, strlen(text));

	return r ? r : worker_out_put(out, 8, NULL, 0);
}

static void test_worker_job_done_gives_its_sections(void **state)
{
	char text[] = "twelve bytes";
	struct worker_end end = run(&plain, put_two, text);
	const struct worker_section *section = worker_result_find(&end.result, 7);

	assert_string_equal(end.reason.text, "");
	assert_int_equal(end.outcome, WORKER_DONE);
	assert_int_equal(end.result.n_sections, 2);
	assert_int_equal(section->n_bytes, 12);
	assert_memory_equal(section->bytes, text, 12);
	assert_int_equal(worker_result_find(&end.result, 8)->n_bytes, 0);
	assert_null(worker_result_find(&end.result, 9));
	assert_true(end.cpu_ns > 0);
	assert_true(end.rss_bytes_max > 0);
	worker_end_deinit(&end);
}

static int put_nothing(void *context, struct worker_out *out, struct problem *problem)
{
	return 0;
}

static void test_worker_job_without_sections_is_done(void **state)
{
	struct worker_end end = run(&plain, put_nothing, NULL);

	assert_int_equal(end.outcome, WORKER_DONE);
	assert_int_equal(end.result.n_sections, 0);
	worker_end_deinit(&end);
}

static int put_much(void *context, struct worker_out *out, struct problem *problem)
{
	static uint8_t bytes[1 << 20];

	return worker_out_put(out, 1, bytes, *(size_t *)context);
}

static int put_much_and_forget(void *context, struct worker_out *out, struct problem *problem)
{
	return put_much(context, out, problem) == -EFBIG ? 0 : 99;
}

static void test_worker_result_of_allowed_size_is_done_and_larger_fails(void **state)
{
	size_t n = plain.result_bytes, more = n + 4096;
	struct worker_end end = run(&plain, put_much, &n);

	assert_int_equal(end.outcome, WORKER_DONE);
	assert_int_equal(end.result.sections[0].n_bytes, n);
	worker_end_deinit(&end);
	assert_end(run(&plain, put_much, &more), WORKER_FAILED, "File too large");
	assert_end(run(&plain, put_much_and_forget, &more), WORKER_FAILED, "File too large");
}

static int fail_with_words(void *context, struct worker_out *out, struct problem *problem)
{
	if (worker_out_put(out, 1, "half", 4) < 0)
		return 98;
	return problem_set(problem, -EBADMSG, "vmlinux: \033[31mhas no text");
}

static int fail_without_words(void *context, struct worker_out *out, struct problem *problem)
{
	return *(int *)context;
}

static void test_worker_failing_job_says_why(void **state)
{
	int eio = -EIO, two = 2, enomem = -ENOMEM;
	struct worker_end end = run(&plain, fail_with_words, NULL);

	assert_int_equal(end.code, -EBADMSG);
	assert_end(end, WORKER_FAILED, "vmlinux: ?[31mhas no text");
	assert_end(run(&plain, fail_without_words, &eio), WORKER_FAILED, "Input/output error");
	assert_end(run(&plain, fail_without_words, &two), WORKER_FAILED, "failed with 2");
	assert_end(run(&plain, fail_without_words, &enomem), WORKER_MEMORY, "Cannot allocate");
}

/* ends */

static int crash(void *context, struct worker_out *out, struct problem *problem)
{
	struct rlimit core;

	getrlimit(RLIMIT_CORE, &core);
	if (core.rlim_cur != 0 || core.rlim_max != 0)
		return 1;
	*(volatile char *)context = 1;
	return 0;
}

static int die_of(void *context, struct worker_out *out, struct problem *problem)
{
	signal(SIGABRT, SIG_DFL);
	abort();
}

static void test_worker_crashing_job_is_told_from_others(void **state)
{
	struct worker_end end;

	skip_with_sanitizer("the sanitizer turns SIGSEGV into a report");
	end = run(&plain, crash, (void *)8);
	assert_int_equal(end.code, SIGSEGV);
	assert_end(end, WORKER_CRASHED, "signal 11 (Segmentation fault)");
	assert_end(run(&plain, die_of, NULL), WORKER_CRASHED, "signal 6");
}

/* A vmlinux whose owner cuts it short: of what is mapped nothing is left. */
static int read_what_is_cut(void *context, struct worker_out *out, struct problem *problem)
{
	int fd = *(int *)context;
	volatile const char *bytes = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, fd, 0);

	if (bytes == MAP_FAILED)
		return 1;
	while (bytes[4096] == 0)
		;
	return 2;
}

static void test_worker_whose_file_is_cut_short_has_crashed_with_a_reason(void **state)
{
	int fd = memfd_create("file", MFD_CLOEXEC);
	struct worker_config config = plain;
	struct worker *worker;
	struct worker_end end;

	config.keep_fds = &fd;
	config.n_keep_fds = 1;
	skip_with_sanitizer("the sanitizer turns SIGBUS into a report");
	assert_int_equal(ftruncate(fd, 8192), 0);
	worker = start(&config, read_what_is_cut, &fd);
	poll(NULL, 0, 50);
	assert_int_equal(ftruncate(fd, 0), 0);
	end = finish(worker);
	assert_int_equal(end.code, SIGBUS);
	assert_end(end, WORKER_CRASHED, "cut short while it was read");
	/* and the next one is not the worse for it */
	assert_end(run(&plain, die_of, NULL), WORKER_CRASHED, "signal 6");
	close(fd);
}

static int leave(void *context, struct worker_out *out, struct problem *problem)
{
	_exit(*(int *)context);
}

static void test_worker_that_exits_without_a_result_is_no_result(void **state)
{
	int zero = 0, three = 3;

	assert_end(run(&plain, leave, &zero), WORKER_MALFORMED, "left no result");
	assert_end(run(&plain, leave, &three), WORKER_FAILED, "status 3");
}

static int write_garbage(void *context, struct worker_out *out, struct problem *problem)
{
	uint8_t garbage[1024];

	memset(garbage, 0xa5, sizeof(garbage));
	if (pwrite(out->fd, garbage, sizeof(garbage), 0) != sizeof(garbage))
		_exit(9);
	_exit(0);
}

static int write_claim(void *context, struct worker_out *out, struct problem *problem)
{
	uint64_t claim = UINT64_MAX / 2;

	if (worker_out_put(out, 1, "abc", 3) < 0 || worker_out_finish(out, 0, 0, NULL) < 0 ||
	    pwrite(out->fd, &claim, 8, WORKER_RESULT_HEADER_BYTES + 8) != 8)
		_exit(9);
	_exit(0);
}

static void test_worker_garbage_is_malformed(void **state)
{
	assert_end(run(&plain, write_garbage, NULL), WORKER_MALFORMED, "no result");
	assert_end(run(&plain, write_claim, NULL), WORKER_MALFORMED, "does not fit");
}

static int hang(void *context, struct worker_out *out, struct problem *problem)
{
	for (;;)
		sleep(1);
	return 0;
}

static void test_worker_hanging_job_ends_by_kill(void **state)
{
	struct worker *worker = start(&plain, hang, NULL);
	struct worker_end end;

	assert_int_equal(worker_finish(worker, &end, NULL), WORKER_E_RUNNING);
	worker_kill(worker, WORKER_DEADLINE);
	assert_end(finish(worker), WORKER_DEADLINE, "not ended in time");
	worker = start(&plain, hang, NULL);
	worker_kill(worker, WORKER_STOPPED);
	worker_kill(worker, WORKER_DEADLINE); /* the first reason counts */
	assert_end(finish(worker), WORKER_STOPPED, "was stopped");
	worker = start(&plain, hang, NULL);
	kill(worker_pid(worker), SIGTERM); /* as a stop of the service does, to all */
	kill(worker_pid(worker), SIGKILL);
	assert_end(finish(worker), WORKER_CRASHED, "perhaps because the machine is out of memory");
}

static void test_worker_kill_after_its_end_changes_nothing(void **state)
{
	struct worker *worker = start(&plain, put_nothing, NULL);
	struct pollfd ended = { .fd = worker_fd(worker), .events = POLLIN };
	struct worker_end end;

	assert_int_equal(poll(&ended, 1, 120000), 1);
	worker_kill(worker, WORKER_DEADLINE);
	assert_int_equal(worker_finish(worker, &end, NULL), 0);
	assert_int_equal(end.outcome, WORKER_DONE);
	worker_end_deinit(&end);
	assert_int_equal(worker_finish(worker, &end, NULL), -EINVAL);
	worker_free(worker);
}

static void test_worker_kill_after_its_crash_changes_nothing(void **state)
{
	struct worker *worker;
	struct pollfd ended = { .events = POLLIN };

	skip_with_sanitizer("the sanitizer turns SIGSEGV into a report");
	worker = start(&plain, crash, (void *)8);
	ended.fd = worker_fd(worker);
	assert_int_equal(poll(&ended, 1, 120000), 1);
	worker_kill(worker, WORKER_DEADLINE);
	assert_end(finish(worker), WORKER_CRASHED, "signal 11");
}

static void test_worker_free_ends_a_running_one(void **state)
{
	struct worker *worker = start(&plain, hang, NULL);
	pid_t pid = worker_pid(worker);

	worker_free(worker);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/* A worker whose daemon has ended must end, too: the middle process is the daemon here. */
static void test_worker_ends_with_its_parent(void **state)
{
	struct pollfd ended = { .events = POLLIN };
	pid_t pids[2];
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	pids[0] = fork();
	if (pids[0] == 0) {
		pids[1] = worker_pid(start(&plain, hang, NULL));
		if (write(fds[1], &pids[1], sizeof(pids[1])) < 0)
			_exit(1);
		usleep(200000);
		_exit(0);
	}
	assert_int_equal(read(fds[0], &pids[1], sizeof(pids[1])), sizeof(pids[1]));
	ended.fd = (int)syscall(SYS_pidfd_open, pids[1], 0);
	assert_true(ended.fd >= 0);
	assert_int_equal(waitpid(pids[0], NULL, 0), pids[0]);
	assert_int_equal(poll(&ended, 1, 5000), 1);
	close(ended.fd);
	close(fds[0]);
	close(fds[1]);
}

/* limits */

static int grow(void *context, struct worker_out *out, struct problem *problem)
{
	for (size_t n = 0; n < *(size_t *)context; n += MIB) {
		uint8_t *block = malloc(MIB);

		if (!block)
			return problem_set(problem, -ENOMEM, "grow: no more after %zu MiB",
					   n / MIB);
		for (size_t i = 0; i < MIB; i += 4096)
			((volatile uint8_t *)block)[i] = 1;
	}
	return 0;
}

static void test_worker_memory_is_limited_beyond_what_was_there(void **state)
{
	struct worker_config config = plain;
	size_t little = 16 * MIB, much = 64 * MIB;
	struct worker_end end;
	uint8_t *before;

	skip_with_sanitizer("the sanitizer ends a program that has no memory");
	before = malloc(100 * MIB); /* the daemon's own does not count */
	assert_non_null(before);
	memset(before, 1, 100 * MIB);
	config.memory_bytes = 32 * MIB;
	end = run(&config, grow, &little);
	assert_int_equal(end.outcome, WORKER_DONE);
	worker_end_deinit(&end);
	assert_end(run(&config, grow, &much), WORKER_MEMORY, "grow: no more after");
	free(before);
}

static int map_file(void *context, struct worker_out *out, struct problem *problem)
{
	size_t n_bytes = *(size_t *)context;
	void *memory = mmap(NULL, n_bytes, PROT_READ, MAP_PRIVATE, out->fd, 0);

	return memory == MAP_FAILED ? -errno : 0;
}

static void test_worker_maps_files_up_to_another_limit(void **state)
{
	struct worker_config config = { .result_bytes = 256 * MIB,
					.memory_bytes = 32 * MIB,
					.mapped_bytes = 100 * MIB };
	size_t little = 64 * MIB, much = 200 * MIB;
	struct worker_end end;

	skip_with_sanitizer("RLIMIT_AS does not go with the sanitizer's shadow memory");
	end = run(&config, map_file, &little);
	assert_int_equal(end.outcome, WORKER_DONE);
	worker_end_deinit(&end);
	assert_end(run(&config, map_file, &much), WORKER_MEMORY, "");
}

static int burn(void *context, struct worker_out *out, struct problem *problem)
{
	for (volatile uint64_t i = 0;; i++)
		;
	return 0;
}

static void test_worker_cpu_time_is_limited_and_measured(void **state)
{
	struct worker_config config = plain;
	struct worker_end end;

	config.cpu_s_max = 1;
	config.is_urgent = true; /* or the test would take minutes on a busy machine */
	end = run(&config, burn, NULL);
	/* in a guest, the limit counts ticks that the host may have had */
	if (end.cpu_ns < 300000000 || end.cpu_ns > 3000000000)
		fail_msg("%llu ns: %s", (unsigned long long)end.cpu_ns, end.reason.text);
	assert_end(end, WORKER_DEADLINE, "CPU time");
}

static int overflow(void *context, struct worker_out *out, struct problem *problem)
{
	uint8_t byte = 1;

	errno = 0;
	if (pwrite(out->fd, &byte, 1, (off_t)(out->n_bytes_max + WORKER_RESULT_HEADER_BYTES)) >= 0)
		return 1;
	if (errno != EFBIG)
		return 2;
	return ftruncate(out->fd, 0) < 0 ? 0 : 3;
}

static void test_worker_cannot_make_its_result_larger_or_smaller(void **state)
{
	struct worker_end end = run(&plain, overflow, NULL);

	assert_int_equal(end.outcome, WORKER_DONE);
	worker_end_deinit(&end);
}

/* rights */

/* A bit for each thing that it can do. */
static int try_all(void *context, struct worker_out *out, struct problem *problem)
{
	static char *const nothing[] = { NULL };
	char name[] = "/tmp/autofdod-test-XXXXXX";
	unsigned int can = 0;

	can |= socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 1 << 0 : 0;
	can |= socket(AF_UNIX, SOCK_STREAM, 0) >= 0 ? 1 << 1 : 0;
	can |= mkstemp(name) >= 0 ? 1 << 2 : 0;
	can |= open("/dev/null", O_RDWR) >= 0 ? 1 << 3 : 0;
	can |= execve("/bin/true", nothing, nothing) == 0 ? 1 << 4 : 0;
	can |= syscall(SYS_fork) >= 0 ? 1 << 5 : 0;
	can |= unlink(name) == 0 ? 1 << 6 : 0;
	can |= kill(getppid(), 0) == 0 ? 1 << 7 : 0;
	can |= mmap(NULL, 4096, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED
		       ? 1 << 8
		       : 0;
	can |= open("/tmp", O_TMPFILE | O_RDWR, 0600) >= 0 ? 1 << 9 : 0;
	can |= open("/dev/null", O_RDONLY | O_CREAT, 0600) >= 0 ? 1 << 10 : 0;
	can |= open("/proc/self/status", O_RDONLY) >= 0 ? 1 << 16 : 0;
	can |= open("/tmp", O_RDONLY | O_DIRECTORY) >= 0 ? 1 << 17 : 0;
	return worker_out_put(out, 1, &can, sizeof(can));
}

static void test_worker_reads_files_and_nothing_else(void **state)
{
	struct worker_end end = run(&plain, try_all, NULL);
	unsigned int can;

	assert_string_equal(end.reason.text, "");
	memcpy(&can, end.result.sections[0].bytes, sizeof(can));
	assert_int_equal(can, 3 << 16);
	worker_end_deinit(&end);
}

static bool is_null(int fd)
{
	struct stat null, other;

	return stat("/dev/null", &null) == 0 && fstat(fd, &other) == 0 &&
	       null.st_rdev == other.st_rdev;
}

static int count_fds(void *context, struct worker_out *out, struct problem *problem)
{
	const int *kept = context;
	uint8_t bits[64] = { 0 };

	for (int fd = 0; fd < 64; fd++)
		bits[fd] = fcntl(fd, F_GETFD) >= 0;
	if (!bits[kept[0]] || !bits[kept[1]])
		return 1;
	bits[0] = bits[1] = bits[2] = bits[kept[0]] = bits[kept[1]] = bits[out->fd] = 0;
	for (int fd = 0; fd < 64; fd++)
		if (bits[fd])
			return 100 + fd;
	return is_null(0) && is_null(1) ? 0 : 2;
}

static void test_worker_has_the_descriptors_that_it_is_given(void **state)
{
	int epoll_fd = epoll_create1(0);
	int kept[2] = { open("/dev/null", O_RDONLY), open("/dev/zero", O_RDONLY) };
	int others[2] = { open("/dev/null", O_RDONLY), dup2(0, 60) };
	int swapped[2] = { kept[1], kept[0] };
	struct worker_config config = plain;
	struct worker_end end;

	config.keep_fds = swapped;
	config.n_keep_fds = 2;
	end = run(&config, count_fds, kept);
	assert_int_equal(end.code, 0);
	assert_int_equal(end.outcome, WORKER_DONE);
	worker_end_deinit(&end);
	close(epoll_fd);
	close(kept[0]);
	close(kept[1]);
	close(others[0]);
	close(others[1]);
}

/* Writes a file of more bytes than its result may have, and through a descriptor it was not given.
 */
static int write_file(void *context, struct worker_out *out, struct problem *problem)
{
	static const uint8_t bytes[4096];
	char name[] = "/tmp/autofdod-test-XXXXXX";
	int fd = mkstemp(name);

	if (fd < 0)
		return -errno;
	unlink(name);
	for (int i = 0; i < 100; i++)
		if (write(fd, bytes, sizeof(bytes)) != sizeof(bytes))
			return 1;
	if (fsync(fd) < 0 || write(*(int *)context, "x", 1) != 1)
		return 2;
	return ftruncate(out->fd, 0) < 0 && errno == EPERM ? 0 : 3; /* it is sealed */
}

static void test_worker_for_own_work_writes_files(void **state)
{
	struct worker_config config = { .result_bytes = 100, .is_own_work = true };
	struct worker_end end;
	char byte;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	end = run(&config, write_file, &fds[1]);
	assert_string_equal(end.reason.text, "");
	assert_int_equal(end.outcome, WORKER_DONE);
	assert_int_equal(read(fds[0], &byte, 1), 1);
	worker_end_deinit(&end);
	close(fds[0]);
	close(fds[1]);
}

static void put_file(struct worker_out *out, uint32_t kind, const char *path)
{
	char text[8192];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));

	if (n < 0 || worker_out_put(out, kind, text, (size_t)n) < 0)
		_exit(97);
}

static int show_itself(void *context, struct worker_out *out, struct problem *problem)
{
	int kinds[2] = { (int)syscall(SYS_getpid), 0 };

	put_file(out, 1, "/proc/self/status");
	put_file(out, 2, "/proc/self/oom_score_adj");
	put_file(out, 3, "/proc/self/stat");
	return worker_out_put(out, 4, kinds, sizeof(kinds));
}

static char *text_of(const struct worker_result *result, uint32_t kind)
{
	const struct worker_section *section = worker_result_find(result, kind);

	return strndup((const char *)section->bytes, section->n_bytes);
}

/* Of /proc/self/stat, from 1; the name in parentheses has no space here. */
static long stat_field(const char *stat, int i)
{
	while (--i > 0)
		stat = strchr(stat, ' ') + 1;
	return strtol(stat, NULL, 10);
}

static void test_worker_has_no_rights_and_the_last_place(void **state)
{
	struct worker_end end = run(&plain, show_itself, NULL);
	char *status = text_of(&end.result, 1), *score = text_of(&end.result, 2);
	char *stat = text_of(&end.result, 3);

	assert_non_null(strstr(status, "Name:\tautofdod-worker\n"));
	assert_non_null(strstr(status, "CapPrm:\t0000000000000000\n"));
	assert_non_null(strstr(status, "CapEff:\t0000000000000000\n"));
	assert_non_null(strstr(status, "CapInh:\t0000000000000000\n"));
	assert_non_null(strstr(status, "CapAmb:\t0000000000000000\n"));
	assert_non_null(strstr(status, "NoNewPrivs:\t1\n"));
	assert_non_null(strstr(status, "Seccomp:\t2\n"));
	assert_string_equal(score, "1000\n");
	assert_int_equal(stat_field(stat, 19), 19); /* nice */
	assert_int_equal(stat_field(stat, 41), SCHED_IDLE);
	assert_int_equal(end.result.without, 0);
	free(status);
	free(score);
	free(stat);
	worker_end_deinit(&end);
}

/* Files of /proc/self are root's in a daemon that cannot be dumped. */
static int run_from_daemon(void *context)
{
	const struct sandbox_user nobody = { 65534, 65534 };
	struct worker_end end;
	char *score;

	expect(sandbox_drop(&nobody, NULL) == 0);
	expect(sandbox_filter(NULL) == 0);
	end = run(&plain, show_itself, NULL);
	expect(end.outcome == WORKER_DONE);
	expect(end.result.without == 0);
	score = text_of(&end.result, 2);
	expect(strcmp(score, "1000\n") == 0);
	return 0;
}

static void test_worker_of_a_daemon_without_rights_is_the_same(void **state)
{
	assert_int_equal(in_child(run_from_daemon, NULL), 0);
}

static void test_worker_that_is_urgent_keeps_the_priority(void **state)
{
	struct worker_config config = plain;
	struct worker_end end;
	char *stat, *score;

	config.is_urgent = true;
	end = run(&config, show_itself, NULL);
	stat = text_of(&end.result, 3);
	score = text_of(&end.result, 2);
	assert_int_equal(stat_field(stat, 19), getpriority(PRIO_PROCESS, 0));
	assert_int_equal(stat_field(stat, 41), sched_getscheduler(0));
	assert_string_equal(score, "1000\n");
	free(stat);
	free(score);
	worker_end_deinit(&end);
}

static void test_worker_bad_config_is_refused(void **state)
{
	struct worker_config config = plain;
	struct worker *worker = NULL;
	struct problem problem;

	config.n_keep_fds = WORKER_KEEP_MAX + 1;
	assert_int_equal(worker_start(&config, hang, NULL, &worker, &problem), -EINVAL);
	config = (struct worker_config){ .result_bytes = UINT64_MAX };
	assert_int_equal(worker_start(&config, hang, NULL, &worker, &problem), -EINVAL);
	assert_null(worker);
	worker_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_worker_job_done_gives_its_sections),
		cmocka_unit_test(test_worker_job_without_sections_is_done),
		cmocka_unit_test(test_worker_result_of_allowed_size_is_done_and_larger_fails),
		cmocka_unit_test(test_worker_failing_job_says_why),
		cmocka_unit_test(test_worker_crashing_job_is_told_from_others),
		cmocka_unit_test(test_worker_whose_file_is_cut_short_has_crashed_with_a_reason),
		cmocka_unit_test(test_worker_that_exits_without_a_result_is_no_result),
		cmocka_unit_test(test_worker_garbage_is_malformed),
		cmocka_unit_test(test_worker_hanging_job_ends_by_kill),
		cmocka_unit_test(test_worker_kill_after_its_end_changes_nothing),
		cmocka_unit_test(test_worker_kill_after_its_crash_changes_nothing),
		cmocka_unit_test(test_worker_free_ends_a_running_one),
		cmocka_unit_test(test_worker_ends_with_its_parent),
		cmocka_unit_test(test_worker_memory_is_limited_beyond_what_was_there),
		cmocka_unit_test(test_worker_maps_files_up_to_another_limit),
		cmocka_unit_test(test_worker_cpu_time_is_limited_and_measured),
		cmocka_unit_test(test_worker_cannot_make_its_result_larger_or_smaller),
		cmocka_unit_test(test_worker_reads_files_and_nothing_else),
		cmocka_unit_test(test_worker_has_the_descriptors_that_it_is_given),
		cmocka_unit_test(test_worker_for_own_work_writes_files),
		cmocka_unit_test(test_worker_has_no_rights_and_the_last_place),
		cmocka_unit_test(test_worker_of_a_daemon_without_rights_is_the_same),
		cmocka_unit_test(test_worker_that_is_urgent_keeps_the_priority),
		cmocka_unit_test(test_worker_bad_config_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
