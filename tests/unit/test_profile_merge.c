/* SPDX-License-Identifier: Apache-2.0 */
/* That the bytes are LLVM's is tests/format/overlap-merge's matter; here are borders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include "base/buf.h"
#include "profile/merge.h"
#include "profile/textual.h"
#include "profile_random.h"

#define CEILING (1u << 20)

struct fixture {
	struct names *names;
	struct profile *sum;
};

static int make(void **state)
{
	struct fixture *x = calloc(1, sizeof(*x));

	assert_int_equal(names_new(&x->names, CEILING), 0);
	assert_int_equal(profile_new(&x->sum, x->names, CEILING), 0);
	*state = x;
	return 0;
}

static int drop(void **state)
{
	struct fixture *x = *state;

	profile_free(x->sum);
	names_free(x->names);
	free(x);
	return 0;
}

static int add(struct fixture *x, const char *text, uint64_t weight)
{
	struct problem problem;
	struct profile *p;
	int r;

	assert_int_equal(textual_read(text, strlen(text), x->names, CEILING, &problem, &p), 0);
	r = profile_merge(x->sum, p, weight);
	profile_free(p);
	return r;
}

static void expect(struct profile *p, const char *text)
{
	struct buf buf cleanup(buf_deinit) = BUF_INIT(CEILING);

	profile_sort(p);
	textual_encode(p, &buf);
	buf_u8(&buf, 0);
	assert_string_equal((const char *)buf.data, text);
}

static void test_merge_with_nothing_is_the_same(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(add(x, EXAMPLE_TEXT, 1), 0);
	assert_int_equal(add(x, "", 7), 0);
	expect(x->sum, EXAMPLE_TEXT);
}

static void test_merge_adds_every_count_as_often_as_its_weight_says(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(add(x, "a:5:1\n 1: 2 f:1\n 2: in:4\n  1: 3\n", 1), 0);
	assert_int_equal(add(x, "a:6:2\n 1: 3 f:1 g:2\n 2: in:5\n  1: 1\n  2: 9\nb:1:1\n", 10), 0);
	expect(x->sum, "a:65:21\n 1: 32 g:20 f:11\n 2: in:54\n  1: 13\n  2: 90\nb:10:10\n");
}

static void test_merge_stops_at_the_largest_count(void **state)
{
	struct fixture *x = *state;

	assert_int_equal(add(x, "a:9223372036854775808:3\n 1: 9223372036854775808 f:1\n", 2), 0);
	expect(x->sum, "a:18446744073709551615:6\n 1: 18446744073709551615 f:2\n");
	assert_int_equal(add(x, "a:1:0\n 1: 1 f:18446744073709551615\n", UINT64_MAX), 0);
	expect(x->sum, "a:18446744073709551615:6\n 1: 18446744073709551615 "
		       "f:18446744073709551615\n");
}

static void test_merge_of_hashes_and_names_is_refused(void **state)
{
	struct fixture *x = *state;

	x->sum->is_md5 = true;
	/* of nothing yet, so it becomes one of names */
	assert_int_equal(add(x, EXAMPLE_TEXT, 1), 0);
	assert_false(x->sum->is_md5);
	x->sum->is_md5 = true;
	assert_int_equal(add(x, EXAMPLE_TEXT, 1), -EINVAL);
	assert_int_equal(add(x, "", 1), 0);
}

static void test_merge_is_flow_sensitive_if_one_of_them_is(void **state)
{
	struct fixture *x = *state;
	struct profile *odd = random_profile(x->names, 1);
	struct profile *even = random_profile(x->names, 2);

	struct profile *other = random_profile(x->names, 4);

	assert_int_equal(profile_merge(even, odd, 1), 0);
	assert_true(odd->is_fs && even->is_fs);
	assert_int_equal(profile_merge(even, other, 1), 0);
	assert_true(even->is_fs && !other->is_fs);
	profile_free(other);
	profile_free(odd);
	profile_free(even);
}

static void test_merge_beyond_the_ceiling_is_refused(void **state)
{
	struct fixture *x = *state;
	struct profile *small, *large = random_profile(x->names, 5);

	assert_int_equal(profile_new(&small, x->names, 4096), 0);
	assert_int_equal(profile_merge(small, large, 1), -E2BIG);
	profile_free(small);
	profile_free(large);
}

/* Whatever the order, as of sums. */
static void test_merge_does_not_depend_on_the_order(void **state)
{
	struct fixture *x = *state;

	for (uint64_t seed = 1; seed < 60; seed++) {
		struct buf ab cleanup(buf_deinit) = BUF_INIT(SIZE_MAX);
		struct buf ba cleanup(buf_deinit) = BUF_INIT(SIZE_MAX);
		struct profile *a = random_profile(x->names, seed);
		struct profile *b = random_profile(x->names, seed + 100);
		struct profile *again = random_profile(x->names, seed);

		assert_int_equal(profile_merge(a, b, 1), 0);
		assert_int_equal(profile_merge(b, again, 1), 0);
		profile_sort(a);
		profile_sort(b);
		textual_encode(a, &ab);
		textual_encode(b, &ba);
		assert_int_equal(ab.n_bytes, ba.n_bytes);
		if (ab.n_bytes)
			assert_memory_equal(ab.data, ba.data, ab.n_bytes);
		profile_free(a);
		profile_free(b);
		profile_free(again);
	}
}

int main(void)
{
#define MERGE_TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)
	const struct CMUnitTest tests[] = {
		MERGE_TEST(test_merge_with_nothing_is_the_same),
		MERGE_TEST(test_merge_adds_every_count_as_often_as_its_weight_says),
		MERGE_TEST(test_merge_stops_at_the_largest_count),
		MERGE_TEST(test_merge_of_hashes_and_names_is_refused),
		MERGE_TEST(test_merge_is_flow_sensitive_if_one_of_them_is),
		MERGE_TEST(test_merge_beyond_the_ceiling_is_refused),
		MERGE_TEST(test_merge_does_not_depend_on_the_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
