/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A branch stack as the kernel hands it out (PERF_SAMPLE_BRANCH_STACK, newest branch first), with
 * the bits of an entry's flags that we look at.
 *
 * Source: include/uapi/linux/perf_event.h, struct perf_branch_entry, Linux 6.12.
 */

#include <stddef.h>
#include <stdint.h>

struct branch_entry {
	uint64_t from_ip;
	uint64_t to_ip;
	uint64_t flags; /* BRANCH_*; what an older kernel did not write is 0 */
};

_Static_assert(sizeof(struct branch_entry) == 24, "the kernel's layout");

#define BRANCH_MISPRED (1ull << 0)
#define BRANCH_PREDICTED (1ull << 1)
#define BRANCH_IN_TX (1ull << 2)
#define BRANCH_ABORT (1ull << 3)
#define BRANCH_SPEC_MASK (3ull << 24)
#define BRANCH_SPEC_WRONG_PATH (1ull << 24) /* value of the two bits: PERF_BR_SPEC_WRONG_PATH */
