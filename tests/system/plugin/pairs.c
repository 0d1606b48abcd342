/* SPDX-License-Identifier: Apache-2.0 */
#include "pairs.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_AT_START (1 << 16)

static struct raw_pair *slots_new(size_t n_slots)
{
	struct raw_pair *slots = calloc(n_slots, sizeof(*slots));

	if (!slots) {
		fputs("branch-recorder: out of memory\n", stderr);
		exit(1);
	}
	return slots;
}

void pairs_init(struct pairs *pairs)
{
	pairs->n_slots = SLOTS_AT_START;
	pairs->n_used = 0;
	pairs->slots = slots_new(pairs->n_slots);
}

void pairs_deinit(struct pairs *pairs)
{
	free(pairs->slots);
	pairs->slots = NULL;
}

/* Fibonacci hashing (Knuth, TAOCP 6.4) of the mixed pair. */
static size_t slot_of(const struct pairs *pairs, uint64_t first, uint64_t second)
{
	uint64_t hash = (first ^ (second << 23 | second >> 41)) * 0x9e3779b97f4a7c15;

	return (hash >> 32) & (pairs->n_slots - 1);
}

static struct raw_pair *find_slot(struct pairs *pairs, uint64_t first, uint64_t second)
{
	size_t i = slot_of(pairs, first, second);

	for (;;) {
		struct raw_pair *slot = &pairs->slots[i];

		if (!slot->count || (slot->first == first && slot->second == second))
			return slot;
		i = (i + 1) & (pairs->n_slots - 1);
	}
}

static void grow(struct pairs *pairs)
{
	struct raw_pair *old = pairs->slots;
	size_t n_old = pairs->n_slots;

	pairs->n_slots *= 2;
	pairs->slots = slots_new(pairs->n_slots);
	for (size_t i = 0; i < n_old; i++)
		if (old[i].count)
			*find_slot(pairs, old[i].first, old[i].second) = old[i];
	free(old);
}

void pairs_add(struct pairs *pairs, uint64_t first, uint64_t second)
{
	struct raw_pair *slot = find_slot(pairs, first, second);

	if (slot->count++)
		return;
	slot->first = first;
	slot->second = second;
	if (++pairs->n_used * 2 > pairs->n_slots)
		grow(pairs);
}

static int compare_pairs(const void *left, const void *right)
{
	const struct raw_pair *a = left;
	const struct raw_pair *b = right;

	if (a->first != b->first)
		return a->first < b->first ? -1 : 1;
	return (a->second > b->second) - (a->second < b->second);
}

void pairs_write_sorted(struct pairs *pairs, FILE *file)
{
	size_t n = 0;

	for (size_t i = 0; i < pairs->n_slots; i++)
		if (pairs->slots[i].count)
			pairs->slots[n++] = pairs->slots[i];
	qsort(pairs->slots, n, sizeof(*pairs->slots), compare_pairs);
	fwrite(pairs->slots, sizeof(*pairs->slots), n, file);
}
