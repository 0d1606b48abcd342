/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * From an interval that ends to files that are there: closes the interval, merges, lets the worker
 * symbolize, writes. A chain of small steps of the loop, in which sampling goes on:
 *
 *	idle → merging → working → writing → clearing → idle
 *
 * Working and writing are done by children: the worker, which reads foreign files and may do
 * nothing else, and the writer, which waits for the disk.
 *
 * A step that fails ends the chain with a log line; counts stay where they are, and the next
 * interval tries again. At the end of all there is no next interval: that is tried for itself,
 * whatever happened to one that was in work by then.
 */

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>
#include "aggregate/tally.h"
#include "base/problem.h"
#include "job.h"
#include "options.h"
#include "profile/facts.h"
#include "publish/store.h"
#include "process/worker.h"
#include "symbolizer.h"

struct daemon;
struct store;

enum publication_state {
	PUBLICATION_IDLE,
	PUBLICATION_MERGING,
	PUBLICATION_WORKING,
	PUBLICATION_WRITING,
	PUBLICATION_CLEARING,
};

/* The more pressing ones later. */
enum publication_reason {
	PUBLICATION_INTERVAL,
	PUBLICATION_DEMAND,
	PUBLICATION_FULL, /* the tables are nearly full */
	PUBLICATION_END,  /* of a recording, or of the daemon */
};

/* What the last one was; for status. */
struct publication_last {
	bool is_ok;
	uint64_t realtime_ns; /* 0: there was none */
	char path[256];	      /* below the directory */
	struct problem problem;
	struct profile_facts facts;
	uint64_t n_unresolved; /* modules that were counted and are not in it … */
	char unresolved[400];  /* … the names of those with most counts, with commas */
	uint64_t published_ns; /* CLOCK_REALTIME, of the last that is_ok; 0: there was none */
	uint64_t wall_ns;      /* from the interval's end to the files */
	uint64_t cpu_ns;       /* of the worker */
	uint64_t worker_rss_bytes;
};

struct publication {
	enum publication_state state;
	enum publication_reason reason;
	bool is_wanted_again;		/* asked for while one was in work … */
	enum publication_reason wanted; /* … for that reason, the most pressing */
	bool is_retry;			/* of what failed; wanted again: what came since */
	bool is_owed; /* closed or total has counts that should have been published, and were not */
	bool is_total_full;   /* total is published to make room */
	enum tally_part part; /* what is published */
	bool is_held;
	struct store *store; /* owned */
	struct symbolizer symbolizer;
	struct job job;
	/* what the worker compares with; empty: nothing */
	char previous[STORE_NAME_SIZE];
	struct job_vmlinux vmlinux;    /* of the last worker */
	struct object_dirs debug_dirs; /* as the options have them, as these: */
	const char *cache_dirs[OPTIONS_CACHE_DIRS_MAX];
	bool has_searched;	  /* one has said so */
	struct worker *worker;	  /* owned */
	bool is_urgent;		  /* the worker has the daemon's own priority */
	uint64_t worker_began_ns; /* CLOCK_MONOTONIC */
	struct worker_end end;	  /* of the worker: the bytes to be written */
	struct worker *writer;	  /* owned */
	sd_event_source *work_source, *worker_source, *writer_source, *deadline_source;
	uint64_t began_ns;	  /* CLOCK_MONOTONIC, of the chain */
	uint64_t end_realtime_ns; /* of the interval */
	/* of the part that is published: children do not see the tally */
	struct tally_sums sums;
	struct counters_totals totals;
	uint64_t began_usec; /* CLOCK_REALTIME */
	uint64_t n_begun;    /* chains, the present one among them */
	uint64_t n_published, n_failed, n_skipped;
	uint64_t n_total_published; /* samples that were used, of the total as it was published */
	uint64_t worker_cpu_ns;	    /* of all workers */
	struct publication_last last;
};

/* lifecycle */

/* Opens the directory. 0; -errno and a sentence. */
must_check int publication_init(struct daemon *daemon, struct problem *problem);
void publication_deinit(struct daemon *daemon);

/* use */

/* Begins, or notes that it is to be done once more. Logs. */
void publication_start(struct daemon *daemon, enum publication_reason reason);
/*
 * Forgets what was counted and lets the tables be cleared; only while it is idle. Returns how many
 * samples that were.
 */
uint64_t publication_forget(struct daemon *daemon);
/* After a reload: limits hold at once. */
void publication_follow_options(struct daemon *daemon);
/* Where workers look for the kernel's files, and for which; borrows from the daemon. */
void publication_query(struct daemon *daemon, struct object_places *ret_places,
		       struct object_query *ret_kernel);
static inline bool publication_is_idle(const struct publication *p)
{
	return p->state == PUBLICATION_IDLE;
}
const char *publication_state_name(enum publication_state state);
const char *publication_reason_name(enum publication_reason reason);
