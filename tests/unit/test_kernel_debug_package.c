/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "kernel/debug_package.h"
#include "kernel_example.h"

static void test_debug_package_of_distributions(void **state)
{
	static const struct {
		const char *os_release, *package;
	} cases[] = {
		{ "NAME=\"Debian GNU/Linux\"\nID=debian\n", "linux-image-6.1-dbg" },
		{ "ID=ubuntu\nID_LIKE=debian\n", "linux-image-unsigned-6.1-dbgsym" },
		{ "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", "linux-image-unsigned-6.1-dbgsym" },
		{ "ID=raspbian\nID_LIKE=debian", "linux-image-6.1-dbg" },
		{ "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", "kernel-debuginfo-6.1" },
		{ "ID=\"opensuse-tumbleweed\"\nID_LIKE=\"opensuse suse\"\n",
		  "kernel-default-debuginfo" },
		{ "ID=arch\n", "" },
		{ "VARIANT_ID=debian\nID=other\n", "" },
		{ "ID=debianoid\n", "" },
		{ "", "" },
	};
	const struct root *root = *state;
	char package[DEBUG_PACKAGE_SIZE];

	assert_false(debug_package_name(root->fd, "6.1", package));
	assert_string_equal(package, "");
	for (size_t i = 0; i < array_size(cases); i++) {
		root_put(root, i % 2 ? "usr/lib/os-release" : "etc/os-release",
			 cases[i].os_release);
		assert_int_equal(debug_package_name(root->fd, "6.1", package),
				 cases[i].package[0] != 0);
		assert_string_equal(package, cases[i].package);
		(void)unlinkat(root->fd, "etc/os-release", 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_debug_package_of_distributions, root_set_up,
						root_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
