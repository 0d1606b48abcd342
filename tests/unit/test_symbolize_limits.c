/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small images that describe very much work: each ends soon, in success or in -E2BIG. All of them
 * took minutes, or would have taken days, before work was bounded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <time.h>
#include "symbolize/unit_frames.h"
#include "symbolize_example.h"

/* A sanitizer on a busy machine needs a good part of it. */
#define SECONDS_MAX 30

struct fixture {
	struct example x;
	double start;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void begin(struct fixture *f)
{
	*f = (struct fixture){ 0 };
	example_init(&f->x);
	example_nops(&f->x, 0x100);
}

static int load(struct fixture *f)
{
	static const struct image_limits limits = IMAGE_LIMITS_DEFAULT;
	struct problem problem;

	dwarf_writer_attach(&f->x.dwarf, &f->x.elf);
	f->x.bytes = elf_finish(&f->x.elf, &f->x.n_bytes);
	assert_int_equal(
		image_open_memory(f->x.bytes, f->x.n_bytes, &limits, &f->x.image, &problem), 0);
	f->start = now();
	assert_int_equal(objects_init(&f->x.objects), 0);
	return symbols_new(steal_ptr(f->x.image), f->x.objects.names, &f->x.symbols, &problem);
}

/* Every unit's tree and lines. */
static int load_all_frames(struct fixture *f)
{
	struct symbols *s = f->x.symbols;
	struct unit_frames uf;
	int r = 0;

	unit_frames_init(&uf, &s->dwarf, s->names);
	for (size_t i = 0; r == 0 && i < s->dwarf.n_units; i++)
		r = unit_frames_load(&uf, i);
	unit_frames_deinit(&uf);
	return r;
}

static void end(struct fixture *f)
{
	assert_true(now() - f->start < SECONDS_MAX);
	symbols_free(steal_ptr(f->x.symbols)); /* no object has them */
	example_deinit(&f->x);
}

static void test_limits_functions_sharing_a_range_list(void **state)
{
	struct fixture f;

	begin(&f);
	example_unit(&f.x, 0, 0x100, 0);
	for (int i = 0; i < 60000; i++) {
		example_begin_die(&f.x, EXAMPLE_FUNCTION_IN_PARTS);
		example_name_of_die(&f.x.dwarf.info, "f");
		buf_u32(&f.x.dwarf.info, 0);
		buf_uleb(&f.x.dwarf.info, 1);
		example_end(&f.x);
	}
	example_unit_end(&f.x);
	for (uint64_t i = 0; i < 30000; i++) {
		buf_u64(&f.x.dwarf.ranges, 1);
		buf_u64(&f.x.dwarf.ranges, 0); /* read, but no function: only the reading is work */
	}
	assert_int_equal(load(&f), -E2BIG);
	end(&f);
}

static void test_limits_units_sharing_abbreviations_at_every_offset(void **state)
{
	struct fixture f;

	begin(&f);
	/* a unit begins at each entry, so that no two share the same table */
	for (unsigned int i = 0; i < 60000; i++) {
		f.x.dwarf.is_64 = false;
		dwarf_unit_begin(&f.x.dwarf, 4, f.x.dwarf.abbrev.n_bytes);
		example_begin_die(&f.x, EXAMPLE_UNIT);
		dwarf_unit_end(&f.x.dwarf);
		dwarf_abbrev(&f.x.dwarf, 1, DW_TAG_compile_unit, 0, 0);
	}
	buf_u8(&f.x.dwarf.abbrev, 0);
	assert_int_equal(load(&f), -E2BIG);
	end(&f);
}

static void test_limits_units_sharing_abbreviations_read_them_once(void **state)
{
	struct fixture f;

	begin(&f);
	f.x.dwarf.abbrev.n_bytes--;
	for (unsigned int i = 0; i < 100000; i++)
		dwarf_abbrev(&f.x.dwarf, 100 + 7 * i, DW_TAG_base_type, 0, 0);
	buf_u8(&f.x.dwarf.abbrev, 0);
	for (unsigned int i = 0; i < 20000; i++) {
		dwarf_unit_begin(&f.x.dwarf, 4, 0);
		example_begin_die(&f.x, EXAMPLE_EMPTY_UNIT);
		example_name_of_die(&f.x.dwarf.info, "a.c");
		for (int k = 0; k < 20; k++)
			buf_uleb(&f.x.dwarf.info, 100 + 7 * 99999);
		example_unit_end(&f.x);
	}
	assert_int_equal(load(&f), 0);
	assert_int_equal(load_all_frames(&f), 0);
	assert_int_equal(f.x.symbols->dwarf.stats.n_units_damaged, 0);
	end(&f);
}

static void test_limits_units_sharing_a_line_table(void **state)
{
	struct fixture f;

	begin(&f);
	dwarf_lines_begin(&f.x.dwarf, 4, 1);
	for (int i = 0; i < 1000000; i++)
		buf_u8(&f.x.dwarf.line, 200);
	dwarf_lines_end(&f.x.dwarf);
	for (unsigned int i = 0; i < 10000; i++) {
		example_unit(&f.x, 0, 0x100, 0);
		example_unit_end(&f.x);
	}
	assert_int_equal(load(&f), 0);
	assert_int_equal(load_all_frames(&f), -E2BIG);
	end(&f);
}

static void test_limits_functions_in_descending_order(void **state)
{
	struct fixture f;

	begin(&f);
	example_unit(&f.x, 0, 0x100, 0);
	for (uint64_t i = 200000; i > 0; i--) {
		example_function(&f.x, "f", 4 * i, 4 * i + 2, 1);
		example_end(&f.x);
	}
	example_unit_end(&f.x);
	assert_int_equal(load(&f), 0);
	assert_int_equal(load_all_frames(&f), -E2BIG);
	end(&f);
	/* what a large unit may really have is no matter */
	begin(&f);
	example_unit(&f.x, 0, 0x100, 0);
	for (uint64_t i = 10000; i > 0; i--) {
		example_function(&f.x, "f", 4 * i, 4 * i + 2, 1);
		example_end(&f.x);
	}
	example_unit_end(&f.x);
	assert_int_equal(load(&f), 0);
	assert_int_equal(load_all_frames(&f), 0);
	end(&f);
}

static void test_limits_units_over_the_same_addresses(void **state)
{
	struct fixture f;
	uint64_t hi;

	begin(&f);
	for (uint64_t i = 0; i < 50000; i++) {
		example_unit(&f.x, i, 1000000 - i, 0);
		example_unit_end(&f.x);
	}
	assert_int_equal(load(&f), 0);
	assert_int_equal(unit_map_find(&f.x.symbols->units, TEXT_VADDR + 49999, &hi), 0);
	end(&f);
}

static void test_limits_long_names(void **state)
{
	struct fixture f;

	begin(&f);
	f.x.dwarf.abbrev.n_bytes--;
	dwarf_abbrev(&f.x.dwarf, N_EXAMPLE_ABBREVS, DW_TAG_subprogram, 0, DW_AT_name, DW_FORM_strp,
		     DW_AT_low_pc, DW_FORM_addr, DW_AT_high_pc, DW_FORM_data1, 0);
	buf_u8(&f.x.dwarf.abbrev, 0);
	for (int i = 0; i < 500000; i++)
		buf_u8(&f.x.dwarf.str, 'x');
	buf_u8(&f.x.dwarf.str, 0);
	example_unit(&f.x, 0, 0x100, 0);
	for (uint32_t i = 0; i < 40000; i++) {
		buf_uleb(&f.x.dwarf.info, N_EXAMPLE_ABBREVS);
		buf_u32(&f.x.dwarf.info, i);
		buf_u64(&f.x.dwarf.info, TEXT_VADDR);
		buf_u8(&f.x.dwarf.info, 1);
	}
	example_unit_end(&f.x);
	assert_int_equal(load(&f), -E2BIG);
	end(&f);
}

static void test_limits_deep_nesting(void **state)
{
	struct fixture f;

	begin(&f);
	example_unit(&f.x, 0, 0x100, 0);
	for (int i = 0; i < 1000000; i++)
		example_begin_die(&f.x, EXAMPLE_BLOCK);
	example_unit_end(&f.x);
	assert_int_equal(load(&f), 0);
	assert_int_equal(load_all_frames(&f), 0);
	/* its depth, and it has no line table */
	assert_int_equal(f.x.symbols->dwarf.stats.n_units_damaged, 2);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits_functions_sharing_a_range_list),
		cmocka_unit_test(test_limits_units_sharing_abbreviations_at_every_offset),
		cmocka_unit_test(test_limits_units_sharing_abbreviations_read_them_once),
		cmocka_unit_test(test_limits_units_sharing_a_line_table),
		cmocka_unit_test(test_limits_functions_in_descending_order),
		cmocka_unit_test(test_limits_units_over_the_same_addresses),
		cmocka_unit_test(test_limits_long_names),
		cmocka_unit_test(test_limits_deep_nesting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
