/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker that somebody else starts for our connection, as another user, whom we have no right to
 * kill and whose end nobody tells us: the connection stands for the process. Its end is the
 * worker's, at either side.
 *
 * The result's memory is ours, so that its size is what we say, and the worker gets a descriptor to
 * write to it. Whatever it does with that: once we have sealed it against writing, nothing of it
 * changes any more, and if it cannot be sealed it is not read.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "worker_message.h"
#include "worker_private.h"

/* connecting */

static int set_address(const char *path, struct sockaddr_un *address, struct problem *problem)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(address->sun_path))
		return problem_set(problem, -ENAMETOOLONG, "worker: connect to %s: %s", path,
				   strerror(ENAMETOOLONG));
	strcpy(address->sun_path, path);
	return 0;
}

/* A place where no worker is to be had by us, now or after a while. */
static bool is_absence(int error)
{
	return error == ENOENT || error == ENOTDIR || error == ECONNREFUSED || error == EACCES ||
	       error == EPERM || error == EPROTOTYPE || error == ENOTSOCK;
}

/* EAGAIN: too many wait already. */
static int connect_to(const char *path, int *ret_fd, struct problem *problem)
{
	struct sockaddr_un address;
	int r = set_address(path, &address, problem), fd, error;

	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return problem_set(problem, -errno, "worker: make a socket: %s", strerror(errno));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		error = errno;
		close(fd);
		return problem_set(problem, is_absence(error) ? WORKER_E_ABSENT : -error,
				   "worker: connect to %s: %s", path, strerror(error));
	}
	*ret_fd = fd;
	return 0;
}

static struct worker_request request_of(const struct worker_config *config, size_t n_job_bytes)
{
	return (struct worker_request){
		.magic = WORKER_REQUEST_MAGIC,
		.n_job_bytes = (uint32_t)n_job_bytes,
		.version = AUTOFDOD_VERSION,
		.memory_bytes = config->memory_bytes,
		.mapped_bytes = config->mapped_bytes,
		.result_bytes = config->result_bytes,
		.cpu_s_max = config->cpu_s_max,
		.n_fds = (uint32_t)config->n_keep_fds + 1,
		.is_urgent = config->is_urgent,
	};
}

/* One packet, with the result's descriptor and those to keep. */
static int send_request(const struct worker *worker, const struct worker_config *config,
			const void *job_bytes, size_t n_job_bytes)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(WORKER_FDS_MAX * sizeof(int))];
	} control = { 0 };
	struct worker_request request = request_of(config, n_job_bytes);
	size_t n_fds_bytes = request.n_fds * sizeof(int);
	struct iovec parts[] = {
		{ &request, sizeof(request) },
		{ (void *)job_bytes, n_job_bytes },
	};
	struct msghdr message = {
		.msg_iov = parts,
		.msg_iovlen = array_size(parts),
		.msg_control = control.bytes,
		.msg_controllen = CMSG_SPACE(n_fds_bytes),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	char *fds = (char *)CMSG_DATA(header);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(n_fds_bytes);
	memcpy(fds, &worker->result_fd, sizeof(int));
	if (config->n_keep_fds > 0)
		memcpy(fds + sizeof(int), config->keep_fds, n_fds_bytes - sizeof(int));
	return sendmsg(worker->connection_fd, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int worker_connect(const struct worker_config *config, const char *path, const void *job_bytes,
		   size_t n_job_bytes, struct worker **ret_worker, struct problem *problem)
{
	struct worker *worker cleanup(worker_cleanup) = NULL;
	int r;

	if (config->n_keep_fds >= WORKER_FDS_MAX || n_job_bytes > WORKER_JOB_BYTES_MAX)
		return problem_set(problem, -E2BIG, "worker: a job of %zu bytes, %zu descriptors",
				   n_job_bytes, config->n_keep_fds);
	r = worker_new(config, &worker, problem);
	if (r == 0)
		r = connect_to(path, &worker->connection_fd, problem);
	if (r != 0)
		return r;
	r = send_request(worker, config, job_bytes, n_job_bytes);
	/* it has hung up already: what it said before is its end */
	if (r < 0 && r != -EPIPE && r != -ECONNRESET)
		return problem_set(problem, r, "worker: send a request to %s: %s", path,
				   strerror(-r));
	worker->is_running = true;
	*ret_worker = steal_ptr(worker);
	return 0;
}

/* ending */

/* As the crash of a fork is, or its being told to end. */
static void end_of_connection(const struct worker *worker, struct worker_end *end)
{
	if (worker->is_killed) {
		worker_set_killed(worker, 0, end);
	} else if (!worker->has_begun) {
		worker_set_end(end, WORKER_FAILED, 0);
		problem_set(&end->reason, 0,
			    "worker: was not started, or ended before it began: the journal of its "
			    "unit says why");
	} else {
		worker_set_end(end, WORKER_CRASHED, 0);
		problem_set(&end->reason, 0,
			    "worker: ended without an answer, perhaps for want of memory: the "
			    "journal of its unit says why");
	}
}

static int take_ended(const struct worker *worker, const struct worker_answer *answer,
		      struct worker_end *end, struct problem *problem)
{
	int r;

	end->cpu_ns = answer->cpu_ns;
	end->rss_bytes_max = answer->rss_bytes_max;
	if (!answer->has_result) {
		worker_set_end(end, answer->code == -ENOMEM ? WORKER_MEMORY : WORKER_FAILED,
			       answer->code);
		problem_set(&end->reason, 0, "%s",
			    answer->text[0] ? answer->text : "worker: failed and does not say why");
		return 0;
	}
	r = worker_take_result(worker, end, problem);
	if (r == -EBUSY || r == -EPERM) {
		worker_set_end(end, WORKER_MALFORMED, 0);
		problem_set(&end->reason, 0,
			    "worker: keeps its result from being sealed: it could still change it");
		return 0;
	}
	return r;
}

static int take_answer(struct worker *worker, const void *bytes, size_t n_bytes,
		       struct worker_end *end, struct problem *problem)
{
	struct worker_answer answer;
	int r = worker_answer_read(bytes, n_bytes, &answer, &end->reason);

	if (r == 0 && answer.kind == WORKER_BEGUN && !worker->has_begun) {
		worker->has_begun = true;
		return WORKER_E_RUNNING;
	}
	worker->is_running = false;
	if (r == 0 && answer.kind == WORKER_ENDED)
		return take_ended(worker, &answer, end, problem);
	worker_set_end(end, WORKER_MALFORMED, 0);
	if (r == 0)
		problem_set(&end->reason, 0, "worker: says twice that it has begun");
	return 0;
}

/* One packet at a time: the loop calls again. Descriptors that come along are closed, recv(2). */
int worker_finish_connection(struct worker *worker, struct worker_end *end, struct problem *problem)
{
	char bytes[sizeof(struct worker_answer) + 1];
	ssize_t n = recv(worker->connection_fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return WORKER_E_RUNNING;
	if (n < 0 && errno != ECONNRESET) {
		worker->is_running = false;
		return problem_set(problem, -errno, "worker: read its answer: %s", strerror(errno));
	}
	if (n > 0)
		return take_answer(worker, bytes, (size_t)n, end, problem);
	worker->is_running = false;
	end_of_connection(worker, end);
	return 0;
}
