/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Mixing for our open-addressing tables. Keys come from running kernels and files, so nothing
 * here resists a chosen-key attack; the tables bound their probes and sizes instead.
 */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Finalizer of splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom generators, 2014). */
static inline uint64_t hash_u64(uint64_t v)
{
	v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9u;
	v = (v ^ (v >> 27)) * 0x94d049bb133111ebu;
	return v ^ (v >> 31);
}

static inline uint64_t hash_bytes(const void *data, size_t n_bytes)
{
	const unsigned char *p = data;
	uint64_t h = n_bytes;
	uint64_t word;

	for (; n_bytes >= 8; p += 8, n_bytes -= 8) {
		memcpy(&word, p, 8);
		h = hash_u64(h ^ word);
	}
	word = 0;
	memcpy(&word, p, n_bytes);
	return hash_u64(h ^ word);
}
