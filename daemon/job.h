/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the worker does: a part of the tally and a vmlinux in, a profile, a dump and the facts about
 * them out. Runs in the worker's process, without rights.
 */

#include <stdbool.h>
#include <stdint.h>
#include "aggregate/tally.h"
#include "process/worker.h"

/* Sections of the result. */
enum job_section {
	JOB_FACTS = 1, /* struct profile_facts; always */
	JOB_PROFILE,   /* extbinary; with a vmlinux only */
	JOB_DUMP,      /* unsymbolized counts; always */
};

struct job {
	struct tally_view view;
	int vmlinux_fd; /* -1: none */
	const char *
		base_symbol; /* whose address offsets count from: "_text"; NULL: the image's base */
	bool is_ip_only;
	double lost_share; /* of the samples taken, or SHARE_UNKNOWN */
};

/* A worker_job; context is a struct job. */
int job_run(void *context, struct worker_out *out, struct problem *problem);
