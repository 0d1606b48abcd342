/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Where an instruction comes from: its chain of inlined calls.
 */

#include <stddef.h>
#include <stdint.h>

/*
 * line_off is the line relative to the function's first, modulo 2^16 as LLVM keeps it;
 * discriminator is raw, as the line table or DW_AT_GNU_discriminator has it.
 */
struct frame {
	uint32_t name; /* in the caller's struct names */
	uint32_t line_off;
	uint32_t discriminator;
};

#define N_FRAMES_MAX 512 /* compilers write some tens; a deeper chain is refused and counted */
