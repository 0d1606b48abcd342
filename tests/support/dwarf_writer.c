/* SPDX-License-Identifier: Apache-2.0 */
#include "dwarf_writer.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct part {
	const char *name;
	size_t field; /* of struct dwarf_writer */
};

static const struct part parts[] = {
	{ ".debug_info", offsetof(struct dwarf_writer, info) },
	{ ".debug_abbrev", offsetof(struct dwarf_writer, abbrev) },
	{ ".debug_str", offsetof(struct dwarf_writer, str) },
	{ ".debug_line_str", offsetof(struct dwarf_writer, line_str) },
	{ ".debug_str_offsets", offsetof(struct dwarf_writer, str_offsets) },
	{ ".debug_addr", offsetof(struct dwarf_writer, addr) },
	{ ".debug_line", offsetof(struct dwarf_writer, line) },
	{ ".debug_ranges", offsetof(struct dwarf_writer, ranges) },
	{ ".debug_rnglists", offsetof(struct dwarf_writer, rnglists) },
	{ ".debug_aranges", offsetof(struct dwarf_writer, aranges) },
};

static struct buf *part_of(struct dwarf_writer *d, const struct part *part)
{
	return (struct buf *)((char *)d + part->field);
}

void dwarf_writer_init(struct dwarf_writer *d)
{
	*d = (struct dwarf_writer){ 0 };
	for (size_t i = 0; i < array_size(parts); i++)
		*part_of(d, &parts[i]) = (struct buf)BUF_INIT(SIZE_MAX);
}

void dwarf_writer_deinit(struct dwarf_writer *d)
{
	for (size_t i = 0; i < array_size(parts); i++)
		buf_deinit(part_of(d, &parts[i]));
}

void dwarf_writer_attach(struct dwarf_writer *d, struct elf_writer *w)
{
	for (size_t i = 0; i < array_size(parts); i++) {
		const struct buf *b = part_of(d, &parts[i]);

		if (b->error)
			abort();
		if (b->n_bytes)
			buf_append(elf_data(w, elf_section(w, parts[i].name, SHT_PROGBITS, 0, 0)),
				   b->data, b->n_bytes);
	}
}

void dwarf_abbrev(struct dwarf_writer *d, unsigned int code, unsigned int tag, int has_children,
		  ...)
{
	unsigned int attribute, form;
	va_list args;

	buf_uleb(&d->abbrev, code);
	buf_uleb(&d->abbrev, tag);
	buf_u8(&d->abbrev, has_children != 0);
	va_start(args, has_children);
	while ((attribute = va_arg(args, unsigned int)) != 0) {
		form = va_arg(args, unsigned int);
		buf_uleb(&d->abbrev, attribute);
		buf_uleb(&d->abbrev, form);
		if (form == DW_FORM_implicit_const)
			dwarf_sleb(&d->abbrev, va_arg(args, int));
	}
	va_end(args);
	buf_u8(&d->abbrev, 0);
	buf_u8(&d->abbrev, 0);
}

static void put_off(const struct dwarf_writer *d, struct buf *b, uint64_t off)
{
	if (d->is_64)
		buf_u64(b, off);
	else
		buf_u32(b, (uint32_t)off);
}

/* A length to be patched: 4 bytes, or the escape and 8. */
static void put_length(const struct dwarf_writer *d, struct buf *b)
{
	if (d->is_64)
		buf_u32(b, UINT32_MAX);
	put_off(d, b, 0);
}

/* Writes the number of bytes behind the length at off into it. */
static void patch_length(const struct dwarf_writer *d, struct buf *b, size_t off)
{
	size_t n = d->is_64 ? 8 : 4;
	uint64_t length;

	if (d->is_64)
		off += 4;
	length = b->n_bytes - off - n;
	memcpy(b->data + off, &length, n);
}

static void begin(struct dwarf_writer *d, uint16_t version, uint8_t type, uint64_t abbrev_off)
{
	d->unit_off = d->info.n_bytes;
	put_length(d, &d->info);
	buf_u16(&d->info, version);
	if (version >= 5) {
		buf_u8(&d->info, type);
		buf_u8(&d->info, 8);
	}
	put_off(d, &d->info, abbrev_off);
	if (version < 5)
		buf_u8(&d->info, 8);
}

size_t dwarf_unit_begin(struct dwarf_writer *d, uint16_t version, uint64_t abbrev_off)
{
	begin(d, version, DW_UT_compile, abbrev_off);
	return d->unit_off;
}

size_t dwarf_unit_begin_type(struct dwarf_writer *d, uint8_t type, uint64_t abbrev_off)
{
	begin(d, 5, type, abbrev_off);
	return d->unit_off;
}

void dwarf_unit_end(struct dwarf_writer *d)
{
	patch_length(d, &d->info, d->unit_off);
}

uint32_t dwarf_string(struct buf *section, const char *text)
{
	size_t off = section->n_bytes;

	buf_append(section, text, strlen(text) + 1);
	return (uint32_t)off;
}

/* One directory and n_files files without names worth reading. */
static void put_tables(struct dwarf_writer *d, uint16_t version, unsigned int n_files)
{
	if (version >= 5) {
		for (int table = 0; table < 2; table++) {
			buf_u8(&d->line, 1);
			buf_uleb(&d->line, DW_LNCT_path);
			buf_uleb(&d->line, DW_FORM_string);
			buf_uleb(&d->line, table ? n_files : 1);
			for (unsigned int i = 0; i < (table ? n_files : 1); i++)
				buf_append(&d->line, "a.c", 4);
		}
		return;
	}
	buf_u8(&d->line, 0); /* no directories */
	for (unsigned int i = 0; i < n_files; i++) {
		buf_append(&d->line, "a.c", 4);
		buf_append(&d->line, "\0\0", 3); /* directory, time, size */
	}
	buf_u8(&d->line, 0);
}

size_t dwarf_lines_begin(struct dwarf_writer *d, uint16_t version, unsigned int n_files)
{
	static const uint8_t n_operands[] = { 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1 };
	size_t header_length_off;

	d->lines_off = d->line.n_bytes;
	put_length(d, &d->line);
	buf_u16(&d->line, version);
	if (version >= 5) {
		buf_u8(&d->line, 8);
		buf_u8(&d->line, 0);
	}
	header_length_off = d->line.n_bytes;
	put_off(d, &d->line, 0);
	buf_u8(&d->line, 1); /* minimum instruction length */
	if (version >= 4)
		buf_u8(&d->line, 1);
	buf_u8(&d->line, 1); /* default_is_stmt */
	buf_u8(&d->line, (uint8_t)DWARF_LINE_BASE);
	buf_u8(&d->line, DWARF_LINE_RANGE);
	buf_u8(&d->line, DWARF_OPCODE_BASE);
	buf_append(&d->line, n_operands, sizeof(n_operands));
	put_tables(d, version, n_files);
	/* the header's own length has no escape */
	if (d->is_64)
		header_length_off -= 4;
	patch_length(d, &d->line, header_length_off);
	return d->lines_off;
}

void dwarf_lines_end(struct dwarf_writer *d)
{
	patch_length(d, &d->line, d->lines_off);
}

static void extended(struct dwarf_writer *d, uint8_t opcode, const struct buf *operand)
{
	buf_u8(&d->line, 0);
	buf_uleb(&d->line, operand->n_bytes + 1);
	buf_u8(&d->line, opcode);
	buf_append(&d->line, operand->data, operand->n_bytes);
}

void dwarf_line_set_address(struct dwarf_writer *d, uint64_t vaddr)
{
	struct buf operand = BUF_INIT(16);

	buf_u64(&operand, vaddr);
	extended(d, DW_LNE_set_address, &operand);
	buf_deinit(&operand);
}

void dwarf_line_discriminator(struct dwarf_writer *d, uint64_t disc)
{
	struct buf operand = BUF_INIT(16);

	buf_uleb(&operand, disc);
	extended(d, DW_LNE_set_discriminator, &operand);
	buf_deinit(&operand);
}

void dwarf_line_end_sequence(struct dwarf_writer *d)
{
	extended(d, DW_LNE_end_sequence, &(struct buf){ 0 });
}

void dwarf_line_op(struct dwarf_writer *d, uint8_t opcode, uint64_t operand)
{
	buf_u8(&d->line, opcode);
	buf_uleb(&d->line, operand);
}

void dwarf_line_row(struct dwarf_writer *d, uint64_t pc_advance, int64_t line_advance)
{
	dwarf_line_op(d, DW_LNS_advance_pc, pc_advance);
	buf_u8(&d->line, DW_LNS_advance_line);
	dwarf_sleb(&d->line, line_advance);
	buf_u8(&d->line, DW_LNS_copy);
}

void dwarf_sleb(struct buf *b, int64_t v)
{
	for (;;) {
		uint8_t byte = (uint8_t)(v & 0x7f);

		v >>= 7;
		if ((v == 0 && !(byte & 0x40)) || (v == -1 && (byte & 0x40))) {
			buf_u8(b, byte);
			return;
		}
		buf_u8(b, byte | 0x80);
	}
}
