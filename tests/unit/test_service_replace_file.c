/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/problem.h"
#include "service/replace_file.h"

struct fixture {
	char directory[64], path[100], new_path[110], other[100];
	struct problem problem;
};

static void set_up(struct fixture *f)
{
	*f = (struct fixture){ .directory = "/tmp/test-replace-XXXXXX" };
	assert_non_null(mkdtemp(f->directory));
	snprintf(f->path, sizeof(f->path), "%s/a.prom", f->directory);
	snprintf(f->new_path, sizeof(f->new_path), "%s.new", f->path);
	snprintf(f->other, sizeof(f->other), "%s/other", f->directory);
}

static void tear_down(struct fixture *f)
{
	(void)unlink(f->path);
	(void)unlink(f->new_path);
	(void)rmdir(f->new_path);
	(void)unlink(f->other);
	assert_int_equal(rmdir(f->directory), 0);
}

static int replace(struct fixture *f, const char *bytes, enum replace_mode mode)
{
	struct buf text cleanup(buf_deinit) = BUF_INIT(1000000);

	buf_str(&text, bytes);
	return replace_file(f->path, &text, mode, &f->problem);
}

static void expect(const char *path, const char *expected)
{
	char bytes[100] = "";
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	(void)!fread(bytes, 1, sizeof(bytes) - 1, file);
	fclose(file);
	assert_string_equal(bytes, expected);
}

static unsigned int mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void test_replace_file_makes_and_replaces(void **state)
{
	struct fixture f;
	struct stat before, after;

	set_up(&f);
	assert_int_equal(replace(&f, "one\n", REPLACE_BY_UMASK), 0);
	expect(f.path, "one\n");
	assert_int_equal(stat(f.path, &before), 0);
	assert_int_equal(replace(&f, "2\n", REPLACE_BY_UMASK), 0);
	expect(f.path, "2\n");
	assert_int_equal(stat(f.path, &after), 0);
	/* who reads the old one goes on reading the old one */
	assert_int_not_equal(before.st_ino, after.st_ino);
	assert_int_equal(access(f.new_path, F_OK), -1);
	tear_down(&f);
}

static void test_replace_file_for_others_is_readable_whatever_the_umask(void **state)
{
	struct fixture f;
	mode_t old = umask(077);

	set_up(&f);
	assert_int_equal(replace(&f, "x", REPLACE_READABLE), 0);
	assert_int_equal(mode_of(f.path), 0644);
	assert_int_equal(replace(&f, "x", REPLACE_BY_UMASK), 0);
	assert_int_equal(mode_of(f.path), 0600);
	umask(old);
	tear_down(&f);
}

static void test_replace_file_removes_what_was_left_and_follows_no_link(void **state)
{
	struct fixture f;
	FILE *file;

	set_up(&f);
	file = fopen(f.other, "w");
	assert_non_null(file);
	fputs("precious", file);
	fclose(file);
	assert_int_equal(symlink(f.other, f.new_path), 0);
	assert_int_equal(replace(&f, "x", REPLACE_READABLE), 0);
	expect(f.path, "x");
	expect(f.other, "precious");
	/* another name of it is not written through either */
	assert_int_equal(link(f.other, f.new_path), 0);
	assert_int_equal(replace(&f, "y", REPLACE_READABLE), 0);
	expect(f.other, "precious");
	tear_down(&f);
}

static void test_replace_file_that_fails_leaves_the_old_one(void **state)
{
	struct fixture f;

	set_up(&f);
	assert_int_equal(replace(&f, "old", REPLACE_READABLE), 0);
	assert_int_equal(mkdir(f.new_path, 0755), 0);
	assert_int_equal(replace(&f, "x", REPLACE_READABLE), -EEXIST);
	assert_non_null(strstr(f.problem.text, f.new_path));
	assert_non_null(strstr(f.problem.text, "File exists"));
	expect(f.path, "old");
	assert_int_equal(rmdir(f.new_path), 0);
	assert_int_equal(unlink(f.path), 0);
	/* what is in its place cannot be replaced: nothing is left beside it */
	assert_int_equal(mkdir(f.path, 0755), 0);
	assert_int_equal(replace(&f, "x", REPLACE_READABLE), -EISDIR);
	assert_int_equal(access(f.new_path, F_OK), -1);
	assert_int_equal(rmdir(f.path), 0);
	strcpy(f.path, "/nonexistent/a.prom");
	assert_int_equal(replace(&f, "x", REPLACE_READABLE), -ENOENT);
	f.path[0] = '\0';
	tear_down(&f);
}

/* As on a full disk, only half of it can be written. */
static void test_replace_file_that_is_cut_is_none(void **state)
{
	const struct rlimit limit = { 4, RLIM_INFINITY }, none = { RLIM_INFINITY, RLIM_INFINITY };
	struct fixture f;
	int r;

	set_up(&f);
	assert_int_equal(replace(&f, "old", REPLACE_READABLE), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	r = replace(&f, "longer than that", REPLACE_READABLE);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	assert_int_equal(r, -EFBIG);
	assert_non_null(strstr(f.problem.text, "File too large"));
	expect(f.path, "old");
	assert_int_equal(access(f.new_path, F_OK), -1);
	tear_down(&f);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replace_file_makes_and_replaces),
		cmocka_unit_test(test_replace_file_for_others_is_readable_whatever_the_umask),
		cmocka_unit_test(test_replace_file_removes_what_was_left_and_follows_no_link),
		cmocka_unit_test(test_replace_file_that_fails_leaves_the_old_one),
		cmocka_unit_test(test_replace_file_that_is_cut_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
