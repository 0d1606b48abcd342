/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The instruction table of an image: where instructions start and which of them no fall-through
 * range may pass.
 *
 * Decoding is linear from every symbol to the next (an address is an instruction start only with
 * respect to that), as llvm-profgen does it, but lazy: an interval is decoded when the first
 * question falls into it. Symbols inside an instruction leave two overlapping streams, both
 * of which count.
 */

#include <stdbool.h>
#include <stdint.h>
#include "base/macros.h"
#include "image.h"

struct text;

struct text_stats {
	uint64_t n_intervals; /* symbol intervals of the image */
	uint64_t n_decoded;   /* of them decoded so far */
	uint64_t n_insns;     /* instructions decoded so far */
	uint64_t n_undecodable_bytes;
};

/* lifecycle */

/* image is borrowed and must outlive the text. 0, -ENOMEM. */
must_check int text_new(struct text **ret_text, const struct image *image);
void text_free(struct text *text);
DEFINE_CLEANUP(struct text, text, text_free)

/* use: any vaddr may be asked for; what is not in a text section is no code */

bool text_is_insn(struct text *text, uint64_t vaddr);
/* The first barrier in [start, end), no matter how it got decoded; UINT64_MAX: none. */
uint64_t text_next_barrier(struct text *text, uint64_t start_vaddr, uint64_t end_vaddr);
/* Length of the instruction that starts at vaddr; 0 if none does. */
unsigned int text_insn_bytes(struct text *text, uint64_t vaddr);
/* The instruction at vaddr is a branch, call or return. */
bool text_is_branch(struct text *text, uint64_t vaddr);
/* Start of the nearest instruction below vaddr, not below floor_vaddr; UINT64_MAX: none. */
uint64_t text_previous_insn(struct text *text, uint64_t vaddr, uint64_t floor_vaddr);

struct text_sum {
	uint64_t n_insns;
	uint64_t n_bytes; /* lengths added up */
};

/* Sums over the instructions that start in [lo, hi). */
struct text_sum text_sum_insns(struct text *text, uint64_t lo_vaddr, uint64_t hi_vaddr);
struct text_stats text_stats(const struct text *text);
