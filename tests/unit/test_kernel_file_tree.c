/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "kernel/file_tree.h"
#include "kernel_example.h"

static void test_file_tree_key_of_names(void **state)
{
	static const struct {
		const char *name, *key; /* NULL: none */
	} cases[] = {
		{ "ext4.ko", "ext4" },
		{ "snd-hda-intel.ko.zst", "snd_hda_intel" },
		{ "a.ko.xz", "a" },
		{ "a.ko.gz", "a" },
		{ "a.ko.debug", "a" },
		{ "a.ko.debug.xz", "a" },
		{ "a.ko.xz.debug", NULL },
		{ "a.ko.bz2", NULL },
		{ ".ko", NULL },
		{ "a.o", NULL },
		{ "ako", NULL },
		{ "vmlinux", "vmlinux" },
		{ "vmlinux.debug", "vmlinux" },
		{ "vmlinux.xz", "vmlinux" },
		{ "vmlinux-6.12.0-1-default.xz", "vmlinux" },
		{ "vmlinux-6.12.0.debug", "vmlinux" },
		{ "vmlinuz-6.12.0", NULL },
		{ "vmlinux.o", NULL },
		{ "vmlinux.ko", "vmlinux" }, /* its build id tells */
		{ "", NULL },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.ko",
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.ko", NULL },
	};
	char key[MODULE_NAME_SIZE];

	(void)state;
	for (size_t i = 0; i < array_size(cases); i++) {
		bool is_one = file_tree_key(cases[i].name, key);

		if (is_one != (cases[i].key != NULL) || (is_one && strcmp(key, cases[i].key) != 0))
			fail_msg("%s: %s", cases[i].name, is_one ? key : "none");
	}
}

static void test_file_tree_finds_all_of_a_key_in_order(void **state)
{
	const struct root *root = *state;
	struct file_tree tree cleanup(file_tree_deinit) = { 0 };
	const struct file_tree_item *items;

	root_put(root, "d/b/snd-hda.ko", "");
	root_put(root, "d/a/.debug/snd_hda.ko.debug", "");
	root_put(root, "d/a/.git/snd_hda.ko", "");
	root_put(root, "d/snd.ko", "");
	root_put(root, "d/README", "");
	root_put(root, "elsewhere/snd_hda.ko", "");
	assert_int_equal(symlinkat("../elsewhere", root->fd, "d/link"), 0);
	assert_int_equal(symlinkat("..", root->fd, "d/b/loop"), 0);
	assert_int_equal(symlinkat("../elsewhere/snd_hda.ko", root->fd, "d/snd_hda.ko.xz"), 0);
	assert_int_equal(file_tree_read(root->fd, "/d/", &tree), 0);
	assert_int_equal(tree.error, 0);
	assert_int_equal(tree.n_left, 0);
	assert_int_equal(file_tree_find(&tree, "snd_hda", &items), 3);
	assert_string_equal(items[0].path, "/d/a/.debug/snd_hda.ko.debug");
	assert_string_equal(items[1].path, "/d/b/snd-hda.ko");
	assert_string_equal(items[2].path, "/d/snd_hda.ko.xz");
	assert_int_equal(file_tree_find(&tree, "snd", &items), 1);
	assert_int_equal(file_tree_find(&tree, "README", &items), 0);
	assert_null(items);
}

static void test_file_tree_of_the_root_is_that_of_root_fd(void **state)
{
	const struct root *root = *state;
	struct file_tree tree cleanup(file_tree_deinit) = { 0 };
	const struct file_tree_item *items;

	root_put(root, "d/a.ko", "");
	assert_int_equal(file_tree_read(root->fd, "/", &tree), 0);
	assert_int_equal(file_tree_find(&tree, "a", &items), 1);
	assert_string_equal(items[0].path, "/d/a.ko");
}

static void test_file_tree_that_is_none_says_why(void **state)
{
	const struct root *root = *state;
	struct file_tree tree;

	root_put(root, "file", "");
	assert_int_equal(mkfifoat(root->fd, "fifo", 0600), 0);
	assert_int_equal(file_tree_read(root->fd, "/no", &tree), 0);
	assert_int_equal(tree.error, -ENOENT);
	assert_int_equal(file_tree_read(root->fd, "/file", &tree), 0);
	assert_int_equal(tree.error, -ENOTDIR);
	assert_int_equal(file_tree_read(root->fd, "/fifo", &tree), 0);
	assert_int_equal(tree.error, -ENOTDIR);
	assert_int_equal(file_tree_read(root->fd, "relative", &tree), 0);
	assert_int_equal(tree.error, -EINVAL);
}

static void test_file_tree_deeper_than_the_limit_is_left(void **state)
{
	const struct root *root = *state;
	struct file_tree tree cleanup(file_tree_deinit) = { 0 };
	const struct file_tree_item *items;
	char path[256] = "d";

	for (unsigned int i = 0; i < FILE_TREE_DEPTH_MAX + 1; i++) {
		char file[300];

		snprintf(file, sizeof(file), "%s/a.ko", path);
		root_put(root, file, "");
		strcat(path, "/x");
	}
	assert_int_equal(file_tree_read(root->fd, "/d", &tree), 0);
	assert_int_equal(tree.n_left, 0);
	assert_int_equal(file_tree_find(&tree, "a", &items), FILE_TREE_DEPTH_MAX + 1);
	file_tree_deinit(&tree);
	strcat(path, "/a.ko");
	root_put(root, path, "");
	assert_int_equal(file_tree_read(root->fd, "/d", &tree), 0);
	assert_int_equal(tree.n_left, 1);
	assert_int_equal(file_tree_find(&tree, "a", &items), FILE_TREE_DEPTH_MAX + 1);
}

/* Names as long as they can be: the path would be longer than one that is opened. */
static void test_file_tree_path_longer_than_the_limit_is_left(void **state)
{
	const struct root *root = *state;
	struct file_tree tree cleanup(file_tree_deinit) = { 0 };
	char name[256];
	int fd = openat(root->fd, ".", O_RDONLY | O_DIRECTORY);

	memset(name, 'x', 250);
	name[250] = '\0';
	for (unsigned int i = 0; i < 3; i++) {
		int next;

		assert_int_equal(mkdirat(fd, name, 0755), 0);
		next = openat(fd, name, O_RDONLY | O_DIRECTORY);
		close(fd);
		fd = next;
	}
	close(fd);
	assert_int_equal(file_tree_read(root->fd, "/", &tree), 0);
	assert_int_equal(tree.n_left, 1);
	assert_int_equal(tree.n_entries, 3);
}

static void test_file_tree_with_too_many_entries_stops(void **state)
{
	const struct root *root = *state;
	struct file_tree tree cleanup(file_tree_deinit) = { 0 };
	char name[32];

	assert_int_equal(mkdirat(root->fd, "d", 0755), 0);
	root_put(root, "file", "");
	/* links are cheaper than files */
	for (unsigned int i = 0; i < FILE_TREE_ENTRIES_MAX + 10; i++) {
		snprintf(name, sizeof(name), "d/%u", i);
		if (symlinkat("x", root->fd, name) != 0)
			skip();
	}
	assert_int_equal(file_tree_read(root->fd, "/d", &tree), 0);
	assert_int_equal(tree.n_entries, FILE_TREE_ENTRIES_MAX);
	assert_int_equal(tree.n_left, 1);
}

#define WITH_ROOT(test) cmocka_unit_test_setup_teardown(test, root_set_up, root_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file_tree_key_of_names),
		WITH_ROOT(test_file_tree_finds_all_of_a_key_in_order),
		WITH_ROOT(test_file_tree_of_the_root_is_that_of_root_fd),
		WITH_ROOT(test_file_tree_that_is_none_says_why),
		WITH_ROOT(test_file_tree_deeper_than_the_limit_is_left),
		WITH_ROOT(test_file_tree_path_longer_than_the_limit_is_left),
		WITH_ROOT(test_file_tree_with_too_many_entries_stops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
