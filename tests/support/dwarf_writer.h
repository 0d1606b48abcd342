/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * DWARF sections by hand, for tests: thin helpers over one byte buffer a section. A DIE is written
 * straight into `info` with the buf_*() functions, in whatever shape its abbreviation has, or has
 *not.
 *
 *	struct dwarf_writer d;
 *	dwarf_writer_init(&d);
 *	dwarf_abbrev(&d, 1, DW_TAG_compile_unit, true, DW_AT_name, DW_FORM_string, 0);
 *	buf_u8(&d.abbrev, 0);
 *	dwarf_unit_begin(&d, 5, 0);
 *	buf_uleb(&d.info, 1); buf_append(&d.info, "a.c", 4);
 *	buf_u8(&d.info, 0);
 *	dwarf_unit_end(&d);
 *	dwarf_writer_attach(&d, &elf);
 */

#include <dwarf.h>
#include <stdbool.h>
#include "elf_writer.h"

struct dwarf_writer {
	struct buf info, abbrev, str, line_str, str_offsets, addr, line, ranges, rnglists, aranges;
	size_t unit_off;  /* of the open unit's header */
	size_t lines_off; /* of the open line table */
	bool is_64;	  /* 64-bit DWARF from the next header on */
};

/* lifecycle */

void dwarf_writer_init(struct dwarf_writer *d);
void dwarf_writer_deinit(struct dwarf_writer *d);
/* Adds the sections that are not empty; the writer may be deinitialised then. */
void dwarf_writer_attach(struct dwarf_writer *d, struct elf_writer *w);

/* use: units */

/* (attribute, form) pairs follow has_children, then a 0; DW_FORM_implicit_const is followed by its
 * value (an int). */
void dwarf_abbrev(struct dwarf_writer *d, unsigned int code, unsigned int tag, int has_children,
		  ...);
/* A compile unit's header; returns its offset. */
size_t dwarf_unit_begin(struct dwarf_writer *d, uint16_t version, uint64_t abbrev_off);
/* The same of any DW_UT_* (version 5). */
size_t dwarf_unit_begin_type(struct dwarf_writer *d, uint8_t type, uint64_t abbrev_off);
void dwarf_unit_end(struct dwarf_writer *d); /* puts its length into the header */
/* Offset of the string, added to the section. */
uint32_t dwarf_string(struct buf *section, const char *text);

/* use: line tables; offsets, registers and opcodes of DWARF 5, 6.2 */

#define DWARF_LINE_BASE (-5)
#define DWARF_LINE_RANGE 14
#define DWARF_OPCODE_BASE 13

/* The header, with n_files files; returns its offset. */
size_t dwarf_lines_begin(struct dwarf_writer *d, uint16_t version, unsigned int n_files);
void dwarf_lines_end(struct dwarf_writer *d);
void dwarf_line_set_address(struct dwarf_writer *d, uint64_t vaddr);
void dwarf_line_discriminator(struct dwarf_writer *d, uint64_t disc);
void dwarf_line_end_sequence(struct dwarf_writer *d);
/* One standard opcode with its ULEB operand. */
void dwarf_line_op(struct dwarf_writer *d, uint8_t opcode, uint64_t operand);
/* advance_pc, advance_line, copy */
void dwarf_line_row(struct dwarf_writer *d, uint64_t pc_advance, int64_t line_advance);
void dwarf_sleb(struct buf *b, int64_t v);
