/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One word on whether a profile should be used, and the reason.
 *
 * The rule, in this order; the first that applies is the verdict:
 *	unfit	there are no samples; or more than max_lost of those taken were lost; or more than
 *		max_invalid of the ranges between branches were rejected: something is wrong, and
 *		more of the same would not help
 *	thin	it is from instruction pointers only, which say nothing of branches; or the density
 *		is below min_density, or there are fewer than min_samples: more would help
 *	stale	it is good, but perhaps not of what is to be built, or not of what runs now: its
 *		kernel was built more than max_kernel_age ago; or it was counted more than max_age
 *		ago; or it has less than min_overlap in common with the profile before it, so that
 *		one of the two does not show what this machine does
 *	fit	otherwise
 * Where a share of what was counted has no symbols, as of a module whose file is not found, the
 * reason says so behind the rest: what there is of the profile is as good as without.
 * Shares are of 1. What is not known (an old file, a dump) is not judged, nor what has no limit.
 */

#include <stdbool.h>
#include <stdint.h>

enum verdict {
	VERDICT_FIT,
	VERDICT_THIN,
	VERDICT_STALE,
	VERDICT_UNFIT,
};

#define SHARE_UNKNOWN (-1.0)
#define SAMPLES_UNKNOWN UINT64_MAX
#define AGE_UNKNOWN UINT64_MAX

struct verdict_input {
	uint64_t n_records;	 /* of the profile that have samples */
	double density;		 /* density.h */
	double lost_share;	 /* of the samples taken, or SHARE_UNKNOWN */
	double invalid_share;	 /* ranges_invalid_share(), or SHARE_UNKNOWN */
	bool is_ip_only;	 /* Mode=ip: no branch stacks */
	double symbolized_share; /* object_figures_known_share(), or SHARE_UNKNOWN */
	uint64_t n_samples;	 /* that it was made of, or SAMPLES_UNKNOWN */
	double overlap;		 /* with the profile before it, overlap.h, or SHARE_UNKNOWN */
	/* when it is judged; or AGE_UNKNOWN */
	uint64_t kernel_age_ns; /* since that was built */
	uint64_t age_ns;	/* since its counting ended */
};

#define VERDICT_INPUT_UNKNOWN                                                                      \
	.lost_share = SHARE_UNKNOWN, .symbolized_share = SHARE_UNKNOWN,                            \
	.invalid_share = SHARE_UNKNOWN, .n_samples = SAMPLES_UNKNOWN, .overlap = SHARE_UNKNOWN,    \
	.kernel_age_ns = AGE_UNKNOWN, .age_ns = AGE_UNKNOWN

/* 0 is no limit, for the shares of max_ it is 1. */
struct verdict_limits {
	uint64_t min_density, min_samples;
	double max_lost, max_invalid, min_overlap;
	uint64_t max_kernel_age_ns, max_age_ns;
};

/*
 * min_density is llvm-profgen's (ProfileGenerator.cpp, ProfileDensityThreshold). Loss is random, so
 * a fifth hurts little, half means that rings are far too small. Healthy recordings reject 1 to 2 %
 * of their ranges in compatible mode; a wrong vmlinux rejects most. How much a load may change, and
 * how old a kernel may be, only its owner knows.
 */
#define VERDICT_LIMITS_DEFAULT { .min_density = 50, .max_lost = 0.5, .max_invalid = 0.25 }

/* From here on the share that has no symbols is not worth a word. */
#define VERDICT_SYMBOLIZED_ENOUGH 0.995

#define VERDICT_REASON_SIZE 160

struct verdict_result {
	enum verdict verdict;
	char reason[VERDICT_REASON_SIZE];
};

struct verdict_result verdict_judge(const struct verdict_input *input,
				    const struct verdict_limits *limits);
const char *verdict_name(enum verdict verdict); /* "fit", … */
