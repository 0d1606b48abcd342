/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Moving what one block of counters has counted into another, in slices, such that at every
 * instruction each count is in exactly one of the two: then a killed process loses nothing. Inside
 * of aggregate/ only.
 *
 *   move_keys()     makes room in the destination; it may turn out that there is none
 *   move_begin()
 *   move_counts()   slot by slot
 *   move_finish()   totals and note; the source is left to be reset (TASK_RESET)
 *
 * Both have the same chain rule and classifier and are in memfds; no table of the destination is
 * smaller than that of the source. Neither is used otherwise between move_begin() and
 * move_finish().
 */

#include "counters_inside.h"

/* Work to be done by one call, and where it goes on: the next slot of the source. */
struct move_cursor {
	size_t at; /* counters_n_slots() of the source: done */
};

/* Could the sums of both overflow a count? Then they are not to be moved. */
bool move_is_too_heavy(const struct counters *dst, const struct counters *src);

#define MOVE_E_MORE 1
#define MOVE_E_FULL 2
/*
 * n_max: keys that a table of dst may have for new ones, in 1/8 of its slots. 0; MOVE_E_MORE;
 * MOVE_E_FULL: no room, or the two classified an edge differently; dst has some new keys, without
 * counts.
 */
must_check int move_keys(struct counters *dst, const struct counters *src, size_t n_slots,
			 unsigned int n_eighths, struct move_cursor *cursor);
void move_begin(struct counters *dst, struct counters *src);
/* 0; MOVE_E_MORE; -EBADMSG: a key is missing, so somebody else writes to src or dst. */
must_check int move_counts(struct counters *dst, struct counters *src, size_t n_slots,
			   struct move_cursor *cursor);
/* note: COUNTERS_NOTE_BYTES, what dst's will be. */
void move_finish(struct counters *dst, struct counters *src, const void *note);

/*
 * What a process was in the middle of that was killed. move_is_pair(): src is what dst was moving
 * from. move_settle() then brings both to where move_counts() can go on, or, after move_finish()
 * was begun, ends that. 0, or -EBADMSG and, in *ret_what, why it cannot be done (static text).
 */
bool move_is_pair(const struct counters *dst, const struct counters *src);
must_check int move_settle(struct counters *dst, struct counters *src, const char **ret_what);
/* The same for one without the other, whose part of the counts is missing. */
must_check int move_settle_alone(struct counters *counters, const char **ret_what);
