/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One open-addressing table: key, two window offsets -> value, a count of 62 bits below two bits
 * that say which halves of the key stand. Inside of aggregate/ only.
 *
 * Probing goes home, home ^ 1, home ^ 2, …: first through the home's cache line, then through ever
 * larger aligned blocks, and never past the end. The home of a key is the top bits of its product
 * with an odd constant, so key 0, (external, external), has its home in slot 0, and slot 0 is kept
 * for it. Then an empty slot, whose key reads 0, too, never looks like what is searched for.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OFF_EXTERNAL 0u

struct slot {
	uint64_t key;	/* first offset << 32 | second offset; 0: empty, except slot 0 */
	uint64_t value; /* VALUE_*, count */
};

_Static_assert(sizeof(struct slot) == 16, "four to a cache line");

/*
 * The first, the second half of the key is what it was counted as. Otherwise it is known but not
 * good, and was counted as external. External halves stand. A table of ranges has neither bit.
 */
#define VALUE_FIRST_STANDS (1ull << 63)
#define VALUE_SECOND_STANDS (1ull << 62)
#define VALUE_BITS (VALUE_FIRST_STANDS | VALUE_SECOND_STANDS)
#define COUNT_MAX (VALUE_SECOND_STANDS - 1)

/* 2^64 / golden ratio, odd (Knuth, TAOCP 3, 6.4: Fibonacci hashing). */
#define HASH_FACTOR 0x9e3779b97f4a7c15ull

struct table {
	struct slot *slots; /* borrowed; aligned to a cache line */
	size_t n_slots;	    /* a power of two, at least 2 */
	unsigned int shift; /* home = product >> shift */
	uint64_t *n_used;   /* borrowed; keys in the table, without slot 0 */
};

struct table table_of(struct slot *slots, size_t n_slots, uint64_t *n_used);

/* The slot that has the key, or the empty one where it belongs, or NULL: too far from its home. */
struct slot *table_probe(const struct table *table, uint64_t key);
/* Puts the key into an empty slot that table_probe() gave, with count 0 and these VALUE_* bits. */
void table_insert(const struct table *table, struct slot *slot, uint64_t key, uint64_t bits);

/* What can be said of a whole table. */
struct table_audit {
	uint64_t n_used;
	uint64_t counted; /* sum of counts; UINT64_MAX: more */
	uint64_t kept;	  /* of them, where a half other than an external one stands; likewise */
	uint64_t bits;	  /* all VALUE_* bits together */
	bool is_findable; /* each key is where a search finds it */
	bool is_clean;	  /* empty slots are zero, and slot 0 has no VALUE_* bits */
};

struct table_audit table_audit(const struct table *table);

/* inline helpers */

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

/* The key as it was counted: OFF_EXTERNAL for a half that does not stand. */
static inline uint64_t key_as_counted(uint64_t key, uint64_t value)
{
	if (!(value & VALUE_FIRST_STANDS))
		key &= UINT32_MAX;
	if (!(value & VALUE_SECOND_STANDS))
		key &= ~(uint64_t)UINT32_MAX;
	return key;
}

static inline size_t table_home(const struct table *table, uint64_t key)
{
	return key * HASH_FACTOR >> table->shift;
}
