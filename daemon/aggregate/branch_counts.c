/* SPDX-License-Identifier: Apache-2.0 */
#include "branch_counts.h"

static int compare_pairs(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	if (x[0] != y[0])
		return x[0] < y[0] ? -1 : 1;
	return (x[1] > y[1]) - (x[1] < y[1]);
}

/* Both kinds of item are three u64: first address, second address, count. */
_Static_assert(sizeof(struct branch_count) == 24 && sizeof(struct range_count) == 24, "three u64");

static size_t sort_and_merge(uint64_t (*items)[3], size_t n)
{
	size_t n_kept = 0;

	if (n)
		qsort(items, n, sizeof(*items), compare_pairs);
	for (size_t i = 0; i < n; i++) {
		uint64_t *last = n_kept ? items[n_kept - 1] : NULL;

		if (!items[i][2])
			continue;
		if (last && last[0] == items[i][0] && last[1] == items[i][1]) {
			if (__builtin_add_overflow(last[2], items[i][2], &last[2]))
				last[2] = UINT64_MAX;
			continue;
		}
		for (int k = 0; k < 3; k++)
			items[n_kept][k] = items[i][k];
		n_kept++;
	}
	return n_kept;
}

void branch_counts_normalize(struct branch_counts *counts)
{
	counts->n_branches = sort_and_merge((void *)counts->branches, counts->n_branches);
	counts->n_ranges = sort_and_merge((void *)counts->ranges, counts->n_ranges);
}

void branch_counts_deinit(struct branch_counts *counts)
{
	free(counts->branches);
	free(counts->ranges);
	*counts = (struct branch_counts){ 0 };
}
