/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Branch stacks of a made-up kernel: n branches at ascending addresses. Branch i jumps to a little
 * before branch next[i], a permutation; what runs from there takes that branch, or falls through it
 * to the following one. So each branch is equally hot, and there are two distinct ranges for each.
 * Every 64th branch leaves for user space and comes back. Where is_zipf, the permutation stays
 * within clusters of 64 branches and the cluster that a stack runs in is drawn by Zipf's law.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "collect/branch.h"

#define STACK_DEPTH 32u
/* 50 MB: more than the caches that a core has to itself, so stacks come from as far as a ring's. */
#define N_STACKS_DEFAULT (1u << 16)
#define STACKS_WINDOW_IP 0xffffffff01000000ull

struct stacks {
	struct branch_entry *entries; /* n * STACK_DEPTH, aligned to a cache line */
	size_t n;
};

/* n_stacks of a kernel of n_edges branches, always the same ones. 0, -ENOMEM. */
must_check int stacks_init(struct stacks *stacks, size_t n_stacks, size_t n_edges, bool is_zipf);
void stacks_deinit(struct stacks *stacks);

/* A counters_classify_fn: the kernel's text is all good. */
uint8_t stacks_classify(void *context, uint32_t from_off, uint32_t to_off);
