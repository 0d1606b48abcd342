/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The summary of a profile: what clang derives its hot and cold thresholds from.
 * Source: llvm/lib/ProfileData/ProfileSummaryBuilder.cpp, LLVM 19.1.7.
 */

#include <stdint.h>
#include "base/macros.h"

struct profile;

#define SUMMARY_N_CUTOFFS 16

/* The n_counts hottest records, each of min_count or more, make cutoff/1000000 of the total. */
struct summary_cutoff {
	uint32_t cutoff;
	uint64_t min_count;
	uint64_t n_counts;
};

/* Counts are of all records, those of inlinees and those without samples included. */
struct summary {
	uint64_t total; /* sum of the records' samples, modulo 2^64 as LLVM adds them */
	uint64_t max;
	uint64_t max_head;
	uint64_t n_records;
	uint64_t n_functions; /* at top level */
	struct summary_cutoff cutoffs[SUMMARY_N_CUTOFFS];
};

/* 0 or -ENOMEM: needs 8 bytes a record for the time of the call. */
must_check int summary_compute(const struct profile *profile, struct summary *ret_summary);
