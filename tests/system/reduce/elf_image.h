/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A 64-bit little-endian ELF file in memory: just enough to find sections and
 * symbols of a vmlinux that we have built ourselves. Not for foreign files.
 */
#include <elf.h>
#include <stddef.h>
#include <stdint.h>

struct elf_image {
	uint8_t *data;
	size_t n_bytes;
	Elf64_Ehdr *header;
	Elf64_Shdr *sections; /* header->e_shnum */
	const char *section_names;
};

/* lifecycle */

/* Reads PATH; ends the program with a message if that cannot be done. */
void elf_image_init(struct elf_image *elf, const char *path);
void elf_image_deinit(struct elf_image *elf);

/* use */

const char *elf_section_name(const struct elf_image *elf, const Elf64_Shdr *section);

/* Null if there is none of that name. */
const Elf64_Shdr *elf_find_section(const struct elf_image *elf, const char *name);

/* 0 if there is none of that name. */
uint64_t elf_symbol_value(const struct elf_image *elf, const char *name);
