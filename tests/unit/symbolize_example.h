/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A small image under construction: text at TEXT_VADDR, DWARF by hand, and a set of abbreviations
 * that most tests get along with.
 */

#include <stdlib.h>
#include <string.h>
#include "dwarf_writer.h"
#include "elf_writer.h"
#include "symbolize/image.h"
#include "symbolize/objects.h"
#include "symbolize/symbols.h"

/* A test of images at several places has its own. */
#ifndef TEXT_VADDR
#define TEXT_VADDR 0x401000ull
#endif
#define DW_AT_GNU_discriminator 0x2136

struct example {
	struct elf_writer elf;
	struct dwarf_writer dwarf;
	uint8_t *bytes;
	size_t n_bytes;
	struct image *image;
	struct objects objects;	 /* if loaded, it owns the symbols */
	struct symbols *symbols; /* of the kernel, if loaded; it owns the image */
};

enum example_abbrev {
	EXAMPLE_UNIT = 1, /* name, low_pc addr, high_pc data4, stmt_list */
	EXAMPLE_FUNCTION, /* name, low_pc addr, high_pc data4, decl_line; children */
	EXAMPLE_INLINED,  /* origin ref4, low_pc, high_pc, call_line, discriminator; children */
	EXAMPLE_ABSTRACT, /* name, decl_line; no children */
	EXAMPLE_BLOCK,	  /* nothing; children */
	EXAMPLE_FUNCTION_IN_PARTS, /* name, ranges sec_offset, decl_line; children */
	EXAMPLE_INLINED_IN_PARTS,  /* origin ref4, ranges, call_line, discriminator; children */
	EXAMPLE_UNIT_IN_PARTS,	   /* name, low_pc addr, ranges sec_offset, stmt_list */
	EXAMPLE_CLONE,		   /* origin ref4, low_pc addr, high_pc data4; children */
	EXAMPLE_EMPTY_UNIT,	   /* name */
	N_EXAMPLE_ABBREVS,
};

static inline void example_abbrevs(struct dwarf_writer *d)
{
	dwarf_abbrev(d, EXAMPLE_UNIT, DW_TAG_compile_unit, 1, DW_AT_name, DW_FORM_string,
		     DW_AT_low_pc, DW_FORM_addr, DW_AT_high_pc, DW_FORM_data4, DW_AT_stmt_list,
		     DW_FORM_sec_offset, 0);
	dwarf_abbrev(d, EXAMPLE_FUNCTION, DW_TAG_subprogram, 1, DW_AT_name, DW_FORM_string,
		     DW_AT_low_pc, DW_FORM_addr, DW_AT_high_pc, DW_FORM_data4, DW_AT_decl_line,
		     DW_FORM_udata, 0);
	dwarf_abbrev(d, EXAMPLE_INLINED, DW_TAG_inlined_subroutine, 1, DW_AT_abstract_origin,
		     DW_FORM_ref4, DW_AT_low_pc, DW_FORM_addr, DW_AT_high_pc, DW_FORM_data4,
		     DW_AT_call_line, DW_FORM_udata, DW_AT_GNU_discriminator, DW_FORM_udata, 0);
	dwarf_abbrev(d, EXAMPLE_ABSTRACT, DW_TAG_subprogram, 0, DW_AT_name, DW_FORM_string,
		     DW_AT_decl_line, DW_FORM_udata, 0);
	dwarf_abbrev(d, EXAMPLE_BLOCK, DW_TAG_lexical_block, 1, 0);
	dwarf_abbrev(d, EXAMPLE_FUNCTION_IN_PARTS, DW_TAG_subprogram, 1, DW_AT_name, DW_FORM_string,
		     DW_AT_ranges, DW_FORM_sec_offset, DW_AT_decl_line, DW_FORM_udata, 0);
	dwarf_abbrev(d, EXAMPLE_INLINED_IN_PARTS, DW_TAG_inlined_subroutine, 1,
		     DW_AT_abstract_origin, DW_FORM_ref4, DW_AT_ranges, DW_FORM_sec_offset,
		     DW_AT_call_line, DW_FORM_udata, DW_AT_GNU_discriminator, DW_FORM_udata, 0);
	dwarf_abbrev(d, EXAMPLE_UNIT_IN_PARTS, DW_TAG_compile_unit, 1, DW_AT_name, DW_FORM_string,
		     DW_AT_low_pc, DW_FORM_addr, DW_AT_ranges, DW_FORM_sec_offset, DW_AT_stmt_list,
		     DW_FORM_sec_offset, 0);
	dwarf_abbrev(d, EXAMPLE_CLONE, DW_TAG_subprogram, 1, DW_AT_abstract_origin, DW_FORM_ref4,
		     DW_AT_low_pc, DW_FORM_addr, DW_AT_high_pc, DW_FORM_data4, 0);
	dwarf_abbrev(d, EXAMPLE_EMPTY_UNIT, DW_TAG_compile_unit, 1, DW_AT_name, DW_FORM_string, 0);
	buf_u8(&d->abbrev, 0);
}

static inline void example_init_bare(struct example *x)
{
	*x = (struct example){ 0 };
	elf_writer_init(&x->elf, EM_X86_64);
	dwarf_writer_init(&x->dwarf);
	elf_segment(&x->elf, PT_LOAD, PF_R | PF_X, 0x400000);
}

static inline void example_init(struct example *x)
{
	example_init_bare(x);
	example_abbrevs(&x->dwarf);
}

/* An executable section; returns its index. */
static inline unsigned int example_text(struct example *x, const char *name, uint64_t vaddr,
					const void *bytes, size_t n_bytes)
{
	unsigned int text =
		elf_section(&x->elf, name, SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, vaddr);

	buf_append(elf_data(&x->elf, text), bytes, n_bytes);
	return text;
}

/* .text of n_bytes one-byte NOPs with a symbol at its start. */
static inline unsigned int example_nops(struct example *x, size_t n_bytes)
{
	unsigned int text = example_text(x, ".text", TEXT_VADDR, NULL, 0);

	for (size_t i = 0; i < n_bytes; i++)
		buf_u8(elf_data(&x->elf, text), 0x90);
	elf_symbol(&x->elf, "_text", text, TEXT_VADDR);
	return text;
}

static inline int example_try_open(struct example *x, struct problem *problem)
{
	static const struct image_limits limits = { 1 << 20, 1 << 16 };

	dwarf_writer_attach(&x->dwarf, &x->elf);
	x->bytes = elf_finish(&x->elf, &x->n_bytes);
	return image_open_memory(x->bytes, x->n_bytes, &limits, &x->image, problem);
}

static inline struct image *example_open(struct example *x)
{
	struct problem problem = { "" };

	if (example_try_open(x, &problem) != 0)
		abort();
	return x->image;
}

static inline struct symbols *example_load(struct example *x)
{
	struct object *kernel;
	struct problem problem;

	if (objects_init(&x->objects) != 0 ||
	    symbols_new(example_open(x), x->objects.names, &x->symbols, &problem) != 0 ||
	    objects_add_kernel(&x->objects, x->symbols, &kernel) != 0)
		abort();
	return x->symbols;
}

static inline void example_deinit(struct example *x)
{
	if (!x->symbols)
		image_free(x->image);
	objects_deinit(&x->objects);
	free(x->bytes);
	dwarf_writer_deinit(&x->dwarf);
	elf_writer_deinit(&x->elf);
}

/* DIEs of the abbreviations above; addresses are offsets from TEXT_VADDR */

static inline void example_name_of_die(struct buf *b, const char *name)
{
	buf_append(b, name, strlen(name) + 1);
}

static inline size_t example_begin_die(struct example *x, enum example_abbrev abbrev)
{
	size_t off = x->dwarf.info.n_bytes;

	buf_uleb(&x->dwarf.info, abbrev);
	return off;
}

static inline void example_code(struct example *x, uint64_t lo, uint64_t hi)
{
	buf_u64(&x->dwarf.info, TEXT_VADDR + lo);
	buf_u32(&x->dwarf.info, (uint32_t)(hi - lo));
}

/* Begins a unit of DWARF 4 that claims [lo, hi). */
static inline size_t example_unit(struct example *x, uint64_t lo, uint64_t hi, size_t lines_off)
{
	size_t off = dwarf_unit_begin(&x->dwarf, 4, 0);

	example_begin_die(x, EXAMPLE_UNIT);
	example_name_of_die(&x->dwarf.info, "a.c");
	example_code(x, lo, hi);
	buf_u32(&x->dwarf.info, (uint32_t)lines_off);
	return off;
}

/* Begins a function, whose children follow up to example_end(). Returns the DIE's offset. */
static inline size_t example_function(struct example *x, const char *name, uint64_t lo, uint64_t hi,
				      uint64_t decl_line)
{
	size_t off = example_begin_die(x, EXAMPLE_FUNCTION);

	example_name_of_die(&x->dwarf.info, name);
	example_code(x, lo, hi);
	buf_uleb(&x->dwarf.info, decl_line);
	return off;
}

static inline size_t example_abstract(struct example *x, const char *name, uint64_t decl_line)
{
	size_t off = example_begin_die(x, EXAMPLE_ABSTRACT);

	example_name_of_die(&x->dwarf.info, name);
	buf_uleb(&x->dwarf.info, decl_line);
	return off;
}

static inline size_t example_inlined(struct example *x, size_t origin_off, uint64_t lo, uint64_t hi,
				     uint64_t call_line, uint64_t call_disc)
{
	size_t off = example_begin_die(x, EXAMPLE_INLINED);

	buf_u32(&x->dwarf.info, (uint32_t)(origin_off - x->dwarf.unit_off));
	example_code(x, lo, hi);
	buf_uleb(&x->dwarf.info, call_line);
	buf_uleb(&x->dwarf.info, call_disc);
	return off;
}

static inline void example_end(struct example *x)
{
	buf_u8(&x->dwarf.info, 0);
}

/* Ends the unit DIE's children and the unit. */
static inline void example_unit_end(struct example *x)
{
	example_end(x);
	dwarf_unit_end(&x->dwarf);
}

/* A number below n (n > 0) from a seeded generator (xorshift64). */
static inline uint64_t example_random(uint64_t *seed, uint64_t n)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return (*seed >> 11) % n;
}
