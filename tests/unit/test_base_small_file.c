/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "base/small_file.h"

static int root_fd = -1;
static char root[] = "/tmp/test_small_file.XXXXXX";

static int set_up(void **state)
{
	assert_non_null(mkdtemp(root));
	root_fd = open(root, O_PATH | O_DIRECTORY);
	return root_fd < 0;
}

static int tear_down(void **state)
{
	unlinkat(root_fd, "file", 0);
	unlinkat(root_fd, "fifo", 0);
	close(root_fd);
	return rmdir(root);
}

static void put(const char *bytes, size_t n_bytes)
{
	int fd = openat(root_fd, "file", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, bytes, n_bytes), n_bytes);
	close(fd);
}

static void test_small_file_that_fits_is_read_whole(void **state)
{
	char bytes[4];
	size_t n_bytes = 99;

	put("abc\n", 4);
	assert_int_equal(small_file_read(root_fd, "file", bytes, 4, &n_bytes), 0);
	assert_int_equal(n_bytes, 4);
	assert_memory_equal(bytes, "abc\n", 4);
}

static void test_small_file_one_byte_too_long_fails(void **state)
{
	char bytes[4], text[4] = "old";
	size_t n_bytes = 99;

	put("abcde", 5);
	assert_int_equal(small_file_read(root_fd, "file", bytes, 4, &n_bytes), -EFBIG);
	assert_int_equal(n_bytes, 99);
	put("abcd", 4);
	assert_int_equal(small_file_read_text(root_fd, "file", text, 4), -EFBIG);
}

static void test_small_file_text_loses_white_space_at_its_end(void **state)
{
	char text[16];

	put(" a b \t\n\n", 8);
	assert_int_equal(small_file_read_text(root_fd, "file", text, sizeof(text)), 0);
	assert_string_equal(text, " a b");
	put("\n", 1);
	assert_int_equal(small_file_read_text(root_fd, "file", text, sizeof(text)), 0);
	assert_string_equal(text, "");
}

static void test_small_file_text_with_nul_fails(void **state)
{
	char text[16];

	put("a\0b", 3);
	assert_int_equal(small_file_read_text(root_fd, "file", text, sizeof(text)), -EBADMSG);
	assert_int_equal(small_file_read_text(root_fd, "file", text, 0), -EFBIG);
}

static void test_small_file_absent_or_no_file_fails(void **state)
{
	char text[16];

	assert_int_equal(small_file_read_text(root_fd, "nothing", text, sizeof(text)), -ENOENT);
	assert_int_equal(small_file_read_text(root_fd, ".", text, sizeof(text)), -EISDIR);
}

/* Nobody writes to it: without O_NONBLOCK this would wait for ever. */
static void test_small_file_fifo_does_not_hang(void **state)
{
	char text[16];

	assert_int_equal(mkfifoat(root_fd, "fifo", 0600), 0);
	assert_int_equal(small_file_read_text(root_fd, "fifo", text, sizeof(text)), 0);
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small_file_that_fits_is_read_whole),
		cmocka_unit_test(test_small_file_one_byte_too_long_fails),
		cmocka_unit_test(test_small_file_text_loses_white_space_at_its_end),
		cmocka_unit_test(test_small_file_text_with_nul_fails),
		cmocka_unit_test(test_small_file_absent_or_no_file_fails),
		cmocka_unit_test(test_small_file_fifo_does_not_hang),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
