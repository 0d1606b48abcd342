/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The two tables that branch stacks are counted into: (from, to) -> count of branches and
 * (start, end) -> count of the fall-through ranges between neighbouring branches. A sample without
 * a stack is counted as the range of the one instruction that was found running: a weaker profile.
 *
 * Addresses are offsets of 32 bits into a window of 4 GiB of run-time addresses that begins 2 GiB
 * below the image, so offset 0 is never code. Any address outside the window is *external* and
 * becomes offset 0 at once; nothing else of it is kept.
 *
 * Sizes are set at creation and never grow; adding a stack allocates nothing. What does not fit is
 * dropped and counted.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"

struct branch_counts;
struct branch_entry;
struct counters;

/* What becomes of the neighbours of an entry that is removed from a stack. */
enum chain_rule {
	/* They become neighbours; flags are not looked at: what llvm-profgen does. */
	CHAIN_LLVM,
	/*
	 * No range joins them. Entries of a wrong path or a transaction are removed, too, and so is
	 * the newest one if it is the same long backward branch as the next.
	 */
	CHAIN_CUT,
};

/* The halves of an edge that are fit to end (from) or to start (to) a range. */
#define FROM_GOOD 1u
#define TO_GOOD 2u

/*
 * Asked once for each distinct edge, when it is first seen. Returns FROM_GOOD | TO_GOOD as they
 * apply; the answer must not change over time. Offset 0 is external: its bit is ignored.
 */
typedef uint8_t (*counters_classify_fn)(void *context, uint32_t from_off, uint32_t to_off);

/*
 * Slots of a table, 16 bytes each; rounded up to a power of two. Counting is fastest with up to a
 * sixth of them in use and takes twice as long with two thirds (tools/bench_count.c --slots).
 */
#define N_SLOTS_MIN 64u
#define N_SLOTS_MAX (1u << 28)

struct counters_config {
	size_t n_edge_slots;
	size_t n_range_slots;
	enum chain_rule chain;
	counters_classify_fn classify;
	void *context; /* of classify; borrowed as long as the counters live */
	/*
	 * Of counters_new() only: counts on their way to the tables, 16 bytes each; 0: none. With
	 * some more than there are ranges, a stack takes two thirds of the time. Whoever reads the
	 * counters, or merges them into others, calls counters_settle() before.
	 */
	size_t n_step_slots;
};

/* Why an entry was not counted as a branch. */
enum removed {
	REMOVED_EXTERNAL,    /* neither half is good */
	REMOVED_WRONG_PATH,  /* CHAIN_CUT: speculative, never retired */
	REMOVED_TRANSACTION, /* CHAIN_CUT: in a transaction, or an abort */
	REMOVED_REPEATED,    /* CHAIN_CUT: the newest one, recorded twice */
	REMOVED_TABLE_FULL,  /* no slot left for its edge */
	REMOVED_OVERFLOW,    /* its weight would overflow the counters */
	N_REMOVED,
};

/* Why a kept entry forms no pair with the newer kept entry before it. */
enum cut {
	CUT_NEWEST,   /* there is none: it is the first kept entry of its stack */
	CUT_EXTERNAL, /* what was removed between the two, see enum removed */
	CUT_WRONG_PATH,
	CUT_TRANSACTION,
	CUT_EDGE_LOST,
	CUT_RANGE_LOST, /* no slot left for the pair */
	N_CUT,
};

/* Why an instruction pointer was not counted. */
enum ip_removed {
	IP_REMOVED_EXTERNAL,   /* outside the window, or not good as a target */
	IP_REMOVED_TABLE_FULL, /* as above */
	IP_REMOVED_OVERFLOW,
	N_IP_REMOVED,
};

/*
 * Nothing is unaccounted for:
 *   n_stacks  == n_empty_stacks + n_void_stacks + n_cut[CUT_NEWEST]
 *   n_entries == n_kept + sum of n_removed
 *   n_ips     == n_kept_ips + sum of n_ip_removed
 *   n_kept + n_kept_ips == n_pairs + sum of n_cut
 * and of the tables' counts
 *   kept_weight == sum over edges with a good half,  pairs_weight == sum over pairs.
 */
struct counters_totals {
	uint64_t n_stacks;
	uint64_t n_empty_stacks; /* without any entry */
	uint64_t n_void_stacks;	 /* with entries, all of them removed */
	uint64_t n_entries;
	uint64_t n_kept;
	uint64_t n_removed[N_REMOVED];
	uint64_t n_pairs;
	uint64_t n_cut[N_CUT];
	uint64_t kept_weight;  /* kept entries times the weight of their stack */
	uint64_t pairs_weight; /* pairs, likewise */
	uint64_t n_ips;	       /* samples without a stack */
	uint64_t n_kept_ips;   /* a pair each: the instruction and itself */
	uint64_t n_ip_removed[N_IP_REMOVED];
	uint64_t added_weight; /* all entries and ips, likewise, but those that would overflow */
};

struct counters_fill {
	size_t n_edges, n_edge_slots;
	size_t n_ranges, n_range_slots;
};

/* lifecycle */

/* 0; -EINVAL: a size outside N_SLOTS_MIN..N_SLOTS_MAX; -ENOMEM. */
must_check int counters_new(const struct counters_config *config, struct counters **ret_counters);
void counters_free(struct counters *counters);
DEFINE_CLEANUP(struct counters, counters, counters_free)

/* use */

/*
 * Counts one stack, newest entry first, weight times. window_ip is the run-time address of offset
 * 0. A window that would run past the end of the address space ends there: it does not wrap around
 * into user addresses.
 *
 * Every kept entry is counted as a branch. Every kept entry but the newest also counts the pair of
 * its target and the source of the newer kept entry, unless the chain is cut between the two; a
 * half that is not good stands in a pair as offset 0.
 */
void counters_add_stack(struct counters *counters, uint64_t window_ip,
			const struct branch_entry *entries, size_t n_entries, uint64_t weight);

/*
 * Counts the instruction at ip, weight times, as a pair of itself and itself. The classifier is
 * asked for it each time, as for an edge from there to there; it must be good as a target.
 */
void counters_add_ip(struct counters *counters, uint64_t window_ip, uint64_t ip, uint64_t weight);

/* Brings all counts into the tables. Without n_step_slots they are there anyway. */
void counters_settle(struct counters *counters);

/* True if a table is 3/4 full: time to take a snapshot and reset. */
bool counters_is_nearly_full(const struct counters *counters);
struct counters_fill counters_fill(const struct counters *counters);
/* Borrowed, and counted on. */
const struct counters_totals *counters_totals(const struct counters *counters);

#define COUNTERS_E_FULL 1
/*
 * Adds what src counted to dst. 0; COUNTERS_E_FULL: dst has no room for all of it, and none of it
 * was counted, but keys of src may have taken slots of dst; -EINVAL: the chain rules differ, or src
 * and dst classify an edge differently.
 */
must_check int counters_merge(struct counters *dst, const struct counters *src);

/* Forgets everything that was counted; not the note. */
void counters_reset(struct counters *counters);

/*
 * Room for what its owner must not forget either, such as what was lost and rejected so far: zeros
 * at first, COUNTERS_NOTE_BYTES, aligned to 8. It goes with the counters from process to process
 * (counters_fd.h), and nobody checks it on the way.
 */
#define COUNTERS_NOTE_BYTES 1024u
void *counters_note(struct counters *counters);
/* Replaces it by COUNTERS_NOTE_BYTES: a process that is killed leaves the old or the new one. */
void counters_write_note(struct counters *counters, const void *note);

/*
 * The counts in link-time addresses, normalized; window_vaddr is the one of offset 0. Branches are
 * those with a good target; a source that is not good is VADDR_EXTERNAL. Ranges are *all* pairs,
 * VADDR_EXTERNAL standing for a half that is not good: which are ranges is the reader's to judge.
 * 0, -ENOMEM. The caller deinits *ret.
 */
must_check int counters_snapshot(const struct counters *counters, uint64_t window_vaddr,
				 struct branch_counts *ret);

/* A stretch of the window: offsets lo_off to hi_off, both included, in link-time addresses. */
struct snapshot_piece {
	uint32_t lo_off, hi_off;
	uint64_t vaddr; /* of lo_off */
};

/*
 * The same where the window holds several objects, each with its place among link-time addresses:
 * n pieces by address, disjoint. What is in no piece is VADDR_EXTERNAL, and branches to it are left
 * out.
 */
must_check int counters_snapshot_pieces(const struct counters *counters,
					const struct snapshot_piece *pieces, size_t n_pieces,
					struct branch_counts *ret);

/*
 * How many branches, kept and removed ones, arrived in each of the pieces (by address, disjoint;
 * vaddr is not looked at): ret_sums[i] in pieces[i], ret_sums[n] elsewhere in the window,
 * ret_sums[n + 1] outside of it. Of what is not an object this is all that is ever said.
 */
void counters_sum_targets(const struct counters *counters, const struct snapshot_piece *pieces,
			  size_t n_pieces, uint64_t *ret_sums);

/*
 * Verifies the equations at struct counters_totals and the shape of the tables: 0, or -EBADMSG
 * and, in *ret_what, which one does not hold (static text). Reads both tables completely.
 */
must_check int counters_check(const struct counters *counters, const char **ret_what);
