/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "symbolize/insn.h"
#include "symbolize/text.h"
#include "symbolize_example.h"

struct fixture {
	struct example x;
	struct text *text;
};

static void open_text(struct fixture *f)
{
	assert_int_equal(text_new(&f->text, example_open(&f->x)), 0);
}

static void close_text(struct fixture *f)
{
	text_free(f->text);
	example_deinit(&f->x);
}

static void test_text_decodes_only_the_intervals_that_are_asked_about(void **state)
{
	static const uint8_t code[] = { 0x90, 0x90, 0xc3, 0x90, 0x55, 0xc3, 0x90, 0x90 };
	struct fixture f;
	unsigned int text;

	example_init_bare(&f.x);
	text = example_text(&f.x, ".text", TEXT_VADDR, code, sizeof(code));
	elf_symbol(&f.x.elf, "a", text, TEXT_VADDR);
	elf_symbol(&f.x.elf, "b", text, TEXT_VADDR + 3);
	elf_symbol(&f.x.elf, "c", text, TEXT_VADDR + 6);
	open_text(&f);
	assert_int_equal(text_stats(f.text).n_intervals, 3);
	assert_int_equal(text_stats(f.text).n_decoded, 0);
	assert_true(text_is_insn(f.text, TEXT_VADDR + 4));
	assert_int_equal(text_stats(f.text).n_decoded, 1);
	assert_int_equal(text_stats(f.text).n_insns, 3);
	assert_true(text_next_barrier(f.text, TEXT_VADDR, TEXT_VADDR + 5) == TEXT_VADDR + 2);
	assert_true(text_is_insn(f.text, TEXT_VADDR));
	assert_int_equal(text_stats(f.text).n_decoded, 2);
	assert_true(text_next_barrier(f.text, TEXT_VADDR + 6, UINT64_MAX) == UINT64_MAX);
	assert_int_equal(text_stats(f.text).n_decoded, 3);
	assert_int_equal(text_stats(f.text).n_insns, sizeof(code));
	close_text(&f);
}

/* movabs over the symbol "inside", at which another stream begins. */
static void test_text_symbol_inside_an_instruction_gives_both_streams(void **state)
{
	static const uint8_t code[] = { 0x48, 0xb8, 0x90, 0x90, 0x90, 0xc3,
					0x90, 0x90, 0x90, 0x90, 0xc3 };
	struct fixture f;
	struct text_sum sum;
	unsigned int text;

	example_init_bare(&f.x);
	text = example_text(&f.x, ".text", TEXT_VADDR, code, sizeof(code));
	elf_symbol(&f.x.elf, "outer", text, TEXT_VADDR);
	elf_symbol(&f.x.elf, "inside", text, TEXT_VADDR + 4);
	open_text(&f);
	assert_int_equal(text_insn_bytes(f.text, TEXT_VADDR), 10);
	assert_false(text_is_insn(f.text, TEXT_VADDR + 2));
	assert_int_equal(text_insn_bytes(f.text, TEXT_VADDR + 4), 1);
	assert_true(text_is_insn(f.text, TEXT_VADDR + 9));
	assert_true(text_next_barrier(f.text, TEXT_VADDR, TEXT_VADDR + 11) == TEXT_VADDR + 5);
	sum = text_sum_insns(f.text, TEXT_VADDR, TEXT_VADDR + 11);
	assert_int_equal(sum.n_insns, 8);
	assert_int_equal(sum.n_bytes, 17);
	close_text(&f);
}

static void test_text_before_the_first_symbol_is_no_code(void **state)
{
	static const uint8_t code[] = { 0x90, 0xc3, 0x90, 0x90 };
	struct fixture f;
	unsigned int text, other;

	example_init_bare(&f.x);
	text = example_text(&f.x, ".text", TEXT_VADDR, code, sizeof(code));
	other = example_text(&f.x, ".fixup", TEXT_VADDR + 0x100, code, sizeof(code));
	elf_symbol(&f.x.elf, "f", text, TEXT_VADDR + 2);
	open_text(&f);
	assert_int_not_equal(other, text);
	assert_false(text_is_insn(f.text, TEXT_VADDR));
	assert_false(text_is_insn(f.text, TEXT_VADDR + 1));
	assert_true(text_is_insn(f.text, TEXT_VADDR + 2));
	assert_false(text_is_insn(f.text, TEXT_VADDR + 4));
	assert_false(text_is_insn(f.text, TEXT_VADDR + 0x100));
	assert_false(text_is_insn(f.text, 0));
	assert_false(text_is_insn(f.text, UINT64_MAX));
	assert_int_equal(text_sum_insns(f.text, 0, UINT64_MAX).n_insns, 2);
	close_text(&f);
}

static void test_text_symbols_outside_their_section_are_clamped(void **state)
{
	static const uint8_t code[] = { 0x90, 0x90, 0x90, 0x90 };
	struct fixture f;
	unsigned int text;

	example_init_bare(&f.x);
	text = example_text(&f.x, ".text", TEXT_VADDR, code, sizeof(code));
	elf_symbol(&f.x.elf, "below", text, TEXT_VADDR - 100);
	elf_symbol(&f.x.elf, "far below", text, 0);
	elf_symbol(&f.x.elf, "above", text, TEXT_VADDR + 100);
	elf_symbol(&f.x.elf, "far above", text, UINT64_MAX);
	open_text(&f);
	/* the interval of "below" reaches into the section and covers it */
	assert_true(text_is_insn(f.text, TEXT_VADDR));
	assert_int_equal(text_sum_insns(f.text, 0, UINT64_MAX).n_insns, 4);
	assert_int_equal(text_stats(f.text).n_insns, 4);
	close_text(&f);
}

static void test_text_garbage_is_stepped_over(void **state)
{
	static const uint8_t code[] = { 0x90, 0x06, 0x06, 0xc3, 0xe8 };
	struct fixture f;
	struct text_sum sum;
	unsigned int text;

	example_init_bare(&f.x);
	text = example_text(&f.x, ".text", TEXT_VADDR, code, sizeof(code));
	elf_symbol(&f.x.elf, "f", text, TEXT_VADDR);
	open_text(&f);
	sum = text_sum_insns(f.text, TEXT_VADDR, TEXT_VADDR + 5);
	assert_int_equal(sum.n_insns, 2);
	assert_int_equal(sum.n_bytes, 2);
	assert_int_equal(text_stats(f.text).n_undecodable_bytes, 3);
	assert_int_equal(text_insn_bytes(f.text, TEXT_VADDR + 1), 0);
	assert_true(text_next_barrier(f.text, TEXT_VADDR, TEXT_VADDR + 5) == TEXT_VADDR + 3);
	close_text(&f);
}

static void test_text_barriers_are_found_across_sections(void **state)
{
	static const uint8_t nops[] = { 0x90, 0x90 }, ret[] = { 0x90, 0xc3 };
	struct fixture f;
	unsigned int a, b;

	example_init_bare(&f.x);
	b = example_text(&f.x, ".later", TEXT_VADDR + 0x1000, ret, sizeof(ret));
	a = example_text(&f.x, ".text", TEXT_VADDR, nops, sizeof(nops));
	elf_symbol(&f.x.elf, "b", b, TEXT_VADDR + 0x1000);
	elf_symbol(&f.x.elf, "a", a, TEXT_VADDR);
	open_text(&f);
	assert_true(text_next_barrier(f.text, TEXT_VADDR, TEXT_VADDR + 0x1001) == UINT64_MAX);
	assert_true(text_next_barrier(f.text, TEXT_VADDR, TEXT_VADDR + 0x1002) ==
		    TEXT_VADDR + 0x1001);
	assert_true(text_next_barrier(f.text, TEXT_VADDR + 0x1001, TEXT_VADDR + 0x1001) ==
		    UINT64_MAX);
	assert_int_equal(text_sum_insns(f.text, TEXT_VADDR + 1, TEXT_VADDR + 0x1001).n_insns, 2);
	close_text(&f);
}

static void test_text_previous_instruction_is_the_nearest_below(void **state)
{
	static const uint8_t code[] = { 0x90, 0xe8, 0, 0, 0, 0, 0x90 };
	struct fixture f;
	unsigned int text;

	example_init_bare(&f.x);
	text = example_text(&f.x, ".text", TEXT_VADDR, code, sizeof(code));
	elf_symbol(&f.x.elf, "f", text, TEXT_VADDR);
	open_text(&f);
	assert_true(text_previous_insn(f.text, TEXT_VADDR + 6, TEXT_VADDR) == TEXT_VADDR + 1);
	assert_true(text_previous_insn(f.text, TEXT_VADDR + 6, TEXT_VADDR + 1) == TEXT_VADDR + 1);
	assert_true(text_previous_insn(f.text, TEXT_VADDR + 6, TEXT_VADDR + 2) == UINT64_MAX);
	assert_true(text_previous_insn(f.text, TEXT_VADDR + 1, 0) == TEXT_VADDR);
	assert_true(text_previous_insn(f.text, TEXT_VADDR, 0) == UINT64_MAX);
	assert_true(text_previous_insn(f.text, TEXT_VADDR + 7, TEXT_VADDR) == TEXT_VADDR + 6);
	assert_true(text_previous_insn(f.text, 0, 0) == UINT64_MAX);
	close_text(&f);
}

/* Overlapping sections are in no linked image; the first at an address has it. */
static void test_text_overlapping_sections_are_left_out(void **state)
{
	static const uint8_t code[8] = { 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90 };
	struct fixture f;
	unsigned int a, b;

	example_init_bare(&f.x);
	a = example_text(&f.x, ".a", TEXT_VADDR, code, 8);
	b = example_text(&f.x, ".b", TEXT_VADDR + 4, code, 8);
	elf_symbol(&f.x.elf, "a", a, TEXT_VADDR);
	elf_symbol(&f.x.elf, "b", b, TEXT_VADDR + 4);
	open_text(&f);
	assert_int_equal(text_sum_insns(f.text, 0, UINT64_MAX).n_insns, 8);
	assert_false(text_is_insn(f.text, TEXT_VADDR + 8));
	close_text(&f);
}

/* Random bytes, many of them real instructions, with symbols anywhere. */
static void add_random_section(struct fixture *f, const char *name, uint64_t vaddr, uint64_t *seed)
{
	static const uint8_t common[] = {
		0x90, 0xc3, 0x48, 0xe8, 0xb8, 0x0f, 0x74, 0x06, 0xf0, 0x66
	};
	size_t n = example_random(seed, 200) + 1;
	unsigned int text = example_text(&f->x, name, vaddr, NULL, 0);

	for (size_t i = 0; i < n; i++)
		buf_u8(elf_data(&f->x.elf, text),
		       example_random(seed, 3) ? common[example_random(seed, sizeof(common))]
					       : (uint8_t)example_random(seed, 256));
	for (uint64_t i = example_random(seed, 8); i > 0; i--)
		elf_symbol(&f->x.elf, "s", text, vaddr + example_random(seed, n + 20) - 10);
}

struct naive {
	uint8_t *lengths; /* by address from TEXT_VADDR: 0 is no instruction */
	bool *is_barrier;
};

#define SPAN 1200

/* The instruction table by its definition: each interval of each section, decoded alone. */
static void naive_decode(const struct image *image, struct naive *naive)
{
	for (size_t t = 0; t < image->n_text; t++) {
		const struct image_section *s = &image->text[t];

		for (size_t i = s->first_symbol; i < s->first_symbol + s->n_symbols; i++) {
			int64_t off = (int64_t)(image->symbols[i].vaddr - s->vaddr);
			int64_t end = i + 1 < s->first_symbol + s->n_symbols
					      ? (int64_t)(image->symbols[i + 1].vaddr - s->vaddr)
					      : (int64_t)s->n_bytes;

			off = off < 0 ? 0 : off;
			end = end > (int64_t)s->n_bytes ? (int64_t)s->n_bytes : end;
			while (off < end) {
				struct insn insn = insn_decode(image->machine, s->bytes + off,
							       s->n_bytes - (size_t)off);
				size_t at = s->vaddr - TEXT_VADDR + (size_t)off;

				naive->lengths[at] = insn.n_bytes;
				naive->is_barrier[at] = insn.n_bytes && insn.is_barrier;
				off += insn.n_bytes ? insn.n_bytes : 1;
			}
		}
	}
}

static void compare_span(struct fixture *f, const struct naive *naive, uint64_t lo, uint64_t hi)
{
	struct text_sum expected = { 0 }, sum;
	uint64_t barrier = UINT64_MAX, previous = UINT64_MAX;

	for (uint64_t a = lo; a < hi; a++) {
		uint64_t off = a - TEXT_VADDR;

		if (off >= SPAN || !naive->lengths[off])
			continue;
		expected.n_insns++;
		expected.n_bytes += naive->lengths[off];
		if (barrier == UINT64_MAX && naive->is_barrier[off])
			barrier = a;
	}
	sum = text_sum_insns(f->text, lo, hi);
	assert_int_equal(sum.n_insns, expected.n_insns);
	assert_int_equal(sum.n_bytes, expected.n_bytes);
	assert_true(text_next_barrier(f->text, lo, hi) == barrier);
	/* within one section, so that "nearest" needs no rule for gaps */
	for (uint64_t a = hi; a-- > lo && previous == UINT64_MAX;) {
		if (a - TEXT_VADDR >= SPAN)
			continue;
		if (naive->lengths[a - TEXT_VADDR])
			previous = a;
	}
	if (text_previous_insn(f->text, hi, lo) != UINT64_MAX)
		assert_true(text_previous_insn(f->text, hi, lo) == previous);
}

static void test_text_random_images_equal_a_naive_table(void **state)
{
	uint64_t seed = 20240607;

	for (int round = 0; round < 400; round++) {
		uint8_t lengths[SPAN] = { 0 };
		bool is_barrier[SPAN] = { false };
		struct naive naive = { lengths, is_barrier };
		struct fixture f;

		example_init_bare(&f.x);
		add_random_section(&f, ".b", TEXT_VADDR + 250 + 150 * example_random(&seed, 2),
				   &seed);
		add_random_section(&f, ".a", TEXT_VADDR, &seed);
		add_random_section(&f, ".c", TEXT_VADDR + 700, &seed);
		open_text(&f);
		naive_decode(f.x.image, &naive);
		for (int i = 0; i < 40; i++) {
			uint64_t lo = TEXT_VADDR + example_random(&seed, SPAN);

			compare_span(&f, &naive, lo, lo + example_random(&seed, 300));
		}
		for (uint64_t a = 0; a < SPAN; a++)
			assert_int_equal(text_insn_bytes(f.text, TEXT_VADDR + a), lengths[a]);
		compare_span(&f, &naive, TEXT_VADDR, TEXT_VADDR + SPAN);
		close_text(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_decodes_only_the_intervals_that_are_asked_about),
		cmocka_unit_test(test_text_symbol_inside_an_instruction_gives_both_streams),
		cmocka_unit_test(test_text_before_the_first_symbol_is_no_code),
		cmocka_unit_test(test_text_symbols_outside_their_section_are_clamped),
		cmocka_unit_test(test_text_garbage_is_stepped_over),
		cmocka_unit_test(test_text_barriers_are_found_across_sections),
		cmocka_unit_test(test_text_previous_instruction_is_the_nearest_below),
		cmocka_unit_test(test_text_overlapping_sections_are_left_out),
		cmocka_unit_test(test_text_random_images_equal_a_naive_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
