/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Builds small 64-bit little-endian ELF images in memory, for tests. Nothing is checked: whatever
 * is asked for is written, so a damaged image takes no more lines than a good one. Running out of
 * memory or of room aborts.
 *
 *	struct elf_writer w;
 *	elf_writer_init(&w, EM_X86_64);
 *	elf_segment(&w, PT_LOAD, PF_R | PF_X, 0x1000);
 *	text = elf_section(&w, ".text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, 0x1000);
 *	buf_append(elf_data(&w, text), code, sizeof(code));
 *	elf_symbol(&w, "f", text, 0x1000);
 *	image = elf_finish(&w, &n_bytes);
 */

#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"

#define ELF_WRITER_SECTIONS_MAX 64
#define ELF_WRITER_SEGMENTS_MAX 8

struct elf_writer_section {
	Elf64_Shdr header; /* sh_offset and sh_size are filled in by elf_finish() */
	struct buf data;
	uint64_t claimed_bytes; /* sh_size where it shall not be that of the data; 0: it shall */
};

struct elf_writer {
	Elf64_Ehdr header; /* tests may change any field before elf_finish() */
	struct elf_writer_section sections[ELF_WRITER_SECTIONS_MAX];
	unsigned int n_sections; /* 0 is the null section */
	Elf64_Phdr segments[ELF_WRITER_SEGMENTS_MAX];
	unsigned int n_segments;
	struct buf names;   /* .shstrtab */
	struct buf symbols; /* .symtab, written if not empty */
	struct buf strings; /* .strtab */
};

/* lifecycle */

void elf_writer_init(struct elf_writer *w, uint16_t machine);
void elf_writer_deinit(struct elf_writer *w);

/* use */

/* Index of a new section. */
unsigned int elf_section(struct elf_writer *w, const char *name, uint32_t type, uint64_t flags,
			 uint64_t vaddr);
struct buf *elf_data(struct elf_writer *w, unsigned int section);
void elf_symbol(struct elf_writer *w, const char *name, unsigned int section, uint64_t vaddr);
void elf_segment(struct elf_writer *w, uint32_t type, uint32_t flags, uint64_t vaddr);
/* A .note.gnu.build-id section. */
void elf_build_id(struct elf_writer *w, const void *id, uint32_t n_bytes);
/* The section's data becomes an Elf64_Chdr that claims `claimed_bytes`, and the data deflated. */
void elf_compress_section(struct elf_writer *w, unsigned int section, uint64_t claimed_bytes);
/* The file: malloc'd, the caller's. The writer may go on and finish again. */
uint8_t *elf_finish(struct elf_writer *w, size_t *ret_n_bytes);
