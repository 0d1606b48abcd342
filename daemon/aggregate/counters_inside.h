/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What struct counters is, for the files that implement it.
 *
 *   block | header, 1 page | edge slots | range slots |
 *
 * The block has no pointers, so that another process can map it elsewhere.
 */

#include "counters.h"
#include "counters_fd.h"
#include "steps.h"
#include "table.h"

#define HEADER_BYTES 4096u
#define BLOCK_MAGIC 0x746e756f43644641ull /* "AFdCount" */
#define BLOCK_VERSION 4u		  /* of everything in the block, totals included */

/* What a block was in the middle of when its process died. */
enum block_task {
	TASK_NONE,
	TASK_STACK, /* may be settled: see counters_repair.c */
	TASK_IP,    /* likewise */
	TASK_RESET, /* is to be done again */
	TASK_MERGE, /* cannot be settled */
	/* of a move, see counters_move.h; of its destination, but for TASK_MOVE_OUT */
	TASK_KEYS,     /* new keys may be half written */
	TASK_MOVE_IN,  /* its tables and those of the source make up both totals together */
	TASK_MOVE_OUT, /* … of the source */
	TASK_MOVED,    /* the tables are complete, totals and note may not be */
};

/* Which part of a tally a block is. */
enum block_role {
	ROLE_ALONE,    /* none */
	ROLE_INTERVAL, /* of two, that with the higher sequence is live */
	ROLE_TOTAL,
};

/*
 * A stack, or an ip, that is being counted, and what total_stack() is to change in several steps.
 */
struct stack_task {
	uint64_t n_entries, weight;
	uint64_t n_pairs, pairs_weight; /* of the totals, before the stack */
};

/*
 * A move of counts into this block. Slots of both tables are numbered as one row, edges first.
 * While is_armed, slot to_at is to have to_value, and slot from_at of the source no count.
 */
struct move_task {
	uint64_t source; /* its sequence */
	uint64_t is_armed;
	uint64_t from_at, to_at, to_value;
	struct counters_totals totals; /* TASK_MOVED: what they are to be */
};

struct block {
	uint64_t magic;
	uint32_t version;
	uint32_t n_header_bytes; /* sizeof(struct block) */
	uint64_t n_bytes;	 /* of the mapping */
	uint64_t chain;		 /* enum chain_rule */
	uint64_t n_edge_slots, n_range_slots;
	struct counters_identity identity;
	uint64_t task; /* enum block_task */
	struct stack_task stack;
	uint64_t n_edges, n_ranges;
	struct counters_totals totals;
	uint64_t role; /* enum block_role */
	uint64_t sequence;
	struct move_task move;
	uint64_t is_note_staged; /* then the staged one is to become the note */
	uint64_t note[COUNTERS_NOTE_BYTES / 8];
	uint64_t staged_note[COUNTERS_NOTE_BYTES / 8];
};

_Static_assert(sizeof(struct block) <= HEADER_BYTES, "the header's page");

struct counters {
	struct block *block;	    /* owned mapping */
	size_t n_bytes;		    /* … its size; the block's own word may not be what it was */
	struct table edges, ranges; /* views of the block */
	struct steps *steps;	    /* owned; NULL: none */
	enum chain_rule chain;
	counters_classify_fn classify;
	void *context;
};

/* Slots of both tables and bytes of the block; -EINVAL: a size outside N_SLOTS_MIN..N_SLOTS_MAX. */
struct block_shape {
	size_t n_edge_slots, n_range_slots, n_bytes;
};

int block_shape_of(const struct counters_config *config, struct block_shape *ret_shape);
/* Fills in the header of zeroed memory. */
void block_init(struct block *block, const struct block_shape *shape, enum chain_rule chain);
/* Counters on a block of this shape, whose mapping they take; -ENOMEM, and the caller keeps it. */
int counters_wrap(struct block *block, const struct block_shape *shape,
		  const struct counters_config *config, struct counters **ret_counters);
/* Large ones in huge pages where the kernel gives them: slots are hit at random. */
void block_advise(void *block, size_t n_bytes);

/* Ends counters_write_note(), if it was begun. */
void block_settle_note(struct block *block);

/* The VALUE_* bits of an edge, by asking the classifier. */
uint64_t edge_class(const struct counters *counters, uint64_t key);

/*
 * Brings what a process left behind, killed in the middle of a task, back to where the equations at
 * struct counters_totals hold. 0; -EBADMSG and, in *ret_what, why it cannot be done (static text).
 */
int counters_repair(struct counters *counters, const char **ret_what);

/*
 * counters_adopt() in two steps, between which a move is settled: takes up the block if its header
 * is sound and fits; then repairs it and verifies what is in it. Codes as there.
 */
must_check int counters_take_up(int fd, const struct counters_config *config,
				const struct counters_identity *identity,
				struct counters **ret_counters, struct problem *problem);
must_check int counters_check_contents(struct counters *counters, struct problem *problem);

/* inline helpers */

/* Slots of both tables as one row. */
static inline size_t counters_n_slots(const struct counters *counters)
{
	return counters->edges.n_slots + counters->ranges.n_slots;
}

/* A killed process has done what it did in program order, if the compiler kept to it. */
static inline void block_begin(struct block *block, enum block_task task)
{
	block->task = task;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static inline void block_end(struct block *block)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	block->task = TASK_NONE;
}
