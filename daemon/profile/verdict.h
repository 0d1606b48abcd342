/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One word on whether a profile should be used, and the reason.
 *
 * The rule, in this order:
 *	unfit	there are no samples, or more than max_lost of them were lost, or more than
 *		max_invalid of the ranges between branches were rejected: something is wrong, and
 *		more of the same would not help
 *	thin	it is from instruction pointers only, which say nothing of branches; or the density
 *		is below min_density: more samples would help
 *	fit	otherwise
 * Shares are of 1. A share that is not known (an old file, a dump) is not judged.
 */

#include <stdbool.h>
#include <stdint.h>

enum verdict {
	VERDICT_FIT,
	VERDICT_THIN,
	VERDICT_UNFIT,
};

#define SHARE_UNKNOWN (-1.0)

struct verdict_input {
	uint64_t n_records;   /* of the profile that have samples */
	double density;	      /* density.h */
	double lost_share;    /* of the samples taken, or SHARE_UNKNOWN */
	double invalid_share; /* of the ranges whose both ends are kernel code, or SHARE_UNKNOWN */
	bool is_ip_only;      /* Mode=ip: no branch stacks */
};

struct verdict_limits {
	double min_density;
	double max_lost;
	double max_invalid;
};

/*
 * min_density is llvm-profgen's (ProfileGenerator.cpp, ProfileDensityThreshold). Loss is random, so
 * a fifth hurts little, half means that rings are far too small. Healthy recordings reject 1 to 2 %
 * of their ranges in compatible mode; a wrong vmlinux rejects most.
 */
#define VERDICT_LIMITS_DEFAULT { .min_density = 50, .max_lost = 0.5, .max_invalid = 0.25 }

#define VERDICT_REASON_SIZE 160

struct verdict_result {
	enum verdict verdict;
	char reason[VERDICT_REASON_SIZE];
};

struct verdict_result verdict_judge(const struct verdict_input *input,
				    const struct verdict_limits *limits);
const char *verdict_name(enum verdict verdict); /* "fit", … */
