/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AArch64: every word is an instruction, and a handful of masks (Arm ARM, C4.1 "A64 instruction set
 * encoding") tells the ones that matter.
 *
 * llvm-profgen 19.1 decodes with the Armv8.0-A baseline and takes newer words for no code; here
 * they are code, which is right for accurate profiles and differs from it in compatible ones.
 */
#include "insn.h"

#include <string.h>
#include "base/macros.h"

struct pattern {
	uint32_t mask, value;
};

static const struct pattern barriers[] = {
	{ 0x7c000000, 0x14000000 }, /* b, bl */
	{ 0xfffffc1f, 0xd63f0000 }, /* blr */
	{ 0xfffffc1f, 0xd65f0000 }, /* ret */
	{ 0xfefff800, 0xd63f0800 }, /* blraa, blrab and their zero forms */
	{ 0xfffffbff, 0xd65f0bff }, /* retaa, retab */
	{ 0xffffffff, 0xd69f03e0 }, /* eret */
	{ 0xfffffbff, 0xd69f0bff }, /* eretaa, eretab */
	{ 0xffffffff, 0xd6bf03e0 }, /* drps */
};

static const struct pattern other_branches[] = {
	{ 0xff000000, 0x54000000 }, /* b.cond, bc.cond */
	{ 0x7e000000, 0x34000000 }, /* cbz, cbnz */
	{ 0x7e000000, 0x36000000 }, /* tbz, tbnz */
	{ 0xfffffc1f, 0xd61f0000 }, /* br */
	{ 0xfefff800, 0xd61f0800 }, /* braa, brab and their zero forms */
};

static bool matches(uint32_t word, const struct pattern *patterns, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((word & patterns[i].mask) == patterns[i].value)
			return true;
	return false;
}

struct insn insn_decode_aarch64(const uint8_t *bytes, size_t n_bytes)
{
	struct insn insn = { .n_bytes = 4 };
	uint32_t word;

	if (n_bytes < sizeof(word))
		return (struct insn){ 0 };
	memcpy(&word, bytes, sizeof(word));
	insn.is_barrier = matches(word, barriers, array_size(barriers));
	insn.is_branch =
		insn.is_barrier || matches(word, other_branches, array_size(other_branches));
	return insn;
}
