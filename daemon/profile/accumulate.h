/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * From counters to function samples: every covered instruction gives its count to the record of its
 * line, every branch into a function is a call of it.
 *
 * Rules: llvm-profgen 19.1, ProfileGenerator.cpp, populateBodySamplesForAllFunctions(),
 * populateBoundarySamplesForAllFunctions(), updateCallsiteSamples(); but instructions are not
 * looked up one by one. Frames change only at line rows and at borders of inlined calls, so
 * one lookup serves a whole location (symbolize/unit_frames.h), and of a location's instructions
 * only the lengths are summed.
 */

#include <stdbool.h>
#include <stddef.h>
#include "aggregate/branch_counts.h"
#include "base/macros.h"
#include "symbolize/objects.h"
#include "tree.h"

enum accumulate_rule {
	ACCUMULATE_LLVM,     /* what llvm-profgen writes */
	ACCUMULATE_ACCURATE, /* external sources have no frames */
};

struct accumulate_stats {
	uint64_t n_units;     /* loaded */
	uint64_t n_locations; /* looked up */
	uint64_t n_no_frames; /* of them in code without debug information */
	uint64_t n_line_zero; /* of them without a line */
	uint64_t n_too_deep;  /* inline chains beyond N_FRAMES_MAX */
};

/*
 * counts->ranges are ranges (ranges_select()), normalized. All objects go into one profile, in
 * which functions of one name are one; a call's line is looked up in the caller's object. What is
 * in an object without symbols is in none. ACCUMULATE_LLVM: everything is the kernel's, which has
 * symbols. The profile uses objects->names and is sorted; it is valid as long as objects is. 0;
 * -ENOMEM; -E2BIG.
 */
must_check int accumulate(const struct objects *objects, enum accumulate_rule rule,
			  const struct branch_counts *counts, size_t ceiling_bytes,
			  struct profile **ret_profile, struct accumulate_stats *ret_stats);
