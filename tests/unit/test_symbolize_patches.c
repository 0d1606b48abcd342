/* SPDX-License-Identifier: Apache-2.0 */
/* Sites that the kernel rewrites, and load bases: both from symbols of the image. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "elf_writer.h"
#include "symbolize/load_base.h"
#include "symbolize/patches.h"

#define TEXT 0x1000
#define TABLES 0x2000

struct fixture {
	struct elf_writer w;
	unsigned int tables; /* section */
	uint8_t *file;
	struct image *image;
};

static void begin(struct fixture *x, uint16_t machine)
{
	/* at 0x1000 nop5, at 0x1005 jmp rel32, at 0x100a jmp rel8, at 0x100c 0x06: no instruction
	 */
	static const uint8_t code[] = { 0x0f, 0x1f, 0x44, 0,	0, 0xe9, 0,
					0,    0,    0,	  0xeb, 0, 0x06, 0xc3 };
	unsigned int text;

	*x = (struct fixture){ 0 };
	elf_writer_init(&x->w, machine);
	elf_segment(&x->w, PT_LOAD, PF_R | PF_X, TEXT);
	text = elf_section(&x->w, ".text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, TEXT);
	buf_append(elf_data(&x->w, text), code, sizeof(code));
	elf_symbol(&x->w, "_text", text, TEXT);
	elf_symbol(&x->w, "_stext", text, TEXT + 5);
	x->tables = elf_section(&x->w, ".rodata", SHT_PROGBITS, SHF_ALLOC, TABLES);
}

/* An entry that begins with the offset to site and goes on with n_bytes of tail. */
static void entry(struct fixture *x, uint64_t site, const void *tail, size_t n_bytes)
{
	struct buf *b = elf_data(&x->w, x->tables);

	buf_u32(b, (uint32_t)(site - (TABLES + b->n_bytes)));
	buf_append(b, tail, n_bytes);
}

static void mark(struct fixture *x, const char *name)
{
	elf_symbol(&x->w, name, x->tables, TABLES + elf_data(&x->w, x->tables)->n_bytes);
}

static void open_image(struct fixture *x)
{
	const struct image_limits limits = IMAGE_LIMITS_DEFAULT;
	struct problem problem = { "" };
	size_t n_bytes;

	x->file = elf_finish(&x->w, &n_bytes);
	assert_int_equal(image_open_memory(x->file, n_bytes, &limits, &x->image, &problem), 0);
}

static void end(struct fixture *x)
{
	image_free(x->image);
	free(x->file);
	elf_writer_deinit(&x->w);
}

static void test_patches_each_table_gives_its_sites(void **state)
{
	static const uint8_t zeros[16];
	static const uint8_t alternative[10] = { [8] = 4, [9] = 3 }; /* u8 lengths at 12 and 13 */
	struct patches patches;
	struct fixture x;

	begin(&x, EM_X86_64);
	mark(&x, "__start___jump_table");
	entry(&x, TEXT + 5, zeros, 12);
	mark(&x, "__stop___jump_table");
	mark(&x, "__alt_instructions");
	entry(&x, TEXT, alternative, sizeof(alternative));
	mark(&x, "__alt_instructions_end");
	mark(&x, "__return_sites");
	entry(&x, TEXT + 10, NULL, 0);
	entry(&x, TEXT + 12, NULL, 0); /* no instruction: no site */
	entry(&x, 0x900000, NULL, 0);  /* not in text: no site */
	mark(&x, "__return_sites_end");
	open_image(&x);
	assert_int_equal(patches_load(&patches, x.image), 0);
	assert_int_equal(patches.n_sites, 3);
	assert_int_equal(patches.sites[0].lo_vaddr, TEXT);
	assert_int_equal(patches.sites[0].hi_vaddr, TEXT + 4);
	assert_int_equal(patches.sites[1].lo_vaddr, TEXT + 5);
	assert_int_equal(patches.sites[1].hi_vaddr, TEXT + 10);
	assert_int_equal(patches.sites[2].lo_vaddr, TEXT + 10);
	assert_int_equal(patches.sites[2].hi_vaddr, TEXT + 12);
	assert_int_equal(patches.sites[0].kinds, PATCH_BIT(PATCH_ALTERNATIVE));
	assert_int_equal(patches.sites[1].kinds, PATCH_BIT(PATCH_JUMP_LABEL));
	assert_int_equal(patches.sites[2].kinds, PATCH_BIT(PATCH_RETURN));
	assert_true(patch_site_changes(&patches.sites[1]));
	assert_false(patch_site_changes(&patches.sites[2]));
	patches_deinit(&patches);
	end(&x);
}

static void test_patches_find_is_exact_at_the_borders(void **state)
{
	struct patch_site sites[] = { { 100, 110, 1 }, { 110, 365, 1 }, { 1000, 1001, 1 } };
	const struct patches patches = { .sites = sites, .n_sites = 3 };

	assert_null(patches_find(&patches, 99));
	assert_ptr_equal(patches_find(&patches, 100), &sites[0]);
	assert_ptr_equal(patches_find(&patches, 109), &sites[0]);
	assert_ptr_equal(patches_find(&patches, 110), &sites[1]);
	assert_ptr_equal(patches_find(&patches, 364), &sites[1]);
	assert_null(patches_find(&patches, 365));
	assert_ptr_equal(patches_find(&patches, 1000), &sites[2]);
	assert_null(patches_find(&patches, 1001));
}

static void test_patches_one_place_listed_twice_is_one_site(void **state)
{
	static const uint8_t longer[10] = { [8] = 7 }, shorter[10] = { [8] = 2 };
	struct patches patches;
	struct fixture x;

	begin(&x, EM_X86_64);
	mark(&x, "__alt_instructions");
	entry(&x, TEXT + 5, shorter, sizeof(shorter));
	entry(&x, TEXT, shorter, sizeof(shorter));
	entry(&x, TEXT, longer, sizeof(longer));
	mark(&x, "__alt_instructions_end");
	open_image(&x);
	assert_int_equal(patches_load(&patches, x.image), 0);
	assert_int_equal(patches.n_sites, 1);
	assert_int_equal(patches.sites[0].lo_vaddr, TEXT);
	assert_int_equal(patches.sites[0].hi_vaddr, TEXT + 7);
	patches_deinit(&patches);
	end(&x);
}

static void test_patches_damaged_tables_give_no_sites(void **state)
{
	struct patches patches;
	struct fixture x;

	begin(&x, EM_X86_64);
	/* no end */
	mark(&x, "__start___jump_table");
	entry(&x, TEXT, NULL, 0);
	/* an end before the start, and one behind the section */
	mark(&x, "__retpoline_sites_end");
	elf_symbol(&x.w, "__retpoline_sites", x.tables, TABLES + 64);
	mark(&x, "__return_sites");
	elf_symbol(&x.w, "__return_sites_end", x.tables, TABLES + 4096);
	open_image(&x);
	assert_int_equal(patches_load(&patches, x.image), 0);
	assert_int_equal(patches.n_sites, 0);
	patches_deinit(&patches);
	end(&x);
}

/* A module has no symbols around its tables, but sections. */
static unsigned int table_section(struct fixture *x, const char *name, uint64_t vaddr)
{
	return elf_section(&x->w, name, SHT_PROGBITS, SHF_ALLOC, vaddr);
}

static void test_patches_tables_in_sections_give_sites(void **state)
{
	struct patches patches;
	struct fixture x;
	struct buf *b;

	begin(&x, EM_X86_64);
	b = elf_data(&x.w, table_section(&x, ".return_sites", 0x3000));
	buf_u32(b, (uint32_t)(TEXT + 10 - 0x3000));
	b = elf_data(&x.w, table_section(&x, "__mcount_loc", 0x4000));
	buf_u64(b, TEXT);
	buf_u64(b, TEXT + 10); /* no room for a call */
	b = elf_data(&x.w, table_section(&x, "__patchable_function_entries", 0x5000));
	buf_u64(b, TEXT + 5);
	buf_u64(b, 0x77000); /* not in text */
	open_image(&x);
	assert_int_equal(patches_load(&patches, x.image), 0);
	assert_int_equal(patches.n_sites, 3);
	assert_int_equal(patches.sites[0].lo_vaddr, TEXT);
	assert_int_equal(patches.sites[0].hi_vaddr, TEXT + 5);
	assert_int_equal(patches.sites[0].kinds, PATCH_BIT(PATCH_FTRACE));
	assert_int_equal(patches.sites[1].lo_vaddr, TEXT + 5);
	assert_int_equal(patches.sites[1].kinds, PATCH_BIT(PATCH_FTRACE));
	assert_int_equal(patches.sites[2].kinds, PATCH_BIT(PATCH_RETURN));
	patches_deinit(&patches);
	end(&x);
}

/* As the assembler leaves it: aligned in front, and not filled up at the end. */
static void test_patches_last_paravirt_entry_may_be_short(void **state)
{
	struct patches patches;
	struct fixture x;
	struct buf *b;

	begin(&x, EM_X86_64);
	b = elf_data(&x.w, table_section(&x, ".parainstructions", 0x3000));
	for (int i = 0; i < 2; i++) {
		buf_u64(b, i ? TEXT + 5 : TEXT);
		buf_u8(b, 0);
		buf_u8(b, (uint8_t)(i ? 4 : 2));
		if (i == 0)
			buf_append(b, "\0\0\0\0\0", 6);
	}
	open_image(&x);
	assert_int_equal(patches_load(&patches, x.image), 0);
	assert_int_equal(patches.n_sites, 2);
	assert_int_equal(patches.sites[0].hi_vaddr, TEXT + 2);
	assert_int_equal(patches.sites[1].hi_vaddr, TEXT + 9);
	assert_int_equal(patches.sites[1].kinds, PATCH_BIT(PATCH_PARAVIRT));
	patches_deinit(&patches);
	end(&x);
}

/* n entries of alternatives of that form, which are also whole entries of the other one. */
static void load_alternatives(struct fixture *x, size_t n, size_t n_entry_bytes,
			      struct patches *patches)
{
	begin(x, EM_X86_64);
	mark(x, "__alt_instructions");
	for (size_t i = 0; i < n; i++) {
		struct buf *b = elf_data(&x->w, x->tables);
		uint64_t vaddr = TABLES + b->n_bytes;

		buf_u32(b, (uint32_t)(TEXT + i % 3 - vaddr));
		buf_u32(b, (uint32_t)(TEXT + 5 - (vaddr + 4)));
		for (size_t k = 8; k < n_entry_bytes - 2; k++)
			buf_u8(b, 0x40);
		buf_u8(b, 5); /* of the site */
		buf_u8(b, 3);
	}
	mark(x, "__alt_instructions_end");
	open_image(x);
	assert_int_equal(patches_load(patches, x->image), 0);
}

static void test_patches_alternatives_of_both_sizes_are_told_apart(void **state)
{
	for (size_t n = 12; n <= 14; n += 2) {
		struct patches patches;
		struct fixture x;

		load_alternatives(&x, 12 * 14 / n, n, &patches);
		assert_int_equal(patches.n_sites, 1);
		assert_int_equal(patches.sites[0].lo_vaddr, TEXT);
		assert_int_equal(patches.sites[0].hi_vaddr, TEXT + 7);
		patches_deinit(&patches);
		end(&x);
	}
}

static void test_patches_one_place_of_two_kinds_has_both(void **state)
{
	static const uint8_t zeros[16];
	struct patches patches;
	struct fixture x;

	begin(&x, EM_X86_64);
	mark(&x, "__start___jump_table");
	entry(&x, TEXT + 5, zeros, 12);
	mark(&x, "__stop___jump_table");
	mark(&x, "__retpoline_sites");
	entry(&x, TEXT + 5, NULL, 0);
	mark(&x, "__retpoline_sites_end");
	open_image(&x);
	assert_int_equal(patches_load(&patches, x.image), 0);
	assert_int_equal(patches.n_sites, 1);
	assert_int_equal(patches.sites[0].kinds,
			 PATCH_BIT(PATCH_JUMP_LABEL) | PATCH_BIT(PATCH_RETPOLINE));
	patches_deinit(&patches);
	end(&x);
}

/* An arm64 kernel with functions of these words; its entries are only in its relocations. */
static void test_patches_arm64_entries_are_found_in_relocations(void **state)
{
	static const uint32_t words[] = {
		0xd503201f, 0xd503201f, 0xd503245f, 0xd503201f, /* nop nop | bti c, nop, */
		0xd503201f, 0xd503201f,				/* nop; of the body: nop */
		0xd503201f, 0x94000000,				/* nop; bl */
	};
	struct elf_writer w;
	struct image *image;
	struct patches patches;
	struct problem problem = { "" };
	const struct image_limits limits = IMAGE_LIMITS_DEFAULT;
	unsigned int text, table, rela;
	uint8_t *file;
	size_t n_bytes;

	elf_writer_init(&w, EM_AARCH64);
	elf_segment(&w, PT_LOAD, PF_R | PF_X, TEXT);
	text = elf_section(&w, ".text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, TEXT);
	buf_append(elf_data(&w, text), words, sizeof(words));
	elf_symbol(&w, "_text", text, TEXT);
	table = elf_section(&w, ".init.data", SHT_PROGBITS, SHF_ALLOC, TABLES);
	buf_u64(elf_data(&w, table), 0);
	buf_u64(elf_data(&w, table), 0);
	buf_u64(elf_data(&w, table), 0);
	elf_symbol(&w, "__start_mcount_loc", table, TABLES);
	elf_symbol(&w, "__stop_mcount_loc", table, TABLES + 16);
	rela = elf_section(&w, ".rela.dyn", SHT_RELA, SHF_ALLOC, 0x3000);
	for (uint64_t i = 0; i < 3; i++) {
		buf_u64(elf_data(&w, rela), TABLES + 8 * i); /* the third is behind the table */
		buf_u64(elf_data(&w, rela), R_AARCH64_RELATIVE);
		buf_u64(elf_data(&w, rela), i == 0 ? TEXT : i == 1 ? TEXT + 24 : TEXT + 20);
	}
	file = elf_finish(&w, &n_bytes);
	assert_int_equal(image_open_memory(file, n_bytes, &limits, &image, &problem), 0);
	assert_int_equal(patches_load(&patches, image), 0);
	assert_int_equal(patches.n_sites, 2);
	assert_int_equal(patches.sites[0].lo_vaddr, TEXT);
	assert_int_equal(patches.sites[0].hi_vaddr, TEXT + 20);
	assert_int_equal(patches.sites[1].lo_vaddr, TEXT + 24);
	assert_int_equal(patches.sites[1].hi_vaddr, TEXT + 28);
	assert_int_equal(patches.sites[1].kinds, PATCH_BIT(PATCH_FTRACE));
	patches_deinit(&patches);
	image_free(image);
	free(file);
	elf_writer_deinit(&w);
}

static void test_patches_other_machine_has_none(void **state)
{
	struct patches patches;
	struct fixture x;

	begin(&x, EM_AARCH64);
	mark(&x, "__return_sites");
	entry(&x, TEXT, NULL, 0);
	mark(&x, "__return_sites_end");
	open_image(&x);
	assert_int_equal(patches_load(&patches, x.image), 0);
	assert_int_equal(patches.n_sites, 0);
	end(&x);
}

static void test_load_base_one_symbol_on_both_sides(void **state)
{
	struct fixture x;

	begin(&x, EM_X86_64);
	open_image(&x);
	assert_int_equal(x.image->preferred_base, TEXT);
	/* _text is where the image begins, _stext 5 bytes further */
	assert_int_equal(load_base_from_map(x.image, "[kernel.kallsyms]_text", 0x7000, 0x9000),
			 0x9000);
	assert_int_equal(load_base_from_map(x.image, "[kernel.kallsyms]_stext", 0x7000, 0x9000),
			 0x8ffb);
	/* no symbol named, none of that name, or its address hidden: as llvm-profgen does */
	assert_int_equal(load_base_from_map(x.image, "[kernel.kallsyms]", 0x7000, 0x9000), 0x7000);
	assert_int_equal(load_base_from_map(x.image, "[kernel.kallsyms]_etext", 0x7000, 0x9000),
			 0x7000);
	assert_int_equal(load_base_from_map(x.image, "[kernel.kallsyms]_text", 0x7000, 0), 0x7000);
	assert_int_equal(load_base_from_map(x.image, "vmlinux", 0x7000, 0x9000), 0x7000);
	end(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patches_each_table_gives_its_sites),
		cmocka_unit_test(test_patches_find_is_exact_at_the_borders),
		cmocka_unit_test(test_patches_one_place_listed_twice_is_one_site),
		cmocka_unit_test(test_patches_damaged_tables_give_no_sites),
		cmocka_unit_test(test_patches_tables_in_sections_give_sites),
		cmocka_unit_test(test_patches_last_paravirt_entry_may_be_short),
		cmocka_unit_test(test_patches_alternatives_of_both_sizes_are_told_apart),
		cmocka_unit_test(test_patches_one_place_of_two_kinds_has_both),
		cmocka_unit_test(test_patches_arm64_entries_are_found_in_relocations),
		cmocka_unit_test(test_patches_other_machine_has_none),
		cmocka_unit_test(test_load_base_one_symbol_on_both_sides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
