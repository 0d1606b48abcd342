/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include "module_example.h"
#include "symbolize/symbols.h"

static struct bytes section_of(const struct image *image, const char *name, uint64_t *ret_vaddr)
{
	struct bytes b;

	assert_true(image_section_bytes(image, name, &b, ret_vaddr));
	return b;
}

static void test_image_module_sections_and_symbols_have_places(void **state)
{
	struct image *image;
	struct module m;
	unsigned int init, text, data, cold, strings;
	uint64_t vaddr;

	module_begin(&m, EM_X86_64);
	init = module_code(&m, ".init.text", 8);
	text = module_code(&m, ".text", 0x18);
	data = module_section(&m, ".data", SHF_ALLOC | SHF_WRITE, 8, 1);
	cold = module_code(&m, ".text.unlikely", 4);
	strings = module_section(&m, ".comment", 0, 8, 'x');
	module_symbol(&m, "g", cold, 1);
	module_symbol(&m, "f2", text, 8);
	module_symbol(&m, "start", init, 2);
	module_symbol(&m, "variable", data, 4);
	module_symbol(&m, "f", text, 0);
	module_symbol(&m, "not_loaded", strings, 4);
	module_symbol(&m, "absolute", SHN_ABS, 77);
	image = module_must_open(module_only(module_write(&m)));
	assert_true(image->is_relocatable);
	assert_true(image->preferred_base == MODULE_BASE);
	assert_true(image->text_lo_vaddr == MODULE_BASE);
	assert_true(image->text_hi_vaddr == MODULE_BASE + 0x24);
	assert_int_equal(image->n_text, 3);
	assert_string_equal(image->text[0].name, ".init.text");
	assert_true(image->text[0].vaddr == MODULE_BASE + 0x2000);
	assert_true(image->text[1].vaddr == MODULE_BASE);
	assert_true(image->text[2].vaddr == MODULE_BASE + 0x20);
	assert_int_equal(image->n_symbols, 4);
	assert_string_equal(image_symbol_name(image, &image->symbols[1]), "f");
	assert_true(image->symbols[1].vaddr == MODULE_BASE);
	assert_true(image->symbols[2].vaddr == MODULE_BASE + 8);
	assert_true(image->symbols[3].vaddr == MODULE_BASE + 0x21);
	assert_true(image_find_by_name(image, "variable", &vaddr));
	assert_true(vaddr == MODULE_BASE + 0x1004);
	assert_true(image_find_by_name(image, "absolute", &vaddr));
	assert_int_equal(vaddr, 77);
	assert_int_equal(image_bytes_at(image, MODULE_BASE + 0x20, 4).pos[0], 0x90);
	assert_int_equal(image_bytes_at(image, MODULE_BASE + 0x1000, 8).pos[7], 1);
	assert_false(image_section_bytes(image, ".comment", &(struct bytes){ 0 }, &vaddr));
	image_free(image);
	module_end(&m);
}

static void test_image_module_plt_and_sections_without_contents_are_no_text(void **state)
{
	struct image *image;
	struct module m;
	unsigned int plt;

	module_begin(&m, EM_AARCH64);
	plt = module_code(&m, ".plt", 1);
	m.elf.sections[plt].header.sh_addralign = 1;
	module_code(&m, ".text", 16);
	module_section(&m, ".discard.text", SHF_EXECINSTR, 16, 0x90); /* not loaded */
	image = module_must_open(module_only(module_write(&m)));
	assert_int_equal(image->n_text, 1);
	/* one entry of 12 bytes stands before it */
	assert_true(image->text[0].vaddr == MODULE_BASE + 16);
	assert_true(image->text_lo_vaddr == MODULE_BASE);
	assert_true(image->text_hi_vaddr == MODULE_BASE + 32);
	image_free(image);
	module_end(&m);
}

static void test_image_module_tables_of_patch_sites_are_relocated(void **state)
{
	struct image *image;
	struct module m;
	unsigned int text, jumps, other;
	uint64_t vaddr, other_vaddr;
	uint32_t f;
	int32_t distance;
	struct bytes b;

	module_begin(&m, EM_X86_64);
	text = module_code(&m, ".text", 0x40);
	jumps = module_section(&m, "__jump_table", SHF_ALLOC | SHF_WRITE, 16, 0);
	other = module_section(&m, ".rodata", SHF_ALLOC, 8, 0);
	f = module_symbol(&m, "f", text, 0x10);
	module_add_rela(module_relas(&m, jumps), 4, R_X86_64_PC32, f, 2);
	module_add_rela(module_relas(&m, other), 0, R_X86_64_64, f, 0);
	image = module_must_open(module_only(module_write(&m)));
	b = section_of(image, "__jump_table", &vaddr);
	bytes_skip(&b, 4);
	distance = (int32_t)bytes_u32(&b);
	assert_true(vaddr + 4 + (uint64_t)distance == MODULE_BASE + 0x12);
	/* by address it is the same */
	b = image_bytes_at(image, vaddr + 4, 4);
	assert_int_equal((int32_t)bytes_u32(&b), distance);
	/* all else is as the file has it */
	b = section_of(image, ".rodata", &other_vaddr);
	assert_int_equal(bytes_u64(&b), 0);
	assert_int_equal(image->n_relocations_lost, 0);
	image_free(image);
	module_end(&m);
}

static void test_image_module_lost_relocations_are_reported(void **state)
{
	struct image *image;
	struct module m;
	unsigned int text, jumps;
	uint32_t f;
	struct buf *relas;

	module_begin(&m, EM_X86_64);
	text = module_code(&m, ".text", 0x40);
	jumps = module_section(&m, "__jump_table", SHF_ALLOC | SHF_WRITE, 16, 0);
	f = module_symbol(&m, "f", text, 0x10);
	relas = module_relas(&m, jumps);
	module_add_rela(relas, 0, 99, f, 2);
	module_add_rela(relas, 14, R_X86_64_PC32, f, 2);
	/* in a section that nobody asks for it is no loss */
	module_add_rela(module_relas(&m, text), 0, 99, f, 2);
	image = module_must_open(module_only(module_write(&m)));
	assert_int_equal(image->n_relocations_lost, 2);
	assert_string_equal(image->relocation_lost.text,
			    "relocation of type 99 at 0x0 of __jump_table: unknown");
	image_free(image);
	module_end(&m);
}

/* debug information */

enum { UNIT = 1, FUNCTION };

/* "f" at 8 to 24 of .text, "g" at the start of .text.unlikely. */
static void functions_behind(struct module *m, const char *first_section)
{
	struct dwarf_writer *d = &m->dwarf;
	unsigned int cold, text;
	uint32_t f, g;

	if (first_section)
		module_section(m, first_section, 0, 4, 'x');
	text = module_code(m, ".text", 0x20);
	cold = module_code(m, ".text.unlikely", 0x20);
	f = module_symbol(m, "f", text, 8);
	g = module_symbol(m, "", cold, 0);
	dwarf_abbrev(d, UNIT, DW_TAG_compile_unit, 1, 0);
	dwarf_abbrev(d, FUNCTION, DW_TAG_subprogram, 0, DW_AT_name, DW_FORM_string, DW_AT_low_pc,
		     DW_FORM_addr, DW_AT_high_pc, DW_FORM_data4, 0);
	buf_u8(&d->abbrev, 0);
	dwarf_unit_begin(d, 4, 0);
	buf_uleb(&d->info, UNIT);
	for (int i = 0; i < 2; i++) {
		buf_uleb(&d->info, FUNCTION);
		buf_append(&d->info, i ? "g" : "f", 2);
		module_address(m, i ? g : f, 0);
		buf_u32(&d->info, 16);
	}
	buf_u8(&d->info, 0);
	dwarf_unit_end(d);
}

static void functions(struct module *m)
{
	functions_behind(m, NULL);
}

static void check_functions(struct image *image)
{
	const struct function_range *r;
	struct problem problem;
	struct symbols *symbols;
	struct names *names;

	assert_int_equal(names_new(&names, SYMBOLS_NAMES_CEILING_BYTES), 0);
	assert_int_equal(symbols_new(image, names, &symbols, &problem), 0);
	assert_int_equal(symbols->functions.n_ranges, 2);
	r = functions_find(&symbols->functions, MODULE_BASE + 8);
	assert_non_null(r);
	assert_string_equal(names_get(names, r->name).text, "f");
	r = functions_find(&symbols->functions, MODULE_BASE + 0x2f);
	assert_non_null(r);
	assert_string_equal(names_get(names, r->name).text, "g");
	assert_null(functions_find(&symbols->functions, MODULE_BASE + 0x30));
	assert_true(text_is_insn(symbols->text, MODULE_BASE + 0x21));
	symbols_free(symbols);
	names_free(names);
}

static void test_image_module_debug_information_is_relocated(void **state)
{
	struct module m;

	module_begin(&m, EM_X86_64);
	functions(&m);
	module_attach_dwarf(&m);
	check_functions(module_must_open(module_only(module_write(&m))));
	module_end(&m);
}

static void test_image_module_compressed_debug_information_is_relocated(void **state)
{
	struct module m;
	unsigned int info;

	module_begin(&m, EM_X86_64);
	functions(&m);
	module_attach_dwarf(&m);
	info = module_find_section(&m, ".debug_info");
	elf_compress_section(&m.elf, info, elf_data(&m.elf, info)->n_bytes);
	check_functions(module_must_open(module_only(module_write(&m))));
	module_end(&m);
}

/* In a file of its own, whose sections have other numbers. */
static void test_image_module_separate_debug_information_is_relocated(void **state)
{
	struct image_files files = { .alt_fd = -1 };
	struct module m;

	module_begin(&m, EM_X86_64);
	functions(&m); /* its DWARF is not attached */
	files.fd = module_write(&m);
	module_end(&m);
	module_begin(&m, EM_X86_64);
	functions_behind(&m, ".comment");
	module_attach_dwarf(&m);
	files.debug_fd = module_write(&m);
	module_end(&m);
	check_functions(module_must_open(files));
}

static void test_image_module_its_place_is_as_good_as_any(void **state)
{
	static const struct image_limits limits = IMAGE_LIMITS_DEFAULT;
	struct image_files files;
	struct problem problem;
	struct image *image;
	struct module m;

	module_begin(&m, EM_X86_64);
	functions(&m);
	module_attach_dwarf(&m);
	files = module_only(module_write(&m));
	assert_int_equal(image_open_files(&files, 0x7000, &limits, &image, &problem), 0);
	assert_int_equal(image->text_lo_vaddr, 0x7000);
	assert_int_equal(image->symbols[0].vaddr, 0x7008);
	image_free(image);
	/* as image_open() does */
	assert_int_equal(image_open(files.fd, &limits, &image, &problem), 0);
	assert_int_equal(image->text_lo_vaddr, 0);
	assert_int_equal(image->text_hi_vaddr, 0x40);
	image_free(image);
	assert_int_equal(image_open_files(&files, 0x7001, &limits, &image, &problem), -EINVAL);
	close(files.fd);
	module_end(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_image_module_sections_and_symbols_have_places),
		cmocka_unit_test(test_image_module_plt_and_sections_without_contents_are_no_text),
		cmocka_unit_test(test_image_module_tables_of_patch_sites_are_relocated),
		cmocka_unit_test(test_image_module_lost_relocations_are_reported),
		cmocka_unit_test(test_image_module_debug_information_is_relocated),
		cmocka_unit_test(test_image_module_compressed_debug_information_is_relocated),
		cmocka_unit_test(test_image_module_separate_debug_information_is_relocated),
		cmocka_unit_test(test_image_module_its_place_is_as_good_as_any),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
