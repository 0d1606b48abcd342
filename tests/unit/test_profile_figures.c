/* SPDX-License-Identifier: Apache-2.0 */
/* What is computed from a finished tree: summary, density, removals, and what show makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <json-c/json.h>
#include <math.h>
#include "profile/density.h"
#include "profile/remove.h"
#include "profile/show.h"
#include "profile_example.h"

struct fixture {
	struct names *names;
	struct profile *profile;
};

static int make(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));

	assert_int_equal(names_new(&x->names, 1 << 20), 0);
	x->profile = example_profile(x->names);
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

static void test_summary_of_an_empty_profile_is_zero(void **state)
{
	struct fixture *x = *state;
	struct profile *empty;
	struct summary s;
	double density = 1;

	assert_int_equal(profile_new(&empty, x->names, 0), 0);
	assert_int_equal(summary_compute(empty, &s), 0);
	assert_true(s.total == 0 && s.max == 0 && s.n_records == 0 && s.n_functions == 0);
	assert_int_equal(s.cutoffs[15].cutoff, 999999);
	assert_true(s.cutoffs[15].min_count == 0 && s.cutoffs[15].n_counts == 0);
	assert_int_equal(density_compute(empty, &density), 0);
	assert_true(density == 0);
	profile_free(empty);
}

static void test_summary_product_with_the_cutoff_does_not_overflow(void **state)
{
	struct fixture *x = *state;
	struct function *f = profile_function(x->profile, example_name(x->names, "big"));
	struct summary s;

	for (uint32_t i = 0; i < 3; i++)
		profile_record(x->profile, f, i, 0)->samples = 1ull << 62;
	assert_int_equal(summary_compute(x->profile, &s), 0);
	assert_true(s.total == 3 * (1ull << 62) + 110);
	assert_int_equal(s.cutoffs[5].cutoff, 500000);
	assert_int_equal(s.cutoffs[5].n_counts, 3);
	assert_int_equal(s.cutoffs[2].n_counts, 3); /* equal values count together */
	assert_int_equal(s.cutoffs[15].n_counts, 3);
}

/* 8 of 10 samples are 80 % already: the next value is not needed for that cutoff. */
static void test_summary_cutoff_that_is_just_reached_takes_no_more(void **state)
{
	struct fixture *x = *state;
	struct profile *p;
	struct summary s;

	assert_int_equal(profile_new(&p, x->names, 1 << 20), 0);
	example_record(p, profile_function(p, 0), 1, 0, 8);
	example_record(p, profile_function(p, 0), 2, 0, 2);
	assert_int_equal(summary_compute(p, &s), 0);
	assert_int_equal(s.cutoffs[8].cutoff, 800000);
	assert_int_equal(s.cutoffs[8].n_counts, 1);
	assert_int_equal(s.cutoffs[9].n_counts, 2);
	profile_free(p);
}

/* hot has 100 samples in 6 records, caller 10 in 1: caller is needed to reach 99 %. */
static void test_density_is_of_the_last_function_needed(void **state)
{
	struct fixture *x = *state;
	double density;

	assert_int_equal(density_compute(x->profile, &density), 0);
	assert_true(density == 10.0);
	/* 2000 in one record are more than 99 % of it all with hot's 100 */
	example_record(x->profile, profile_function(x->profile, example_name(x->names, "f")), 1, 0,
		       2000);
	assert_int_equal(density_compute(x->profile, &density), 0);
	assert_true(fabs(density - 100.0 / 6) < 1e-9);
}

static void test_density_skips_functions_without_records(void **state)
{
	struct fixture *x = *state;
	double density;

	profile_function(x->profile, example_name(x->names, "f"));
	assert_int_equal(density_compute(x->profile, &density), 0);
	assert_true(density == 10.0);
}

static void test_remove_initializers_keeps_the_callers_totals(void **state)
{
	struct fixture *x = *state;
	struct function *hot = profile_function(x->profile, example_name(x->names, "hot"));
	uint32_t init = example_name(x->names, "__cxx_global_var_init.12");
	uint32_t tls = example_name(x->names, "__tls_init");
	uint32_t other = example_name(x->names, "my__tls_init");

	profile_inlinee(x->profile, hot, 1, 0, init);
	profile_inlinee(x->profile, hot, 1, 0, other);
	assert_non_null(profile_function(x->profile, tls));
	assert_int_equal(remove_initializers(x->profile), 2);
	assert_int_equal(x->profile->n_functions, 2);
	assert_int_equal(hot->n_inlinees, 2);
	assert_int_equal(hot->total, 330);
}

static char *shown(struct fixture *x, uint32_t n_top, uint32_t n_columns)
{
	struct show_options options = { n_top, n_columns };
	struct buf b = BUF_INIT(1 << 20);
	struct show_figures figures;
	size_t n_bytes;

	profile_sort(x->profile);
	assert_int_equal(show_compute(x->profile, &figures), 0);
	show_text(x->profile, &figures, &options, &b);
	buf_u8(&b, 0);
	assert_int_equal(b.error, 0);
	return (char *)buf_steal(&b, &n_bytes);
}

static void test_show_example_reads_as_meant(void **state)
{
	char *text = shown(*state, 10, 0);

	assert_string_equal(text, "functions  2, with 1 inlined\n"
				  "records    7, at most 25 samples\n"
				  "samples    110\n"
				  " 90 % in   6 records of 10 or more\n"
				  " 99 % in   7 records of 5 or more\n"
				  "verdict    thin\n"
				  "           density 10.0 of 50: take 5.0 times the samples\n"
				  "marks      none\n"
				  "\n"
				  " share  total  head  name\n"
				  "100.0%    330    12  hot\n"
				  "  0.0%      0     0  caller\n");
	free(text);
}

static void test_show_cuts_names_to_the_columns_and_hides_control_bytes(void **state)
{
	struct fixture *x = *state;
	struct function *f = profile_function(
		x->profile,
		example_name(x->names,
			     "a\033[2J_very_long_name_of_a_function_that_goes_on_and_on"));
	char *text;

	f->total = 1000;
	text = shown(x, 1, 40);
	/* 8 + 5 + 2 + 4 + 2 columns are taken, 19 are left */
	assert_non_null(strstr(text, "\n 75.2%   1000     0  a?[2J_very_long_na…\n"));
	assert_null(strstr(text, "hot"));
	assert_null(strchr(text, '\033'));
	free(text);
	text = shown(x, 0, 40);
	assert_null(strstr(text, "share"));
	free(text);
}

static uint64_t member(struct json_object *object, const char *key)
{
	struct json_object *value;

	assert_true(json_object_object_get_ex(object, key, &value));
	return json_object_get_uint64(value);
}

static void test_show_json_parses_and_has_the_figures(void **state)
{
	struct fixture *x = *state;
	struct show_options options = { 1, 0 };
	struct buf b = BUF_INIT(1 << 20);
	struct show_figures figures;
	struct json_object *root, *functions, *cutoffs, *first;

	profile_function(x->profile, example_name(x->names, "bad\xff\"name"))->total = UINT64_MAX;
	profile_sort(x->profile);
	assert_int_equal(show_compute(x->profile, &figures), 0);
	show_json(x->profile, &figures, &options, &b);
	buf_u8(&b, 0);
	assert_int_equal(b.error, 0);
	root = json_tokener_parse((const char *)b.data);
	assert_non_null(root);
	assert_int_equal(member(root, "n_functions"), 3);
	assert_int_equal(member(root, "n_inlinees"), 1);
	assert_int_equal(member(root, "samples"), 110);
	assert_string_equal(json_object_get_string(json_object_object_get(root, "verdict")),
			    "thin");
	assert_true(json_object_object_get_ex(root, "cutoffs", &cutoffs));
	assert_int_equal(json_object_array_length(cutoffs), SUMMARY_N_CUTOFFS);
	assert_true(json_object_object_get_ex(root, "functions", &functions));
	assert_int_equal(json_object_array_length(functions), 1);
	first = json_object_array_get_idx(functions, 0);
	assert_true(member(first, "total") == UINT64_MAX);
	assert_string_equal(json_object_get_string(json_object_object_get(first, "name")),
			    "bad?\"name");
	json_object_put(root);
	buf_deinit(&b);
}

static void test_show_full_buffer_fails(void **state)
{
	struct fixture *x = *state;
	struct show_options options = { 1, 0 };
	struct buf b = BUF_INIT(20);
	struct show_figures figures;

	assert_int_equal(show_compute(x->profile, &figures), 0);
	show_text(x->profile, &figures, &options, &b);
	assert_int_not_equal(b.error, 0);
	buf_deinit(&b);
	show_json(x->profile, &figures, &options, &b);
	assert_int_not_equal(b.error, 0);
	buf_deinit(&b);
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, make, drop)
	const struct CMUnitTest tests[] = {
		WITH(test_summary_of_an_empty_profile_is_zero),
		WITH(test_summary_product_with_the_cutoff_does_not_overflow),
		WITH(test_summary_cutoff_that_is_just_reached_takes_no_more),
		WITH(test_density_is_of_the_last_function_needed),
		WITH(test_density_skips_functions_without_records),
		WITH(test_remove_initializers_keeps_the_callers_totals),
		WITH(test_show_example_reads_as_meant),
		WITH(test_show_cuts_names_to_the_columns_and_hides_control_bytes),
		WITH(test_show_json_parses_and_has_the_figures),
		WITH(test_show_full_buffer_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
