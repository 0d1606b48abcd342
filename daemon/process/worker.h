/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A job in a process of its own that may crash, hang, leak or grow: it can do no harm and gives
 * bytes back.
 *
 * The worker is a fork of the daemon, and the job sees the memory as it was then; or it is a
 * process that a service manager starts for the connection to its socket, and the job is what a
 * message says (worker_serve.h). Either way it has the descriptors that it is given, no right to
 * anything else but to read files that anyone of its user may read, limits on memory, CPU time and
 * the size of its result, the lowest priority there is, and it is the first to go when memory runs
 * out. Time on the clock is the caller's to watch: worker_kill().
 *
 * What comes back was written by a process that has read foreign files: every length in it is
 * checked before it is used (worker_result.h).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/macros.h"
#include "base/problem.h"
#include "worker_result.h"

struct worker;

/*
 * What runs in the worker. context is of before the fork; sections of the result go to out. Returns
 * 0, or -errno or any other number with a sentence: the result then holds these two and is failed
 * (-ENOMEM: out of memory). It must not touch what was shared with the daemon: no sd-event, no
 * sockets; it need not free anything.
 */
typedef int (*worker_job)(void *context, struct worker_out *out, struct problem *problem);

#define WORKER_KEEP_MAX 64u

struct worker_config {
	/*
	 * Private memory that the job may get beyond what the daemon had at the fork (RLIMIT_DATA);
	 * 0: no limit. Files that it maps to read do not count.
	 */
	uint64_t memory_bytes;
	uint64_t mapped_bytes;	/* address space beyond that, for files (RLIMIT_AS); 0: no limit */
	uint64_t result_bytes;	/* of all sections, at most */
	unsigned int cpu_s_max; /* seconds of CPU time; 0: no limit */
	const int *keep_fds;	/* open in the worker under the same numbers; borrowed */
	size_t n_keep_fds;	/* at most WORKER_KEEP_MAX; with a connection, WORKER_FDS_MAX - 1 */
	/*
	 * Somebody waits for the result: the daemon's own priority instead of the lowest, with
	 * which a second of CPU time can take minutes on a machine that is busy on all CPUs.
	 */
	bool is_urgent;
	/*
	 * The job is the daemon's own work, put aside because it waits (fsync(2)), and reads
	 * nothing foreign: it keeps all descriptors and priorities, and may write files as the
	 * daemon may.
	 */
	bool is_own_work;
};

enum worker_outcome {
	WORKER_DONE,
	WORKER_FAILED,	  /* the job said so, or the worker could not begin */
	WORKER_MEMORY,	  /* the job had not enough of it */
	WORKER_DEADLINE,  /* too long: worker_kill(), or its CPU time */
	WORKER_STOPPED,	  /* worker_kill(), because it is not wanted any more */
	WORKER_CRASHED,	  /* by a signal that nobody here sent */
	WORKER_MALFORMED, /* what it left is no result */
};

struct worker_end {
	enum worker_outcome outcome;
	int code; /* what the job returned, if it failed; the signal, if a fork crashed */
	struct problem reason; /* a sentence; empty if done */
	/* with a connection: what the worker itself says, and 0 if it says nothing any more */
	uint64_t cpu_ns; /* user and system */
	uint64_t rss_bytes_max;
	struct worker_result result; /* owned; no sections unless done */
};

/* lifecycle */

/* Forks. 0; -errno and a sentence. */
must_check int worker_start(const struct worker_config *config, worker_job job, void *context,
			    struct worker **ret_worker, struct problem *problem);

#define WORKER_E_ABSENT 2
/*
 * Has one started by who listens at path, and sends it the job's bytes and the descriptors of
 * config->keep_fds, in their order. Does not wait: whether it could be started is told by its end.
 * 0; WORKER_E_ABSENT: nobody listens there, or not for us; -errno; the latter two with a sentence.
 */
must_check int worker_connect(const struct worker_config *config, const char *path,
			      const void *job_bytes, size_t n_job_bytes, struct worker **ret_worker,
			      struct problem *problem);
/*
 * Kills it if it still runs. For a fork, waits until it is gone: some milliseconds. NULL is fine.
 */
void worker_free(struct worker *worker);
DEFINE_CLEANUP(struct worker, worker, worker_free)
void worker_end_deinit(struct worker_end *end); /* accepts a null-initialised one */

/* use */

/*
 * Readable when worker_finish() is to be called: once the worker has ended, with a connection also
 * before. Of worker. An event loop must not reap it itself.
 */
int worker_fd(const struct worker *worker);
pid_t worker_pid(const struct worker *worker); /* 0: it is not our child */
/* Ends it, soon; why is WORKER_DEADLINE or WORKER_STOPPED. One that just ended by itself stays so.
 */
void worker_kill(struct worker *worker, enum worker_outcome why);

enum {
	WORKER_E_RUNNING = 1,
};

/*
 * How it ended and what it left, once: for the caller to deinit. Does not wait.
 * 0; WORKER_E_RUNNING; -errno and a sentence.
 */
must_check int worker_finish(struct worker *worker, struct worker_end *ret_end,
			     struct problem *problem);
const char *worker_outcome_name(enum worker_outcome outcome);
