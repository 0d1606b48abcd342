/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Memory for one tree: many small blocks that grow, are given back, and all die together.
 *
 * Blocks carry no header. Their sizes are rounded to a few classes; a block that was given back is
 * handed out again for the same class. Blocks above ARENA_BIG_BYTES go to malloc and back.
 */

#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"

#define ARENA_BIG_BYTES (16u << 10)
#define ARENA_N_CLASSES 24

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks;	 /* doubly linked; the blocks live in them */
	uint8_t *room, *room_end;	 /* what is left of the newest small-block chunk */
	void *released[ARENA_N_CLASSES]; /* lists through the first pointer of each block */
	size_t n_bytes, ceiling_bytes;	 /* taken from malloc; n_bytes <= ceiling_bytes */
	int error;			 /* 0, -ENOMEM, or -E2BIG: the ceiling; sticks */
};

#define ARENA_INIT(ceiling) { .ceiling_bytes = (ceiling) }
void arena_deinit(struct arena *arena);

/* What a block of n_bytes really takes: use all of it, and ask and release by either figure. */
size_t arena_block_bytes(size_t n_bytes);
/* Uninitialised, aligned to 16; NULL sets arena->error. n_bytes > 0. */
void *arena_alloc(struct arena *arena, size_t n_bytes);
/* n_bytes as it was asked for. block may be NULL. */
void arena_release(struct arena *arena, void *block, size_t n_bytes);
