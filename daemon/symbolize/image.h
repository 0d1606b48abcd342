/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * An ELF file as a profile needs it: which bytes are code, which symbols begin it, where the debug
 * sections are, and who it is (build id).
 *
 * Nothing is interpreted here beyond ELF itself. Compressed files (.gz, .bz2, .xz, .zst) and
 * compressed debug sections (zlib, zstd) are unpacked; kernel modules are laid out and relocated
 * (module_layout.h, relocate.h); a separate debug file and the file that dwz(1) makes for several
 * of them are joined with their code (image_pair.h).
 */

#include <stdbool.h>
#include <stdint.h>
#include "base/bytes.h"
#include "base/macros.h"
#include "base/problem.h"
#include "kernel/build_id.h"

enum image_machine {
	IMAGE_X86_64,
	IMAGE_AARCH64,
};

enum image_debug {
	IMAGE_DEBUG_INFO,
	IMAGE_DEBUG_ABBREV,
	IMAGE_DEBUG_STR,
	IMAGE_DEBUG_LINE_STR,
	IMAGE_DEBUG_STR_OFFSETS,
	IMAGE_DEBUG_ADDR,
	IMAGE_DEBUG_LINE,
	IMAGE_DEBUG_RANGES,
	IMAGE_DEBUG_RNGLISTS,
	IMAGE_DEBUG_ARANGES,
	N_IMAGE_DEBUG,
};

/*
 * An executable section with contents; ".plt" is none, as in llvm-profgen. Of a relocatable file
 * all that are loaded, those of code that is dropped after the module's start (".init") included.
 */
struct image_section {
	const char *name; /* borrowed from the file */
	uint64_t vaddr;
	uint64_t n_bytes;
	const uint8_t *bytes;		  /* n_bytes, borrowed from the file */
	uint32_t index;			  /* ELF section index */
	uint32_t first_symbol, n_symbols; /* its slice of image.symbols */
};

struct image_symbol {
	uint64_t vaddr;	   /* st_value; may lie outside its section */
	uint32_t name_off; /* in image.strtab */
	uint32_t section;  /* ELF section index */
};

/* A symbol of an image without a file. */
struct image_named {
	const char *name; /* borrowed */
	uint64_t vaddr;
};

struct image {
	enum image_machine machine;
	uint64_t preferred_base; /* of the first executable PT_LOAD: p_vaddr & ~0xfff; of a
				    relocatable file: base_vaddr */
	bool is_relocatable;	 /* ET_REL: a kernel module, laid out as the kernel's loader does */
	/* [lo, hi) of the text that stays in memory: of all executable sections but .init's;
	   of a relocatable file lo is base_vaddr. Both 0 without such a section. */
	uint64_t text_lo_vaddr, text_hi_vaddr;
	struct image_section *text; /* n_text, in order of section headers */
	size_t n_text;
	struct image_symbol *symbols; /* n_symbols of text sections, by (section, vaddr) */
	size_t n_symbols;
	struct bytes strtab;		   /* of .symtab */
	struct bytes debug[N_IMAGE_DEBUG]; /* empty where absent */
	struct bytes alt[N_IMAGE_DEBUG];   /* of the file that debug information refers to */
	bool lacks_alt; /* it refers to one that was not given: what is there has no name */
	/* Of a relocatable file: relocations of unknown types, or damaged. What they should have
	   changed is as the file has it: 0. relocation_lost says which was the first. */
	uint64_t n_relocations_lost;
	struct problem relocation_lost;
	struct build_id build_id;  /* none: the file has none */
	bool is_fs;		   /* built with flow-sensitive discriminators */
	struct image_named *named; /* n_named, owned: all symbols that can be asked for by name,
				      if there is no file */
	size_t n_named;
	struct image_file *file; /* image.c's own; NULL: from an index, see index.h */
};

/* Borrowed, and only needed while the image is opened; -1: there is no such file. */
struct image_files {
	int fd;	      /* code, and .symtab if it has one */
	int debug_fd; /* separate debug file: DWARF, and .symtab where fd has none */
	int alt_fd;   /* what .gnu_debugaltlink names, as dwz writes it */
};

struct image_limits {
	uint64_t decompressed_bytes; /* ceiling for each compressed debug section, and for each
					compressed file */
	size_t n_symbols;
};

#define IMAGE_LIMITS_DEFAULT { .decompressed_bytes = 4ull << 30, .n_symbols = 16u << 20 }

/* lifecycle */

/*
 * Opens the file behind fd, as image_open_files() with it alone and base 0. fd stays the caller's
 * and may be closed afterwards. Everything that struct image points to lives until image_free().
 * -ENOEXEC: not an ELF file, or not one of ours (64-bit little-endian x86-64 or AArch64, an
 * executable segment, code); -EBADMSG: damaged; -E2BIG, -EFBIG: beyond a limit; -ENOMEM. problem
 * says which and why.
 */
must_check int image_open(int fd, const struct image_limits *limits, struct image **ret_image,
			  struct problem *problem);
/* The same on bytes in memory, borrowed until image_free(). */
must_check int image_open_memory(const void *data, size_t n_bytes,
				 const struct image_limits *limits, struct image **ret_image,
				 struct problem *problem);
/*
 * The same of several files that belong together, with a relocatable file (ET_REL) as the kernel's
 * module loader would place it: executable sections from base_vaddr on, in order of section
 * headers, each aligned; then what else stays in memory; then what is dropped after the start
 * (.init). Symbols, debug sections and the tables that image_section_bytes() gives are relocated.
 * base_vaddr is a multiple of 4096, and ignored for any other file. The layout depends on the file
 * alone. What is to be profiled has to have its code in fd: a file of debug information only is
 * -ENOEXEC.
 * -EINVAL: the files do not belong together (build id, sections), or base_vaddr is none.
 */
must_check int image_open_files(const struct image_files *files, uint64_t base_vaddr,
				const struct image_limits *limits, struct image **ret_image,
				struct problem *problem);
void image_free(struct image *image);
DEFINE_CLEANUP(struct image, image, image_free)

/* use */

/* Name of a symbol, or "" when its offset lies outside the string table. */
const char *image_symbol_name(const struct image *image, const struct image_symbol *symbol);
/* Value of the first symbol of that name in all of .symtab; false if there is none. */
bool image_find_by_name(const struct image *image, const char *name, uint64_t *ret_vaddr);
/* The n_bytes that the file has for [vaddr, vaddr + n_bytes), from one loaded section; else empty.
 */
struct bytes image_bytes_at(const struct image *image, uint64_t vaddr, uint64_t n_bytes);
/*
 * Contents and address of the first loaded section of that name; false if there is none with
 * contents. Borrowed until image_free(). Of a relocatable file the tables of places that the kernel
 * patches are relocated: .altinstructions, .call_sites, .ibt_endbr_seal, .cfi_sites,
 * .parainstructions, .retpoline_sites, .return_sites, .smp_locks, .static_call_sites, __jump_table,
 * __mcount_loc, __patchable_function_entries; all else is as the file has it.
 */
bool image_section_bytes(const struct image *image, const char *name, struct bytes *ret_bytes,
			 uint64_t *ret_vaddr);
/*
 * Says that what was read of the file is not needed for now: pages of a mapped file leave the
 * process's memory, and come back from the page cache when they are read again. A file that was
 * unpacked into memory stays.
 */
void image_forget(const struct image *image);
/* First symbol of the section's slice at or above vaddr; index into image.symbols. */
size_t image_find_symbol(const struct image *image, const struct image_section *section,
			 uint64_t vaddr);
