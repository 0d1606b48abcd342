/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "symbolize_example.h"

struct fixture {
	struct example x;
	unsigned int text;
};

static void begin(struct fixture *f)
{
	example_init(&f->x);
	f->text = example_text(&f->x, ".text", TEXT_VADDR, NULL, 0);
	for (int i = 0; i < 0x100; i++)
		buf_u8(elf_data(&f->x.elf, f->text), 0x90);
	example_unit(&f->x, 0, 0x100, 0);
}

static struct functions *load(struct fixture *f)
{
	example_unit_end(&f->x);
	/* without any symbol nothing would be loaded */
	elf_symbol(&f->x.elf, "end", f->text, TEXT_VADDR + 0xff);
	return &example_load(&f->x)->functions;
}

static void add(struct fixture *f, const char *name, uint64_t lo, uint64_t hi)
{
	example_function(&f->x, name, lo, hi, 1);
	example_end(&f->x);
}

static void symbol(struct fixture *f, const char *name, uint64_t off)
{
	elf_symbol(&f->x.elf, name, f->text, TEXT_VADDR + off);
}

static const char *name_at(struct functions *functions, uint64_t off)
{
	const struct function_range *r = functions_find(functions, TEXT_VADDR + off);

	return r ? names_get(functions->names, r->name).text : "";
}

static bool is_entry(struct functions *functions, uint64_t off)
{
	return functions_entry_at(functions, TEXT_VADDR + off) != NULL;
}

static void test_functions_statics_of_one_name_are_one_function(void **state)
{
	const struct function_range *r;
	struct functions *functions;
	struct fixture f;

	begin(&f);
	add(&f, "init", 0x40, 0x50);
	add(&f, "other", 0, 0x10);
	add(&f, "init", 0x20, 0x30);
	functions = load(&f);
	r = functions_first(functions, functions_find(functions, TEXT_VADDR + 0x20));
	assert_true(r->lo_vaddr == TEXT_VADDR + 0x40); /* in order of .debug_info */
	r = functions_next(functions, r);
	assert_true(r->lo_vaddr == TEXT_VADDR + 0x20);
	assert_null(functions_next(functions, r));
	assert_string_equal(name_at(functions, 0x2f), "init");
	assert_string_equal(name_at(functions, 0x30), "");
	assert_string_equal(name_at(functions, 0xf), "other");
	assert_null(functions_find(functions, 0));
	assert_null(functions_find(functions, UINT64_MAX));
	example_deinit(&f.x);
}

static void test_functions_first_at_an_address_wins_but_both_have_the_range(void **state)
{
	const struct function_range *r;
	struct functions *functions;
	struct fixture f;

	begin(&f);
	add(&f, "a", 0, 0x10);
	add(&f, "b", 0, 0x20);
	functions = load(&f);
	assert_string_equal(name_at(functions, 0), "a");
	assert_string_equal(name_at(functions, 0x10), "");
	r = &functions->ranges[1];
	assert_true(functions_first(functions, r) == r);
	assert_true(r->hi_vaddr == TEXT_VADDR + 0x20);
	example_deinit(&f.x);
}

static void test_functions_below_the_preferred_base_and_empty_ones_are_none(void **state)
{
	struct functions *functions;
	struct fixture f;

	begin(&f);
	add(&f, "below", 0x400000 - 1 - TEXT_VADDR, 0x10);
	add(&f, "at", 0x400000 - TEXT_VADDR, 0x400010 - TEXT_VADDR);
	add(&f, "empty", 0x20, 0x20);
	functions = load(&f);
	assert_int_equal(functions->n_ranges, 1);
	assert_string_equal(name_at(functions, 0x400000 - TEXT_VADDR), "at");
	example_deinit(&f.x);
}

static void test_functions_inner_range_hides_the_outer_one(void **state)
{
	struct functions *functions;
	struct fixture f;

	begin(&f);
	add(&f, "outer", 0, 0x40);
	add(&f, "inner", 0x10, 0x20);
	functions = load(&f);
	assert_string_equal(name_at(functions, 0x1f), "inner");
	/* the greatest start counts, though "outer" goes on */
	assert_string_equal(name_at(functions, 0x20), "");
	example_deinit(&f.x);
}

static void test_functions_entry_is_a_start_with_a_symbol(void **state)
{
	struct functions *functions;
	struct fixture f;

	begin(&f);
	add(&f, "one", 0, 0x10);     /* single range, symbol of another name inside */
	add(&f, "bare", 0x10, 0x20); /* single range, no symbol */
	add(&f, "two", 0x20, 0x30);  /* two ranges, one with its symbol */
	add(&f, "two", 0x30, 0x40);
	symbol(&f, "alias", 4);
	symbol(&f, "two.llvm.123", 0x28);
	symbol(&f, "two.cold", 0x30);
	functions = load(&f);
	assert_true(is_entry(functions, 0));
	assert_false(is_entry(functions, 4));
	assert_false(is_entry(functions, 0x10));
	assert_true(is_entry(functions, 0x20));
	assert_false(is_entry(functions, 0x30));
	assert_false(is_entry(functions, 0xf0));
	assert_null(functions_entry_at(functions, 0));
	example_deinit(&f.x);
}

/* A symbol belongs to the range that starts last before it. */
static void test_functions_symbol_in_an_inner_range_is_not_the_outer_ones(void **state)
{
	struct functions *functions;
	struct fixture f;

	begin(&f);
	add(&f, "outer", 0, 0x40);
	add(&f, "inner", 0x10, 0x20);
	symbol(&f, "x", 0x18);
	functions = load(&f);
	assert_false(is_entry(functions, 0));
	assert_true(is_entry(functions, 0x10));
	example_deinit(&f.x);
	begin(&f);
	add(&f, "outer", 0, 0x40);
	add(&f, "inner", 0x10, 0x20);
	symbol(&f, "x", 0x28); /* behind the inner one: in no range */
	functions = load(&f);
	assert_false(is_entry(functions, 0));
	example_deinit(&f.x);
}

static void test_functions_canonical_names_lose_llvm_and_part(void **state)
{
	static const char *const names[][2] = {
		{ "f", "f" },
		{ "", "" },
		{ "f.llvm.123", "f" },
		{ "f.part.0", "f" },
		{ "f.part.0.llvm.7", "f" },
		{ "f.llvm.7.part.0", "f.llvm.7" },
		{ "f.llvm.7.cold", "f.llvm.7.cold" },
		{ "f.cold", "f.cold" },
		{ "f.isra.0", "f.isra.0" },
		{ "f.constprop.0", "f.constprop.0" },
		{ "f.__uniq.123", "f.__uniq.123" },
		{ "f.__uniq.123.llvm.4", "f.__uniq.123" },
		{ "f.part.0.cold", "f.part.0.cold" },
		{ "f.llvm.", "f" },
		{ ".llvm.1", "" },
		{ "llvm.1", "llvm.1" },
		{ "f.llvm.1.llvm.2", "f.llvm.1" },
		{ "f.part.1.part.2", "f.part.1" },
		{ ".", "." },
		{ "f.partial.1", "f.partial.1" },
	};

	for (size_t i = 0; i < array_size(names); i++)
		if (function_canonical_bytes(names[i][0], strlen(names[i][0])) !=
		    strlen(names[i][1]))
			fail_msg("%s: %zu bytes", names[i][0],
				 function_canonical_bytes(names[i][0], strlen(names[i][0])));
}

/* Unit ranges and .debug_aranges */

static void expect_unit(struct fixture *f, uint64_t off, size_t unit, uint64_t hi)
{
	uint64_t found_hi;

	assert_int_equal(unit_map_find(&f->x.symbols->units, TEXT_VADDR + off, &found_hi), unit);
	assert_true(found_hi == (hi == UINT64_MAX ? hi : TEXT_VADDR + hi));
}

static void units(struct fixture *f, const uint64_t (*ranges)[2], size_t n)
{
	example_init(&f->x);
	f->text = example_nops(&f->x, 0x100);
	for (size_t i = 0; i < n; i++) {
		example_unit(&f->x, ranges[i][0], ranges[i][1], 0);
		example_unit_end(&f->x);
	}
}

static void test_unit_map_gaps_and_borders_are_known(void **state)
{
	static const uint64_t ranges[][2] = {
		{ 0x20, 0x30 }, { 0, 0x10 }, { 0x30, 0x40 }, { 8, 8 }
	};
	struct fixture f;

	units(&f, ranges, array_size(ranges));
	example_load(&f.x);
	expect_unit(&f, 0, 1, 0x10);
	expect_unit(&f, 0x10, DWARF_NO_UNIT, 0x20);
	expect_unit(&f, 0x2f, 0, 0x30);
	expect_unit(&f, 0x30, 2, 0x40);
	expect_unit(&f, 0x40, DWARF_NO_UNIT, UINT64_MAX);
	example_deinit(&f.x);
}

static void test_unit_map_unit_goes_on_as_long_as_it_is_open(void **state)
{
	/* at 0x10 both 0 and 2 are open: 2 goes on; at 0x20 it ends and 0 follows */
	static const uint64_t ranges[][2] = { { 0x10, 0x40 }, { 0x18, 0x30 }, { 0, 0x20 } };
	struct fixture f;

	units(&f, ranges, array_size(ranges));
	example_load(&f.x);
	expect_unit(&f, 0, 2, 0x20);
	expect_unit(&f, 0x1f, 2, 0x20);
	expect_unit(&f, 0x20, 0, 0x40);
	example_deinit(&f.x);
}

static void put_arange_set(struct dwarf_writer *d, uint32_t unit_off, const uint64_t (*ranges)[2],
			   size_t n)
{
	buf_u32(&d->aranges, (uint32_t)(12 + 16 * (n + 1)));
	buf_u16(&d->aranges, 2);
	buf_u32(&d->aranges, unit_off);
	buf_u8(&d->aranges, 8);
	buf_u8(&d->aranges, 0);
	buf_u32(&d->aranges, 0); /* to a multiple of 16 */
	for (size_t i = 0; i < n; i++) {
		buf_u64(&d->aranges, TEXT_VADDR + ranges[i][0]);
		buf_u64(&d->aranges, ranges[i][1] - ranges[i][0]);
	}
	buf_u64(&d->aranges, 0);
	buf_u64(&d->aranges, 0);
}

static void test_unit_map_set_replaces_what_the_unit_says(void **state)
{
	static const uint64_t ranges[][2] = { { 0, 0x10 }, { 0x10, 0x20 }, { 0x20, 0x30 } };
	static const uint64_t set[][2] = { { 0x40, 0x48 }, { 0x44, 0x44 }, { 0x50, 0x60 } };
	struct fixture f;
	size_t second;

	units(&f, ranges, 1);
	second = f.x.dwarf.info.n_bytes;
	example_unit(&f.x, 0x10, 0x20, 0);
	example_unit_end(&f.x);
	example_unit(&f.x, 0x20, 0x30, 0);
	example_unit_end(&f.x);
	put_arange_set(&f.x.dwarf, (uint32_t)second, set, array_size(set));
	put_arange_set(&f.x.dwarf, 12345, set, array_size(set)); /* of no unit */
	put_arange_set(&f.x.dwarf, 0, set, 0); /* a set without code says: no code */
	example_load(&f.x);
	expect_unit(&f, 0, DWARF_NO_UNIT, 0x20);
	expect_unit(&f, 0x20, 2, 0x30);
	expect_unit(&f, 0x40, 1, 0x48);
	expect_unit(&f, 0x48, DWARF_NO_UNIT, 0x50);
	expect_unit(&f, 0x50, 1, 0x60);
	example_deinit(&f.x);
}

/* The sweep by its rule, address by address. */
static void test_unit_map_random_ranges_equal_a_naive_sweep(void **state)
{
	uint64_t seed = 4711;

	for (int round = 0; round < 300; round++) {
		uint64_t ranges[12][2];
		size_t previous = DWARF_NO_UNIT;
		struct fixture f;

		for (size_t i = 0; i < 12; i++) {
			ranges[i][0] = example_random(&seed, 0x80);
			ranges[i][1] = ranges[i][0] + example_random(&seed, 0x30);
		}
		units(&f, ranges, 12);
		example_load(&f.x);
		for (uint64_t off = 0; off < 0x100; off++) {
			size_t unit = DWARF_NO_UNIT;
			uint64_t hi;

			for (size_t i = 12; i-- > 0;)
				if (ranges[i][0] <= off && off < ranges[i][1])
					unit = i;
			if (previous != DWARF_NO_UNIT && ranges[previous][0] <= off &&
			    off < ranges[previous][1])
				unit = previous;
			assert_int_equal(unit_map_find(&f.x.symbols->units, TEXT_VADDR + off, &hi),
					 unit);
			assert_true(hi > TEXT_VADDR + off);
			previous = unit;
		}
		example_deinit(&f.x);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_functions_statics_of_one_name_are_one_function),
		cmocka_unit_test(test_functions_first_at_an_address_wins_but_both_have_the_range),
		cmocka_unit_test(test_functions_below_the_preferred_base_and_empty_ones_are_none),
		cmocka_unit_test(test_functions_inner_range_hides_the_outer_one),
		cmocka_unit_test(test_functions_entry_is_a_start_with_a_symbol),
		cmocka_unit_test(test_functions_symbol_in_an_inner_range_is_not_the_outer_ones),
		cmocka_unit_test(test_functions_canonical_names_lose_llvm_and_part),
		cmocka_unit_test(test_unit_map_gaps_and_borders_are_known),
		cmocka_unit_test(test_unit_map_unit_goes_on_as_long_as_it_is_open),
		cmocka_unit_test(test_unit_map_set_replaces_what_the_unit_says),
		cmocka_unit_test(test_unit_map_random_ranges_equal_a_naive_sweep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
