/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/types.h>
#include "worker.h"

/* The worker itself, in its process: gives up, runs the job, leaves its result in result_fd. */
_Noreturn void worker_child_run(const struct worker_config *config, worker_job job, void *context,
				int result_fd, pid_t parent_pid);
/*
 * The last of these steps: runs the job and leaves what it gave; unless r, with the problem, says
 * that one before has failed: then leaves that. 0; -errno: nothing could be left.
 */
must_check int worker_child_work(const struct worker_config *config, worker_job job, void *context,
				 int result_fd, uint32_t without, int r, struct problem *problem);
