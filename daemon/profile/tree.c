/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel profile has some ten thousand functions and a hundred thousand inlinees. Most have two
 * or three records, a few have thousands, and the tree is built by about a million find-or-create
 * calls in the order of addresses, which visit one line several times in a row.
 *
 * So all four kinds of child (functions, inlinees, records, targets) are plain arrays. Up to
 * N_SCANNED items an array is searched from its end. A larger array carries an index in the same
 * block, behind its last item: slots of item number + 1 (0 is empty), two for each item of
 * capacity, probed linearly from where the hash of the item's key falls.
 *
 *	items[0] … items[n-1] | room up to capacity | slot[0] … slot[2 * capacity - 1]
 *
 * Blocks come from an arena: no header each, and the whole tree is freed at once.
 */
#include "tree.h"

#include <errno.h>
#include <string.h>
#include "arena.h"
#include "base/hash.h"

#define N_SCANNED 16u
#define N_ITEMS_MAX (UINT32_MAX / 64) /* the bytes of so many fit 32 bits */
#define NOT_FOUND UINT32_MAX

/* A key is an item with only its key fields set. */
struct kind {
	size_t item_bytes;
	uint32_t n_first; /* capacity of the first block */
	bool (*is_same)(const void *item, const void *key);
	uint64_t (*hash)(const void *item);
};

static bool is_same_function(const void *item, const void *key)
{
	const struct function *a = *(struct function *const *)item;
	const struct function *b = *(struct function *const *)key;

	return a->name == b->name && a->line_off == b->line_off && a->disc == b->disc;
}

static uint64_t hash_function(const void *item)
{
	const struct function *f = *(struct function *const *)item;

	return hash_u64(((uint64_t)f->line_off << 32 | f->disc) ^ hash_u64(f->name));
}

static bool is_same_record(const void *item, const void *key)
{
	const struct record *a = item, *b = key;

	return a->line_off == b->line_off && a->disc == b->disc;
}

static uint64_t hash_record(const void *item)
{
	const struct record *r = item;

	return hash_u64((uint64_t)r->line_off << 32 | r->disc);
}

static bool is_same_target(const void *item, const void *key)
{
	return ((const struct target *)item)->name == ((const struct target *)key)->name;
}

static uint64_t hash_target(const void *item)
{
	return hash_u64(((const struct target *)item)->name);
}

static const struct kind function_kind = { sizeof(struct function *), 2, is_same_function,
					   hash_function };
static const struct kind record_kind = { sizeof(struct record), 1, is_same_record, hash_record };
static const struct kind target_kind = { sizeof(struct target), 1, is_same_target, hash_target };

/* arrays of items */

static bool is_indexed(uint32_t capacity)
{
	return capacity > N_SCANNED;
}

static size_t block_bytes(const struct kind *kind, size_t capacity)
{
	size_t per_item = kind->item_bytes + (capacity > N_SCANNED ? 2 * sizeof(uint32_t) : 0);

	return capacity * per_item;
}

static uint32_t *slots_of(const struct kind *kind, void *items, uint32_t capacity)
{
	return (uint32_t *)((char *)items + capacity * kind->item_bytes);
}

static inline __attribute__((always_inline)) void *item_at(const struct kind *kind,
							   const void *items, uint32_t i)
{
	return (char *)items + i * kind->item_bytes;
}

/* The slot that holds an item of this key, or the empty one where it would go. */
static inline __attribute__((always_inline)) uint32_t *
find_slot(const struct kind *kind, void *items, uint32_t capacity, const void *key)
{
	uint32_t *slots = slots_of(kind, items, capacity);
	uint64_t n_slots = 2 * (uint64_t)capacity;
	uint32_t i = (uint32_t)((kind->hash(key) >> 32) * n_slots >> 32);

	while (slots[i] && !kind->is_same(item_at(kind, items, slots[i] - 1), key))
		i = i + 1 == n_slots ? 0 : i + 1;
	return &slots[i];
}

static inline __attribute__((always_inline)) uint32_t find(const struct kind *kind, void *items,
							   uint32_t n, uint32_t capacity,
							   const void *key)
{
	if (is_indexed(capacity))
		return *find_slot(kind, items, capacity, key) - 1; /* empty: 0 - 1 == NOT_FOUND */
	for (uint32_t i = n; i-- > 0;)
		if (kind->is_same(item_at(kind, items, i), key))
			return i;
	return NOT_FOUND;
}

/* Writes the slots anew: after a move, a removal or a sort. */
static void reindex(const struct kind *kind, void *items, uint32_t n, uint32_t capacity)
{
	if (!is_indexed(capacity))
		return;
	memset(slots_of(kind, items, capacity), 0, 2 * (size_t)capacity * sizeof(uint32_t));
	for (uint32_t i = 0; i < n; i++)
		*find_slot(kind, items, capacity, item_at(kind, items, i)) = i + 1;
}

/* A block of half as many items more, or of the kind's first size. NULL: arena->error is set. */
static void *grow(struct arena *arena, const struct kind *kind, void *items, uint32_t n,
		  uint32_t *capacity)
{
	size_t want = n < kind->n_first ? kind->n_first : n + (n + 1) / 2;
	size_t n_bytes;
	uint32_t grown_capacity;
	void *grown;

	if (want > N_ITEMS_MAX) {
		arena->error = arena->error ? arena->error : -E2BIG;
		return NULL;
	}
	n_bytes = arena_block_bytes(block_bytes(kind, want));
	if (want <= N_SCANNED && n_bytes / kind->item_bytes > N_SCANNED)
		want = N_SCANNED;
	else
		want = n_bytes / (block_bytes(kind, want) / want);
	grown_capacity = (uint32_t)want;
	grown = arena_alloc(arena, block_bytes(kind, want));
	if (!grown)
		return NULL;
	if (n)
		memcpy(grown, items, n * kind->item_bytes);
	reindex(kind, grown, n, grown_capacity);
	arena_release(arena, items, block_bytes(kind, *capacity));
	*capacity = grown_capacity;
	return grown;
}

/* Puts the item behind the others, in a block that has room for it. */
static inline __attribute__((always_inline)) void
append(const struct kind *kind, void *items, uint32_t *n, uint32_t capacity, const void *item)
{
	memcpy(item_at(kind, items, *n), item, kind->item_bytes);
	if (is_indexed(capacity))
		*find_slot(kind, items, capacity, item) = *n + 1;
	++*n;
}

/* lifecycle */

int profile_new(struct profile **ret_profile, struct names *names, size_t ceiling_bytes)
{
	struct profile *profile = calloc(1, sizeof(*profile));
	struct arena *arena = malloc(sizeof(*arena));

	if (!profile || !arena) {
		free(profile);
		free(arena);
		return -ENOMEM;
	}
	*arena = (struct arena)ARENA_INIT(ceiling_bytes);
	profile->names = names;
	profile->arena = arena;
	*ret_profile = profile;
	return 0;
}

void profile_free(struct profile *profile)
{
	if (!profile)
		return;
	arena_deinit(profile->arena);
	free(profile->arena);
	free(profile);
}

int profile_error(const struct profile *profile)
{
	return profile->arena->error;
}

/* use */

static struct function *new_function(struct arena *arena, const struct function *key)
{
	struct function *f = arena_alloc(arena, sizeof(*f));

	if (f)
		*f = *key;
	return f;
}

static inline struct function *find_or_add_function(struct arena *arena,
						    struct function ***functions, uint32_t *n,
						    uint32_t *capacity, const struct function *key)
{
	uint32_t i = find(&function_kind, *functions, *n, *capacity, &key);
	struct function *f;

	if (i != NOT_FOUND)
		return (*functions)[i];
	if (*n == *capacity) {
		void *grown = grow(arena, &function_kind, *functions, *n, capacity);

		if (!grown)
			return NULL;
		*functions = grown;
	}
	f = new_function(arena, key);
	if (f)
		append(&function_kind, *functions, n, *capacity, &f);
	return f;
}

struct function *profile_function(struct profile *profile, uint32_t name)
{
	struct function key = { .name = name };

	return find_or_add_function(profile->arena, &profile->functions, &profile->n_functions,
				    &profile->functions_capacity, &key);
}

struct function *profile_inlinee(struct profile *profile, struct function *parent,
				 uint32_t line_off, uint32_t disc, uint32_t name)
{
	struct function key = {
		.name = name, .line_off = line_off, .disc = disc, .depth = parent->depth + 1
	};

	if (unlikely(key.depth >= PROFILE_DEPTH_MAX)) {
		profile->arena->error = profile->arena->error ? profile->arena->error : -E2BIG;
		return NULL;
	}
	return find_or_add_function(profile->arena, &parent->inlinees, &parent->n_inlinees,
				    &parent->inlinees_capacity, &key);
}

struct record *profile_record(struct profile *profile, struct function *function, uint32_t line_off,
			      uint32_t disc)
{
	struct record key = { .line_off = line_off, .disc = disc };
	uint32_t i = find(&record_kind, function->records, function->n_records,
			  function->records_capacity, &key);

	if (i != NOT_FOUND)
		return &function->records[i];
	if (function->n_records == function->records_capacity) {
		void *grown = grow(profile->arena, &record_kind, function->records,
				   function->n_records, &function->records_capacity);

		if (!grown)
			return NULL;
		function->records = grown;
	}
	append(&record_kind, function->records, &function->n_records, function->records_capacity,
	       &key);
	return &function->records[function->n_records - 1];
}

int profile_add_target(struct profile *profile, struct record *record, uint32_t name, uint64_t n)
{
	struct target key = { .name = name, .n = n };
	uint32_t i = find(&target_kind, record->targets, record->n_targets,
			  record->targets_capacity, &key);

	if (i != NOT_FOUND) {
		record->targets[i].n = saturating_add(record->targets[i].n, n);
		return 0;
	}
	if (record->n_targets == record->targets_capacity) {
		void *grown = grow(profile->arena, &target_kind, record->targets, record->n_targets,
				   &record->targets_capacity);

		if (!grown)
			return profile->arena->error;
		record->targets = grown;
	}
	append(&target_kind, record->targets, &record->n_targets, record->targets_capacity, &key);
	return 0;
}

/* removing */

static size_t remove_from(struct profile *profile, struct function **functions, uint32_t *n,
			  uint32_t capacity, profile_predicate is_unwanted, void *arg)
{
	uint32_t n_kept = 0;
	size_t n_removed = 0;

	for (uint32_t i = 0; i < *n; i++) {
		struct function *f = functions[i];

		if (is_unwanted(profile, f, arg)) {
			n_removed++;
			continue;
		}
		n_removed += remove_from(profile, f->inlinees, &f->n_inlinees, f->inlinees_capacity,
					 is_unwanted, arg);
		functions[n_kept++] = f;
	}
	if (n_kept < *n) {
		*n = n_kept;
		reindex(&function_kind, functions, n_kept, capacity);
	}
	return n_removed;
}

size_t profile_remove(struct profile *profile, profile_predicate is_unwanted, void *arg)
{
	return remove_from(profile, profile->functions, &profile->n_functions,
			   profile->functions_capacity, is_unwanted, arg);
}

/* sorting */

int profile_compare_names(const struct profile *profile, uint32_t a, uint32_t b)
{
	if (profile->is_md5) {
		size_t x = names_get(profile->names, a).n_bytes;
		size_t y = names_get(profile->names, b).n_bytes;

		if (x != y)
			return x < y ? -1 : 1;
	}
	return a == b ? 0 : names_compare(profile->names, a, b);
}

static int compare_u64(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int compare_records(const void *a, const void *b, void *profile)
{
	const struct record *x = a, *y = b;

	return compare_u64((uint64_t)x->line_off << 32 | x->disc,
			   (uint64_t)y->line_off << 32 | y->disc);
}

static int compare_targets(const void *a, const void *b, void *profile)
{
	const struct target *x = a, *y = b;

	return x->n != y->n ? compare_u64(y->n, x->n)
			    : profile_compare_names(profile, x->name, y->name);
}

static int compare_functions(const void *a, const void *b, void *profile)
{
	const struct function *x = *(struct function *const *)a;
	const struct function *y = *(struct function *const *)b;

	return x->total != y->total ? compare_u64(y->total, x->total)
				    : profile_compare_names(profile, x->name, y->name);
}

static int compare_inlinees(const void *a, const void *b, void *profile)
{
	const struct function *x = *(struct function *const *)a;
	const struct function *y = *(struct function *const *)b;

	if (x->line_off != y->line_off || x->disc != y->disc)
		return compare_u64((uint64_t)x->line_off << 32 | x->disc,
				   (uint64_t)y->line_off << 32 | y->disc);
	return profile_compare_names(profile, x->name, y->name);
}

/* Most arrays of a tree have a few items, or stand in order because addresses did. */
static void sort_items(const struct kind *kind, void *items, uint32_t n, uint32_t capacity,
		       int (*compare)(const void *, const void *, void *), struct profile *profile)
{
	uint32_t i = 1;

	while (i < n && compare(item_at(kind, items, i - 1), item_at(kind, items, i), profile) <= 0)
		i++;
	if (i >= n)
		return;
	qsort_r(items, n, kind->item_bytes, compare, profile);
	reindex(kind, items, n, capacity);
}

static void sort_function(struct profile *profile, struct function *f)
{
	sort_items(&record_kind, f->records, f->n_records, f->records_capacity, compare_records,
		   profile);
	for (uint32_t i = 0; i < f->n_records; i++)
		sort_items(&target_kind, f->records[i].targets, f->records[i].n_targets,
			   f->records[i].targets_capacity, compare_targets, profile);
	sort_items(&function_kind, f->inlinees, f->n_inlinees, f->inlinees_capacity,
		   compare_inlinees, profile);
	for (uint32_t i = 0; i < f->n_inlinees; i++)
		sort_function(profile, f->inlinees[i]);
}

void profile_sort(struct profile *profile)
{
	sort_items(&function_kind, profile->functions, profile->n_functions,
		   profile->functions_capacity, compare_functions, profile);
	for (uint32_t i = 0; i < profile->n_functions; i++)
		sort_function(profile, profile->functions[i]);
}
