/* SPDX-License-Identifier: Apache-2.0 */
#include "steps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_LINE_BYTES 64u
#define N_AHEAD 16u

_Static_assert(sizeof(struct step) * STEPS_PER_LINE == CACHE_LINE_BYTES, "as it says");

/* Zeros of the kernel: pages that no step falls on take no memory. */
static int alloc_slots(struct steps *steps)
{
	uintptr_t start;

	steps->memory = calloc(1, steps->n_slots * sizeof(*steps->slots) + CACHE_LINE_BYTES);
	if (!steps->memory)
		return -ENOMEM;
	start = (uintptr_t)steps->memory + CACHE_LINE_BYTES - 1;
	steps->slots = (struct step *)(start & ~(uintptr_t)(CACHE_LINE_BYTES - 1));
	return 0;
}

int steps_new(struct steps **ret_steps, size_t n_slots)
{
	struct steps *steps = calloc(1, sizeof(*steps));
	int r;

	if (!steps)
		return -ENOMEM;
	steps->n_slots = STEPS_PER_LINE;
	while (steps->n_slots < n_slots)
		steps->n_slots *= 2;
	steps->mask = (steps->n_slots - 1) * sizeof(*steps->slots);
	r = alloc_slots(steps);
	if (r < 0) {
		free(steps);
		return r;
	}
	*ret_steps = steps;
	return 0;
}

void steps_free(struct steps *steps)
{
	if (!steps)
		return;
	free(steps->memory);
	free(steps);
}

void steps_clear(struct steps *steps)
{
	memset(steps->slots, 0, steps->n_slots * sizeof(*steps->slots));
	steps->n_counted = 0;
}

void step_settle(struct step *step, const struct table *edges, const struct table *ranges)
{
	struct slot *edge, *range;
	uint64_t key;

	if (!step->n)
		return;
	edge = table_probe(edges, step->edge);
	key = key_as_counted(step->edge, edge->value);
	edge->value += step->n;
	if (step->end != STEP_NEWEST) {
		range = table_probe(ranges, key_of(key_second(key), ~step->end));
		range->value += step->n;
	}
	step->n = 0;
}

/* Where the step's keys mostly are: asked for early, as they are anywhere in the tables. */
static inline void prefetch(const struct step *step, const struct table *edges,
			    const struct table *ranges)
{
	uint64_t range = key_of(key_second(step->edge), ~step->end);

	__builtin_prefetch(&edges->slots[table_home(edges, step->edge)], 1);
	__builtin_prefetch(&ranges->slots[table_home(ranges, range)], 1);
}

void steps_settle(struct steps *steps, const struct table *edges, const struct table *ranges)
{
	for (size_t i = 0; i < steps->n_slots; i++) {
		const struct step *ahead = &steps->slots[i + N_AHEAD];

		if (i + N_AHEAD < steps->n_slots && ahead->n)
			prefetch(ahead, edges, ranges);
		step_settle(&steps->slots[i], edges, ranges);
	}
	steps->n_counted = 0;
}
