/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "profile/coverage.h"
#include "symbolize_example.h"

#define SPAN 256 /* of addresses that tests use, from TEXT_VADDR */
#define NONE UINT64_MAX
#define NAME(i) ((const char *[]){ "a", "b", "c", "d", "e", "f", "g", "h" }[(i) % 8])

struct fixture {
	struct example x;
	struct branch_counts counts;
	struct range_count ranges[64];
	struct coverage coverage;
};

static void begin(struct fixture *f)
{
	*f = (struct fixture){ 0 };
	f->counts.ranges = f->ranges;
	example_init(&f->x);
	example_nops(&f->x, SPAN);
	example_unit(&f->x, 0, SPAN, 0);
}

static void add_function(struct fixture *f, const char *name, uint64_t lo, uint64_t hi)
{
	example_function(&f->x, name, lo, hi, 1);
	example_end(&f->x);
}

static void add_range(struct fixture *f, uint64_t start, uint64_t end, uint64_t n)
{
	f->ranges[f->counts.n_ranges++] =
		(struct range_count){ TEXT_VADDR + start, TEXT_VADDR + end, n };
}

static void compute(struct fixture *f)
{
	example_unit_end(&f->x);
	branch_counts_normalize(&f->counts);
	assert_int_equal(
		coverage_compute(&f->counts, &example_load(&f->x)->functions, &f->coverage), 0);
}

static void end(struct fixture *f)
{
	coverage_deinit(&f->coverage);
	example_deinit(&f->x);
}

static void check(struct fixture *f, size_t i, uint64_t start, uint64_t last, uint64_t n)
{
	assert_true(i < f->coverage.n);
	assert_int_equal(f->coverage.items[i].start_vaddr - TEXT_VADDR, start);
	assert_int_equal(f->coverage.items[i].end_vaddr - TEXT_VADDR, last);
	assert_int_equal(f->coverage.items[i].n, n);
}

static void test_coverage_overlapping_ranges_add_up(void **state)
{
	struct fixture f;

	begin(&f);
	add_range(&f, 10, 30, 5);
	add_range(&f, 20, 40, 7);
	add_range(&f, 60, 60, 1);
	compute(&f);
	assert_int_equal(f.coverage.n, 4);
	check(&f, 0, 10, 19, 5);
	check(&f, 1, 20, 30, 12);
	check(&f, 2, 31, 40, 7);
	check(&f, 3, 60, 60, 1);
	end(&f);
}

static void test_coverage_entered_functions_are_covered_whole(void **state)
{
	struct fixture f;

	begin(&f);
	add_function(&f, "hot", 0, 50);
	add_function(&f, "cold", 50, 60);
	add_function(&f, "hot", 100, 110); /* of the same name */
	add_range(&f, 10, 20, 3);
	compute(&f);
	assert_int_equal(f.coverage.n, 4);
	check(&f, 0, 0, 9, 0);
	check(&f, 1, 10, 20, 3);
	check(&f, 2, 21, 49, 0);
	check(&f, 3, 100, 109, 0);
	end(&f);
}

/* Two zero ranges that begin apart and end together never close: the gap behind them is covered. */
static void test_coverage_counts_points_of_zero_ranges_as_llvm_does(void **state)
{
	struct fixture f;

	begin(&f);
	add_function(&f, "a", 0, 20);
	add_function(&f, "b", 10, 20);
	add_range(&f, 2, 2, 1);
	add_range(&f, 12, 12, 1);
	add_range(&f, 40, 42, 1);
	compute(&f);
	check(&f, f.coverage.n - 2, 20, 39, 0);
	check(&f, f.coverage.n - 1, 40, 42, 1);
	end(&f);
	/* begin together, end apart: coverage stops at the first end */
	begin(&f);
	add_function(&f, "a", 0, 20);
	add_function(&f, "a", 0, 30);
	add_range(&f, 2, 2, 1);
	compute(&f);
	check(&f, f.coverage.n - 1, 3, 19, 0);
	end(&f);
}

static void test_coverage_counted_range_is_no_zero_range(void **state)
{
	struct fixture f;

	begin(&f);
	add_function(&f, "a", 0, 20);
	add_range(&f, 0, 19, 4);
	compute(&f);
	assert_int_equal(f.coverage.n, 1);
	check(&f, 0, 0, 19, 4);
	end(&f);
}

static void test_coverage_of_nothing_is_nothing(void **state)
{
	struct fixture f;

	begin(&f);
	add_function(&f, "a", 0, 20);
	compute(&f);
	assert_int_equal(f.coverage.n, 0);
	end(&f);
}

/* The specification word by word: all ranges in a square table, points in a line of addresses. */
struct naive {
	bool has[SPAN][SPAN];
	uint64_t n[SPAN][SPAN];
	struct covered items[4 * SPAN];
	size_t n_items;
};

static void naive_ranges(struct naive *naive, const struct fixture *f)
{
	const struct functions *functions = &f->x.symbols->functions;

	for (size_t i = 0; i < f->counts.n_ranges; i++) {
		const struct range_count *r = &f->ranges[i];

		naive->has[r->start_vaddr - TEXT_VADDR][r->end_vaddr - TEXT_VADDR] = true;
		naive->n[r->start_vaddr - TEXT_VADDR][r->end_vaddr - TEXT_VADDR] += r->n;
	}
	for (size_t i = 0; i < f->counts.n_ranges; i++) {
		const struct function_range *r =
			functions_find(functions, f->ranges[i].start_vaddr);

		for (size_t k = 0; r && k < functions->n_ranges; k++)
			if (functions->ranges[k].name == r->name)
				naive->has[functions->ranges[k].lo_vaddr - TEXT_VADDR]
					  [functions->ranges[k].hi_vaddr - 1 - TEXT_VADDR] = true;
	}
}

static void naive_emit(struct naive *naive, uint64_t start, uint64_t last, uint64_t n)
{
	if (start != NONE && (int64_t)last >= (int64_t)start)
		naive->items[naive->n_items++] =
			(struct covered){ TEXT_VADDR + start, TEXT_VADDR + last, n };
}

static void naive_sweep(struct naive *naive)
{
	uint64_t beg = NONE, c = 0;
	int64_t depth = 0;

	for (uint64_t x = 0; x < SPAN; x++) {
		bool begins = false, ends = false, zero_begin = false, zero_end = false;
		uint64_t begin_sum = 0, end_sum = 0;

		for (uint64_t y = 0; y < SPAN; y++) {
			if (naive->has[x][y]) {
				begins = true;
				begin_sum += naive->n[x][y];
				zero_begin |= naive->n[x][y] == 0;
			}
			if (naive->has[y][x]) {
				ends = true;
				end_sum += naive->n[y][x];
				zero_end |= naive->n[y][x] == 0;
			}
		}
		if (begins) {
			if (beg != NONE)
				naive_emit(naive, beg, x - 1, c);
			c += begin_sum;
			beg = x;
			depth += zero_begin;
		}
		if (ends) {
			naive_emit(naive, beg, x, c);
			c -= end_sum;
			beg = x + 1;
			depth -= zero_end;
			if (c == 0 && depth == 0)
				beg = NONE;
		}
	}
}

/* What must hold whatever the rule: each covered address has the sum of the ranges over it. */
static void check_sums(const struct fixture *f)
{
	uint64_t behind = 0;

	for (size_t i = 0; i < f->coverage.n; i++) {
		const struct covered *c = &f->coverage.items[i];

		assert_true(c->start_vaddr >= behind && c->end_vaddr >= c->start_vaddr);
		behind = c->end_vaddr + 1;
		for (uint64_t a = c->start_vaddr; a <= c->end_vaddr; a++) {
			uint64_t sum = 0;

			for (size_t k = 0; k < f->counts.n_ranges; k++)
				if (f->ranges[k].start_vaddr <= a && a <= f->ranges[k].end_vaddr)
					sum += f->ranges[k].n;
			assert_int_equal(c->n, sum);
		}
	}
}

static void test_coverage_random_ranges_equal_the_rule_word_by_word(void **state)
{
	struct naive *naive = malloc(sizeof(*naive));
	uint64_t seed = 99;

	for (int round = 0; round < 2000; round++) {
		uint64_t n_functions = example_random(&seed, 10),
			 n_ranges = example_random(&seed, 20);
		uint64_t span = round % 2 ? 40 : SPAN;
		struct fixture f;

		begin(&f);
		for (uint64_t i = 0; i < n_functions; i++) {
			uint64_t lo = example_random(&seed, span - 1);

			add_function(&f, NAME(example_random(&seed, 8)), lo,
				     lo + example_random(&seed, span - lo));
		}
		for (uint64_t i = 0; i < n_ranges; i++) {
			uint64_t start = example_random(&seed, span);

			add_range(&f, start, start + example_random(&seed, span - start),
				  example_random(&seed, 5));
		}
		compute(&f);
		*naive = (struct naive){ 0 };
		naive_ranges(naive, &f);
		naive_sweep(naive);
		assert_int_equal(f.coverage.n, naive->n_items);
		assert_memory_equal(f.coverage.items, naive->items,
				    naive->n_items * sizeof(*naive->items));
		check_sums(&f);
		end(&f);
	}
	free(naive);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_coverage_overlapping_ranges_add_up),
		cmocka_unit_test(test_coverage_entered_functions_are_covered_whole),
		cmocka_unit_test(test_coverage_counts_points_of_zero_ranges_as_llvm_does),
		cmocka_unit_test(test_coverage_counted_range_is_no_zero_range),
		cmocka_unit_test(test_coverage_of_nothing_is_nothing),
		cmocka_unit_test(test_coverage_random_ranges_equal_the_rule_word_by_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
