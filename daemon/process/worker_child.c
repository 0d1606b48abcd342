/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The forked worker's own process. First what needs files of /proc, then limits, then rights, and
 * the filter last.
 */
#include "worker_child.h"

#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "child.h"
#include "filter.h"
#include "sandbox.h"
#include "worker_limits.h"

static int close_others(const struct worker_config *config, int result_fd, struct problem *problem)
{
	int kept[WORKER_KEEP_MAX + 1] = { result_fd };

	for (size_t i = 0; i < config->n_keep_fds; i++)
		kept[i + 1] = config->keep_fds[i];
	return child_close_but(kept, config->n_keep_fds + 1, problem);
}

static int prepare(const struct worker_config *config, int result_fd, pid_t parent_pid,
		   uint32_t *ret_without, struct problem *problem)
{
	int r;

	(void)prctl(PR_SET_NAME, "autofdod-worker", 0, 0, 0);
	if (!config->is_own_work) {
		*ret_without = worker_step_back(config);
		r = close_others(config, result_fd, problem);
		if (r < 0)
			return r;
	}
	r = worker_limit(config);
	if (r < 0)
		return problem_set(problem, r, "worker: set its limits: %s", strerror(-r));
	r = sandbox_drop(NULL, problem);
	if (r < 0)
		return r;
	r = child_follow_parent(parent_pid);
	if (r < 0)
		return problem_set(problem, r, "worker: follow its parent: %s", strerror(-r));
	return config->is_own_work ? 0 : filter_load(FILTER_WORKER, NULL, 0, problem);
}

static int run(worker_job job, void *context, struct worker_out *out, struct problem *problem)
{
	int r = job(context, out, problem);

	if (r == 0 && out->error)
		return problem_set(problem, out->error,
				   "worker: put a section of its result, at %llu of %llu bytes: %s",
				   (unsigned long long)out->n_bytes,
				   (unsigned long long)out->n_bytes_max, strerror(-out->error));
	return r;
}

int worker_child_work(const struct worker_config *config, worker_job job, void *context,
		      int result_fd, uint32_t without, int r, struct problem *problem)
{
	struct worker_out out = {
		.fd = result_fd,
		.n_bytes_max =
			worker_result_file_bytes(config->result_bytes) - WORKER_RESULT_HEADER_BYTES,
	};

	if (r == 0)
		r = run(job, context, &out, problem);
	return worker_out_finish(&out, r, without, problem->text);
}

_Noreturn void worker_child_run(const struct worker_config *config, worker_job job, void *context,
				int result_fd, pid_t parent_pid)
{
	struct problem problem = { 0 };
	uint32_t without = 0;
	int r = prepare(config, result_fd, parent_pid, &without, &problem);

	_exit(worker_child_work(config, job, context, result_fd, without, r, &problem) < 0);
}
