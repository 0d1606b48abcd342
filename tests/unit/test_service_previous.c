/* SPDX-License-Identifier: Apache-2.0 */
#include "service/previous.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "kernel/build_id.h"
#include "profile/textual.h"
#include "profile_example.h"

#define STAMP "20261121T190000Z"
#define CEILING (1u << 20)

static const struct build_id build_id = { { 0xab, 0xcd }, 2 };

struct fixture {
	char directory[64], folder[80];
	struct names *names;
	struct profile *profile;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->directory, "/tmp/autofdod-previous.XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	snprintf(f->folder, sizeof(f->folder), "%s/abcd", f->directory);
	assert_int_equal(mkdir(f->folder, 0700), 0);
	assert_int_equal(names_new(&f->names, CEILING), 0);
	f->profile = example_profile(f->names);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	DIR *folder = opendir(f->folder);
	struct dirent *entry;

	while ((entry = readdir(folder)))
		if (entry->d_name[0] != '.')
			assert_int_equal(unlinkat(dirfd(folder), entry->d_name, 0), 0);
	closedir(folder);
	rmdir(f->folder);
	rmdir(f->directory);
	profile_free(f->profile);
	names_free(f->names);
	free(f);
	return 0;
}

static const char *path_of(const struct fixture *f, const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", f->folder, name);
	return path;
}

static void put(const struct fixture *f, const char *name, const char *text)
{
	FILE *file = fopen(path_of(f, name), "w");

	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void link_latest(const struct fixture *f, const char *target)
{
	(void)unlink(path_of(f, "latest.afdo"));
	assert_int_equal(symlink(target, path_of(f, "latest.afdo")), 0);
}

static void expect_none(const struct fixture *f)
{
	char name[STORE_NAME_SIZE] = "before";

	assert_int_equal(previous_open(f->directory, &build_id, name), -1);
	assert_string_equal(name, "");
}

static void test_previous_is_what_the_link_names(void **state)
{
	struct fixture *f = *state;
	struct problem problem = { "" };
	char name[STORE_NAME_SIZE];
	double overlap;
	int fd;

	put(f, STAMP ".afdo", EXAMPLE_TEXT);
	link_latest(f, STAMP ".afdo");
	fd = previous_open(f->directory, &build_id, name);
	assert_true(fd >= 0);
	assert_string_equal(name, STAMP ".afdo");
	assert_int_equal(previous_compare(fd, f->profile, f->names, &overlap, &problem), 0);
	assert_true(overlap == 1);
	/* again, as nothing moves */
	assert_int_equal(previous_compare(fd, f->profile, f->names, &overlap, &problem), 0);
	close(fd);
}

static void test_previous_that_is_not_there_is_none(void **state)
{
	static const struct build_id another = { { 1 }, 1 };
	struct fixture *f = *state;
	char name[STORE_NAME_SIZE];

	expect_none(f);
	link_latest(f, STAMP ".afdo");
	expect_none(f);
	put(f, STAMP ".afdo", EXAMPLE_TEXT);
	assert_int_equal(previous_open(f->directory, &another, name), -1);
	assert_int_equal(previous_open("/nowhere", &build_id, name), -1);
}

/* Who can write into the directory cannot have other files read, nor the daemon wait. */
static void test_previous_that_leads_elsewhere_is_none(void **state)
{
	static const char *const targets[] = {
		"/etc/passwd",
		"../x.afdo",
		"..",
		".x.afdo",
		".afdo",
		"latest.afdo",
		"a.unsym",
		"pipe.afdo",
		"folder/x.afdo",
		"an-overlong-name-of-a-file-of-which-there-is-none.afdo",
	};
	struct fixture *f = *state;

	put(f, "a.unsym", EXAMPLE_TEXT);
	put(f, "an-overlong-name-of-a-file-of-which-there-is-none.afdo", EXAMPLE_TEXT);
	assert_int_equal(mkdir(path_of(f, "folder"), 0700), 0);
	put(f, "folder/x.afdo", EXAMPLE_TEXT);
	assert_int_equal(mkfifo(path_of(f, "pipe.afdo"), 0600), 0);
	for (size_t i = 0; i < array_size(targets); i++) {
		link_latest(f, targets[i]);
		expect_none(f);
	}
	assert_int_equal(unlink(path_of(f, "folder/x.afdo")), 0);
	assert_int_equal(rmdir(path_of(f, "folder")), 0);
	/* a link to a link */
	put(f, "real.afdo", EXAMPLE_TEXT);
	assert_int_equal(symlink("real.afdo", path_of(f, "link.afdo")), 0);
	link_latest(f, "link.afdo");
	expect_none(f);
	/* no link */
	assert_int_equal(unlink(path_of(f, "latest.afdo")), 0);
	put(f, "latest.afdo", EXAMPLE_TEXT);
	expect_none(f);
}

static void test_previous_that_is_no_profile_says_so(void **state)
{
	struct fixture *f = *state;
	struct problem problem = { "" };
	double overlap = -7;
	int fd;

	put(f, "x", "no profile\n");
	fd = open(path_of(f, "x"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(previous_compare(fd, f->profile, f->names, &overlap, &problem), -EBADMSG);
	assert_non_null(strstr(problem.text, "line 1"));
	close(fd);
	problem.text[0] = '\0';
	fd = open(f->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(previous_compare(fd, f->profile, f->names, &overlap, &problem), -EISDIR);
	assert_true(problem.text[0]);
	close(fd);
	assert_true(overlap == -7);
}

/* A file may be larger than memory: what is read of it has a bound. */
static void test_previous_beyond_its_bound_is_refused(void **state)
{
	struct fixture *f = *state;
	struct problem problem = { "" };
	double overlap;
	int fd;

	put(f, "x", "");
	assert_int_equal(truncate(path_of(f, "x"), (off_t)PREVIOUS_BYTES_MAX + 1), 0);
	fd = open(path_of(f, "x"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(previous_compare(fd, f->profile, f->names, &overlap, &problem), -EFBIG);
	close(fd);
}

int main(void)
{
#define PREVIOUS_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		PREVIOUS_TEST(test_previous_is_what_the_link_names),
		PREVIOUS_TEST(test_previous_that_is_not_there_is_none),
		PREVIOUS_TEST(test_previous_that_leads_elsewhere_is_none),
		PREVIOUS_TEST(test_previous_that_is_no_profile_says_so),
		PREVIOUS_TEST(test_previous_beyond_its_bound_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
