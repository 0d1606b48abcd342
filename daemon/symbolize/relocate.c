/* SPDX-License-Identifier: Apache-2.0 */
#include "relocate.h"

#include <inttypes.h>
#include <string.h>

/* What a type asks for. */
struct kind {
	uint8_t n_bytes;  /* 0: nothing is to be done */
	bool is_relative; /* to the place */
	bool is_signed;	  /* the value must fit as a signed number; else as either */
};

static bool x86_64_kind(uint32_t type, struct kind *ret_kind)
{
	switch (type) {
	case R_X86_64_NONE:
		*ret_kind = (struct kind){ 0, false, false };
		return true;
	case R_X86_64_64:
		*ret_kind = (struct kind){ 8, false, false };
		return true;
	case R_X86_64_PC64:
		*ret_kind = (struct kind){ 8, true, false };
		return true;
	case R_X86_64_32: /* offsets in debug sections: unsigned; addresses of a module: never */
		*ret_kind = (struct kind){ 4, false, false };
		return true;
	case R_X86_64_32S:
		*ret_kind = (struct kind){ 4, false, true };
		return true;
	case R_X86_64_PC32:
	case R_X86_64_PLT32: /* the loader makes no PLT: arch/x86/kernel/module.c */
		*ret_kind = (struct kind){ 4, true, true };
		return true;
	default:
		return false;
	}
}

static bool aarch64_kind(uint32_t type, struct kind *ret_kind)
{
	switch (type) {
	case R_AARCH64_NONE:
	case 256: /* R_AARCH64_NONE of older tools */
		*ret_kind = (struct kind){ 0, false, false };
		return true;
	case R_AARCH64_ABS64:
		*ret_kind = (struct kind){ 8, false, false };
		return true;
	case R_AARCH64_ABS32:
		*ret_kind = (struct kind){ 4, false, false };
		return true;
	case R_AARCH64_ABS16:
		*ret_kind = (struct kind){ 2, false, false };
		return true;
	case R_AARCH64_PREL64:
		*ret_kind = (struct kind){ 8, true, false };
		return true;
	case R_AARCH64_PREL32:
	case 314: /* R_AARCH64_PLT32; elf.h of older systems lacks it */
		*ret_kind = (struct kind){ 4, true, true };
		return true;
	case R_AARCH64_PREL16:
		*ret_kind = (struct kind){ 2, true, true };
		return true;
	default:
		return false;
	}
}

static bool fits(uint64_t value, struct kind kind)
{
	unsigned int shift = 64 - 8u * kind.n_bytes;

	if (kind.n_bytes == 8)
		return true;
	return (uint64_t)((int64_t)(value << shift) >> shift) == value ||
	       (!kind.is_signed && value << shift >> shift == value);
}

enum symbol_kind {
	SYMBOL_HERE,
	SYMBOL_ELSEWHERE, /* of another module or of the kernel, which have no place here */
	SYMBOL_ABSENT,	  /* there is none of that number */
};

/* Number 0 stands for no symbol: 0. */
static enum symbol_kind symbol_value(const struct relocate_places *places, uint32_t index,
				     uint64_t *ret_value)
{
	struct bytes b = places->symbols;
	Elf64_Sym symbol;
	const uint8_t *p;

	*ret_value = 0;
	if (index == 0)
		return SYMBOL_HERE;
	bytes_seek(&b, (uint64_t)index * sizeof(symbol));
	p = bytes_take(&b, sizeof(symbol));
	if (!p)
		return SYMBOL_ABSENT;
	memcpy(&symbol, p, sizeof(symbol));
	*ret_value = symbol.st_value;
	if (symbol.st_shndx == SHN_ABS)
		return SYMBOL_HERE;
	if (symbol.st_shndx == SHN_UNDEF || symbol.st_shndx >= SHN_LORESERVE)
		return SYMBOL_ELSEWHERE;
	if (symbol.st_shndx >= places->file->n_sections)
		return SYMBOL_ABSENT;
	*ret_value += places->vaddrs[symbol.st_shndx];
	return SYMBOL_HERE;
}

static void lose(const struct relocate_target *target, const Elf64_Rela *rela, const char *how,
		 uint64_t *count, struct relocate_stats *stats)
{
	(*count)++;
	if (stats->first_lost.text[0])
		return;
	problem_set(
		&stats->first_lost, 0, "relocation of type %" PRIu32 " at 0x%" PRIx64 " of %s: %s",
		(uint32_t)ELF64_R_TYPE(rela->r_info), rela->r_offset, target->section->name, how);
}

static void apply(const struct relocate_places *places, const struct relocate_target *target,
		  const Elf64_Rela *rela, struct relocate_stats *stats)
{
	uint32_t type = (uint32_t)ELF64_R_TYPE(rela->r_info);
	enum symbol_kind symbol;
	struct kind kind;
	uint64_t value;

	if (!(places->file->machine == EM_AARCH64 ? aarch64_kind(type, &kind)
						  : x86_64_kind(type, &kind))) {
		lose(target, rela, "unknown", &stats->n_unknown, stats);
		return;
	}
	if (rela->r_offset > target->n_bytes || kind.n_bytes > target->n_bytes - rela->r_offset) {
		lose(target, rela, "outside of the section", &stats->n_damaged, stats);
		return;
	}
	symbol = symbol_value(places, (uint32_t)ELF64_R_SYM(rela->r_info), &value);
	if (symbol == SYMBOL_ABSENT) {
		lose(target, rela, "its symbol is not there", &stats->n_damaged, stats);
		return;
	}
	if (symbol == SYMBOL_ELSEWHERE) {
		stats->n_elsewhere++;
		return;
	}
	value += (uint64_t)rela->r_addend;
	if (kind.is_relative)
		value -= target->vaddr + rela->r_offset;
	if (kind.n_bytes && !fits(value, kind)) {
		lose(target, rela, "its value does not fit", &stats->n_overflowing, stats);
		return;
	}
	memcpy(target->bytes + rela->r_offset, &value, kind.n_bytes);
	stats->n_applied++;
}

static bool is_table_of(const struct elf_section *table, size_t index)
{
	return table->header.sh_type == SHT_RELA && table->header.sh_info == index;
}

bool relocate_is_needed(const struct relocate_places *places, const struct elf_section *section)
{
	size_t index = elf_section_index(places->file, section);

	for (size_t i = 1; i < places->file->n_sections; i++)
		if (is_table_of(&places->file->sections[i], index))
			return true;
	return false;
}

void relocate(const struct relocate_places *places, const struct relocate_target *target,
	      struct relocate_stats *stats)
{
	size_t index = elf_section_index(places->file, target->section);
	static const Elf64_Rela none;

	for (size_t i = 1; i < places->file->n_sections; i++) {
		const struct elf_section *s = &places->file->sections[i];
		struct bytes b;

		if (!is_table_of(s, index))
			continue;
		/* sections that share their bytes would be work out of nothing */
		if (!elf_file_contents(places->file, s, &b) ||
		    bytes_left(&b) > places->file->n_bytes - stats->n_bytes_read) {
			lose(target, &none, "its table is outside of the file", &stats->n_damaged,
			     stats);
			continue;
		}
		stats->n_bytes_read += bytes_left(&b);
		while (bytes_left(&b) >= sizeof(Elf64_Rela)) {
			Elf64_Rela rela;

			memcpy(&rela, bytes_take(&b, sizeof(rela)), sizeof(rela));
			apply(places, target, &rela, stats);
		}
	}
}
