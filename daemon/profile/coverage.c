/* SPDX-License-Identifier: Apache-2.0 */
#include "coverage.h"

#include <errno.h>
#include <stdlib.h>
#include "base/array.h"
#include "base/radix.h"

#define N_EDGES_MAX (64u << 20)

/* One end of one range; equal addresses are merged during the sweep. */
struct edge {
	uint64_t vaddr; /* first: what they are sorted by */
	uint64_t n;
	bool is_end;
	bool is_zero; /* of a range that nothing passed */
};

struct edges {
	struct edge *items;
	size_t n, capacity;
};

/* All ends at one address. */
struct point {
	uint64_t vaddr;
	uint64_t begin_sum, end_sum;
	bool has_begin, has_end;
	bool has_zero_begin, has_zero_end;
};

static int add_range(struct edges *edges, uint64_t start, uint64_t end, uint64_t n)
{
	int r = array_reserve((void **)&edges->items, &edges->capacity, edges->n + 2,
			      sizeof(*edges->items), N_EDGES_MAX);

	if (r < 0)
		return r;
	edges->items[edges->n++] = (struct edge){ start, n, false, n == 0 };
	edges->items[edges->n++] = (struct edge){ end, n, true, n == 0 };
	return 0;
}

static bool is_counted(const struct branch_counts *counts, uint64_t start, uint64_t end)
{
	size_t lo = 0, hi = counts->n_ranges;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct range_count *r = &counts->ranges[mid];

		if (r->start_vaddr < start || (r->start_vaddr == start && r->end_vaddr < end))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < counts->n_ranges && counts->ranges[lo].start_vaddr == start &&
	       counts->ranges[lo].end_vaddr == end;
}

/* Covers every range of the function that vaddr is in, unless that was done before. */
static int add_function(struct edges *edges, const struct branch_counts *counts,
			const struct functions *functions, uint64_t vaddr, uint8_t *is_done)
{
	const struct function_range *range = functions_find(functions, vaddr);
	int r = 0;

	if (!range || is_done[range->first])
		return 0;
	is_done[range->first] = 1;
	range = functions_first(functions, range);
	for (; r == 0 && range; range = functions_next(functions, range))
		if (!is_counted(counts, range->lo_vaddr, range->hi_vaddr - 1))
			r = add_range(edges, range->lo_vaddr, range->hi_vaddr - 1, 0);
	return r;
}

static int collect(struct edges *edges, const struct branch_counts *counts,
		   const struct functions *functions)
{
	uint8_t *is_done = calloc(functions->n_ranges + 1, 1); /* by first range */
	int r = is_done ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < counts->n_ranges; i++) {
		const struct range_count *range = &counts->ranges[i];

		r = add_range(edges, range->start_vaddr, range->end_vaddr, range->n);
		if (r == 0)
			r = add_function(edges, counts, functions, range->start_vaddr, is_done);
	}
	free(is_done);
	return r;
}

/* Merges the edges from *i on that share an address; moves *i behind them. */
static struct point next_point(const struct edges *edges, size_t *i)
{
	struct point p = { .vaddr = edges->items[*i].vaddr };

	for (; *i < edges->n && edges->items[*i].vaddr == p.vaddr; ++*i) {
		const struct edge *e = &edges->items[*i];

		if (e->is_end) {
			p.has_end = true;
			p.end_sum += e->n;
			p.has_zero_end |= e->is_zero;
		} else {
			p.has_begin = true;
			p.begin_sum += e->n;
			p.has_zero_begin |= e->is_zero;
		}
	}
	return p;
}

#define NOWHERE UINT64_MAX

/* An interval without a known start, or that ends before it starts, covers no instruction. */
static int emit(struct coverage *coverage, uint64_t start, uint64_t end, uint64_t n)
{
	int r;

	if (start == NOWHERE || end < start)
		return 0;
	r = array_push_room(coverage->items, coverage->n, coverage->capacity, N_EDGES_MAX);
	if (r == 0)
		coverage->items[coverage->n++] = (struct covered){ start, end, n };
	return r;
}

/* zero_depth counts points at which zero ranges begin and end, not the ranges themselves: so
 * does llvm-profgen, and gaps between functions are covered or not accordingly. */
static int sweep(const struct edges *edges, struct coverage *coverage)
{
	uint64_t start = NOWHERE, n = 0;
	int64_t zero_depth = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < edges->n;) {
		struct point p = next_point(edges, &i);

		if (p.has_begin) {
			if (start != NOWHERE)
				r = emit(coverage, start, p.vaddr - 1, n);
			n += p.begin_sum;
			start = p.vaddr;
			zero_depth += p.has_zero_begin;
		}
		if (r == 0 && p.has_end) {
			r = emit(coverage, start, p.vaddr, n);
			n -= p.end_sum;
			start = p.vaddr + 1;
			zero_depth -= p.has_zero_end;
			if (n == 0 && zero_depth == 0)
				start = NOWHERE;
		}
	}
	return r;
}

int coverage_compute(const struct branch_counts *counts, const struct functions *functions,
		     struct coverage *ret_coverage)
{
	struct coverage coverage = { 0 };
	struct edges edges = { 0 };
	int r = collect(&edges, counts, functions);

	if (r == 0) {
		radix_sort(edges.items, edges.n, sizeof(*edges.items));
		r = sweep(&edges, &coverage);
	}
	free(edges.items);
	if (r < 0) {
		coverage_deinit(&coverage);
		return r;
	}
	*ret_coverage = coverage;
	return 0;
}

void coverage_deinit(struct coverage *coverage)
{
	free(coverage->items);
	*coverage = (struct coverage){ 0 };
}
