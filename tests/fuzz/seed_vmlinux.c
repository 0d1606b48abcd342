/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the hand-made files of corpus/vmlinux: what compilers rarely or never write, each in a
 * valid image of a few hundred bytes. usage: seed_vmlinux DIRECTORY
 */
#include <stdio.h>
#include "../unit/symbolize_example.h"

static void save(struct example *x, const char *directory, const char *name)
{
	char path[4096];
	FILE *file;

	dwarf_writer_attach(&x->dwarf, &x->elf);
	x->bytes = elf_finish(&x->elf, &x->n_bytes);
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "w");
	if (!file || fwrite(x->bytes, 1, x->n_bytes, file) != x->n_bytes || fclose(file) != 0) {
		perror(path);
		exit(1);
	}
	example_deinit(x);
}

static size_t lines(struct example *x, uint16_t version)
{
	size_t off = dwarf_lines_begin(&x->dwarf, version, 2);

	dwarf_line_set_address(&x->dwarf, TEXT_VADDR);
	dwarf_line_discriminator(&x->dwarf, 17);
	dwarf_line_row(&x->dwarf, 0, 9);
	dwarf_line_row(&x->dwarf, 8, 2);
	dwarf_line_op(&x->dwarf, DW_LNS_advance_pc, 24);
	dwarf_line_end_sequence(&x->dwarf);
	dwarf_lines_end(&x->dwarf);
	return off;
}

/* Old style: ranges of functions and inlined calls in .debug_ranges, .debug_aranges. */
static void in_parts(const char *directory)
{
	static const uint64_t ranges[] = { 0, 8, 16, 24, 0, 0, UINT64_MAX, TEXT_VADDR, 2, 4, 0, 0 };
	struct example x;
	size_t origin, lines_off;

	example_init(&x);
	example_nops(&x, 32);
	lines_off = lines(&x, 4);
	example_unit(&x, 0, 32, lines_off);
	origin = example_abstract(&x, "a", 3);
	example_begin_die(&x, EXAMPLE_FUNCTION_IN_PARTS);
	example_name_of_die(&x.dwarf.info, "f.cold");
	buf_u32(&x.dwarf.info, 0);
	buf_uleb(&x.dwarf.info, 5);
	example_begin_die(&x, EXAMPLE_INLINED_IN_PARTS);
	buf_u32(&x.dwarf.info, (uint32_t)(origin - x.dwarf.unit_off));
	buf_u32(&x.dwarf.info, 48);
	buf_uleb(&x.dwarf.info, 6);
	buf_uleb(&x.dwarf.info, 2);
	example_end(&x);
	example_end(&x);
	example_unit_end(&x);
	for (size_t i = 0; i < array_size(ranges); i++)
		buf_u64(&x.dwarf.ranges, ranges[i]);
	buf_u32(&x.dwarf.aranges, 44);
	buf_u16(&x.dwarf.aranges, 2);
	buf_u32(&x.dwarf.aranges, 0);
	buf_u16(&x.dwarf.aranges, 8);
	buf_u32(&x.dwarf.aranges, 0);
	buf_u64(&x.dwarf.aranges, TEXT_VADDR);
	buf_u64(&x.dwarf.aranges, 32);
	buf_u64(&x.dwarf.aranges, 0);
	buf_u64(&x.dwarf.aranges, 0);
	save(&x, directory, "made-dwarf4-in-parts");
}

/* 64-bit DWARF 5 with every kind of index, sparse abbreviation codes, names by reference. */
static void indexed(const char *directory)
{
	struct example x;
	uint32_t declaration;
	size_t lines_off;

	example_init_bare(&x);
	example_nops(&x, 32);
	x.dwarf.is_64 = true;
	lines_off = lines(&x, 5);
	dwarf_abbrev(&x.dwarf, 9, DW_TAG_compile_unit, 1, DW_AT_name, DW_FORM_strx1, DW_AT_low_pc,
		     DW_FORM_addrx, DW_AT_ranges, DW_FORM_rnglistx, DW_AT_stmt_list,
		     DW_FORM_sec_offset, DW_AT_addr_base, DW_FORM_data1, 0);
	dwarf_abbrev(&x.dwarf, 4, DW_TAG_subprogram, 0, DW_AT_linkage_name, DW_FORM_strx1,
		     DW_AT_decl_line, DW_FORM_implicit_const, 4, 0);
	dwarf_abbrev(&x.dwarf, 2000, DW_TAG_subprogram, 0, DW_AT_specification, DW_FORM_ref_addr,
		     DW_AT_low_pc, DW_FORM_addrx1, DW_AT_high_pc, DW_FORM_indirect, 0);
	buf_u8(&x.dwarf.abbrev, 0);
	dwarf_string(&x.dwarf.str, "_Zf");
	buf_u64(&x.dwarf.str_offsets, 0);
	buf_u64(&x.dwarf.addr, TEXT_VADDR);
	buf_u64(&x.dwarf.rnglists, 8);
	buf_append(&x.dwarf.rnglists, "\1\0\4\0\x10\3\0\x20\0", 9);
	dwarf_unit_begin(&x.dwarf, 5, 0);
	buf_append(&x.dwarf.info, "\x09\0\0\0", 4);
	buf_u64(&x.dwarf.info, lines_off);
	buf_u8(&x.dwarf.info, 0);
	declaration = (uint32_t)x.dwarf.info.n_bytes;
	buf_append(&x.dwarf.info, "\4\0", 2);
	buf_uleb(&x.dwarf.info, 2000);
	buf_u64(&x.dwarf.info, declaration);
	buf_u8(&x.dwarf.info, 0);
	buf_u8(&x.dwarf.info, DW_FORM_udata);
	buf_uleb(&x.dwarf.info, 32);
	example_unit_end(&x);
	save(&x, directory, "made-dwarf5-64-bit-indices");
}

/* Tables of rewritten text, instructions that decoders disagree about, two sections. */
static void rewritten(const char *directory)
{
	static const uint8_t code[] = { 0xe9, 0,    0,	  0,	0,    0xf0, 0x48, 0x01, 0x03,
					0xf2, 0x0f, 0,	  0xf0, 0x66, 0xe9, 0,	  0,	0x06,
					0xff, 0xe0, 0xe8, 0,	0,    0,    0,	  0xc3 };
	struct example x;
	unsigned int text, init, data;
	size_t lines_off;

	example_init(&x);
	text = example_text(&x, ".text", TEXT_VADDR, code, sizeof(code));
	init = example_text(&x, ".init.text", TEXT_VADDR + 0x100, code, sizeof(code));
	data = elf_section(&x.elf, "__jump_table", SHT_PROGBITS, SHF_ALLOC, TEXT_VADDR + 0x200);
	buf_u32(elf_data(&x.elf, data), (uint32_t)-0x200);
	for (int i = 0; i < 3; i++)
		buf_u32(elf_data(&x.elf, data), 0);
	buf_u32(elf_data(&x.elf, data), (uint32_t)(-0x210 + 20));
	buf_u32(elf_data(&x.elf, data), 0);
	buf_u32(elf_data(&x.elf, data), 0x0505);
	elf_symbol(&x.elf, "f", text, TEXT_VADDR);
	elf_symbol(&x.elf, "inside", text, TEXT_VADDR + 7);
	elf_symbol(&x.elf, "g", init, TEXT_VADDR + 0x100);
	elf_symbol(&x.elf, "__start___jump_table", data, TEXT_VADDR + 0x200);
	elf_symbol(&x.elf, "__stop___jump_table", data, TEXT_VADDR + 0x210);
	elf_symbol(&x.elf, "__alt_instructions", data, TEXT_VADDR + 0x210);
	elf_symbol(&x.elf, "__alt_instructions_end", data, TEXT_VADDR + 0x21e);
	elf_symbol(&x.elf, "__llvm_fs_discriminator__", data, TEXT_VADDR + 0x200);
	lines_off = lines(&x, 4);
	for (uint64_t lo = 0; lo <= 0x100; lo += 0x100) {
		example_unit(&x, lo, lo + sizeof(code), lines_off);
		example_function(&x, lo ? "g" : "f", lo, lo + sizeof(code), 8);
		example_end(&x);
		example_unit_end(&x);
	}
	save(&x, directory, "made-rewritten-text");
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	in_parts(argv[1]);
	indexed(argv[1]);
	rewritten(argv[1]);
	return 0;
}
