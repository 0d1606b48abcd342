/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Facts about one machine instruction, as LLVM 19.1's disassembler would state them: its length,
 * and whether control can fall through it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "image.h"

struct insn {
	uint8_t n_bytes; /* 0: these bytes are no instruction */
	bool is_barrier; /* call, return or direct unconditional jump: no range passes it */
	bool is_branch;	 /* branch, call or return of any kind: a range may end here */
};

/* Decodes at bytes[0]; n_bytes are readable. Never fails: n_bytes 0 says "no instruction". */
struct insn insn_decode(enum image_machine machine, const uint8_t *bytes, size_t n_bytes);
/* One machine's own, behind insn_decode(). */
struct insn insn_decode_x86_64(const uint8_t *bytes, size_t n_bytes);
struct insn insn_decode_aarch64(const uint8_t *bytes, size_t n_bytes);

/* How far to go on after bytes that are no instruction. */
static inline size_t insn_resync_bytes(enum image_machine machine)
{
	return machine == IMAGE_AARCH64 ? 4 : 1;
}
