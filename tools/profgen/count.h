/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Recordings → counters: the drain and count steps of the pipeline, from files.
 */

#include <stdbool.h>
#include <stdint.h>
#include "aggregate/branch_counts.h"
#include "aggregate/counters.h"
#include "base/problem.h"
#include "collect/recording.h"
#include "symbolize/objects.h"

struct count_options {
	bool is_llvm;	     /* count as llvm-profgen does */
	bool allow_mismatch; /* of build ids */
};

/* Sums over all recordings. */
struct count_totals {
	struct counters_totals counters;
	struct recording_stats recordings;
	uint64_t n_kernel_maps;
	uint64_t n_recordings;
	uint64_t n_truncated;
	uint64_t n_without_build_id; /* recordings that do not say which kernel they are of */
	uint64_t n_without_map;	     /* recordings with branches but no mapping of the kernel */
	struct problem first_truncation;
	struct problem first_without_map;
};

struct count;

/* objects, with the kernel, are borrowed as long as the count lives. 0, -ENOMEM. */
must_check int count_new(struct count **ret_count, struct objects *objects,
			 const struct count_options *options);
void count_free(struct count *count);
DEFINE_CLEANUP(struct count, count, count_free)

/* The recording is of another kernel than the image; problem names both build ids. */
#define COUNT_E_MISMATCH 1

/*
 * Adds the recording that fd is open on; name is for messages. A recording that is cut off counts
 * as far as it goes, which totals say. 0; COUNT_E_MISMATCH; or what recording_open() and
 * recording_next() return; -E2BIG: more distinct branches than tables may have slots.
 */
must_check int count_add(struct count *count, int fd, const char *name, struct problem *problem);
/* All pairs and branches in link-time addresses; the caller deinits *ret_counts. 0, -ENOMEM. */
must_check int count_finish(struct count *count, struct branch_counts *ret_counts);
const struct count_totals *count_totals(const struct count *count);
