/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What is inside a raw DWARF discriminator.
 *
 * Flow-sensitive images use all 32 bits as they are. Otherwise three prefix-coded numbers follow
 * each other: base discriminator, duplication factor (how often the code was copied, so how much a
 * count is worth), copy identifier.
 * Source: LLVM 19.1, llvm/include/llvm/IR/DebugInfoMetadata.h (DILocation::getBaseDiscriminator…),
 * llvm/include/llvm/Support/Discriminator.h, llvm/include/llvm/IR/PseudoProbe.h.
 */

#include <stdbool.h>
#include <stdint.h>

/* A number of the prefix code at the low end of u: 1 bit for zero, else 6 or 13 bits. */
static inline uint32_t discriminator_component(uint32_t u)
{
	if (u & 1)
		return 0;
	u >>= 1;
	return u & 0x20 ? ((u >> 1) & 0xfe0) | (u & 0x1f) : u & 0x1f;
}

/* A pseudo-probe form, found only in images that mix both. */
static inline bool discriminator_is_probe(uint32_t raw)
{
	return (raw & 7) == 7 && raw > 7;
}

static inline uint32_t discriminator_base(uint32_t raw, bool is_fs)
{
	if (is_fs)
		return raw;
	if (discriminator_is_probe(raw))
		return raw & 0x10000000 ? (raw >> 16) & 7 : (raw >> 3) & 0xffff;
	return discriminator_component(raw);
}

static inline uint32_t discriminator_duplication(uint32_t raw, bool is_fs)
{
	uint32_t v;

	if (is_fs)
		return 1;
	v = discriminator_component(raw & 1 ? raw >> 1 : raw >> (raw & 0x40 ? 14 : 7));
	return v ? v : 1;
}
