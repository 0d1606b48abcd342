/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Interned names: each distinct byte string is kept once and known by a small number.
 *
 * Function names come from debug files in the hundred thousands with few distinct ones; after
 * interning, two names are equal exactly if their numbers are. Numbers are dense, from 0, in order
 * of first appearance.
 */

#include <stdbool.h>
#include <stdint.h>
#include "macros.h"

#define NAME_NONE UINT32_MAX

struct names;

struct name {
	const char *text; /* NUL-terminated behind its n_bytes; borrowed until names_free() */
	size_t n_bytes;
};

/* lifecycle */

/* ceiling_bytes bounds the memory of all texts together. 0, -ENOMEM. */
must_check int names_new(struct names **ret_names, size_t ceiling_bytes);
void names_free(struct names *names);
DEFINE_CLEANUP(struct names, names, names_free)

/* use */

/* Number of the name, added (and copied) if new. 0; -ENOMEM; -E2BIG: the ceiling is reached. */
must_check int names_add(struct names *names, const char *text, size_t n_bytes, uint32_t *ret_name);
/* Number of the name, or NAME_NONE. */
uint32_t names_find(const struct names *names, const char *text, size_t n_bytes);
struct name names_get(const struct names *names, uint32_t name);
uint32_t names_count(const struct names *names);
/* Name order of the profile formats: memcmp over the shorter length, then shorter first. */
int names_compare(const struct names *names, uint32_t a, uint32_t b);
