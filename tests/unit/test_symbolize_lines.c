/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include "symbolize/lines.h"
#include "symbolize_example.h"

struct fixture {
	struct example x;
	struct dwarf_writer *d;
	struct dwarf dwarf;
	struct lines lines;
	int result;
};

static void begin_of(struct fixture *f, uint16_t version, unsigned int n_files, bool is_64)
{
	*f = (struct fixture){ 0 };
	example_init(&f->x);
	example_nops(&f->x, 16);
	f->d = &f->x.dwarf;
	f->d->is_64 = is_64;
	dwarf_lines_begin(f->d, version, n_files);
}

static void begin(struct fixture *f, uint16_t version)
{
	begin_of(f, version, 1, false);
}

/* Ends the table and loads it, of a unit whose own encoding is DWARF 4 of 32 bits. */
static void load(struct fixture *f)
{
	dwarf_lines_end(f->d);
	f->d->is_64 = false;
	example_unit(&f->x, 0, 16, 0);
	example_unit_end(&f->x);
	assert_int_equal(dwarf_init(&f->dwarf, example_open(&f->x)), 0);
	assert_int_equal(f->dwarf.n_units, 1);
	f->result = lines_load(&f->lines, &f->dwarf, &f->dwarf.units[0]);
}

static void end(struct fixture *f)
{
	lines_deinit(&f->lines);
	dwarf_deinit(&f->dwarf);
	example_deinit(&f->x);
}

static void check_row(struct fixture *f, uint64_t vaddr, uint32_t line, uint32_t disc, uint64_t hi)
{
	uint32_t found_line, found_disc;
	uint64_t found_hi;

	lines_find(&f->lines, vaddr, &found_line, &found_disc, &found_hi);
	assert_int_equal(found_line, line);
	assert_int_equal(found_disc, disc);
	assert_int_equal(found_hi, hi);
}

static void test_lines_every_version_and_width_of_header_is_read(void **state)
{
	for (uint16_t version = 2; version <= 5; version++) {
		for (int is_64 = 0; is_64 < 2; is_64++) {
			struct fixture f;

			begin_of(&f, version, 2, is_64);
			dwarf_line_set_address(f.d, 0x1000);
			dwarf_line_row(f.d, 0, 9);
			dwarf_line_row(f.d, 4, 1);
			dwarf_line_op(f.d, DW_LNS_advance_pc, 4);
			dwarf_line_end_sequence(f.d);
			load(&f);
			assert_int_equal(f.result, 0);
			check_row(&f, 0x1000, 10, 0, 0x1004);
			check_row(&f, 0x1007, 11, 0, 0x1008);
			end(&f);
		}
	}
	for (uint16_t version = 1; version <= 6; version += 5) {
		struct fixture f;

		begin(&f, version);
		dwarf_line_row(f.d, 0, 9);
		load(&f);
		assert_int_equal(f.result, -EBADMSG);
		end(&f);
	}
}

static void test_lines_outside_sequences_have_none(void **state)
{
	struct fixture f;

	begin(&f, 4);
	dwarf_line_set_address(f.d, 0x1000);
	dwarf_line_row(f.d, 0, 1);
	dwarf_line_op(f.d, DW_LNS_advance_pc, 4);
	dwarf_line_end_sequence(f.d);
	load(&f);
	check_row(&f, 0xfff, 0, 0, 0x1000);
	check_row(&f, 0x1004, 0, 0, UINT64_MAX);
	check_row(&f, UINT64_MAX, 0, 0, UINT64_MAX);
	end(&f);
}

static void test_lines_special_opcodes_advance_both(void **state)
{
	struct fixture f;

	begin(&f, 4);
	dwarf_line_set_address(f.d, 0x1000);
	/* (line + 3) and (address + 2): opcode = 3 - line_base + line_range * 2 + opcode_base */
	buf_u8(&f.d->line, 3 - DWARF_LINE_BASE + DWARF_LINE_RANGE * 2 + DWARF_OPCODE_BASE);
	/* line - 2 */
	buf_u8(&f.d->line, (uint8_t)(-2 - DWARF_LINE_BASE + DWARF_OPCODE_BASE));
	buf_u8(&f.d->line, DW_LNS_const_add_pc); /* as special opcode 255: (255 - 13) / 14 = 17 */
	buf_u8(&f.d->line, DW_LNS_copy);
	buf_u8(&f.d->line, DW_LNS_fixed_advance_pc);
	buf_u16(&f.d->line, 0x100);
	dwarf_line_end_sequence(f.d);
	load(&f);
	assert_int_equal(f.lines.n_rows, 3);
	assert_int_equal(f.lines.rows[0].vaddr, 0x1002);
	assert_int_equal(f.lines.rows[0].line, 4);
	/* of rows at one address the last counts */
	check_row(&f, 0x1002, 2, 0, 0x1002 + 17);
	check_row(&f, 0x1013, 2, 0, 0x1113);
	end(&f);
}

static void test_lines_discriminator_lasts_for_one_row_and_has_32_bits(void **state)
{
	struct fixture f;

	begin_of(&f, 5, 2, false);
	dwarf_line_set_address(f.d, 0x1000);
	dwarf_line_discriminator(f.d, 0xfedcba98);
	dwarf_line_row(f.d, 0, 4);
	dwarf_line_row(f.d, 1, 1);
	dwarf_line_discriminator(f.d, 7);
	dwarf_line_row(f.d, 1, 1);
	dwarf_line_discriminator(f.d, 9);
	dwarf_line_op(f.d, DW_LNS_advance_pc, 1);
	dwarf_line_end_sequence(f.d);
	dwarf_line_set_address(f.d, 0x2000);
	dwarf_line_row(f.d, 0, 0);
	dwarf_line_op(f.d, DW_LNS_advance_pc, 1);
	dwarf_line_end_sequence(f.d);
	load(&f);
	check_row(&f, 0x1000, 5, 0xfedcba98, 0x1001);
	check_row(&f, 0x1001, 6, 0, 0x1002);
	check_row(&f, 0x1002, 7, 7, 0x1003);
	check_row(&f, 0x2000, 1, 0, 0x2001);
	end(&f);
}

static void test_lines_equal_addresses_last_row_wins(void **state)
{
	struct fixture f;

	begin(&f, 4);
	dwarf_line_set_address(f.d, 0x1000);
	dwarf_line_row(f.d, 0, 1);
	dwarf_line_row(f.d, 0, 1);
	dwarf_line_row(f.d, 4, 1);
	dwarf_line_row(f.d, 0, 1);
	dwarf_line_row(f.d, 0, 1);
	dwarf_line_op(f.d, DW_LNS_advance_pc, 4);
	dwarf_line_end_sequence(f.d);
	load(&f);
	check_row(&f, 0x1000, 3, 0, 0x1004);
	check_row(&f, 0x1004, 6, 0, 0x1008);
	end(&f);
}

static void test_lines_discarded_code_has_no_rows(void **state)
{
	struct fixture f;

	begin(&f, 4);
	dwarf_line_set_address(f.d, UINT64_MAX);
	dwarf_line_row(f.d, 0, 1);
	dwarf_line_row(f.d, 8, 1);
	dwarf_line_end_sequence(f.d);
	dwarf_line_set_address(f.d, 0x1000);
	dwarf_line_row(f.d, 0, 6);
	dwarf_line_set_address(f.d, UINT64_MAX);
	dwarf_line_row(f.d, 0, 1);
	dwarf_line_set_address(f.d, 0x1008);
	dwarf_line_row(f.d, 0, 1);
	dwarf_line_op(f.d, DW_LNS_advance_pc, 4);
	dwarf_line_end_sequence(f.d);
	load(&f);
	assert_int_equal(f.lines.n_sequences, 1);
	assert_int_equal(f.lines.n_rows, 2);
	check_row(&f, 0x1000, 7, 0, 0x1008);
	check_row(&f, 0x1008, 9, 0, 0x100c);
	end(&f);
}

static void test_lines_of_files_outside_the_table_are_zero(void **state)
{
	for (uint16_t version = 4; version <= 5; version++) {
		struct fixture f;

		begin_of(&f, version, 2, false);
		dwarf_line_set_address(f.d, 0x1000);
		for (unsigned int file = 0; file < 4; file++) {
			dwarf_line_op(f.d, DW_LNS_set_file, file);
			dwarf_line_discriminator(f.d, 3);
			dwarf_line_row(f.d, file ? 1 : 0, 1);
		}
		dwarf_line_op(f.d, DW_LNS_advance_pc, 1);
		dwarf_line_end_sequence(f.d);
		load(&f);
		check_row(&f, 0x1000, version == 5 ? 2 : 0, version == 5 ? 3 : 0, 0x1001);
		check_row(&f, 0x1001, 3, 3, 0x1002);
		check_row(&f, 0x1002, version == 4 ? 4 : 0, version == 4 ? 3 : 0, 0x1003);
		check_row(&f, 0x1003, 0, 0, 0x1004);
		end(&f);
	}
}

static void test_lines_file_defined_on_the_way_exists(void **state)
{
	struct fixture f;

	begin_of(&f, 4, 0, false);
	dwarf_line_set_address(f.d, 0x1000);
	dwarf_line_row(f.d, 0, 1);
	buf_append(&f.d->line, "\0\6\3b\0\0\0\0", 8); /* DW_LNE_define_file */
	dwarf_line_row(f.d, 1, 1);
	dwarf_line_op(f.d, DW_LNS_advance_pc, 1);
	dwarf_line_end_sequence(f.d);
	load(&f);
	check_row(&f, 0x1000, 0, 0, 0x1001);
	check_row(&f, 0x1001, 3, 0, 0x1002);
	end(&f);
}

/* One answer comes from one sequence: the first that ends above the address. */
static void test_lines_several_sequences_are_sorted_by_their_ends(void **state)
{
	static const uint64_t starts[] = { 0x3000, 0x1000, 0x2000, 0x2004 };
	struct fixture f;

	begin(&f, 4);
	for (size_t i = 0; i < array_size(starts); i++) {
		dwarf_line_set_address(f.d, starts[i]);
		dwarf_line_row(f.d, 0, (int64_t)i + 1);
		dwarf_line_op(f.d, DW_LNS_advance_pc, 0x10);
		dwarf_line_end_sequence(f.d);
	}
	/* empty, and backwards: neither is kept */
	dwarf_line_set_address(f.d, 0x4000);
	dwarf_line_row(f.d, 0, 1);
	dwarf_line_end_sequence(f.d);
	dwarf_line_set_address(f.d, 0x5000);
	dwarf_line_row(f.d, 0, 1);
	dwarf_line_set_address(f.d, 0x4fff);
	dwarf_line_end_sequence(f.d);
	load(&f);
	assert_int_equal(f.lines.n_sequences, 4);
	check_row(&f, 0x1000, 3, 0, 0x1010);
	check_row(&f, 0x1500, 0, 0, 0x2000);
	check_row(&f, 0x2004, 4, 0, 0x2010);
	check_row(&f, 0x2010, 5, 0, 0x2014);
	check_row(&f, 0x300f, 2, 0, 0x3010);
	end(&f);
}

static void test_lines_unknown_opcodes_are_stepped_over(void **state)
{
	struct fixture f;

	begin(&f, 4);
	dwarf_line_set_address(f.d, 0x1000);
	buf_u8(&f.d->line, DW_LNS_negate_stmt);
	buf_u8(&f.d->line, DW_LNS_set_basic_block);
	buf_u8(&f.d->line, DW_LNS_set_prologue_end);
	buf_u8(&f.d->line, DW_LNS_set_epilogue_begin);
	dwarf_line_op(f.d, DW_LNS_set_column, 300);
	dwarf_line_op(f.d, DW_LNS_set_isa, 300);
	buf_append(&f.d->line, "\0\4\x80xyz", 6); /* of a vendor */
	dwarf_line_row(f.d, 0, 1);
	dwarf_line_op(f.d, DW_LNS_advance_pc, 1);
	dwarf_line_end_sequence(f.d);
	load(&f);
	assert_int_equal(f.result, 0);
	check_row(&f, 0x1000, 2, 0, 0x1001);
	end(&f);
}

static void test_lines_damaged_program_keeps_what_was_before(void **state)
{
	struct fixture f;

	begin(&f, 4);
	for (uint64_t start = 0x2000; start > 0; start -= 0x1000) {
		dwarf_line_set_address(f.d, start);
		dwarf_line_row(f.d, 0, 1);
		dwarf_line_op(f.d, DW_LNS_advance_pc, 4);
		dwarf_line_end_sequence(f.d);
	}
	buf_u8(&f.d->line, 0); /* an extended opcode beyond the end */
	buf_uleb(&f.d->line, 200);
	load(&f);
	assert_int_equal(f.result, -EBADMSG);
	check_row(&f, 0x1001, 2, 0, 0x1004);
	check_row(&f, 0x2001, 2, 0, 0x2004);
	end(&f);
	begin(&f, 4);
	dwarf_line_op(f.d, DW_LNS_advance_pc, 0);
	f.d->line.data[f.d->line.n_bytes - 1] = 0x80;
	load(&f);
	assert_int_equal(f.result, -EBADMSG);
	end(&f);
}

static void test_lines_absurd_headers_end_quickly(void **state)
{
	struct fixture f;

	/* no opcode_base, no line_range: every opcode is special */
	begin(&f, 4);
	f.d->line.data[f.d->lines_off + 14] = 0;
	f.d->line.data[f.d->lines_off + 15] = 0;
	load(&f);
	end(&f);
	/* 2^63 files of no bytes each */
	begin(&f, 5);
	f.d->line.n_bytes = f.d->lines_off + 18 + DWARF_OPCODE_BASE - 1;
	buf_append(&f.d->line, "\0\0", 2); /* directories */
	buf_u8(&f.d->line, 1);
	buf_uleb(&f.d->line, DW_LNCT_path);
	buf_uleb(&f.d->line, DW_FORM_flag_present);
	buf_uleb(&f.d->line, 1ull << 63);
	load(&f);
	assert_int_equal(f.lines.n_rows, 0);
	end(&f);
}

static void test_lines_rows_out_of_order_still_end(void **state)
{
	struct fixture f;
	uint32_t line, disc;
	uint64_t hi;

	begin(&f, 4);
	dwarf_line_set_address(f.d, 0x1000);
	dwarf_line_row(f.d, 0, 1);
	dwarf_line_row(f.d, 0x100, 1);
	dwarf_line_row(f.d, (uint64_t)-0x80, 1);
	dwarf_line_row(f.d, 0x10, 1);
	dwarf_line_op(f.d, DW_LNS_advance_pc, 0x200);
	dwarf_line_end_sequence(f.d);
	load(&f);
	for (uint64_t vaddr = 0xff0; vaddr < 0x1400; vaddr++) {
		lines_find(&f.lines, vaddr, &line, &disc, &hi);
		assert_true(hi > vaddr);
	}
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_every_version_and_width_of_header_is_read),
		cmocka_unit_test(test_lines_outside_sequences_have_none),
		cmocka_unit_test(test_lines_special_opcodes_advance_both),
		cmocka_unit_test(test_lines_discriminator_lasts_for_one_row_and_has_32_bits),
		cmocka_unit_test(test_lines_equal_addresses_last_row_wins),
		cmocka_unit_test(test_lines_discarded_code_has_no_rows),
		cmocka_unit_test(test_lines_of_files_outside_the_table_are_zero),
		cmocka_unit_test(test_lines_file_defined_on_the_way_exists),
		cmocka_unit_test(test_lines_several_sequences_are_sorted_by_their_ends),
		cmocka_unit_test(test_lines_unknown_opcodes_are_stepped_over),
		cmocka_unit_test(test_lines_damaged_program_keeps_what_was_before),
		cmocka_unit_test(test_lines_absurd_headers_end_quickly),
		cmocka_unit_test(test_lines_rows_out_of_order_still_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
