/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The daemon, whole, in a process of its own: on virtual CPUs under a load, or on a recording. What
 * is measured is that process, from within its loop.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "base/problem.h"

struct bench_daemon_options {
	const char *directory; /* an empty one, for what the daemon writes */
	bool is_verbose;       /* its log to standard error */

	const char *recording; /* played at full speed; NULL: virtual CPUs */

	unsigned int n_cpus;
	size_t ring_bytes;   /* of data, each */
	bool is_idle;	     /* ends as soon as it is ready */
	bool has_modules;    /* a part of the load's code is of modules (bench_modules.h) */
	bool is_paced;	     /* gate and budget are asked, as on a machine, and have no objection */
	uint64_t rate;	     /* samples a second of each CPU; 0: full speed */
	uint64_t n_max;	     /* samples; 0: by time */
	unsigned int n_sets; /* hot sets that follow each other in n_max; a profile after each */
	double warm_s, measured_s;
	unsigned int n_stalls; /* spread over the measured time, of stall_ns each */
	uint64_t stall_ns;
};

struct bench_daemon_figures {
	int error;	/* -errno of the load; 0: none */
	int status;	/* of service_run_on() */
	double ready_s; /* from before the host is made to READY */
	/* of the measured time */
	double cpu_s, wall_s;
	uint64_t n_samples;
	/* resident memory; virtual CPUs: beyond the rings */
	uint64_t rss_bytes;	   /* at its end; of n_max samples: at most */
	uint64_t rss_growth_bytes; /* its peak in the second half over that in the second quarter */
	/* as the load has it */
	uint64_t n_written, n_lost;
	/*
	 * Stalls in which the process did not have to wait for a core beside, and what was lost in
	 * those; the machine is not ours alone.
	 */
	unsigned int n_clean_stalls;
	uint64_t n_clean_lost;
	/* as the daemon's status says at its end */
	uint64_t n_taken, n_used, n_rejected, n_told_lost, n_published, n_failed;
	uint64_t n_wakeups, n_slow_passes, longest_pass_ns;
	uint64_t n_in_modules, n_in_kernel; /* branches that led there; without modules 0 */
	bool is_conserved;
};

/* 0; -errno, and the sentence says what failed. */
must_check int bench_daemon(const struct bench_daemon_options *options,
			    struct bench_daemon_figures *ret, struct problem *problem);
