/* SPDX-License-Identifier: Apache-2.0 */
#include "blank.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "elf_image.h"

/* Lists of the places in the code that the kernel rewrites (Linux 6.12). */
static const char *const kept_sections[] = {
	".altinstructions", ".retpoline_sites", ".return_sites",
	".call_sites",	    ".smp_locks",	".ibt_endbr_seal",
};

/* More of them, inside of .rodata, .data or .init.data. */
static const char *const kept_ranges[][2] = {
	{ "__start___jump_table", "__stop___jump_table" },
	{ "__start_static_call_sites", "__stop_static_call_sites" },
	{ "__start_mcount_loc", "__stop_mcount_loc" },
};

#define N_KEPT_RANGES (sizeof(kept_ranges) / sizeof(kept_ranges[0]))

static bool is_data(const struct elf_image *elf, const Elf64_Shdr *section)
{
	const char *name = elf_section_name(elf, section);

	if (section->sh_type != SHT_PROGBITS || !(section->sh_flags & SHF_ALLOC) ||
	    section->sh_flags & SHF_EXECINSTR)
		return false;
	for (size_t i = 0; i < sizeof(kept_sections) / sizeof(char *); i++)
		if (strcmp(name, kept_sections[i]) == 0)
			return false;
	return true;
}

static void blank_section(struct elf_image *elf, const Elf64_Shdr *section, uint64_t ranges[][2])
{
	uint8_t *bytes = elf->data + section->sh_offset;
	uint8_t *kept = malloc(section->sh_size);

	if (!kept)
		abort();
	memcpy(kept, bytes, section->sh_size);
	memset(bytes, 0, section->sh_size);
	for (size_t i = 0; i < N_KEPT_RANGES; i++) {
		uint64_t start = ranges[i][0] - section->sh_addr;
		uint64_t end = ranges[i][1] - section->sh_addr;

		if (start < end && end <= section->sh_size)
			memcpy(bytes + start, kept + start, end - start);
	}
	free(kept);
}

void blank_data(struct elf_image *elf)
{
	uint64_t ranges[N_KEPT_RANGES][2];

	for (size_t i = 0; i < N_KEPT_RANGES; i++)
		for (int j = 0; j < 2; j++)
			ranges[i][j] = elf_symbol_value(elf, kept_ranges[i][j]);
	for (int i = 0; i < elf->header->e_shnum; i++)
		if (is_data(elf, &elf->sections[i]))
			blank_section(elf, &elf->sections[i], ranges);
}
