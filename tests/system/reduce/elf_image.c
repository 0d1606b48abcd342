/* SPDX-License-Identifier: Apache-2.0 */
#include "elf_image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void die(const char *what, const char *path)
{
	fprintf(stderr, "reduce-vmlinux: %s: %s\n", path, what);
	exit(1);
}

static void read_file(struct elf_image *elf, const char *path)
{
	FILE *file = fopen(path, "rb");

	if (!file || fseek(file, 0, SEEK_END))
		die("cannot be read", path);
	elf->n_bytes = ftell(file);
	rewind(file);
	elf->data = malloc(elf->n_bytes);
	if (!elf->data || fread(elf->data, 1, elf->n_bytes, file) != elf->n_bytes)
		die("cannot be read", path);
	fclose(file);
}

void elf_image_init(struct elf_image *elf, const char *path)
{
	read_file(elf, path);
	elf->header = (Elf64_Ehdr *)elf->data;
	if (elf->n_bytes < sizeof(*elf->header) || memcmp(elf->header->e_ident, ELFMAG, SELFMAG) ||
	    elf->header->e_ident[EI_CLASS] != ELFCLASS64)
		die("not a 64-bit ELF file", path);
	elf->sections = (Elf64_Shdr *)(elf->data + elf->header->e_shoff);
	elf->section_names =
		(const char *)elf->data + elf->sections[elf->header->e_shstrndx].sh_offset;
}

void elf_image_deinit(struct elf_image *elf)
{
	free(elf->data);
	elf->data = NULL;
}

const char *elf_section_name(const struct elf_image *elf, const Elf64_Shdr *section)
{
	return elf->section_names + section->sh_name;
}

const Elf64_Shdr *elf_find_section(const struct elf_image *elf, const char *name)
{
	for (int i = 0; i < elf->header->e_shnum; i++)
		if (strcmp(elf_section_name(elf, &elf->sections[i]), name) == 0)
			return &elf->sections[i];
	return NULL;
}

uint64_t elf_symbol_value(const struct elf_image *elf, const char *name)
{
	const Elf64_Shdr *symtab = elf_find_section(elf, ".symtab");
	const Elf64_Sym *symbols;
	const char *strings;

	if (!symtab)
		return 0;
	symbols = (const Elf64_Sym *)(elf->data + symtab->sh_offset);
	strings = (const char *)elf->data + elf->sections[symtab->sh_link].sh_offset;
	for (size_t i = 0; i < symtab->sh_size / sizeof(*symbols); i++)
		if (strcmp(strings + symbols[i].st_name, name) == 0)
			return symbols[i].st_value;
	return 0;
}
