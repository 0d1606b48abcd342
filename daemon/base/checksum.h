/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A checksum against damage (disks, copies that were cut off, bit flips), not against malice.
 *
 * Four lanes of 64 bits, each mixed by steps that lose nothing, so that a change within one word
 * of 8 bytes is found for certain and any other one with a chance of 1 - 2^-64; wide enough that a
 * page costs less than the page fault that brought it.
 */

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "hash.h"

#define CHECKSUM_LANES 4

static inline uint64_t checksum_step(uint64_t lane, uint64_t word)
{
	lane = (lane ^ word) * 0x9e3779b97f4a7c15u; /* odd, so a bijection: 2^64 / golden ratio */
	return lane ^ (lane >> 32);
}

static inline uint64_t checksum_bytes(const void *data, size_t n_bytes)
{
	uint64_t lanes[CHECKSUM_LANES] = { 1, 2, 3, 4 }, words[CHECKSUM_LANES];
	const uint8_t *p = data;
	uint64_t sum = n_bytes;

	for (; n_bytes >= sizeof(words); p += sizeof(words), n_bytes -= sizeof(words)) {
		memcpy(words, p, sizeof(words));
		for (int i = 0; i < CHECKSUM_LANES; i++)
			lanes[i] = checksum_step(lanes[i], words[i]);
	}
	memset(words, 0, sizeof(words));
	if (n_bytes)
		memcpy(words, p, n_bytes);
	for (int i = 0; i < CHECKSUM_LANES; i++)
		sum = hash_u64(sum ^ checksum_step(lanes[i], words[i]));
	return sum;
}
