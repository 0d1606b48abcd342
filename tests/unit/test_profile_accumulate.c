/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include "profile/accumulate.h"
#include "profile/coverage.h"
#include "profile/textual.h"
#include "symbolize/discriminator.h"
#include "symbolize/unit_frames.h"
#include "symbolize_example.h"

#define N_MAX 32
#define CEILING (16u << 20)
#define SPAN 512

struct fixture {
	struct example x;
	unsigned int text;
	struct branch_counts counts;
	struct range_count ranges[N_MAX];
	struct branch_count branches[N_MAX];
};

static void begin(struct fixture *f)
{
	*f = (struct fixture){ 0 };
	f->counts.ranges = f->ranges;
	f->counts.branches = f->branches;
	example_init(&f->x);
}

static void add_range(struct fixture *f, uint64_t start, uint64_t end, uint64_t n)
{
	f->ranges[f->counts.n_ranges++] =
		(struct range_count){ TEXT_VADDR + start, TEXT_VADDR + end, n };
}

static void add_branch(struct fixture *f, uint64_t from_vaddr, uint64_t to, uint64_t n)
{
	f->branches[f->counts.n_branches++] =
		(struct branch_count){ from_vaddr, TEXT_VADDR + to, n };
}

static char *text_of(struct profile *profile)
{
	struct buf text = BUF_INIT(CEILING);
	size_t n;

	textual_encode(profile, &text);
	buf_u8(&text, 0);
	assert_int_equal(text.error, 0);
	return (char *)buf_steal(&text, &n);
}

static char *run(struct fixture *f, enum accumulate_rule rule, struct accumulate_stats *ret_stats)
{
	struct profile *profile;
	char *text;

	branch_counts_normalize(&f->counts);
	assert_int_equal(accumulate(&f->x.objects, rule, &f->counts, CEILING, &profile, ret_stats),
			 0);
	text = text_of(profile);
	profile_free(profile);
	return text;
}

static void expect(struct fixture *f, enum accumulate_rule rule, const char *expected)
{
	struct accumulate_stats stats;
	char *text = run(f, rule, &stats);

	assert_string_equal(text, expected);
	free(text);
}

/*
 * 16 bytes of NOPs a function: "caller" [0x00, 0x10), which inlines "step" in [0x04, 0x08),
 * "callee" [0x10, 0x20). Lines: 10 up to 0x02, 11 with discriminator 2 up to 0x08, 0 up to 0x0c,
 * 12; callee 20.
 */
static void example(struct fixture *f)
{
	struct dwarf_writer *d;
	size_t step;

	begin(f);
	d = &f->x.dwarf;
	f->text = example_nops(&f->x, 0x40);
	elf_symbol(&f->x.elf, "callee", f->text, TEXT_VADDR + 0x10);
	dwarf_lines_begin(d, 4, 1);
	dwarf_line_set_address(d, TEXT_VADDR);
	dwarf_line_row(d, 0, 9);
	dwarf_line_discriminator(d, 2);
	dwarf_line_row(d, 2, 1);
	dwarf_line_row(d, 6, -11);
	dwarf_line_row(d, 4, 12);
	dwarf_line_row(d, 4, 8);
	dwarf_line_op(d, DW_LNS_advance_pc, 0x10);
	dwarf_line_end_sequence(d);
	dwarf_lines_end(d);
	example_unit(&f->x, 0, 0x20, 0);
	step = example_abstract(&f->x, "step", 3);
	example_function(&f->x, "caller", 0, 0x10, 9);
	example_inlined(&f->x, step, 4, 8, 10, 17);
	example_end(&f->x);
	example_end(&f->x);
	example_function(&f->x, "callee", 0x10, 0x20, 20);
	example_end(&f->x);
	example_unit_end(&f->x);
	example_load(&f->x);
}

static void test_accumulate_body_counts_bytes_in_totals_and_maxima_in_records(void **state)
{
	struct fixture f;

	example(&f);
	add_range(&f, 0, 5, 10);
	add_range(&f, 5, 6, 1);
	/* totals: caller 60 + 2; of these step: 10 + 11 + 1; line 1 at 0x02 has discriminator 1,
	 * line 0 of function at 9 is 65527, and 12 is 3 */
	expect(&f, ACCUMULATE_LLVM,
	       "caller:62:0\n 1: 10\n 2.1: 10\n 3: 0\n 65527: 0\n 1: step:22\n  8.1: 11\n");
	example_deinit(&f.x);
}

static void test_accumulate_duplicated_code_is_worth_more(void **state)
{
	struct fixture f;

	begin(&f);
	f.text = example_nops(&f.x, 0x40);
	dwarf_lines_begin(&f.x.dwarf, 4, 1);
	dwarf_line_set_address(&f.x.dwarf, TEXT_VADDR);
	dwarf_line_discriminator(&f.x.dwarf, 17); /* no base, copied four times */
	dwarf_line_row(&f.x.dwarf, 0, 9);
	dwarf_line_op(&f.x.dwarf, DW_LNS_advance_pc, 4);
	dwarf_line_end_sequence(&f.x.dwarf);
	dwarf_lines_end(&f.x.dwarf);
	example_unit(&f.x, 0, 4, 0);
	example_function(&f.x, "f", 0, 4, 9);
	example_end(&f.x);
	example_unit_end(&f.x);
	example_load(&f.x);
	add_range(&f, 0, 3, 10);
	expect(&f, ACCUMULATE_LLVM, "f:40:0\n 1: 40\n");
	example_deinit(&f.x);
}

static void test_accumulate_calls_give_heads_and_targets(void **state)
{
	struct fixture f;

	example(&f);
	add_range(&f, 0x10, 0x12, 5);
	add_branch(&f, TEXT_VADDR + 1, 0x10, 7); /* from caller's line 1 */
	add_branch(&f, TEXT_VADDR + 4, 0x10, 2); /* from inlined step */
	add_branch(&f, VADDR_EXTERNAL, 0x10, 4);
	add_branch(&f, TEXT_VADDR + 1, 0x11, 100);  /* no entry */
	add_branch(&f, TEXT_VADDR + 0x12, 0x10, 6); /* a loop to the entry counts as well */
	expect(&f, ACCUMULATE_LLVM,
	       "callee:15:19\n 0: 6 callee:6\ncaller:0:0\n 1: 7 callee:7\n 1: step:0\n"
	       "  8.1: 0 callee:2\n");
	example_deinit(&f.x);
}

static void test_accumulate_accurate_keeps_line_zero(void **state)
{
	struct accumulate_stats stats;
	struct fixture f;
	char *text;

	example(&f);
	add_range(&f, 0, 0xf, 1);
	text = run(&f, ACCUMULATE_ACCURATE, &stats);
	assert_string_equal(text, "caller:16:0\n 1: 1\n 2.1: 1\n 3: 1\n 65527: 1\n 1: step:4\n  8.1: 1\n");
	assert_int_equal(stats.n_line_zero, 1);
	free(text);
	example_deinit(&f.x);
}

static void test_accumulate_counts_saturate(void **state)
{
	struct fixture f;

	example(&f);
	add_range(&f, 0x10, 0x13, UINT64_MAX / 2);
	add_branch(&f, TEXT_VADDR + 0x12, 0x10, UINT64_MAX);
	add_branch(&f, TEXT_VADDR + 0x13, 0x10, UINT64_MAX);
	expect(&f, ACCUMULATE_LLVM,
	       "callee:18446744073709551615:18446744073709551615\n"
	       " 0: 18446744073709551615 callee:18446744073709551615\n");
	example_deinit(&f.x);
}

static void test_accumulate_beyond_the_ceiling_is_refused(void **state)
{
	struct accumulate_stats stats;
	struct profile *profile;
	struct fixture f;

	example(&f);
	add_range(&f, 0, 0xf, 1);
	assert_int_equal(accumulate(&f.x.objects, ACCUMULATE_LLVM, &f.counts, 64, &profile, &stats),
			 -E2BIG);
	example_deinit(&f.x);
}

/* The rule as llvm-profgen walks it: instruction by instruction, frames for each. */

struct walk {
	struct symbols *symbols;
	struct unit_frames uf;
	struct profile *profile;
};

static size_t frames_at(struct walk *w, uint64_t vaddr, struct frame *frames)
{
	uint64_t hi;
	size_t unit = unit_map_find(&w->symbols->units, vaddr, &hi), n;
	struct location location;

	if (unit == DWARF_NO_UNIT)
		return 0;
	assert_int_equal(unit_frames_load(&w->uf, unit), 0);
	location = unit_frames_find(&w->uf, vaddr);
	assert_int_equal(unit_frames_chain(&w->uf, &location, frames, &n), 0);
	return n;
}

static struct record *locate(struct walk *w, const struct frame *frames, size_t n, uint64_t total)
{
	bool is_fs = w->profile->is_fs;
	struct function *f = profile_function(w->profile, frames[0].name);

	f->total = saturating_add(f->total, total);
	for (size_t i = 1; i < n; i++) {
		f = profile_inlinee(w->profile, f, frames[i - 1].line_off,
				    discriminator_base(frames[i - 1].discriminator, is_fs),
				    frames[i].name);
		f->total = saturating_add(f->total, total);
	}
	return profile_record(w->profile, f, frames[n - 1].line_off,
			      discriminator_base(frames[n - 1].discriminator, is_fs));
}

static void walk_body(struct walk *w, const struct covered *c)
{
	for (uint64_t a = c->start_vaddr; a <= c->end_vaddr; a++) {
		unsigned int n_bytes = text_insn_bytes(w->symbols->text, a);
		struct frame frames[N_FRAMES_MAX];
		struct record *record;
		uint64_t samples;
		size_t n = n_bytes ? frames_at(w, a, frames) : 0;

		if (!n)
			continue;
		record = locate(w, frames, n, c->n * n_bytes);
		samples = c->n *
			  discriminator_duplication(frames[n - 1].discriminator, w->profile->is_fs);
		if (samples > record->samples)
			record->samples = samples;
	}
}

static void walk_branch(struct walk *w, const struct branch_count *b)
{
	const struct function_range *entry =
		functions_entry_at(&w->symbols->functions, b->to_vaddr);
	struct frame frames[N_FRAMES_MAX];
	struct name name;
	uint32_t callee;
	size_t n;

	if (!entry)
		return;
	name = names_get(w->symbols->names, entry->name);
	assert_int_equal(names_add(w->symbols->names, name.text,
				   function_canonical_bytes(name.text, name.n_bytes), &callee),
			 0);
	n = frames_at(w, b->from_vaddr, frames);
	if (n)
		assert_int_equal(
			profile_add_target(w->profile, locate(w, frames, n, 0), callee, b->n), 0);
	profile_function(w->profile, callee)->head += b->n;
}

static char *walk(struct fixture *f)
{
	struct walk w = { .symbols = f->x.symbols };
	struct coverage coverage;
	char *text;

	assert_int_equal(profile_new(&w.profile, w.symbols->names, CEILING), 0);
	w.profile->is_fs = w.symbols->image->is_fs;
	unit_frames_init(&w.uf, &w.symbols->dwarf, w.symbols->names);
	assert_int_equal(coverage_compute(&f->counts, &w.symbols->functions, &coverage), 0);
	for (size_t i = 0; i < coverage.n; i++)
		walk_body(&w, &coverage.items[i]);
	for (size_t i = 0; i < f->counts.n_branches; i++)
		walk_branch(&w, &f->counts.branches[i]);
	for (size_t i = 0; i < w.profile->n_functions; i++) {
		struct function *g = w.profile->functions[i];

		for (size_t k = 0; k < g->n_records; k++) {
			uint64_t sum = 0;

			for (size_t t = 0; t < g->records[k].n_targets; t++)
				sum += g->records[k].targets[t].n;
			if (sum > g->records[k].samples)
				g->records[k].samples = sum;
		}
	}
	profile_sort(w.profile);
	text = text_of(w.profile);
	coverage_deinit(&coverage);
	unit_frames_deinit(&w.uf);
	profile_free(w.profile);
	return text;
}

/* Instructions of all lengths, undecodable bytes, symbols inside instructions. */
static void random_text(struct fixture *f, uint64_t *seed)
{
	static const char *const insns[] = { "\x90",
					     "\xc3",
					     "\x48\x89\xd8",
					     "\x74\x02",
					     "\xb8\x01\x90\xc3\x01",
					     "\x0f\x1f\x40\x01",
					     "\xf3\x90",
					     "\xf0\x48\x01\x03",
					     "\x66\x90",
					     "\x06" };
	bool is_wild = example_random(seed, 2);
	struct buf *b;

	f->text = example_text(&f->x, ".text", TEXT_VADDR, NULL, 0);
	b = elf_data(&f->x.elf, f->text);
	elf_symbol(&f->x.elf, "_text", f->text, TEXT_VADDR + (is_wild ? 3 : 0));
	while (b->n_bytes < SPAN - 5) {
		const char *insn = insns[example_random(seed, array_size(insns) - !is_wild)];

		if (example_random(seed, 8) == 0)
			elf_symbol(&f->x.elf,
				   (const char *[]){ "f0", "f1", "x" }[example_random(seed, 3)],
				   f->text,
				   TEXT_VADDR + b->n_bytes +
					   (is_wild ? example_random(seed, 3) : 0));
		buf_append(b, insn, strlen(insn));
	}
	while (b->n_bytes < SPAN)
		buf_u8(b, 0x90);
}

static void random_lines(struct fixture *f, uint64_t *seed)
{
	struct dwarf_writer *d = &f->x.dwarf;

	for (uint64_t n = example_random(seed, 4); n > 0; n--) {
		dwarf_line_set_address(d, TEXT_VADDR + example_random(seed, SPAN));
		for (uint64_t k = example_random(seed, 20); k > 0; k--) {
			if (example_random(seed, 2))
				dwarf_line_discriminator(d, example_random(seed, 300));
			dwarf_line_row(d, example_random(seed, 30),
				       (int64_t)example_random(seed, 20) - 5);
		}
		dwarf_line_op(d, DW_LNS_advance_pc, example_random(seed, 100));
		dwarf_line_end_sequence(d);
	}
}

static void random_inlined(struct fixture *f, size_t origin, uint64_t lo, uint64_t hi, int depth,
			   uint64_t *seed)
{
	for (uint64_t n = example_random(seed, 4); n > 0 && depth > 0 && lo < hi; n--) {
		uint64_t from = lo + example_random(seed, hi - lo);
		uint64_t to = from + example_random(seed, hi - from + 4); /* now and then beyond */

		example_inlined(&f->x, origin, from, to, example_random(seed, 40),
				example_random(seed, 100));
		random_inlined(f, origin, from, to, depth - 1, seed);
		example_end(&f->x);
	}
}

static void random_unit(struct fixture *f, uint64_t *seed)
{
	static const char *const names[] = { "f0", "f1", "f2.llvm.1", "f3.part.0", "f4" };
	uint64_t lo = example_random(seed, SPAN), hi = lo + example_random(seed, SPAN - lo);
	size_t lines_off = dwarf_lines_begin(&f->x.dwarf, 4, 1), origin;

	random_lines(f, seed);
	dwarf_lines_end(&f->x.dwarf);
	example_unit(&f->x, example_random(seed, 2) ? 0 : lo, example_random(seed, 2) ? SPAN : hi,
		     lines_off);
	origin = example_abstract(&f->x, "inlinee", 2);
	for (uint64_t n = example_random(seed, 6); n > 0; n--) {
		uint64_t from = example_random(seed, SPAN);
		uint64_t to = from + example_random(seed, SPAN - from);

		example_function(&f->x, names[example_random(seed, array_size(names))], from, to,
				 example_random(seed, 30));
		random_inlined(f, origin, from, to, 3, seed);
		example_end(&f->x);
	}
	example_unit_end(&f->x);
}

static void random_counts(struct fixture *f, uint64_t *seed)
{
	for (uint64_t n = example_random(seed, N_MAX); n > 0; n--) {
		uint64_t start = example_random(seed, SPAN);
		uint64_t length = example_random(seed, 2) ? 40 : SPAN - start;

		add_range(f, start, start + example_random(seed, length), example_random(seed, 50));
	}
	for (uint64_t n = example_random(seed, N_MAX); n > 0; n--) {
		uint64_t to = example_random(seed, SPAN);
		const struct functions *functions = &f->x.symbols->functions;

		if (functions->n_ranges && example_random(seed, 4))
			to = functions->ranges[example_random(seed, functions->n_ranges)].lo_vaddr -
			     TEXT_VADDR;
		add_branch(f,
			   example_random(seed, 5) ? TEXT_VADDR + example_random(seed, SPAN)
						   : VADDR_EXTERNAL,
			   to, example_random(seed, 50));
	}
}

static void test_accumulate_random_images_equal_a_walk_over_instructions(void **state)
{
	uint64_t seed = 31337, n_lines = 0;

	for (int round = 0; round < 1500; round++) {
		struct accumulate_stats stats;
		struct fixture f;
		char *fast, *slow;

		begin(&f);
		random_text(&f, &seed);
		if (example_random(&seed, 2)) {
			unsigned int mark =
				elf_section(&f.x.elf, ".data", SHT_PROGBITS, SHF_ALLOC, 0x500000);

			buf_u8(elf_data(&f.x.elf, mark), 0);
			elf_symbol(&f.x.elf, "__llvm_fs_discriminator__", mark, 0x500000);
		}
		for (uint64_t n = example_random(&seed, 3) + 1; n > 0; n--)
			random_unit(&f, &seed);
		example_load(&f.x);
		random_counts(&f, &seed);
		fast = run(&f, ACCUMULATE_LLVM, &stats);
		slow = walk(&f);
		if (strcmp(fast, slow) != 0)
			fail_msg("round %d:\n%s\nwalked:\n%s", round, fast, slow);
		for (const char *c = fast; *c; c++)
			n_lines += *c == '\n';
		free(fast);
		free(slow);
		example_deinit(&f.x);
	}
	assert_true(n_lines > 10000); /* the images are not all empty */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accumulate_body_counts_bytes_in_totals_and_maxima_in_records),
		cmocka_unit_test(test_accumulate_duplicated_code_is_worth_more),
		cmocka_unit_test(test_accumulate_calls_give_heads_and_targets),
		cmocka_unit_test(test_accumulate_accurate_keeps_line_zero),
		cmocka_unit_test(test_accumulate_counts_saturate),
		cmocka_unit_test(test_accumulate_beyond_the_ceiling_is_refused),
		cmocka_unit_test(test_accumulate_random_images_equal_a_walk_over_instructions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
