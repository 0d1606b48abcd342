/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Takes everything out of DWARF 5 debug information that does not say which
 * function, inlined into which, an address belongs to: types, variables,
 * parameters, call sites. What stays keeps its order and its meaning.
 */
#include <stddef.h>
#include <stdint.h>

struct elf_image;

struct bytes {
	uint8_t *data;
	size_t n_bytes;
	size_t capacity;
};

/* New contents of the sections of these names. */
struct pruned {
	struct bytes debug_info;
	struct bytes debug_abbrev;
	struct bytes debug_str_offsets;
	struct bytes debug_str;
};

/* lifecycle */

/* Ends the program with a message on anything that clang 19 does not write. */
void pruned_init(struct pruned *pruned, const struct elf_image *elf);
void pruned_deinit(struct pruned *pruned);
