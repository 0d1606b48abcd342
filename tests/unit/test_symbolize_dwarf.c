/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include "symbolize/dwarf_reader.h"
#include "symbolize_example.h"

struct fixture {
	struct example x;
	struct dwarf_writer *d;
	struct dwarf dwarf;
	struct dwarf_reader reader;
};

static void begin(struct fixture *f)
{
	*f = (struct fixture){ 0 };
	example_init_bare(&f->x);
	example_nops(&f->x, 16);
	f->d = &f->x.dwarf;
}

static void load(struct fixture *f)
{
	assert_int_equal(dwarf_init(&f->dwarf, example_open(&f->x)), 0);
	dwarf_reader_init(&f->reader, &f->dwarf);
}

static void end(struct fixture *f)
{
	dwarf_reader_deinit(&f->reader);
	dwarf_deinit(&f->dwarf);
	example_deinit(&f->x);
}

/* The values of the DIE number `index` (in file order) of a unit. */
static uint64_t read_die(struct fixture *f, size_t unit, unsigned int index,
			 struct dwarf_values *ret_values)
{
	struct dwarf_cursor cursor;
	struct dwarf_die die = { 0 };

	assert_int_equal(dwarf_reader_load(&f->reader, unit), 0);
	cursor = dwarf_reader_cursor(&f->reader);
	for (unsigned int i = 0;; i++) {
		assert_true(dwarf_next(&cursor, &die));
		if (i == index)
			break;
		dwarf_skip(&cursor, &die);
	}
	dwarf_read(&cursor, &die, ret_values);
	return die.off;
}

/* One DIE with DW_AT_decl_line in every form; then DW_AT_call_line 7 to see that the size was
 * right. */
static void test_dwarf_every_form_is_read_or_stepped_over(void **state)
{
	static const struct {
		unsigned int form;
		const char *bytes;
		size_t n_bytes;
		bool is_constant;
		uint64_t value;
	} forms[] = {
		{ DW_FORM_data1, "\x85", 1, true, 0x85 },
		{ DW_FORM_data2, "\x34\x12", 2, true, 0x1234 },
		{ DW_FORM_data4, "\xff\xff\xff\xff", 4, true, 0xffffffff },
		{ DW_FORM_data8, "\1\0\0\0\0\0\0\x80", 8, true, 0x8000000000000001 },
		{ DW_FORM_data16, "0123456789abcdef", 16, false, 0 },
		{ DW_FORM_udata, "\xe5\x8e\x26", 3, true, 624485 },
		{ DW_FORM_sdata, "\x7f", 1, false, 0 },
		{ DW_FORM_flag, "\1", 1, true, 1 },
		{ DW_FORM_flag_present, "", 0, true, 1 },
		{ DW_FORM_addr, "12345678", 8, false, 0 },
		{ DW_FORM_addrx, "\x80\1", 2, false, 0 },
		{ DW_FORM_addrx1, "1", 1, false, 0 },
		{ DW_FORM_addrx2, "12", 2, false, 0 },
		{ DW_FORM_addrx3, "123", 3, false, 0 },
		{ DW_FORM_addrx4, "1234", 4, false, 0 },
		{ DW_FORM_string, "abc", 4, false, 0 },
		{ DW_FORM_strp, "1234", 4, false, 0 },
		{ DW_FORM_line_strp, "1234", 4, false, 0 },
		{ DW_FORM_strp_sup, "1234", 4, false, 0 },
		{ DW_FORM_strx, "\x80\1", 2, false, 0 },
		{ DW_FORM_strx1, "1", 1, false, 0 },
		{ DW_FORM_strx2, "12", 2, false, 0 },
		{ DW_FORM_strx3, "123", 3, false, 0 },
		{ DW_FORM_strx4, "1234", 4, false, 0 },
		{ DW_FORM_ref1, "1", 1, false, 0 },
		{ DW_FORM_ref2, "12", 2, false, 0 },
		{ DW_FORM_ref4, "1234", 4, false, 0 },
		{ DW_FORM_ref8, "12345678", 8, false, 0 },
		{ DW_FORM_ref_udata, "\x80\1", 2, false, 0 },
		{ DW_FORM_ref_addr, "1234", 4, false, 0 },
		{ DW_FORM_ref_sig8, "12345678", 8, false, 0 },
		{ DW_FORM_ref_sup4, "1234", 4, false, 0 },
		{ DW_FORM_ref_sup8, "12345678", 8, false, 0 },
		{ DW_FORM_sec_offset, "1234", 4, false, 0 },
		{ DW_FORM_loclistx, "\x80\1", 2, false, 0 },
		{ DW_FORM_rnglistx, "\x80\1", 2, false, 0 },
		{ DW_FORM_block, "\3xyz", 4, false, 0 },
		{ DW_FORM_block1, "\3xyz", 4, false, 0 },
		{ DW_FORM_block2, "\3\0xyz", 5, false, 0 },
		{ DW_FORM_block4, "\3\0\0\0xyz", 7, false, 0 },
		{ DW_FORM_exprloc, "\3xyz", 4, false, 0 },
		{ DW_FORM_indirect, "\x0b\x2a", 2, true, 42 },
		{ DW_FORM_indirect, "\x0f\xe5\x8e\x26", 4, true, 624485 },
	};

	for (size_t i = 0; i < array_size(forms); i++) {
		struct dwarf_values v;
		struct fixture f;
		uint64_t value = 0;

		begin(&f);
		/* once wanted, once passed over */
		dwarf_abbrev(f.d, 1, DW_TAG_compile_unit, 0, DW_AT_decl_line, forms[i].form,
			     DW_AT_call_line, DW_FORM_data1, DW_AT_producer, forms[i].form,
			     DW_AT_GNU_discriminator, DW_FORM_data1, 0);
		buf_u8(&f.d->abbrev, 0);
		dwarf_unit_begin(f.d, 5, 0);
		buf_uleb(&f.d->info, 1);
		for (uint8_t mark = 7; mark <= 8; mark++) {
			buf_append(&f.d->info, forms[i].bytes, forms[i].n_bytes);
			buf_u8(&f.d->info, mark);
		}
		dwarf_unit_end(f.d);
		load(&f);
		read_die(&f, 0, 0, &v);
		if (dwarf_value_constant(&v.slots[SLOT_DECL_LINE], &value) !=
			    forms[i].is_constant ||
		    value != forms[i].value)
			fail_msg("form 0x%x gives %llu", forms[i].form, (unsigned long long)value);
		assert_true(dwarf_value_constant(&v.slots[SLOT_CALL_LINE], &value));
		assert_int_equal(value, 7);
		assert_true(dwarf_value_constant(&v.slots[SLOT_DISCRIMINATOR], &value));
		assert_int_equal(value, 8);
		end(&f);
	}
}

static void test_dwarf_implicit_constants_are_in_the_abbreviation(void **state)
{
	struct dwarf_values v;
	struct fixture f;
	uint64_t line;

	begin(&f);
	dwarf_abbrev(f.d, 1, DW_TAG_compile_unit, 0, DW_AT_decl_line, DW_FORM_implicit_const, 300,
		     DW_AT_producer, DW_FORM_implicit_const, -1, DW_AT_call_line, DW_FORM_data1, 0);
	buf_u8(&f.d->abbrev, 0);
	dwarf_unit_begin(f.d, 5, 0);
	buf_append(&f.d->info, "\1\7", 2);
	dwarf_unit_end(f.d);
	load(&f);
	read_die(&f, 0, 0, &v);
	assert_true(dwarf_value_constant(&v.slots[SLOT_DECL_LINE], &line));
	assert_int_equal(line, 300);
	assert_true(dwarf_value_constant(&v.slots[SLOT_CALL_LINE], &line));
	assert_int_equal(line, 7);
	end(&f);
}

static void test_dwarf_of_an_attribute_given_twice_the_first_counts(void **state)
{
	struct dwarf_values v;
	struct fixture f;
	uint64_t line;

	begin(&f);
	dwarf_abbrev(f.d, 1, DW_TAG_compile_unit, 0, DW_AT_decl_line, DW_FORM_data1,
		     DW_AT_decl_line, DW_FORM_data1, 0);
	buf_u8(&f.d->abbrev, 0);
	dwarf_unit_begin(f.d, 4, 0);
	buf_append(&f.d->info, "\1\5\6", 3);
	dwarf_unit_end(f.d);
	load(&f);
	read_die(&f, 0, 0, &v);
	assert_true(dwarf_value_constant(&v.slots[SLOT_DECL_LINE], &line));
	assert_int_equal(line, 5);
	end(&f);
}

/* Bases with indices, in both widths. */
static void test_dwarf_indexed_strings_addresses_and_ranges_are_followed(void **state)
{
	for (int is_64 = 0; is_64 < 2; is_64++) {
		struct dwarf_ranges ranges = { 0 };
		struct dwarf_values v;
		struct fixture f;
		uint64_t vaddr;
		const struct dwarf_unit *unit;

		begin(&f);
		dwarf_abbrev(f.d, 1, DW_TAG_compile_unit, 0, DW_AT_name, DW_FORM_strx1,
			     DW_AT_low_pc, DW_FORM_addrx, DW_AT_ranges, DW_FORM_rnglistx,
			     DW_AT_str_offsets_base, DW_FORM_sec_offset, DW_AT_addr_base,
			     DW_FORM_sec_offset, DW_AT_rnglists_base, DW_FORM_sec_offset, 0);
		buf_u8(&f.d->abbrev, 0);
		dwarf_string(&f.d->str, "zero");
		for (uint64_t i = 0; i < 2; i++) { /* a header of one entry's size, then 0 and 5 */
			void (*put)(struct buf *b, uint64_t v) = buf_u64;

			if (is_64) {
				put(&f.d->str_offsets, i ? 5 : 0);
			} else {
				buf_u32(&f.d->str_offsets, i ? 5 : 0);
			}
		}
		dwarf_string(&f.d->str, "one");
		buf_u64(&f.d->addr, 0xdead);
		buf_u64(&f.d->addr, TEXT_VADDR);
		buf_u64(&f.d->addr, TEXT_VADDR + 8);
		/* the table holds one offset, from itself */
		if (is_64)
			buf_u64(&f.d->rnglists, 8);
		else
			buf_u32(&f.d->rnglists, 4);
		buf_append(&f.d->rnglists, "\4\1\3", 3); /* offset_pair: from low_pc */
		buf_append(&f.d->rnglists, "\3\1\2", 3); /* startx_length */
		buf_append(&f.d->rnglists, "\2\0\1", 3); /* startx_endx */
		buf_append(&f.d->rnglists, "\1\1", 2);	 /* base_addressx */
		buf_append(&f.d->rnglists, "\4\0\4", 3); /* offset_pair */
		buf_u8(&f.d->rnglists, DW_RLE_base_address);
		buf_u64(&f.d->rnglists, UINT64_MAX); /* discarded: */
		buf_append(&f.d->rnglists, "\4\1\4", 3);
		buf_u8(&f.d->rnglists, DW_RLE_start_length);
		buf_u64(&f.d->rnglists, UINT64_MAX);
		buf_uleb(&f.d->rnglists, 4);
		buf_u8(&f.d->rnglists, DW_RLE_start_end);
		buf_u64(&f.d->rnglists, 0x10);
		buf_u64(&f.d->rnglists, 0x20);
		buf_u8(&f.d->rnglists, DW_RLE_start_length);
		buf_u64(&f.d->rnglists, 0x30);
		buf_uleb(&f.d->rnglists, 4);
		buf_u8(&f.d->rnglists, DW_RLE_end_of_list);
		f.d->is_64 = is_64;
		dwarf_unit_begin(f.d, 5, 0);
		buf_append(&f.d->info, "\1\1\0\0", 4);
		for (int i = 0; i < 3; i++) { /* bases: 0, 8, 0 */
			if (is_64)
				buf_u64(&f.d->info, i == 1 ? 8 : 0);
			else
				buf_u32(&f.d->info, i == 1 ? 8 : 0);
		}
		dwarf_unit_end(f.d);
		load(&f);
		unit = &f.dwarf.units[0];
		read_die(&f, 0, 0, &v);
		assert_string_equal(dwarf_value_string(&f.dwarf, unit, &v.slots[SLOT_NAME]), "one");
		assert_true(dwarf_value_address(&f.dwarf, unit, &v.slots[SLOT_LOW_PC], &vaddr));
		assert_true(vaddr == TEXT_VADDR);
		assert_int_equal(dwarf_die_ranges(&f.dwarf, unit, &v, &ranges), 0);
		assert_int_equal(ranges.n, 6);
		assert_true(ranges.items[0].lo_vaddr == TEXT_VADDR + 1);
		assert_true(ranges.items[0].hi_vaddr == TEXT_VADDR + 3);
		assert_true(ranges.items[1].lo_vaddr == TEXT_VADDR + 8);
		assert_true(ranges.items[1].hi_vaddr == TEXT_VADDR + 10);
		assert_true(ranges.items[2].lo_vaddr == TEXT_VADDR);
		assert_true(ranges.items[2].hi_vaddr == TEXT_VADDR + 8);
		assert_true(ranges.items[3].lo_vaddr == TEXT_VADDR + 8);
		assert_true(ranges.items[3].hi_vaddr == TEXT_VADDR + 12);
		assert_int_equal(ranges.items[4].lo_vaddr, 0x10);
		assert_int_equal(ranges.items[4].hi_vaddr, 0x20);
		assert_int_equal(ranges.items[5].hi_vaddr, 0x34);
		/* an index far outside: overflow must not bring it back */
		v.slots[SLOT_NAME].u = UINT64_MAX / 2;
		assert_null(dwarf_value_string(&f.dwarf, unit, &v.slots[SLOT_NAME]));
		v.slots[SLOT_RANGES].u = UINT64_MAX;
		v.slots[SLOT_LOW_PC].form = 0;
		assert_int_equal(dwarf_die_ranges(&f.dwarf, unit, &v, &ranges), 0);
		assert_int_equal(ranges.n, 0);
		free(ranges.items);
		end(&f);
	}
}

/* (base or address, …): bases, empty entries, and what linkers leave of discarded code. */
static void test_dwarf_old_ranges_know_bases_and_discarded_code(void **state)
{
	static const uint64_t pairs[][2] = {
		{ 1, 3 },		/* from the unit's low_pc */
		{ UINT64_MAX - 1, 5 },	/* discarded */
		{ UINT64_MAX, 0x5000 }, /* a base */
		{ 4, 6 },
		{ UINT64_MAX, UINT64_MAX - 1 }, /* a base that was discarded */
		{ 4, 6 },
		{ UINT64_MAX, 0 },
		{ 8, 8 },
		{ 0, 0 },
		{ 7, 9 }, /* behind the end */
	};
	struct dwarf_ranges ranges = { 0 };
	struct dwarf_values v = { 0 };
	struct fixture f;

	begin(&f);
	dwarf_abbrev(f.d, 1, DW_TAG_compile_unit, 0, DW_AT_low_pc, DW_FORM_addr, DW_AT_ranges,
		     DW_FORM_data4, 0);
	buf_u8(&f.d->abbrev, 0);
	for (size_t i = 0; i < array_size(pairs); i++) {
		buf_u64(&f.d->ranges, pairs[i][0]);
		buf_u64(&f.d->ranges, pairs[i][1]);
	}
	dwarf_unit_begin(f.d, 3, 0);
	buf_u8(&f.d->info, 1);
	buf_u64(&f.d->info, 0x1000);
	buf_u32(&f.d->info, 0);
	dwarf_unit_end(f.d);
	load(&f);
	read_die(&f, 0, 0, &v);
	assert_int_equal(dwarf_die_ranges(&f.dwarf, &f.dwarf.units[0], &v, &ranges), 0);
	assert_int_equal(ranges.n, 3);
	assert_int_equal(ranges.items[0].lo_vaddr, 0x1001);
	assert_int_equal(ranges.items[0].hi_vaddr, 0x1003);
	assert_int_equal(ranges.items[1].lo_vaddr, 0x5004);
	assert_int_equal(ranges.items[1].hi_vaddr, 0x5006);
	assert_int_equal(ranges.items[2].lo_vaddr, 8);
	/* a list that is cut off ends there */
	v.slots[SLOT_RANGES].u = 9 * 16 + 8;
	assert_int_equal(dwarf_die_ranges(&f.dwarf, &f.dwarf.units[0], &v, &ranges), 0);
	assert_int_equal(ranges.n, 0);
	free(ranges.items);
	end(&f);
}

static void test_dwarf_one_range_by_address_or_by_length(void **state)
{
	static const struct {
		unsigned int form;
		uint64_t low, high;
		size_t n;
		uint64_t hi;
	} cases[] = {
		{ DW_FORM_addr, 0x1000, 0x1010, 1, 0x1010 },
		{ DW_FORM_data8, 0x1000, 0x10, 1, 0x1010 },
		{ DW_FORM_data8, UINT64_MAX, 0x10, 0, 0 },
		{ DW_FORM_sec_offset, 0x1000, 0x10, 0, 0 },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		struct dwarf_ranges ranges = { 0 };
		struct dwarf_values v = { 0 };
		struct fixture f;

		begin(&f);
		dwarf_abbrev(f.d, 1, DW_TAG_compile_unit, 0, DW_AT_low_pc, DW_FORM_addr,
			     DW_AT_high_pc, cases[i].form, 0);
		buf_u8(&f.d->abbrev, 0);
		dwarf_unit_begin(f.d, 4, 0);
		buf_u8(&f.d->info, 1);
		buf_u64(&f.d->info, cases[i].low);
		buf_u64(&f.d->info, cases[i].high);
		dwarf_unit_end(f.d);
		load(&f);
		read_die(&f, 0, 0, &v);
		assert_int_equal(dwarf_die_ranges(&f.dwarf, &f.dwarf.units[0], &v, &ranges), 0);
		assert_int_equal(ranges.n, cases[i].n);
		if (ranges.n)
			assert_int_equal(ranges.items[0].hi_vaddr, cases[i].hi);
		free(ranges.items);
		end(&f);
	}
}

static void simple_unit(struct fixture *f, uint16_t version, const char *name)
{
	dwarf_unit_begin(f->d, version, 0);
	buf_u8(&f->d->info, 1);
	buf_append(&f->d->info, name, strlen(name) + 1);
	dwarf_unit_end(f->d);
}

static void named_abbrev(struct fixture *f)
{
	dwarf_abbrev(f->d, 1, DW_TAG_compile_unit, 0, DW_AT_name, DW_FORM_string, 0);
	buf_u8(&f->d->abbrev, 0);
}

static void test_dwarf_foreign_and_damaged_units_do_not_hide_others(void **state)
{
	struct dwarf_values v;
	struct fixture f;

	begin(&f);
	named_abbrev(&f);
	simple_unit(&f, 2, "first");
	dwarf_unit_begin_type(f.d, DW_UT_type, 0);
	buf_u64(&f.d->info, 0); /* signature */
	buf_u32(&f.d->info, 0);
	dwarf_unit_end(f.d);
	dwarf_unit_begin_type(f.d, DW_UT_skeleton, 0);
	buf_u64(&f.d->info, 0);
	dwarf_unit_end(f.d);
	simple_unit(&f, 6, "unknown version");
	f.d->is_64 = true;
	simple_unit(&f, 5, "64-bit");
	f.d->is_64 = false;
	simple_unit(&f, 4, "address size");
	f.d->info.data[f.d->unit_off + 10] = 3;
	dwarf_unit_begin_type(f.d, DW_UT_partial, 0);
	buf_append(&f.d->info, "\1partial", 9);
	dwarf_unit_end(f.d);
	buf_u32(&f.d->info, 1); /* too short for its header */
	buf_u8(&f.d->info, 0);
	simple_unit(&f, 3, "last");
	buf_u32(&f.d->info, 1000); /* longer than the section */
	load(&f);
	assert_int_equal(f.dwarf.stats.n_units, 10);
	assert_int_equal(f.dwarf.stats.n_units_skipped, 2);
	assert_int_equal(f.dwarf.stats.n_units_damaged, 4);
	assert_non_null(strstr(f.dwarf.first_damage.text, "unknown version or address size"));
	assert_int_equal(f.dwarf.n_units, 4);
	read_die(&f, 1, 0, &v);
	assert_string_equal(v.slots[SLOT_NAME].string, "64-bit");
	read_die(&f, 2, 0, &v);
	assert_string_equal(v.slots[SLOT_NAME].string, "partial");
	read_die(&f, 3, 0, &v);
	assert_string_equal(v.slots[SLOT_NAME].string, "last");
	end(&f);
}

static void test_dwarf_unreadable_abbreviations_are_damage_of_their_unit(void **state)
{
	struct fixture f;

	begin(&f);
	named_abbrev(&f);
	simple_unit(&f, 4, "good");
	dwarf_unit_begin(f.d, 4, 1); /* in the midst of the table */
	buf_u8(&f.d->info, 1);
	dwarf_unit_end(f.d);
	dwarf_unit_begin(f.d, 4, UINT32_MAX);
	buf_u8(&f.d->info, 1);
	dwarf_unit_end(f.d);
	load(&f);
	assert_int_equal(dwarf_reader_load(&f.reader, 0), 0);
	assert_int_equal(dwarf_reader_load(&f.reader, 2), -EBADMSG);
	assert_int_equal(f.dwarf.stats.n_units_damaged, 1);
	assert_int_equal(dwarf_reader_load(&f.reader, 0), 0);
	end(&f);
}

/* One table is read anew where sizes of forms differ. */
static void test_dwarf_units_of_different_widths_share_abbreviations(void **state)
{
	struct dwarf_values v;
	struct fixture f;

	begin(&f);
	dwarf_abbrev(f.d, 1, DW_TAG_compile_unit, 1, DW_AT_producer, DW_FORM_strp, 0);
	dwarf_abbrev(f.d, 2, DW_TAG_subprogram, 0, DW_AT_name, DW_FORM_string, 0);
	buf_u8(&f.d->abbrev, 0);
	for (int i = 0; i < 4; i++) {
		f.d->is_64 = i % 2;
		dwarf_unit_begin(f.d, 4, 0);
		buf_u8(&f.d->info, 1);
		if (f.d->is_64)
			buf_u64(&f.d->info, 0);
		else
			buf_u32(&f.d->info, 0);
		buf_append(&f.d->info, "\2name\0\0", 7);
		dwarf_unit_end(f.d);
	}
	load(&f);
	for (size_t i = 0; i < 4; i++) {
		read_die(&f, i, 1, &v);
		assert_string_equal(v.slots[SLOT_NAME].string, "name");
	}
	end(&f);
}

static void test_dwarf_sparse_abbreviation_codes_are_found(void **state)
{
	static const unsigned int codes[] = { 7, 3, 1000, 3, 1 };
	struct dwarf_abbrevs abbrevs = { 0 };
	struct dwarf_encoding encoding = { 4, 8, 4 };
	struct fixture f;

	begin(&f);
	for (size_t i = 0; i < array_size(codes); i++)
		dwarf_abbrev(f.d, codes[i], (unsigned int)i + 1, 0, 0);
	buf_u8(&f.d->abbrev, 0);
	assert_int_equal(dwarf_abbrevs_read(&abbrevs,
					    bytes_of(f.d->abbrev.data, f.d->abbrev.n_bytes),
					    encoding),
			 0);
	assert_int_equal(dwarf_abbrevs_find(&abbrevs, 7)->tag, 1);
	assert_int_equal(dwarf_abbrevs_find(&abbrevs, 3)->tag, 2); /* the first of two */
	assert_int_equal(dwarf_abbrevs_find(&abbrevs, 1000)->tag, 3);
	assert_int_equal(dwarf_abbrevs_find(&abbrevs, 1)->tag, 5);
	assert_null(dwarf_abbrevs_find(&abbrevs, 2));
	assert_null(dwarf_abbrevs_find(&abbrevs, UINT64_MAX));
	/* without its end the table is damaged */
	assert_int_equal(dwarf_abbrevs_read(&abbrevs,
					    bytes_of(f.d->abbrev.data, f.d->abbrev.n_bytes - 1),
					    encoding),
			 -EBADMSG);
	dwarf_abbrevs_deinit(&abbrevs);
	load(&f);
	end(&f);
}

/* Names along references: abbreviations of subprograms with all four attributes in some order. */
enum {
	A_UNIT = 1,
	A_PLAIN,	 /* name */
	A_LINKAGE,	 /* linkage_name */
	A_SPECIFICATION, /* specification ref_addr */
	A_ORIGIN,	 /* abstract_origin ref4 */
	A_BOTH,		 /* abstract_origin ref_addr, specification ref_addr */
	A_NAMED_ORIGIN,	 /* name, abstract_origin ref_addr */
	A_LINE,		 /* decl_line, abstract_origin ref_addr */
};

static void reference_abbrevs(struct fixture *f)
{
	dwarf_abbrev(f->d, A_UNIT, DW_TAG_compile_unit, 1, 0);
	dwarf_abbrev(f->d, A_PLAIN, DW_TAG_subprogram, 0, DW_AT_name, DW_FORM_string, 0);
	dwarf_abbrev(f->d, A_LINKAGE, DW_TAG_subprogram, 0, DW_AT_linkage_name, DW_FORM_string, 0);
	dwarf_abbrev(f->d, A_SPECIFICATION, DW_TAG_subprogram, 0, DW_AT_specification,
		     DW_FORM_ref_addr, 0);
	dwarf_abbrev(f->d, A_ORIGIN, DW_TAG_subprogram, 0, DW_AT_abstract_origin, DW_FORM_ref4, 0);
	dwarf_abbrev(f->d, A_BOTH, DW_TAG_subprogram, 0, DW_AT_abstract_origin, DW_FORM_ref_addr,
		     DW_AT_specification, DW_FORM_ref_addr, 0);
	dwarf_abbrev(f->d, A_NAMED_ORIGIN, DW_TAG_subprogram, 0, DW_AT_name, DW_FORM_string,
		     DW_AT_abstract_origin, DW_FORM_ref_addr, 0);
	dwarf_abbrev(f->d, A_LINE, DW_TAG_subprogram, 0, DW_AT_decl_line, DW_FORM_data1,
		     DW_AT_abstract_origin, DW_FORM_ref_addr, 0);
	buf_u8(&f->d->abbrev, 0);
}

static void begin_references(struct fixture *f)
{
	begin(f);
	reference_abbrevs(f);
	dwarf_unit_begin(f->d, 4, 0);
	buf_u8(&f->d->info, A_UNIT);
}

static uint32_t put(struct fixture *f, unsigned int abbrev, const char *name, int64_t ref1,
		    int64_t ref2)
{
	uint32_t off = (uint32_t)f->d->info.n_bytes;

	buf_uleb(&f->d->info, abbrev);
	if (name)
		dwarf_string(&f->d->info, name);
	if (ref1 >= 0)
		buf_u32(&f->d->info, (uint32_t)ref1);
	if (ref2 >= 0)
		buf_u32(&f->d->info, (uint32_t)ref2);
	return off;
}

/* The name of the last DIE that was put. */
static const char *last_name(struct fixture *f, unsigned int index)
{
	struct dwarf_values v;
	uint64_t off;

	buf_u8(&f->d->info, 0);
	dwarf_unit_end(f->d);
	load(f);
	off = read_die(f, 0, index, &v);
	return dwarf_reader_name(&f->reader, off, &v);
}

static void test_dwarf_reader_specification_goes_before_abstract_origin(void **state)
{
	struct fixture f;
	uint32_t a, b;

	begin_references(&f);
	a = put(&f, A_PLAIN, "origin", -1, -1);
	b = put(&f, A_PLAIN, "specification", -1, -1);
	put(&f, A_BOTH, NULL, a, b);
	assert_string_equal(last_name(&f, 3), "specification");
	end(&f);
}

static void test_dwarf_reader_linkage_name_anywhere_goes_before_a_plain_one(void **state)
{
	struct fixture f;
	uint32_t a, b, c;

	begin_references(&f);
	a = put(&f, A_LINKAGE, "_Zlinkage", -1, -1);
	b = put(&f, A_SPECIFICATION, NULL, a, -1);
	c = put(&f, A_PLAIN, "plain", -1, -1);
	b = put(&f, A_BOTH, NULL, b, c);
	put(&f, A_NAMED_ORIGIN, "near", b, -1);
	assert_string_equal(last_name(&f, 5), "_Zlinkage");
	end(&f);
	begin_references(&f);
	a = put(&f, A_PLAIN, "far", -1, -1);
	put(&f, A_NAMED_ORIGIN, "near", a, -1);
	assert_string_equal(last_name(&f, 2), "near");
	end(&f);
}

static void test_dwarf_reader_loops_and_long_chains_end(void **state)
{
	struct fixture f;
	uint32_t off;

	begin_references(&f);
	off = (uint32_t)f.d->info.n_bytes;
	put(&f, A_BOTH, NULL, off, off);
	assert_null(last_name(&f, 1));
	end(&f);
	begin_references(&f);
	off = (uint32_t)f.d->info.n_bytes;
	put(&f, A_ORIGIN, NULL, off + 5 - f.d->unit_off, -1);
	put(&f, A_ORIGIN, NULL, off - f.d->unit_off, -1);
	assert_null(last_name(&f, 1));
	end(&f);
	begin_references(&f);
	off = put(&f, A_PLAIN, "end", -1, -1);
	for (int i = 0; i < 100; i++)
		off = put(&f, A_SPECIFICATION, NULL, off, -1);
	assert_null(last_name(&f, 101));
	end(&f);
	begin_references(&f);
	put(&f, A_SPECIFICATION, NULL, 0x7fffffff, -1);
	assert_null(last_name(&f, 1));
	end(&f);
	/* into the header of the unit */
	begin_references(&f);
	put(&f, A_SPECIFICATION, NULL, 2, -1);
	assert_null(last_name(&f, 1));
	end(&f);
}

static void test_dwarf_reader_follows_references_into_other_units(void **state)
{
	struct fixture f;
	struct dwarf_values v;
	size_t other_abbrevs;
	uint32_t target;
	uint64_t off;

	begin_references(&f);
	target = put(&f, A_PLAIN, "elsewhere", -1, -1);
	buf_u8(&f.d->info, 0);
	dwarf_unit_end(f.d);
	/* whose abbreviations differ */
	other_abbrevs = f.d->abbrev.n_bytes;
	dwarf_abbrev(f.d, 1, DW_TAG_compile_unit, 1, 0);
	dwarf_abbrev(f.d, 2, DW_TAG_subprogram, 0, DW_AT_decl_line, DW_FORM_data1,
		     DW_AT_abstract_origin, DW_FORM_ref_addr, 0);
	buf_u8(&f.d->abbrev, 0);
	dwarf_unit_begin(f.d, 4, other_abbrevs);
	buf_append(&f.d->info, "\1\2\x2a", 3);
	buf_u32(&f.d->info, target);
	buf_u8(&f.d->info, 0);
	dwarf_unit_end(f.d);
	load(&f);
	off = read_die(&f, 1, 1, &v);
	assert_string_equal(dwarf_reader_name(&f.reader, off, &v), "elsewhere");
	assert_int_equal(dwarf_reader_decl_line(&f.reader, off, &v), 42);
	assert_int_equal(f.reader.unit, 1);
	end(&f);
}

static void test_dwarf_reader_line_is_the_nearest(void **state)
{
	struct dwarf_values v;
	struct fixture f;
	uint32_t a;
	uint64_t off;

	begin_references(&f);
	a = (uint32_t)f.d->info.n_bytes;
	buf_u8(&f.d->info, A_LINE);
	buf_u8(&f.d->info, 200);
	buf_u32(&f.d->info, a);
	put(&f, A_SPECIFICATION, NULL, a, -1);
	put(&f, A_PLAIN, "f", -1, -1);
	assert_string_equal(last_name(&f, 3), "f");
	off = read_die(&f, 0, 2, &v);
	assert_int_equal(dwarf_reader_decl_line(&f.reader, off, &v), 200);
	off = read_die(&f, 0, 3, &v);
	assert_int_equal(dwarf_reader_decl_line(&f.reader, off, &v), 0);
	end(&f);
}

static void test_dwarf_walk_ends_with_the_unit(void **state)
{
	struct dwarf_cursor cursor;
	struct dwarf_die die = { 0 };
	struct fixture f;

	/* a unit DIE without children, and bytes behind it */
	begin(&f);
	named_abbrev(&f);
	dwarf_unit_begin(f.d, 4, 0);
	buf_append(&f.d->info, "\1a\0\1b\0", 6);
	dwarf_unit_end(f.d);
	load(&f);
	assert_int_equal(dwarf_reader_load(&f.reader, 0), 0);
	cursor = dwarf_reader_cursor(&f.reader);
	assert_true(dwarf_next(&cursor, &die));
	dwarf_skip(&cursor, &die);
	assert_false(dwarf_next(&cursor, &die));
	assert_false(cursor.b.failed);
	end(&f);
	/* depths, and a missing end of children */
	begin_references(&f);
	buf_u8(&f.d->info, A_UNIT);
	put(&f, A_PLAIN, "f", -1, -1);
	dwarf_unit_end(f.d);
	load(&f);
	assert_int_equal(dwarf_reader_load(&f.reader, 0), 0);
	cursor = dwarf_reader_cursor(&f.reader);
	for (uint32_t depth = 0; depth < 3; depth++) {
		assert_true(dwarf_next(&cursor, &die));
		assert_int_equal(die.depth, depth);
		dwarf_skip(&cursor, &die);
	}
	assert_false(dwarf_next(&cursor, &die));
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dwarf_every_form_is_read_or_stepped_over),
		cmocka_unit_test(test_dwarf_implicit_constants_are_in_the_abbreviation),
		cmocka_unit_test(test_dwarf_of_an_attribute_given_twice_the_first_counts),
		cmocka_unit_test(test_dwarf_indexed_strings_addresses_and_ranges_are_followed),
		cmocka_unit_test(test_dwarf_old_ranges_know_bases_and_discarded_code),
		cmocka_unit_test(test_dwarf_one_range_by_address_or_by_length),
		cmocka_unit_test(test_dwarf_foreign_and_damaged_units_do_not_hide_others),
		cmocka_unit_test(test_dwarf_unreadable_abbreviations_are_damage_of_their_unit),
		cmocka_unit_test(test_dwarf_units_of_different_widths_share_abbreviations),
		cmocka_unit_test(test_dwarf_sparse_abbreviation_codes_are_found),
		cmocka_unit_test(test_dwarf_reader_specification_goes_before_abstract_origin),
		cmocka_unit_test(test_dwarf_reader_linkage_name_anywhere_goes_before_a_plain_one),
		cmocka_unit_test(test_dwarf_reader_loops_and_long_chains_end),
		cmocka_unit_test(test_dwarf_reader_follows_references_into_other_units),
		cmocka_unit_test(test_dwarf_reader_line_is_the_nearest),
		cmocka_unit_test(test_dwarf_walk_ends_with_the_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
