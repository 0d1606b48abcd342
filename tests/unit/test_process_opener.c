/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The opener over a kernel of our own, which does what shared memory says; then over the one that
 * runs here; then asked by somebody who wants to harm it.
 */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include "base/problem.h"
#include "collect/open_facts.h"
#include "process/opener.h"
#include "process/opener_child.h"
#include "process/opener_protocol.h"
#include "process/sandbox.h"
#include "process_example.h"

static const struct sandbox_user nobody = { 65534, 65534 };

/* In memory that test and opener share. */
struct kernel {
	volatile int result;   /* -errno of opening; 0: an eventfd with config + 1000 * cpu */
	volatile int sleep_ms; /* before opening */
	volatile bool dies;    /* of a system call that it may not make */
	volatile bool dislikes_lost;
	volatile int n_opens, n_closes;
};

static int kernel_open(void *context, struct perf_event_attr *attr, int cpu)
{
	struct kernel *kernel = context;
	const struct timespec t = { kernel->sleep_ms / 1000, kernel->sleep_ms % 1000 * 1000000L };
	int fd;

	kernel->n_opens++;
	if (kernel->sleep_ms)
		nanosleep(&t, NULL);
	if (kernel->dies)
		syscall(SYS_getppid);
	if (kernel->dislikes_lost && (attr->read_format & PERF_FORMAT_LOST))
		return -EINVAL;
	if (kernel->result)
		return kernel->result;
	fd = eventfd((unsigned int)(attr->config + 1000u * (unsigned int)cpu), EFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static void kernel_close(void *context, int fd)
{
	struct kernel *kernel = context;

	kernel->n_closes++;
	close(fd);
}

static const int kernel_needs[] = { SYS_eventfd2, SYS_nanosleep, SYS_clock_nanosleep };
static const struct opener_event events[2] = {
	{ .wanted = { .type = 4,
		      .size = sizeof(struct perf_event_attr),
		      .config = 7,
		      .read_format = PERF_FORMAT_LOST },
	  .pmu_name = "cpu_core" },
	{ .wanted = { .type = 10, .size = sizeof(struct perf_event_attr), .config = 8 },
	  .pmu_name = "cpu_atom" },
};

struct fixture {
	struct kernel *kernel;
	struct open_calls calls;
	struct opener_config config;
	struct opener *opener;
	struct problem problem;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->kernel = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	f->calls = (struct open_calls){ .context = f->kernel,
					.open_event = kernel_open,
					.close = kernel_close };
	f->config = (struct opener_config){
		.events = events,
		.n_events = 2,
		.n_cpus = 8,
		.facts = { .paranoid = 2, .n_online = 4, .page_bytes = 4096 },
		.calls = &f->calls,
		.calls_need = kernel_needs,
		.n_calls_need = array_size(kernel_needs),
	};
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	opener_free(f->opener);
	munmap(f->kernel, 4096);
	free(f);
	return 0;
}

static void start(struct fixture *f)
{
	if (opener_start(&f->config, &f->opener, &f->problem) != 0)
		fail_msg("%s", f->problem.text);
}

static void probe(struct fixture *f, size_t i_event)
{
	struct open_form form;

	assert_int_equal(opener_probe(f->opener, i_event, 0, &form, &f->problem), 0);
}

static uint64_t read_and_close(int fd)
{
	uint64_t value = 0;

	assert_int_equal(read(fd, &value, sizeof(value)), sizeof(value));
	close(fd);
	return value;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int count_fds(pid_t pid)
{
	char path[64];
	struct dirent *entry;
	DIR *fds;
	int n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	fds = opendir(path);
	while (fds && (entry = readdir(fds)))
		n += entry->d_name[0] != '.';
	if (fds)
		closedir(fds);
	return n;
}

/* what it is for */

static void test_opener_probe_brings_the_form_that_is_opened(void **state)
{
	struct fixture *f = *state;
	struct open_form form;
	int fd;

	f->kernel->dislikes_lost = true;
	start(f);
	assert_int_equal(opener_probe(f->opener, 0, 3, &form, &f->problem), 0);
	assert_int_equal(form.given_up, OPEN_WITHOUT_LOST);
	assert_int_equal(form.attr.config, 7);
	assert_int_equal(form.attr.read_format, 0);
	assert_int_equal(f->kernel->n_opens, 2);
	assert_int_equal(f->kernel->n_closes, 1);
	assert_int_equal(opener_open(f->opener, 0, 5, &fd, &f->problem), 0);
	assert_int_equal(f->kernel->n_opens, 3); /* in the form that was found */
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(read_and_close(fd), 5007);
	probe(f, 1); /* by then it has closed its own */
	assert_int_equal(f->kernel->n_closes, 3);
	assert_true(opener_cpu_ns(f->opener) > 0);
}

static void test_opener_opens_no_event_before_it_was_probed(void **state)
{
	struct fixture *f = *state;
	int fd = -7;

	start(f);
	probe(f, 0);
	f->kernel->result = -EBUSY;
	assert_int_equal(opener_open(f->opener, 1, 0, &fd, &f->problem), -ENOENT);
	assert_string_equal(f->problem.text, "opener: event 1 was not probed");
	assert_int_equal(fd, -7);
}

static void test_opener_refusals_come_with_their_sentence(void **state)
{
	struct fixture *f = *state;
	struct open_form form = { .given_up = 77 };
	int fd = -7;

	start(f);
	f->kernel->result = -EBUSY;
	assert_int_equal(opener_probe(f->opener, 1, 0, &form, &f->problem), OPEN_E_BUSY);
	assert_non_null(strstr(f->problem.text, "PMU cpu_atom: its branch records are taken"));
	assert_int_equal(form.given_up, 77);
	f->kernel->result = 0;
	probe(f, 1);
	f->kernel->result = -ENODEV;
	assert_int_equal(opener_open(f->opener, 1, 2, &fd, &f->problem), OPEN_E_OFFLINE);
	assert_string_equal(f->problem.text, "CPU 2 is offline; it is waited for");
	f->kernel->result = -EIO;
	assert_int_equal(opener_open(f->opener, 1, 2, &fd, &f->problem), -EIO);
	assert_int_equal(fd, -7);
}

/* Whatever facts say of this process, the sentence is about the opener's capabilities. */
static void test_opener_sentence_is_of_its_own_capabilities(void **state)
{
	struct fixture *f = *state;
	struct open_form form;

	if (geteuid() != 0)
		skip_because("not root");
	f->config.user = &nobody;
	f->config.facts.paranoid = 4;
	f->kernel->result = -EACCES;
	start(f);
	assert_int_equal(opener_probe(f->opener, 0, 0, &form, &f->problem), OPEN_E_PERMISSION);
	assert_non_null(strstr(f->problem.text, "although the capabilities are there"));
}

static void test_opener_hands_out_files_at_their_start(void **state)
{
	struct fixture *f = *state;
	char first[2][64];
	int fds[2];

	start(f);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(opener_open_kallsyms(f->opener, &fds[i], &f->problem), 0);
		assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
		assert_int_equal(read(fds[i], first[i], 64), 64);
	}
	assert_memory_equal(first[0], first[1], 64);
	assert_memory_equal(first[0] + 16, " ", 1); /* "ffffffff81000000 T _text" */
	close(fds[0]);
	close(fds[1]);
	if (access("/proc/modules", F_OK) < 0) { /* a kernel without modules */
		assert_int_equal(opener_open_modules(f->opener, &fds[0], &f->problem), -ENOENT);
		return;
	}
	assert_int_equal(opener_open_modules(f->opener, &fds[0], &f->problem), 0);
	assert_true(read(fds[0], first[0], 64) >= 0);
	close(fds[0]);
}

static void test_opener_without_the_files_says_so(void **state)
{
	struct fixture *f = *state;
	int fd = -7;

	f->config.proc_root = "/nowhere";
	start(f);
	assert_int_equal(opener_open_kallsyms(f->opener, &fd, &f->problem), -ENOENT);
	assert_string_equal(f->problem.text, "opener: open kallsyms: No such file or directory");
	assert_int_equal(opener_open_modules(f->opener, &fd, &f->problem), -ENOENT);
	assert_int_equal(fd, -7);
	probe(f, 0);
}

/* With path as standard input and no /proc to open it in. Result of opener_open_kallsyms(). */
static int open_kallsyms_from(struct fixture *f, const char *path, int *ret_fd)
{
	int old_fd = dup(STDIN_FILENO), fd = open(path, O_RDONLY);
	char first[64];

	assert_true(fd >= 0);
	assert_int_equal(read(fd, first, sizeof(first)), sizeof(first));
	assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
	close(fd);
	f->config.proc_root = "/nowhere";
	start(f);
	assert_int_equal(dup2(old_fd, STDIN_FILENO), STDIN_FILENO);
	close(old_fd);
	return opener_open_kallsyms(f->opener, ret_fd, &f->problem);
}

static void test_opener_takes_kallsyms_from_standard_input(void **state)
{
	char text[20];
	int fd;

	assert_int_equal(open_kallsyms_from(*state, "/proc/kallsyms", &fd), 0);
	assert_int_equal(read(fd, text, sizeof(text)), sizeof(text));
	assert_memory_equal(text + 16, " ", 1); /* from its start */
	close(fd);
}

static void test_opener_takes_no_other_file_from_standard_input(void **state)
{
	int fd = -7;

	assert_int_equal(open_kallsyms_from(*state, "/proc/stat", &fd), -ENOENT);
	assert_int_equal(fd, -7);
}

/* Not of /proc, whatever it is called. */
static void test_opener_takes_no_file_of_that_name_from_standard_input(void **state)
{
	char directory[] = "/tmp/autofdod-XXXXXX", path[64], text[100] = "";
	int fd = -7, file_fd;

	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/kallsyms", directory);
	file_fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_int_equal(write(file_fd, text, sizeof(text)), sizeof(text));
	close(file_fd);
	assert_int_equal(open_kallsyms_from(*state, path, &fd), -ENOENT);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(directory), 0);
}

static void test_opener_daemon_without_descriptors_is_told(void **state)
{
	struct fixture *f = *state;
	struct rlimit before, few;
	int fd, highest = dup(0);
	int r;

	close(highest);
	start(f);
	probe(f, 0);
	highest = dup(0);
	close(highest);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = (rlim_t)highest;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	r = opener_open(f->opener, 0, 0, &fd, &f->problem);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(r, OPEN_E_LIMIT);
	assert_non_null(strstr(f->problem.text, "too few file descriptors"));
	assert_int_equal(opener_open(f->opener, 0, 0, &fd, &f->problem), 0);
	assert_int_equal(read_and_close(fd), 7);
}

/* what it keeps */

static void read_status(pid_t pid, char *text, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	fd = open(path, O_RDONLY);
	n = read(fd, text, size - 1);
	close(fd);
	assert_true(n > 0);
	text[n] = '\0';
}

static void test_opener_keeps_one_capability_and_few_descriptors(void **state)
{
	struct fixture *f = *state;
	char text[8192];

	if (geteuid() != 0)
		skip_because("not root");
	f->config.user = &nobody;
	start(f);
	read_status(opener_pid(f->opener), text, sizeof(text));
	assert_non_null(strstr(text, "Name:\tautofdod-opener\n"));
	assert_non_null(strstr(text, "Uid:\t65534\t65534\t65534\t65534\n"));
	assert_non_null(strstr(text, "Gid:\t65534\t65534\t65534\t65534\n"));
	assert_non_null(strstr(text, "CapPrm:\t0000004000000000\n"));
	assert_non_null(strstr(text, "CapEff:\t0000004000000000\n"));
	assert_non_null(strstr(text, "CapInh:\t0000000000000000\n"));
	assert_non_null(strstr(text, "CapBnd:\t0000000000000000\n"));
	assert_non_null(strstr(text, "CapAmb:\t0000000000000000\n"));
	assert_non_null(strstr(text, "NoNewPrivs:\t1\n"));
	assert_non_null(strstr(text, "Seccomp:\t2\n"));
	assert_int_equal(opener_caps(f->opener), 1ull << CAP_PERFMON);
	/* stdin, stdout, stderr, socket, kallsyms, modules */
	assert_int_equal(count_fds(opener_pid(f->opener)),
			 access("/proc/modules", F_OK) < 0 ? 5 : 6);
}

static void test_opener_caps_follow_the_paranoid_level(void **state)
{
	const uint64_t perfmon = 1ull << CAP_PERFMON, admin = 1ull << CAP_SYS_ADMIN;
	const uint64_t all = ~0ull;

	assert_int_equal(opener_caps_needed(all, 2), perfmon);
	assert_int_equal(opener_caps_needed(all, -1), perfmon);
	assert_int_equal(opener_caps_needed(all, OPEN_PARANOID_UNKNOWN), perfmon);
	assert_int_equal(opener_caps_needed(all, 3), perfmon | admin);
	assert_int_equal(opener_caps_needed(all, 4), perfmon | admin);
	assert_int_equal(opener_caps_needed(admin | 1, 2), admin);
	assert_int_equal(opener_caps_needed(perfmon, 4), perfmon);
	assert_int_equal(opener_caps_needed(0, 4), 0);
}

/* its end */

static void test_opener_survives_signals_and_ends_with_the_socket(void **state)
{
	struct fixture *f = *state;
	pid_t pid;
	uint64_t start_ms;

	start(f);
	pid = opener_pid(f->opener);
	kill(pid, SIGTERM);
	kill(pid, SIGINT);
	kill(pid, SIGHUP);
	probe(f, 0);
	assert_true(opener_is_alive(f->opener, &f->problem));
	start_ms = now_ms();
	opener_free(f->opener);
	f->opener = NULL;
	assert_true(now_ms() - start_ms < 900);
	assert_int_equal(kill(pid, 0), -1);
}

static void test_opener_that_was_killed_is_told(void **state)
{
	struct fixture *f = *state;
	struct pollfd ended = { .events = POLLIN };
	struct sampler_source source;
	int fd, other = -7;

	start(f);
	probe(f, 0);
	assert_int_equal(opener_open(f->opener, 0, 1, &fd, &f->problem), 0);
	source = opener_source(f->opener);
	kill(opener_pid(f->opener), SIGKILL);
	ended.fd = opener_pid_fd(f->opener);
	assert_int_equal(poll(&ended, 1, 5000), 1);
	assert_false(opener_is_alive(f->opener, &f->problem));
	assert_string_equal(f->problem.text,
			    "opener: was killed by signal 9 (Killed): CPUs that come are not "
			    "sampled until autofdod is restarted");
	assert_int_equal(opener_open(f->opener, 0, 1, &other, &f->problem), -EPIPE);
	f->problem.text[0] = '\0';
	assert_int_equal(source.open(source.context, 0, 1, &other, &f->problem), OPEN_E_PERMISSION);
	assert_non_null(strstr(f->problem.text, "was killed by signal 9"));
	assert_int_equal(other, -7);
	assert_int_equal(read_and_close(fd), 1007);
}

static void test_opener_killed_amid_a_request_is_told(void **state)
{
	struct fixture *f = *state;
	struct open_form form;
	pid_t killer;

	start(f);
	f->kernel->sleep_ms = 4000;
	killer = fork();
	if (killer == 0) {
		usleep(100000);
		kill(opener_pid(f->opener), SIGKILL);
		_exit(0);
	}
	assert_int_equal(opener_probe(f->opener, 0, 0, &form, &f->problem), -EPIPE);
	assert_non_null(strstr(f->problem.text, "was killed by signal 9"));
	waitpid(killer, NULL, 0);
}

static void test_opener_dies_of_a_system_call_that_it_does_not_need(void **state)
{
	struct fixture *f = *state;
	struct open_form form;

	start(f);
	f->kernel->dies = true;
	assert_int_equal(opener_probe(f->opener, 0, 0, &form, &f->problem), -EPIPE);
	assert_non_null(strstr(f->problem.text, "was killed by signal 31 (Bad system call)"));
}

static void test_opener_that_hangs_is_not_waited_for_twice(void **state)
{
	struct fixture *f = *state;
	struct sampler_source source;
	uint64_t start_ms;
	int fd = -7;

	f->config.timeout_ms = 150;
	start(f);
	probe(f, 0);
	f->kernel->sleep_ms = 600;
	start_ms = now_ms();
	assert_int_equal(opener_open(f->opener, 0, 1, &fd, &f->problem), -ETIMEDOUT);
	assert_true(now_ms() - start_ms >= 140);
	assert_string_equal(f->problem.text, "opener: no answer within 150 ms");
	start_ms = now_ms();
	assert_int_equal(opener_open(f->opener, 0, 2, &fd, &f->problem), -ETIMEDOUT);
	source = opener_source(f->opener);
	assert_int_equal(source.open(source.context, 0, 2, &fd, &f->problem), OPEN_E_BUSY);
	assert_true(now_ms() - start_ms < 100);
	assert_int_equal(fd, -7);
	f->kernel->sleep_ms = 0;
	usleep(700000);
	/* the answer about CPU 1 has come: it is not that about CPU 3 */
	assert_int_equal(opener_open(f->opener, 0, 3, &fd, &f->problem), 0);
	assert_int_equal(read_and_close(fd), 3007);
	assert_int_equal(opener_open(f->opener, 0, 4, &fd, &f->problem), 0);
	assert_int_equal(read_and_close(fd), 4007);
}

static void test_opener_ends_with_its_parent(void **state)
{
	struct fixture *f = *state;
	struct pollfd ended = { .events = POLLIN };
	pid_t daemon_pid, pid;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	daemon_pid = fork();
	if (daemon_pid == 0) {
		start(f);
		pid = opener_pid(f->opener);
		if (write(fds[1], &pid, sizeof(pid)) < 0)
			_exit(1);
		usleep(200000);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(read(fds[0], &pid, sizeof(pid)), sizeof(pid));
	ended.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	assert_true(ended.fd >= 0);
	waitpid(daemon_pid, NULL, 0);
	assert_int_equal(poll(&ended, 1, 5000), 1);
	close(ended.fd);
	close(fds[0]);
	close(fds[1]);
}

static void test_opener_bad_config_starts_nothing(void **state)
{
	struct fixture *f = *state;
	const struct sandbox_user user = { 1234, 1234 };

	f->config.n_events = 0;
	assert_int_equal(opener_start(&f->config, &f->opener, &f->problem), -EINVAL);
	f->config.n_events = OPENER_EVENTS_MAX + 1;
	assert_int_equal(opener_start(&f->config, &f->opener, &f->problem), -EINVAL);
	f->config.n_events = 1;
	f->config.n_cpus = 0;
	assert_int_equal(opener_start(&f->config, &f->opener, &f->problem), -EINVAL);
	f->config.n_cpus = 1;
	f->config.calls_need = &(int){ -1 }; /* there is no such system call to allow */
	f->config.n_calls_need = 1;
	f->config.user = &user;
	assert_true(opener_start(&f->config, &f->opener, &f->problem) < 0);
	assert_non_null(strstr(f->problem.text, "filter of system calls"));
	assert_null(f->opener);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
}

/* hostile requests */

struct client {
	int fd;
	pid_t pid;
};

static struct client start_client(struct fixture *f)
{
	struct timeval limit = { 5, 0 };
	struct client client;
	struct opener_reply hello;
	pid_t own_pid = getpid();
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	client.pid = fork();
	if (client.pid == 0)
		opener_child_run(&f->config, fds[1], own_pid);
	close(fds[1]);
	client.fd = fds[0];
	setsockopt(client.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	assert_int_equal(recv(client.fd, &hello, sizeof(hello), 0), sizeof(hello));
	assert_int_equal(hello.result, 0);
	return client;
}

static void end_client(struct client client)
{
	int status;

	close(client.fd);
	assert_int_equal(waitpid(client.pid, &status, 0), client.pid);
	assert_int_equal(status, 0);
}

/* Sends bytes, and descriptors in passing; the result of the reply. */
static int say(struct client client, const void *bytes, size_t n_bytes, int passed_fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *)bytes, n_bytes };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct opener_reply reply = { 0 };

	if (passed_fd >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		control.header = (struct cmsghdr){ CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
		memcpy(CMSG_DATA(&control.header), &passed_fd, sizeof(int));
	}
	assert_int_equal(sendmsg(client.fd, &message, 0), n_bytes);
	assert_int_equal(recv(client.fd, &reply, sizeof(reply), 0), sizeof(reply));
	assert_true(memchr(reply.text, '\0', sizeof(reply.text)));
	return reply.result;
}

static const struct opener_request good = {
	.magic = OPENER_MAGIC,
	.kind = OPENER_PROBE,
	.i_event = 1,
	.cpu = 7,
};

static void test_opener_refuses_what_is_no_request(void **state)
{
	struct fixture *f = *state;
	struct client client = start_client(f);
	struct opener_request request = good;
	char large[4096] = { 0 };

	memcpy(large, &good, sizeof(good));
	assert_int_equal(say(client, large, sizeof(good) - 1, -1), -EBADMSG);
	assert_int_equal(say(client, large, 1, -1), -EBADMSG);
	assert_int_equal(say(client, large, sizeof(good) + 1, -1), -EBADMSG);
	assert_int_equal(say(client, large, sizeof(large), -1), -EBADMSG);
#define REFUSED(field, value)                                                                      \
	request = good;                                                                            \
	request.field = (value);                                                                   \
	assert_int_equal(say(client, &request, sizeof(request), -1), -EBADMSG)
	REFUSED(magic, OPENER_MAGIC + 1);
	REFUSED(kind, OPENER_HELLO);
	REFUSED(kind, N_OPENER_KINDS);
	REFUSED(kind, UINT32_MAX);
	REFUSED(i_event, 2);
	REFUSED(i_event, OPENER_EVENTS_MAX);
	REFUSED(i_event, UINT32_MAX);
	REFUSED(cpu, 8);
	REFUSED(cpu, INT32_MAX + 1u);
	REFUSED(cpu, UINT32_MAX);
	REFUSED(zero, 1);
	REFUSED(kind, OPENER_KALLSYMS); /* with an event and a CPU */
#undef REFUSED
	assert_int_equal(f->kernel->n_opens, 0);
	assert_int_equal(say(client, &good, sizeof(good), -1), 0);
	assert_int_equal(f->kernel->n_opens, 1);
	end_client(client);
}

static void test_opener_takes_no_descriptors(void **state)
{
	struct fixture *f = *state;
	struct client client = start_client(f);
	int n_before = count_fds(client.pid);

	for (int i = 0; i < 20; i++)
		assert_int_equal(say(client, &good, sizeof(good), 0), 0);
	assert_int_equal(count_fds(client.pid), n_before);
	end_client(client);
}

static void test_opener_random_requests_open_only_what_is_in_the_table(void **state)
{
	struct fixture *f = *state;
	struct client client = start_client(f);
	struct opener_request request;
	uint8_t *bytes = (uint8_t *)&request;
	int n_before = count_fds(client.pid);
	uint32_t random = 1;

	for (int i = 0; i < 20000; i++) {
		request = good;
		random = random * 1664525 + 1013904223;
		request.kind = random >> 24 & 7;
		request.i_event = random >> 20 & 3;
		request.cpu = random >> 16 & 15;
		if (random >> 10 & 1)
			bytes[(random >> 11) % sizeof(request)] ^=
				(uint8_t)(1 << (random >> 8 & 3));
		if (say(client, &request, sizeof(request), -1) != 0)
			continue;
		assert_int_equal(request.magic, OPENER_MAGIC);
		assert_true(request.i_event < 2 && request.cpu < 8);
	}
	assert_int_equal(say(client, &good, sizeof(good), -1), 0); /* the last one is closed now */
	assert_true(f->kernel->n_opens > 300);
	assert_int_equal(f->kernel->n_opens, f->kernel->n_closes);
	assert_int_equal(count_fds(client.pid), n_before);
	end_client(client);
}

static void test_opener_flood_without_reading_answers_is_waited_out(void **state)
{
	struct fixture *f = *state;
	struct client client = start_client(f);

	while (send(client.fd, &good, sizeof(good), MSG_DONTWAIT) == sizeof(good))
		;
	usleep(50000);
	end_client(client);
}

static void test_opener_reply_read_checks_what_it_uses(void **state)
{
	struct opener_reply reply = { .magic = OPENER_MAGIC, .kind = OPENER_OPEN }, read;

	memset(reply.text, 'x', sizeof(reply.text));
	assert_int_equal(opener_reply_read(&reply, sizeof(reply), &read, NULL), 0);
	assert_int_equal(strlen(read.text), sizeof(read.text) - 1);
	assert_int_equal(opener_reply_read(&reply, sizeof(reply) - 1, &read, NULL), -EBADMSG);
	reply.kind = N_OPENER_KINDS;
	assert_int_equal(opener_reply_read(&reply, sizeof(reply), &read, NULL), -EBADMSG);
	reply.kind = 0;
	reply.magic = 0;
	assert_int_equal(opener_reply_read(&reply, sizeof(reply), &read, NULL), -EBADMSG);
}

/* the kernel that runs here */

static struct perf_event_attr cpu_clock(void)
{
	return (struct perf_event_attr){
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(struct perf_event_attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = 1000003,
		.sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TIME | PERF_SAMPLE_PERIOD,
		.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING |
			       PERF_FORMAT_LOST,
		.disabled = 1,
		.exclude_user = 1,
		.wakeup_events = 1,
	};
}

static bool may_open_events(void)
{
	struct perf_event_attr attr = cpu_clock();
	int fd = open_calls_kernel.open_event(NULL, &attr, 0);

	if (fd >= 0)
		close(fd);
	return fd >= 0 || fd == -EINVAL;
}

static void use_this_kernel(struct fixture *f, struct opener_event *event)
{
	*event = (struct opener_event){ .wanted = cpu_clock() };
	f->config.events = event;
	f->config.n_events = 1;
	f->config.n_cpus = 1;
	f->config.calls = NULL;
	f->config.n_calls_need = 0;
	f->config.facts.mlock_kib = 516;
	assert_int_equal(open_facts_read("/proc", &f->config.facts, NULL), 0);
}

static int direct_open(void)
{
	struct perf_event_attr attr = cpu_clock();
	int fd = open_calls_kernel.open_event(NULL, &attr, 0);

	if (fd >= 0)
		close(fd);
	return fd;
}

/* What is sampled is CPU 0: be there. Where that is not allowed, others have to run on it. */
static void run_on_cpu_0(void)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	(void)sched_setaffinity(0, sizeof(cpus), &cpus);
}

/* Samples of CPU 0 arrive in a ring that is mapped by who did not open the event. */
static bool gets_samples(int fd, const struct open_facts *facts)
{
	const struct open_calls *calls = &open_calls_kernel;
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	struct perf_event_mmap_page *control;
	uint64_t values[4] = { 0 };
	struct open_ring ring;
	bool has_samples;

	if (open_map_ring(calls, fd, 4, 1, facts, &ring, NULL) != 0)
		return false;
	control = ring.memory;
	if (calls->control(NULL, fd, PERF_EVENT_IOC_ENABLE, 0) != 0)
		return false;
	for (int i = 0; i < 5000 && control->data_head == 0; i++) {
		/* kernel code to be sampled */
		for (int j = 0; j < 2000; j++)
			(void)syscall(SYS_getppid);
		(void)poll(&ready, 1, 1);
	}
	has_samples = control->data_head > 0 && calls->read(NULL, fd, values, 32) >= 24;
	open_unmap_ring(calls, &ring);
	return has_samples && values[1] > 0;
}

static bool shows_addresses(int fd)
{
	char text[4096];
	ssize_t n = read(fd, text, sizeof(text) - 1);
	const char *line = text;

	text[n > 0 ? n : 0] = '\0';
	for (; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strtoull(line, NULL, 16) != 0)
			return true;
	}
	return false;
}

/*
 * What main does: start as root, or as a user with a capability (AmbientCapabilities=), fork the
 * opener, give everything up.
 */
static int daemon_without_rights(void *context)
{
	struct fixture *f = context;
	struct opener_event event;
	struct open_form form;
	struct sandbox_facts facts;
	bool sees_addresses = shows_addresses(open("/proc/kallsyms", O_RDONLY));
	bool is_root = geteuid() == 0;
	int fd;

	use_this_kernel(f, &event);
	f->config.user = &nobody;
	expect(opener_start(&f->config, &f->opener, &f->problem) == 0);
	expect(sandbox_drop(&nobody, &f->problem) == 0);
	expect(sandbox_read("/proc", &facts, &f->problem) == 0);
	expect(sandbox_verify(&facts, &f->problem));
	expect((facts.caps_permitted | facts.caps_effective | facts.caps_inheritable |
		facts.caps_ambient) == 0);
	expect(!is_root || facts.caps_bounding == 0);
	expect(f->config.facts.paranoid < 2 || direct_open() == -EACCES);
	expect(opener_probe(f->opener, 0, 0, &form, &f->problem) == 0);
	expect(opener_open(f->opener, 0, 0, &fd, &f->problem) == 0);
	run_on_cpu_0();
	expect(gets_samples(fd, &f->config.facts));
	expect(opener_open_kallsyms(f->opener, &fd, &f->problem) == 0);
	expect(shows_addresses(fd) == sees_addresses);
	expect(!shows_addresses(open("/proc/kallsyms", O_RDONLY)));
	expect(sandbox_filter(&f->problem) == 0);
	expect(direct_open() == -EPERM);
	expect(opener_open(f->opener, 0, 0, &fd, &f->problem) == 0);
	expect(gets_samples(fd, &f->config.facts));
	/* same user, but what has rights cannot be reached */
	expect(open("/proc/self/mem", O_RDWR) >= 0 || errno == EACCES);
	expect(kill(opener_pid(f->opener), 0) == 0);
	opener_free(f->opener);
	return 0;
}

static void test_opener_serves_a_daemon_without_rights(void **state)
{
	if (!may_open_events())
		skip_because("this user may not open events");
	assert_int_equal(in_child(daemon_without_rights, *state), 0);
}

static int try_to_reach_opener(void *context)
{
	struct fixture *f = context;
	char path[64];

	f->config.user = &nobody;
	expect(opener_start(&f->config, &f->opener, &f->problem) == 0);
	expect(sandbox_drop(&nobody, &f->problem) == 0);
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)opener_pid(f->opener));
	expect(open(path, O_RDWR) == -1);
	snprintf(path, sizeof(path), "/proc/%d/fd/3", (int)opener_pid(f->opener));
	expect(open(path, O_RDONLY) == -1);
	expect(syscall(SYS_ptrace, 16 /* PTRACE_ATTACH */, opener_pid(f->opener), 0, 0) == -1);
	expect(syscall(SYS_pidfd_getfd, opener_pid_fd(f->opener), 3, 0) == -1);
	opener_free(f->opener);
	return 0;
}

static void test_opener_cannot_be_reached_by_the_daemon(void **state)
{
	if (geteuid() != 0)
		skip_because("not root");
	assert_int_equal(in_child(try_to_reach_opener, *state), 0);
}

static void test_opener_open_does_not_hold_the_loop_up(void **state)
{
	struct fixture *f = *state;
	struct opener_event event;
	struct open_form form;
	uint64_t start_ms, worst_ms = 0, took_ms;
	int fd;

	if (!may_open_events())
		skip_because("this user may not open events");
	use_this_kernel(f, &event);
	start(f);
	assert_int_equal(opener_probe(f->opener, 0, 0, &form, &f->problem), 0);
	for (int i = 0; i < 200; i++) {
		start_ms = now_ms();
		assert_int_equal(opener_open(f->opener, 0, 0, &fd, &f->problem), 0);
		took_ms = now_ms() - start_ms;
		worst_ms = took_ms > worst_ms ? took_ms : worst_ms;
		close(fd);
	}
	/* not an assertion: a machine that does other things may take longer */
	printf("the slowest of 200 requests took %u ms, the opener's CPU time was %u us\n",
	       (unsigned int)worst_ms, (unsigned int)(opener_cpu_ns(f->opener) / 1000));
}

#define opener_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		opener_test(test_opener_probe_brings_the_form_that_is_opened),
		opener_test(test_opener_opens_no_event_before_it_was_probed),
		opener_test(test_opener_refusals_come_with_their_sentence),
		opener_test(test_opener_sentence_is_of_its_own_capabilities),
		opener_test(test_opener_hands_out_files_at_their_start),
		opener_test(test_opener_without_the_files_says_so),
		opener_test(test_opener_takes_kallsyms_from_standard_input),
		opener_test(test_opener_takes_no_other_file_from_standard_input),
		opener_test(test_opener_takes_no_file_of_that_name_from_standard_input),
		opener_test(test_opener_daemon_without_descriptors_is_told),
		opener_test(test_opener_keeps_one_capability_and_few_descriptors),
		opener_test(test_opener_caps_follow_the_paranoid_level),
		opener_test(test_opener_survives_signals_and_ends_with_the_socket),
		opener_test(test_opener_that_was_killed_is_told),
		opener_test(test_opener_killed_amid_a_request_is_told),
		opener_test(test_opener_dies_of_a_system_call_that_it_does_not_need),
		opener_test(test_opener_that_hangs_is_not_waited_for_twice),
		opener_test(test_opener_ends_with_its_parent),
		opener_test(test_opener_bad_config_starts_nothing),
		opener_test(test_opener_refuses_what_is_no_request),
		opener_test(test_opener_takes_no_descriptors),
		opener_test(test_opener_random_requests_open_only_what_is_in_the_table),
		opener_test(test_opener_flood_without_reading_answers_is_waited_out),
		opener_test(test_opener_reply_read_checks_what_it_uses),
		opener_test(test_opener_serves_a_daemon_without_rights),
		opener_test(test_opener_cannot_be_reached_by_the_daemon),
		opener_test(test_opener_open_does_not_hold_the_loop_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
