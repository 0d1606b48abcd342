/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Who makes a profile of counts: a worker in a unit of its own, where there is one, or a fork of
 * the daemon.
 *
 * The unit is there if its socket is. Once it has been reached nothing else will do: who installed
 * it wants foreign files to be read there and nowhere else. If it fails then, so does the
 * publication, and the next interval tries again. The end has no next interval: then a fork
 * publishes the counts without a profile, for which no foreign file is read. That is how it ends
 * with the machine, too: once systemd shuts that down it starts no worker any more. And so it does
 * where it was a fork that failed, for want of memory for one.
 */

#include <stdbool.h>
#include <stdint.h>
#include "base/macros.h"
#include "base/problem.h"
#include "job.h"
#include "process/worker.h"

struct log;

struct symbolizer {
	const char *socket; /* borrowed; empty: fork */
	bool is_told;	    /* the log knows who it is … */
	bool is_unit;	    /* … of the last worker */
	bool has_unit;	    /* it was reached */
	bool is_given_up;
	struct problem why; /* it was given up; what the jobs say */
};

/*
 * Tells the log who it will be, by what is there now, so that nobody has to wait for the first
 * profile to know.
 */
void symbolizer_expect(struct symbolizer *symbolizer, struct log *log);
/*
 * A worker for the job, from the unit or as a fork, and which. Its descriptors are kept open in
 * it. 0; -errno and a sentence.
 */
must_check int symbolizer_start(struct symbolizer *symbolizer, struct log *log,
				const struct worker_config *config, struct job *job,
				struct worker **ret_worker, struct problem *problem);
/*
 * One that is not our child says itself what it took: it had one CPU at the most, for wall_ns, and
 * no more memory than the machine has.
 */
void symbolizer_bound_claims(const struct worker *worker, uint64_t wall_ns, struct worker_end *end);
/*
 * The worker has failed and there is no other time: from now on forks, without a vmlinux. False:
 * that has been tried.
 */
bool symbolizer_give_up(struct symbolizer *symbolizer, const struct problem *why);
