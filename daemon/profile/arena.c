/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Size classes are 16 bytes times 1, 2, 3, 4, 6, 8, 12, 16, …: two to an octave, so at most a third
 * of a block is slack, and an array that grows by half moves from one class to the next.
 */
#include "arena.h"

#include <errno.h>

#define UNIT_BYTES 16u
#define CHUNK_BYTES (64u << 10)

struct arena_chunk {
	struct arena_chunk *next, *prev;
	size_t n_bytes; /* with this header */
	_Alignas(16) uint8_t data[];
};

void arena_deinit(struct arena *arena)
{
	for (struct arena_chunk *c = arena->chunks, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	*arena = (struct arena){ .ceiling_bytes = arena->ceiling_bytes };
}

/* Class number of a small block: 2e for 2^e units, 2e + 1 for 3 * 2^(e-1). */
static unsigned int class_of(size_t n_bytes)
{
	size_t n_units = (n_bytes + UNIT_BYTES - 1) / UNIT_BYTES;
	unsigned int e;

	if (n_units <= 1)
		return 0;
	e = 63u - (unsigned int)__builtin_clzll(n_units);
	if (n_units == (size_t)1 << e)
		return 2 * e;
	return n_units <= (size_t)3 << (e - 1) ? 2 * e + 1 : 2 * (e + 1);
}

static size_t bytes_of_class(unsigned int class)
{
	size_t n_units = class & 1 ? (size_t)3 << (class / 2 - 1) : (size_t)1 << class / 2;

	return n_units * UNIT_BYTES;
}

size_t arena_block_bytes(size_t n_bytes)
{
	return n_bytes > ARENA_BIG_BYTES ? n_bytes : bytes_of_class(class_of(n_bytes));
}

static struct arena_chunk *add_chunk(struct arena *arena, size_t n_data_bytes)
{
	size_t n_bytes = sizeof(struct arena_chunk) + n_data_bytes;
	struct arena_chunk *c;

	if (arena->error)
		return NULL;
	if (n_bytes < n_data_bytes || n_bytes > arena->ceiling_bytes - arena->n_bytes) {
		arena->error = -E2BIG;
		return NULL;
	}
	c = malloc(n_bytes);
	if (!c) {
		arena->error = -ENOMEM;
		return NULL;
	}
	c->next = arena->chunks;
	c->prev = NULL;
	c->n_bytes = n_bytes;
	if (c->next)
		c->next->prev = c;
	arena->chunks = c;
	arena->n_bytes += n_bytes;
	return c;
}

void *arena_alloc(struct arena *arena, size_t n_bytes)
{
	unsigned int class;
	struct arena_chunk *c;
	void *block;

	if (n_bytes > ARENA_BIG_BYTES) {
		c = add_chunk(arena, n_bytes);
		return c ? c->data : NULL;
	}
	class = class_of(n_bytes);
	block = arena->released[class];
	if (block) {
		arena->released[class] = *(void **)block;
		return block;
	}
	n_bytes = bytes_of_class(class);
	if ((size_t)(arena->room_end - arena->room) < n_bytes) {
		c = add_chunk(arena, CHUNK_BYTES);
		if (!c)
			return NULL;
		arena->room = c->data;
		arena->room_end = c->data + CHUNK_BYTES;
	}
	block = arena->room;
	arena->room += n_bytes;
	return block;
}

static void free_big(struct arena *arena, void *block)
{
	struct arena_chunk *c =
		(struct arena_chunk *)((uint8_t *)block - offsetof(struct arena_chunk, data));

	if (c->prev)
		c->prev->next = c->next;
	else
		arena->chunks = c->next;
	if (c->next)
		c->next->prev = c->prev;
	arena->n_bytes -= c->n_bytes;
	free(c);
}

void arena_release(struct arena *arena, void *block, size_t n_bytes)
{
	unsigned int class;

	if (!block)
		return;
	if (n_bytes > ARENA_BIG_BYTES) {
		free_big(arena, block);
		return;
	}
	class = class_of(n_bytes);
	*(void **)block = arena->released[class];
	arena->released[class] = block;
}
