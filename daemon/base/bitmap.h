/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Bits in an array of 64-bit words, bit i in word i / 64. The caller knows how many there are;
 * nothing here looks behind the last word that a range [from, to) touches.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BITMAP_WORD_BITS 64

/* Bytes of the words that hold n_bits; at least one word. */
static inline size_t bitmap_bytes(uint64_t n_bits)
{
	return (n_bits / BITMAP_WORD_BITS + 1) * sizeof(uint64_t);
}

static inline bool bitmap_get(const uint64_t *bits, uint64_t i)
{
	return bits[i / BITMAP_WORD_BITS] >> (i % BITMAP_WORD_BITS) & 1;
}

static inline void bitmap_set(uint64_t *bits, uint64_t i)
{
	bits[i / BITMAP_WORD_BITS] |= 1ull << (i % BITMAP_WORD_BITS);
}

static inline void bitmap_clear(uint64_t *bits, uint64_t i)
{
	bits[i / BITMAP_WORD_BITS] &= ~(1ull << (i % BITMAP_WORD_BITS));
}

/* First set bit in [from, to), or to. */
static inline uint64_t bitmap_next(const uint64_t *bits, uint64_t from, uint64_t to)
{
	while (from < to) {
		uint64_t word = bits[from / BITMAP_WORD_BITS] >> (from % BITMAP_WORD_BITS);

		if (word) {
			from += (uint64_t)__builtin_ctzll(word);
			return from < to ? from : to;
		}
		from = (from / BITMAP_WORD_BITS + 1) * BITMAP_WORD_BITS;
	}
	return to;
}

/* Last set bit in [from, to), or UINT64_MAX. */
static inline uint64_t bitmap_last(const uint64_t *bits, uint64_t from, uint64_t to)
{
	while (from < to) {
		uint64_t top = (to - 1) / BITMAP_WORD_BITS * BITMAP_WORD_BITS;
		uint64_t word = bits[top / BITMAP_WORD_BITS] << (BITMAP_WORD_BITS - (to - top));

		if (word) {
			uint64_t i = to - 1 - (uint64_t)__builtin_clzll(word);

			return i >= from ? i : UINT64_MAX;
		}
		to = top;
	}
	return UINT64_MAX;
}

/* How many bits of [from, to) are set. */
static inline uint64_t bitmap_count(const uint64_t *bits, uint64_t from, uint64_t to)
{
	uint64_t i = from / BITMAP_WORD_BITS, last = to / BITMAP_WORD_BITS, n = 0;
	uint64_t first_mask = ~0ull << (from % BITMAP_WORD_BITS);
	uint64_t last_mask = (1ull << (to % BITMAP_WORD_BITS)) - 1;

	if (from >= to)
		return 0;
	if (i == last)
		return (uint64_t)__builtin_popcountll(bits[i] & first_mask & last_mask);
	n = (uint64_t)__builtin_popcountll(bits[i] & first_mask);
	while (++i < last)
		n += (uint64_t)__builtin_popcountll(bits[i]);
	/* a range that ends with its word does not touch the next one */
	return last_mask ? n + (uint64_t)__builtin_popcountll(bits[last] & last_mask) : n;
}
