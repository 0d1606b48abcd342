/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * From overlapping ranges to disjoint ones with the sum of their counts.
 *
 * Functions that were entered are covered whole, with a count of 0 where no range passed: a line
 * that was not executed while its function was hot is worth a record. Rules, with their quirks:
 * llvm-profgen 19.1, ProfileGenerator.cpp, preprocessRangeCounter() and findDisjointRanges().
 */

#include <stddef.h>
#include <stdint.h>
#include "aggregate/branch_counts.h"
#include "base/macros.h"
#include "symbolize/functions.h"

/* Instructions that start in [start, end], both inclusive, ran n times. */
struct covered {
	uint64_t start_vaddr, end_vaddr;
	uint64_t n;
};

struct coverage {
	struct covered *items; /* n, disjoint, ascending */
	size_t n, capacity;
};

/* counts->ranges are ranges, normalized. 0; -ENOMEM; -E2BIG. */
must_check int coverage_compute(const struct branch_counts *counts,
				const struct functions *functions, struct coverage *ret_coverage);
void coverage_deinit(struct coverage *coverage);
