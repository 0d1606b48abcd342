/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "kernel/modules_dep.h"
#include "kernel_example.h"

static struct modules_dep parse(const char *text)
{
	struct modules_dep dep;

	assert_int_equal(modules_dep_parse(text, strlen(text), &dep), 0);
	return dep;
}

static void test_modules_dep_finds_paths_by_either_spelling(void **state)
{
	struct modules_dep dep cleanup(modules_dep_deinit) =
		parse("kernel/fs/ext4/ext4.ko.xz: kernel/lib/crc16.ko.xz kernel/fs/mbcache.ko.xz\n"
		      "kernel/sound/snd-hda-intel.ko.zst:\n"
		      "updates/dkms/zfs_x.ko:\n"
		      "/opt/modules/own.ko:\n"
		      "extra/last.ko.gz:");

	(void)state;
	assert_int_equal(dep.n, 5);
	assert_int_equal(dep.n_malformed, 0);
	assert_string_equal(modules_dep_find(&dep, "ext4"), "kernel/fs/ext4/ext4.ko.xz");
	assert_string_equal(modules_dep_find(&dep, "snd_hda_intel"),
			    "kernel/sound/snd-hda-intel.ko.zst");
	assert_string_equal(modules_dep_find(&dep, "snd-hda-intel"),
			    "kernel/sound/snd-hda-intel.ko.zst");
	assert_string_equal(modules_dep_find(&dep, "zfs-x"), "updates/dkms/zfs_x.ko");
	assert_string_equal(modules_dep_find(&dep, "own"), "/opt/modules/own.ko");
	assert_string_equal(modules_dep_find(&dep, "last"), "extra/last.ko.gz");
	assert_null(modules_dep_find(&dep, "crc16"));
	assert_null(modules_dep_find(&dep, "ext"));
	assert_null(modules_dep_find(&dep, ""));
}

static void test_modules_dep_counts_lines_that_are_none(void **state)
{
	static const char text[] = "kernel/a.ko:\n"
				   "\n"
				   "kernel/b.ko\n"
				   "kernel/c.o:\n"
				   "../up.ko:\n"
				   "kernel/../../up.ko:\n"
				   ":\n"
				   "kernel/nul\0.ko:\n"
				   "kernel/vmlinux:\n"
				   "kernel/d.ko:\n"
				   "updates/a.ko:\n";
	struct modules_dep dep cleanup(modules_dep_deinit) = { 0 };

	(void)state;
	assert_int_equal(modules_dep_parse(text, sizeof(text) - 1, &dep), 0);
	assert_int_equal(dep.n, 3);
	assert_int_equal(dep.n_malformed, 8);
	/* of two of a name the first */
	assert_string_equal(modules_dep_find(&dep, "a"), "kernel/a.ko");
	assert_string_equal(modules_dep_find(&dep, "d"), "kernel/d.ko");
	assert_null(modules_dep_find(&dep, "up"));
	assert_null(modules_dep_find(&dep, "vmlinux"));
}

static void test_modules_dep_name_too_long_for_a_module_is_none(void **state)
{
	char text[200] = "kernel/";
	struct modules_dep dep cleanup(modules_dep_deinit) = { 0 };

	(void)state;
	memset(text + 7, 'x', MODULE_NAME_SIZE);
	strcpy(text + 7 + MODULE_NAME_SIZE, ".ko:\n");
	assert_int_equal(modules_dep_parse(text, strlen(text), &dep), 0);
	assert_int_equal(dep.n, 0);
	assert_int_equal(dep.n_malformed, 1);
	modules_dep_deinit(&dep);
	/* the longest there is */
	memmove(text + 7, text + 8, strlen(text + 8) + 1);
	assert_int_equal(modules_dep_parse(text, strlen(text), &dep), 0);
	assert_int_equal(dep.n, 1);
}

static void test_modules_dep_beyond_the_ceiling_is_dropped(void **state)
{
	size_t n_lines = 65536 + 3;
	char *text = malloc(n_lines * 24), *end = text;
	struct modules_dep dep cleanup(modules_dep_deinit) = { 0 };

	(void)state;
	for (size_t i = 0; i < n_lines; i++)
		end += sprintf(end, "kernel/m%zu.ko:\n", i);
	assert_int_equal(modules_dep_parse(text, (size_t)(end - text), &dep), 0);
	assert_int_equal(dep.n, 65536);
	assert_int_equal(dep.n_dropped, 3);
	free(text);
}

static void test_modules_dep_read_of_files(void **state)
{
	const struct root *root = *state;
	struct modules_dep dep = { 0 };

	assert_int_equal(modules_dep_read(root->fd, "no", &dep), -ENOENT);
	root_put(root, "empty", "");
	assert_int_equal(modules_dep_read(root->fd, "empty", &dep), 0);
	assert_int_equal(dep.n, 0);
	assert_null(modules_dep_find(&dep, "a"));
	modules_dep_deinit(&dep);
	root_put(root, "one", "a.ko:");
	assert_int_equal(modules_dep_read(root->fd, "one", &dep), 0);
	assert_string_equal(modules_dep_find(&dep, "a"), "a.ko");
	modules_dep_deinit(&dep);
	/* without a writer a FIFO is empty, and not waited for */
	assert_int_equal(mkfifoat(root->fd, "fifo", 0600), 0);
	assert_int_equal(modules_dep_read(root->fd, "fifo", &dep), 0);
	assert_int_equal(dep.n, 0);
	modules_dep_deinit(&dep);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modules_dep_finds_paths_by_either_spelling),
		cmocka_unit_test(test_modules_dep_counts_lines_that_are_none),
		cmocka_unit_test(test_modules_dep_name_too_long_for_a_module_is_none),
		cmocka_unit_test(test_modules_dep_beyond_the_ceiling_is_dropped),
		cmocka_unit_test_setup_teardown(test_modules_dep_read_of_files, root_set_up,
						root_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
