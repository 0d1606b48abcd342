/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The load of virtual CPUs: a process beside the one that is measured, which runs them through
 * made-up stacks (bench_stacks.h). What it costs is not the daemon's.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/macros.h"

struct virtual_cpus;

struct bench_load_options {
	struct virtual_cpus *cpus; /* with their events open and mapped */
	unsigned int n_cpus;
	uint64_t rate;	/* samples a second of each CPU, evenly; 0: as many as there is room for */
	uint64_t n_max; /* samples; then it ends. 0: until it is stopped */
	uint64_t n_set; /* samples until the next hot set; 0: there is one */
	size_t n_edges; /* branches of a hot set */
};

/* In memory that both processes see. */
struct bench_load {
	pid_t pid;
	uint32_t must_stop;
	uint64_t n_written, n_lost; /* so far */
	uint64_t n_sets; /* hot sets that are done; it waits for leave to begin the next */
	uint64_t n_sets_allowed;
	uint32_t has_ended;
	int error; /* errno of the process; 0: none */
};

/* Where the code of the made-up kernel is, all hot sets. */
#define BENCH_TEXT_IP 0xffffffff81000000ull
#define BENCH_TEXT_BYTES ((uint64_t)64 << 20)
#define BENCH_N_SETS_MAX 24u

/* Forks it; it ends with its parent. 0; -errno. */
must_check int bench_load_start(const struct bench_load_options *options,
				struct bench_load **ret_load);
/* Ends it and waits; its last figures stay until bench_load_free(). 0; -errno of either process. */
must_check int bench_load_stop(struct bench_load *load);
void bench_load_free(struct bench_load *load);
