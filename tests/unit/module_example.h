/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A small kernel module under construction (ET_REL), and files in memory for image_open_files().
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "dwarf_writer.h"
#include "elf_writer.h"
#include "symbolize/image.h"

#define MODULE_BASE 0xffffffffc0400000ull

struct module {
	struct elf_writer elf;
	struct dwarf_writer dwarf;
	unsigned int n_symbols;
	unsigned int info_relas; /* .rela.debug_info */
	struct buf relas;	 /* its contents */
};

static inline void module_begin(struct module *m, uint16_t machine)
{
	*m = (struct module){ .relas = BUF_INIT(SIZE_MAX) };
	elf_writer_init(&m->elf, machine);
	dwarf_writer_init(&m->dwarf);
	m->elf.header.e_type = ET_REL;
}

/* A section of n_bytes of `byte`, aligned to 16. */
static inline unsigned int module_section(struct module *m, const char *name, uint64_t flags,
					  size_t n_bytes, uint8_t byte)
{
	unsigned int s = elf_section(&m->elf, name, SHT_PROGBITS, flags, 0);

	m->elf.sections[s].header.sh_addralign = 16;
	for (size_t i = 0; i < n_bytes; i++)
		buf_u8(elf_data(&m->elf, s), byte);
	return s;
}

static inline unsigned int module_code(struct module *m, const char *name, size_t n_bytes)
{
	return module_section(m, name, SHF_ALLOC | SHF_EXECINSTR, n_bytes, 0x90);
}

/* Number of the symbol, for relocations. */
static inline uint32_t module_symbol(struct module *m, const char *name, unsigned int section,
				     uint64_t off)
{
	elf_symbol(&m->elf, name, section, off);
	return ++m->n_symbols;
}

static inline void module_add_rela(struct buf *b, uint64_t off, uint32_t type, uint32_t symbol,
				   int64_t addend)
{
	Elf64_Rela rela = { off, ELF64_R_INFO((uint64_t)symbol, type), addend };

	buf_append(b, &rela, sizeof(rela));
}

/* A section of relocations for `section`; the caller fills it. */
static inline struct buf *module_relas(struct module *m, unsigned int section)
{
	unsigned int s = elf_section(&m->elf, ".rela", SHT_RELA, SHF_INFO_LINK, 0);

	m->elf.sections[s].header.sh_info = section;
	return elf_data(&m->elf, s);
}

/* An address in .debug_info, of which the file has nothing but the relocation. */
static inline void module_address(struct module *m, uint32_t symbol, int64_t addend)
{
	module_add_rela(&m->relas, m->dwarf.info.n_bytes, R_X86_64_64, symbol, addend);
	buf_u64(&m->dwarf.info, 0);
}

/* Section number of that name in what was built, or 0. */
static inline unsigned int module_find_section(const struct module *m, const char *name)
{
	for (unsigned int i = 1; i < m->elf.n_sections; i++)
		if (strcmp((char *)m->elf.names.data + m->elf.sections[i].header.sh_name, name) ==
		    0)
			return i;
	return 0;
}

/* DWARF and its relocations become sections. */
static inline void module_attach_dwarf(struct module *m)
{
	dwarf_writer_attach(&m->dwarf, &m->elf);
	if (m->relas.n_bytes)
		buf_append(module_relas(m, module_find_section(m, ".debug_info")), m->relas.data,
			   m->relas.n_bytes);
}

/* A file of the bytes. */
static inline int module_file_of(const void *bytes, size_t n_bytes)
{
	int fd = memfd_create("module", MFD_CLOEXEC);

	if (fd < 0 || write(fd, bytes, n_bytes) != (ssize_t)n_bytes)
		abort();
	return fd;
}

static inline int module_write(struct module *m)
{
	size_t n_bytes;
	uint8_t *bytes = elf_finish(&m->elf, &n_bytes);
	int fd = module_file_of(bytes, n_bytes);

	free(bytes);
	return fd;
}

static inline void module_end(struct module *m)
{
	dwarf_writer_deinit(&m->dwarf);
	elf_writer_deinit(&m->elf);
	buf_deinit(&m->relas);
}

/* Opens and closes the files. */
static inline int module_open(struct image_files files, struct image **ret_image,
			      struct problem *problem)
{
	static const struct image_limits limits = { 1 << 20, 1 << 16 };
	int r = image_open_files(&files, MODULE_BASE, &limits, ret_image, problem);

	close(files.fd);
	if (files.debug_fd >= 0)
		close(files.debug_fd);
	if (files.alt_fd >= 0)
		close(files.alt_fd);
	return r;
}

static inline struct image *module_must_open(struct image_files files)
{
	struct problem problem = { "" };
	struct image *image;

	if (module_open(files, &image, &problem) != 0) {
		fprintf(stderr, "%s\n", problem.text);
		abort();
	}
	return image;
}

static inline struct image_files module_only(int fd)
{
	return (struct image_files){ fd, -1, -1 };
}
