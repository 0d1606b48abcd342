/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counting a stack. Hundreds of millions of branches must pass here for one profile, each with two
 * look-ups in tables that are larger than the nearest caches, so the way is laid out for the CPU:
 *
 *   1. locate: offsets, keys and home slots of the whole batch; ask for their cache lines
 *   2. step: where the home has another key, go on to the slot beside it, without a branch
 *   3. count: add up; whatever is not as foreseen goes to count_odd_entry()
 *
 * Each pass helps for a reason, found by measuring. Cache misses of a batch overlap in pass 1. An
 * unlucky key would be a mispredicted branch in pass 3; most are gone after pass 2. And the
 * addresses that pass 3 writes to do not depend on what it reads from the tables: as long as they
 * did, each look-up waited for the one before (a CPU holds a load back behind stores of unknown
 * address once it has been wrong about them), which halved the speed.
 *
 * For the same reason the pair of an entry is looked up by the offsets as they came. Its proper key
 * has OFF_EXTERNAL for a half that is not good, which is known only from the edge's slot; mostly it
 * is the same. After an entry where it is not, or that was not kept, pairs are looked up again.
 */
#include "counters.h"

#include "collect/branch.h"
#include "counters_inside.h"

/* Entries at a time: the deepest stacks of today's CPUs are 64 (BRBE). */
#define BATCH 64u
#define CACHE_LINE_BYTES 64u
/* How far behind a stack the next ones are asked for: it takes the time of two to get them. */
#define AHEAD_BYTES 2048u

/*
 * Some Intel cores record the newest branch twice; a loop of one block as long as this is rarer
 * than that. google/autofdo, sample_reader.cc, strip_dup_backedge_stride_limit.
 */
#define REPEATED_STRIDE_BYTES 0x1000u

/* No cut: the next kept entry pairs with the one before it. */
#define CHAINED N_CUT

/* The run-time addresses that have an offset. */
struct window {
	uint64_t ip;
	uint64_t n_bytes; /* 4 GiB, or what is left up to the end of the address space */
};

struct place {
	uint64_t key;
	struct slot *slot; /* where the key may be; the key there tells */
};

struct batch {
	struct place edges[BATCH];
	struct place ranges[BATCH]; /* by the offsets as they came; the stack's first is void */
};

/* A stack on its way from the newest entry to the oldest. */
struct walk {
	size_t n_entries;
	uint64_t weight;
	uint32_t raw_from_off; /* of the entry before, as it came */
	uint32_t end_off;      /* of the kept entry before, as it was counted */
	enum cut pending;      /* why the next kept entry is not to pair, or CHAINED */
	bool is_foreseen;      /* the entry before was kept as it came, and pending is CHAINED */
	uint64_t n_removed, n_unpaired;
};

static struct window window_at(uint64_t ip)
{
	uint64_t n_bytes = 1ull << 32;

	/* -ip is what is left, except that 0 stands for 2^64 */
	if (ip && -ip < n_bytes)
		n_bytes = -ip;
	return (struct window){ ip, n_bytes };
}

static inline uint32_t window_off(struct window window, uint64_t ip)
{
	uint64_t off = ip - window.ip;

	/* all ones, or 0: external addresses come at random, a branch would be mispredicted */
	return (uint32_t)off & -(uint32_t)(off < window.n_bytes);
}

uint64_t edge_class(const struct counters *counters, uint64_t key)
{
	uint32_t from_off = key_first(key), to_off = key_second(key);
	uint8_t good = counters->classify(counters->context, from_off, to_off);
	uint64_t bits = 0;

	if (from_off == OFF_EXTERNAL || (good & FROM_GOOD))
		bits |= VALUE_FIRST_STANDS;
	if (to_off == OFF_EXTERNAL || (good & TO_GOOD))
		bits |= VALUE_SECOND_STANDS;
	return bits;
}

/* Slot of the edge, inserted if new; NULL if there is no room. */
static struct slot *find_edge(struct counters *counters, uint64_t key)
{
	struct slot *slot = table_probe(&counters->edges, key);

	if (slot && slot->key != key)
		table_insert(&counters->edges, slot, key, edge_class(counters, key));
	return slot;
}

static struct slot *find_range(struct counters *counters, uint64_t key)
{
	struct slot *slot = table_probe(&counters->ranges, key);

	if (slot && slot->key != key)
		table_insert(&counters->ranges, slot, key, 0);
	return slot;
}

static void remove_entry(struct counters *counters, struct walk *walk, enum removed why,
			 enum cut cut)
{
	counters->block->totals.n_removed[why]++;
	walk->n_removed++;
	walk->is_foreseen = false;
	/* before the first kept entry there is nothing to cut */
	if (walk->pending != CUT_NEWEST)
		walk->pending = cut;
}

static void cut_chain(struct counters *counters, struct walk *walk, enum cut why)
{
	counters->block->totals.n_cut[why]++;
	walk->n_unpaired++;
}

static inline bool is_dropped(const struct branch_entry *entry)
{
	uint64_t flags = entry->flags;
	/* of the two bits of the speculation field, only the lower is set */
	uint64_t wrong_path = flags & ~(flags >> 1) & BRANCH_SPEC_WRONG_PATH;

	return (flags & (BRANCH_IN_TX | BRANCH_ABORT)) | wrong_path;
}

static void drop_entry(struct counters *counters, struct walk *walk,
		       const struct branch_entry *entry)
{
	if (entry->flags & (BRANCH_IN_TX | BRANCH_ABORT))
		remove_entry(counters, walk, REMOVED_TRANSACTION, CUT_TRANSACTION);
	else
		remove_entry(counters, walk, REMOVED_WRONG_PATH, CUT_WRONG_PATH);
}

/* Is the newest entry doubled by the next? Then one branch was recorded twice. */
static bool is_repeated(struct window window, const struct branch_entry *e, size_t n_entries)
{
	uint32_t from_off, to_off;

	if (likely(n_entries < 2 || e[0].from_ip != e[1].from_ip || e[0].to_ip != e[1].to_ip))
		return false;
	from_off = window_off(window, e[0].from_ip);
	to_off = window_off(window, e[0].to_ip);
	return to_off != OFF_EXTERNAL && from_off > to_off &&
	       from_off - to_off > REPEATED_STRIDE_BYTES;
}

/* Counts the pair of a kept entry and the kept one before; key is the entry's, as counted. */
static void count_pair(struct counters *counters, struct walk *walk, uint64_t key)
{
	struct slot *slot = find_range(counters, key_of(key_second(key), walk->end_off));

	if (slot)
		slot->value += walk->weight;
	else
		cut_chain(counters, walk, CUT_RANGE_LOST);
}

/* What follows from an entry whose edge is counted already. value is its slot's. */
static void __attribute__((noinline)) chain_odd_entry(struct counters *counters, struct walk *walk,
						      uint64_t raw_key, uint64_t value)
{
	uint64_t key = key_as_counted(raw_key, value);

	if (!key) {
		bool bridges = counters->chain == CHAIN_LLVM;

		remove_entry(counters, walk, REMOVED_EXTERNAL,
			     bridges ? walk->pending : CUT_EXTERNAL);
		return;
	}
	if (walk->pending == CHAINED)
		count_pair(counters, walk, key);
	else
		cut_chain(counters, walk, walk->pending);
	walk->pending = CHAINED;
	walk->is_foreseen = key == raw_key;
	walk->end_off = key_first(key);
}

/* An entry whose edge is not where it was foreseen: new, or far from its home. */
static void __attribute__((noinline)) count_odd_entry(struct counters *counters, struct walk *walk,
						      uint64_t key)
{
	struct slot *slot = find_edge(counters, key);

	if (!slot) {
		remove_entry(counters, walk, REMOVED_TABLE_FULL, CUT_EDGE_LOST);
		return;
	}
	slot->value += walk->weight;
	chain_odd_entry(counters, walk, key, slot->value);
}

static inline struct place place_of(const struct table *table, uint64_t key)
{
	struct slot *home = &table->slots[table_home(table, key)];

	__builtin_prefetch(home, 1);
	return (struct place){ key, home };
}

/* On to home ^ 1, if home has another key. Slots are aligned to their size. */
static inline void step_place(struct place *place)
{
	uintptr_t step = (place->slot->key != place->key) * sizeof(struct slot);

	place->slot = (struct slot *)((uintptr_t)place->slot ^ step);
}

/* entries[0..n-1]; raw_from_off of the walk is that of the last of them afterwards. */
static inline void locate_batch(const struct counters *counters, struct window window,
				const struct branch_entry *entries, size_t n, struct walk *walk,
				struct batch *batch)
{
	const struct table edges = counters->edges, ranges = counters->ranges;
	uint32_t end_off = walk->raw_from_off;

	/* what comes next mostly stands behind: in a ring, or a recording */
	for (size_t off = 0; off < n * sizeof(*entries); off += CACHE_LINE_BYTES)
		__builtin_prefetch((const void *)((uintptr_t)(entries + n) + off));
	for (size_t i = 0; i < n; i++) {
		uint32_t from_off = window_off(window, entries[i].from_ip);
		uint32_t to_off = window_off(window, entries[i].to_ip);

		batch->edges[i] = place_of(&edges, key_of(from_off, to_off));
		batch->ranges[i] = place_of(&ranges, key_of(to_off, end_off));
		end_off = from_off;
	}
	walk->raw_from_off = end_off;
	for (size_t i = 0; i < n; i++) {
		step_place(&batch->edges[i]);
		step_place(&batch->ranges[i]);
	}
}

/* Compiled once for each chain rule. */
static inline __attribute__((always_inline)) void
count_batch(struct counters *counters, const struct batch *batch,
	    const struct branch_entry *entries, size_t n, enum chain_rule chain, struct walk *walk)
{
	const uint64_t weight = walk->weight;

	for (size_t i = 0; i < n; i++) {
		struct place edge = batch->edges[i], range = batch->ranges[i];
		uint64_t value;

		if (chain == CHAIN_CUT && unlikely(is_dropped(&entries[i]))) {
			drop_entry(counters, walk, &entries[i]);
			continue;
		}
		if (unlikely(edge.slot->key != edge.key)) {
			count_odd_entry(counters, walk, edge.key);
			continue;
		}
		value = edge.slot->value += weight;
		if (unlikely(value < VALUE_BITS || !walk->is_foreseen ||
			     range.slot->key != range.key)) {
			chain_odd_entry(counters, walk, edge.key, value);
			continue;
		}
		range.slot->value += weight;
		walk->end_off = key_first(edge.key);
	}
}

/* stacks by steps, see steps.h */

/* What stands before this entry were steps: the walk is where they leave it. */
static void end_steps(struct counters *counters, struct walk *walk, uint32_t end)
{
	if (end == STEP_NEWEST)
		return;
	if (walk->pending == CUT_NEWEST)
		cut_chain(counters, walk, CUT_NEWEST);
	walk->pending = CHAINED;
	walk->end_off = ~end;
}

/* Counts the step if it is not far from its home, which goes to the more frequent one. */
static bool count_step_beside(const struct steps *steps, uint64_t edge, uint32_t end)
{
	struct step *home = step_home(steps->slots, steps->mask, edge, end);

	for (unsigned int i = 1; i < STEPS_PER_LINE; i++) {
		struct step *step = step_beside(home, i), counted = *step;

		if (!step_is(step, edge, end))
			continue;
		counted.n++;
		if (counted.n > home->n) {
			*step = *home;
			step = home;
		}
		*step = counted;
		return true;
	}
	return false;
}

/* A slot for the step, empty if one is. */
static struct step *free_step(const struct steps *steps, uint64_t edge, uint32_t end)
{
	struct step *home = step_home(steps->slots, steps->mask, edge, end);

	for (unsigned int i = 0; i < STEPS_PER_LINE; i++)
		if (!step_beside(home, i)->edge)
			return step_beside(home, i);
	return home;
}

/* Has the step counted from now on, if both of its keys are in the tables. */
static void learn_step(struct counters *counters, uint64_t edge, uint32_t end)
{
	struct step *step;
	struct slot *slot = table_probe(&counters->edges, edge);
	uint64_t key;

	if (!slot || slot->key != edge)
		return;
	key = key_as_counted(edge, slot->value);
	/* what comes next is of this end, which must not look like none */
	if (!key || key_first(key) != key_first(edge) || ~key_first(edge) == STEP_NEWEST)
		return;
	if (end != STEP_NEWEST) {
		uint64_t range = key_of(key_second(key), ~end);

		slot = table_probe(&counters->ranges, range);
		if (!slot || slot->key != range)
			return;
	}
	step = free_step(counters->steps, edge, end);
	step_settle(step, &counters->edges, &counters->ranges);
	*step = (struct step){ .edge = edge, .end = end };
}

/*
 * An entry that is not at its step's home, or behind one that was not. is_chained: it has one, of
 * this end. Returns whether the next one has.
 */
static bool __attribute__((noinline)) count_odd_step(struct counters *counters, struct walk *walk,
						     uint64_t edge, uint32_t end, bool is_chained)
{
	if (is_chained) {
		if (count_step_beside(counters->steps, edge, end))
			return true;
		end_steps(counters, walk, end);
	}
	count_odd_entry(counters, walk, edge);
	if (is_chained)
		learn_step(counters, edge, end);
	return walk->pending == CHAINED && walk->end_off == key_first(edge) &&
	       ~walk->end_off != STEP_NEWEST;
}

static bool is_external(struct window window, const struct branch_entry *entry)
{
	return !(window_off(window, entry->from_ip) | window_off(window, entry->to_ip));
}

static inline __attribute__((always_inline)) void
count_steps(struct counters *counters, struct window window, const struct branch_entry *entries,
	    size_t n, enum chain_rule chain, struct walk *walk)
{
	struct step *const slots = counters->steps->slots;
	const uint64_t mask = counters->steps->mask;
	uint32_t end = STEP_NEWEST;
	bool is_chained = n && !is_external(window, &entries[0]);

	for (size_t i = 0; i < n; i++) {
		uint32_t from_off = window_off(window, entries[i].from_ip);
		uint64_t edge = key_of(from_off, window_off(window, entries[i].to_ip));
		struct step *step = step_home(slots, mask, edge, end);

		__builtin_prefetch((const void *)((uintptr_t)&entries[i] + AHEAD_BYTES));
		if (chain == CHAIN_CUT && unlikely(is_dropped(&entries[i]))) {
			if (is_chained)
				end_steps(counters, walk, end);
			drop_entry(counters, walk, &entries[i]);
			is_chained = false;
		} else if (likely(is_chained && step_is(step, edge, end))) {
			step->n++;
		} else {
			is_chained = count_odd_step(counters, walk, edge, end, is_chained);
		}
		end = ~from_off;
	}
	if (is_chained)
		end_steps(counters, walk, end);
}

/* Steps have room for counts of 32 bits. */
static bool has_step_room(struct counters *counters, size_t n_entries, uint64_t weight)
{
	struct steps *steps = counters->steps;

	if (!steps || weight != 1 || n_entries > UINT32_MAX)
		return false;
	if (unlikely(steps->n_counted + n_entries > UINT32_MAX))
		counters_settle(counters);
	steps->n_counted += n_entries;
	return true;
}

static void total_stack(struct counters_totals *totals, const struct walk *walk)
{
	uint64_t n_kept = walk->n_entries - walk->n_removed;
	uint64_t n_pairs = n_kept - walk->n_unpaired;

	totals->n_stacks++;
	totals->n_empty_stacks += !walk->n_entries;
	totals->n_void_stacks += walk->n_entries && !n_kept;
	totals->n_entries += walk->n_entries;
	totals->n_kept += n_kept;
	totals->n_pairs += n_pairs;
	totals->kept_weight += n_kept * walk->weight;
	totals->pairs_weight += n_pairs * walk->weight;
}

/* Adds to added_weight, which no count exceeds; false if a count could overflow. */
static bool take_weight(struct counters_totals *totals, uint64_t weight, size_t n_entries)
{
	uint64_t stack_weight;

	if (__builtin_mul_overflow(weight, (uint64_t)n_entries, &stack_weight) ||
	    stack_weight > COUNT_MAX - totals->added_weight)
		return false;
	totals->added_weight += stack_weight;
	return true;
}

void counters_add_stack(struct counters *counters, uint64_t window_ip,
			const struct branch_entry *entries, size_t n_entries, uint64_t weight)
{
	struct block *block = counters->block;
	struct counters_totals *totals = &block->totals;
	struct window window = window_at(window_ip);
	struct walk walk = {
		.n_entries = n_entries,
		.weight = weight,
		.pending = CUT_NEWEST,
	};
	struct batch batch;

	block->stack = (struct stack_task){
		.n_entries = n_entries,
		.weight = weight,
		.n_pairs = totals->n_pairs,
		.pairs_weight = totals->pairs_weight,
	};
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	block_begin(block, TASK_STACK);
	if (unlikely(!take_weight(totals, weight, n_entries))) {
		totals->n_removed[REMOVED_OVERFLOW] += n_entries;
		walk.n_removed = n_entries;
		total_stack(totals, &walk);
		block_end(block);
		return;
	}
	if (counters->chain == CHAIN_CUT && is_repeated(window, entries, n_entries)) {
		totals->n_removed[REMOVED_REPEATED]++;
		walk.n_removed++;
		entries++;
		n_entries--;
	}
	if (has_step_room(counters, n_entries, weight)) {
		if (counters->chain == CHAIN_LLVM)
			count_steps(counters, window, entries, n_entries, CHAIN_LLVM, &walk);
		else
			count_steps(counters, window, entries, n_entries, CHAIN_CUT, &walk);
		n_entries = 0;
	}
	for (size_t first = 0; first < n_entries; first += BATCH) {
		size_t n = n_entries - first < BATCH ? n_entries - first : BATCH;

		locate_batch(counters, window, entries + first, n, &walk, &batch);
		if (counters->chain == CHAIN_LLVM)
			count_batch(counters, &batch, entries + first, n, CHAIN_LLVM, &walk);
		else
			count_batch(counters, &batch, entries + first, n, CHAIN_CUT, &walk);
	}
	total_stack(totals, &walk);
	block_end(block);
}

/* There is no slot for what it is, as there is for an edge: the classifier is asked each time. */
static bool is_good_ip(const struct counters *counters, uint32_t off)
{
	return off != OFF_EXTERNAL && (counters->classify(counters->context, off, off) & TO_GOOD);
}

/* Counts it; false: it is not of use, and *ret_why is set. */
static bool count_ip(struct counters *counters, uint32_t off, uint64_t weight,
		     enum ip_removed *ret_why)
{
	struct slot *slot;

	*ret_why = IP_REMOVED_EXTERNAL;
	if (!is_good_ip(counters, off))
		return false;
	slot = find_range(counters, key_of(off, off));
	*ret_why = IP_REMOVED_TABLE_FULL;
	if (!slot)
		return false;
	slot->value += weight;
	return true;
}

void counters_add_ip(struct counters *counters, uint64_t window_ip, uint64_t ip, uint64_t weight)
{
	struct block *block = counters->block;
	struct counters_totals *totals = &block->totals;
	enum ip_removed why = IP_REMOVED_OVERFLOW;

	block->stack = (struct stack_task){
		.n_entries = 1,
		.weight = weight,
		.n_pairs = totals->n_pairs,
		.pairs_weight = totals->pairs_weight,
	};
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	block_begin(block, TASK_IP);
	if (likely(take_weight(totals, weight, 1)) &&
	    likely(count_ip(counters, window_off(window_at(window_ip), ip), weight, &why))) {
		totals->n_kept_ips++;
		totals->n_pairs++;
		totals->pairs_weight += weight;
	} else {
		totals->n_ip_removed[why]++;
	}
	totals->n_ips++;
	block_end(block);
}
