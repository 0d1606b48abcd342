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
#include "table.h"

#define HEADER_BYTES 4096u
#define BLOCK_MAGIC 0x746e756f43644641ull /* "AFdCount" */
#define BLOCK_VERSION 2u		  /* of everything in the block, totals included */

/* What a block was in the middle of when its process died. */
enum block_task {
	TASK_NONE,
	TASK_STACK, /* may be settled: see counters_repair.c */
	TASK_RESET, /* is to be done again */
	TASK_MERGE, /* cannot be settled */
};

/* A stack that is being counted, and what total_stack() is to change in several steps. */
struct stack_task {
	uint64_t n_entries, weight;
	uint64_t n_pairs, pairs_weight; /* of the totals, before the stack */
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
	uint8_t note[COUNTERS_NOTE_BYTES];
};

_Static_assert(sizeof(struct block) <= HEADER_BYTES, "the header's page");

struct counters {
	struct block *block;	    /* owned mapping */
	size_t n_bytes;		    /* … its size; the block's own word may not be what it was */
	struct table edges, ranges; /* views of the block */
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

/* The VALUE_* bits of an edge, by asking the classifier. */
uint64_t edge_class(const struct counters *counters, uint64_t key);

/*
 * Brings what a process left behind, killed in the middle of a task, back to where the equations at
 * struct counters_totals hold. 0; -EBADMSG and, in *ret_what, why it cannot be done (static text).
 */
int counters_repair(struct counters *counters, const char **ret_what);

/* inline helpers */

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
