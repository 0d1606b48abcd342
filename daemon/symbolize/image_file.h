/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What is behind struct image, for the sources of image.c alone. */

#include "elf_file.h"
#include "image.h"
#include "image_debug.h"
#include "module_layout.h"
#include "relocate.h"

#define N_IMAGE_TABLES_MAX 16

/* A relocated copy of a section. */
struct table_copy {
	uint32_t section;
	uint8_t *bytes; /* owned */
	size_t n_bytes;
};

struct image_file {
	struct elf_file code, debug, alt; /* null-initialised where there is no such file */
	struct module_layout layout;	  /* of code, if that is relocatable */
	/* of debug: */
	uint32_t *code_sections; /* image_pair_match() */
	uint64_t *debug_vaddrs;	 /* by section, as layout.vaddrs */
	struct image_debug_sections debug_sections, alt_sections;
	struct table_copy copies[N_IMAGE_TABLES_MAX];
	size_t n_copies;
	const struct elf_file *symbols_from; /* code or debug; NULL: neither has symbols */
	struct bytes symbols;
	struct relocate_stats relocations;
	uint64_t n_text_bytes; /* in executable sections so far */
};

/* Takes the symbols of the code file, or of the debug file where that has none. 0; -ENOMEM; -E2BIG;
 * -EBADMSG. */
must_check int image_load_symbols(struct image *image, const struct image_limits *limits,
				  struct problem *problem);
/* The address that the symbol's value stands for. */
uint64_t image_symbol_vaddr(const struct image *image, const Elf64_Sym *symbol);

/* inline helpers */

/* Of a section of the code file. */
static inline uint64_t image_section_vaddr(const struct image *image,
					   const struct elf_section *section)
{
	const struct image_file *file = image->file;

	return image->is_relocatable ? file->layout.vaddrs[elf_section_index(&file->code, section)]
				     : section->header.sh_addr;
}
