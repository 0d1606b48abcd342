/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What was counted, in link-time addresses, of one object or of several that have their places
 * beside each other (symbolize/objects.h): the form that is published, merged, symbolized and
 * compared. A recording, the daemon's counters and an unsymbolized dump all end
 * here, and everything behind it works from here.
 */

#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"

/* Stands for any address that is in no object (llvm-profgen's ExternalAddr). */
#define VADDR_EXTERNAL 1ull

struct branch_count {
	uint64_t from_vaddr; /* of a branch: its source, may be VADDR_EXTERNAL */
	uint64_t to_vaddr;   /* of a branch: its target */
	uint64_t n;
};

/* A closed fall-through range: end is the address of its last instruction, not of its last byte. */
struct range_count {
	uint64_t start_vaddr;
	uint64_t end_vaddr;
	uint64_t n;
};

/* Both sorted by (first, second) address, keys distinct, n > 0. */
struct branch_counts {
	struct branch_count *branches;
	size_t n_branches;
	struct range_count *ranges;
	size_t n_ranges;
};

void branch_counts_deinit(struct branch_counts *counts);

/*
 * Sorts both arrays, adds up (saturating) the counts of equal keys and drops zero ones. Every
 * producer ends with this.
 */
void branch_counts_normalize(struct branch_counts *counts);

/* Adds other's counts to those of sum, which is normalized then. 0; -ENOMEM: nothing was added. */
must_check int branch_counts_add(struct branch_counts *sum, const struct branch_counts *other);
