/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include "symbolize/unit_frames.h"
#include "symbolize_example.h"

struct fixture {
	struct example x;
	struct unit_frames uf;
};

static void begin(struct fixture *f)
{
	*f = (struct fixture){ 0 };
	example_init(&f->x);
	example_nops(&f->x, 0x100);
	dwarf_lines_begin(&f->x.dwarf, 4, 1);
	dwarf_line_set_address(&f->x.dwarf, TEXT_VADDR);
	dwarf_line_row(&f->x.dwarf, 0, 19); /* line 20 */
	dwarf_line_discriminator(&f->x.dwarf, 5);
	dwarf_line_row(&f->x.dwarf, 0x50, 10); /* line 30 */
	dwarf_line_op(&f->x.dwarf, DW_LNS_advance_pc, 0xb0);
	dwarf_line_end_sequence(&f->x.dwarf);
	dwarf_lines_end(&f->x.dwarf);
	example_unit(&f->x, 0, 0x100, 0);
}

static void load(struct fixture *f)
{
	struct symbols *s;

	example_unit_end(&f->x);
	s = example_load(&f->x);
	unit_frames_init(&f->uf, &s->dwarf, s->names);
	assert_int_equal(unit_frames_load(&f->uf, 0), 0);
}

static void end(struct fixture *f)
{
	unit_frames_deinit(&f->uf);
	example_deinit(&f->x);
}

/* "name:line_off.disc" of each frame, root first, and where the location ends */
static void check(struct fixture *f, uint64_t off, const char *expected, uint64_t hi)
{
	struct location location = unit_frames_find(&f->uf, TEXT_VADDR + off);
	struct frame frames[N_FRAMES_MAX];
	char text[400] = "";
	size_t n;

	assert_int_equal(unit_frames_chain(&f->uf, &location, frames, &n), 0);
	for (size_t i = 0; i < n; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s:%u.%u",
			 i ? " " : "", names_get(f->uf.names, frames[i].name).text,
			 frames[i].line_off, frames[i].discriminator);
	assert_string_equal(text, expected);
	assert_int_equal(location.hi_vaddr - TEXT_VADDR, hi);
}

static void test_unit_frames_chain_is_root_first_with_call_places(void **state)
{
	struct fixture f;
	size_t a, b;

	begin(&f);
	a = example_abstract(&f.x, "a", 3);
	b = example_abstract(&f.x, "b", 7);
	example_function(&f.x, "root", 0, 0x80, 10);
	example_inlined(&f.x, a, 0x10, 0x60, 12, 2);
	example_begin_die(&f.x, EXAMPLE_BLOCK);
	example_inlined(&f.x, b, 0x20, 0x30, 5, 0);
	example_end(&f.x);
	example_end(&f.x);
	example_end(&f.x);
	example_end(&f.x);
	load(&f);
	check(&f, 0, "root:10.0", 0x10);
	check(&f, 0x10, "root:2.2 a:17.0", 0x20);
	check(&f, 0x2f, "root:2.2 a:2.0 b:13.0", 0x30);
	check(&f, 0x30, "root:2.2 a:17.0", 0x50);
	check(&f, 0x50, "root:2.2 a:27.5", 0x60);
	check(&f, 0x60, "root:20.5", 0x80);
	check(&f, 0x80, "", 0x100);
	end(&f);
}

static void test_unit_frames_line_offset_has_16_bits(void **state)
{
	struct fixture f;

	begin(&f);
	example_function(&f.x, "late", 0, 0x50, 25);
	example_end(&f.x);
	example_function(&f.x, "no line", 0x50, 0x60, 0);
	example_end(&f.x);
	load(&f);
	check(&f, 0, "late:65531.0", 0x50);
	check(&f, 0x50, "no line:30.5", 0x60);
	end(&f);
}

/* Folded functions: the later DIE has the whole range. */
static void test_unit_frames_later_of_equal_ranges_wins(void **state)
{
	struct fixture f;
	size_t a;

	begin(&f);
	a = example_abstract(&f.x, "a", 1);
	example_function(&f.x, "first", 0, 0x40, 20);
	example_inlined(&f.x, a, 0x10, 0x20, 1, 0);
	example_end(&f.x);
	example_end(&f.x);
	example_function(&f.x, "second", 0, 0x40, 20);
	example_end(&f.x);
	load(&f);
	check(&f, 0, "second:0.0", 0x10);
	/* an entry that starts strictly inside stays */
	check(&f, 0x10, "first:65517.0 a:19.0", 0x20);
	/* behind it the first, whose remainder was an entry of its own, is left as well */
	check(&f, 0x20, "first:0.0", 0x40);
	end(&f);
}

static void test_unit_frames_overlaps_are_cut_as_by_llvm(void **state)
{
	struct fixture f;

	begin(&f);
	example_function(&f.x, "wide", 0, 0x40, 20);
	example_end(&f.x);
	example_function(&f.x, "middle", 0x10, 0x20, 20);
	example_end(&f.x);
	example_function(&f.x, "tail", 0x30, 0x48, 20); /* over the end of the remainder */
	example_end(&f.x);
	example_function(&f.x, "front", 0, 0x8, 20); /* from the start: the rest remains */
	example_end(&f.x);
	load(&f);
	check(&f, 0, "front:0.0", 8);
	check(&f, 8, "wide:0.0", 0x10);
	check(&f, 0x10, "middle:0.0", 0x20);
	check(&f, 0x20, "wide:0.0", 0x30);
	check(&f, 0x30, "tail:0.0", 0x48);
	check(&f, 0x48, "", 0x50);
	end(&f);
}

static void test_unit_frames_code_in_parts_is_all_there(void **state)
{
	struct fixture f;
	size_t a;

	begin(&f);
	a = example_abstract(&f.x, "a", 1);
	example_begin_die(&f.x, EXAMPLE_FUNCTION_IN_PARTS);
	example_name_of_die(&f.x.dwarf.info, "parts");
	buf_u32(&f.x.dwarf.info, 0);
	buf_uleb(&f.x.dwarf.info, 20);
	example_begin_die(&f.x, EXAMPLE_INLINED_IN_PARTS);
	buf_u32(&f.x.dwarf.info, (uint32_t)(a - f.x.dwarf.unit_off));
	buf_u32(&f.x.dwarf.info, 48);
	buf_uleb(&f.x.dwarf.info, 21);
	buf_uleb(&f.x.dwarf.info, 0);
	example_end(&f.x);
	example_end(&f.x);
	/* offsets from the unit's low_pc, then a base of its own; the empty one is none */
	for (size_t i = 0; i < 2; i++) {
		static const uint64_t ranges[2][6] = { { 0, 0x20, 0x30, 0x40, 0x44, 0x44 },
						       { 0x8, 0x10, 0x38, 0x40, 0x50, 0x50 } };

		for (size_t k = 0; k < 6; k++)
			buf_u64(&f.x.dwarf.ranges, ranges[i][k]);
		if (i == 0)
			f.x.dwarf.ranges.n_bytes -= 16;
		buf_u64(&f.x.dwarf.ranges, 0);
		buf_u64(&f.x.dwarf.ranges, 0);
	}
	load(&f);
	check(&f, 0, "parts:0.0", 8);
	check(&f, 8, "parts:1.0 a:19.0", 0x10);
	check(&f, 0x10, "parts:0.0", 0x20);
	check(&f, 0x20, "", 0x30);
	check(&f, 0x30, "parts:0.0", 0x38);
	check(&f, 0x38, "parts:1.0 a:19.0", 0x40);
	end(&f);
}

/* The name of a nameless frame is not known, nor then what is inlined in it. */
static void test_unit_frames_end_before_a_frame_without_name(void **state)
{
	struct fixture f;
	size_t a;

	begin(&f);
	a = example_abstract(&f.x, "a", 1);
	example_function(&f.x, "root", 0, 0x40, 20);
	example_inlined(&f.x, 0xffff, 0x10, 0x30, 22, 0); /* refers to nothing */
	example_inlined(&f.x, a, 0x18, 0x20, 4, 0);
	example_end(&f.x);
	example_end(&f.x);
	example_end(&f.x);
	load(&f);
	check(&f, 0x10, "root:2.0", 0x18);
	check(&f, 0x18, "root:2.0", 0x20);
	end(&f);
}

static void test_unit_frames_nested_subprogram_ends_the_chain(void **state)
{
	struct fixture f;

	begin(&f);
	example_function(&f.x, "outer", 0, 0x40, 20);
	example_function(&f.x, "inner", 0x10, 0x20, 20);
	example_end(&f.x);
	example_end(&f.x);
	load(&f);
	check(&f, 0x10, "inner:0.0", 0x20);
	check(&f, 0x20, "outer:0.0", 0x40);
	end(&f);
}

static void test_unit_frames_chain_that_is_too_deep_is_counted(void **state)
{
	for (uint64_t depth = N_FRAMES_MAX - 1; depth <= N_FRAMES_MAX; depth++) {
		struct frame frames[N_FRAMES_MAX];
		struct location location;
		struct fixture f;
		size_t a, n;

		begin(&f);
		a = example_abstract(&f.x, "a", 1);
		example_function(&f.x, "root", 0, 0x40, 20);
		for (uint64_t i = 0; i < depth; i++)
			example_inlined(&f.x, a, 0, 0x40, 20, 0);
		for (uint64_t i = 0; i <= depth; i++)
			example_end(&f.x);
		load(&f);
		location = unit_frames_find(&f.uf, TEXT_VADDR);
		assert_int_equal(unit_frames_chain(&f.uf, &location, frames, &n), 0);
		assert_int_equal(n, depth < N_FRAMES_MAX ? N_FRAMES_MAX : 0);
		assert_int_equal(f.uf.n_too_deep, depth < N_FRAMES_MAX ? 0 : 1);
		end(&f);
	}
}

static void test_unit_frames_damage_leaves_what_was_before_it(void **state)
{
	struct fixture f;

	begin(&f);
	example_function(&f.x, "good", 0, 0x40, 20);
	example_end(&f.x);
	buf_uleb(&f.x.dwarf.info, 99); /* no such abbreviation */
	load(&f);
	check(&f, 0, "good:0.0", 0x40);
	/* counted by the pass over all functions, and by this one */
	assert_int_equal(f.x.symbols->dwarf.stats.n_units_damaged, 2);
	assert_string_equal(f.x.symbols->dwarf.first_damage.text,
			    "dwarf: unit at 0x0: damaged entries");
	end(&f);
}

/* The rule for innermost DIEs, word by word, over single addresses (an array instead of a map). */
struct naive_entry {
	uint64_t lo, hi;
	uint32_t node;
	bool is_used;
};

#define N_RANDOM_DIES 24

static struct naive_entry *naive_below(struct naive_entry *m, uint64_t lo)
{
	struct naive_entry *best = NULL;

	for (size_t i = 0; i < 4 * N_RANDOM_DIES; i++)
		if (m[i].is_used && m[i].lo <= lo && (!best || m[i].lo > best->lo))
			best = &m[i];
	return best;
}

static void naive_put(struct naive_entry *m, uint64_t lo, uint64_t hi, uint32_t node)
{
	size_t i = 0;

	while (i < 4 * N_RANDOM_DIES && m[i].is_used && m[i].lo != lo)
		i++;
	for (size_t k = i; k < 4 * N_RANDOM_DIES; k++)
		if (m[k].is_used && m[k].lo == lo)
			i = k;
	m[i] = (struct naive_entry){ lo, hi, node, true };
}

static void naive_claim(struct naive_entry *m, uint64_t lo, uint64_t hi, uint32_t node)
{
	struct naive_entry *p = naive_below(m, lo);

	if (p && lo < p->hi) {
		if (hi < p->hi)
			naive_put(m, hi, p->hi, p->node);
		if (lo > p->lo)
			p->hi = lo;
	}
	naive_put(m, lo, hi, node);
}

/* Its end is an address, so that it may lie before the start. */
static void put_function_to(struct fixture *f, uint64_t lo, uint64_t hi)
{
	buf_uleb(&f->x.dwarf.info, N_EXAMPLE_ABBREVS);
	buf_u64(&f->x.dwarf.info, TEXT_VADDR + lo);
	buf_u64(&f->x.dwarf.info, TEXT_VADDR + hi);
}

/* In every second round some ranges run backwards. */
static void test_unit_frames_random_ranges_equal_a_naive_map(void **state)
{
	uint64_t seed = 77;

	for (int round = 0; round < 300; round++) {
		struct naive_entry m[4 * N_RANDOM_DIES] = { 0 };
		struct fixture f;

		begin(&f);
		f.x.dwarf.abbrev.n_bytes--;
		dwarf_abbrev(&f.x.dwarf, N_EXAMPLE_ABBREVS, DW_TAG_subprogram, 0, DW_AT_low_pc,
			     DW_FORM_addr, DW_AT_high_pc, DW_FORM_addr, 0);
		buf_u8(&f.x.dwarf.abbrev, 0);
		for (uint32_t node = 0; node < N_RANDOM_DIES; node++) {
			uint64_t lo = example_random(&seed, 0x60);
			uint64_t hi = lo + example_random(&seed, 0x30);

			if (round % 2 && hi >= lo + 0x10)
				hi = lo - example_random(&seed, lo + 1);
			put_function_to(&f, lo, hi);
			if (hi != lo)
				naive_claim(m, lo, hi, node);
		}
		load(&f);
		for (uint64_t off = 0; off < 0xa0; off++) {
			struct naive_entry *p = naive_below(m, off);
			struct location l = unit_frames_find(&f.uf, TEXT_VADDR + off), next;

			assert_int_equal(l.node, p && off < p->hi ? p->node : NODE_NONE);
			/* up to its end nothing changes */
			assert_true(l.hi_vaddr > TEXT_VADDR + off);
			next = unit_frames_find(&f.uf, l.hi_vaddr - 1);
			assert_int_equal(next.node, l.node);
			assert_int_equal(next.line, l.line);
			assert_int_equal(next.disc, l.disc);
		}
		end(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unit_frames_chain_is_root_first_with_call_places),
		cmocka_unit_test(test_unit_frames_line_offset_has_16_bits),
		cmocka_unit_test(test_unit_frames_later_of_equal_ranges_wins),
		cmocka_unit_test(test_unit_frames_overlaps_are_cut_as_by_llvm),
		cmocka_unit_test(test_unit_frames_code_in_parts_is_all_there),
		cmocka_unit_test(test_unit_frames_end_before_a_frame_without_name),
		cmocka_unit_test(test_unit_frames_nested_subprogram_ends_the_chain),
		cmocka_unit_test(test_unit_frames_chain_that_is_too_deep_is_counted),
		cmocka_unit_test(test_unit_frames_damage_leaves_what_was_before_it),
		cmocka_unit_test(test_unit_frames_random_ranges_equal_a_naive_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
