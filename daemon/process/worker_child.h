/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/types.h>
#include "worker.h"

/* The worker itself, in its process: gives up, runs the job, leaves its result in result_fd. */
_Noreturn void worker_child_run(const struct worker_config *config, worker_job job, void *context,
				int result_fd, pid_t parent_pid);
