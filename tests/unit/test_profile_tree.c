/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include "profile_example.h"

struct fixture {
	struct names *names;
	struct profile *profile;
};

static int make(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));

	assert_int_equal(names_new(&x->names, 64 << 20), 0);
	assert_int_equal(profile_new(&x->profile, x->names, 256 << 20), 0);
	*state = x;
	return 0;
}

static int drop(void **state)
{
	struct fixture *x = *state;

	profile_free(x->profile);
	names_free(x->names);
	free(x);
	return 0;
}

static uint32_t numbered_name(struct names *names, unsigned int i)
{
	char text[32];

	snprintf(text, sizeof(text), "f%u", i);
	return example_name(names, text);
}

static void test_tree_same_key_is_the_same_item(void **state)
{
	struct fixture *x = *state;
	struct function *f = profile_function(x->profile, numbered_name(x->names, 1));
	struct function *g = profile_inlinee(x->profile, f, 2, 3, f->name);

	assert_ptr_equal(profile_function(x->profile, f->name), f);
	assert_ptr_equal(profile_inlinee(x->profile, f, 2, 3, f->name), g);
	assert_ptr_not_equal(profile_inlinee(x->profile, f, 3, 2, f->name), g);
	assert_ptr_not_equal(profile_inlinee(x->profile, f, 2, 3, numbered_name(x->names, 2)), g);
	assert_ptr_equal(profile_record(x->profile, f, 7, 0), profile_record(x->profile, f, 7, 0));
	assert_int_equal(f->n_records, 1);
	assert_int_equal(f->n_inlinees, 3);
	assert_int_equal(g->depth, 1);
}

/* Crosses from scanned to indexed arrays, many growths, and searches everything again. */
static void test_tree_thousands_of_each_kind_are_found_again(void **state)
{
	struct fixture *x = *state;
	struct function *f = profile_function(x->profile, numbered_name(x->names, 0));
	const unsigned int n = 5000;

	for (int round = 0; round < 2; round++) {
		for (unsigned int i = 0; i < n; i++) {
			uint32_t name = numbered_name(x->names, i * 7919 % n);
			struct record *r = profile_record(x->profile, f, i * 31 % n, i % 3);

			assert_non_null(profile_function(x->profile, name));
			profile_inlinee(x->profile, f, i % 50, i, name)->total++;
			r->samples++;
			r = profile_record(x->profile, f, n, 0);
			assert_int_equal(profile_add_target(x->profile, r, name, i), 0);
		}
		assert_int_equal(x->profile->n_functions, n);
		assert_int_equal(f->n_inlinees, n);
		assert_int_equal(f->n_records, n + 1);
		profile_sort(x->profile);
	}
	for (unsigned int i = 0; i < n; i++) {
		assert_int_equal(f->inlinees[i]->total, 2);
		if (f->records[i].line_off < n)
			assert_int_equal(f->records[i].samples, 2);
	}
	assert_int_equal(profile_record(x->profile, f, n, 0)->n_targets, n);
	assert_int_equal(profile_error(x->profile), 0);
}

static void test_tree_target_counts_saturate(void **state)
{
	struct fixture *x = *state;
	struct function *f = profile_function(x->profile, numbered_name(x->names, 0));
	struct record *r = profile_record(x->profile, f, 1, 0);

	assert_int_equal(profile_add_target(x->profile, r, f->name, UINT64_MAX - 1), 0);
	assert_int_equal(profile_add_target(x->profile, r, f->name, 5), 0);
	assert_true(r->targets[0].n == UINT64_MAX);
	assert_true(saturating_mul(1ull << 63, 3) == UINT64_MAX);
}

static void test_tree_sorted_stands_in_the_order_of_the_formats(void **state)
{
	struct fixture *x = *state;
	struct profile *p = x->profile;
	static const char *const by_total[] = { "zz", "a", "ab", "b", "A" };
	struct function *f;
	struct record *r;

	for (size_t i = array_size(by_total); i-- > 0;) {
		f = profile_function(p, example_name(x->names, by_total[i]));
		f->total = i == 0 ? UINT64_MAX : i == 4 ? 1 : 7;
	}
	f = profile_function(p, example_name(x->names, "a"));
	profile_record(p, f, 2, 0);
	profile_record(p, f, 1, 1u << 31);
	profile_record(p, f, 1, 0);
	profile_inlinee(p, f, 1, 0, example_name(x->names, "b"));
	profile_inlinee(p, f, 1, 0, example_name(x->names, "ab"));
	profile_inlinee(p, f, 0, 9, example_name(x->names, "zz"));
	r = profile_record(p, f, 2, 0);
	for (size_t i = 0; i < array_size(by_total); i++)
		assert_int_equal(profile_add_target(p, r, example_name(x->names, by_total[i]),
						    i == 3 ? 9 : 4),
				 0);
	profile_sort(p);

	for (size_t i = 0; i < array_size(by_total); i++)
		assert_string_equal(names_get(x->names, p->functions[i]->name).text, by_total[i]);
	assert_int_equal(f->records[0].disc, 0);
	assert_int_equal(f->records[1].disc, 1u << 31);
	assert_int_equal(f->records[2].line_off, 2);
	assert_int_equal(f->inlinees[0]->disc, 9);
	assert_string_equal(names_get(x->names, f->inlinees[1]->name).text, "ab");
	static const char *const by_count[] = { "b", "A", "a", "ab", "zz" };
	for (size_t i = 0; i < array_size(by_count); i++)
		assert_string_equal(names_get(x->names, f->records[2].targets[i].name).text,
				    by_count[i]);
}

static bool is_named(const struct profile *profile, const struct function *f, void *arg)
{
	return f->name == *(uint32_t *)arg;
}

static void test_tree_removed_functions_are_gone_at_every_depth(void **state)
{
	struct fixture *x = *state;
	uint32_t unwanted = numbered_name(x->names, 20);
	struct function *f;

	for (unsigned int i = 0; i < 40; i++) {
		f = profile_function(x->profile, numbered_name(x->names, i));
		f = profile_inlinee(x->profile, f, 1, 0, numbered_name(x->names, i + 1));
		profile_inlinee(x->profile, f, 1, 0, numbered_name(x->names, i + 2));
	}
	/* f20; f19 > f20 (with its f21); f18 > f19 > f20 */
	assert_int_equal(profile_remove(x->profile, is_named, &unwanted), 3);
	assert_int_equal(x->profile->n_functions, 39);
	assert_int_equal(profile_function(x->profile, numbered_name(x->names, 19))->n_inlinees, 0);
	f = profile_function(x->profile, numbered_name(x->names, 18));
	assert_int_equal(f->inlinees[0]->n_inlinees, 0);
	/* those behind the gap are found, the one that is gone is created anew */
	for (unsigned int i = 21; i < 40; i++)
		assert_int_equal(
			profile_function(x->profile, numbered_name(x->names, i))->n_inlinees, 1);
	assert_int_equal(x->profile->n_functions, 39);
	assert_int_equal(profile_function(x->profile, unwanted)->n_inlinees, 0);
	assert_int_equal(x->profile->n_functions, 40);
}

static void test_tree_too_deep_a_chain_is_refused(void **state)
{
	struct fixture *x = *state;
	struct function *f = profile_function(x->profile, numbered_name(x->names, 0));

	for (int depth = 1; depth < PROFILE_DEPTH_MAX; depth++) {
		f = profile_inlinee(x->profile, f, 1, 0, f->name);
		assert_non_null(f);
	}
	assert_null(profile_inlinee(x->profile, f, 1, 0, f->name));
	assert_int_equal(profile_error(x->profile), -E2BIG);
	profile_sort(x->profile);
}

static void test_tree_ceiling_is_kept_and_sticks(void **state)
{
	struct fixture *x = *state;
	struct profile *p;
	struct function *f;
	unsigned int n = 0;

	assert_int_equal(profile_new(&p, x->names, 1 << 20), 0);
	f = profile_function(p, numbered_name(x->names, 0));
	while (profile_record(p, f, n, 0))
		n++;
	assert_int_equal(profile_error(p), -E2BIG);
	/* an array that grows by half needs, for a moment, 5/3 of its size: no more is ever held */
	assert_in_range(n, (1 << 20) / 40 * 3 / 8, (1 << 20) / 40);
	assert_non_null(profile_record(p, f, n - 1, 0));
	assert_int_equal(f->n_records, n);
	profile_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_tree_same_key_is_the_same_item, make, drop),
		cmocka_unit_test_setup_teardown(test_tree_thousands_of_each_kind_are_found_again,
						make, drop),
		cmocka_unit_test_setup_teardown(test_tree_target_counts_saturate, make, drop),
		cmocka_unit_test_setup_teardown(test_tree_sorted_stands_in_the_order_of_the_formats,
						make, drop),
		cmocka_unit_test_setup_teardown(test_tree_removed_functions_are_gone_at_every_depth,
						make, drop),
		cmocka_unit_test_setup_teardown(test_tree_too_deep_a_chain_is_refused, make, drop),
		cmocka_unit_test_setup_teardown(test_tree_ceiling_is_kept_and_sticks, make, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
