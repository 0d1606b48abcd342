/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Makes the indexes that publications would be quicker with. A publication's worker says of which
 * objects it had to read the debug information, and which indexes were damaged (job_builds.h);
 * when the publication has ended, one object at a time:
 *
 *	waiting → a worker makes the index (job_index.h) → a writer puts it into the folder
 *	(index_cache.h) → the next publication uses it
 *
 * Nobody waits for it: the worker has the lowest priority there is and the limits of any other, and
 * the daemon's end ends it. A build is tried once in INDEXING_RETRY_NS; where the folder takes
 * nothing nothing is tried for as long. Why is said once, and in status.
 */

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>
#include "base/macros.h"
#include "base/problem.h"
#include "index_cache.h"
#include "job_builds.h"
#include "kernel/build_id.h"
#include "process/worker.h"

struct daemon;

#define INDEXING_RETRY_NS (6 * 3600 * 1000000000ull)
/* Builds that are remembered: of more the one that was tried longest ago is forgotten. */
#define INDEXING_BUILDS_MAX 1024u

struct indexing_build {
	char name[MODULE_NAME_SIZE]; /* "vmlinux", or the module's */
	struct build_id id;
	bool is_waiting;
	bool is_bad_told;  /* the log knows of its damaged index */
	bool has_failed;   /* likewise of the failure */
	uint64_t tried_ns; /* CLOCK_MONOTONIC; 0: not yet */
};

struct indexing {
	int dir_fd;		       /* of CacheDirectory=, owned; -1: there is none */
	struct problem problem;	       /* why nothing is, or the last failure; empty: all is well */
	struct indexing_build *builds; /* owned; n_builds */
	size_t n_builds;
	uint64_t folder_retry_ns;  /* CLOCK_MONOTONIC; 0: it can be written to */
	bool is_tidy;		   /* the folder was looked through */
	struct indexing_build now; /* what is in work */
	struct worker *worker;	   /* owned */
	struct worker_end end;	   /* of the worker: the bytes to be written */
	struct worker *writer;	   /* owned */
	sd_event_source *worker_source, *writer_source, *deadline_source;
	sd_event_source *pause_source; /* until the next may begin */
	uint64_t began_ns;	       /* CLOCK_MONOTONIC, of what is in work */
	/* of the last publication */
	uint64_t n_symbolized, n_indexed;
	/* since the start */
	uint64_t n_made, n_failed, n_damaged, n_removed;
	uint64_t cpu_ns; /* of workers and writers */
	/* of the folder, when it was written to last */
	uint64_t n_files, n_bytes;
};

/* lifecycle */

/* Opens the folder. That there is none, or none that can be opened, is said and no failure. */
void indexing_init(struct daemon *daemon);
void indexing_deinit(struct daemon *daemon);

/* use */

/* What a publication's worker has said. Objects that are not of this boot are passed over. */
void indexing_note(struct daemon *daemon, const struct job_builds_head *head,
		   const struct job_build *items);
/* A publication has ended: something may be begun. */
void indexing_start(struct daemon *daemon);
/* The daemon is to end. */
void indexing_stop(struct daemon *daemon);
/* How many wait. */
size_t indexing_n_waiting(const struct indexing *x);
/* "off", "idle", "working", "writing": for status. */
const char *indexing_state(const struct indexing *x);
