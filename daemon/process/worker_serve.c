/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon has no right to kill this process: it closes the connection instead, or ends itself.
 * So the kernel is asked to send SIGKILL when the peer hangs up (fcntl(2), F_SETSIG;
 * unix_shutdown() and unix_release_sock() of net/unix/af_unix.c, Linux 6.12), which also ends a job
 * that hangs, or a process that is stopped.
 */
#include "worker_serve.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>
#include "asker.h"
#include "child.h"
#include "filter.h"
#include "sandbox.h"
#include "worker_child.h"
#include "worker_limits.h"
#include "worker_message.h"

/* The request was sent with the connection: who comes later is no daemon of ours. */
#define REQUEST_S_MAX 30

/* What came, once it was looked at. */
struct served {
	int fd; /* of the connection */
	struct worker_request request;
	struct worker_config config;
	int fds[WORKER_FDS_MAX]; /* the result's first */
	size_t n_fds;
	_Alignas(8) char bytes[sizeof(struct worker_request) + WORKER_JOB_BYTES_MAX];
};

/* the request */

static void take_fds(struct msghdr *message, struct served *served)
{
	for (struct cmsghdr *h = CMSG_FIRSTHDR(message); h; h = CMSG_NXTHDR(message, h)) {
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		served->n_fds = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(served->fds, CMSG_DATA(h), served->n_fds * sizeof(int));
	}
}

static int receive(struct served *served, size_t *ret_n_bytes, struct problem *problem)
{
	const struct timeval timeout = { .tv_sec = REQUEST_S_MAX };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(WORKER_FDS_MAX * sizeof(int))];
	} control = { 0 };
	struct iovec part = { served->bytes, sizeof(served->bytes) };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	int flags = fcntl(served->fd, F_GETFL);
	ssize_t n;

	if (flags < 0 || fcntl(served->fd, F_SETFL, flags & ~O_NONBLOCK) < 0 ||
	    setsockopt(served->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0)
		return problem_set(problem, -errno, "worker: not a connection: %s",
				   strerror(errno));
	do
		n = recvmsg(served->fd, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return problem_set(problem, -ETIMEDOUT, "worker: was not asked for anything");
	if (n < 0)
		return problem_set(problem, -errno, "worker: receive a request: %s",
				   strerror(errno));
	take_fds(&message, served);
	if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		return problem_set(problem, -EBADMSG, "worker: a request that is too long");
	*ret_n_bytes = (size_t)n;
	return 0;
}

/* As worker.c makes it; then a result that does not fit is an error and no signal. */
static int check_result_fd(const struct served *served, struct problem *problem)
{
	struct stat st;

	if (fstat(served->fds[0], &st) < 0 || !S_ISREG(st.st_mode) ||
	    (uint64_t)st.st_size != worker_result_file_bytes(served->config.result_bytes))
		return problem_set(problem, -EBADMSG,
				   "worker: the first descriptor is not for its result");
	return 0;
}

static int read_request(struct served *served, const struct worker_service *service,
			struct problem *problem)
{
	const void *job = NULL;
	size_t n_bytes = 0;
	int r = receive(served, &n_bytes, problem);

	if (r == 0)
		r = worker_request_read(served->bytes, n_bytes, served->n_fds, &served->request,
					&job, problem);
	if (r < 0)
		return r;
	served->config = (struct worker_config){
		.memory_bytes = served->request.memory_bytes,
		.mapped_bytes = served->request.mapped_bytes,
		.result_bytes = served->request.result_bytes,
		.cpu_s_max = served->request.cpu_s_max,
		.is_urgent = served->request.is_urgent,
	};
	r = check_result_fd(served, problem);
	if (r < 0)
		return r;
	return service->take(service->context, job, served->request.n_job_bytes, served->fds + 1,
			     served->n_fds - 1, problem);
}

/* answers */

static uint64_t ns_of(const struct timeval *t)
{
	return (uint64_t)t->tv_sec * 1000000000u + (uint64_t)t->tv_usec * 1000u;
}

static int answer(int fd, struct worker_answer what)
{
	ssize_t n;

	what.magic = WORKER_ANSWER_MAGIC;
	do
		n = write(fd, &what, sizeof(what));
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

static int refuse(int fd, int code, struct problem *problem)
{
	struct worker_answer what = { .kind = WORKER_ENDED, .code = code };

	memcpy(what.text, problem->text, sizeof(what.text));
	(void)answer(fd, what);
	return code;
}

static struct worker_answer ended(int r)
{
	struct worker_answer what = { .kind = WORKER_ENDED, .has_result = r == 0, .code = r };
	struct rusage usage = { 0 };

	(void)getrusage(RUSAGE_SELF, &usage);
	what.cpu_ns = ns_of(&usage.ru_utime) + ns_of(&usage.ru_stime);
	what.rss_bytes_max = (uint64_t)usage.ru_maxrss << 10;
	if (r < 0)
		snprintf(what.text, sizeof(what.text), "worker: leave its result: %s",
			 strerror(-r));
	return what;
}

/* the process */

/* If it has hung up before, it cannot be told that work has begun. */
static int die_with(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETOWN, getpid()) < 0 || fcntl(fd, F_SETSIG, SIGKILL) < 0 ||
	    fcntl(fd, F_SETFL, flags | O_ASYNC) < 0)
		return -errno;
	return 0;
}

/* What is left is to exit: that the daemon hangs up on an answer is no reason to be killed. */
static void outlive(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0)
		(void)fcntl(fd, F_SETFL, flags & ~O_ASYNC);
}

static int prepare(const struct served *served, uint32_t *ret_without, struct problem *problem)
{
	int kept[WORKER_FDS_MAX + 1] = { served->fd };
	int r;

	(void)prctl(PR_SET_NAME, "autofdod-worker", 0, 0, 0);
	memcpy(kept + 1, served->fds, served->n_fds * sizeof(int));
	*ret_without = worker_step_back(&served->config);
	r = child_close_but(kept, served->n_fds + 1, problem);
	if (r < 0)
		return r;
	r = worker_limit(&served->config);
	if (r < 0)
		return problem_set(problem, r, "worker: set its limits: %s", strerror(-r));
	r = sandbox_drop(NULL, problem);
	return r < 0 ? r : filter_load(FILTER_WORKER, NULL, 0, problem);
}

static int work(const struct served *served, const struct worker_service *service,
		struct problem *problem)
{
	uint32_t without = 0;
	int r = prepare(served, &without, problem);

	r = worker_child_work(&served->config, service->job, service->context, served->fds[0],
			      without, r, problem);
	outlive(served->fd);
	r = answer(served->fd, ended(r));
	return r < 0 ? problem_set(problem, r, "worker: answer: %s", strerror(-r)) : 0;
}

int worker_serve(int connection_fd, const struct worker_service *service, struct problem *problem)
{
	struct served served = { .fd = connection_fd };
	int r;

	(void)signal(SIGPIPE, SIG_IGN);
	r = asker_check(connection_fd, service->peer_uid, "worker", problem);
	if (r == 0)
		r = read_request(&served, service, problem);
	if (r < 0)
		return refuse(connection_fd, r, problem);
	r = die_with(connection_fd);
	if (r == 0)
		r = answer(connection_fd, (struct worker_answer){ .kind = WORKER_BEGUN });
	if (r < 0)
		return problem_set(problem, r, "worker: its daemon has gone: %s", strerror(-r));
	return work(&served, service, problem);
}
