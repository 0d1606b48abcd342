/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What struct worker is, for the files that implement it: worker.c those that it forks,
 * worker_connect.c those of another unit.
 */

#include <stdbool.h>
#include "worker.h"

struct worker {
	pid_t pid;	 /* 0: not our child */
	bool is_running; /* its end is not known yet */
	bool is_killed;	 /* as asked, for the reason why */
	enum worker_outcome why;
	int result_fd;
	int pid_fd; /* -1: not our child, then … */
	int connection_fd;
	bool has_begun; /* it said so */
	uint64_t result_bytes;
};

/* None, with room for its result. 0; -errno and a sentence. */
must_check int worker_new(const struct worker_config *config, struct worker **ret_worker,
			  struct problem *problem);

void worker_set_end(struct worker_end *end, enum worker_outcome outcome, int code);
/* One that was killed: why, in words. */
void worker_set_killed(const struct worker *worker, int code, struct worker_end *end);
/*
 * Seals what is in its descriptor and reads it into end. 0, also for what is no result: that is an
 * outcome; -errno and a sentence.
 */
must_check int worker_take_result(const struct worker *worker, struct worker_end *end,
				  struct problem *problem);

/* worker_finish() of one with a connection. */
must_check int worker_finish_connection(struct worker *worker, struct worker_end *end,
					struct problem *problem);
