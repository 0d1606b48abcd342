/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sorting is most of a snapshot's time: a million keys took qsort() a third of a second, in which
 * the daemon reads no ring. All addresses of an object are close together, so digit by digit from
 * the least (LSD radix sort) few digits remain: three of 11 bits each for a kernel of 8 GiB.
 */
#include "branch_counts.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define DIGIT_BITS 11u
#define N_DIGITS (1u << DIGIT_BITS)
/* Below, counting digits costs more than it saves. */
#define N_WORTH_IT 1024u

/* Both kinds of item are three u64: first address, second address, count. */
_Static_assert(sizeof(struct branch_count) == 24 && sizeof(struct range_count) == 24, "three u64");

struct item {
	uint64_t key[2];
	uint64_t n;
};

static int compare_items(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	int k = x->key[0] == y->key[0];

	return (x->key[k] > y->key[k]) - (x->key[k] < y->key[k]);
}

static bool is_sorted(const struct item *items, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (compare_items(&items[i - 1], &items[i]) > 0)
			return false;
	return true;
}

/* The addresses of one column, without the gap between VADDR_EXTERNAL and the others. */
struct scale {
	uint64_t gap;
	unsigned int n_bits; /* of the largest */
};

static inline uint64_t scale_down(struct scale scale, uint64_t vaddr)
{
	return vaddr > VADDR_EXTERNAL ? vaddr - scale.gap : vaddr;
}

static struct scale scale_of(const struct item *items, size_t n, int column)
{
	uint64_t min = UINT64_MAX, max = 0;
	struct scale scale = { 0 };

	for (size_t i = 0; i < n; i++) {
		uint64_t vaddr = items[i].key[column];

		if (vaddr > VADDR_EXTERNAL && vaddr < min)
			min = vaddr;
		if (vaddr > max)
			max = vaddr;
	}
	if (max > VADDR_EXTERNAL)
		scale.gap = min - VADDR_EXTERNAL - 1;
	max = scale_down(scale, max);
	scale.n_bits = max ? 64 - (unsigned int)__builtin_clzll(max) : 0;
	return scale;
}

/* Stable: what is equal in this digit stays in order. */
static void sort_by_digit(const struct item *from, struct item *to, size_t n, int column,
			  struct scale scale, unsigned int shift)
{
	size_t at[N_DIGITS] = { 0 };
	size_t sum = 0;

	for (size_t i = 0; i < n; i++)
		at[scale_down(scale, from[i].key[column]) >> shift & (N_DIGITS - 1)]++;
	for (size_t digit = 0; digit < N_DIGITS; digit++) {
		size_t n_here = at[digit];

		at[digit] = sum;
		sum += n_here;
	}
	for (size_t i = 0; i < n; i++)
		to[at[scale_down(scale, from[i].key[column]) >> shift & (N_DIGITS - 1)]++] =
			from[i];
}

static void sort_items(struct item *items, size_t n)
{
	struct item *other = n < N_WORTH_IT ? NULL : malloc(n * sizeof(*other));
	struct item *from = items, *to = other;

	if (!other) {
		qsort(items, n, sizeof(*items), compare_items);
		return;
	}
	for (int column = 1; column >= 0; column--) {
		struct scale scale = scale_of(items, n, column);

		for (unsigned int shift = 0; shift < scale.n_bits; shift += DIGIT_BITS) {
			struct item *sorted = to;

			sort_by_digit(from, to, n, column, scale, shift);
			to = from;
			from = sorted;
		}
	}
	if (from != items)
		memcpy(items, from, n * sizeof(*items));
	free(other);
}

static size_t sort_and_merge(struct item *items, size_t n)
{
	size_t n_kept = 0;

	if (!is_sorted(items, n))
		sort_items(items, n);
	for (size_t i = 0; i < n; i++) {
		struct item *last = n_kept ? &items[n_kept - 1] : NULL;

		if (!items[i].n)
			continue;
		if (last && compare_items(last, &items[i]) == 0) {
			if (__builtin_add_overflow(last->n, items[i].n, &last->n))
				last->n = UINT64_MAX;
			continue;
		}
		items[n_kept++] = items[i];
	}
	return n_kept;
}

void branch_counts_normalize(struct branch_counts *counts)
{
	counts->n_branches = sort_and_merge((struct item *)counts->branches, counts->n_branches);
	counts->n_ranges = sort_and_merge((struct item *)counts->ranges, counts->n_ranges);
}

void branch_counts_deinit(struct branch_counts *counts)
{
	free(counts->branches);
	free(counts->ranges);
	*counts = (struct branch_counts){ 0 };
}

static void *grown(void *items, size_t n, size_t n_more, size_t item_bytes)
{
	return reallocarray(items, n + n_more + 1, item_bytes);
}

int branch_counts_add(struct branch_counts *sum, const struct branch_counts *other)
{
	struct branch_count *branches =
		grown(sum->branches, sum->n_branches, other->n_branches, sizeof(*branches));
	struct range_count *ranges =
		grown(sum->ranges, sum->n_ranges, other->n_ranges, sizeof(*ranges));

	if (branches)
		sum->branches = branches;
	if (ranges)
		sum->ranges = ranges;
	if (!branches || !ranges)
		return -ENOMEM;
	if (other->n_branches)
		memcpy(branches + sum->n_branches, other->branches,
		       other->n_branches * sizeof(*branches));
	if (other->n_ranges)
		memcpy(ranges + sum->n_ranges, other->ranges, other->n_ranges * sizeof(*ranges));
	sum->n_branches += other->n_branches;
	sum->n_ranges += other->n_ranges;
	branch_counts_normalize(sum);
	return 0;
}
