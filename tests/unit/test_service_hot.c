/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions that a worker says there are, good and bad, and samples in them.
 */
#include "service/hot.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "process/worker_result.h"
#include "service/hot_job.h"

/* first 0x100, second 0x200, a gap from 0x300 on, third of a module 0x1000 */
static const uint32_t starts[] = { 0x100, 0x200, 0x300, 0x1000 };
static const uint32_t names_at[] = { 0, 6, 13, 14 };
static const char names[] = "first\0second\0\0third\tmodule";

static struct worker_result result_of(const void *a, size_t n_a, const void *b, size_t n_b,
				      const void *c, size_t n_c)
{
	struct worker_result result = { .n_sections = 3 };

	result.sections[0] = (struct worker_section){ a, n_a, HOT_STARTS };
	result.sections[1] = (struct worker_section){ b, n_b, HOT_NAMES_AT };
	result.sections[2] = (struct worker_section){ c, n_c, HOT_NAMES };
	return result;
}

static struct hot make(void)
{
	const struct worker_result result =
		result_of(starts, sizeof(starts), names_at, sizeof(names_at), names, sizeof(names));
	struct problem problem = { "" };
	struct hot hot = { 0 };

	assert_int_equal(hot_init(&hot, &result, &problem), 0);
	return hot;
}

static const char *name_of(const struct hot *hot, const struct hot_function *function)
{
	return hot->names + hot->names_at[function->i];
}

static void test_hot_samples_go_to_the_function_they_are_in(void **state)
{
	struct hot hot = make();
	struct hot_function top[4];
	uint32_t before[4] = { 0 };

	(void)state;
	hot_add(&hot, 0x1fff, 0);
	hot_add(&hot, 0x1ff, 0);
	hot_add(&hot, 0x200, 0);
	hot_add(&hot, 0x2ff, 0);
	hot_add(&hot, UINT32_MAX, 0);
	hot_add(&hot, 0x1000, 0);
	assert_int_equal(hot_top(&hot, before, top, 4), 3);
	assert_string_equal(name_of(&hot, &top[0]), "third\tmodule");
	assert_int_equal(top[0].n_samples, 3);
	assert_string_equal(name_of(&hot, &top[1]), "second");
	assert_int_equal(top[1].n_samples, 2);
	assert_string_equal(name_of(&hot, &top[2]), "first");
	assert_int_equal(top[2].n_samples, 1);
	/* since then */
	assert_int_equal(hot_top(&hot, before, top, 4), 0);
	hot_add(&hot, 0x100, 0);
	assert_int_equal(hot_top(&hot, before, top, 4), 1);
	assert_string_equal(name_of(&hot, &top[0]), "first");
	hot_deinit(&hot);
}

static void test_hot_sample_in_no_function_is_where_it_came_from(void **state)
{
	struct hot hot = make();
	struct hot_function top[4];
	uint32_t before[4] = { 0 };

	(void)state;
	hot_add(&hot, 0, 0x210);     /* left the kernel */
	hot_add(&hot, 0x50, 0x110);  /* before the first one */
	hot_add(&hot, 0x300, 0x310); /* from gap to gap */
	hot_add(&hot, 0, 0);
	assert_int_equal(hot.n_samples, 4);
	assert_int_equal(hot_top(&hot, before, top, 4), 2);
	assert_int_equal(top[0].n_samples + top[1].n_samples, 2);
	hot_deinit(&hot);
}

static void test_hot_top_is_the_largest_and_no_more(void **state)
{
	enum { N = 500 };
	static uint32_t many[N], where[N], before[N];
	struct worker_result result = result_of(many, sizeof(many), where, sizeof(where), "f", 2);
	struct problem problem = { "" };
	struct hot_function top[10];
	struct hot hot = { 0 };

	(void)state;
	for (uint32_t i = 0; i < N; i++)
		many[i] = 1 + 16 * i;
	assert_int_equal(hot_init(&hot, &result, &problem), 0);
	/* 7 i mod N: each number once, in a mixed order; function i has so many */
	for (uint32_t i = 0; i < N; i++)
		for (uint32_t n = 0; n < 7 * i % N; n++)
			hot_add(&hot, many[i], 0);
	assert_int_equal(hot_top(&hot, before, top, 10), 10);
	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(top[i].n_samples, N - 1 - i);
	assert_int_equal(hot_top(&hot, before, top, 0), 0);
	hot_deinit(&hot);
}

static void expect_bad(struct worker_result result, const char *why)
{
	struct problem problem = { "" };
	struct hot hot = { 0 };

	assert_int_equal(hot_init(&hot, &result, &problem), -EBADMSG);
	assert_non_null(strstr(problem.text, why));
	assert_null(hot.starts);
}

static void test_hot_what_cannot_be_is_refused(void **state)
{
	const uint32_t same[] = { 0x100, 0x100, 0x300, 0x1000 };
	const uint32_t outside[] = { 0, 6, sizeof(names), 13 };
	struct worker_result result;

	(void)state;
	expect_bad(result_of(same, sizeof(same), names_at, sizeof(names_at), names, sizeof(names)),
		   "no order");
	expect_bad(
		result_of(starts, sizeof(starts), outside, sizeof(outside), names, sizeof(names)),
		"outside");
	expect_bad(result_of(starts, sizeof(starts), names_at, sizeof(names_at), names,
			     sizeof(names) - 1),
		   "no end");
	expect_bad(result_of(starts, sizeof(starts), names_at, sizeof(names_at), names, 0),
		   "no end");
	expect_bad(result_of(starts, sizeof(starts), names_at, 4, names, sizeof(names)),
		   "go together");
	expect_bad(result_of(starts, 3, names_at, 3, names, sizeof(names)), "go together");
	result =
		result_of(starts, sizeof(starts), names_at, sizeof(names_at), names, sizeof(names));
	result.n_sections = 2;
	expect_bad(result, "missing");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hot_samples_go_to_the_function_they_are_in),
		cmocka_unit_test(test_hot_sample_in_no_function_is_where_it_came_from),
		cmocka_unit_test(test_hot_top_is_the_largest_and_no_more),
		cmocka_unit_test(test_hot_what_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
