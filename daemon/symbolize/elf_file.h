/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One ELF file of 64 bits, little-endian: its bytes, its section headers, its build id, as libelf
 * and libdw read them. Layouts are those of elf(5).
 *
 * What is packed is unpacked before, because libdw does that without any limit.
 */

#include <gelf.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/bytes.h"
#include "base/macros.h"
#include "base/problem.h"
#include "kernel/build_id.h"

struct elf_section {
	GElf_Shdr header;
	const char *name; /* borrowed from the file; "" where it has none */
};

struct elf_file {
	Elf *elf;	  /* owned; of bytes */
	const char *role; /* begins all sentences: "image", "debug file" */
	const uint8_t *bytes;
	size_t n_bytes; /* of the file, unpacked */
	void *map;	/* what munmap() takes, n_mapped bytes; NULL: bytes are the caller's */
	size_t n_mapped;
	bool is_unpacked;	      /* the mapping is memory of ours, not the file */
	uint16_t type;		      /* ET_* */
	uint16_t machine;	      /* EM_* */
	struct elf_section *sections; /* n_sections, of which number 0 stands for none */
	size_t n_sections;
	struct bytes segments;	  /* array of Elf64_Phdr */
	struct build_id build_id; /* none: the file has none */
};

/* lifecycle */

/*
 * Maps the file behind fd, or unpacks it if it is compressed (gzip, bzip2, xz, zstd), up to
 * max_bytes. fd is not needed afterwards; role is borrowed. -ENOEXEC: no ELF file, or not one of
 * ours (64-bit, little-endian); -EBADMSG: damaged; -EFBIG: above max_bytes; -errno; -ENOMEM.
 */
must_check int elf_file_open(struct elf_file *file, const char *role, int fd, uint64_t max_bytes,
			     struct problem *problem);
/* The same on bytes in memory, borrowed until elf_file_deinit(). */
must_check int elf_file_open_memory(struct elf_file *file, const char *role, const void *bytes,
				    size_t n_bytes, struct problem *problem);
void elf_file_deinit(struct elf_file *file); /* accepts a null-initialised one */

/* use */

/* What the file has of the section: nothing of SHT_NOBITS. False: it lies outside of the file. */
bool elf_file_contents(const struct elf_file *file, const struct elf_section *section,
		       struct bytes *ret_bytes);
/* First section of that type, of that name; NULL if there is none. */
const struct elf_section *elf_file_by_type(const struct elf_file *file, uint32_t type);
const struct elf_section *elf_file_by_name(const struct elf_file *file, const char *name);
/* Section number `index`, or NULL where there is none (0 included). */
const struct elf_section *elf_file_section(const struct elf_file *file, uint64_t index);
static inline size_t elf_section_index(const struct elf_file *file,
				       const struct elf_section *section)
{
	return (size_t)(section - file->sections);
}
/* Contents of .symtab, an array of Elf64_Sym, and of its strings. False: there is none, or it is
 * outside of the file; *ret_is_damaged tells. */
bool elf_file_symbols(const struct elf_file *file, struct bytes *ret_symbols,
		      struct bytes *ret_strings, bool *ret_is_damaged);
/* Says that what was read of the file is not needed for now; of one that is mapped. */
void elf_file_forget(const struct elf_file *file);
