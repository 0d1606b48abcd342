/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include "profile/textual.h"
#include "profile_example.h"

static void test_textual_worked_example_is_exact(void **state)
{
	struct buf b = BUF_INIT(1000);
	struct names *names;
	struct profile *p;

	assert_int_equal(names_new(&names, 1000), 0);
	p = example_profile(names);
	textual_encode(p, &b);
	assert_int_equal(b.error, 0);
	assert_int_equal(b.n_bytes, strlen(EXAMPLE_TEXT));
	assert_memory_equal(b.data, EXAMPLE_TEXT, b.n_bytes);
	buf_deinit(&b);
	profile_free(p);
	names_free(names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_textual_worked_example_is_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
