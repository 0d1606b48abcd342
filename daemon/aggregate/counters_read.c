/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is done with whole tables: merging, the way out of the window's offsets, the audit.
 */
#include "counters.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "branch_counts.h"
#include "counters_inside.h"

/* Makes room in dst for every key of src, with count 0 where it is new. */
static int merge_keys(const struct table *dst, const struct table *src)
{
	for (size_t i = 1; i < src->n_slots; i++) {
		const struct slot *from = &src->slots[i];
		struct slot *to;

		if (!from->key)
			continue;
		to = table_probe(dst, from->key);
		if (!to)
			return COUNTERS_E_FULL;
		if (!to->key)
			table_insert(dst, to, from->key, from->value & VALUE_BITS);
		else if ((to->value ^ from->value) & VALUE_BITS)
			return -EINVAL;
	}
	return 0;
}

/* After merge_keys(): every key is there, unless src is shared and was changed meanwhile. */
static void merge_counts(const struct table *dst, const struct table *src)
{
	for (size_t i = 0; i < src->n_slots; i++) {
		const struct slot from = src->slots[i];
		struct slot *to = from.value & COUNT_MAX ? table_probe(dst, from.key) : NULL;

		if (to)
			to->value += from.value & COUNT_MAX;
	}
}

static void merge_totals(struct counters_totals *dst, const struct counters_totals *src)
{
	uint64_t *to = (uint64_t *)dst;
	const uint64_t *from = (const uint64_t *)src;

	_Static_assert(sizeof(*dst) % sizeof(*to) == 0, "u64 throughout");
	for (size_t i = 0; i < sizeof(*dst) / sizeof(*to); i++)
		to[i] += from[i];
}

static int merge_tables(struct counters *dst, const struct counters *src)
{
	int r = merge_keys(&dst->edges, &src->edges);

	if (r == 0)
		r = merge_keys(&dst->ranges, &src->ranges);
	if (r != 0)
		return r;
	merge_counts(&dst->edges, &src->edges);
	merge_counts(&dst->ranges, &src->ranges);
	merge_totals(&dst->block->totals, &src->block->totals);
	return 0;
}

int counters_merge(struct counters *dst, const struct counters *src)
{
	int r;

	if (dst->chain != src->chain)
		return -EINVAL;
	if (src->block->totals.added_weight > COUNT_MAX - dst->block->totals.added_weight)
		return COUNTERS_E_FULL;
	block_begin(dst->block, TASK_MERGE);
	r = merge_tables(dst, src);
	block_end(dst->block);
	return r;
}

/* The way from offsets to link-time addresses. */
struct placing {
	const struct snapshot_piece *pieces; /* n, by address */
	size_t n;
};

/* Index of the piece that off is in, or n: in none. */
static size_t piece_of(const struct placing *p, uint32_t off)
{
	size_t low = 0, high = p->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (p->pieces[middle].lo_off <= off)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && off <= p->pieces[low - 1].hi_off ? low - 1 : p->n;
}

static uint64_t vaddr_of(const struct placing *p, uint32_t off)
{
	size_t i = off == OFF_EXTERNAL ? p->n : piece_of(p, off);

	return i == p->n ? VADDR_EXTERNAL : p->pieces[i].vaddr + (off - p->pieces[i].lo_off);
}

/*
 * Keys of a table, slot 0 included. A descriptor may be shared, so who else has it may have written
 * a number that is not so: then fewer items are listed, none behind the last.
 */
static size_t n_items_max(const struct table *table)
{
	uint64_t n_used = *table->n_used;

	return n_used < table->n_slots ? (size_t)n_used + 1 : table->n_slots;
}

static size_t list_branches(const struct table *table, const struct placing *placing,
			    struct branch_count *branches, size_t n_max)
{
	size_t n = 0;

	for (size_t i = 1; i < table->n_slots && n < n_max; i++) {
		const struct slot *slot = &table->slots[i];
		uint64_t key = key_as_counted(slot->key, slot->value);
		uint64_t to_vaddr = vaddr_of(placing, key_second(key));

		if (to_vaddr == VADDR_EXTERNAL)
			continue;
		branches[n++] = (struct branch_count){
			.from_vaddr = vaddr_of(placing, key_first(key)),
			.to_vaddr = to_vaddr,
			.n = slot->value & COUNT_MAX,
		};
	}
	return n;
}

static size_t list_ranges(const struct table *table, const struct placing *placing,
			  struct range_count *ranges, size_t n_max)
{
	size_t n = 0;

	for (size_t i = 0; i < table->n_slots && n < n_max; i++) {
		const struct slot *slot = &table->slots[i];

		if (!slot->value)
			continue;
		ranges[n++] = (struct range_count){
			.start_vaddr = vaddr_of(placing, key_first(slot->key)),
			.end_vaddr = vaddr_of(placing, key_second(slot->key)),
			.n = slot->value,
		};
	}
	return n;
}

int counters_snapshot_pieces(const struct counters *counters, const struct snapshot_piece *pieces,
			     size_t n_pieces, struct branch_counts *ret)
{
	const struct placing placing = { pieces, n_pieces };
	const size_t n_branches_max = n_items_max(&counters->edges);
	const size_t n_ranges_max = n_items_max(&counters->ranges);
	struct branch_counts counts = { 0 };

	counts.branches = calloc(n_branches_max, sizeof(*counts.branches));
	counts.ranges = calloc(n_ranges_max, sizeof(*counts.ranges));
	if (!counts.branches || !counts.ranges) {
		branch_counts_deinit(&counts);
		return -ENOMEM;
	}
	counts.n_branches =
		list_branches(&counters->edges, &placing, counts.branches, n_branches_max);
	counts.n_ranges = list_ranges(&counters->ranges, &placing, counts.ranges, n_ranges_max);
	branch_counts_normalize(&counts);
	*ret = counts;
	return 0;
}

int counters_snapshot(const struct counters *counters, uint64_t window_vaddr,
		      struct branch_counts *ret)
{
	/* offset 0 is external before it is looked up */
	const struct snapshot_piece all = { 0, UINT32_MAX, window_vaddr };

	return counters_snapshot_pieces(counters, &all, 1, ret);
}

void counters_sum_targets(const struct counters *counters, const struct snapshot_piece *pieces,
			  size_t n_pieces, uint64_t *ret_sums)
{
	const struct placing placing = { pieces, n_pieces };
	const struct table *table = &counters->edges;

	memset(ret_sums, 0, (n_pieces + 2) * sizeof(*ret_sums));
	/* slot 0 is of branches between two external addresses */
	for (size_t i = 0; i < table->n_slots; i++) {
		const struct slot *slot = &table->slots[i];
		uint32_t off = key_second(slot->key);

		ret_sums[off == OFF_EXTERNAL ? n_pieces + 1 : piece_of(&placing, off)] +=
			slot->value & COUNT_MAX;
	}
}

static uint64_t sum_of(const uint64_t *items, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += items[i];
	return sum;
}

static const char *find_unbalanced(const struct counters_totals *totals)
{
	if (totals->n_stacks !=
	    totals->n_empty_stacks + totals->n_void_stacks + totals->n_cut[CUT_NEWEST])
		return "stacks are not empty, void and begun ones";
	if (totals->n_entries != totals->n_kept + sum_of(totals->n_removed, N_REMOVED))
		return "entries are not kept and removed ones";
	if (totals->n_ips != totals->n_kept_ips + sum_of(totals->n_ip_removed, N_IP_REMOVED))
		return "addresses are not kept and removed ones";
	if (totals->n_kept + totals->n_kept_ips != totals->n_pairs + sum_of(totals->n_cut, N_CUT))
		return "kept entries and addresses are not pairs and cuts";
	if (totals->added_weight > COUNT_MAX)
		return "more was added than a count can hold";
	return NULL;
}

static const char *find_miscounted(const struct counters *counters)
{
	const struct counters_totals *totals = &counters->block->totals;
	struct table_audit edges = table_audit(&counters->edges);
	struct table_audit ranges = table_audit(&counters->ranges);

	if (totals->kept_weight != edges.kept)
		return "kept entries are not what the edge table counts";
	if (totals->pairs_weight != ranges.counted || ranges.bits)
		return "pairs are not what the range table counts";
	if (edges.counted > totals->added_weight)
		return "the edge table counts more than was added";
	if (edges.n_used != counters->block->n_edges || ranges.n_used != counters->block->n_ranges)
		return "a table's fill is not its number of keys";
	if (!edges.is_findable || !ranges.is_findable)
		return "a key stands where no search finds it";
	if (!edges.is_clean || !ranges.is_clean)
		return "an empty slot counts something";
	return NULL;
}

int counters_check(const struct counters *counters, const char **ret_what)
{
	const char *what = find_unbalanced(&counters->block->totals);

	if (!what)
		what = find_miscounted(counters);
	if (!what)
		return 0;
	*ret_what = what;
	return -EBADMSG;
}
