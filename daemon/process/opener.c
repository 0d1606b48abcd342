/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's end. One request is under way at a time; if its reply did not come in time, it may
 * still come: until it has, further requests fail at once instead of waiting each in turn.
 */
#include "opener.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "child.h"
#include "opener_child.h"
#include "opener_protocol.h"

#define STOP_MS 1000 /* to end by itself, and again when killed */

struct opener {
	pid_t pid; /* 0: has ended and was waited for */
	pid_t first_pid;
	int pid_fd, socket_fd; /* -1: none */
	int status;	       /* of waitpid(), if pid is 0 */
	uint32_t serial;       /* of the last request */
	bool is_owed;	       /* its reply */
	unsigned int timeout_ms;
	size_t n_events;
	uint64_t cpu_ns, caps;
};

/* its end */

/* Whether it has ended by now. */
static bool reap(struct opener *opener)
{
	pid_t pid;

	if (opener->pid == 0)
		return true;
	pid = waitpid(opener->pid, &opener->status, WNOHANG);
	if (pid == 0 || (pid < 0 && errno == EINTR))
		return false;
	if (pid < 0) /* somebody else waited for it */
		opener->status = 0;
	opener->pid = 0;
	return true;
}

static bool wait_for_end(struct opener *opener)
{
	struct pollfd ended = { .fd = opener->pid_fd, .events = POLLIN };

	if (reap(opener))
		return true;
	(void)poll(&ended, 1, STOP_MS);
	return reap(opener);
}

static int explain_end(struct opener *opener, struct problem *problem)
{
	static const char what_now[] = "CPUs that come are not sampled until autofdod is restarted";

	if (opener->pid == 0 && WIFSIGNALED(opener->status))
		return problem_set(problem, -EPIPE, "opener: was killed by signal %d (%s): %s",
				   WTERMSIG(opener->status), strsignal(WTERMSIG(opener->status)),
				   what_now);
	if (opener->pid == 0)
		return problem_set(problem, -EPIPE, "opener: has ended with status %d: %s",
				   WEXITSTATUS(opener->status), what_now);
	return problem_set(problem, -EPIPE, "opener: does not listen any more: %s", what_now);
}

/* The socket is closed a moment before the process can be waited for. */
static int on_hang_up(struct opener *opener, struct problem *problem)
{
	(void)wait_for_end(opener);
	return explain_end(opener, problem);
}

static int take_fd(struct msghdr *message)
{
	int fd = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
		    c->cmsg_len == CMSG_LEN(sizeof(fd)))
			memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

/* 0, *fd -1 for none; -EAGAIN: not in time; -EPIPE, -EBADMSG and other errors with a sentence. */
static int receive(struct opener *opener, int flags, struct opener_reply *reply, int *fd,
		   struct problem *problem)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	unsigned char bytes[sizeof(*reply) + 1];
	struct iovec iov = { bytes, sizeof(bytes) };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	int received_fd;
	ssize_t n;
	int r;

	do
		n = recvmsg(opener->socket_fd, &message, MSG_CMSG_CLOEXEC | flags);
	while (n < 0 && errno == EINTR);
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return on_hang_up(opener, problem);
	if (n < 0 && errno == EAGAIN)
		return -EAGAIN;
	if (n < 0)
		return problem_set(problem, -errno, "opener: receive: %s", strerror(errno));
	received_fd = take_fd(&message);
	r = opener_reply_read(bytes, (size_t)n, reply, problem);
	if (r < 0) {
		close_cleanup(&received_fd);
		return r;
	}
	opener->cpu_ns = reply->cpu_ns;
	*fd = received_fd;
	return 0;
}

/* lifecycle */

static int check_config(const struct opener_config *config, struct problem *problem)
{
	if (config->n_events == 0 || config->n_events > OPENER_EVENTS_MAX || config->n_cpus == 0)
		return problem_set(problem, -EINVAL, "opener: %zu events on %u CPUs: not 1 to %u",
				   config->n_events, config->n_cpus, OPENER_EVENTS_MAX);
	return 0;
}

static int limit_waiting(int fd, unsigned int timeout_ms)
{
	struct timeval limit = { timeout_ms / 1000, (timeout_ms % 1000) * 1000L };

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
		return -errno;
	return 0;
}

/* The opener's end of the socket is in the opener only: its end is the end of the connection. */
static int fork_opener(struct opener *opener, const struct opener_config *config)
{
	pid_t own_pid = getpid();
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	opener->socket_fd = fds[0];
	opener->pid = child_fork();
	if (opener->pid == 0)
		opener_child_run(config, fds[1], own_pid);
	close(fds[1]);
	if (opener->pid < 0) {
		opener->pid = 0;
		return -errno;
	}
	opener->first_pid = opener->pid;
	opener->pid_fd = (int)syscall(SYS_pidfd_open, opener->pid, 0);
	if (opener->pid_fd < 0)
		return -errno;
	return limit_waiting(opener->socket_fd, opener->timeout_ms);
}

static int await_hello(struct opener *opener, struct problem *problem)
{
	struct opener_reply hello;
	int fd;
	int r = receive(opener, 0, &hello, &fd, problem);

	if (r == -EAGAIN)
		return problem_set(problem, -ETIMEDOUT, "opener: did not start within %u ms",
				   opener->timeout_ms);
	if (r < 0)
		return r;
	close_cleanup(&fd);
	if (hello.kind != OPENER_HELLO)
		return problem_set(problem, -EBADMSG, "opener: began with no greeting");
	if (hello.result != 0)
		return problem_set(problem, hello.result < 0 ? hello.result : -EIO, "%s",
				   hello.text);
	opener->caps = hello.caps;
	return 0;
}

int opener_start(const struct opener_config *config, struct opener **ret_opener,
		 struct problem *problem)
{
	struct opener *opener cleanup(opener_cleanup) = NULL;
	int r = check_config(config, problem);

	if (r < 0)
		return r;
	opener = calloc(1, sizeof(*opener));
	if (!opener)
		return problem_set(problem, -ENOMEM, "opener: out of memory");
	opener->pid_fd = opener->socket_fd = -1;
	opener->timeout_ms = config->timeout_ms ? config->timeout_ms : OPENER_TIMEOUT_MS;
	opener->n_events = config->n_events;
	r = fork_opener(opener, config);
	if (r < 0)
		return problem_set(problem, r, "opener: start: %s", strerror(-r));
	r = await_hello(opener, problem);
	if (r < 0)
		return r;
	*ret_opener = steal_ptr(opener);
	return 0;
}

void opener_free(struct opener *opener)
{
	if (!opener)
		return;
	if (opener->socket_fd >= 0)
		close(opener->socket_fd);
	if (!wait_for_end(opener)) {
		kill(opener->pid, SIGKILL);
		(void)wait_for_end(opener);
	}
	if (opener->pid_fd >= 0)
		close(opener->pid_fd);
	free(opener);
}

/* requests */

/* Takes the reply that was waited for in vain, if it has come. 0; -ETIMEDOUT; others. */
static int settle(struct opener *opener, struct problem *problem)
{
	struct opener_reply reply;
	int fd;
	int r;

	if (!opener->is_owed)
		return 0;
	r = receive(opener, MSG_DONTWAIT, &reply, &fd, problem);
	if (r == -EAGAIN)
		return problem_set(problem, -ETIMEDOUT,
				   "opener: has not answered the last request yet");
	if (r < 0)
		return r;
	close_cleanup(&fd);
	opener->is_owed = false;
	return 0;
}

static int send_request(struct opener *opener, enum opener_kind kind, size_t i_event,
			unsigned int cpu, struct problem *problem)
{
	const struct opener_request request = {
		.magic = OPENER_MAGIC,
		.kind = kind,
		.serial = ++opener->serial,
		.i_event = (uint32_t)i_event,
		.cpu = cpu,
	};
	ssize_t n;

	do
		n = send(opener->socket_fd, &request, sizeof(request), MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n == sizeof(request))
		return 0;
	if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
		return on_hang_up(opener, problem);
	return problem_set(problem, n < 0 ? -errno : -EIO, "opener: ask: %s",
			   strerror(n < 0 ? errno : EIO));
}

static int await_reply(struct opener *opener, struct opener_reply *reply, int *fd,
		       struct problem *problem)
{
	int r = receive(opener, 0, reply, fd, problem);

	if (r == -EAGAIN) {
		opener->is_owed = true;
		return problem_set(problem, -ETIMEDOUT, "opener: no answer within %u ms",
				   opener->timeout_ms);
	}
	if (r < 0)
		return r;
	if (reply->serial != opener->serial) {
		close_cleanup(fd);
		return problem_set(problem, -EBADMSG, "opener: answered request %u, not %u: %s",
				   reply->serial, opener->serial, reply->text);
	}
	return 0;
}

static int refuse_descriptors(struct problem *problem)
{
	struct rlimit limit = { 0 };

	(void)getrlimit(RLIMIT_NOFILE, &limit);
	return problem_set(problem, OPEN_E_LIMIT,
			   "too few file descriptors: the limit is %llu; raise LimitNOFILE=",
			   (unsigned long long)limit.rlim_cur);
}

/* Result 0: the descriptor must have come, or there was no room for it here. */
static int ask(struct opener *opener, enum opener_kind kind, size_t i_event, unsigned int cpu,
	       struct opener_reply *reply, int *ret_fd, struct problem *problem)
{
	int fd = -1;
	int r;

	assert(i_event < opener->n_events);
	r = settle(opener, problem);
	if (r == 0)
		r = send_request(opener, kind, i_event, cpu, problem);
	if (r == 0)
		r = await_reply(opener, reply, &fd, problem);
	if (r < 0)
		return r;
	if (reply->result == 0 && opener_kind_has_fd(kind) && fd < 0)
		return refuse_descriptors(problem);
	if (reply->result == 0 && opener_kind_has_fd(kind)) {
		*ret_fd = fd;
		return 0;
	}
	close_cleanup(&fd);
	if (reply->result != 0)
		problem_set(problem, 0, "%s", reply->text);
	return reply->result;
}

int opener_probe(struct opener *opener, size_t i_event, unsigned int cpu,
		 struct open_form *ret_form, struct problem *problem)
{
	struct opener_reply reply;
	int no_fd = -1;
	int r = ask(opener, OPENER_PROBE, i_event, cpu, &reply, &no_fd, problem);

	if (r != 0)
		return r;
	*ret_form = reply.form;
	return 0;
}

int opener_open(struct opener *opener, size_t i_event, unsigned int cpu, int *ret_fd,
		struct problem *problem)
{
	struct opener_reply reply;

	return ask(opener, OPENER_OPEN, i_event, cpu, &reply, ret_fd, problem);
}

int opener_open_kallsyms(struct opener *opener, int *ret_fd, struct problem *problem)
{
	struct opener_reply reply;

	return ask(opener, OPENER_KALLSYMS, 0, 0, &reply, ret_fd, problem);
}

int opener_open_modules(struct opener *opener, int *ret_fd, struct problem *problem)
{
	struct opener_reply reply;

	return ask(opener, OPENER_MODULES, 0, 0, &reply, ret_fd, problem);
}

static int source_open(void *context, size_t i_event, unsigned int cpu, int *ret_fd,
		       struct problem *problem)
{
	int r = opener_open(context, i_event, cpu, ret_fd, problem);

	if (r == -EPIPE)
		return OPEN_E_PERMISSION;
	return r == -ETIMEDOUT ? OPEN_E_BUSY : r;
}

struct sampler_source opener_source(struct opener *opener)
{
	return (struct sampler_source){
		.context = opener,
		.open = source_open,
		.calls = &open_calls_kernel,
	};
}

/* how it is */

int opener_pid_fd(const struct opener *opener)
{
	return opener->pid_fd;
}

pid_t opener_pid(const struct opener *opener)
{
	return opener->first_pid;
}

bool opener_is_alive(struct opener *opener, struct problem *problem)
{
	if (!reap(opener))
		return true;
	(void)explain_end(opener, problem);
	return false;
}

uint64_t opener_cpu_ns(const struct opener *opener)
{
	return opener->cpu_ns;
}

uint64_t opener_caps(const struct opener *opener)
{
	return opener->caps;
}
