/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * An exact counter per pair of addresses. It grows without limit: the lab
 * runs for minutes and a kernel has some tens of thousands of edges.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "../recording/raw.h"

struct pairs {
	struct raw_pair *slots; /* open addressing; count 0 is a free slot */
	size_t n_slots;		/* a power of two */
	size_t n_used;		/* at most half of n_slots */
};

/* lifecycle */

void pairs_init(struct pairs *pairs);
void pairs_deinit(struct pairs *pairs);

/* use */

void pairs_add(struct pairs *pairs, uint64_t first, uint64_t second);

/* Sorted by (first, second). The table cannot be used afterwards. */
void pairs_write_sorted(struct pairs *pairs, FILE *file);
