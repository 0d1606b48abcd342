/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is left to do after an interval was closed, a little at a time:
 *
 *   closed:  filled -> keys to total -> counts to total -> cleared
 *   total:   discarded -> cleared
 *
 * Clearing gives the pages back to the kernel: that takes a tenth of the time that writing zeros
 * does, and closed takes memory only as long as it has something to say.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include "tally_inside.h"

/* Keys that the total may have, in 1/8 of a table: beyond, each look-up gets slow. */
#define N_EIGHTHS_FULL 7u

/* Slots that clearing passes in the time in which merging passes one that is in use. */
#define N_CLEARED_PER_SLOT 16u

/* clearing */

static bool needs_clearing(const struct part *part)
{
	return part->counters && part->counters->block->task == TASK_RESET;
}

void part_begin_clear(struct part *part)
{
	struct block *block = part->counters->block;

	block->task = TASK_RESET;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	block->totals = (struct counters_totals){ 0 };
	note_clear(part->counters);
	part->is_doomed = false;
	part->n_cleared = 0;
}

/* Whole pages go back to the kernel, what is left at both ends is written to. */
static void zero_bytes(char *start, char *end)
{
	const uintptr_t page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
	char *first = start + (-(uintptr_t)start & (page_bytes - 1));
	char *last = end - ((uintptr_t)end & (page_bytes - 1));

	if (first >= last || madvise(first, (size_t)(last - first), MADV_REMOVE) < 0) {
		memset(start, 0, (size_t)(end - start));
		return;
	}
	memset(start, 0, (size_t)(first - start));
	memset(last, 0, (size_t)(end - last));
}

bool part_clear(struct part *part, size_t n_slots)
{
	struct counters *counters = part->counters;
	struct slot *row = counters->edges.slots;
	size_t n_left = counters_n_slots(counters) - part->n_cleared;

	if (n_slots > n_left)
		n_slots = n_left;
	zero_bytes((char *)(row + part->n_cleared), (char *)(row + part->n_cleared + n_slots));
	part->n_cleared += n_slots;
	if (n_slots < n_left)
		return false;
	counters->block->n_edges = 0;
	counters->block->n_ranges = 0;
	block_end(counters->block);
	return true;
}

/* merging */

bool tally_is_merging(const struct tally *tally)
{
	return tally->is_filled && tally->config.accumulates && tally->phase == MERGE_COUNTS;
}

struct move_cursor tally_merge_start(const struct counters *closed)
{
	const struct block *block = closed->block;
	bool is_blank = !block->n_edges && !block->n_ranges && !block->totals.added_weight;

	/* looking at slots that nobody wrote to would give them memory */
	return (struct move_cursor){ is_blank ? counters_n_slots(closed) : 0 };
}

/* Nothing left of closed that is worth to be kept. */
static void clear_closed(struct tally *tally)
{
	part_begin_clear(tally_part_of(tally, TALLY_CLOSED));
	tally->is_filled = false;
}

static bool has_samples(const struct counters *counters)
{
	const struct counters_totals *totals = &counters->block->totals;

	return totals->n_stacks > 0 || totals->n_ips > 0;
}

static int merge_some_keys(struct tally *tally, struct counters *total, struct counters *closed,
			   size_t n_slots)
{
	/* one that has nothing yet must do, however full it gets */
	bool is_new = total->block->totals.added_weight == 0;
	int r;

	if (move_is_too_heavy(total, closed))
		return TALLY_E_FULL;
	r = move_keys(total, closed, n_slots, is_new ? 8 : N_EIGHTHS_FULL, &tally->cursor);
	if (r == MOVE_E_MORE)
		return TALLY_E_MORE;
	tally->cursor = tally_merge_start(closed);
	/* an empty one has room for sound tables: see counters_move.c */
	if (r == MOVE_E_FULL)
		return has_samples(total) ? TALLY_E_FULL : -EBADMSG;
	move_begin(total, closed);
	tally->phase = MERGE_COUNTS;
	return TALLY_E_MORE;
}

static int merge_some_counts(struct tally *tally, struct counters *total, struct counters *closed,
			     size_t n_slots)
{
	struct note note;
	int r;

	r = move_counts(total, closed, n_slots, &tally->cursor);
	if (r == MOVE_E_MORE)
		return TALLY_E_MORE;
	if (r < 0)
		return r;
	note = note_sum(total->block, closed->block);
	move_finish(total, closed, &note);
	clear_closed(tally);
	return TALLY_E_MORE;
}

static int merge_some(struct tally *tally, size_t n_slots)
{
	struct counters *total = tally->total.counters;
	struct counters *closed = tally_part_of(tally, TALLY_CLOSED)->counters;

	if (tally->phase == MERGE_KEYS)
		return merge_some_keys(tally, total, closed, n_slots);
	return merge_some_counts(tally, total, closed, n_slots);
}

int tally_work(struct tally *tally, size_t n_slots)
{
	struct part *closed = tally_part_of(tally, TALLY_CLOSED);
	bool merges = tally->is_filled && tally->config.accumulates;

	if (needs_clearing(closed))
		(void)part_clear(closed, n_slots * N_CLEARED_PER_SLOT);
	else if (needs_clearing(&tally->total))
		(void)part_clear(&tally->total, n_slots * N_CLEARED_PER_SLOT);
	else if (merges && tally->n_holds)
		return TALLY_E_HELD;
	else if (merges)
		return merge_some(tally, n_slots);
	else
		return 0;
	if (merges || needs_clearing(closed) || needs_clearing(&tally->total))
		return TALLY_E_MORE;
	return 0;
}

/* forgetting */

static void do_doomed(struct tally *tally)
{
	if (tally->n_holds)
		return;
	if (tally_part_of(tally, TALLY_CLOSED)->is_doomed)
		clear_closed(tally);
	if (tally->total.is_doomed)
		part_begin_clear(&tally->total);
}

void tally_release(struct tally *tally)
{
	assert(tally->n_holds > 0);
	tally->n_holds--;
	do_doomed(tally);
}

void tally_discard(struct tally *tally, enum tally_part part)
{
	struct part *discarded = tally_part_of(tally, part);

	assert(part != TALLY_LIVE && !tally_is_merging(tally));
	if (!discarded->counters || needs_clearing(discarded))
		return;
	discarded->is_doomed = true;
	/* keys of closed may be all that is in total */
	if (tally->total.counters && !has_samples(tally->total.counters))
		tally->total.is_doomed = true;
	if (part == TALLY_TOTAL)
		tally->cursor = tally_merge_start(tally_part(tally, TALLY_CLOSED));
	do_doomed(tally);
}

void tally_reset(struct tally *tally, uint64_t now_usec)
{
	struct part *live = tally_part_of(tally, TALLY_LIVE);

	part_begin_clear(live);
	(void)part_clear(live, SIZE_MAX);
	tally_begin(tally, now_usec);
	tally_part_of(tally, TALLY_CLOSED)->is_doomed = true;
	tally->total.is_doomed = tally->total.counters != NULL;
	do_doomed(tally);
}
