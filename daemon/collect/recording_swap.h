/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Numbers of a recording in our byte order. A recording is in that of the machine that made it; we
 * run on little-endian ones, so a swapped recording is a big-endian one.
 */

#include <stdbool.h>
#include <stdint.h>
#include "base/bytes.h"

static inline uint16_t swap_u16(uint16_t v, bool is_swapped)
{
	return is_swapped ? __builtin_bswap16(v) : v;
}

static inline uint32_t swap_u32(uint32_t v, bool is_swapped)
{
	return is_swapped ? __builtin_bswap32(v) : v;
}

static inline uint64_t swap_u64(uint64_t v, bool is_swapped)
{
	return is_swapped ? __builtin_bswap64(v) : v;
}

static inline uint16_t take_u16(struct bytes *b, bool is_swapped)
{
	return swap_u16(bytes_u16(b), is_swapped);
}

static inline uint32_t take_u32(struct bytes *b, bool is_swapped)
{
	return swap_u32(bytes_u32(b), is_swapped);
}

static inline uint64_t take_u64(struct bytes *b, bool is_swapped)
{
	return swap_u64(bytes_u64(b), is_swapped);
}
