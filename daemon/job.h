/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the worker does: a part of the tally in, a profile, a dump and the facts about them out; or
 * the index of one object (job_index.h). It looks for the object's files itself, as a disk may be
 * slow. Runs in the worker's process, without rights: a fork's, or that of a unit of its own
 * (job_request.h).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "aggregate/tally.h"
#include "base/macros.h"
#include "kernel/object_files.h"
#include "process/worker.h"

/* Sections of the result. */
enum job_section {
	JOB_FACTS = 1, /* struct profile_facts; always */
	JOB_PROFILE,   /* extbinary; with a vmlinux only */
	JOB_DUMP,      /* counts, unsymbolized.h, of modules, too; always */
	JOB_VMLINUX,   /* struct job_vmlinux; always */
	JOB_OBJECTS,   /* array of struct object_facts; always */
	JOB_BUILDS,    /* job_builds.h; always */
	JOB_INDEX,     /* of JOB_OF_INDEX, instead of all others: job_index.h */
};

enum job_kind {
	JOB_OF_PROFILE,
	JOB_OF_INDEX, /* of the object that kernel, or a module, names: places and kernel alone
			 count */
};

/* Which vmlinux it was, or why there is no profile. Plain data, text NUL-terminated. */
struct job_vmlinux {
	char path[OBJECT_PATH_SIZE]; /* of its index or debug information; empty: none */
	char why[400];		     /* empty if one was used */
};

/* What is added here goes into job_request.c, too: not all workers see this one. */
struct job {
	enum job_kind kind;
	struct tally_view view; /* fd -1: none, as of JOB_OF_INDEX */
	/* Where to look, but for root_fd, which is of the worker's "/"; and what for. */
	struct object_places places;
	struct object_query kernel; /* what both point to is of before the fork */
	const char *
		base_symbol; /* whose address offsets count from: "_text"; NULL: the image's base */
	bool is_ip_only;
	int previous_fd; /* a profile to compare with, previous.h; -1: none, as one that is none */
	int live_fd;	 /* live text, job_live.h; -1: none */
	/* where modules are in the counters, kernel/placement.h; -1: all offsets are the kernel's
	 */
	int placement_fd;
	double lost_share; /* of the samples taken, or SHARE_UNKNOWN */
	/* Why no vmlinux is looked for, so that no foreign file is read; NULL: one is. Of a fork.
	 */
	const char *without_vmlinux;
};

#define JOB_KERNEL_NAME "vmlinux" /* of kernel; a module's is as in /proc/modules */
#define JOB_FDS_MAX 4u

/*
 * What the job reads from; how many: the view's, the previous profile's, live text's and the
 * placement's, if there are any.
 */
size_t job_fds(const struct job *job, int fds[JOB_FDS_MAX]);
/* A worker_job; context is a struct job, of either kind. */
int job_run(void *context, struct worker_out *out, struct problem *problem);
/* In the daemon: that section of a result. 0; -EBADMSG and a sentence. */
must_check int job_read_vmlinux(const struct worker_result *result, struct job_vmlinux *ret_vmlinux,
				struct problem *problem);
