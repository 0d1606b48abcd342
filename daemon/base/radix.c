/* SPDX-License-Identifier: Apache-2.0 */
#include "radix.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define DIGIT_BITS 11u
#define N_DIGITS (1u << DIGIT_BITS)
/* Below, counting digits costs more than it saves. */
#define N_WORTH_IT 512u

struct scale {
	uint64_t min;
	unsigned int n_bits; /* of the largest key, less the smallest */
};

static inline uint64_t key_at(const uint64_t *items, size_t i, size_t n_words)
{
	return items[i * n_words];
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static struct scale scale_of(const uint64_t *items, size_t n, size_t n_words)
{
	struct scale scale = { .min = UINT64_MAX };
	uint64_t max = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t key = key_at(items, i, n_words);

		scale.min = key < scale.min ? key : scale.min;
		max = key > max ? key : max;
	}
	if (max > scale.min)
		scale.n_bits = 64 - (unsigned int)__builtin_clzll(max - scale.min);
	return scale;
}

/* Stable: what is equal in this digit stays in order. */
static inline __attribute__((always_inline)) void sort_by_digit(const uint64_t *from, uint64_t *to,
								size_t n, size_t n_words,
								struct scale scale,
								unsigned int shift)
{
	size_t at[N_DIGITS] = { 0 };
	size_t sum = 0;

	for (size_t i = 0; i < n; i++)
		at[(key_at(from, i, n_words) - scale.min) >> shift & (N_DIGITS - 1)]++;
	for (size_t digit = 0; digit < N_DIGITS; digit++) {
		size_t n_here = at[digit];

		at[digit] = sum;
		sum += n_here;
	}
	for (size_t i = 0; i < n; i++) {
		size_t *place =
			&at[(key_at(from, i, n_words) - scale.min) >> shift & (N_DIGITS - 1)];

		memcpy(to + *place * n_words, from + i * n_words, n_words * sizeof(*to));
		++*place;
	}
}

/* Each size that is sorted often has its own copy of the loop, with its moves inlined. */
static void sort_digit(const uint64_t *from, uint64_t *to, size_t n, size_t n_words,
		       struct scale scale, unsigned int shift)
{
	switch (n_words) {
	case 1:
		sort_by_digit(from, to, n, 1, scale, shift);
		break;
	case 3:
		sort_by_digit(from, to, n, 3, scale, shift);
		break;
	default:
		sort_by_digit(from, to, n, n_words, scale, shift);
	}
}

void radix_sort(void *items, size_t n, size_t item_bytes)
{
	size_t n_words = item_bytes / sizeof(uint64_t);
	uint64_t *other = n < N_WORTH_IT ? NULL : malloc(n * item_bytes);
	uint64_t *from = items, *to = other;
	struct scale scale;

	if (!other) {
		if (n)
			qsort(items, n, item_bytes, compare);
		return;
	}
	scale = scale_of(items, n, n_words);
	for (unsigned int shift = 0; shift < scale.n_bits; shift += DIGIT_BITS) {
		uint64_t *sorted = to;

		sort_digit(from, to, n, n_words, scale, shift);
		to = from;
		from = sorted;
	}
	if (from != items)
		memcpy(items, from, n * item_bytes);
	free(other);
}
