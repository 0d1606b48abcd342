/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder of indexes: what is whole has a name there, what goes is what has to, and all else is
 * somebody else's.
 */
#include "service/index_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/buf.h"
#include "base/problem.h"
#include "elf_writer.h"
#include "symbolize/index.h"
#include "symbolize_example.h"

#define NOW_S 1800000000u

static const struct build_id ids[] = {
	{ { 0xaa, 1 }, 20 },
	{ { 0xbb, 2 }, 20 },
	{ { 0xcc, 3 }, 20 },
	{ { 0xdd, 4 }, 20 },
};

struct fixture {
	char path[40];
	int fd;
	struct buf index; /* of ids[0] */
};

static void make_index(struct buf *index)
{
	struct index_builder *builder cleanup(index_builder_cleanup) = NULL;
	struct problem problem = { "" };
	struct example x;

	example_init(&x);
	elf_symbol(&x.elf, "f", example_nops(&x, 64), TEXT_VADDR + 8);
	elf_build_id(&x.elf, ids[0].bytes, 20);
	example_unit(&x, 0, 64, 0);
	example_function(&x, "f", 8, 64, 7);
	example_end(&x);
	example_end(&x);
	dwarf_unit_end(&x.dwarf);
	example_load(&x);
	assert_int_equal(index_builder_new(&builder, 1 << 20), 0);
	assert_int_equal(index_builder_add(builder, "vmlinux", x.symbols, &problem), 0);
	assert_int_equal(index_builder_finish(builder, index), 0);
	example_deinit(&x);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->path, "/tmp/autofdod-cache.XXXXXX");
	assert_non_null(mkdtemp(f->path));
	f->fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(f->fd >= 0);
	f->index = (struct buf)BUF_INIT(1 << 20);
	make_index(&f->index);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	DIR *folder = opendir(f->path);
	struct dirent *entry;

	while (folder && (entry = readdir(folder)))
		if (unlinkat(f->fd, entry->d_name, 0) < 0)
			(void)unlinkat(f->fd, entry->d_name, AT_REMOVEDIR);
	closedir(folder);
	close(f->fd);
	rmdir(f->path);
	buf_deinit(&f->index);
	free(f);
	return 0;
}

/* of the folder */

static void put_file(const struct fixture *f, const char *name, size_t n_bytes, time_t mtime)
{
	const struct timespec times[] = { { .tv_sec = mtime }, { .tv_sec = mtime } };
	int fd = openat(f->fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)n_bytes), 0);
	assert_int_equal(futimens(fd, times), 0);
	close(fd);
}

static void put_index(const struct fixture *f, size_t i, size_t n_bytes, time_t mtime)
{
	char hex[BUILD_ID_HEX_SIZE], name[BUILD_ID_HEX_SIZE + 8];

	build_id_to_hex(&ids[i], hex);
	snprintf(name, sizeof(name), "%s.index", hex);
	put_file(f, name, n_bytes, mtime);
}

static bool has(const struct fixture *f, const char *name)
{
	return faccessat(f->fd, name, F_OK, 0) == 0;
}

static bool has_index(const struct fixture *f, size_t i)
{
	char hex[BUILD_ID_HEX_SIZE], name[BUILD_ID_HEX_SIZE + 8];

	build_id_to_hex(&ids[i], hex);
	snprintf(name, sizeof(name), "%s.index", hex);
	return has(f, name);
}

/* "0123": of which ids there is an index */
static void expect(const struct fixture *f, const char *expected)
{
	char found[array_size(ids) + 1] = "";
	size_t n = 0;

	for (size_t i = 0; i < array_size(ids); i++)
		if (has_index(f, i))
			found[n++] = (char)('0' + i);
	assert_string_equal(found, expected);
}

static size_t count_files(const struct fixture *f)
{
	DIR *folder = opendir(f->path);
	size_t n = 0;

	while (readdir(folder))
		n++;
	closedir(folder);
	return n - 2;
}

/* putting */

static void test_index_cache_put_is_whole_and_for_all_to_read(void **state)
{
	struct fixture *f = *state;
	struct problem problem = { "" };
	struct index *index;
	struct stat st;
	char path[256], hex[BUILD_ID_HEX_SIZE];
	int fd;

	for (int round = 0; round < 2; round++) {
		/* in the second one there is one */
		assert_int_equal(
			index_cache_put(f->fd, &ids[0], f->index.data, f->index.n_bytes, &problem),
			0);
		assert_int_equal(count_files(f), 1);
	}
	build_id_to_hex(&ids[0], hex);
	snprintf(path, sizeof(path), "%s/%s.index", f->path, hex);
	fd = open(path, O_RDONLY);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(st.st_size, f->index.n_bytes);
	assert_int_equal(index_open(fd, &index, &problem), 0);
	assert_int_equal(index_check(index, &problem), 0);
	index_unref(index);
	close(fd);
}

/* Neither damaged nor of another object, and what was there stays. */
static void test_index_cache_put_of_anything_else_is_refused(void **state)
{
	struct fixture *f = *state;
	struct problem problem = { "" };

	put_index(f, 1, 5, NOW_S);
	assert_int_equal(index_cache_put(f->fd, &ids[1], f->index.data, f->index.n_bytes, &problem),
			 -EBADMSG);
	assert_true(problem.text[0]);
	for (size_t n = 0; n < f->index.n_bytes; n += 1 + f->index.n_bytes / 50)
		assert_int_equal(index_cache_put(f->fd, &ids[0], f->index.data, n, &problem),
				 -EBADMSG);
	for (size_t at = 0; at < f->index.n_bytes; at += 1 + f->index.n_bytes / 50) {
		f->index.data[at] ^= 1;
		assert_int_equal(
			index_cache_put(f->fd, &ids[0], f->index.data, f->index.n_bytes, &problem),
			-EBADMSG);
		f->index.data[at] ^= 1;
	}
	expect(f, "1");
	assert_int_equal(count_files(f), 1);
}

/* A folder in its place cannot be replaced: nothing half-made is left. */
static void test_index_cache_put_that_fails_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct problem problem = { "" };
	char hex[BUILD_ID_HEX_SIZE], name[BUILD_ID_HEX_SIZE + 8];

	build_id_to_hex(&ids[0], hex);
	snprintf(name, sizeof(name), "%s.index", hex);
	assert_int_equal(mkdirat(f->fd, name, 0755), 0);
	assert_true(index_cache_put(f->fd, &ids[0], f->index.data, f->index.n_bytes, &problem) < 0);
	assert_non_null(strstr(problem.text, name));
	assert_int_equal(count_files(f), 1);
}

/* tidying */

static void tidy(const struct fixture *f, const struct index_cache_limits *limits,
		 uint64_t n_removed, uint64_t n_bytes)
{
	struct index_cache_figures figures;
	struct problem problem = { "" };

	assert_int_equal(index_cache_tidy(f->fd, limits, NULL, 0, &figures, &problem), 0);
	assert_int_equal(figures.n_removed, n_removed);
	assert_int_equal(figures.n_bytes, n_bytes);
}

static void test_index_cache_tidy_removes_what_is_not_in_use(void **state)
{
	struct fixture *f = *state;
	const struct index_cache_limits limits = { .kept = ids, .n_kept = 2, .n_bytes_max = 1000 };

	for (size_t i = 0; i < 4; i++)
		put_index(f, i, 100, NOW_S - (time_t)i);
	put_file(f, "README", 10, 1);
	put_file(f, "aa.indexes", 10, 1);
	put_file(f, "index", 10, 1);
	put_file(f, "xy.index", 10, 1);
	assert_int_equal(mkdirat(f->fd, "aa01", 0755), 0);
	tidy(f, &limits, 2, 200);
	expect(f, "01");
	assert_int_equal(count_files(f), 7);
	tidy(f, &limits, 0, 200);
}

/* The oldest first, and of what is in use none before the rest is gone. */
static void test_index_cache_tidy_keeps_to_the_limit(void **state)
{
	struct fixture *f = *state;
	struct index_cache_limits limits = {
		.kept = ids, .n_kept = 2, .keeps_others = true, .n_bytes_max = 400
	};

	put_index(f, 0, 100, NOW_S - 100);
	put_index(f, 1, 100, NOW_S - 90);
	put_index(f, 2, 100, NOW_S - 10);
	put_index(f, 3, 100, NOW_S - 20);
	tidy(f, &limits, 0, 400);
	limits.n_bytes_max = 399;
	tidy(f, &limits, 1, 300);
	expect(f, "012");
	limits.n_bytes_max = 299;
	tidy(f, &limits, 1, 200);
	expect(f, "01");
	limits.n_bytes_max = 100;
	tidy(f, &limits, 1, 100);
	expect(f, "1");
}

static int make_room(const struct fixture *f, const struct index_cache_limits *limits, size_t i,
		     uint64_t n_bytes)
{
	struct index_cache_figures figures;
	struct problem problem = { "" };
	int r = index_cache_tidy(f->fd, limits, &ids[i], n_bytes, &figures, &problem);

	assert_int_equal(r < 0, problem.text[0] != '\0');
	return r;
}

/* Else two that have no room beside each other would be made in turns. */
static void test_index_cache_room_is_not_made_by_what_is_in_use(void **state)
{
	struct fixture *f = *state;
	const struct index_cache_limits limits = {
		.kept = ids, .n_kept = 3, .keeps_others = true, .n_bytes_max = 300
	};

	put_index(f, 0, 100, NOW_S);
	put_index(f, 1, 100, NOW_S);
	put_index(f, 3, 100, NOW_S);
	/* one that is there makes way for itself */
	assert_int_equal(make_room(f, &limits, 0, 100), 0);
	expect(f, "013");
	assert_int_equal(make_room(f, &limits, 2, 100), 0);
	expect(f, "01");
	assert_int_equal(make_room(f, &limits, 2, 101), -EDQUOT);
	assert_int_equal(make_room(f, &limits, 2, 301), -EDQUOT);
	assert_int_equal(make_room(f, &limits, 2, UINT64_MAX), -EDQUOT);
	expect(f, "01");
}

static void test_index_cache_sweep_removes_old_leftovers_only(void **state)
{
	struct fixture *f = *state;

	put_index(f, 0, 1, 1);
	put_file(f, "aa01.index.AbC123", 1, NOW_S - 3601);
	put_file(f, "aa01.index.000042", 1, NOW_S - 3601);
	put_file(f, "aa01.index.new456", 1, NOW_S - 3599);
	put_file(f, "aa01.index.longer1", 1, 1);
	put_file(f, "aa01.index.", 1, 1);
	put_file(f, "x.index.AbC123", 1, 1);
	assert_int_equal(index_cache_sweep(f->fd, NOW_S), 2);
	assert_int_equal(count_files(f), 5);
	expect(f, "0");
	assert_true(has(f, "aa01.index.new456"));
	assert_int_equal(index_cache_sweep(f->fd, NOW_S), 0);
}

int main(void)
{
#define CACHE_TEST(name) cmocka_unit_test_setup_teardown(test_index_cache_##name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CACHE_TEST(put_is_whole_and_for_all_to_read),
		CACHE_TEST(put_of_anything_else_is_refused),
		CACHE_TEST(put_that_fails_leaves_nothing),
		CACHE_TEST(tidy_removes_what_is_not_in_use),
		CACHE_TEST(tidy_keeps_to_the_limit),
		CACHE_TEST(room_is_not_made_by_what_is_in_use),
		CACHE_TEST(sweep_removes_old_leftovers_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
