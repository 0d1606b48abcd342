/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the files of corpus/module, as fuzz_module.c reads them. usage: seed_module DIRECTORY
 */
#include "../unit/module_example.h"

static const uint8_t id[20] = { 0x4a, 0x5a };

struct file {
	uint8_t *bytes;
	size_t n_bytes;
};

static struct file finish(struct module *m)
{
	struct file file;

	module_attach_dwarf(m);
	file.bytes = elf_finish(&m->elf, &file.n_bytes);
	module_end(m);
	return file;
}

static void save(const char *directory, const char *name, struct file code, struct file debug,
		 struct file alt)
{
	const uint32_t sizes[] = { (uint32_t)debug.n_bytes, (uint32_t)alt.n_bytes };
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	f = fopen(path, "w");
	if (!f || fwrite(sizes, sizeof(sizes), 1, f) != 1 ||
	    fwrite(debug.bytes, 1, debug.n_bytes, f) != debug.n_bytes ||
	    fwrite(alt.bytes, 1, alt.n_bytes, f) != alt.n_bytes ||
	    fwrite(code.bytes, 1, code.n_bytes, f) != code.n_bytes || fclose(f) != 0) {
		perror(path);
		exit(1);
	}
	free(code.bytes);
	free(debug.bytes);
	free(alt.bytes);
}

enum { UNIT = 1, FUNCTION, CONCRETE, ABSTRACT };

/* A function at the symbol; `form` of its abstract origin at `origin_off`, or 0. */
static void describe(struct module *m, uint32_t symbol, unsigned int form, uint64_t origin_off)
{
	struct dwarf_writer *d = &m->dwarf;

	dwarf_abbrev(d, UNIT, DW_TAG_compile_unit, 1, 0);
	dwarf_abbrev(d, FUNCTION, DW_TAG_subprogram, 0, DW_AT_name, DW_FORM_string, DW_AT_low_pc,
		     DW_FORM_addr, DW_AT_high_pc, DW_FORM_data1, 0);
	dwarf_abbrev(d, CONCRETE, DW_TAG_subprogram, 0, DW_AT_abstract_origin, form, DW_AT_low_pc,
		     DW_FORM_addr, DW_AT_high_pc, DW_FORM_data1, 0);
	buf_u8(&d->abbrev, 0);
	dwarf_unit_begin(d, 4, 0);
	buf_uleb(&d->info, UNIT);
	buf_uleb(&d->info, form ? CONCRETE : FUNCTION);
	if (form)
		buf_u32(&d->info, (uint32_t)origin_off);
	else
		buf_append(&d->info, "f", 2);
	module_address(m, symbol, 0);
	buf_u8(&d->info, 16);
	buf_u8(&d->info, 0);
	dwarf_unit_end(d);
}

/* Code in three sections, a table of patched sites, data; the symbol is of a function in .text. */
static uint32_t fill(struct module *m, uint16_t machine, bool has_contents)
{
	unsigned int first, text, jumps;
	struct buf *relas;
	uint32_t f;

	module_begin(m, machine);
	first = m->elf.n_sections;
	elf_build_id(&m->elf, id, sizeof(id));
	module_code(m, ".init.text", 8);
	text = module_code(m, ".text", 0x20);
	module_code(m, ".exit.text", 4);
	jumps = module_section(m, "__jump_table", SHF_ALLOC | SHF_WRITE, 16, 0);
	for (unsigned int i = first + 1; !has_contents && i < m->elf.n_sections; i++) {
		m->elf.sections[i].header.sh_type = SHT_NOBITS;
		m->elf.sections[i].claimed_bytes = elf_data(&m->elf, i)->n_bytes;
	}
	f = module_symbol(m, "f", text, 8);
	module_symbol(m, "printk", SHN_UNDEF, 0);
	if (!has_contents)
		return f;
	relas = module_relas(m, jumps);
	module_add_rela(relas, 0, machine == EM_X86_64 ? R_X86_64_PC32 : R_AARCH64_PREL32, f, 4);
	module_add_rela(relas, 8, machine == EM_X86_64 ? R_X86_64_PC64 : R_AARCH64_PREL64, f, 0);
	return f;
}

static void whole(const char *directory)
{
	struct module m;

	describe(&m, fill(&m, EM_X86_64, true), 0, 0);
	save(directory, "made-x86-64", finish(&m), (struct file){ 0 }, (struct file){ 0 });
}

static void aarch64(const char *directory)
{
	unsigned int plt, text, info;
	struct buf *relas;
	struct module m;
	uint32_t f;

	f = fill(&m, EM_AARCH64, true);
	text = module_find_section(&m, ".text");
	plt = module_section(&m, ".plt", SHF_ALLOC | SHF_WRITE, 1, 0);
	m.elf.sections[plt].header.sh_addralign = 1;
	module_section(&m, ".text.ftrace_trampoline", SHF_ALLOC | SHF_WRITE, 1, 0);
	info = module_section(&m, ".modinfo", SHF_ALLOC, 0, 0);
	buf_append(elf_data(&m.elf, info), "vermagic=6.1.0 SMP", 19);
	relas = module_relas(&m, text);
	for (uint32_t i = 0; i < 4; i++)
		module_add_rela(relas, 4 * i, R_AARCH64_CALL26, f + i / 2, 0);
	module_section(&m, ".text.late", SHF_ALLOC | SHF_EXECINSTR, 4, 0);
	save(directory, "made-aarch64", finish(&m), (struct file){ 0 }, (struct file){ 0 });
}

/* Code, a debug file of it, and one that that refers to. */
static void in_three(const char *directory)
{
	struct file code, debug, alt;
	struct module m;
	unsigned int link;
	uint64_t off;

	fill(&m, EM_X86_64, true);
	code = finish(&m);
	module_begin(&m, EM_X86_64);
	elf_build_id(&m.elf, id, sizeof(id));
	dwarf_abbrev(&m.dwarf, UNIT, DW_TAG_partial_unit, 1, 0);
	dwarf_abbrev(&m.dwarf, ABSTRACT, DW_TAG_subprogram, 0, DW_AT_name, DW_FORM_string, 0);
	buf_u8(&m.dwarf.abbrev, 0);
	dwarf_unit_begin(&m.dwarf, 4, 0);
	buf_uleb(&m.dwarf.info, UNIT);
	off = m.dwarf.info.n_bytes;
	buf_uleb(&m.dwarf.info, ABSTRACT);
	buf_append(&m.dwarf.info, "shared", 7);
	buf_u8(&m.dwarf.info, 0);
	dwarf_unit_end(&m.dwarf);
	alt = finish(&m);
	describe(&m, fill(&m, EM_X86_64, false), DW_FORM_GNU_ref_alt, off);
	link = elf_section(&m.elf, ".gnu_debugaltlink", SHT_PROGBITS, 0, 0);
	buf_append(elf_data(&m.elf, link), "x", 2);
	buf_append(elf_data(&m.elf, link), id, sizeof(id));
	debug = finish(&m);
	save(directory, "made-three-files", code, debug, alt);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	whole(argv[1]);
	aarch64(argv[1]);
	in_three(argv[1]);
	return 0;
}
