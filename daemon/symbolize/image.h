/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * An ELF file as a profile needs it: which bytes are code, which symbols begin it, where the debug
 * sections are, and who it is (build id).
 *
 * Nothing is interpreted here beyond ELF itself. Compressed kernels and files (bzImage, .gz, .bz2,
 * .xz) are opened by libdw; compressed debug sections (zlib, zstd) are unpacked here.
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

/* An executable section with contents; ".plt" is none, as in llvm-profgen. */
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

struct image {
	enum image_machine machine;
	uint64_t preferred_base;    /* of the first executable PT_LOAD: p_vaddr & ~0xfff */
	struct image_section *text; /* n_text, in order of section headers */
	size_t n_text;
	struct image_symbol *symbols; /* n_symbols of text sections, by (section, vaddr) */
	size_t n_symbols;
	struct bytes strtab;		   /* of .symtab */
	struct bytes debug[N_IMAGE_DEBUG]; /* empty where absent */
	struct build_id build_id;	   /* none: the file has none */
	bool is_fs;			   /* built with flow-sensitive discriminators */
	struct image_file *file;	   /* image.c's own */
};

struct image_limits {
	uint64_t decompressed_bytes; /* ceiling for each compressed debug section */
	size_t n_symbols;
};

#define IMAGE_LIMITS_DEFAULT { .decompressed_bytes = 4ull << 30, .n_symbols = 16u << 20 }

/* lifecycle */

/*
 * Opens the file behind fd, which stays the caller's and may be closed afterwards. Everything that
 * struct image points to lives until image_free().
 * -ENOEXEC: not an ELF file, or not one of ours (64-bit little-endian x86-64 or AArch64, an
 * executable segment); -EBADMSG: damaged; -E2BIG: beyond a limit; -ENOMEM. problem says which and
 * why.
 */
must_check int image_open(int fd, const struct image_limits *limits, struct image **ret_image,
			  struct problem *problem);
/* The same on bytes in memory, borrowed until image_free(). */
must_check int image_open_memory(const void *data, size_t n_bytes,
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
 * Says that what was read of the file is not needed for now: pages of a mapped file leave the
 * process's memory, and come back from the page cache when they are read again. A file that was
 * unpacked into memory stays.
 */
void image_forget(const struct image *image);
/* First symbol of the section's slice at or above vaddr; index into image.symbols. */
size_t image_find_symbol(const struct image *image, const struct image_section *section,
			 uint64_t vaddr);
