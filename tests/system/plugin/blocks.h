/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * From TCG's blocks of instructions to taken branches: what every plugin of
 * the lab shares. blocks.c begins with the rules.
 */
#include <stdbool.h>
#include <stdint.h>

#include "qemu_plugin.h"
#include "symbols.h"

/*
 * One translated block. Never freed: generated code refers to it until QEMU
 * throws the code away, and does not say when that is over.
 */
struct block {
	uint64_t first; /* address of its first instruction */
	uint32_t n_insns;
	uint8_t kind; /* enum entry_kind, once is_classified */
	bool is_classified;
	bool ends_in_branch;   /* the last instruction may jump */
	bool ends_in_transfer; /* … always does, if only to the next one */
	bool ends_in_syscall;
	uint16_t offsets[]; /* n_insns + 1: starts, then the end */
};

enum transition {
	TRANSITION_STRAIGHT,
	TRANSITION_RESTART,
	TRANSITION_BRANCH,
	TRANSITION_CUT, /* where the CPU came from cannot be told */
};

/* The running kernel: link-time symbols, and how far from there it is. */
struct kernel {
	struct symbols symbols;
	uint64_t slide;
	bool has_slide; /* until then nothing else can be known */
};

struct transition_counts {
	uint64_t n_interrupts;	/* and exceptions */
	uint64_t n_unexplained; /* must be 0 */
};

/* Null: out of memory. */
struct block *block_new(const struct qemu_plugin_tb *tb);

/*
 * The CPU began n_begun instructions of before and then block. For
 * TRANSITION_BRANCH *ret_from is the source; the target is block->first.
 */
enum transition block_transition(const struct kernel *kernel, const struct block *before,
				 uint64_t n_begun, struct block *block,
				 struct transition_counts *counts, uint64_t *ret_from);

/* Takes the slide from the transition if it is a system call. */
void kernel_find_slide(struct kernel *kernel, const struct block *before, uint64_t n_begun,
		       uint64_t to);

/* inline helpers */

static inline bool is_kernel(uint64_t ip)
{
	return ip >> 63;
}
