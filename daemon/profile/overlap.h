/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How alike two profiles are. Neither figure depends on how many samples they are of, but for the
 * noise of few.
 *
 * Overlap is what share of the samples lies in the same places: of each line the lesser one of its
 * shares in both profiles, summed up. It is what tells whether the load is the same.
 *
 * Similarity, and all other figures, are what `llvm-profdata overlap --sample` tells, to the digit.
 * The similarity of two lines is 1 less the difference of their shares in their function; that of a
 * function the same of all its lines and inlined functions, less the difference of its shares in
 * the profile; that of the profiles the mean of their functions' by these shares. Among hundreds of
 * functions it hardly sees weight that moves from some to others: a profile of a kernel in which
 * all of networking counts 20 times has a similarity of 98.8 % with what it was, and an overlap of
 * 37 %.
 * Source: llvm/tools/llvm-profdata/llvm-profdata.cpp (SampleOverlapAggregator), LLVM 19.1.7.
 */

#include <stdint.h>
#include "base/macros.h"
#include "base/problem.h"

struct names;
struct profile;

/* Of functions or records that are in both, in the first only, in the second only. */
struct overlap_counts {
	uint64_t n_both, n_first_only, n_second_only;
};

struct overlap {
	double overlap, similarity; /* 0..1 */
	/* sum of the lesser ones of two samples, sum of the greater ones */
	uint64_t n_common_samples, n_union_samples;
	uint64_t n_first_samples, n_second_samples; /* of all records */
	uint64_t n_first_only_samples, n_second_only_samples;
	struct overlap_counts functions;
	/* those of the fewest records that make 99 % of their profile (summary.h) */
	struct overlap_counts hot_functions, hot_records;
};

/*
 * Compares two sorted profiles (profile_sort()) of the same names, which both have either names or
 * hashes. One without samples is like none: both shares are 0. Sums are
 * saturating, shares in range whatever the counts. 0; -ENOMEM: needs 8 bytes a name and 8 a record
 * for the time of the call; -EINVAL: one has hashes, the other names.
 */
must_check int overlap_compute(const struct profile *first, const struct profile *second,
			       struct overlap *ret_overlap);

/*
 * The overlap of a profile, sorted, with one that was made before, foreign bytes of any form
 * (read.h), whose names are added to names, the profile's. ceiling_bytes bounds the memory for it.
 * 0; -errno and a sentence, as profile_read() and overlap_compute().
 */
must_check int overlap_with_bytes(const struct profile *profile, struct names *names,
				  const void *data, size_t n_bytes, size_t ceiling_bytes,
				  double *ret_overlap, struct problem *problem);

/* Shares of 1; 0 where there is nothing to have a share of. */
double overlap_common_share(const struct overlap *overlap);
double overlap_first_only_share(const struct overlap *overlap);
double overlap_second_only_share(const struct overlap *overlap);
double overlap_counts_share(const struct overlap_counts *counts); /* n_both of all */
