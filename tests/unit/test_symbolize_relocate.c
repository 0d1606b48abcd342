/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "elf_writer.h"
#include "symbolize/relocate.h"

#define TEXT_VADDR 0xffffffffc0001000ull
#define HERE_VADDR 0xffffffffc0005000ull /* of the section that is relocated */
#define SYMBOL_OFF 0x20u
#define UNTOUCHED 0xaa

enum {
	SYMBOL_NONE,
	SYMBOL_IN_TEXT,
	SYMBOL_UNDEFINED,
	SYMBOL_ABSOLUTE,
	SYMBOL_NOT_LOADED,
	N_SYMBOLS
};

struct fixture {
	struct elf_writer w;
	unsigned int text, debug, here, table;
	uint8_t *file_bytes;
	struct elf_file file;
	uint64_t vaddrs[16];
	uint8_t bytes[16];
	struct relocate_stats stats;
};

static void begin(struct fixture *f, uint16_t machine)
{
	*f = (struct fixture){ 0 };
	elf_writer_init(&f->w, machine);
	f->text = elf_section(&f->w, ".text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, 0);
	f->debug = elf_section(&f->w, ".debug_str", SHT_PROGBITS, 0, 0);
	f->here = elf_section(&f->w, ".here", SHT_PROGBITS, SHF_ALLOC, 0);
	f->table = elf_section(&f->w, ".rela.here", SHT_RELA, 0, 0);
	f->w.sections[f->table].header.sh_info = f->here;
	elf_symbol(&f->w, "in_text", f->text, SYMBOL_OFF);
	elf_symbol(&f->w, "undefined", SHN_UNDEF, 0x99);
	elf_symbol(&f->w, "absolute", SHN_ABS, 0x77);
	elf_symbol(&f->w, "not_loaded", f->debug, 0x10);
}

static void add(struct fixture *f, uint64_t off, uint32_t type, uint32_t symbol, int64_t addend)
{
	Elf64_Rela rela = { off, ELF64_R_INFO((uint64_t)symbol, type), addend };

	buf_append(elf_data(&f->w, f->table), &rela, sizeof(rela));
}

static void run(struct fixture *f)
{
	struct relocate_places places = { .file = &f->file, .vaddrs = f->vaddrs };
	struct problem problem;
	struct bytes strings;
	bool is_damaged;
	size_t n_bytes;

	memset(f->bytes, UNTOUCHED, sizeof(f->bytes));
	f->file_bytes = elf_finish(&f->w, &n_bytes);
	assert_int_equal(elf_file_open_memory(&f->file, "image", f->file_bytes, n_bytes, &problem),
			 0);
	assert_true(f->file.n_sections <= array_size(f->vaddrs));
	assert_true(elf_file_symbols(&f->file, &places.symbols, &strings, &is_damaged));
	f->vaddrs[f->text] = TEXT_VADDR;
	f->vaddrs[f->here] = HERE_VADDR;
	relocate(&places,
		 &(struct relocate_target){ &f->file.sections[f->here], f->bytes, sizeof(f->bytes),
					    HERE_VADDR },
		 &f->stats);
}

static void end(struct fixture *f)
{
	elf_file_deinit(&f->file);
	elf_writer_deinit(&f->w);
	free(f->file_bytes);
}

/* One relocation at offset 4: n_bytes of value, and nothing beside them. */
static void check_one(uint16_t machine, uint32_t type, uint32_t symbol, int64_t addend,
		      size_t n_bytes, uint64_t value)
{
	struct fixture f;

	begin(&f, machine);
	add(&f, 4, type, symbol, addend);
	run(&f);
	assert_int_equal(f.stats.n_applied, 1);
	assert_memory_equal(f.bytes + 4, &value, n_bytes);
	for (size_t i = 0; i < sizeof(f.bytes); i++)
		if (i < 4 || i >= 4 + n_bytes)
			assert_int_equal(f.bytes[i], UNTOUCHED);
	end(&f);
}

static void test_relocate_x86_64_types_have_their_values(void **state)
{
	const uint64_t s = TEXT_VADDR + SYMBOL_OFF, distance = s - 3 - (HERE_VADDR + 4);

	check_one(EM_X86_64, R_X86_64_NONE, SYMBOL_IN_TEXT, 0, 0, 0);
	check_one(EM_X86_64, R_X86_64_64, SYMBOL_IN_TEXT, 5, 8, s + 5);
	check_one(EM_X86_64, R_X86_64_32S, SYMBOL_IN_TEXT, 5, 4, s + 5);
	check_one(EM_X86_64, R_X86_64_32, SYMBOL_NOT_LOADED, 0x80000000, 4, 0x80000010);
	check_one(EM_X86_64, R_X86_64_PC32, SYMBOL_IN_TEXT, -3, 4, distance);
	check_one(EM_X86_64, R_X86_64_PLT32, SYMBOL_IN_TEXT, -3, 4, distance);
	check_one(EM_X86_64, R_X86_64_PC64, SYMBOL_IN_TEXT, -3, 8, distance);
}

static void test_relocate_aarch64_types_have_their_values(void **state)
{
	const uint64_t s = TEXT_VADDR + SYMBOL_OFF, distance = s - 3 - (HERE_VADDR + 4);

	check_one(EM_AARCH64, R_AARCH64_NONE, SYMBOL_IN_TEXT, 0, 0, 0);
	check_one(EM_AARCH64, 256, SYMBOL_IN_TEXT, 0, 0, 0);
	check_one(EM_AARCH64, R_AARCH64_ABS64, SYMBOL_IN_TEXT, 5, 8, s + 5);
	check_one(EM_AARCH64, R_AARCH64_ABS32, SYMBOL_NOT_LOADED, 0x80000000, 4, 0x80000010);
	check_one(EM_AARCH64, R_AARCH64_ABS16, SYMBOL_NOT_LOADED, 0x8000, 2, 0x8010);
	check_one(EM_AARCH64, R_AARCH64_PREL64, SYMBOL_IN_TEXT, -3, 8, distance);
	check_one(EM_AARCH64, R_AARCH64_PREL32, SYMBOL_IN_TEXT, -3, 4, distance);
	check_one(EM_AARCH64, 314, SYMBOL_IN_TEXT, -3, 4, distance);
	check_one(EM_AARCH64, R_AARCH64_PREL16, SYMBOL_IN_TEXT, -3, 2, distance);
}

static void test_relocate_symbols_have_their_values(void **state)
{
	check_one(EM_X86_64, R_X86_64_64, SYMBOL_NONE, 5, 8, 5);
	check_one(EM_X86_64, R_X86_64_64, SYMBOL_ABSOLUTE, 5, 8, 0x77 + 5);
	check_one(EM_X86_64, R_X86_64_64, SYMBOL_NOT_LOADED, 5, 8, 0x10 + 5);
}

static void test_relocate_symbols_of_others_leave_the_bytes_as_they_are(void **state)
{
	struct fixture f;

	begin(&f, EM_X86_64);
	add(&f, 0, R_X86_64_64, SYMBOL_UNDEFINED, 5);
	add(&f, 8, R_X86_64_PC32, SYMBOL_UNDEFINED, 0); /* would not fit, but that is no loss */
	run(&f);
	assert_int_equal(f.stats.n_elsewhere, 2);
	assert_int_equal(f.stats.n_applied + f.stats.n_damaged + f.stats.n_overflowing, 0);
	for (size_t i = 0; i < sizeof(f.bytes); i++)
		assert_int_equal(f.bytes[i], UNTOUCHED);
	end(&f);
}

static void test_relocate_what_cannot_be_applied_is_counted_and_the_rest_goes_on(void **state)
{
	struct fixture f;
	uint64_t value = TEXT_VADDR + SYMBOL_OFF;

	begin(&f, EM_X86_64);
	add(&f, 0, R_X86_64_GOTPCREL, SYMBOL_IN_TEXT, 0);
	add(&f, 0, R_AARCH64_ABS64, SYMBOL_IN_TEXT, 0);
	add(&f, 9, R_X86_64_64, SYMBOL_IN_TEXT, 0);
	add(&f, UINT64_MAX, R_X86_64_64, SYMBOL_IN_TEXT, 0);
	add(&f, 0, R_X86_64_64, N_SYMBOLS, 0);
	add(&f, 0, R_X86_64_64, UINT32_MAX, 0);
	add(&f, 0, R_X86_64_32, SYMBOL_NONE, 1ll << 32);
	add(&f, 0, R_X86_64_32S, SYMBOL_NONE, 1ll << 31);
	add(&f, 8, R_X86_64_64, SYMBOL_IN_TEXT, 0);
	run(&f);
	assert_int_equal(f.stats.n_applied, 1);
	assert_int_equal(f.stats.n_unknown, 2);
	assert_int_equal(f.stats.n_damaged, 4);
	assert_int_equal(f.stats.n_overflowing, 2);
	assert_string_equal(f.stats.first_lost.text,
			    "relocation of type 9 at 0x0 of .here: unknown");
	for (int i = 0; i < 8; i++)
		assert_int_equal(f.bytes[i], UNTOUCHED);
	assert_memory_equal(f.bytes + 8, &value, 8);
	end(&f);
}

static void test_relocate_tables_outside_or_over_the_same_bytes_are_damage(void **state)
{
	struct fixture f;
	unsigned int other;

	begin(&f, EM_X86_64);
	f.w.sections[f.table].claimed_bytes = 1 << 20;
	run(&f);
	assert_int_equal(f.stats.n_damaged, 1);
	assert_int_equal(f.stats.n_applied, 0);
	end(&f);
	/* each of them would be fine alone */
	begin(&f, EM_X86_64);
	for (int i = 0; i < 30; i++)
		add(&f, 0, R_X86_64_64, SYMBOL_NONE, 0);
	for (int i = 0; i < 4; i++) {
		other = elf_section(&f.w, ".rela.here", SHT_RELA, 0, 0);
		f.w.sections[other].header.sh_info = f.here;
		f.w.sections[other].claimed_bytes = 600;
	}
	run(&f);
	assert_true(f.stats.n_damaged >= 1);
	assert_true(f.stats.n_bytes_read <= f.file.n_bytes);
	end(&f);
}

static void test_relocate_other_sections_tables_are_left_alone(void **state)
{
	struct fixture f;

	begin(&f, EM_X86_64);
	f.w.sections[f.table].header.sh_info = f.text;
	add(&f, 0, R_X86_64_64, SYMBOL_IN_TEXT, 0);
	run(&f);
	assert_int_equal(f.stats.n_applied, 0);
	assert_int_equal(f.bytes[0], UNTOUCHED);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_relocate_x86_64_types_have_their_values),
		cmocka_unit_test(test_relocate_aarch64_types_have_their_values),
		cmocka_unit_test(test_relocate_symbols_have_their_values),
		cmocka_unit_test(test_relocate_symbols_of_others_leave_the_bytes_as_they_are),
		cmocka_unit_test(
			test_relocate_what_cannot_be_applied_is_counted_and_the_rest_goes_on),
		cmocka_unit_test(test_relocate_tables_outside_or_over_the_same_bytes_are_damage),
		cmocka_unit_test(test_relocate_other_sections_tables_are_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
