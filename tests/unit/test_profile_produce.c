/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include "profile/facts.h"
#include "profile/produce.h"
#include "profile/tree.h"
#include "symbolize_example.h"

/*
 * "caller" [0x00, 0x10): nop nop je(2) … call(8, 5 bytes) jmp(13, 2 bytes) nop; lines 10 to 0x04,
 * 11 from there; "callee" [0x10, 0x20): nops, ret(0x1f); line 20.
 */
static const uint8_t code[32] = { 0x90, 0x90, 0x74, 0x00, 0x90, 0x90, 0x90, 0x90, 0xe8, 3,    0,
				  0,	0,    0xeb, 0x00, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90,
				  0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0xc3 };

#define CEILING (16u << 20)

struct fixture {
	struct example x;
	struct branch_counts counts;
	struct range_count ranges[16];
	struct branch_count branches[16];
	struct produce_input input;
	struct produced produced;
};

#define JUMP 13
#define TABLES_VADDR 0x500000ull

/* Says that the jump is a static key, which the kernel rewrites while it runs
 * (symbolize/patches.c). */
static void add_jump_table(struct fixture *f)
{
	unsigned int tables =
		elf_section(&f->x.elf, ".rodata", SHT_PROGBITS, SHF_ALLOC, TABLES_VADDR);

	elf_symbol(&f->x.elf, "__start___jump_table", tables, TABLES_VADDR);
	buf_u32(elf_data(&f->x.elf, tables), (uint32_t)(TEXT_VADDR + JUMP - TABLES_VADDR));
	buf_u32(elf_data(&f->x.elf, tables), 0);
	buf_u64(elf_data(&f->x.elf, tables), 0);
	elf_symbol(&f->x.elf, "__stop___jump_table", tables, TABLES_VADDR + 16);
}

static void set_up_image(struct fixture *f, bool has_jump_table)
{
	struct dwarf_writer *d;
	unsigned int text;

	*f = (struct fixture){ 0 };
	example_init(&f->x);
	d = &f->x.dwarf;
	text = example_text(&f->x, ".text", TEXT_VADDR, code, sizeof(code));
	elf_symbol(&f->x.elf, "caller", text, TEXT_VADDR);
	elf_symbol(&f->x.elf, "callee", text, TEXT_VADDR + 0x10);
	dwarf_lines_begin(d, 4, 1);
	dwarf_line_set_address(d, TEXT_VADDR);
	dwarf_line_row(d, 0, 9);
	dwarf_line_row(d, 4, 1);
	dwarf_line_row(d, 12, 9);
	dwarf_line_op(d, DW_LNS_advance_pc, 0x10);
	dwarf_line_end_sequence(d);
	dwarf_lines_end(d);
	example_unit(&f->x, 0, 0x20, 0);
	example_function(&f->x, "caller", 0, 0x10, 9);
	example_end(&f->x);
	example_function(&f->x, "callee", 0x10, 0x20, 20);
	example_end(&f->x);
	example_unit_end(&f->x);
	if (has_jump_table)
		add_jump_table(f);
	example_load(&f->x);
	f->counts.ranges = f->ranges;
	f->counts.branches = f->branches;
	f->input = (struct produce_input){
		PRODUCE_INPUT_DEFAULT,
		.objects = &f->x.objects,
		.counts = &f->counts,
	};
}

static void set_up(struct fixture *f)
{
	set_up_image(f, false);
}

static void tear_down(struct fixture *f)
{
	produced_deinit(&f->produced);
	example_deinit(&f->x);
}

static void add_pair(struct fixture *f, uint64_t start, uint64_t end, uint64_t n)
{
	f->ranges[f->counts.n_ranges++] =
		(struct range_count){ TEXT_VADDR + start, TEXT_VADDR + end, n };
	branch_counts_normalize(&f->counts);
}

static void add_branch(struct fixture *f, uint64_t from, uint64_t to, uint64_t n)
{
	f->branches[f->counts.n_branches++] =
		(struct branch_count){ TEXT_VADDR + from, TEXT_VADDR + to, n };
	branch_counts_normalize(&f->counts);
}

/* A range each of the functions, and one that runs through the jump at 13. */
static void add_stacks(struct fixture *f)
{
	add_pair(f, 0, 8, 100);
	add_pair(f, 0x10, 0x1f, 70);
	add_pair(f, 4, 0x1f, 5);
	add_branch(f, 8, 0x10, 60);
	add_branch(f, 0x1f, JUMP, 50);
	add_branch(f, 0x1000, 0x2000, 7);
}

static void expect_text(struct fixture *f, enum produce_format format, const char *expected)
{
	struct buf buf = BUF_INIT(CEILING);

	assert_int_equal(produce_encode(&f->input, &f->produced, format, &buf), 0);
	buf_u8(&buf, 0);
	assert_string_equal((const char *)buf.data, expected);
	buf_deinit(&buf);
}

static void run(struct fixture *f)
{
	assert_int_equal(produce_select(&f->input, &f->produced), 0);
	assert_int_equal(produce_profile(&f->input, &f->produced), 0);
}

static void test_produce_stacks_become_a_profile_and_figures(void **state)
{
	struct profile_facts facts;
	struct fixture f;

	set_up(&f);
	add_stacks(&f);
	run(&f);
	assert_int_equal(f.produced.ranges.n_pairs, 175);
	assert_int_equal(f.produced.ranges.n_bogus, 5);
	assert_int_equal(f.produced.branches.n_no_target, 7);
	expect_text(&f, PRODUCE_TEXT,
		    "caller:1300:0\n 1: 100\n 2: 100 callee:60\ncallee:1120:60\n 0: 70\n");
	expect_text(&f, PRODUCE_UNSYMBOLIZED,
		    "2\n401000-401008:100\n401010-40101f:70\n"
		    "2\n401008->401010:60\n40101f->40100d:50\n");
	assert_int_equal(f.produced.figures.summary.n_records, 3);
	produce_facts(&f.input, &f.produced, &facts);
	assert_int_equal(facts.n_functions, 2);
	assert_int_equal(facts.n_branches, 2);
	assert_int_equal(facts.n_ranges, 2);
	assert_int_equal(facts.ranges.n_used, 170);
	assert_int_equal(facts.total_samples, 270);
	assert_int_equal(facts.max_head, 60);
	assert_true(facts.has_profile && facts.is_selected && !facts.is_ip_only);
	assert_int_equal(facts.verdict, VERDICT_FIT);
	assert_string_equal(facts.reason, f.produced.figures.verdict.reason);
	assert_true(facts.density > 0 && facts.density == f.produced.figures.density);
	assert_memory_equal(&facts.accumulate, &f.produced.accumulate, sizeof(facts.accumulate));
	assert_int_equal(facts.accumulate.n_units, 1);
	assert_memory_equal(&facts.branches, &f.produced.branches, sizeof(facts.branches));
	assert_int_equal(facts.branches.n_branches, 117);
	assert_int_equal(facts.n_inlinees, 0);
	tear_down(&f);
}

/* A range that begins where branches arrive from outside the function only is told apart: "f". */
static void test_produce_bolt_knows_where_functions_begin(void **state)
{
	struct fixture f;

	set_up(&f);
	add_pair(&f, 0, 8, 100);
	add_pair(&f, 0x11, 0x1f, 70);
	add_branch(&f, 8, 0x11, 60);
	add_branch(&f, JUMP, 0, 50);
	assert_int_equal(produce_select(&f.input, &f.produced), 0);
	expect_text(&f, PRODUCE_BOLT,
		    "B 401008 401011 60 0\nB 40100d 401000 50 0\n"
		    "F 401000 401008 100\nf 401011 40101f 70\n");
	tear_down(&f);
}

static void test_produce_ip_only_counts_instructions_and_is_thin(void **state)
{
	struct fixture f;

	set_up(&f);
	add_pair(&f, 0, 0, 100); /* a nop: no branch, so no end of a range */
	add_pair(&f, 8, 8, 40);
	add_pair(&f, 9, 9, 3); /* inside the call */
	add_pair(&f, 0, 8, 5); /* nothing that a single address makes */
	add_pair(&f, 0x900, 0x900, 2);
	add_branch(&f, 8, 0x10, 60);
	f.input.is_ip_only = true;
	run(&f);
	assert_int_equal(f.produced.ranges.n_pairs, 150);
	assert_int_equal(f.produced.ranges.n_used, 140);
	assert_int_equal(f.produced.ranges.n_external, 5);
	assert_int_equal(f.produced.ranges.n_bogus, 5);
	assert_int_equal(f.produced.branches.n_branches, 0);
	assert_int_equal(f.counts.n_branches, 0);
	expect_text(&f, PRODUCE_TEXT, "caller:300:0\n 1: 100\n 2: 40\n");
	assert_int_equal(f.produced.figures.verdict.verdict, VERDICT_THIN);
	assert_non_null(strstr(f.produced.figures.verdict.reason, "instruction pointers only"));
	tear_down(&f);
}

static void test_produce_verdict_knows_of_loss_and_of_invalid_ranges(void **state)
{
	struct fixture f;

	set_up(&f);
	add_stacks(&f);
	f.input.lost_share = 0.6;
	run(&f);
	assert_int_equal(f.produced.figures.verdict.verdict, VERDICT_UNFIT);
	assert_non_null(strstr(f.produced.figures.verdict.reason, "60% of the samples were lost"));
	tear_down(&f);

	set_up(&f);
	add_stacks(&f);
	add_pair(&f, 4, 0x1f, 170);
	run(&f);
	assert_int_equal(f.produced.figures.verdict.verdict, VERDICT_UNFIT);
	assert_non_null(strstr(f.produced.figures.verdict.reason, "do not fit the vmlinux"));
	tear_down(&f);
}

static void test_produce_compatible_differs_where_it_should(void **state)
{
	struct fixture f;

	/* up to a nop: interrupted there, which llvm-profgen takes for executed */
	set_up(&f);
	add_pair(&f, 0, 5, 10);
	run(&f);
	expect_text(&f, PRODUCE_TEXT, "caller:50:0\n 1: 10\n 2: 10\n");
	tear_down(&f);

	set_up(&f);
	add_pair(&f, 0, 5, 10);
	f.input.is_llvm = true;
	run(&f);
	expect_text(&f, PRODUCE_TEXT, "caller:60:0\n 1: 10\n 2: 10\n");
	tear_down(&f);
}

static void test_produce_jump_that_the_kernel_rewrites_is_passed(void **state)
{
	for (int is_llvm = 0; is_llvm < 2; is_llvm++) {
		struct fixture f;

		set_up_image(&f, true);
		add_pair(&f, 0, 8, 10);
		add_pair(&f, JUMP, 0xf, 7);
		f.input.is_llvm = is_llvm;
		assert_int_equal(produce_select(&f.input, &f.produced), 0);
		assert_int_equal(f.produced.ranges.n_bogus, is_llvm ? 7 : 0);
		assert_int_equal(f.produced.ranges.n_patched_barrier, is_llvm ? 0 : 7);
		tear_down(&f);
	}
}

/* Before the fix a range that was interrupted got shorter each time that its dump was converted. */
static void test_produce_selected_counts_stay_when_selected_again(void **state)
{
	struct fixture f;

	set_up(&f);
	add_pair(&f, 0x10, 0x18, 5);
	assert_int_equal(produce_select(&f.input, &f.produced), 0);
	assert_int_equal(f.produced.ranges.n_interrupted, 5);
	assert_true(f.ranges[0].end_vaddr == TEXT_VADDR + 0x17);
	f.input.was_selected = true;
	add_pair(&f, 0x18, 0x10, 7); /* which was never selected */
	assert_int_equal(produce_select(&f.input, &f.produced), 0);
	assert_int_equal(f.produced.ranges.n_pairs, 12);
	assert_int_equal(f.counts.n_ranges, 1);
	assert_true(f.ranges[0].end_vaddr == TEXT_VADDR + 0x17);
	tear_down(&f);
}

static void test_produce_again_replaces_the_profile(void **state)
{
	struct fixture f;

	set_up(&f);
	add_stacks(&f);
	run(&f);
	f.counts.n_ranges = 1;
	f.counts.n_branches = 0;
	assert_int_equal(produce_profile(&f.input, &f.produced), 0);
	expect_text(&f, PRODUCE_TEXT, "caller:1300:0\n 1: 100\n 2: 100\n");
	tear_down(&f);
}

static void test_produce_extbinary_passes_for_what_its_facts_say(void **state)
{
	struct buf buf = BUF_INIT(CEILING), md5 = BUF_INIT(CEILING);
	struct profile_facts facts, again;
	struct problem problem;
	struct fixture f;

	set_up(&f);
	f.x.objects.kernel->build_id = (struct build_id){ .bytes = { 0xaa, 0xbb }, .n_bytes = 2 };
	add_stacks(&f);
	run(&f);
	produce_facts(&f.input, &f.produced, &facts);
	assert_int_equal(facts.n_build_id_bytes, 2);
	assert_int_equal(facts.build_id[1], 0xbb);
	assert_int_equal(profile_facts_read(&facts, sizeof(facts), &again, &problem), 0);
	assert_int_equal(produce_encode(&f.input, &f.produced, PRODUCE_EXTBINARY, &buf), 0);
	assert_int_equal(profile_check_extbinary(&facts, buf.data, buf.n_bytes, &problem), 0);
	f.input.has_md5_names = true;
	assert_int_equal(produce_encode(&f.input, &f.produced, PRODUCE_EXTBINARY, &md5), 0);
	assert_int_equal(profile_check_extbinary(&facts, md5.data, md5.n_bytes, &problem), 0);
	assert_int_not_equal(md5.n_bytes, buf.n_bytes);
	buf_deinit(&buf);
	buf_deinit(&md5);
	tear_down(&f);
}

static void test_produce_without_profile_or_room_is_an_error(void **state)
{
	struct buf buf = BUF_INIT(CEILING), small = BUF_INIT(4);
	struct profile_facts facts;
	struct fixture f;

	set_up(&f);
	add_stacks(&f);
	assert_int_equal(produce_encode(&f.input, &f.produced, PRODUCE_EXTBINARY, &buf), -EINVAL);
	assert_int_equal(produce_encode(&f.input, &f.produced, PRODUCE_TEXT, &buf), -EINVAL);
	f.input.profile_bytes_max = 64;
	assert_int_equal(produce_profile(&f.input, &f.produced), -E2BIG);
	assert_null(f.produced.profile);
	assert_int_equal(produce_encode(&f.input, &f.produced, PRODUCE_UNSYMBOLIZED, &small),
			 -EFBIG);
	/* the counts alone, as where there is no vmlinux */
	f.input.objects = NULL;
	produce_facts(&f.input, &f.produced, &facts);
	assert_false(facts.has_profile || facts.is_selected);
	assert_int_equal(facts.verdict, VERDICT_UNFIT);
	assert_int_equal(facts.n_ranges, 3);
	buf_deinit(&buf);
	buf_deinit(&small);
	tear_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_produce_stacks_become_a_profile_and_figures),
		cmocka_unit_test(test_produce_bolt_knows_where_functions_begin),
		cmocka_unit_test(test_produce_ip_only_counts_instructions_and_is_thin),
		cmocka_unit_test(test_produce_verdict_knows_of_loss_and_of_invalid_ranges),
		cmocka_unit_test(test_produce_compatible_differs_where_it_should),
		cmocka_unit_test(test_produce_jump_that_the_kernel_rewrites_is_passed),
		cmocka_unit_test(test_produce_selected_counts_stay_when_selected_again),
		cmocka_unit_test(test_produce_again_replaces_the_profile),
		cmocka_unit_test(test_produce_extbinary_passes_for_what_its_facts_say),
		cmocka_unit_test(test_produce_without_profile_or_room_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
