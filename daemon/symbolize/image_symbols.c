/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include "image_file.h"

/* The symbol by which clang marks images with flow-sensitive discriminators (LLVM 19,
 * llvm/lib/CodeGen/MIRFSDiscriminator.cpp). */
#define FS_SYMBOL "__llvm_fs_discriminator__"

/* by (section, vaddr) */
static int compare_symbols(const void *a, const void *b)
{
	const struct image_symbol *x = a, *y = b;

	if (x->section != y->section)
		return x->section < y->section ? -1 : 1;
	return (x->vaddr > y->vaddr) - (x->vaddr < y->vaddr);
}

/* The section of the code file that the symbol is in, or NULL. */
static const struct elf_section *section_of(const struct image *image, const Elf64_Sym *symbol)
{
	const struct image_file *file = image->file;
	uint32_t index = symbol->st_shndx;

	if (index >= SHN_LORESERVE)
		return NULL;
	if (file->symbols_from == &file->debug)
		index = index < file->debug.n_sections ? file->code_sections[index] : 0;
	return elf_file_section(&file->code, index);
}

/* The address that the symbol's value stands for. */
uint64_t image_symbol_vaddr(const struct image *image, const Elf64_Sym *symbol)
{
	const struct elf_section *s = image->is_relocatable ? section_of(image, symbol) : NULL;

	return symbol->st_value + (s ? image_section_vaddr(image, s) : 0);
}

static bool is_fs_mark(const struct elf_section *section, const char *name)
{
	return strcmp(name, FS_SYMBOL) == 0 && section && section->header.sh_type == SHT_PROGBITS &&
	       (section->header.sh_flags & SHF_ALLOC) &&
	       !(section->header.sh_flags & SHF_EXECINSTR) && section->header.sh_size > 0;
}

/* Sorts the symbols and gives each text section its slice; others were not kept. */
static void assign_symbols(struct image *image)
{
	size_t first = 0;

	if (image->n_symbols)
		qsort(image->symbols, image->n_symbols, sizeof(*image->symbols), compare_symbols);
	for (size_t i = 0; i < image->n_text; i++) {
		struct image_section *section = &image->text[i];

		/* text is in order of section index, as the symbols now are */
		while (first < image->n_symbols && image->symbols[first].section < section->index)
			first++;
		section->first_symbol = (uint32_t)first;
		while (first < image->n_symbols && image->symbols[first].section == section->index)
			first++;
		section->n_symbols = (uint32_t)(first - section->first_symbol);
	}
}

static bool is_text_index(const struct image *image, uint32_t index)
{
	size_t lo = 0, hi = image->n_text;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (image->text[mid].index < index)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < image->n_text && image->text[lo].index == index;
}

static void read_symbols(struct image *image)
{
	struct bytes table = image->file->symbols;

	while (bytes_left(&table) >= sizeof(Elf64_Sym)) {
		Elf64_Sym symbol;
		const struct elf_section *section;
		struct image_symbol s;

		memcpy(&symbol, bytes_take(&table, sizeof(symbol)), sizeof(symbol));
		section = section_of(image, &symbol);
		if (!section)
			continue;
		s = (struct image_symbol){
			.vaddr = image_symbol_vaddr(image, &symbol),
			.name_off = symbol.st_name,
			.section = (uint32_t)elf_section_index(&image->file->code, section),
		};
		if (is_text_index(image, s.section))
			image->symbols[image->n_symbols++] = s;
		else if (!image->is_fs)
			image->is_fs = is_fs_mark(section, image_symbol_name(image, &s));
	}
}

/* Symbols of the code file, or of the debug file where that has none. */
static int find_symbols(struct image *image, struct problem *problem)
{
	struct image_file *file = image->file;
	const struct elf_file *files[] = { &file->code, &file->debug };

	for (size_t i = 0; !file->symbols_from && i < array_size(files); i++) {
		bool is_damaged;

		if (elf_file_symbols(files[i], &file->symbols, &image->strtab, &is_damaged))
			file->symbols_from = files[i];
		if (is_damaged)
			return problem_set(problem, -EBADMSG,
					   "%s: .symtab is unreadable or cut off", files[i]->role);
	}
	return 0;
}

int image_load_symbols(struct image *image, const struct image_limits *limits,
		       struct problem *problem)
{
	int r = find_symbols(image, problem);
	size_t n = bytes_left(&image->file->symbols) / sizeof(Elf64_Sym);

	if (r < 0 || !image->file->symbols_from)
		return r; /* without symbols no code is known; the caller sees n_symbols == 0 */
	if (n > limits->n_symbols)
		return problem_set(problem, -E2BIG, "%s: %zu symbols, the limit is %zu",
				   image->file->symbols_from->role, n, limits->n_symbols);
	image->symbols = malloc((n ? n : 1) * sizeof(*image->symbols));
	if (!image->symbols)
		return -ENOMEM;
	read_symbols(image);
	assign_symbols(image);
	return 0;
}
