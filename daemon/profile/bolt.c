/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ranges are sorted by start, so those of one start stand together. Entered-from flags are kept for
 * the first range of each start: one pass over the branches sets them, one over the ranges writes.
 */
#include "bolt.h"

#include <errno.h>
#include <stdbool.h>

enum { FROM_INSIDE = 1, FROM_OUTSIDE = 2 };

/* How many of n sorted addresses are at or below vaddr: the same for all of one function. */
static size_t count_at_or_below(const uint64_t *sorted, size_t n, uint64_t vaddr)
{
	size_t lo = 0;

	while (n > 0) {
		size_t half = n / 2;

		if (sorted[lo + half] <= vaddr) {
			lo += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return lo;
}

/* The first range that starts at vaddr, or n_ranges. */
static size_t find_range(const struct branch_counts *counts, uint64_t vaddr)
{
	size_t lo = 0, n = counts->n_ranges;

	while (n > 0) {
		size_t half = n / 2;

		if (counts->ranges[lo + half].start_vaddr < vaddr) {
			lo += half + 1;
			n -= half + 1;
		} else {
			n = half;
		}
	}
	return lo < counts->n_ranges && counts->ranges[lo].start_vaddr == vaddr ? lo
										: counts->n_ranges;
}

static void note_sources(const struct branch_counts *counts, const uint64_t *starts,
			 size_t n_starts, uint8_t *entered)
{
	for (size_t i = 0; i < counts->n_branches; i++) {
		const struct branch_count *b = &counts->branches[i];
		size_t range = find_range(counts, b->to_vaddr);
		bool is_inside;

		if (range == counts->n_ranges)
			continue;
		is_inside = b->from_vaddr != VADDR_EXTERNAL &&
			    count_at_or_below(starts, n_starts, b->from_vaddr) ==
				    count_at_or_below(starts, n_starts, b->to_vaddr);
		entered[range] |= is_inside ? FROM_INSIDE : FROM_OUTSIDE;
	}
}

static void put_branch(const struct branch_count *b, struct buf *buf)
{
	buf_str(buf, b->from_vaddr == VADDR_EXTERNAL ? "B X:" : "B ");
	buf_hex(buf, b->from_vaddr == VADDR_EXTERNAL ? 0 : b->from_vaddr);
	buf_u8(buf, ' ');
	buf_hex(buf, b->to_vaddr);
	buf_u8(buf, ' ');
	buf_decimal(buf, b->n);
	buf_str(buf, " 0\n");
}

static void put_range(const struct range_count *r, bool is_entry, struct buf *buf)
{
	buf_str(buf, is_entry ? "f " : "F ");
	buf_hex(buf, r->start_vaddr);
	buf_u8(buf, ' ');
	buf_hex(buf, r->end_vaddr);
	buf_u8(buf, ' ');
	buf_decimal(buf, r->n);
	buf_u8(buf, '\n');
}

int bolt_encode(const struct branch_counts *counts, const uint64_t *function_starts,
		size_t n_function_starts, struct buf *buf)
{
	uint8_t *entered = calloc(counts->n_ranges + 1, 1);
	size_t first = 0; /* range of the same start */

	if (!entered)
		return -ENOMEM;
	note_sources(counts, function_starts, n_function_starts, entered);
	for (size_t i = 0; i < counts->n_branches; i++)
		put_branch(&counts->branches[i], buf);
	for (size_t i = 0; i < counts->n_ranges; i++) {
		if (counts->ranges[i].start_vaddr != counts->ranges[first].start_vaddr)
			first = i;
		put_range(&counts->ranges[i], entered[first] == FROM_OUTSIDE, buf);
	}
	free(entered);
	return buf->error;
}
