/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * From counted pairs to fall-through ranges: which of the pairs (target, next source) can have been
 * executed straight through in their object, and how healthy the data is. No range spans two
 * objects.
 *
 * Compatible rule: llvm-profgen 19.1, ProfiledBinary.h isValidFallThroughRange(), PerfReader.cpp
 * warnInvalidRange(): the shares of its warnings are exactly those of struct range_health
 * (of n_bogus without n_bogus_no_function).
 */

#include <stdint.h>
#include "aggregate/branch_counts.h"
#include "base/macros.h"
#include "symbolize/objects.h"

enum range_rule {
	RANGES_LLVM, /* what llvm-profgen keeps */
	/*
	 * What can be believed: rewritten text is known to be rewritten, and there are no ranges
	 * across functions, of absurd length, or up to an instruction that was interrupted.
	 *
	 * Where there is live text, a barrier is what that has, but for sites that change while the
	 * machine runs: these are none, since they may have been something else a minute ago. Nor
	 * is one that neither the file nor a site accounts for: a probe. Where there is no live
	 * text, a barrier is what the file has, but for all sites that it lists.
	 */
	RANGES_ACCURATE,
	/*
	 * Of samples without stacks: a pair is one instruction, found running. It is a range of
	 * that length; there are no other pairs and no branches.
	 */
	RANGES_IP,
};

/* Where the facts about instructions came from. The values are kept in facts.h. */
enum text_rule {
	TEXT_RULE_FILE,	 /* the files alone: RANGES_LLVM */
	TEXT_RULE_SITES, /* the files, and the sites that they list */
	TEXT_RULE_LIVE,	 /* live text as far as there is some, else as TEXT_RULE_SITES */
};
#define N_TEXT_RULES 3

/* "file", "sites" or "live". */
const char *text_rule_name(enum text_rule rule);

/*
 * Weighted counts: how many sampled pairs, not how many distinct ones. Each is in one of these, and
 * in one only; all others say more about some of them:
 *
 *	n_pairs == n_used + n_external + n_bogus + n_dropped_cross + n_too_long + n_emptied
 */
struct range_health {
	uint64_t n_pairs;	    /* all, also those with an external side */
	uint64_t n_external;	    /* a side or both lie outside the code that has symbols */
	uint64_t n_not_on_boundary; /* start is no instruction, or end no branch, call or return */
	uint64_t n_no_function;	    /* start lies in no function */
	uint64_t n_cross_function;  /* end lies behind the function that start is in */
	uint64_t n_bogus;	    /* end below start, or a barrier between them */
	uint64_t n_bogus_no_function; /* of these in no function: llvm-profgen warns of none */
	uint64_t n_used;	      /* counted as ranges */
	/* RANGES_ACCURATE only: where it differs from RANGES_LLVM */
	uint64_t n_too_long;	  /* dropped */
	uint64_t n_dropped_cross; /* dropped: n_cross_function of those that are not bogus */
	uint64_t n_interrupted;	  /* ended before the instruction that was interrupted */
	uint64_t n_emptied;	  /* dropped: of n_interrupted, those that began with it */
	uint64_t n_patched_end;	  /* an end in a site that may have been rewritten since */
	/* used, though across a barrier, at a site that may have been rewritten since */
	uint64_t n_patched_barrier;
	uint64_t n_live;	 /* both ends in live text */
	uint64_t n_live_barrier; /* used, though across a barrier of the file: live text has none */
	uint64_t n_live_bogus;	 /* of n_bogus: across a barrier that only live text has */
	uint64_t n_no_symbols;	 /* of n_external: a side is in an object without symbols */
	uint64_t n_between;	 /* of n_bogus: the sides are in two objects */
};

/*
 * Of the pairs whose both ends are known to be code, those that were thrown away: what does not
 * fit the files. SHARE_UNKNOWN (verdict.h): there are no such pairs. At most 1, whatever the
 * counts.
 */
double ranges_invalid_share(const struct range_health *health);

/* Weighted counts of branches; n_branches - n_no_target are used. */
struct branch_health {
	uint64_t n_branches;	    /* all */
	uint64_t n_no_target;	    /* dropped: the target is no instruction of a file we have */
	uint64_t n_external_source; /* of those kept: the source is none, likewise */
	uint64_t
		n_patched; /* RANGES_ACCURATE: an end inside a rewritten site, moved to its start */
	uint64_t n_no_symbols; /* of n_no_target: it is in an object without symbols */
	uint64_t n_between;    /* of those kept: from one object into another */
};

/*
 * What became of the counts of one object: of branches that arrive in it, of pairs that start in it
 * (or end in it, if the start is in none).
 */
struct object_figures {
	struct branch_health branches;
	struct range_health ranges;
	/*
	 * Of all branches that arrive (RANGES_IP: of all pairs), those whose target is in a
	 * function of the debug information, so that it has frames. Not of RANGES_LLVM.
	 */
	uint64_t n_named;
};

void object_figures_add(struct object_figures *sum, const struct object_figures *part);

/* Longest range that RANGES_ACCURATE believes (google/autofdo, sample_reader.cc). */
#define RANGE_BYTES_MAX (1u << 20)

/* RANGES_LLVM knows no modules: everything is the kernel's. The others want patches loaded. */
struct selection {
	const struct objects *objects;
	enum range_rule rule;
	/*
	 * objects->n + 1, zeroed or of the other selection, by struct object's number; the last one
	 * is of what is in no object. NULL: only sums are asked for.
	 */
	struct object_figures *figures;
};

/*
 * Replaces counts->ranges, all pairs as counters_snapshot() leaves them (an external side is
 * VADDR_EXTERNAL), by the ranges among them, normalized.
 */
void ranges_select(const struct selection *selection, struct branch_counts *counts,
		   struct range_health *ret_health);

/*
 * Replaces counts->branches by those that arrive at an instruction, normalized; a source that is
 * none becomes VADDR_EXTERNAL. RANGES_IP: there are none, whatever was counted.
 */
void branches_select(const struct selection *selection, struct branch_counts *counts,
		     struct branch_health *ret_health);
