/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "profile/ranges.h"
#include "symbolize_example.h"

/*
 * Text: 0x00 nop nop je(2) nop ret(5) call(6,5 bytes) nop(11) jmp *%rax(12) nop(14) ud2(15)
 * ret(17); functions: "f" [0, 6), "g" [6, 18). Then two MiB of nops, of "h" from 0x20 on.
 */
static const uint8_t code[32] = { 0x90, 0x90, 0x74, 0x00, 0x90, 0xc3, 0xe8, 0,	  0,	0,    0,
				  0x90, 0xff, 0xe0, 0x90, 0x0f, 0x0b, 0xc3, 0x90, 0x90, 0x90, 0x90,
				  0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90 };

#define H 0x20
#define H_BYTES (2u << 20)

struct fixture {
	struct example x;
	struct branch_counts counts;
	struct range_count ranges[16];
	struct branch_count branches[16];
};

static void begin(struct fixture *f)
{
	unsigned int text;

	*f = (struct fixture){ 0 };
	f->counts.ranges = f->ranges;
	f->counts.branches = f->branches;
	example_init(&f->x);
	text = example_text(&f->x, ".text", TEXT_VADDR, code, sizeof(code));
	elf_symbol(&f->x.elf, "f", text, TEXT_VADDR);
	for (unsigned int i = 0; i + 1 < H_BYTES; i++)
		buf_u8(elf_data(&f->x.elf, text), 0x90);
	buf_u8(elf_data(&f->x.elf, text), 0xc3);
	example_unit(&f->x, 0, H + H_BYTES, 0);
	example_function(&f->x, "f", 0, 6, 1);
	example_end(&f->x);
	example_function(&f->x, "g", 6, 18, 1);
	example_end(&f->x);
	example_function(&f->x, "h", H, H + H_BYTES, 1);
	example_end(&f->x);
	example_unit_end(&f->x);
	example_load(&f->x);
}

static void add_site(struct fixture *f, uint64_t lo, uint64_t hi)
{
	struct patches *patches = &f->x.objects.kernel->patches;

	patches->sites = calloc(1, sizeof(*patches->sites));
	assert_non_null(patches->sites);
	patches->sites[0] = (struct patch_site){ TEXT_VADDR + lo, TEXT_VADDR + hi,
						 PATCH_BIT(PATCH_JUMP_LABEL) };
	patches->n_sites = 1;
}

static void add(struct fixture *f, uint64_t start, uint64_t end, uint64_t n)
{
	f->ranges[f->counts.n_ranges++] =
		(struct range_count){ start == VADDR_EXTERNAL ? start : TEXT_VADDR + start,
				      end == VADDR_EXTERNAL ? end : TEXT_VADDR + end, n };
}

static struct range_health select_ranges(struct fixture *f, enum range_rule rule)
{
	struct selection selection = { &f->x.objects, rule, NULL };
	struct range_health health;

	branch_counts_normalize(&f->counts);
	ranges_select(&selection, &f->counts, &health);
	return health;
}

/* What one pair of weight 3 does to the figures; they must be 0 or 3. */
struct expectation {
	uint64_t start, end;
	bool is_external, is_not_on_boundary, is_no_function, is_cross, is_bogus, is_used;
};

#define EXT VADDR_EXTERNAL

static const struct expectation llvm[] = {
	{ 0, 5, .is_used = true },
	{ 0, 2, .is_used = true },			       /* may end at a jcc */
	{ 5, 5, .is_used = true },			       /* at its own barrier */
	{ 0, 4, .is_not_on_boundary = true, .is_used = true }, /* the end is no branch */
	{ 0, 6, .is_cross = true, .is_bogus = true },	       /* over the ret */
	{ 4, 2, .is_bogus = true },			       /* backwards */
	{ 6, 12, .is_bogus = true },			       /* over the call */
	{ 11, 17, .is_used = true },			       /* over the indirect jump, ud2 */
	{ 14, 17, .is_used = true },
	{ 18, 19, .is_not_on_boundary = true, .is_no_function = true, .is_used = true },
	{ 14, 18, .is_not_on_boundary = true, .is_cross = true, .is_bogus = true },
	{ 3, 5, .is_external = true, .is_not_on_boundary = true }, /* inside an instruction */
	{ 0, 3, .is_external = true, .is_not_on_boundary = true },
	{ EXT, 5, .is_external = true, .is_not_on_boundary = true, .is_no_function = true },
	{ 0, EXT, .is_external = true, .is_not_on_boundary = true },
	{ 3, 7, .is_external = true }, /* neither is code */
	{ H, H + H_BYTES - 1, .is_used = true },
};

static void test_ranges_llvm_rule_and_health_of_each_kind(void **state)
{
	struct fixture f;

	begin(&f);
	for (size_t i = 0; i < array_size(llvm); i++) {
		const struct expectation *e = &llvm[i];
		struct range_health h;

		f.counts.n_ranges = 0;
		add(&f, e->start, e->end, 3);
		h = select_ranges(&f, RANGES_LLVM);
		if (h.n_pairs != 3 || h.n_external != 3 * e->is_external ||
		    h.n_not_on_boundary != 3 * e->is_not_on_boundary ||
		    h.n_no_function != 3 * e->is_no_function ||
		    h.n_cross_function != 3 * e->is_cross || h.n_bogus != 3 * e->is_bogus ||
		    h.n_used != 3 * e->is_used || f.counts.n_ranges != e->is_used)
			fail_msg("[%llu, %llu]", (unsigned long long)e->start,
				 (unsigned long long)e->end);
	}
	example_deinit(&f.x);
}

static void test_ranges_stay_normalized_and_weighted(void **state)
{
	struct range_health h;
	struct fixture f;

	begin(&f);
	add(&f, 14, 17, 4);
	add(&f, 0, 6, 100);
	add(&f, 0, 5, 7);
	add(&f, 14, 17, 1);
	h = select_ranges(&f, RANGES_LLVM);
	assert_int_equal(h.n_pairs, 112);
	assert_int_equal(h.n_used, 12);
	assert_int_equal(f.counts.n_ranges, 2);
	assert_true(f.ranges[0].start_vaddr == TEXT_VADDR);
	assert_int_equal(f.ranges[1].n, 5);
	example_deinit(&f.x);
}

static void test_ranges_accurate_drops_what_is_not_to_be_believed(void **state)
{
	struct range_health h;
	struct fixture f;

	begin(&f);
	add(&f, 14, 18, 5); /* bogus in both */
	add(&f, 18, H, 1);  /* in no function */
	add(&f, H, H + H_BYTES - 1, 2);
	h = select_ranges(&f, RANGES_ACCURATE);
	assert_int_equal(h.n_too_long, 2);
	assert_int_equal(h.n_bogus, 5);
	assert_int_equal(h.n_interrupted, 1);
	assert_int_equal(f.counts.n_ranges, 1);
	f.counts.n_ranges = 0;
	add(&f, 15, 17, 1);
	add(&f, 6, 6, 1);
	add(&f, 11, 12, 1);
	h = select_ranges(&f, RANGES_ACCURATE);
	assert_int_equal(h.n_used, 3);
	example_deinit(&f.x);
}

static void test_ranges_accurate_ends_before_an_interrupted_instruction(void **state)
{
	struct range_health h;
	struct fixture f;

	begin(&f);
	add(&f, 11, 15, 4);
	add(&f, 14, 14, 6); /* nothing was executed */
	h = select_ranges(&f, RANGES_ACCURATE);
	assert_int_equal(h.n_interrupted, 10);
	assert_int_equal(h.n_emptied, 6);
	assert_int_equal(h.n_used, 4);
	assert_int_equal(f.counts.n_ranges, 1);
	assert_true(f.ranges[0].end_vaddr == TEXT_VADDR + 14);
	example_deinit(&f.x);
}

static void test_ranges_accurate_passes_rewritten_barriers(void **state)
{
	struct range_health h;
	struct fixture f;

	begin(&f);
	add_site(&f, 6, 11); /* the call */
	add(&f, 6, 12, 4);
	h = select_ranges(&f, RANGES_LLVM);
	assert_int_equal(h.n_bogus, 4);
	f.counts.n_ranges = 0;
	add(&f, 6, 12, 4);
	add(&f, 8, 12, 1); /* from inside the site */
	h = select_ranges(&f, RANGES_ACCURATE);
	assert_int_equal(h.n_bogus, 0);
	assert_int_equal(h.n_patched_barrier, 5);
	assert_int_equal(h.n_used, 5);
	assert_int_equal(f.counts.n_ranges, 1);
	assert_true(f.ranges[0].start_vaddr == TEXT_VADDR + 6);
	example_deinit(&f.x);
}

static void test_branches_need_a_target_and_lose_foreign_sources(void **state)
{
	struct fixture f;
	struct selection selection;
	struct branch_health h;

	begin(&f);
	selection = (struct selection){ &f.x.objects, RANGES_LLVM, NULL };
	f.branches[0] = (struct branch_count){ TEXT_VADDR + 5, TEXT_VADDR, 2 };
	f.branches[1] =
		(struct branch_count){ TEXT_VADDR + 7, TEXT_VADDR, 3 }; /* mid-instruction */
	f.branches[2] = (struct branch_count){ EXT, TEXT_VADDR, 5 };
	f.branches[3] = (struct branch_count){ TEXT_VADDR, EXT, 7 };
	f.branches[4] = (struct branch_count){ TEXT_VADDR, TEXT_VADDR + 7, 11 };
	f.branches[5] = (struct branch_count){ 0x1234, TEXT_VADDR, 13 };
	f.counts.n_branches = 6;
	branches_select(&selection, &f.counts, &h);
	assert_int_equal(h.n_branches, 41);
	assert_int_equal(h.n_no_target, 18);
	assert_int_equal(h.n_external_source, 21);
	assert_int_equal(f.counts.n_branches, 2);
	assert_true(f.branches[0].from_vaddr == EXT);
	assert_int_equal(f.branches[0].n, 21);
	assert_int_equal(f.branches[1].n, 2);
	example_deinit(&f.x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges_llvm_rule_and_health_of_each_kind),
		cmocka_unit_test(test_ranges_stay_normalized_and_weighted),
		cmocka_unit_test(test_ranges_accurate_drops_what_is_not_to_be_believed),
		cmocka_unit_test(test_ranges_accurate_ends_before_an_interrupted_instruction),
		cmocka_unit_test(test_ranges_accurate_passes_rewritten_barriers),
		cmocka_unit_test(test_branches_need_a_target_and_lose_foreign_sources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
