/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Relocations of data: what a linker left to the kernel's module loader, applied to copies of the
 * sections that a profile needs, once all sections have places.
 *
 * Only whole numbers (addresses and distances): code is decoded as the file has it, since what a
 * relocation changes in an instruction is neither its length nor its kind. Meaning of the types:
 * x86-64 psABI 1.0, 4.4.1; ELF for the Arm 64-bit Architecture 2024Q3, 5.7.5.
 */

#include <stdint.h>
#include "base/bytes.h"
#include "base/macros.h"
#include "base/problem.h"
#include "elf_file.h"

struct relocate_stats {
	uint64_t n_bytes_read; /* of tables */
	uint64_t n_applied;
	uint64_t n_elsewhere;	   /* left as they are: what they point to is no part of the file */
	uint64_t n_unknown;	   /* of a type that is not known here */
	uint64_t n_damaged;	   /* outside of the section, or of a symbol that is not there */
	uint64_t n_overflowing;	   /* not applied: the value does not fit */
	struct problem first_lost; /* the first of the last three; empty: none */
};

/* A section and the copy of its contents that is changed. */
struct relocate_target {
	const struct elf_section *section;
	uint8_t *bytes;
	size_t n_bytes;
	uint64_t vaddr;
};

/* Sections have addresses: vaddrs[i] of section number i, 0 of those that are not loaded. */
struct relocate_places {
	const struct elf_file *file;
	const uint64_t *vaddrs; /* file->n_sections */
	struct bytes symbols;	/* of .symtab */
};

/* The file has relocations for the section. */
bool relocate_is_needed(const struct relocate_places *places, const struct elf_section *section);
/*
 * Applies all relocations that the file has for the target; there may be none. Those that cannot be
 * are counted and leave the bytes as they were.
 */
void relocate(const struct relocate_places *places, const struct relocate_target *target,
	      struct relocate_stats *stats);
