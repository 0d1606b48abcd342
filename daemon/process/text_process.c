/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What surrounds text_server.c: where its descriptors come from, which rights it has (none, when
 * the first request comes), and when it ends: with the connection, or with who forked it.
 */
#include "text_process.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "asker.h"
#include "base/problem.h"
#include "child.h"
#include "filter.h"
#include "sandbox.h"

#define START_MS 5000u
#define STOP_MS 1000
/* Once a second is often enough for modules that come and go. */
#define LOOK_NS 1000000000ull

/* serving */

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t) < 0)
		return 0;
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* -1: none came. More than one is closed by the kernel: there is room for one. */
static int take_fd(struct msghdr *message)
{
	int fd = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
		    c->cmsg_len == CMSG_LEN(sizeof(fd)))
			memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

/* Bytes; 0: the end of the connection, or nobody has asked for too long; -errno. */
static ssize_t receive(int socket_fd, void *bytes, size_t n_bytes, int *ret_fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { bytes, n_bytes };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t n;

	do
		n = recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN || errno == ECONNRESET ? 0 : -errno;
	*ret_fd = take_fd(&message);
	return n;
}

/* False: nobody is there to be answered. */
static bool send_reply(int socket_fd, struct text_reply *reply, size_t n_bytes)
{
	struct iovec iov = { reply, n_bytes };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	reply->cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	while (sendmsg(socket_fd, &message, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return false;
	return true;
}

static int serve(struct text_server *server, int socket_fd)
{
	_Alignas(8) uint8_t reply[TEXT_REPLY_BYTES_MAX];
	uint8_t bytes[sizeof(struct text_request) + 1]; /* a longer one is seen to be */

	for (;;) {
		int fd = -1;
		ssize_t n = receive(socket_fd, bytes, sizeof(bytes), &fd);
		size_t n_reply;

		if (n <= 0)
			return (int)n;
		n_reply = text_server_answer(server, bytes, (size_t)n, fd,
					     clock_ns(CLOCK_MONOTONIC), reply);
		if (!send_reply(socket_fd, (struct text_reply *)reply, n_reply))
			return 0;
	}
}

static int limit_waiting(int fd, unsigned int seconds)
{
	const struct timeval limit = { .tv_sec = seconds };
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
		return -errno;
	return 0;
}

static int keep_files(const struct text_files *files, int socket_fd, struct problem *problem)
{
	const int wanted[] = { socket_fd, files->kcore_fd, files->kallsyms_fd,
			       files->modules.list_fd, files->modules.folders_fd };
	int kept[array_size(wanted)];
	size_t n = 0;

	for (size_t i = 0; i < array_size(wanted); i++)
		if (wanted[i] >= 0)
			kept[n++] = wanted[i];
	return child_close_but(kept, n, problem);
}

/* The kernel's headers are read without rights, too. */
static int begin(const struct text_server_config *config, struct text_server **ret_server,
		 struct problem *problem)
{
	int r = filter_load(FILTER_TEXT, NULL, 0, problem);

	return r < 0 ? r : text_server_new(config, ret_server, problem);
}

int text_serve(int connection_fd, const struct text_service *service, struct problem *problem)
{
	struct text_server *server cleanup(text_server_cleanup) = NULL;
	int r = asker_check(connection_fd, service->peer_uid, "live text", problem);

	(void)prctl(PR_SET_NAME, "autofdod-text", 0, 0, 0);
	(void)setlocale(LC_ALL, "C"); /* or strerror() would open catalogues later */
	if (r == 0)
		r = keep_files(&service->config.files, connection_fd, problem);
	if (r < 0)
		return r;
	r = limit_waiting(connection_fd, service->idle_s_max);
	if (r < 0)
		return problem_set(problem, r, "live text: not a connection: %s", strerror(-r));
	r = sandbox_drop(NULL, problem);
	if (r == 0)
		r = begin(&service->config, &server, problem);
	if (r == 0)
		r = serve(server, connection_fd);
	if (r < 0 && !problem->text[0])
		problem_set(problem, r, "live text: receive: %s", strerror(-r));
	return r;
}

/* forked: the process */

struct text_process {
	pid_t pid; /* 0: has ended and was waited for */
	pid_t first_pid;
	int pid_fd;
};

static int say_hello(int socket_fd, int result, const struct problem *problem)
{
	struct text_reply hello = {
		.magic = TEXT_REPLY_MAGIC,
		.kind = TEXT_HELLO,
		.result = result,
	};

	memcpy(hello.text, problem->text, sizeof(hello.text));
	return send_reply(socket_fd, &hello, sizeof(hello)) ? 0 : -EPIPE;
}

static int prepare(const struct text_process_config *config,
		   const struct text_server_config *server_config, int socket_fd, pid_t parent_pid,
		   struct text_server **ret_server, struct problem *problem)
{
	int r = keep_files(&server_config->files, socket_fd, problem);

	if (r == 0)
		r = sandbox_drop(config->user, problem);
	if (r < 0)
		return r;
	r = child_follow_parent(parent_pid);
	if (r < 0)
		return problem_set(problem, r, "live text: follow its parent: %s", strerror(-r));
	return begin(server_config, ret_server, problem);
}

_Noreturn static void run(const struct text_process_config *config,
			  const struct text_server_config *server_config, int socket_fd,
			  pid_t parent_pid)
{
	struct text_server *server = NULL;
	struct problem problem = { "" };
	int r;

	(void)prctl(PR_SET_NAME, "autofdod-text", 0, 0, 0);
	(void)setlocale(LC_ALL, "C");
	r = prepare(config, server_config, socket_fd, parent_pid, &server, &problem);
	if (say_hello(socket_fd, r, &problem) < 0 || r < 0)
		_exit(1);
	_exit(serve(server, socket_fd) < 0);
}

/* forked: its parent */

/* -errno. */
static int open_below(const char *root, const char *name)
{
	int dir_fd cleanup(close_cleanup) = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd;

	if (dir_fd < 0)
		return -errno;
	fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	return fd < 0 ? -errno : fd;
}

static void close_files(struct text_files *files)
{
	close_cleanup(&files->kcore_fd);
	close_cleanup(&files->kallsyms_fd);
	close_cleanup(&files->modules.list_fd);
	close_cleanup(&files->modules.folders_fd);
}

static int open_files(const struct text_process_config *config, struct text_files *files,
		      struct problem *problem)
{
	const char *root = config->proc_root ? config->proc_root : "/proc";

	files->kcore_fd = open_below(root, "kcore");
	if (files->kcore_fd < 0)
		return problem_set(problem, TEXT_PROCESS_E_REFUSED, "live text: open %s/kcore: %s",
				   root, strerror(-files->kcore_fd));
	files->kallsyms_fd = open_below(root, "kallsyms");
	if (files->kallsyms_fd < 0)
		return problem_set(problem, TEXT_PROCESS_E_REFUSED,
				   "live text: open %s/kallsyms: %s", root,
				   strerror(-files->kallsyms_fd));
	files->modules.list_fd = open_below(root, "modules");
	files->modules.folders_fd =
		open(config->modules_root ? config->modules_root : "/sys/module",
		     O_PATH | O_DIRECTORY | O_CLOEXEC);
	return 0;
}

static int fork_server(struct text_process *process, const struct text_process_config *config,
		       const struct text_server_config *server_config, int *ret_fd)
{
	pid_t own_pid = getpid();
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	process->pid = child_fork();
	if (process->pid == 0)
		run(config, server_config, fds[1], own_pid);
	close(fds[1]);
	*ret_fd = fds[0];
	if (process->pid < 0) {
		process->pid = 0;
		return -errno;
	}
	process->first_pid = process->pid;
	process->pid_fd = (int)syscall(SYS_pidfd_open, process->pid, 0);
	return process->pid_fd < 0 ? -errno : 0;
}

static int await_hello(int fd, unsigned int timeout_ms, struct problem *problem)
{
	const struct text_request nothing = { .kind = TEXT_HELLO };
	struct pollfd readable = { .fd = fd, .events = POLLIN };
	struct text_reply hello;
	const uint8_t *pages;
	ssize_t n;
	int r;

	if (poll(&readable, 1, (int)timeout_ms) == 0)
		return problem_set(problem, -ETIMEDOUT,
				   "live text: its process did not start within %u ms", timeout_ms);
	n = recv(fd, &hello, sizeof(hello), MSG_DONTWAIT);
	if (n <= 0)
		return problem_set(problem, -EPIPE, "live text: its process did not start");
	r = text_reply_read(&hello, (size_t)n, &nothing, &hello, &pages, problem);
	if (r == 0 && hello.result != 0)
		r = problem_set(problem, hello.result < 0 ? hello.result : -EIO, "%s", hello.text);
	return r;
}

static int start(struct text_process *process, const struct text_process_config *config,
		 const struct text_server_config *server_config, int *fd, struct problem *problem)
{
	int r = fork_server(process, config, server_config, fd);

	if (r < 0)
		return problem_set(problem, r, "live text: start its process: %s", strerror(-r));
	return await_hello(*fd, config->timeout_ms ? config->timeout_ms : START_MS, problem);
}

int text_process_start(const struct text_process_config *config, struct text_process **ret_process,
		       int *ret_fd, struct problem *problem)
{
	struct text_server_config server_config = {
		.files = { -1, -1, { -1, -1 } },
		.page_bytes = config->page_bytes,
		.look_ns = LOOK_NS,
	};
	struct text_process *process = calloc(1, sizeof(*process));
	int fd = -1;
	int r;

	if (!process)
		return problem_set(problem, -ENOMEM, "live text: out of memory");
	process->pid_fd = -1;
	r = open_files(config, &server_config.files, problem);
	if (r == 0)
		r = start(process, config, &server_config, &fd, problem);
	close_files(&server_config.files);
	if (r != 0) {
		close_cleanup(&fd);
		text_process_free(process);
		return r;
	}
	*ret_process = process;
	*ret_fd = fd;
	return 0;
}

static bool reap(struct text_process *process)
{
	pid_t pid;

	if (process->pid == 0)
		return true;
	pid = waitpid(process->pid, NULL, WNOHANG);
	if (pid == 0 || (pid < 0 && errno == EINTR))
		return false;
	process->pid = 0;
	return true;
}

static bool wait_for_end(struct text_process *process)
{
	struct pollfd ended = { .fd = process->pid_fd, .events = POLLIN };

	if (reap(process))
		return true;
	(void)poll(&ended, 1, STOP_MS);
	return reap(process);
}

void text_process_free(struct text_process *process)
{
	if (!process)
		return;
	if (!wait_for_end(process)) {
		kill(process->pid, SIGKILL);
		(void)wait_for_end(process);
	}
	close_cleanup(&process->pid_fd);
	free(process);
}

pid_t text_process_pid(const struct text_process *process)
{
	return process->first_pid;
}
