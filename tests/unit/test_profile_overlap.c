/* SPDX-License-Identifier: Apache-2.0 */
/* That the figures are LLVM's is tests/format/overlap's matter; here are borders and wild counts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include "base/buf.h"
#include "profile/overlap.h"
#include "profile/textual.h"
#include "profile_random.h"

#define CEILING (1u << 20)

struct fixture {
	struct names *names;
	struct profile *profiles[2];
	struct overlap overlap;
};

static int make(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));

	assert_int_equal(names_new(&x->names, CEILING), 0);
	*state = x;
	return 0;
}

static void drop_profiles(struct fixture *x)
{
	profile_free(x->profiles[0]);
	profile_free(x->profiles[1]);
	x->profiles[0] = x->profiles[1] = NULL;
}

static int drop(void **state)
{
	struct fixture *x = *state;

	drop_profiles(x);
	names_free(x->names);
	free(x);
	return 0;
}

static struct profile *read_text(struct fixture *x, const char *text)
{
	struct problem problem;
	struct profile *p;

	assert_int_equal(textual_read(text, strlen(text), x->names, CEILING, &problem, &p), 0);
	profile_sort(p);
	return p;
}

static void compare(struct fixture *x, const char *first, const char *second)
{
	drop_profiles(x);
	x->profiles[0] = read_text(x, first);
	x->profiles[1] = read_text(x, second);
	assert_int_equal(overlap_compute(x->profiles[0], x->profiles[1], &x->overlap), 0);
}

static void test_overlap_of_a_profile_with_itself_is_all(void **state)
{
	struct fixture *x = *state;

	compare(x, EXAMPLE_TEXT, EXAMPLE_TEXT);
	assert_true(x->overlap.similarity == 1 && x->overlap.overlap == 1);
	assert_true(overlap_common_share(&x->overlap) == 1);
	assert_int_equal(x->overlap.functions.n_both, 2);
	assert_int_equal(x->overlap.n_first_samples, 110);
	assert_int_equal(x->overlap.n_first_only_samples + x->overlap.n_second_only_samples, 0);
}

/* The same load, sampled for longer. */
static void test_overlap_does_not_depend_on_how_much_was_counted(void **state)
{
	struct fixture *x = *state;

	compare(x, "a:0:0\n 1: 10\n 2: 20\nb:0:0\n 1: 30\n",
		"a:0:0\n 1: 1000\n 2: 2000\nb:0:0\n 1: 3000\n");
	assert_true(x->overlap.similarity == 1);
}

/* (half of a's lines differ by half) 0.5 of a, nothing of what is only in one */
static void test_overlap_of_half_a_function_is_half(void **state)
{
	struct fixture *x = *state;

	compare(x, "a:0:0\n 1: 50\n 2: 50\n", "a:0:0\n 1: 50\n 3: 50\n");
	assert_true(x->overlap.similarity == 0.5);
	assert_true(x->overlap.overlap == 0.5);
	assert_int_equal(x->overlap.n_common_samples, 50);
	assert_int_equal(x->overlap.n_union_samples, 150);
	assert_int_equal(x->overlap.n_first_only_samples, 50);
	assert_int_equal(x->overlap.n_second_only_samples, 50);
	assert_int_equal(x->overlap.hot_records.n_both, 1);
	assert_int_equal(x->overlap.hot_records.n_first_only, 1);
	assert_int_equal(x->overlap.hot_records.n_second_only, 1);
}

/* 16 functions of equal weight, of which half count 15 times: what LLVM's figure does not see. */
static void test_overlap_sees_weight_that_moves_between_functions(void **state)
{
	struct fixture *x = *state;
	struct buf a cleanup(buf_deinit) = BUF_INIT(CEILING);
	struct buf b cleanup(buf_deinit) = BUF_INIT(CEILING);

	for (int i = 0; i < 16; i++) {
		buf_printf(&a, "f%d:0:0\n 1: 100\n", i);
		buf_printf(&b, "f%d:0:0\n 1: %d\n", i, i < 8 ? 1500 : 100);
	}
	buf_u8(&a, 0);
	buf_u8(&b, 0);
	compare(x, (const char *)a.data, (const char *)b.data);
	assert_true(x->overlap.similarity > 0.94);
	/* 8 x 1/16, and 8 x 100/12800 */
	assert_true(x->overlap.overlap > 0.5624 && x->overlap.overlap < 0.5626);
}

static void test_overlap_of_inlined_functions_is_by_place_and_name(void **state)
{
	struct fixture *x = *state;

	compare(x, "a:0:0\n 1: in:0\n  1: 40\n 1: ni:0\n  1: 60\n",
		"a:0:0\n 1: in:0\n  1: 40\n 2: ni:0\n  1: 60\n");
	assert_true(x->overlap.similarity > 0.3999 && x->overlap.similarity < 0.4001);
	assert_int_equal(x->overlap.n_first_only_samples, 60);
}

static void test_overlap_with_what_has_no_samples_is_none(void **state)
{
	static const char *const empty[] = { "", "a:0:0\n", "a:0:0\n 1: 0\n" };
	struct fixture *x = *state;

	for (size_t i = 0; i < array_size(empty); i++) {
		compare(x, empty[i], EXAMPLE_TEXT);
		assert_true(x->overlap.similarity == 0 && x->overlap.overlap == 0);
		compare(x, EXAMPLE_TEXT, empty[i]);
		assert_true(x->overlap.similarity == 0);
		compare(x, empty[i], empty[i]);
		assert_true(x->overlap.similarity == 0);
		assert_true(overlap_common_share(&x->overlap) == 0);
	}
}

static void test_overlap_of_hashes_and_names_is_refused(void **state)
{
	struct fixture *x = *state;

	compare(x, EXAMPLE_TEXT, EXAMPLE_TEXT);
	x->profiles[0]->is_md5 = true;
	assert_int_equal(overlap_compute(x->profiles[0], x->profiles[1], &x->overlap), -EINVAL);
}

static bool is_share(double share)
{
	return share >= 0 && share <= 1;
}

/* Counts up to 2^64 - 1, at any place: in range, and the same seen from the other side. */
static void test_overlap_of_wild_counts_is_in_range_and_symmetric(void **state)
{
	struct fixture *x = *state;

	for (uint64_t seed = 0; seed < 300; seed++) {
		struct overlap o, back;

		drop_profiles(x);
		x->profiles[0] = random_profile(x->names, 2 * seed);
		x->profiles[1] = random_profile(x->names, 2 * seed + 1);
		assert_int_equal(overlap_compute(x->profiles[0], x->profiles[1], &o), 0);
		assert_int_equal(overlap_compute(x->profiles[1], x->profiles[0], &back), 0);
		assert_true(is_share(o.similarity) && is_share(back.similarity));
		assert_true(is_share(overlap_common_share(&o)));
		assert_true(is_share(o.overlap) && o.overlap - back.overlap < 1e-9);
		assert_int_equal(o.n_common_samples, back.n_common_samples);
		assert_int_equal(o.n_first_only_samples, back.n_second_only_samples);
		assert_int_equal(o.functions.n_first_only, back.functions.n_second_only);
		assert_int_equal(o.hot_records.n_both, back.hot_records.n_both);
		assert_true(o.similarity - back.similarity < 1e-9);
	}
}

static void test_overlap_with_bytes_reads_what_was_written(void **state)
{
	struct fixture *x = *state;
	struct problem problem = { "" };
	double overlap = -7;

	x->profiles[0] = read_text(x, EXAMPLE_TEXT);
	assert_int_equal(overlap_with_bytes(x->profiles[0], x->names, EXAMPLE_TEXT,
					    strlen(EXAMPLE_TEXT), CEILING, &overlap, &problem),
			 0);
	assert_true(overlap == 1);
	overlap = -7;
	assert_int_equal(overlap_with_bytes(x->profiles[0], x->names, "x\ny\n", 4, CEILING,
					    &overlap, &problem),
			 -EBADMSG);
	assert_true(overlap == -7 && problem.text[0]);
	x->profiles[0]->is_md5 = true;
	assert_int_equal(overlap_with_bytes(x->profiles[0], x->names, EXAMPLE_TEXT,
					    strlen(EXAMPLE_TEXT), CEILING, &overlap, &problem),
			 -EINVAL);
	assert_non_null(strstr(problem.text, "hashes"));
}

int main(void)
{
#define OVERLAP_TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)
	const struct CMUnitTest tests[] = {
		OVERLAP_TEST(test_overlap_of_a_profile_with_itself_is_all),
		OVERLAP_TEST(test_overlap_does_not_depend_on_how_much_was_counted),
		OVERLAP_TEST(test_overlap_of_half_a_function_is_half),
		OVERLAP_TEST(test_overlap_sees_weight_that_moves_between_functions),
		OVERLAP_TEST(test_overlap_of_inlined_functions_is_by_place_and_name),
		OVERLAP_TEST(test_overlap_with_what_has_no_samples_is_none),
		OVERLAP_TEST(test_overlap_of_hashes_and_names_is_refused),
		OVERLAP_TEST(test_overlap_of_wild_counts_is_in_range_and_symmetric),
		OVERLAP_TEST(test_overlap_with_bytes_reads_what_was_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
