/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store on a real directory, with a kernel that fails, kills or cuts at any of its calls. What
 * must hold after each of them is the same: every file with a name of ours is whole, every link
 * leads to one, and the next publication succeeds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/macros.h"
#include "publish/store.h"
#include "store_faults.h"

#define BUILD_ID "0123456789abcdef0123456789abcdef01234567"
#define OTHER_ID "fedcba9876543210"
#define NOON 1795262400u /* 2026-11-21 12:00:00 UTC */
#define NAME "20261121T120000Z"
#define N_PROFILE_BYTES 10000u

struct fixture {
	char directory[64];
	struct store_faults faults;
	struct store_calls calls;
	struct store_options options;
	struct store *store;
	struct store_result result;
	struct problem problem;
	char profile[N_PROFILE_BYTES];
	unsigned int n_fds; /* open before */
};

static unsigned int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	assert_non_null(dir);
	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

static void set_up(struct fixture *f)
{
	*f = (struct fixture){
		.directory = "/tmp/test-store-XXXXXX",
	};
	f->calls = store_faults_calls(&f->faults);
	f->n_fds = count_fds();
	assert_non_null(mkdtemp(f->directory));
	f->options = (struct store_options){
		.directory = f->directory,
		.limits = { .n_files_max = 3 },
		.file_mode = 0644,
		.folder_mode = 0755,
	};
	memset(f->profile, 'p', sizeof(f->profile));
}

static int remove_path(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	return remove(path);
}

static void remove_tree(const char *path)
{
	nftw(path, remove_path, 8, FTW_DEPTH | FTW_PHYS);
}

static void tear_down(struct fixture *f)
{
	store_free(f->store);
	remove_tree(f->directory);
	assert_int_equal(count_fds(), f->n_fds);
}

static int open_store(struct fixture *f)
{
	unsigned int n_left;

	return store_open(&f->options, &f->calls, &f->store, &n_left, &f->problem);
}

/* All three files; the profile's bytes begin with its time, so that no two are equal. */
static int publish_all(struct fixture *f, const char *build_id, uint64_t utc_s)
{
	char name[STORE_NAME_SIZE], manifest[128];
	struct store_entry *entry;
	int r = store_begin(f->store, build_id, utc_s, &entry, &f->problem);

	if (r)
		return r;
	store_name(entry, STORE_PROFILE, name);
	memcpy(f->profile, name, strlen(name));
	snprintf(manifest, sizeof(manifest), "{\"profile\":\"%s\"}\n", name);
	r = store_add(entry, STORE_PROFILE, f->profile, sizeof(f->profile), &f->problem);
	if (r == 0)
		r = store_add(entry, STORE_DUMP, "0\n0\n", 4, &f->problem);
	if (r == 0)
		r = store_add(entry, STORE_MANIFEST, manifest, strlen(manifest), &f->problem);
	if (r == 0)
		return store_commit(entry, &f->result, &f->problem);
	store_abort(entry);
	return r;
}

/* what is there */

static char *path_of(const struct fixture *f, const char *build_id, const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s/%s", f->directory, build_id, name);
	return path;
}

static bool exists(const struct fixture *f, const char *build_id, const char *name)
{
	struct stat st;

	return lstat(path_of(f, build_id, name), &st) == 0;
}

static size_t read_file(const struct fixture *f, const char *name, char *data, size_t size)
{
	FILE *file = fopen(path_of(f, BUILD_ID, name), "re");
	size_t n;

	assert_non_null(file);
	n = file ? fread(data, 1, size, file) : 0;
	if (file)
		fclose(file);
	return n;
}

static void check_whole(const struct fixture *f, const char *name)
{
	char data[N_PROFILE_BYTES + 1] = { 0 }, target[64];
	size_t n = read_file(f, name, data, sizeof(data));

	if (strstr(name, ".afdo")) {
		assert_int_equal(n, N_PROFILE_BYTES);
		assert_memory_equal(data + STORE_STAMP_SIZE + 5, f->profile + STORE_STAMP_SIZE + 5,
				    n - STORE_STAMP_SIZE - 5);
		if (strncmp(name, "latest", 6) != 0)
			assert_memory_equal(data, name, strlen(name));
	} else if (strstr(name, ".unsym")) {
		assert_int_equal(n, 4);
		assert_memory_equal(data, "0\n0\n", 4);
	} else {
		/* the profile that it names is there */
		data[n] = '\0';
		assert_int_equal(sscanf(data, "{\"profile\":\"%63[^\"]\"}", target), 1);
		assert_true(n > 0 && data[n - 1] == '\n');
		check_whole(f, target);
	}
}

/* Everything with a name of ours is whole. Returns how many have none: temporary ones. */
static unsigned int check_folder(const struct fixture *f, unsigned int *ret_n_profiles)
{
	DIR *dir = opendir(path_of(f, BUILD_ID, ""));
	unsigned int n_temporary = 0;
	struct dirent *entry;

	*ret_n_profiles = 0;
	if (!dir)
		return 0;
	while ((entry = readdir(dir))) {
		if (strncmp(entry->d_name, ".autofdod-", 10) == 0) {
			n_temporary++;
		} else if (entry->d_name[0] != '.') {
			check_whole(f, entry->d_name);
			*ret_n_profiles +=
				entry->d_name[0] == '2' && strstr(entry->d_name, ".afdo");
		}
	}
	closedir(dir);
	return n_temporary;
}

static void expect_link(const struct fixture *f, const char *link, const char *target)
{
	char found[64] = "";

	assert_true(readlink(path_of(f, BUILD_ID, link), found, sizeof(found) - 1) > 0);
	assert_string_equal(found, target);
}

/* tests */

static void test_store_publication_has_its_names_links_and_bytes(void **state)
{
	struct fixture f;
	unsigned int n;
	struct stat st;

	set_up(&f);
	assert_int_equal(open_store(&f), 0);
	assert_int_equal(publish_all(&f, BUILD_ID, NOON), 0);
	assert_string_equal(f.result.stamp, NAME);
	assert_int_equal(f.result.kept.n_removed[STORE_BY_COUNT], 0);
	assert_int_equal(f.result.kept.n_late, 0);
	assert_int_equal(check_folder(&f, &n), 0);
	assert_int_equal(n, 1);
	expect_link(&f, "latest.afdo", NAME ".afdo");
	expect_link(&f, "latest.unsym", NAME ".unsym");
	expect_link(&f, "latest.json", NAME ".json");
	assert_int_equal(stat(path_of(&f, BUILD_ID, NAME ".afdo"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644 & ~022);
	assert_false(f.faults.is_any_renamed_dirty);
	tear_down(&f);
}

static void test_store_second_in_the_same_second_gets_the_next(void **state)
{
	struct fixture f;
	unsigned int n;

	set_up(&f);
	assert_int_equal(open_store(&f), 0);
	assert_int_equal(publish_all(&f, BUILD_ID, NOON), 0);
	assert_int_equal(publish_all(&f, BUILD_ID, NOON), 0);
	assert_string_equal(f.result.stamp, "20261121T120001Z");
	expect_link(&f, "latest.afdo", "20261121T120001Z.afdo");
	check_folder(&f, &n);
	assert_int_equal(n, 2);
	tear_down(&f);
}

/* Before the fix the second that was free again was taken, and the newest had not the last name. */
static void test_store_names_sort_by_time_though_one_before_is_gone(void **state)
{
	struct fixture f;

	set_up(&f);
	f.options.limits.n_files_max = 1;
	assert_int_equal(open_store(&f), 0);
	assert_int_equal(publish_all(&f, BUILD_ID, NOON), 0);
	assert_int_equal(publish_all(&f, BUILD_ID, NOON), 0);
	assert_string_equal(f.result.stamp, "20261121T120001Z");
	assert_false(exists(&f, BUILD_ID, NAME ".afdo"));
	assert_int_equal(publish_all(&f, BUILD_ID, NOON), 0);
	assert_string_equal(f.result.stamp, "20261121T120002Z");
	expect_link(&f, "latest.afdo", "20261121T120002Z.afdo");
	tear_down(&f);
}

static void test_store_dump_alone_leaves_the_other_links(void **state)
{
	struct store_entry *entry;
	struct fixture f;

	set_up(&f);
	assert_int_equal(open_store(&f), 0);
	assert_int_equal(publish_all(&f, BUILD_ID, NOON), 0);
	for (unsigned int i = 1; i < 6; i++) {
		assert_int_equal(store_begin(f.store, BUILD_ID, NOON + i, &entry, &f.problem), 0);
		assert_int_equal(store_add(entry, STORE_DUMP, "0\n0\n", 4, &f.problem), 0);
		assert_int_equal(store_commit(entry, &f.result, &f.problem), 0);
		assert_int_equal(f.result.kept.n_late, 0);
	}
	/* not removed, though the oldest of six: a link leads to it */
	expect_link(&f, "latest.afdo", NAME ".afdo");
	assert_true(exists(&f, BUILD_ID, NAME ".afdo"));
	expect_link(&f, "latest.unsym", "20261121T120005Z.unsym");
	assert_false(exists(&f, BUILD_ID, "20261121T120003Z.unsym"));
	assert_true(exists(&f, BUILD_ID, "20261121T120004Z.unsym"));
	tear_down(&f);
}

static void touch(const struct fixture *f, const char *name)
{
	FILE *file = fopen(path_of(f, BUILD_ID, name), "we");

	assert_non_null(file);
	if (file)
		fclose(file);
}

static void test_store_retention_counts_and_leaves_what_is_not_ours(void **state)
{
	static const char *const foreign[] = {
		"notes",
		"20200101T000000Z.afdo.bak",
		"20200101T000000Z",
		"20200101T00000xZ.afdo",
		"20200101T000000.afdo",
		"20200101t000000Z.afdo",
		"X20200101T000000Z.afdo",
		"20200101T000000Z.text",
	};
	struct fixture f;
	unsigned int n;

	set_up(&f);
	assert_int_equal(open_store(&f), 0);
	assert_int_equal(publish_all(&f, BUILD_ID, NOON), 0);
	for (size_t i = 0; i < array_size(foreign); i++)
		touch(&f, foreign[i]);
	for (unsigned int i = 1; i < 10; i++) {
		assert_int_equal(publish_all(&f, BUILD_ID, NOON + i), 0);
		assert_int_equal(f.result.kept.n_removed[STORE_BY_COUNT], i < 3 ? 0 : 1);
	}
	for (size_t i = 0; i < array_size(foreign); i++) {
		assert_true(exists(&f, BUILD_ID, foreign[i]));
		unlink(path_of(&f, BUILD_ID, foreign[i]));
	}
	assert_int_equal(check_folder(&f, &n), 0);
	assert_int_equal(n, 3);
	assert_false(exists(&f, BUILD_ID, "20261121T120006Z.json"));
	assert_true(exists(&f, BUILD_ID, "20261121T120007Z.json"));
	/* each kernel has its own */
	assert_int_equal(publish_all(&f, OTHER_ID, NOON + 20), 0);
	assert_int_equal(f.result.kept.n_removed[STORE_BY_COUNT], 0);
	tear_down(&f);
}

static void test_store_clock_that_went_back_does_not_cost_the_new_one(void **state)
{
	struct fixture f;

	set_up(&f);
	assert_int_equal(open_store(&f), 0);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(publish_all(&f, BUILD_ID, NOON + i), 0);
	assert_int_equal(publish_all(&f, BUILD_ID, NOON - 86400), 0);
	expect_link(&f, "latest.afdo", "20261120T120000Z.afdo");
	assert_true(exists(&f, BUILD_ID, "20261120T120000Z.afdo"));
	assert_false(exists(&f, BUILD_ID, NAME ".afdo"));
	tear_down(&f);
}

static void test_store_name_that_is_no_build_id_is_refused(void **state)
{
	static const char *const names[] = { "", "..", "0", "0a/..", "ABCD", "abc", "latest" };
	struct store_entry *entry;
	struct fixture f;

	set_up(&f);
	assert_int_equal(open_store(&f), 0);
	for (size_t i = 0; i < array_size(names); i++)
		assert_int_equal(store_begin(f.store, names[i], NOON, &entry, &f.problem), -EINVAL);
	assert_int_equal(store_begin(f.store, BUILD_ID, UINT64_MAX, &entry, &f.problem), -EINVAL);
	tear_down(&f);
}

static void test_store_folder_that_is_a_link_is_not_followed(void **state)
{
	struct fixture f;

	set_up(&f);
	assert_int_equal(open_store(&f), 0);
	assert_int_equal(mkdir(path_of(&f, "elsewhere", ""), 0755), 0);
	assert_int_equal(symlink("elsewhere", path_of(&f, ".", BUILD_ID)), 0);
	assert_int_equal(publish_all(&f, BUILD_ID, NOON), -ENOTDIR);
	assert_false(exists(&f, "elsewhere", NAME ".afdo"));
	tear_down(&f);
}

static void test_store_second_process_is_told_to_stay_away(void **state)
{
	struct store *second;
	unsigned int n_left;
	struct fixture f;

	set_up(&f);
	assert_int_equal(open_store(&f), 0);
	assert_int_equal(store_open(&f.options, &f.calls, &second, &n_left, &f.problem),
			 STORE_E_BUSY);
	assert_non_null(strstr(f.problem.text, "another process"));
	store_free(f.store);
	assert_int_equal(open_store(&f), 0);
	tear_down(&f);
}

static void test_store_directory_that_vanished_is_found_again(void **state)
{
	struct fixture f;

	set_up(&f);
	assert_int_equal(open_store(&f), 0);
	assert_int_equal(publish_all(&f, BUILD_ID, NOON), 0);
	remove_tree(f.directory);
	assert_int_equal(publish_all(&f, BUILD_ID, NOON + 1), -ENOENT);
	assert_non_null(strstr(f.problem.text, f.directory));
	assert_int_equal(mkdir(f.directory, 0755), 0);
	assert_int_equal(publish_all(&f, BUILD_ID, NOON + 2), 0);
	expect_link(&f, "latest.afdo", "20261121T120002Z.afdo");
	tear_down(&f);
}

static void test_store_abort_leaves_nothing(void **state)
{
	struct store_entry *entry;
	struct fixture f;
	unsigned int n;

	set_up(&f);
	assert_int_equal(open_store(&f), 0);
	assert_int_equal(store_begin(f.store, BUILD_ID, NOON, &entry, &f.problem), 0);
	assert_int_equal(store_add(entry, STORE_DUMP, "0\n0\n", 4, &f.problem), 0);
	assert_int_equal(store_add(entry, STORE_DUMP, "0\n0\n", 4, &f.problem), -EINVAL);
	assert_int_equal(check_folder(&f, &n), 1);
	store_abort(entry);
	assert_int_equal(check_folder(&f, &n), 0);
	assert_int_equal(n, 0);
	tear_down(&f);
}

/* How many calls a publication makes, with one before it and one to remove. */
static unsigned int count_calls(const char *only)
{
	unsigned int n_calls;
	struct fixture f;

	set_up(&f);
	f.options.limits.n_files_max = 1;
	assert_int_equal(open_store(&f), 0);
	assert_int_equal(publish_all(&f, BUILD_ID, NOON), 0);
	f.faults = (struct store_faults){ .only = only, .n_write_max = 3000 };
	assert_int_equal(publish_all(&f, BUILD_ID, NOON + 1), 0);
	n_calls = f.faults.n_calls;
	tear_down(&f);
	return n_calls;
}

/* After whatever happened: all is whole, and the next publication succeeds. */
static void check_after(struct fixture *f, bool has_second)
{
	unsigned int n;

	f->faults = (struct store_faults){ 0 };
	check_folder(f, &n);
	assert_true(n >= 1);
	assert_true(has_second || exists(f, BUILD_ID, NAME ".json"));
	assert_true(exists(f, BUILD_ID, "latest.afdo"));
	store_free(f->store);
	assert_int_equal(open_store(f), 0);
	assert_int_equal(check_folder(f, &n), 0);
	assert_int_equal(publish_all(f, BUILD_ID, NOON + 7), 0);
	assert_int_equal(f->result.kept.n_late, 0);
	assert_int_equal(check_folder(f, &n), 0);
	assert_int_equal(n, 1);
	expect_link(f, "latest.afdo", "20261121T120007Z.afdo");
	expect_link(f, "latest.json", "20261121T120007Z.json");
}

/* The n-th call fails, once or from then on; then all of it is published, or nothing. */
static void fail_at(unsigned int at, int error, bool is_for_good, const char *only)
{
	bool has_second;
	struct fixture f;
	int r;

	set_up(&f);
	f.options.limits.n_files_max = 1;
	assert_int_equal(open_store(&f), 0);
	assert_int_equal(publish_all(&f, BUILD_ID, NOON), 0);
	f.faults = (struct store_faults){ .trouble = FAIL,
					  .at = at,
					  .error = error,
					  .is_for_good = is_for_good,
					  .only = only,
					  .n_write_max = 3000 };
	r = publish_all(&f, BUILD_ID, NOON + 1);
	has_second = exists(&f, BUILD_ID, "20261121T120001Z.json");
	assert_false(f.faults.is_any_renamed_dirty);
	if (r != 0)
		assert_true(f.problem.text[0]);
	if (r != 0 && !is_for_good)
		assert_false(has_second || exists(&f, BUILD_ID, "20261121T120001Z.afdo"));
	if (r == 0)
		assert_true(has_second && exists(&f, BUILD_ID, "20261121T120001Z.afdo"));
	check_after(&f, has_second);
	tear_down(&f);
}

static void test_store_each_call_that_fails_leaves_nothing_torn(void **state)
{
	static const int errors[] = { EIO, ENOSPC, EROFS, EACCES, EDQUOT };
	unsigned int n_calls = count_calls(NULL);

	assert_in_range(n_calls, 30, 100);
	for (unsigned int at = 0; at < n_calls; at++)
		fail_at(at, errors[at % array_size(errors)], false, NULL);
}

/* Fails each call of a kind, one at a time. Returns how many of these failures nobody was told of.
 */
static unsigned int count_untold(const char *kind, unsigned int *ret_n)
{
	unsigned int n_calls = count_calls(kind), n_untold = 0;

	for (unsigned int at = 0; at < n_calls; at++) {
		struct fixture f;

		set_up(&f);
		f.options.limits.n_files_max = 1;
		assert_int_equal(open_store(&f), 0);
		assert_int_equal(publish_all(&f, BUILD_ID, NOON), 0);
		f.faults = (struct store_faults){
			.trouble = FAIL, .at = at, .error = EIO, .only = kind, .n_write_max = 3000
		};
		if (publish_all(&f, BUILD_ID, NOON + 1) == 0 && f.result.kept.n_late == 0)
			n_untold++;
		else
			assert_true(f.problem.text[0] || f.result.kept.late.text[0]);
		tear_down(&f);
	}
	*ret_n = n_calls;
	return n_untold;
}

static void test_store_failures_are_told(void **state)
{
	static const char *const told[] = { "open",    "write",	 "sync",     "rename",
					    "symlink", "unlink", "readlink", "stat" };
	unsigned int n, n_untold;

	for (size_t i = 0; i < array_size(told); i++) {
		assert_int_equal(count_untold(told[i], &n), 0);
		assert_true(n >= 3);
	}
	/* of descriptors, those of the three files matter */
	n_untold = count_untold("close", &n);
	assert_int_equal(n - n_untold, 3);
}

static void test_store_manifest_that_stays_keeps_its_files(void **state)
{
	struct fixture f;

	set_up(&f);
	f.options.limits.n_files_max = 1;
	assert_int_equal(open_store(&f), 0);
	assert_int_equal(publish_all(&f, BUILD_ID, NOON), 0);
	f.faults = (struct store_faults){ .trouble = FAIL, .error = EPERM, .only = "unlink" };
	assert_int_equal(publish_all(&f, BUILD_ID, NOON + 1), 0);
	assert_int_equal(f.result.kept.n_removed[STORE_BY_COUNT], 0);
	assert_int_equal(f.result.kept.n_late, 1);
	assert_non_null(strstr(f.result.kept.late.text, "remove"));
	assert_non_null(strstr(f.result.kept.late.text, NAME ".json"));
	assert_true(exists(&f, BUILD_ID, NAME ".json") && exists(&f, BUILD_ID, NAME ".afdo"));
	f.faults = (struct store_faults){ 0 };
	assert_int_equal(publish_all(&f, BUILD_ID, NOON + 2), 0);
	assert_int_equal(f.result.kept.n_removed[STORE_BY_COUNT], 2);
	tear_down(&f);
}

static void test_store_each_call_from_which_all_fail_leaves_nothing_torn(void **state)
{
	unsigned int n_calls = count_calls(NULL);

	for (unsigned int at = 0; at < n_calls; at++)
		fail_at(at, EIO, true, NULL);
}

static void test_store_full_disk_says_so(void **state)
{
	unsigned int n_writes = count_calls("write"), n;
	struct fixture f;

	assert_int_equal(n_writes, 4 + 1 + 1);
	for (unsigned int at = 0; at < n_writes; at++)
		fail_at(at, ENOSPC, true, "write");
	set_up(&f);
	assert_int_equal(open_store(&f), 0);
	f.faults = (struct store_faults){ .trouble = FAIL, .error = ENOSPC, .only = "write" };
	assert_int_equal(publish_all(&f, BUILD_ID, NOON), -ENOSPC);
	assert_non_null(strstr(f.problem.text, "No space left on device"));
	assert_int_equal(check_folder(&f, &n), 0);
	tear_down(&f);
}

static void test_store_interrupted_write_goes_on(void **state)
{
	unsigned int n_writes = count_calls("write");

	for (unsigned int at = 0; at < n_writes; at++) {
		struct fixture f;

		set_up(&f);
		assert_int_equal(open_store(&f), 0);
		f.faults = (struct store_faults){ .trouble = FAIL,
						  .at = at,
						  .error = EINTR,
						  .only = "write",
						  .n_write_max = 3000 };
		assert_int_equal(publish_all(&f, BUILD_ID, NOON), 0);
		check_whole(&f, NAME ".afdo");
		tear_down(&f);
	}
}

static void kill_at(unsigned int at, enum store_trouble trouble)
{
	bool has_second;
	struct fixture f;
	int status;
	pid_t child;

	set_up(&f);
	f.options.limits.n_files_max = 1;
	assert_int_equal(open_store(&f), 0);
	assert_int_equal(publish_all(&f, BUILD_ID, NOON), 0);
	f.faults = (struct store_faults){ .trouble = trouble, .at = at, .n_write_max = 3000 };
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)!publish_all(&f, BUILD_ID, NOON + 1);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == STORE_FAULTS_KILLED);
	has_second = exists(&f, BUILD_ID, "20261121T120001Z.json");
	check_after(&f, has_second);
	tear_down(&f);
}

static void test_store_kill_at_each_call_leaves_nothing_torn(void **state)
{
	unsigned int n_calls = count_calls(NULL);

	for (unsigned int at = 0; at < n_calls; at++) {
		kill_at(at, KILL_BEFORE);
		kill_at(at, KILL_AFTER);
	}
}

static void test_store_open_that_fails_says_why(void **state)
{
	struct fixture f;
	unsigned int n_calls;

	set_up(&f);
	assert_int_equal(open_store(&f), 0);
	n_calls = f.faults.n_calls;
	assert_int_equal(publish_all(&f, BUILD_ID, NOON), 0);
	store_free(steal_ptr(f.store));
	f.faults = (struct store_faults){ .trouble = FAIL, .error = EWOULDBLOCK, .only = "lock" };
	assert_int_equal(open_store(&f), STORE_E_BUSY);
	/* a file system that cannot lock is not refused */
	f.faults = (struct store_faults){ .trouble = FAIL, .error = EOPNOTSUPP, .only = "lock" };
	assert_int_equal(open_store(&f), 0);
	store_free(steal_ptr(f.store));
	assert_true(n_calls >= 3);
	for (unsigned int at = 0; at < 2; at++) {
		f.faults = (struct store_faults){
			.trouble = FAIL, .error = EACCES, .at = at, .only = "open"
		};
		f.problem.text[0] = '\0';
		assert_int_equal(open_store(&f), -EACCES);
		assert_non_null(strstr(f.problem.text, f.directory));
	}
	f.faults = (struct store_faults){ 0 };
	f.options.directory = "/nonexistent/store";
	assert_int_equal(open_store(&f), -ENOENT);
	assert_non_null(strstr(f.problem.text, "/nonexistent/store"));
	tear_down(&f);
}

static void test_store_begin_removes_what_a_killed_child_left(void **state)
{
	struct store_entry *entry;
	struct fixture f;
	unsigned int n;

	set_up(&f);
	assert_int_equal(open_store(&f), 0);
	assert_int_equal(publish_all(&f, BUILD_ID, NOON), 0);
	touch(&f, ".autofdod-20200101T000000Z.afdo.tmp");
	assert_int_equal(store_begin(f.store, BUILD_ID, NOON, &entry, &f.problem), 0);
	assert_int_equal(check_folder(&f, &n), 0);
	store_abort(entry);
	tear_down(&f);
}

static void test_store_open_removes_only_what_was_half_written(void **state)
{
	static const char *const kept[] = { ".autofdod", ".autofdod-x", ".hidden.tmp",
					    "20200101T000000Z.afdo.tmp" };
	unsigned int n_left;
	struct fixture f;

	set_up(&f);
	assert_int_equal(open_store(&f), 0);
	assert_int_equal(publish_all(&f, BUILD_ID, NOON), 0);
	store_free(steal_ptr(f.store));
	touch(&f, ".autofdod-20200101T000000Z.afdo.tmp");
	touch(&f, ".autofdod-latest.json.tmp");
	assert_int_equal(mkdir(path_of(&f, "lost", ""), 0755), 0);
	assert_int_equal(symlink("x", path_of(&f, "lost", ".autofdod-latest.json.tmp")), 0);
	for (size_t i = 0; i < array_size(kept); i++)
		touch(&f, kept[i]);
	assert_int_equal(store_open(&f.options, &f.calls, &f.store, &n_left, &f.problem), 0);
	assert_int_equal(n_left, 2);
	for (size_t i = 0; i < array_size(kept); i++)
		assert_true(exists(&f, BUILD_ID, kept[i]));
	assert_true(exists(&f, BUILD_ID, NAME ".afdo"));
	assert_true(exists(&f, "lost", ".autofdod-latest.json.tmp"));
	tear_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_store_publication_has_its_names_links_and_bytes),
		cmocka_unit_test(test_store_second_in_the_same_second_gets_the_next),
		cmocka_unit_test(test_store_names_sort_by_time_though_one_before_is_gone),
		cmocka_unit_test(test_store_dump_alone_leaves_the_other_links),
		cmocka_unit_test(test_store_retention_counts_and_leaves_what_is_not_ours),
		cmocka_unit_test(test_store_clock_that_went_back_does_not_cost_the_new_one),
		cmocka_unit_test(test_store_name_that_is_no_build_id_is_refused),
		cmocka_unit_test(test_store_folder_that_is_a_link_is_not_followed),
		cmocka_unit_test(test_store_second_process_is_told_to_stay_away),
		cmocka_unit_test(test_store_directory_that_vanished_is_found_again),
		cmocka_unit_test(test_store_abort_leaves_nothing),
		cmocka_unit_test(test_store_each_call_that_fails_leaves_nothing_torn),
		cmocka_unit_test(test_store_failures_are_told),
		cmocka_unit_test(test_store_manifest_that_stays_keeps_its_files),
		cmocka_unit_test(test_store_each_call_from_which_all_fail_leaves_nothing_torn),
		cmocka_unit_test(test_store_full_disk_says_so),
		cmocka_unit_test(test_store_interrupted_write_goes_on),
		cmocka_unit_test(test_store_kill_at_each_call_leaves_nothing_torn),
		cmocka_unit_test(test_store_open_that_fails_says_why),
		cmocka_unit_test(test_store_begin_removes_what_a_killed_child_left),
		cmocka_unit_test(test_store_open_removes_only_what_was_half_written),
	};

	umask(022);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
