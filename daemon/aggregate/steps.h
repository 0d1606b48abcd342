/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Steps: an edge together with where the range behind it ends, which is what an entry of a stack
 * mostly comes to: one more of both. A table of steps makes one look-up of two, in slots that are
 * as large as those of either table; there are hardly twice as many steps as edges. What it counted
 * is not in the tables before it is settled (counters_settle()), so it is not for counters that
 * another process takes up. Inside of aggregate/ only.
 *
 * It is a cache: a step has its place in one of the four slots of a cache line, mostly the one of
 * them that is its home. If all are in use it takes its home from another one, which is settled.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "table.h"

/* Instead of an end: the newest of its stack, so no range. */
#define STEP_NEWEST 0u

/* An empty slot is zeros; it looks like the newest entry, if both of its halves are external. */
struct step {
	uint64_t edge; /* its key as it came; 0: empty */
	uint32_t end;  /* ~ of the range's end as counted; or STEP_NEWEST */
	uint32_t n;    /* not settled yet */
};

#define STEPS_PER_LINE 4u
#define STEP_HASH_SHIFT 32u /* 32 bits of mask: 2^28 slots */

struct steps {
	struct step *slots; /* in memory; n_slots, a power of two; aligned to a cache line */
	void *memory;	    /* owned */
	size_t n_slots;
	uint64_t mask;	    /* of a slot's place in bytes */
	uint64_t n_counted; /* at most so many since all were settled: no n is larger */
};

/* 0, -ENOMEM. */
must_check int steps_new(struct steps **ret_steps, size_t n_slots);
void steps_free(struct steps *steps);

/* Adds the count of the step to both tables, which have both keys. */
void step_settle(struct step *step, const struct table *edges, const struct table *ranges);
void steps_settle(struct steps *steps, const struct table *edges, const struct table *ranges);
void steps_clear(struct steps *steps);

/* inline helpers */

/* The middle bits of the product, in fewer instructions than a shift that varies would take. */
static inline struct step *step_home(struct step *slots, uint64_t mask, uint64_t edge, uint32_t end)
{
	uint64_t product = (edge ^ (uint64_t)end << 13) * HASH_FACTOR;

	return (struct step *)((uintptr_t)slots + (product >> STEP_HASH_SHIFT & mask));
}

static inline bool step_is(const struct step *step, uint64_t edge, uint32_t end)
{
	return step->edge == edge && step->end == end;
}

/* One of the others of its cache line, i from 1. */
static inline struct step *step_beside(struct step *step, unsigned int i)
{
	return (struct step *)((uintptr_t)step ^ i * sizeof(*step));
}
