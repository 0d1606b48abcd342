/* SPDX-License-Identifier: Apache-2.0 */
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "child.h"
#include "worker_child.h"
#include "worker_private.h"

/* lifecycle */

static int check_config(const struct worker_config *config, struct problem *problem)
{
	if (config->n_keep_fds > WORKER_KEEP_MAX)
		return problem_set(problem, -EINVAL, "worker: %zu descriptors, more than %u",
				   config->n_keep_fds, WORKER_KEEP_MAX);
	if (worker_result_file_bytes(config->result_bytes) == 0)
		return problem_set(problem, -EINVAL, "worker: a result of %llu bytes",
				   (unsigned long long)config->result_bytes);
	return 0;
}

/* Of fixed size: it can neither grow, nor shrink under the eyes of who has mapped it. */
static int open_result(uint64_t result_bytes, int *ret_fd)
{
	uint64_t n_bytes = worker_result_file_bytes(result_bytes);
	int fd = memfd_create("autofdod-worker", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)n_bytes) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

static int fork_worker(struct worker *worker, const struct worker_config *config, worker_job job,
		       void *context)
{
	pid_t own_pid = getpid();

	worker->pid = child_fork();
	if (worker->pid == 0)
		worker_child_run(config, job, context, worker->result_fd, own_pid);
	if (worker->pid < 0)
		return -errno;
	worker->is_running = true;
	worker->pid_fd = (int)syscall(SYS_pidfd_open, worker->pid, 0);
	return worker->pid_fd < 0 ? -errno : 0;
}

int worker_new(const struct worker_config *config, struct worker **ret_worker,
	       struct problem *problem)
{
	struct worker *worker cleanup(worker_cleanup) = NULL;
	int r = check_config(config, problem);

	if (r < 0)
		return r;
	worker = calloc(1, sizeof(*worker));
	if (!worker)
		return problem_set(problem, -ENOMEM, "worker: out of memory");
	worker->pid_fd = worker->result_fd = worker->connection_fd = -1;
	worker->result_bytes = config->result_bytes;
	r = open_result(config->result_bytes, &worker->result_fd);
	if (r < 0)
		return problem_set(problem, r, "worker: make room for its result: %s",
				   strerror(-r));
	*ret_worker = steal_ptr(worker);
	return 0;
}

int worker_start(const struct worker_config *config, worker_job job, void *context,
		 struct worker **ret_worker, struct problem *problem)
{
	struct worker *worker cleanup(worker_cleanup) = NULL;
	int r = worker_new(config, &worker, problem);

	if (r < 0)
		return r;
	r = fork_worker(worker, config, job, context);
	if (r < 0)
		return problem_set(problem, r, "worker: start: %s", strerror(-r));
	*ret_worker = steal_ptr(worker);
	return 0;
}

void worker_free(struct worker *worker)
{
	if (!worker)
		return;
	if (worker->is_running && worker->pid > 0) {
		kill(worker->pid, SIGKILL);
		while (waitpid(worker->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	close_cleanup(&worker->pid_fd);
	close_cleanup(&worker->connection_fd);
	close_cleanup(&worker->result_fd);
	free(worker);
}

void worker_end_deinit(struct worker_end *end)
{
	worker_result_deinit(&end->result);
}

/* use */

int worker_fd(const struct worker *worker)
{
	return worker->connection_fd >= 0 ? worker->connection_fd : worker->pid_fd;
}

pid_t worker_pid(const struct worker *worker)
{
	return worker->pid;
}

void worker_kill(struct worker *worker, enum worker_outcome why)
{
	if (!worker->is_running || worker->is_killed)
		return;
	worker->is_killed = true;
	worker->why = why;
	/* it dies of the end of its connection, worker_serve.c, which we hear of, too */
	if (worker->connection_fd >= 0)
		(void)shutdown(worker->connection_fd, SHUT_RDWR);
	else
		kill(worker->pid, SIGKILL);
}

static uint64_t ns_of(const struct timeval *t)
{
	return (uint64_t)t->tv_sec * 1000000000u + (uint64_t)t->tv_usec * 1000u;
}

void worker_set_end(struct worker_end *end, enum worker_outcome outcome, int code)
{
	end->outcome = outcome;
	end->code = code;
}

void worker_set_killed(const struct worker *worker, int code, struct worker_end *end)
{
	worker_set_end(end, worker->why, code);
	problem_set(&end->reason, 0, "worker: %s",
		    worker->why == WORKER_DEADLINE ? "had not ended in time" : "was stopped");
}

static const char *likely_cause(int number)
{
	if (number == SIGKILL)
		return ", perhaps because the machine is out of memory";
	/* mmap(2): a page beyond the end of the file, or one that could not be read */
	return number == SIGBUS ? ": a file was cut short while it was read, or cannot be read"
				: "";
}

static void on_signal(const struct worker *worker, int number, struct worker_end *end)
{
	if (number == SIGKILL && worker->is_killed) {
		worker_set_killed(worker, number, end);
	} else if (number == SIGXCPU) {
		worker_set_end(end, WORKER_DEADLINE, number);
		problem_set(&end->reason, 0, "worker: took more CPU time than it may");
	} else {
		worker_set_end(end, WORKER_CRASHED, number);
		problem_set(&end->reason, 0, "worker: was killed by signal %d (%s)%s", number,
			    strsignal(number), likely_cause(number));
	}
}

/*
 * The worker has ended and was alone with the memfd: sealing it fails only if that is not so. What
 * was never written is left out: to look at it would make it memory of ours.
 */
static int map_result(int fd, size_t n_bytes_max, uint8_t **ret_memory, size_t *ret_n_bytes)
{
	size_t n_bytes = n_bytes_max;
	void *memory;
	off_t hole;

	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) < 0)
		return -errno;
	hole = lseek(fd, 0, SEEK_HOLE);
	if (hole >= 0 && (uint64_t)hole < n_bytes)
		n_bytes = (size_t)hole;
	if (n_bytes > 0) {
		memory = mmap(NULL, n_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
		if (memory == MAP_FAILED)
			return -errno;
		*ret_memory = memory;
	}
	*ret_n_bytes = n_bytes;
	return 0;
}

static void judge_result(struct worker_result *result, struct worker_end *end)
{
	if (result->code == 0) {
		end->result = *result;
		end->reason = (struct problem){ 0 };
		return;
	}
	worker_set_end(end, result->code == -ENOMEM ? WORKER_MEMORY : WORKER_FAILED, result->code);
	if (!end->reason.text[0])
		problem_set(&end->reason, 0, "worker: its job failed with %d%s%s", result->code,
			    result->code < 0 ? ": " : "",
			    result->code < 0 ? strerror(-result->code) : "");
	worker_result_deinit(result);
}

int worker_take_result(const struct worker *worker, struct worker_end *end, struct problem *problem)
{
	struct worker_result result;
	struct problem text = { 0 };
	size_t n_bytes = (size_t)worker_result_file_bytes(worker->result_bytes);
	uint8_t *memory = NULL;
	int r = map_result(worker->result_fd, n_bytes, &memory, &n_bytes);

	if (r < 0)
		return problem_set(problem, r, "worker: map its result: %s", strerror(-r));
	if (!memory) {
		worker_set_end(end, WORKER_MALFORMED, 0);
		problem_set(&end->reason, 0, "worker: it left no result");
		return 0;
	}
	r = worker_result_parse(memory, n_bytes, &result, &text, &end->reason);
	if (r < 0) {
		worker_set_end(end, WORKER_MALFORMED, 0);
		munmap(memory, n_bytes);
		return 0;
	}
	result.memory = memory;
	result.n_memory_bytes = n_bytes;
	end->reason = text;
	judge_result(&result, end);
	return 0;
}

static int judge(const struct worker *worker, int status, struct worker_end *end,
		 struct problem *problem)
{
	if (WIFSIGNALED(status)) {
		on_signal(worker, WTERMSIG(status), end);
		return 0;
	}
	if (WEXITSTATUS(status) == 0)
		return worker_take_result(worker, end, problem);
	worker_set_end(end, WORKER_FAILED, WEXITSTATUS(status));
	problem_set(&end->reason, 0, "worker: ended with status %d", WEXITSTATUS(status));
	return 0;
}

static int finish_child(struct worker *worker, struct worker_end *end, struct problem *problem)
{
	struct rusage usage;
	int status;
	pid_t pid = wait4(worker->pid, &status, WNOHANG, &usage);

	if (pid == 0 || (pid < 0 && errno == EINTR))
		return WORKER_E_RUNNING;
	worker->is_running = false;
	if (pid < 0)
		return problem_set(problem, -errno, "worker: wait for it: %s", strerror(errno));
	end->cpu_ns = ns_of(&usage.ru_utime) + ns_of(&usage.ru_stime);
	end->rss_bytes_max = (uint64_t)usage.ru_maxrss << 10;
	return judge(worker, status, end, problem);
}

int worker_finish(struct worker *worker, struct worker_end *ret_end, struct problem *problem)
{
	struct worker_end end = { .outcome = WORKER_DONE };
	int r;

	if (!worker->is_running)
		return problem_set(problem, -EINVAL, "worker: was finished before");
	r = worker->connection_fd >= 0 ? worker_finish_connection(worker, &end, problem)
				       : finish_child(worker, &end, problem);
	if (r != 0)
		return r;
	*ret_end = end;
	return 0;
}

const char *worker_outcome_name(enum worker_outcome outcome)
{
	switch (outcome) {
	case WORKER_DONE:
		return "done";
	case WORKER_FAILED:
		return "failed";
	case WORKER_MEMORY:
		return "memory";
	case WORKER_DEADLINE:
		return "deadline";
	case WORKER_STOPPED:
		return "stopped";
	case WORKER_CRASHED:
		return "crashed";
	case WORKER_MALFORMED:
		return "malformed";
	}
	return "unknown";
}
