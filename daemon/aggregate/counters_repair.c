/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a killed process leaves behind. It may die at any instruction, and what it wrote up to there
 * stays in the memfd; the block says which task it was in.
 *
 * A stack may be counted in part. What is in the tables stays; the totals are made to say just
 * that. Of them, n_removed and n_cut were counted along with the tables, the others at the end:
 *
 *   pairs_weight  what the range table counts
 *   n_pairs       as before the stack, and one for each weight that the range table has more
 *   n_kept        n_pairs and the cuts, without n_kept_ips
 *   kept_weight   what the edge table counts of kept edges
 *   n_entries     n_kept and the removed ones
 *   n_stacks      empty, void and begun ones
 *
 * So an entry whose edge was counted, but not yet its pair or cut, adds to the weight and not to
 * the number of entries. And a key whose slot was being written gets its class anew, or goes: then
 * the slot is empty still.
 *
 * An instruction pointer is the same with one pair and no entry. A reset is done again. A merge
 * cannot be settled: the source is not here. A move can, as far as this side of it goes; who has
 * both sides does that first. A note is written whole or not.
 */
#include "counters.h"

#include <errno.h>
#include "counters_inside.h"
#include "counters_move.h"

static void mend_edges(struct counters *counters)
{
	const struct table *table = &counters->edges;

	for (size_t i = 1; i < table->n_slots; i++) {
		struct slot *slot = &table->slots[i];

		if (slot->key && !slot->value)
			slot->value = edge_class(counters, slot->key);
		else if (!slot->key && !(slot->value & COUNT_MAX))
			slot->value = 0;
	}
}

static uint64_t sum_of(const uint64_t *items, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += items[i];
	return sum;
}

/* Can n_entries or fewer, of this weight each, have made before into now? *ret_n: how many. */
static bool is_step(const struct stack_task *stack, uint64_t before, uint64_t now, uint64_t *ret_n)
{
	*ret_n = 0;
	if (stack->weight == 0 || now < before)
		return now == before;
	*ret_n = (now - before) / stack->weight;
	return (now - before) % stack->weight == 0 && *ret_n <= stack->n_entries;
}

static int repair_stack(struct counters *counters, const char **ret_what)
{
	struct block *block = counters->block;
	struct counters_totals *totals = &block->totals;
	struct table_audit edges, ranges;
	uint64_t n_pairs, n_kept;

	mend_edges(counters);
	edges = table_audit(&counters->edges);
	ranges = table_audit(&counters->ranges);
	if (!is_step(&block->stack, block->stack.pairs_weight, ranges.counted, &n_pairs) ||
	    !is_step(&block->stack, totals->kept_weight, edges.kept, &n_kept)) {
		*ret_what = "cut short in a stack, but more than a stack is missing";
		return -EBADMSG;
	}
	block->n_edges = edges.n_used;
	block->n_ranges = ranges.n_used;
	totals->pairs_weight = ranges.counted;
	totals->n_pairs = block->stack.n_pairs + n_pairs;
	totals->n_kept = totals->n_pairs + sum_of(totals->n_cut, N_CUT) - totals->n_kept_ips;
	totals->kept_weight = edges.kept;
	totals->n_entries = totals->n_kept + sum_of(totals->n_removed, N_REMOVED);
	totals->n_stacks =
		totals->n_empty_stacks + totals->n_void_stacks + totals->n_cut[CUT_NEWEST];
	return 0;
}

static int repair_ip(struct counters *counters, const char **ret_what)
{
	struct block *block = counters->block;
	struct counters_totals *totals = &block->totals;
	struct table_audit ranges = table_audit(&counters->ranges);
	uint64_t n_pairs;

	if (!is_step(&block->stack, block->stack.pairs_weight, ranges.counted, &n_pairs)) {
		*ret_what = "cut short in an address, but more than that is missing";
		return -EBADMSG;
	}
	block->n_ranges = ranges.n_used;
	totals->pairs_weight = ranges.counted;
	totals->n_pairs = block->stack.n_pairs + n_pairs;
	totals->n_kept_ips = totals->n_pairs + sum_of(totals->n_cut, N_CUT) - totals->n_kept;
	totals->n_ips = totals->n_kept_ips + sum_of(totals->n_ip_removed, N_IP_REMOVED);
	return 0;
}

/* A new key without its class, or one that is not counted in n_edges or n_ranges yet. */
static void repair_keys(struct counters *counters)
{
	mend_edges(counters);
	counters->block->n_edges = table_audit(&counters->edges).n_used;
	counters->block->n_ranges = table_audit(&counters->ranges).n_used;
}

int counters_repair(struct counters *counters, const char **ret_what)
{
	struct block *block = counters->block;
	int r = 0;

	block_settle_note(block);
	switch (block->task) {
	case TASK_NONE:
		return 0;
	case TASK_STACK:
		r = repair_stack(counters, ret_what);
		break;
	case TASK_IP:
		r = repair_ip(counters, ret_what);
		break;
	case TASK_RESET:
		counters_reset(counters);
		break;
	case TASK_MERGE:
		*ret_what = "cut short in a merge";
		r = -EBADMSG;
		break;
	case TASK_KEYS:
		repair_keys(counters);
		break;
	case TASK_MOVE_IN:
	case TASK_MOVE_OUT:
	case TASK_MOVED:
		r = move_settle_alone(counters, ret_what);
		break;
	default:
		*ret_what = "in the middle of an unknown task";
		r = -EBADMSG;
		break;
	}
	if (r == 0)
		block->task = TASK_NONE;
	return r;
}
