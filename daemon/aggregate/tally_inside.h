/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What struct tally is, for the files that implement it.
 *
 *   tally.c        parts, the swap, views
 *   tally_work.c   merging and clearing
 *   tally_adopt.c  what a former process left
 *   tally_sums.c   the note
 *
 * All that must outlive the process stands in the blocks (counters_inside.h): role says whether a
 * block is an interval or the total, sequence which of the two intervals is live: the higher one.
 * What stands here is only how far the work got.
 */

#include "counters_inside.h"
#include "counters_move.h"
#include "tally.h"

struct part {
	struct counters *counters; /* NULL: there is no such part; inherited by no child */
	int fd, view_fd;	   /* owned; view_fd is open for reading only */
	bool is_adopted;
	bool is_doomed;	  /* to be cleared as soon as nobody looks */
	size_t n_cleared; /* TASK_RESET: slots */
};

enum merge_phase { MERGE_KEYS, MERGE_COUNTS };

struct tally {
	struct tally_config config;
	struct part intervals[2]; /* their sequences are even, odd */
	struct part total;
	unsigned int i_live; /* of intervals */
	unsigned int n_holds;
	bool is_filled; /* closed may have counts, and is not being cleared */
	enum merge_phase phase;
	struct move_cursor cursor;
	struct tally_sums noted; /* of this process, so far */
};

struct part *tally_part_of(struct tally *tally, enum tally_part part);
const struct part *tally_look_at(const struct tally *tally, enum tally_part part);

/* The slots of a part. */
struct counters_config tally_slots(const struct tally_config *config, bool is_total);

/* An empty part; 0, -errno. On failure the part is as it was. */
must_check int part_init(struct part *part, const struct counters_config *config,
			 const struct counters_identity *identity, enum block_role role,
			 uint64_t sequence);
/* A part on counters and a descriptor, both of which it takes if it succeeds; 0, -errno. */
must_check int part_init_from(struct part *part, struct counters *counters, int fd);
void part_deinit(struct part *part);

/* Nothing was counted, or will be cleared soon. */
bool part_is_empty(const struct part *part);

/* From now on it counts as empty; part_clear() goes on, n_slots at a time: true when done. */
void part_begin_clear(struct part *part);
bool part_clear(struct part *part, size_t n_slots);

/* Where merging closed begins. */
struct move_cursor tally_merge_start(const struct counters *closed);

/* The note of a block is u64 words, see tally_sums.c. */
#define NOTE_WORDS (COUNTERS_NOTE_BYTES / 8)

struct note {
	uint64_t words[NOTE_WORDS];
};

/* Is it of this version, or is there none yet? */
bool note_is_ours(const struct block *block);
/* What is in both. */
struct note note_sum(const struct block *a, const struct block *b);
void note_clear(struct counters *counters);
/*
 * Adds samples that were counted and are not in the note, because the process was killed in
 * between; what it rejected or lost meanwhile nobody knows. Says how many they were.
 */
uint64_t note_catch_up(struct counters *counters);
