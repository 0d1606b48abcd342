/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the daemon counts into: counters of fixed size in memfds (counters_fd.h), one for each part
 *
 *   live    what is counted now
 *   closed  the last interval, until it was published or merged
 *   total   all intervals before, if the tally accumulates
 *
 * Closing an interval swaps live and closed. Merging and clearing are done in slices, between two
 * drains of the rings. Beside the counters each part keeps sums: what became of the samples that
 * are not in the tables. Sums go where counts go.
 *
 * A process may be killed at any instruction. The next one, which is handed the descriptors, finds
 * every count in exactly one part, but for what at most one stack was about to add.
 *
 * A tally never loses counts on its own: what it cannot go on with it says, and stays as it is.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "base/problem.h"
#include "collect/conservation.h"
#include "counters.h"
#include "counters_fd.h"

struct tally;

enum tally_part { TALLY_LIVE, TALLY_CLOSED, TALLY_TOTAL, N_TALLY_PARTS };

/* Slots for a machine: 16 MiB in all; the reasons are in tally.c. */
#define TALLY_N_EDGE_SLOTS (1u << 17)
#define TALLY_N_RANGE_SLOTS (1u << 17)
#define TALLY_N_TOTAL_EDGE_SLOTS (1u << 18)
#define TALLY_N_TOTAL_RANGE_SLOTS (1u << 18)

struct tally_config {
	struct counters_config counters; /* slots of live and of closed */
	struct counters_identity identity;
	bool accumulates; /* there is a total */
	/* slots of the total, at least those of counters; 0: as many */
	size_t n_total_edge_slots, n_total_range_slots;
};

/* lifecycle */

/* Bytes of all tables, a ceiling of what the tally takes; 0: tally_new() would give -EINVAL. */
uint64_t tally_bytes(const struct tally_config *config);

/* An empty one. Copies config. 0; -EINVAL: sizes, see counters_new(), or the identity; -errno. */
must_check int tally_new(const struct tally_config *config, struct tally **ret_tally,
			 struct problem *problem);
/* Counts stay in the memfds, for whoever has them. */
void tally_free(struct tally *tally);
DEFINE_CLEANUP(struct tally, tally, tally_free)

/* What became of a descriptor that was offered. */
enum tally_fate {
	TALLY_ADOPTED,	 /* and counted on; possibly repaired: then the problem says how */
	TALLY_OTHER,	 /* sound, but of another kernel, boot, source, rule or classification */
	TALLY_BROKEN,	 /* nothing that we wrote, damaged, or larger than configured */
	TALLY_DUPLICATE, /* the same memfd as one before */
	TALLY_SURPLUS,	 /* sound, but there is one for this part already, or no such part now */
};

struct tally_offer {
	int fd; /* borrowed: the tally has its own of what it adopts */
	enum tally_fate ret_fate;
	struct problem problem; /* why it was not adopted, or what had to be repaired */
};

/*
 * A tally that counts on in what a former process left, any of its descriptors in any order, and
 * has new parts for those that are missing. Fills in the fate of each offer. Tables may be smaller
 * than config says, not larger. What was counted and not noted, because its process was killed, is
 * added to the sums. 0, also if nothing could be adopted; -EINVAL, -errno as tally_new().
 */
must_check int tally_adopt(const struct tally_config *config, struct tally_offer *offers,
			   size_t n_offers, struct tally **ret_tally, struct problem *problem);

/* for the fd store */

struct tally_fd {
	int fd;		  /* borrowed */
	const char *name; /* static: "counters-a", "counters-b", "counters-total" */
	bool is_adopted;  /* was offered: the store has it */
};

/*
 * What to keep for the next process, N_TALLY_PARTS at most; returns how many. They stay the same
 * as long as the tally lives; which of a and b is live is written in them. The store takes what
 * is_adopted for what it has already. After an offer that was not adopted, names may be taken by
 * what is of no use: then remove all of them (FDSTOREREMOVE=1) before storing.
 */
size_t tally_fds(const struct tally *tally, struct tally_fd fds[N_TALLY_PARTS]);

/* counting */

/* For counters_add_stack(); another one after tally_close_interval(). */
struct counters *tally_live(struct tally *tally);
/* To be looked at: counters_totals(), counters_fill(). NULL: there is no total. */
const struct counters *tally_part(const struct tally *tally, enum tally_part part);
/* Is a table of live 3/4 full? Then the interval is to be closed early. */
bool tally_is_nearly_full(const struct tally *tally);

/* the interval */

#define TALLY_E_BUSY 1
/*
 * Live becomes closed, and counting goes on in an empty one that began now (CLOCK_REALTIME). O(1).
 * 0; TALLY_E_BUSY: closed still has counts or is being cleared. Then live is counted on.
 */
must_check int tally_close_interval(struct tally *tally, uint64_t now_usec);
/* Would tally_close_interval() succeed? */
bool tally_is_closed_free(const struct tally *tally);

/* Slots for one call of tally_work(): about half a millisecond, see tally.c. */
#define TALLY_SLICE_SLOTS 16384u

#define TALLY_E_MORE 2 /* call again */
#define TALLY_E_HELD 3 /* there is work, but a view is out */
#define TALLY_E_FULL 4 /* total has no room for closed: publish total, then tally_discard() it */
/*
 * Does up to n_slots slots' worth of what there is to do: merges closed into total, if there is
 * one, and clears what was merged or discarded. 0: nothing is left to do; TALLY_E_*.
 * In a tally without total, closed waits for tally_discard().
 *
 * Full means that a table would be filled to more than 7/8, or a sum would overflow. Nothing of
 * closed was merged then, and total is what it was before: whole intervals.
 * -EBADMSG: somebody else has written to the memfds; only tally_reset() helps.
 */
must_check int tally_work(struct tally *tally, size_t n_slots);

/*
 * What closed or total counted has been published, or is given up: it is cleared by tally_work().
 * Not while tally_is_merging(). Under a hold it stays until that is released. Not for live.
 */
void tally_discard(struct tally *tally, enum tally_part part);
/* Are the counts of closed partly in total by now? Neither part is worth a look then. */
bool tally_is_merging(const struct tally *tally);
/*
 * Forgets everything, what was noted so far included; live begins now. Live is cleared at once, in
 * some milliseconds, the others by tally_work(), those under a hold after that.
 */
void tally_reset(struct tally *tally, uint64_t now_usec);

/* views, for a worker process that is forked */

/*
 * As long as there is a hold, closed and total do not change, unless they were discarded before.
 * Holds are counted. Not while tally_is_merging().
 */
void tally_hold(struct tally *tally);
void tally_release(struct tally *tally);

/* What a child needs to look at a part. */
struct tally_view {
	int fd; /* cannot be written through; of the tally, so the child must keep it open */
	struct counters_config config;
	struct counters_identity identity;
};

/*
 * For closed or total, under a hold; to be filled in before the fork. The tally's own mappings are
 * not inherited: the child must not touch the tally, and should close all descriptors but those it
 * needs.
 */
struct tally_view tally_view(const struct tally *tally, enum tally_part part);
/*
 * In the child: the part, in a private mapping that can only be read: counters_snapshot(),
 * counters_totals(). As counters_view().
 */
must_check int tally_view_open(const struct tally_view *view, struct counters **ret_counters,
			       struct problem *problem);

/* sums */

/* Reasons that n_rejected tells apart: enum sampler_use. */
#define TALLY_N_REASONS 16u

/* Kinds of places that n_targets tells apart: enum place_kind. */
#define TALLY_N_PLACES 12u

/* All since the part began, or since the process began: see below. */
struct tally_sums {
	struct conservation conservation; /* is_settled says nothing */
	uint64_t n_rejected[TALLY_N_REASONS];
	uint64_t gate_open_ns, gate_closed_ns;
	uint64_t n_gate_openings;
	uint64_t paused_ns; /* stopped by the budget or by hand */
	uint64_t cpu_ns;    /* that we used ourselves */
	uint64_t n_wakeups;
	/* of the samples that were used, in samples of the configured period: see budget.h */
	uint64_t weight_sum, weight_squares_sum;
	/* branches of the samples that were counted, by what they lead to: see intake.h */
	uint64_t n_targets[TALLY_N_PLACES];
};

/*
 * What has happened since this process began. What is new since the call before is added to live's
 * sums, all of it or, if killed, nothing. Cheap: after each drain, and before an interval is
 * closed.
 */
void tally_note(struct tally *tally, const struct tally_sums *now);
/* Sums of a part, of all processes that counted in it; zeros if there is no such part. */
struct tally_sums tally_sums(const struct tally *tally, enum tally_part part);

/* Says when live began, if nobody has yet: once after tally_new() or tally_adopt(). */
void tally_begin(struct tally *tally, uint64_t now_usec);
/* When the first interval in the part began, CLOCK_REALTIME; 0: it is empty. */
uint64_t tally_began_usec(const struct tally *tally, enum tally_part part);
