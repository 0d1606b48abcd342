/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A slot is moved in two stores, one in each block, which a kill may separate. So it is written
 * down first what both are to be (struct move_task): whoever finds that does it again. Totals stay
 * as they are meanwhile, and make up what both tables have together; at the end they are written
 * down, too, and copied. No instruction of the CPU orders this: a killed process has done what it
 * did in program order, see block_begin().
 *
 * Before any count is moved, all keys are. So a destination that is full is found while it still
 * has what it had.
 *
 * Room for the source's keys is certain in a destination that has none, if its tables are not
 * smaller: a key is searched for within the aligned block of 512 slots of its home, and what shares
 * a block in the larger table shares one in the smaller.
 */
#include "counters_move.h"

#include <errno.h>
#include <string.h>

#define N_SLOTS_AHEAD 8u /* whose homes are fetched from memory: each look-up is a cache miss */

static void fence(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static struct slot *row_of(const struct counters *counters)
{
	return counters->edges.slots;
}

/* The table of dst that slot at of src belongs to. */
static const struct table *table_for(const struct counters *dst, const struct counters *src,
				     size_t at)
{
	return at < src->edges.n_slots ? &dst->edges : &dst->ranges;
}

static void fetch_ahead(const struct counters *dst, const struct counters *src, size_t at)
{
	const struct table *table;

	at += N_SLOTS_AHEAD;
	if (at >= counters_n_slots(src))
		return;
	table = table_for(dst, src, at);
	__builtin_prefetch(&table->slots[table_home(table, row_of(src)[at].key)], 1);
}

static size_t end_of_slice(const struct counters *src, const struct move_cursor *cursor,
			   size_t n_slots)
{
	size_t n_left = counters_n_slots(src) - cursor->at;

	return cursor->at + (n_slots < n_left ? n_slots : n_left);
}

static int after_slice(const struct counters *src, const struct move_cursor *cursor)
{
	return cursor->at < counters_n_slots(src) ? MOVE_E_MORE : 0;
}

bool move_is_too_heavy(const struct counters *dst, const struct counters *src)
{
	return src->block->totals.added_weight > COUNT_MAX - dst->block->totals.added_weight;
}

/* keys */

static int move_key(const struct table *table, const struct slot *from, unsigned int n_eighths)
{
	struct slot *to = table_probe(table, from->key);

	if (!to)
		return MOVE_E_FULL;
	if (to->key)
		return (to->value ^ from->value) & VALUE_BITS ? MOVE_E_FULL : 0;
	if (*table->n_used >= table->n_slots / 8 * n_eighths)
		return MOVE_E_FULL;
	table_insert(table, to, from->key, from->value & VALUE_BITS);
	return 0;
}

static int move_slice_of_keys(struct counters *dst, const struct counters *src, size_t end,
			      unsigned int n_eighths, struct move_cursor *cursor)
{
	const struct slot *row = row_of(src);

	for (; cursor->at < end; cursor->at++) {
		fetch_ahead(dst, src, cursor->at);
		if (row[cursor->at].key &&
		    move_key(table_for(dst, src, cursor->at), &row[cursor->at], n_eighths) != 0)
			return MOVE_E_FULL;
	}
	return after_slice(src, cursor);
}

int move_keys(struct counters *dst, const struct counters *src, size_t n_slots,
	      unsigned int n_eighths, struct move_cursor *cursor)
{
	size_t end = end_of_slice(src, cursor, n_slots);
	int r;

	block_begin(dst->block, TASK_KEYS);
	r = move_slice_of_keys(dst, src, end, n_eighths, cursor);
	block_end(dst->block);
	return r;
}

/* counts */

void move_begin(struct counters *dst, struct counters *src)
{
	dst->block->move = (struct move_task){ .source = src->block->sequence };
	fence();
	src->block->task = TASK_MOVE_OUT;
	fence();
	dst->block->task = TASK_MOVE_IN;
	fence();
}

/* Does what is written down; also again. */
static void do_armed(struct slot *to, struct slot *from, struct move_task *move)
{
	if (to)
		to->value = move->to_value;
	if (from)
		from->value &= VALUE_BITS;
	fence();
	move->is_armed = false;
	fence();
}

static void move_count(struct counters *dst, struct slot *to, struct slot *from, size_t from_at)
{
	struct move_task *move = &dst->block->move;

	move->from_at = from_at;
	move->to_at = (size_t)(to - row_of(dst));
	move->to_value = to->value + (from->value & COUNT_MAX);
	fence();
	move->is_armed = true;
	fence();
	do_armed(to, from, move);
}

int move_counts(struct counters *dst, struct counters *src, size_t n_slots,
		struct move_cursor *cursor)
{
	size_t end = end_of_slice(src, cursor, n_slots);
	struct slot *row = row_of(src);

	for (; cursor->at < end; cursor->at++) {
		struct slot *from = &row[cursor->at], *to;

		fetch_ahead(dst, src, cursor->at);
		if (!(from->value & COUNT_MAX))
			continue;
		to = table_probe(table_for(dst, src, cursor->at), from->key);
		if (!to || to->key != from->key)
			return -EBADMSG;
		move_count(dst, to, from, cursor->at);
	}
	return after_slice(src, cursor);
}

/* totals */

static struct counters_totals sum_of_totals(const struct counters_totals *a,
					    const struct counters_totals *b)
{
	const uint64_t *from = (const uint64_t *)b;
	struct counters_totals sum = *a;
	uint64_t *to = (uint64_t *)&sum;

	_Static_assert(sizeof(sum) % sizeof(*to) == 0, "u64 throughout");
	for (size_t i = 0; i < sizeof(sum) / sizeof(*to); i++)
		to[i] += from[i];
	return sum;
}

/* Does what is written down; also again. */
static void end_moved(struct counters *dst, struct counters *src)
{
	dst->block->totals = dst->block->move.totals;
	memcpy(dst->block->note, dst->block->staged_note, sizeof(dst->block->note));
	if (src)
		src->block->task = TASK_RESET;
	block_end(dst->block);
}

void move_finish(struct counters *dst, struct counters *src, const void *note)
{
	struct block *block = dst->block;

	block->move.totals = sum_of_totals(&block->totals, &src->block->totals);
	memcpy(block->staged_note, note, sizeof(block->staged_note));
	block_begin(block, TASK_MOVED);
	end_moved(dst, src);
}

/* after a kill */

bool move_is_pair(const struct counters *dst, const struct counters *src)
{
	const struct block *to = dst->block, *from = src->block;

	if (to->task == TASK_MOVE_IN)
		return from->task == TASK_MOVE_OUT && from->sequence == to->move.source;
	/* the source's task is the next thing that is written */
	return to->task == TASK_MOVED && from->sequence == to->move.source &&
	       (from->task == TASK_MOVE_OUT || from->task == TASK_RESET);
}

/* Both tables of a block, as far as totals speak of them. */
struct sums {
	uint64_t counted, kept, pairs;
	bool is_sound;
};

static struct sums sums_of(const struct counters *counters)
{
	struct table_audit edges = table_audit(&counters->edges);
	struct table_audit ranges = table_audit(&counters->ranges);

	return (struct sums){
		.counted = edges.counted,
		.kept = edges.kept,
		.pairs = ranges.counted,
		.is_sound = edges.is_findable && edges.is_clean && ranges.is_findable &&
			    ranges.is_clean && !ranges.bits && edges.counted <= COUNT_MAX &&
			    ranges.counted <= COUNT_MAX,
	};
}

static int settle_armed(struct counters *dst, struct counters *src, const char **ret_what)
{
	struct move_task *move = &dst->block->move;

	if (!move->is_armed)
		return 0;
	if (move->to_at >= counters_n_slots(dst) ||
	    (src && move->from_at >= counters_n_slots(src))) {
		*ret_what = "cut short in a move of slots that there are not";
		return -EBADMSG;
	}
	do_armed(&row_of(dst)[move->to_at], src ? &row_of(src)[move->from_at] : NULL, move);
	return 0;
}

int move_settle(struct counters *dst, struct counters *src, const char **ret_what)
{
	const struct counters_totals *a = &dst->block->totals, *b = &src->block->totals;
	struct sums to, from;
	int r;

	if (dst->block->task == TASK_MOVED) {
		end_moved(dst, src);
		return 0;
	}
	r = settle_armed(dst, src, ret_what);
	if (r < 0)
		return r;
	to = sums_of(dst);
	from = sums_of(src);
	if (to.is_sound && from.is_sound && !move_is_too_heavy(dst, src) &&
	    to.kept + from.kept == a->kept_weight + b->kept_weight &&
	    to.pairs + from.pairs == a->pairs_weight + b->pairs_weight &&
	    to.counted + from.counted <= a->added_weight + b->added_weight)
		return 0;
	*ret_what = "cut short in a move, and the two do not add up";
	return -EBADMSG;
}

/* What is in the tables stays, and the weights in the totals are made to say so. */
int move_settle_alone(struct counters *counters, const char **ret_what)
{
	struct counters_totals *totals = &counters->block->totals;
	bool is_source = counters->block->task == TASK_MOVE_OUT;
	struct sums sums;
	int r = 0;

	if (counters->block->task == TASK_MOVED) {
		end_moved(counters, NULL);
		return 0;
	}
	if (!is_source)
		r = settle_armed(counters, NULL, ret_what);
	if (r < 0)
		return r;
	sums = sums_of(counters);
	if (!sums.is_sound ||
	    (is_source ? sums.kept > totals->kept_weight || sums.pairs > totals->pairs_weight
		       : sums.kept < totals->kept_weight || sums.pairs < totals->pairs_weight)) {
		*ret_what = "cut short in a move, and it does not add up";
		return -EBADMSG;
	}
	totals->kept_weight = sums.kept;
	totals->pairs_weight = sums.pairs;
	if (totals->added_weight < sums.counted)
		totals->added_weight = sums.counted;
	block_end(counters->block);
	return 0;
}
