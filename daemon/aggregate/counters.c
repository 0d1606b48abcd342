/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hundreds of millions of branches must fit through here for one profile, so a branch costs two
 * look-ups and little else: its edge, and the pair that it forms with the newer neighbour.
 *
 *   block   | header, 1 page | edge slots | range slots |      one mapping, no pointers inside
 *   slot    key: first offset << 32 | second offset    value: count, class in the top two bits
 *
 * A table is open-addressed with linear probing. The home slot of a key is the top bits of its
 * product with an odd constant, so key 0, (external, external), has slot 0 for its home; slot 0 is
 * kept for it. Then no key that is looked up equals that of an empty slot (0, too), and the fast
 * path is one comparison: is the key in its home slot. Everything else is out of line.
 *
 * Whether a half of an edge is good is asked when the edge is inserted and stands in its value; a
 * half that is not good becomes offset 0 by a mask made of that bit, without a branch. In both
 * tables slot 0 counts what is external on both sides; as an edge, its class says "removed".
 *
 * No count can overflow: none exceeds added_weight, which is checked once for each stack.
 */
#include "counters.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include "branch_counts.h"
#include "collect/branch.h"

#define HEADER_BYTES 4096u
#define BLOCK_MAGIC 0x31746e756f436641ull
#define HUGE_PAGE_BYTES ((size_t)2 << 20)

#define OFF_EXTERNAL 0u

/* Class bits in a value: FROM_GOOD and TO_GOOD, moved to bits 63 and 62. */
#define VALUE_FROM_GOOD (1ull << 63)
#define VALUE_TO_GOOD (1ull << 62)
#define VALUE_CLASS (VALUE_FROM_GOOD | VALUE_TO_GOOD)
#define COUNT_MAX (VALUE_TO_GOOD - 1)

/* 2^64 / golden ratio, odd (Knuth, TAOCP 3, 6.4: Fibonacci hashing). */
#define HASH_FACTOR 0x9e3779b97f4a7c15ull

/*
 * Longest search, 8 KiB. At 3/4 fill the longest run that linear probing makes in a table of a
 * million slots is around 400.
 */
#define N_PROBES_MAX 512u

/*
 * Some Intel cores record the newest branch twice; a loop of one block as long as this is rarer
 * than that. google/autofdo, sample_reader.cc, strip_dup_backedge_stride_limit; there the second of
 * the two is not counted as a branch either.
 */
#define REPEATED_STRIDE_BYTES 0x1000u

struct slot {
	uint64_t key;	/* 0: empty, except slot 0 */
	uint64_t value; /* count; of an edge, with its class */
};

struct block_table {
	uint64_t n_slots; /* power of two */
	uint64_t n_used;  /* without slot 0 */
};

struct block {
	uint64_t magic;
	uint64_t n_bytes;
	uint64_t chain; /* enum chain_rule */
	struct block_table edges, ranges;
	struct counters_totals totals;
};

_Static_assert(sizeof(struct slot) == 16, "four to a cache line");
_Static_assert(sizeof(struct block) <= HEADER_BYTES, "the header's page");

struct table {
	struct slot *slots; /* in the block */
	struct block_table *shared;
	unsigned int shift; /* home = product >> shift */
};

struct counters {
	struct block *block; /* owned mapping */
	struct table edges, ranges;
	enum chain_rule chain;
	counters_classify_fn classify;
	void *context;
};

static size_t slots_bytes(const struct block_table *table)
{
	return table->n_slots * sizeof(struct slot);
}

static size_t round_up_slots(size_t n)
{
	size_t n_slots = N_SLOTS_MIN;

	while (n_slots < n)
		n_slots *= 2;
	return n_slots;
}

static struct table table_of(struct block_table *shared, void *slots)
{
	return (struct table){
		.slots = slots,
		.shared = shared,
		.shift = 64 - (unsigned int)__builtin_ctzll(shared->n_slots),
	};
}

static bool is_slot_number(size_t n)
{
	return n >= N_SLOTS_MIN && n <= N_SLOTS_MAX;
}

/* Anonymous, zeroed memory; of huge pages where the kernel gives them, to save TLB misses. */
static struct block *map_block(size_t n_bytes)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	void *block = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, flags, -1, 0);

	if (block == MAP_FAILED)
		return NULL;
	if (n_bytes >= HUGE_PAGE_BYTES)
		(void)madvise(block, n_bytes, MADV_HUGEPAGE);
	return block;
}

int counters_new(const struct counters_config *config, struct counters **ret_counters)
{
	struct block_table edges, ranges;
	struct counters *counters;
	struct block *block;
	size_t n_bytes;

	if (!is_slot_number(config->n_edge_slots) || !is_slot_number(config->n_range_slots))
		return -EINVAL;
	edges = (struct block_table){ .n_slots = round_up_slots(config->n_edge_slots) };
	ranges = (struct block_table){ .n_slots = round_up_slots(config->n_range_slots) };
	n_bytes = HEADER_BYTES + slots_bytes(&edges) + slots_bytes(&ranges);
	counters = calloc(1, sizeof(*counters));
	block = map_block(n_bytes);
	if (!counters || !block) {
		if (block)
			munmap(block, n_bytes);
		free(counters);
		return -ENOMEM;
	}
	*block = (struct block){
		.magic = BLOCK_MAGIC,
		.n_bytes = n_bytes,
		.chain = config->chain,
		.edges = edges,
		.ranges = ranges,
	};
	*counters = (struct counters){
		.block = block,
		.edges = table_of(&block->edges, (char *)block + HEADER_BYTES),
		.ranges = table_of(&block->ranges,
				   (char *)block + HEADER_BYTES + slots_bytes(&edges)),
		.chain = config->chain,
		.classify = config->classify,
		.context = config->context,
	};
	*ret_counters = counters;
	return 0;
}

void counters_free(struct counters *counters)
{
	if (!counters)
		return;
	munmap(counters->block, counters->block->n_bytes);
	free(counters);
}

static inline uint64_t key_of(uint32_t first_off, uint32_t second_off)
{
	return (uint64_t)first_off << 32 | second_off;
}

static inline uint32_t key_first(uint64_t key)
{
	return (uint32_t)(key >> 32);
}

static inline uint32_t key_second(uint64_t key)
{
	return (uint32_t)key;
}

static inline struct slot *table_home(const struct table *table, uint64_t key)
{
	return &table->slots[key * HASH_FACTOR >> table->shift];
}

/* The slot that has the key, or the free one where it belongs, or NULL. key is not 0. */
static struct slot *table_probe(const struct table *table, uint64_t key)
{
	size_t mask = table->shared->n_slots - 1;
	size_t i = (size_t)(table_home(table, key) - table->slots);

	for (unsigned int n = 0; n < N_PROBES_MAX; n++, i = (i + 1) & mask) {
		struct slot *slot = &table->slots[i];

		if (i && (slot->key == key || !slot->key))
			return slot;
	}
	return NULL;
}

static void table_insert(struct table *table, struct slot *slot, uint64_t key, uint64_t class)
{
	*slot = (struct slot){ .key = key, .value = class };
	table->shared->n_used++;
}

static uint64_t classify_edge(const struct counters *counters, uint64_t key)
{
	uint32_t from_off = key_first(key), to_off = key_second(key);
	uint8_t good = counters->classify(counters->context, from_off, to_off);
	uint64_t class = 0;

	if (from_off != OFF_EXTERNAL && (good & FROM_GOOD))
		class |= VALUE_FROM_GOOD;
	if (to_off != OFF_EXTERNAL && (good & TO_GOOD))
		class |= VALUE_TO_GOOD;
	return class;
}

static __attribute__((noinline)) struct slot *find_edge_slow(struct counters *counters,
							     uint64_t key)
{
	struct slot *slot = table_probe(&counters->edges, key);

	if (slot && !slot->key)
		table_insert(&counters->edges, slot, key, classify_edge(counters, key));
	return slot;
}

static __attribute__((noinline)) struct slot *find_range_slow(struct counters *counters,
							      uint64_t key)
{
	struct slot *slot = table_probe(&counters->ranges, key);

	if (slot && !slot->key)
		table_insert(&counters->ranges, slot, key, 0);
	return slot;
}

/* Slot of the edge, inserted if new; NULL if there is no room. */
static inline struct slot *find_edge(struct counters *counters, uint64_t key)
{
	struct slot *slot = table_home(&counters->edges, key);

	return likely(slot->key == key) ? slot : find_edge_slow(counters, key);
}

static inline struct slot *find_range(struct counters *counters, uint64_t key)
{
	struct slot *slot = table_home(&counters->ranges, key);

	return likely(slot->key == key) ? slot : find_range_slow(counters, key);
}

/* n_bytes is the window's size, at most 2^32. */
static inline uint32_t off_of(uint64_t ip, uint64_t window_ip, uint64_t n_bytes)
{
	uint64_t off = ip - window_ip;

	return off < n_bytes ? (uint32_t)off : OFF_EXTERNAL;
}

static inline bool is_dropped(uint64_t flags)
{
	/* of the two bits of the speculation field, only the lower is set */
	uint64_t wrong_path = flags & ~(flags >> 1) & BRANCH_SPEC_WRONG_PATH;

	return (flags & (BRANCH_IN_TX | BRANCH_ABORT)) | wrong_path;
}

/* What one stack came to. */
struct tally {
	uint64_t n_removed[N_REMOVED];
	uint64_t n_cut[N_CUT];
};

/* No cut: the next kept entry pairs with the one before it. */
#define CHAINED N_CUT

/* Before the first kept entry there is nothing to cut. */
static inline void remove_entry(struct tally *tally, enum removed why, enum cut cut,
				enum cut *pending)
{
	tally->n_removed[why]++;
	if (*pending != CUT_NEWEST)
		*pending = cut;
}

static bool is_repeated(const struct branch_entry *entries, size_t n_entries, uint32_t from_off,
			uint32_t to_off)
{
	return n_entries > 1 && entries[0].from_ip == entries[1].from_ip &&
	       entries[0].to_ip == entries[1].to_ip && to_off != OFF_EXTERNAL &&
	       from_off > to_off && from_off - to_off > REPEATED_STRIDE_BYTES;
}

/* Compiled once for each chain rule. */
static inline __attribute__((always_inline)) void
count_entries(struct counters *counters, uint64_t window_ip, const struct branch_entry *entries,
	      size_t n_entries, uint64_t weight, enum chain_rule chain, struct tally *tally)
{
	/* -window_ip bytes are left up to the end of the address space; 0 stands for 2^64 */
	uint64_t n_bytes = -window_ip - 1 < UINT32_MAX ? -window_ip : 1ull << 32;
	enum cut pending = CUT_NEWEST;
	uint32_t end_off = OFF_EXTERNAL;

	for (size_t i = 0; i < n_entries; i++) {
		const struct branch_entry *e = &entries[i];
		uint32_t from_off = off_of(e->from_ip, window_ip, n_bytes);
		uint32_t to_off = off_of(e->to_ip, window_ip, n_bytes);
		struct slot *slot;
		uint64_t value;

		if (chain == CHAIN_CUT && unlikely(is_dropped(e->flags))) {
			if (e->flags & (BRANCH_IN_TX | BRANCH_ABORT))
				remove_entry(tally, REMOVED_TRANSACTION, CUT_TRANSACTION, &pending);
			else
				remove_entry(tally, REMOVED_WRONG_PATH, CUT_WRONG_PATH, &pending);
			continue;
		}
		slot = find_edge(counters, key_of(from_off, to_off));
		if (unlikely(!slot)) {
			remove_entry(tally, REMOVED_TABLE_FULL, CUT_EDGE_LOST, &pending);
			continue;
		}
		value = slot->value += weight;
		if (unlikely(!(value & VALUE_CLASS))) {
			remove_entry(tally, REMOVED_EXTERNAL,
				     chain == CHAIN_CUT ? CUT_EXTERNAL : pending, &pending);
			continue;
		}
		/* all ones if good, else 0 = OFF_EXTERNAL */
		from_off &= (uint32_t)((int64_t)value >> 63);
		to_off &= (uint32_t)((int64_t)(value << 1) >> 63);
		if (likely(pending == CHAINED)) {
			slot = find_range(counters, key_of(to_off, end_off));
			if (likely(slot))
				slot->value += weight;
			else
				tally->n_cut[CUT_RANGE_LOST]++;
		} else {
			tally->n_cut[pending]++;
			pending = CHAINED;
			if (chain == CHAIN_CUT && i == 0 &&
			    is_repeated(entries, n_entries, from_off, to_off))
				pending = CUT_REPEATED;
		}
		end_off = from_off;
	}
}

static uint64_t sum_of(const uint64_t *items, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += items[i];
	return sum;
}

static void total_stack(struct counters_totals *totals, const struct tally *tally, size_t n_entries,
			uint64_t weight)
{
	uint64_t n_kept = n_entries - sum_of(tally->n_removed, N_REMOVED);
	uint64_t n_pairs = n_kept - sum_of(tally->n_cut, N_CUT);

	totals->n_stacks++;
	totals->n_empty_stacks += !n_entries;
	totals->n_void_stacks += n_entries && !n_kept;
	totals->n_entries += n_entries;
	totals->n_kept += n_kept;
	totals->n_pairs += n_pairs;
	totals->kept_weight += n_kept * weight;
	totals->pairs_weight += n_pairs * weight;
	for (size_t i = 0; i < N_REMOVED; i++)
		totals->n_removed[i] += tally->n_removed[i];
	for (size_t i = 0; i < N_CUT; i++)
		totals->n_cut[i] += tally->n_cut[i];
}

void counters_add_stack(struct counters *counters, uint64_t window_ip,
			const struct branch_entry *entries, size_t n_entries, uint64_t weight)
{
	struct counters_totals *totals = &counters->block->totals;
	struct tally tally = { 0 };
	uint64_t stack_weight;

	if (unlikely(__builtin_mul_overflow(weight, (uint64_t)n_entries, &stack_weight) ||
		     stack_weight > COUNT_MAX - totals->added_weight)) {
		tally.n_removed[REMOVED_OVERFLOW] = n_entries;
		total_stack(totals, &tally, n_entries, 0);
		return;
	}
	totals->added_weight += stack_weight;
	if (counters->chain == CHAIN_LLVM)
		count_entries(counters, window_ip, entries, n_entries, weight, CHAIN_LLVM, &tally);
	else
		count_entries(counters, window_ip, entries, n_entries, weight, CHAIN_CUT, &tally);
	total_stack(totals, &tally, n_entries, weight);
}

static bool is_table_nearly_full(const struct block_table *table)
{
	return table->n_used >= table->n_slots / 4 * 3;
}

bool counters_is_nearly_full(const struct counters *counters)
{
	return is_table_nearly_full(&counters->block->edges) ||
	       is_table_nearly_full(&counters->block->ranges);
}

struct counters_fill counters_fill(const struct counters *counters)
{
	const struct block *block = counters->block;

	return (struct counters_fill){
		.n_edges = block->edges.n_used,
		.n_edge_slots = block->edges.n_slots,
		.n_ranges = block->ranges.n_used,
		.n_range_slots = block->ranges.n_slots,
	};
}

const struct counters_totals *counters_totals(const struct counters *counters)
{
	return &counters->block->totals;
}

void counters_reset(struct counters *counters)
{
	struct block *block = counters->block;

	memset(counters->edges.slots, 0, slots_bytes(&block->edges));
	memset(counters->ranges.slots, 0, slots_bytes(&block->ranges));
	block->edges.n_used = 0;
	block->ranges.n_used = 0;
	block->totals = (struct counters_totals){ 0 };
}

/* Makes room in dst for every key of src, with count 0 where it is new. */
static int merge_keys(struct table *dst, const struct table *src)
{
	for (size_t i = 1; i < src->shared->n_slots; i++) {
		const struct slot *from = &src->slots[i];
		struct slot *to;

		if (!from->key)
			continue;
		to = table_probe(dst, from->key);
		if (!to)
			return COUNTERS_E_FULL;
		if (!to->key)
			table_insert(dst, to, from->key, from->value & VALUE_CLASS);
		else if ((to->value ^ from->value) & VALUE_CLASS)
			return -EINVAL;
	}
	return 0;
}

/* After merge_keys(): every key is there. */
static void merge_counts(struct table *dst, const struct table *src)
{
	dst->slots[0].value += src->slots[0].value;
	for (size_t i = 1; i < src->shared->n_slots; i++)
		if (src->slots[i].key)
			table_probe(dst, src->slots[i].key)->value +=
				src->slots[i].value & COUNT_MAX;
}

/* The totals are u64 throughout. */
static void merge_totals(struct counters_totals *dst, const struct counters_totals *src)
{
	uint64_t *to = (uint64_t *)dst;
	const uint64_t *from = (const uint64_t *)src;

	_Static_assert(sizeof(*dst) % sizeof(*to) == 0, "u64 throughout");
	for (size_t i = 0; i < sizeof(*dst) / sizeof(*to); i++)
		to[i] += from[i];
}

int counters_merge(struct counters *dst, const struct counters *src)
{
	int r;

	if (dst->chain != src->chain)
		return -EINVAL;
	if (src->block->totals.added_weight > COUNT_MAX - dst->block->totals.added_weight)
		return COUNTERS_E_FULL;
	r = merge_keys(&dst->edges, &src->edges);
	if (r == 0)
		r = merge_keys(&dst->ranges, &src->ranges);
	if (r)
		return r;
	merge_counts(&dst->edges, &src->edges);
	merge_counts(&dst->ranges, &src->ranges);
	merge_totals(&dst->block->totals, &src->block->totals);
	return 0;
}

static uint64_t vaddr_of(uint32_t off, uint64_t window_vaddr)
{
	return off == OFF_EXTERNAL ? VADDR_EXTERNAL : window_vaddr + off;
}

static size_t list_branches(const struct table *table, uint64_t window_vaddr,
			    struct branch_count *branches)
{
	size_t n = 0;

	for (size_t i = 1; i < table->shared->n_slots; i++) {
		const struct slot *slot = &table->slots[i];
		uint32_t from_off = key_first(slot->key);

		if (!(slot->value & VALUE_TO_GOOD))
			continue;
		if (!(slot->value & VALUE_FROM_GOOD))
			from_off = OFF_EXTERNAL;
		branches[n++] = (struct branch_count){
			.from_vaddr = vaddr_of(from_off, window_vaddr),
			.to_vaddr = vaddr_of(key_second(slot->key), window_vaddr),
			.n = slot->value & COUNT_MAX,
		};
	}
	return n;
}

static size_t list_ranges(const struct table *table, uint64_t window_vaddr,
			  struct range_count *ranges)
{
	size_t n = 0;

	for (size_t i = 0; i < table->shared->n_slots; i++) {
		const struct slot *slot = &table->slots[i];

		if (!slot->value)
			continue;
		ranges[n++] = (struct range_count){
			.start_vaddr = vaddr_of(key_first(slot->key), window_vaddr),
			.end_vaddr = vaddr_of(key_second(slot->key), window_vaddr),
			.n = slot->value,
		};
	}
	return n;
}

int counters_snapshot(const struct counters *counters, uint64_t window_vaddr,
		      struct branch_counts *ret)
{
	struct branch_counts counts = { 0 };

	counts.branches = calloc(counters->block->edges.n_used + 1, sizeof(*counts.branches));
	counts.ranges = calloc(counters->block->ranges.n_used + 1, sizeof(*counts.ranges));
	if (!counts.branches || !counts.ranges) {
		branch_counts_deinit(&counts);
		return -ENOMEM;
	}
	counts.n_branches = list_branches(&counters->edges, window_vaddr, counts.branches);
	counts.n_ranges = list_ranges(&counters->ranges, window_vaddr, counts.ranges);
	branch_counts_normalize(&counts);
	*ret = counts;
	return 0;
}

/* Sums of a table's counts, and what can be said of its shape. */
struct audit {
	uint64_t n_used;
	uint64_t kept;	  /* of slots with a class bit */
	uint64_t removed; /* of slots without */
	bool is_findable; /* each key is where a search finds it */
};

static struct audit audit_table(const struct table *table)
{
	struct audit audit = { .is_findable = !table->slots[0].key };

	for (size_t i = 0; i < table->shared->n_slots; i++) {
		const struct slot *slot = &table->slots[i];
		uint64_t count = slot->value & COUNT_MAX;

		if (slot->value & VALUE_CLASS)
			audit.kept += count;
		else
			audit.removed += count;
		if (!slot->key)
			continue;
		audit.n_used++;
		if (table_probe(table, slot->key) != slot)
			audit.is_findable = false;
	}
	return audit;
}

static const char *find_unbalanced(const struct counters *counters)
{
	const struct counters_totals *totals = &counters->block->totals;
	struct audit edges = audit_table(&counters->edges);
	struct audit ranges = audit_table(&counters->ranges);

	if (totals->n_stacks !=
	    totals->n_empty_stacks + totals->n_void_stacks + totals->n_cut[CUT_NEWEST])
		return "stacks are not empty, void and begun ones";
	if (totals->n_entries != totals->n_kept + sum_of(totals->n_removed, N_REMOVED))
		return "entries are not kept and removed ones";
	if (totals->n_kept != totals->n_pairs + sum_of(totals->n_cut, N_CUT))
		return "kept entries are not pairs and cuts";
	if (totals->kept_weight != edges.kept)
		return "kept entries are not what the edge table counts";
	if (totals->pairs_weight != ranges.removed || ranges.kept)
		return "pairs are not what the range table counts";
	if (edges.kept + edges.removed > totals->added_weight)
		return "the edge table counts more than was added";
	if (edges.n_used != counters->block->edges.n_used ||
	    ranges.n_used != counters->block->ranges.n_used)
		return "a table's fill is not its number of keys";
	if (!edges.is_findable || !ranges.is_findable)
		return "a key stands where no search finds it";
	return NULL;
}

int counters_check(const struct counters *counters, const char **ret_what)
{
	const char *what = find_unbalanced(counters);

	if (!what)
		return 0;
	*ret_what = what;
	return -EBADMSG;
}
