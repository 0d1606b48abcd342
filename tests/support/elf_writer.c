/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layout: header, program headers, the data of the sections each at a multiple of 8, section
 * headers last.
 */
#include "elf_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static void check(const struct buf *b)
{
	if (b->error)
		abort();
}

void elf_writer_init(struct elf_writer *w, uint16_t machine)
{
	*w = (struct elf_writer){
		.header = {
			.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
				     EV_CURRENT },
			.e_type = ET_EXEC,
			.e_machine = machine,
			.e_version = EV_CURRENT,
			.e_ehsize = sizeof(Elf64_Ehdr),
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_shentsize = sizeof(Elf64_Shdr),
		},
		.n_sections = 1,
		.names = BUF_INIT(SIZE_MAX),
		.symbols = BUF_INIT(SIZE_MAX),
		.strings = BUF_INIT(SIZE_MAX),
	};
	buf_u8(&w->names, 0);
	buf_u8(&w->strings, 0);
}

void elf_writer_deinit(struct elf_writer *w)
{
	for (unsigned int i = 0; i < w->n_sections; i++)
		buf_deinit(&w->sections[i].data);
	buf_deinit(&w->names);
	buf_deinit(&w->symbols);
	buf_deinit(&w->strings);
}

/* Offset of the string in the table. */
static uint32_t add_string(struct buf *table, const char *text)
{
	size_t off = table->n_bytes;

	buf_append(table, text, strlen(text) + 1);
	check(table);
	return (uint32_t)off;
}

unsigned int elf_section(struct elf_writer *w, const char *name, uint32_t type, uint64_t flags,
			 uint64_t vaddr)
{
	struct elf_writer_section *s = &w->sections[w->n_sections];

	if (w->n_sections == ELF_WRITER_SECTIONS_MAX)
		abort();
	s->header = (Elf64_Shdr){
		.sh_name = add_string(&w->names, name),
		.sh_type = type,
		.sh_flags = flags,
		.sh_addr = vaddr,
		.sh_addralign = 1,
	};
	s->data = (struct buf)BUF_INIT(SIZE_MAX);
	return w->n_sections++;
}

struct buf *elf_data(struct elf_writer *w, unsigned int section)
{
	return &w->sections[section].data;
}

void elf_symbol(struct elf_writer *w, const char *name, unsigned int section, uint64_t vaddr)
{
	Elf64_Sym symbol = {
		.st_name = add_string(&w->strings, name),
		.st_info = ELF64_ST_INFO(STB_LOCAL, STT_NOTYPE),
		.st_shndx = (uint16_t)section,
		.st_value = vaddr,
	};
	static const Elf64_Sym null;

	if (w->symbols.n_bytes == 0)
		buf_append(&w->symbols, &null, sizeof(null));
	buf_append(&w->symbols, &symbol, sizeof(symbol));
	check(&w->symbols);
}

void elf_segment(struct elf_writer *w, uint32_t type, uint32_t flags, uint64_t vaddr)
{
	if (w->n_segments == ELF_WRITER_SEGMENTS_MAX)
		abort();
	w->segments[w->n_segments++] = (Elf64_Phdr){
		.p_type = type,
		.p_flags = flags,
		.p_vaddr = vaddr,
	};
}

void elf_build_id(struct elf_writer *w, const void *id, uint32_t n_bytes)
{
	unsigned int section = elf_section(w, ".note.gnu.build-id", SHT_NOTE, SHF_ALLOC, 0);
	struct buf *b = elf_data(w, section);

	w->sections[section].header.sh_addralign = 4;
	buf_u32(b, 4);
	buf_u32(b, n_bytes);
	buf_u32(b, NT_GNU_BUILD_ID);
	buf_append(b, "GNU", 4);
	buf_append(b, id, n_bytes);
}

void elf_compress_section(struct elf_writer *w, unsigned int section, uint64_t claimed_bytes)
{
	struct elf_writer_section *s = &w->sections[section];
	Elf64_Chdr header = {
		.ch_type = ELFCOMPRESS_ZLIB,
		.ch_size = claimed_bytes,
		.ch_addralign = 1,
	};
	uLongf n = compressBound(s->data.n_bytes);
	uint8_t *deflated = malloc(n);

	if (!deflated || compress(deflated, &n, s->data.data, s->data.n_bytes) != Z_OK)
		abort();
	buf_deinit(&s->data);
	s->data = (struct buf)BUF_INIT(SIZE_MAX);
	buf_append(&s->data, &header, sizeof(header));
	buf_append(&s->data, deflated, n);
	s->header.sh_flags |= SHF_COMPRESSED;
	free(deflated);
}

static void append_section_data(struct buf *file, struct elf_writer_section *s,
				const struct buf *data)
{
	while (file->n_bytes % 8)
		buf_u8(file, 0);
	s->header.sh_offset = file->n_bytes;
	s->header.sh_size = s->claimed_bytes ? s->claimed_bytes : data->n_bytes;
	if (s->header.sh_type != SHT_NOBITS)
		buf_append(file, data->data, data->n_bytes);
}

/* The tables that the writer keeps itself become the last sections, of this one file. */
static void append_own_sections(struct elf_writer *w, struct buf *file)
{
	unsigned int symbols = 0, strings, names;

	if (w->symbols.n_bytes) {
		symbols = elf_section(w, ".symtab", SHT_SYMTAB, 0, 0);
		strings = elf_section(w, ".strtab", SHT_STRTAB, 0, 0);
		w->sections[symbols].header.sh_link = strings;
		w->sections[symbols].header.sh_entsize = sizeof(Elf64_Sym);
		append_section_data(file, &w->sections[symbols], &w->symbols);
		append_section_data(file, &w->sections[strings], &w->strings);
	}
	names = elf_section(w, ".shstrtab", SHT_STRTAB, 0, 0);
	append_section_data(file, &w->sections[names], &w->names);
	w->header.e_shstrndx = (uint16_t)names;
}

uint8_t *elf_finish(struct elf_writer *w, size_t *ret_n_bytes)
{
	struct buf file = BUF_INIT(SIZE_MAX);
	unsigned int n_sections = w->n_sections;
	size_t names_bytes = w->names.n_bytes;

	buf_append(&file, &w->header, sizeof(w->header));
	buf_append(&file, w->segments, w->n_segments * sizeof(*w->segments));
	for (unsigned int i = 1; i < n_sections; i++)
		append_section_data(&file, &w->sections[i], &w->sections[i].data);
	append_own_sections(w, &file);
	while (file.n_bytes % 8)
		buf_u8(&file, 0);
	w->header.e_phoff = w->n_segments ? sizeof(w->header) : 0;
	w->header.e_phnum = (uint16_t)w->n_segments;
	w->header.e_shoff = file.n_bytes;
	w->header.e_shnum = (uint16_t)w->n_sections;
	for (unsigned int i = 0; i < w->n_sections; i++)
		buf_append(&file, &w->sections[i].header, sizeof(w->sections[i].header));
	check(&file);
	for (size_t i = 0; i < sizeof(w->header); i++)
		file.data[i] = ((const uint8_t *)&w->header)[i];
	w->n_sections = n_sections;
	w->names.n_bytes = names_bytes;
	return buf_steal(&file, ret_n_bytes);
}
