/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "symbolize/insn.h"
#include "symbolize/live_text.h"
#include "symbolize/text.h"
#include "symbolize_example.h"

/* Sections lie across the border of two pages, so that each half can be live alone. */
#define BORDER (TEXT_VADDR + LIVE_TEXT_PAGE_BYTES)

struct fixture {
	struct example x;
	struct text *text;
	struct live_text *live;
};

/* One function of that code, at vaddr. */
static void open_code(struct fixture *f, uint64_t vaddr, const uint8_t *code, size_t n_bytes)
{
	unsigned int text;

	*f = (struct fixture){ 0 };
	example_init_bare(&f->x);
	text = example_text(&f->x, ".text", vaddr, code, n_bytes);
	elf_symbol(&f->x.elf, "f", text, vaddr);
	assert_int_equal(text_new(&f->text, example_open(&f->x)), 0);
	assert_int_equal(live_text_new(&f->live, 1 << 20), 0);
}

static void set_live(struct fixture *f, uint64_t vaddr, const uint8_t *code, size_t n_bytes)
{
	assert_int_equal(live_text_add(f->live, vaddr, code, n_bytes), 0);
	text_set_live(f->text, f->live);
}

static void close_code(struct fixture *f)
{
	text_free(f->text);
	live_text_free(f->live);
	example_deinit(&f->x);
}

static void test_text_live_jump_that_is_a_nop_today_is_passed(void **state)
{
	static const uint8_t file[] = { 0x90, 0xeb, 0x01, 0x90, 0xc3 };
	static const uint8_t live[] = { 0x90, 0x66, 0x90, 0x90, 0xc3 };
	struct fixture f;

	open_code(&f, TEXT_VADDR, file, sizeof(file));
	assert_true(text_next_barrier(f.text, TEXT_VADDR, TEXT_VADDR + 5) == TEXT_VADDR + 1);
	assert_true(text_is_branch(f.text, TEXT_VADDR + 1));
	assert_false(text_is_live(f.text, TEXT_VADDR + 1));
	set_live(&f, TEXT_VADDR, live, sizeof(live));
	assert_true(text_next_barrier(f.text, TEXT_VADDR, TEXT_VADDR + 5) == TEXT_VADDR + 4);
	assert_false(text_is_branch(f.text, TEXT_VADDR + 1));
	assert_true(text_is_live(f.text, TEXT_VADDR + 1));
	text_set_live(f.text, NULL);
	assert_true(text_next_barrier(f.text, TEXT_VADDR, TEXT_VADDR + 5) == TEXT_VADDR + 1);
	assert_int_equal(text_stats(f.text).n_decoded, 1);
	assert_int_equal(text_stats(f.text).n_intervals, 1);
	close_code(&f);
}

/* call of 5 bytes, replaced by two instructions and padding. */
static void test_text_live_instructions_of_a_replaced_sequence_are_code(void **state)
{
	static const uint8_t file[] = { 0x90, 0xe8, 0, 0, 0, 0, 0xc3 };
	static const uint8_t live[] = { 0x90, 0x0f, 0xae, 0xe8, 0xff, 0xd0, 0xc3 };
	struct fixture f;
	struct text_sum sum;

	open_code(&f, TEXT_VADDR, file, sizeof(file));
	set_live(&f, TEXT_VADDR, live, sizeof(live));
	assert_int_equal(text_insn_bytes(f.text, TEXT_VADDR + 1), 3);
	assert_int_equal(text_insn_bytes(f.text, TEXT_VADDR + 4), 2);
	assert_true(text_is_branch(f.text, TEXT_VADDR + 4));
	assert_true(text_next_barrier(f.text, TEXT_VADDR, TEXT_VADDR + 7) == TEXT_VADDR + 4);
	sum = text_sum_insns(f.text, TEXT_VADDR, TEXT_VADDR + 7);
	assert_int_equal(sum.n_insns, 4);
	assert_int_equal(sum.n_bytes, 7);
	close_code(&f);
}

/* The instruction across the border is live in part: the file's fact stays. */
static void test_text_live_page_that_is_missing_is_the_files(void **state)
{
	static const uint8_t file[] = { 0x90, 0xc3, 0x90, 0xe8, 0, 0, 0, 0, 0xc3, 0x90 };
	static const uint8_t live[] = { 0x90, 0x90, 0x90, 0xe9, 0, 0, 0, 0, 0x90, 0xc3 };
	struct fixture f;

	open_code(&f, BORDER - 4, file, sizeof(file));
	set_live(&f, BORDER - 4, live, 4);
	assert_false(text_is_branch(f.text, BORDER - 3));
	assert_true(text_is_live(f.text, BORDER - 3));
	assert_true(text_next_barrier(f.text, BORDER - 4, BORDER + 6) == BORDER - 1);
	assert_int_equal(text_insn_bytes(f.text, BORDER - 1), 5);
	assert_false(text_is_live(f.text, BORDER - 1));
	assert_true(text_is_branch(f.text, BORDER + 4));
	assert_false(text_is_live(f.text, BORDER + 4));
	close_code(&f);

	open_code(&f, BORDER - 4, file, sizeof(file));
	set_live(&f, BORDER, live + 4, 6);
	assert_true(text_is_branch(f.text, BORDER - 3));
	assert_int_equal(text_insn_bytes(f.text, BORDER - 1), 5);
	assert_false(text_is_branch(f.text, BORDER + 4));
	assert_true(text_is_branch(f.text, BORDER + 5));
	assert_false(text_is_insn(f.text, BORDER + 1));
	close_code(&f);
}

/* At its symbol text starts, whatever garbage the file has there; and live garbage is no code. */
static void test_text_live_garbage_on_either_side_is_stepped_over(void **state)
{
	static const uint8_t file[] = { 0x06, 0x06, 0x90, 0x90, 0xc3, 0x90, 0x90, 0x90,
					0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90,
					0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0xc3 };
	uint8_t live[sizeof(file)];
	struct fixture f;

	memcpy(live, file, sizeof(live));
	live[0] = live[1] = 0x90;
	live[2] = 0x06;
	open_code(&f, TEXT_VADDR, file, sizeof(file));
	set_live(&f, TEXT_VADDR, live, sizeof(live));
	assert_int_equal(text_insn_bytes(f.text, TEXT_VADDR), 1);
	assert_int_equal(text_insn_bytes(f.text, TEXT_VADDR + 1), 1);
	assert_int_equal(text_insn_bytes(f.text, TEXT_VADDR + 2), 0);
	assert_int_equal(text_insn_bytes(f.text, TEXT_VADDR + 3), 1);
	assert_int_equal(text_stats(f.text).n_undecodable_bytes, 1);
	close_code(&f);
}

/* The file ends with the section, too: what stands behind garbage there is code. */
static void test_text_live_garbage_near_the_end_is_stepped_over(void **state)
{
	static const uint8_t file[] = { 0x90, 0xb8, 0, 0, 0, 0 };
	static const uint8_t live[] = { 0x90, 0x06, 0x90, 0xc3, 0x90, 0x90 };
	struct fixture f;

	open_code(&f, TEXT_VADDR, file, sizeof(file));
	set_live(&f, TEXT_VADDR, live, sizeof(live));
	assert_false(text_is_insn(f.text, TEXT_VADDR + 1));
	assert_int_equal(text_insn_bytes(f.text, TEXT_VADDR + 2), 1);
	assert_true(text_is_branch(f.text, TEXT_VADDR + 3));
	close_code(&f);
}

/* What an index would know of an image: each instruction of each interval, and no bytes. */
struct table {
	const struct image *image; /* with bytes */
};

static void fill_from_table(void *context, struct text_fill *fill)
{
	const struct table *table = context;
	const struct image_section *s = NULL;

	for (size_t i = 0; i < table->image->n_text; i++)
		if (table->image->text[i].index == fill->section->index)
			s = &table->image->text[i];
	for (uint64_t off = fill->off; off < fill->end_off;) {
		struct insn insn =
			insn_decode(table->image->machine, s->bytes + off, s->n_bytes - off);

		if (insn.n_bytes)
			text_fill_insn(fill, off, insn.n_bytes, insn.is_barrier, insn.is_branch);
		off += insn.n_bytes ? insn.n_bytes : insn_resync_bytes(table->image->machine);
	}
	text_fill_end(fill);
}

static void assert_same(struct text *a, struct text *b, uint64_t lo, uint64_t hi)
{
	struct text_sum sum_a = text_sum_insns(a, lo, hi), sum_b = text_sum_insns(b, lo, hi);

	assert_int_equal(sum_a.n_insns, sum_b.n_insns);
	assert_int_equal(sum_a.n_bytes, sum_b.n_bytes);
	assert_true(text_next_barrier(a, lo, hi) == text_next_barrier(b, lo, hi));
	for (uint64_t vaddr = lo; vaddr < hi; vaddr++) {
		assert_int_equal(text_is_insn(a, vaddr), text_is_insn(b, vaddr));
		assert_int_equal(text_insn_bytes(a, vaddr), text_insn_bytes(b, vaddr));
		assert_int_equal(text_is_branch(a, vaddr), text_is_branch(b, vaddr));
		assert_true(text_previous_insn(a, vaddr, lo) == text_previous_insn(b, vaddr, lo));
	}
	assert_int_equal(text_stats(a).n_insns, text_stats(b).n_insns);
	assert_int_equal(text_stats(a).n_undecodable_bytes, text_stats(b).n_undecodable_bytes);
}

static uint8_t random_byte(uint64_t *seed)
{
	static const uint8_t common[] = {
		0x90, 0xc3, 0x48, 0xe8, 0xb8, 0x0f, 0x74, 0x06, 0xf0, 0x66
	};

	return example_random(seed, 3) ? common[example_random(seed, sizeof(common))]
				       : (uint8_t)example_random(seed, 256);
}

#define SPAN 128
#define LO (BORDER - SPAN / 2)

/* An image across the border with symbols anywhere; its bytes are left in code. */
static void open_random(struct fixture *f, uint8_t *code, uint64_t *seed)
{
	unsigned int text;

	*f = (struct fixture){ 0 };
	for (size_t i = 0; i < SPAN; i++)
		code[i] = random_byte(seed);
	example_init_bare(&f->x);
	text = example_text(&f->x, ".text", LO, code, SPAN);
	for (uint64_t i = example_random(seed, 6) + 1; i > 0; i--)
		elf_symbol(&f->x.elf, "s", text, LO + example_random(seed, SPAN + 20) - 10);
	assert_int_equal(text_new(&f->text, example_open(&f->x)), 0);
	assert_int_equal(live_text_new(&f->live, 1 << 20), 0);
}

/* Some of code, changed here and there, as live text: up to one stretch in each of both pages. */
static void add_random_live(struct fixture *f, uint8_t *code, unsigned int changes, uint64_t *seed)
{
	for (uint64_t i = 0; i < changes; i++)
		code[example_random(seed, SPAN)] = random_byte(seed);
	for (size_t page = 0; page < 2; page++) {
		uint64_t a = example_random(seed, SPAN / 2 + 1),
			 b = example_random(seed, SPAN / 2 + 1);
		uint64_t lo = a < b ? a : b, hi = a < b ? b : a;

		if (example_random(seed, 4) == 0)
			lo = 0;
		if (example_random(seed, 4) == 0)
			hi = SPAN / 2;
		lo += page * SPAN / 2;
		hi += page * SPAN / 2;
		assert_int_equal(live_text_add(f->live, LO + lo, code + lo, hi - lo), 0);
	}
}

static void test_text_live_equal_to_the_file_changes_nothing(void **state)
{
	uint64_t seed = 20241117;

	for (int round = 0; round < 600; round++) {
		uint8_t code[SPAN];
		struct text *other;
		struct fixture f;

		open_random(&f, code, &seed);
		add_random_live(&f, code, 0, &seed);
		assert_int_equal(text_new(&other, f.x.image), 0);
		text_set_live(other, f.live);
		assert_same(f.text, other, LO, LO + SPAN);
		text_free(other);
		close_code(&f);
	}
}

/* The live stretch is as a file of these bytes would be, where the two streams have met. */
static void test_text_live_all_of_it_equals_a_file_of_its_bytes(void **state)
{
	uint64_t seed = 4711;

	for (int round = 0; round < 300; round++) {
		struct image_section section;
		struct text *other;
		struct fixture f;
		uint8_t code[SPAN];
		struct image image;

		open_random(&f, code, &seed);
		for (int i = 0; i < 20; i++)
			code[example_random(&seed, SPAN)] = random_byte(&seed);
		/* behind its end live text is known, too: nothing of it is cut */
		code[SPAN - 1] = 0xc3;
		set_live(&f, LO, code, SPAN);
		image = *f.x.image;
		section = image.text[0];
		section.bytes = code;
		image.text = &section;
		assert_int_equal(text_new(&other, &image), 0);
		for (uint64_t vaddr = LO; vaddr < LO + SPAN - 16; vaddr++)
			assert_int_equal(text_insn_bytes(f.text, vaddr),
					 text_insn_bytes(other, vaddr));
		text_free(other);
		close_code(&f);
	}
}

static void test_text_live_over_another_origin_equals_that_over_the_file(void **state)
{
	uint64_t seed = 99;

	for (int round = 0; round < 600; round++) {
		struct image_section section;
		struct text *other;
		struct fixture f;
		uint8_t code[SPAN];
		struct image image;
		struct table table;
		const struct text_origin origin = { fill_from_table, &table };

		open_random(&f, code, &seed);
		table.image = f.x.image;
		image = *f.x.image;
		section = image.text[0];
		section.bytes = NULL;
		image.text = &section;
		assert_int_equal(text_new_from(&other, &image, &origin), 0);
		assert_same(f.text, other, LO, LO + SPAN);
		add_random_live(&f, code, 20, &seed);
		text_set_live(f.text, f.live);
		text_set_live(other, f.live);
		assert_same(f.text, other, LO, LO + SPAN);
		text_free(other);
		close_code(&f);
	}
}

/* n returns, of which live text has all but the first n_other. */
static enum text_likeness likeness_of(size_t n, size_t n_other)
{
	enum text_likeness likeness;
	uint8_t file[256], live[256];
	struct fixture f;

	memset(file, 0xc3, n);
	memset(live, 0xc3, n);
	memset(live, 0x90, n_other);
	open_code(&f, TEXT_VADDR, file, n);
	assert_int_equal(text_likeness(f.text), TEXT_NOT_LIVE);
	set_live(&f, TEXT_VADDR + 2 * LIVE_TEXT_PAGE_BYTES, live, n);
	assert_int_equal(text_likeness(f.text), TEXT_NOT_LIVE);
	set_live(&f, TEXT_VADDR, live, n);
	likeness = text_likeness(f.text);
	close_code(&f);
	return likeness;
}

static void test_text_live_of_something_else_is_known_by_its_barriers(void **state)
{
	assert_int_equal(likeness_of(200, 0), TEXT_ALIKE);
	assert_int_equal(likeness_of(200, 100), TEXT_ALIKE);
	assert_int_equal(likeness_of(200, 101), TEXT_UNLIKE);
	assert_int_equal(likeness_of(200, 200), TEXT_UNLIKE);
	assert_int_equal(likeness_of(10, 10), TEXT_ALIKE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_live_jump_that_is_a_nop_today_is_passed),
		cmocka_unit_test(test_text_live_instructions_of_a_replaced_sequence_are_code),
		cmocka_unit_test(test_text_live_page_that_is_missing_is_the_files),
		cmocka_unit_test(test_text_live_garbage_on_either_side_is_stepped_over),
		cmocka_unit_test(test_text_live_garbage_near_the_end_is_stepped_over),
		cmocka_unit_test(test_text_live_equal_to_the_file_changes_nothing),
		cmocka_unit_test(test_text_live_all_of_it_equals_a_file_of_its_bytes),
		cmocka_unit_test(test_text_live_over_another_origin_equals_that_over_the_file),
		cmocka_unit_test(test_text_live_of_something_else_is_known_by_its_barriers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
