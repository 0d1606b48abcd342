/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts stand in chunks that never move, so a struct name stays valid; an open-addressing table of
 * numbers (slot = number + 1, 0 = empty) finds them, kept at most half full.
 */
#include "names.h"

#include <errno.h>
#include <string.h>
#include "array.h"
#include "hash.h"

#define CHUNK_BYTES (64u << 10)
#define N_NAMES_MAX (UINT32_MAX / 4)

struct chunk {
	struct chunk *next;
	size_t n_bytes;
	size_t capacity;
	char text[];
};

struct names {
	struct chunk *chunks; /* the newest first; only it has room */
	size_t n_bytes, ceiling_bytes;
	struct name *items; /* by number */
	uint64_t *hashes;   /* by number */
	size_t n, capacity, hash_capacity;
	uint32_t *slots; /* n_slots is a power of two */
	size_t n_slots;
};

int names_new(struct names **ret_names, size_t ceiling_bytes)
{
	struct names *names = calloc(1, sizeof(*names));

	if (!names)
		return -ENOMEM;
	names->ceiling_bytes = ceiling_bytes;
	names->n_slots = 1024;
	names->slots = calloc(names->n_slots, sizeof(*names->slots));
	if (!names->slots) {
		free(names);
		return -ENOMEM;
	}
	*ret_names = names;
	return 0;
}

void names_free(struct names *names)
{
	if (!names)
		return;
	for (struct chunk *c = names->chunks, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	free(names->items);
	free(names->hashes);
	free(names->slots);
	free(names);
}

static size_t find_slot(const struct names *names, const char *text, size_t n_bytes, uint64_t hash)
{
	size_t mask = names->n_slots - 1;
	size_t i = hash & mask;

	for (; names->slots[i]; i = (i + 1) & mask) {
		uint32_t number = names->slots[i] - 1;

		if (names->hashes[number] == hash && names->items[number].n_bytes == n_bytes &&
		    memcmp(names->items[number].text, text, n_bytes) == 0)
			break;
	}
	return i;
}

static int double_slots(struct names *names)
{
	size_t n_slots = names->n_slots * 2;
	uint32_t *slots = calloc(n_slots, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (size_t number = 0; number < names->n; number++) {
		size_t i = names->hashes[number] & (n_slots - 1);

		while (slots[i])
			i = (i + 1) & (n_slots - 1);
		slots[i] = (uint32_t)number + 1;
	}
	free(names->slots);
	names->slots = slots;
	names->n_slots = n_slots;
	return 0;
}

/* Copies the text into a chunk, NUL behind it. */
static int store(struct names *names, const char *text, size_t n_bytes, const char **ret_text)
{
	struct chunk *c = names->chunks;
	char *copy;

	if (n_bytes + 1 > names->ceiling_bytes - names->n_bytes)
		return -E2BIG;
	if (!c || c->capacity - c->n_bytes < n_bytes + 1) {
		size_t capacity = n_bytes + 1 > CHUNK_BYTES ? n_bytes + 1 : CHUNK_BYTES;

		c = malloc(sizeof(*c) + capacity);
		if (!c)
			return -ENOMEM;
		*c = (struct chunk){ .next = names->chunks, .capacity = capacity };
		names->chunks = c;
	}
	copy = c->text + c->n_bytes;
	memcpy(copy, text, n_bytes);
	copy[n_bytes] = '\0';
	c->n_bytes += n_bytes + 1;
	names->n_bytes += n_bytes + 1;
	*ret_text = copy;
	return 0;
}

int names_add(struct names *names, const char *text, size_t n_bytes, uint32_t *ret_name)
{
	uint64_t hash = hash_bytes(text, n_bytes);
	size_t slot = find_slot(names, text, n_bytes, hash);
	const char *copy = NULL;
	int r;

	if (names->slots[slot]) {
		*ret_name = names->slots[slot] - 1;
		return 0;
	}
	if (n_bytes >= names->ceiling_bytes)
		return -E2BIG;
	r = array_push_room(names->items, names->n, names->capacity, N_NAMES_MAX);
	if (r == 0)
		r = array_push_room(names->hashes, names->n, names->hash_capacity, N_NAMES_MAX);
	if (r == 0 && (names->n + 1) * 2 > names->n_slots) {
		r = double_slots(names);
		slot = find_slot(names, text, n_bytes, hash);
	}
	if (r == 0)
		r = store(names, text, n_bytes, &copy);
	if (r < 0)
		return r;
	names->items[names->n] = (struct name){ copy, n_bytes };
	names->hashes[names->n] = hash;
	*ret_name = (uint32_t)names->n;
	names->slots[slot] = (uint32_t)++names->n;
	return 0;
}

uint32_t names_find(const struct names *names, const char *text, size_t n_bytes)
{
	size_t slot = find_slot(names, text, n_bytes, hash_bytes(text, n_bytes));

	return names->slots[slot] ? names->slots[slot] - 1 : NAME_NONE;
}

struct name names_get(const struct names *names, uint32_t name)
{
	return names->items[name];
}

uint32_t names_count(const struct names *names)
{
	return (uint32_t)names->n;
}

int names_compare(const struct names *names, uint32_t a, uint32_t b)
{
	struct name x = names->items[a], y = names->items[b];
	int r = memcmp(x.text, y.text, x.n_bytes < y.n_bytes ? x.n_bytes : y.n_bytes);

	return r ? r : (x.n_bytes > y.n_bytes) - (x.n_bytes < y.n_bytes);
}
