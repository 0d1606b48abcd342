/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "profile/bolt.h"

/* f at 0x10, g at 0x20; 0x8 lies before both. */
static const uint64_t starts[] = { 0x10, 0x20 };

static struct branch_count branches[] = {
	{ VADDR_EXTERNAL, 0x10, 5 }, /* only from outside the object */
	{ 0x12, 0x20, 1 },	     /* a call from f, */
	{ 0x13, 0x16, 2 },
	{ 0x24, 0x16, 3 },	     /* a return into f, to where f branches too */
	{ 0x25, 0x1a, 4 },	     /* a return and nothing else */
	{ 0x28, 0x20, 9 },	     /* and a loop in g back to its start */
};

static struct range_count ranges[] = {
	{ 0x08, 0x0a, 6 },  { 0x10, 0x13, 1 }, { 0x16, 0x18, 2 },
	{ 0x1a, 0x1b, 3 },  { 0x1a, 0x1c, 4 }, { 0x20, 0x28, 5 },
};

static const struct branch_counts counts = { branches, array_size(branches), ranges,
					     array_size(ranges) };

static void expect(const uint64_t *function_starts, size_t n_starts, const char *ranges_text)
{
	struct buf b = BUF_INIT(4096);

	assert_int_equal(bolt_encode(&counts, function_starts, n_starts, &b), 0);
	buf_u8(&b, 0);
	static const char branches_text[] = "B X:0 10 5 0\nB 12 20 1 0\nB 13 16 2 0\n"
					    "B 24 16 3 0\nB 25 1a 4 0\nB 28 20 9 0\n";
	assert_memory_equal(b.data, branches_text, strlen(branches_text));
	assert_string_equal((char *)b.data + strlen(branches_text), ranges_text);
	buf_deinit(&b);
}

static void test_bolt_range_is_f_if_entered_only_from_other_functions(void **state)
{
	expect(starts, array_size(starts),
	       "F 8 a 6\nf 10 13 1\nF 16 18 2\nf 1a 1b 3\nf 1a 1c 4\nF 20 28 5\n");
}

static void test_bolt_without_functions_only_the_object_is_outside(void **state)
{
	expect(NULL, 0, "F 8 a 6\nf 10 13 1\nF 16 18 2\nF 1a 1b 3\nF 1a 1c 4\nF 20 28 5\n");
}

static void test_bolt_nothing_is_nothing(void **state)
{
	struct buf b = BUF_INIT(16);

	assert_int_equal(bolt_encode(&(struct branch_counts){ 0 }, NULL, 0, &b), 0);
	assert_int_equal(b.n_bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bolt_range_is_f_if_entered_only_from_other_functions),
		cmocka_unit_test(test_bolt_without_functions_only_the_object_is_outside),
		cmocka_unit_test(test_bolt_nothing_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
