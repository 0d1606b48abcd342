/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is kept, of several kernels, by count, age and bytes; and what is there after any of the
 * calls that remove something fails or is the last one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
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

#define THIS "0123456789abcdef0123456789abcdef01234567"
#define OLD "fedcba9876543210"
#define OLDER "00aa"
#define NOON 1795262400u /* 2026-11-21 12:00:00 UTC */
#define DAY 86400u
#define N_EACH 1000u /* bytes of a publication: 700, 200 and 100 */

struct fixture {
	char directory[64];
	struct store_faults faults;
	struct store_calls calls;
	struct store_options options;
	struct store *store;
	struct store_result result;
	struct store_kept kept;
	struct problem problem;
};

static void set_up(struct fixture *f)
{
	unsigned int n_left;

	*f = (struct fixture){ .directory = "/tmp/test-store-XXXXXX" };
	f->calls = store_faults_calls(&f->faults);
	assert_non_null(mkdtemp(f->directory));
	f->options = (struct store_options){
		.directory = f->directory,
		.limits = { .n_files_max = 1000 },
		.file_mode = 0644,
		.folder_mode = 0755,
	};
	assert_int_equal(store_open(&f->options, &f->calls, &f->store, &n_left, &f->problem), 0);
}

static int remove_path(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	return remove(path);
}

static void tear_down(struct fixture *f)
{
	store_free(f->store);
	nftw(f->directory, remove_path, 8, FTW_DEPTH | FTW_PHYS);
}

static int publish(struct fixture *f, const char *build_id, uint64_t utc_s)
{
	static const size_t sizes[N_STORE_KINDS] = { 700, 200, 100 };
	static const char bytes[700];
	struct store_entry *entry;
	int r = store_begin(f->store, build_id, utc_s, &entry, &f->problem);

	if (r)
		return r;
	for (unsigned int kind = 0; r == 0 && kind < N_STORE_KINDS; kind++)
		r = store_add(entry, kind, bytes, sizes[kind], &f->problem);
	if (r == 0)
		return store_commit(entry, &f->result, &f->problem);
	store_abort(entry);
	return r;
}

static void retain(struct fixture *f, const struct store_limits *limits, uint64_t utc_s)
{
	store_set_limits(f->store, limits);
	assert_int_equal(store_retain(f->store, THIS, utc_s, &f->kept, &f->problem), 0);
}

/* what is there */

static bool exists(const struct fixture *f, const char *build_id, const char *name)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s/%s", f->directory, build_id, name);
	return lstat(path, &st) == 0;
}

/* All files of a publication, or none of them. */
static bool is_there(const struct fixture *f, const char *build_id, const char *stamp)
{
	static const char *const extensions[] = { ".afdo", ".unsym", ".json" };
	unsigned int n = 0;

	for (size_t i = 0; i < array_size(extensions); i++) {
		char name[64];

		snprintf(name, sizeof(name), "%s%s", stamp, extensions[i]);
		n += exists(f, build_id, name);
	}
	assert_true(n == 0 || n == array_size(extensions));
	return n > 0;
}

static void touch(const struct fixture *f, const char *build_id, const char *name, size_t n_bytes)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", f->directory, build_id);
	(void)mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/%s/%s", f->directory, build_id, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)n_bytes), 0);
	close(fd);
}

static uint64_t n_removed(const struct store_kept *kept)
{
	return kept->n_removed[STORE_BY_COUNT] + kept->n_removed[STORE_BY_AGE] +
	       kept->n_removed[STORE_BY_BYTES];
}

/* Three kernels: two publications of the older one, two of the old one, three of this one. */
static void publish_some(struct fixture *f)
{
	static const struct {
		const char *build_id;
		unsigned int days_ago;
	} some[] = { { OLDER, 30 }, { OLDER, 20 }, { OLD, 19 }, { OLD, 9 },
		     { THIS, 8 },   { THIS, 3 },   { THIS, 0 } };

	for (size_t i = 0; i < array_size(some); i++)
		assert_int_equal(publish(f, some[i].build_id, NOON - some[i].days_ago * DAY), 0);
	assert_int_equal(n_removed(&f->result.kept), 0);
	assert_int_equal(f->result.kept.n_left, array_size(some));
	assert_int_equal(f->result.kept.n_left_bytes, array_size(some) * N_EACH);
}

/* tests */

static void test_store_retain_by_age_takes_other_kernels_and_their_folders(void **state)
{
	struct fixture f;

	set_up(&f);
	publish_some(&f);
	retain(&f, &(struct store_limits){ .n_files_max = 1000, .age_s_max = 10 * DAY }, NOON);
	assert_int_equal(f.kept.n_removed[STORE_BY_AGE], 3);
	assert_int_equal(n_removed(&f.kept), 3);
	assert_int_equal(f.kept.n_removed_bytes, 3 * N_EACH);
	assert_int_equal(f.kept.n_left, 4);
	assert_int_equal(f.kept.n_late, 0);
	assert_false(exists(&f, OLDER, ""));
	assert_false(is_there(&f, OLD, "20261102T120000Z"));
	assert_true(is_there(&f, OLD, "20261112T120000Z"));
	assert_true(exists(&f, OLD, "latest.afdo"));
	/* the next one at its second is not older than that: it goes in the second after */
	retain(&f, &(struct store_limits){ .n_files_max = 1000, .age_s_max = 10 * DAY },
	       NOON + DAY);
	assert_int_equal(n_removed(&f.kept), 0);
	retain(&f, &(struct store_limits){ .n_files_max = 1000, .age_s_max = 10 * DAY },
	       NOON + DAY + 1);
	assert_int_equal(f.kept.n_removed[STORE_BY_AGE], 1);
	assert_false(exists(&f, OLD, ""));
	tear_down(&f);
}

static void test_store_retain_never_takes_the_newest(void **state)
{
	struct fixture f;

	set_up(&f);
	publish_some(&f);
	retain(&f, &(struct store_limits){ .n_files_max = 1, .n_bytes_max = 1, .age_s_max = 1 },
	       NOON + 365 * DAY);
	assert_int_equal(f.kept.n_left, 1);
	assert_int_equal(n_removed(&f.kept), 6);
	assert_true(is_there(&f, THIS, "20261121T120000Z"));
	assert_true(exists(&f, THIS, "latest.json"));
	assert_false(exists(&f, OLD, "") || exists(&f, OLDER, ""));
	tear_down(&f);
}

/* After an update, with nothing published yet, the newest of all is of the kernel before. */
static void test_store_retain_of_a_new_kernel_keeps_the_newest_of_all(void **state)
{
	struct fixture f;

	set_up(&f);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(publish(&f, OLD, NOON + i), 0);
	retain(&f, &(struct store_limits){ .n_files_max = 1, .n_bytes_max = 1, .age_s_max = 1 },
	       NOON + DAY);
	assert_int_equal(f.kept.n_left, 1);
	assert_true(is_there(&f, OLD, "20261121T120002Z"));
	assert_true(exists(&f, OLD, "latest.afdo"));
	tear_down(&f);
}

static void test_store_retain_by_bytes_takes_the_oldest_of_all(void **state)
{
	struct fixture f;

	set_up(&f);
	publish_some(&f);
	retain(&f, &(struct store_limits){ .n_files_max = 1000, .n_bytes_max = 7 * N_EACH }, NOON);
	assert_int_equal(n_removed(&f.kept), 0);
	retain(&f, &(struct store_limits){ .n_files_max = 1000, .n_bytes_max = 7 * N_EACH - 1 },
	       NOON);
	assert_int_equal(f.kept.n_removed[STORE_BY_BYTES], 1);
	assert_false(is_there(&f, OLDER, "20261022T120000Z"));
	retain(&f, &(struct store_limits){ .n_files_max = 1000, .n_bytes_max = 2 * N_EACH }, NOON);
	assert_int_equal(f.kept.n_removed[STORE_BY_BYTES], 4);
	assert_int_equal(f.kept.n_left_bytes, 2 * N_EACH);
	assert_true(is_there(&f, THIS, "20261118T120000Z"));
	assert_false(exists(&f, OLD, ""));
	tear_down(&f);
}

static void test_store_retain_holds_for_each_publication(void **state)
{
	struct fixture f;

	set_up(&f);
	store_set_limits(f.store,
			 &(struct store_limits){ .n_files_max = 1000, .n_bytes_max = 3 * N_EACH });
	for (unsigned int i = 0; i < 9; i++) {
		assert_int_equal(publish(&f, i < 4 ? OLD : THIS, NOON + i), 0);
		assert_int_equal(f.result.kept.n_removed[STORE_BY_BYTES], i < 3 ? 0 : 1);
		assert_true(f.result.kept.n_left_bytes <= 3 * N_EACH);
	}
	assert_false(exists(&f, OLD, ""));
	tear_down(&f);
}

static void test_store_retain_neither_counts_nor_takes_what_is_not_ours(void **state)
{
	struct fixture f;

	set_up(&f);
	touch(&f, OLD, "20200101T000000Z.afdo.bak", 1 << 20);
	touch(&f, OLD, "notes", 1 << 20);
	touch(&f, "notes-of-mine", "20200101T000000Z.afdo", 1 << 20);
	touch(&f, "ABCD", "20200101T000000Z.afdo", 1 << 20);
	assert_int_equal(publish(&f, OLD, NOON - DAY), 0);
	assert_int_equal(publish(&f, THIS, NOON), 0);
	retain(&f,
	       &(struct store_limits){
		       .n_files_max = 1, .n_bytes_max = 2 * N_EACH, .age_s_max = 365 * DAY },
	       NOON);
	assert_int_equal(n_removed(&f.kept), 0);
	assert_int_equal(f.kept.n_left_bytes, 2 * N_EACH);
	retain(&f, &(struct store_limits){ .n_files_max = 1, .age_s_max = 1 }, NOON + DAY);
	assert_int_equal(n_removed(&f.kept), 1);
	assert_int_equal(f.kept.n_late, 0);
	assert_false(exists(&f, OLD, "latest.afdo"));
	assert_true(exists(&f, OLD, "notes") && exists(&f, OLD, "20200101T000000Z.afdo.bak"));
	assert_true(exists(&f, "notes-of-mine", "20200101T000000Z.afdo"));
	assert_true(exists(&f, "ABCD", "20200101T000000Z.afdo"));
	tear_down(&f);
}

/* Named like ours, they are not: a directory, a link to what is elsewhere, a link as a folder. */
static void test_store_retain_looks_at_regular_files_only(void **state)
{
	char path[256], folder[256];
	struct fixture f;

	set_up(&f);
	touch(&f, "elsewhere", "20200101T000000Z.afdo", 5000);
	touch(&f, OLD, "other", 0);
	snprintf(path, sizeof(path), "%s/%s/20200101T000000Z.afdo", f.directory, OLD);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/%s/20200102T000000Z.afdo", f.directory, OLD);
	assert_int_equal(symlink("../elsewhere/20200101T000000Z.afdo", path), 0);
	snprintf(folder, sizeof(folder), "%s/aabb", f.directory);
	assert_int_equal(symlink("elsewhere", folder), 0);
	assert_int_equal(publish(&f, THIS, NOON), 0);
	retain(&f, &(struct store_limits){ .n_files_max = 1, .n_bytes_max = 1, .age_s_max = 1 },
	       NOON + DAY);
	assert_int_equal(n_removed(&f.kept), 0);
	assert_int_equal(f.kept.n_late, 0);
	assert_int_equal(f.kept.n_left_bytes, N_EACH);
	assert_true(exists(&f, "elsewhere", "20200101T000000Z.afdo"));
	assert_true(exists(&f, OLD, "20200101T000000Z.afdo"));
	assert_true(exists(&f, "aabb", "20200101T000000Z.afdo"));
	tear_down(&f);
}

/* A clock that starts in 1970, and one that has been wrong. */
static void test_store_retain_by_age_survives_clocks(void **state)
{
	const struct store_limits limits = { .n_files_max = 1000, .age_s_max = 90 * DAY };
	struct fixture f;

	set_up(&f);
	publish_some(&f);
	retain(&f, &limits, 100);
	assert_int_equal(n_removed(&f.kept), 0);
	retain(&f, &limits, 100 * DAY);
	assert_int_equal(n_removed(&f.kept), 0);
	retain(&f, &limits, UINT64_MAX);
	assert_int_equal(n_removed(&f.kept), 0);
	tear_down(&f);
}

static void test_store_retain_keeps_what_links_of_this_kernel_lead_to(void **state)
{
	struct store_entry *entry;
	struct fixture f;

	set_up(&f);
	assert_int_equal(publish(&f, THIS, NOON - 2 * DAY), 0);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(store_begin(f.store, THIS, NOON + i, &entry, &f.problem), 0);
		assert_int_equal(store_add(entry, STORE_DUMP, "0\n0\n", 4, &f.problem), 0);
		assert_int_equal(store_commit(entry, &f.result, &f.problem), 0);
	}
	retain(&f, &(struct store_limits){ .n_files_max = 1, .n_bytes_max = 1, .age_s_max = 1 },
	       NOON + DAY);
	assert_int_equal(n_removed(&f.kept), 2);
	assert_true(is_there(&f, THIS, "20261119T120000Z"));
	assert_true(exists(&f, THIS, "20261121T120002Z.unsym"));
	tear_down(&f);
}

/* Whose links somebody removed, and after which another kernel was booted for a while. */
static void test_store_retain_keeps_the_newest_of_this_kernel_without_links(void **state)
{
	static const char *const links[] = { "latest.afdo", "latest.unsym", "latest.json" };
	struct fixture f;
	char path[256];

	set_up(&f);
	assert_int_equal(publish(&f, THIS, NOON), 0);
	assert_int_equal(publish(&f, THIS, NOON + 1), 0);
	assert_int_equal(publish(&f, OLD, NOON + 2), 0);
	for (size_t i = 0; i < array_size(links); i++) {
		snprintf(path, sizeof(path), "%s/%s/%s", f.directory, THIS, links[i]);
		assert_int_equal(unlink(path), 0);
	}
	retain(&f, &(struct store_limits){ .n_files_max = 1, .n_bytes_max = 1, .age_s_max = 1 },
	       NOON + DAY);
	assert_int_equal(n_removed(&f.kept), 1);
	assert_true(is_there(&f, THIS, "20261121T120001Z"));
	assert_true(is_there(&f, OLD, "20261121T120002Z"));
	tear_down(&f);
}

/* A clock that went back, and links that cannot be set: neither says that it is the newest. */
static void test_store_retain_keeps_what_was_just_published(void **state)
{
	struct fixture f;

	set_up(&f);
	assert_int_equal(publish(&f, THIS, NOON), 0);
	store_set_limits(f.store, &(struct store_limits){
					  .n_files_max = 1, .n_bytes_max = 1, .age_s_max = 1 });
	f.faults = (struct store_faults){
		.trouble = FAIL, .error = EPERM, .is_for_good = true, .only = "symlink"
	};
	assert_int_equal(publish(&f, THIS, NOON - DAY), 0);
	assert_int_equal(f.result.kept.n_late, N_STORE_KINDS);
	assert_non_null(strstr(f.result.kept.late.text, "link"));
	assert_int_equal(n_removed(&f.result.kept), 0);
	assert_true(is_there(&f, THIS, "20261120T120000Z"));
	tear_down(&f);
}

/* A folder that nobody can look at is told of, and does not keep others from their limits. */
static void test_store_retain_passes_over_what_cannot_be_read(void **state)
{
	struct fixture f;

	set_up(&f);
	publish_some(&f);
	store_set_limits(f.store, &(struct store_limits){ .n_files_max = 1000, .age_s_max = DAY });
	/* after the directory, and itself to be read, the first folder that is met */
	f.faults =
		(struct store_faults){ .trouble = FAIL, .error = EACCES, .at = 2, .only = "open" };
	assert_int_equal(store_retain(f.store, THIS, NOON, &f.kept, &f.problem), 0);
	assert_int_equal(f.kept.n_late, 1);
	assert_non_null(strstr(f.kept.late.text, "Permission denied"));
	assert_true(n_removed(&f.kept) >= 2);
	tear_down(&f);
}

static void test_store_directory_that_is_anothers_by_now_is_left_to_it(void **state)
{
	struct store *other = NULL;
	char moved[80];
	unsigned int n_left;
	struct fixture f;

	set_up(&f);
	assert_int_equal(publish(&f, THIS, NOON), 0);
	snprintf(moved, sizeof(moved), "%s.moved", f.directory);
	assert_int_equal(rename(f.directory, moved), 0);
	assert_int_equal(mkdir(f.directory, 0755), 0);
	assert_int_equal(store_open(&f.options, &store_calls_kernel, &other, &n_left, &f.problem),
			 0);
	assert_int_equal(publish(&f, THIS, NOON + 1), -EBUSY);
	assert_non_null(strstr(f.problem.text, "another process"));
	assert_int_equal(store_retain(f.store, THIS, NOON, &f.kept, &f.problem), -EBUSY);
	store_free(other);
	assert_int_equal(publish(&f, THIS, NOON + 2), 0);
	tear_down(&f);
	nftw(moved, remove_path, 8, FTW_DEPTH | FTW_PHYS);
}

static void test_store_directory_of_another_inode_is_followed(void **state)
{
	char moved[80];
	struct fixture f;

	set_up(&f);
	assert_int_equal(publish(&f, THIS, NOON), 0);
	snprintf(moved, sizeof(moved), "%s.moved", f.directory);
	assert_int_equal(rename(f.directory, moved), 0);
	assert_int_equal(publish(&f, THIS, NOON + 1), -ENOENT);
	assert_int_equal(store_retain(f.store, THIS, NOON, &f.kept, &f.problem), -ENOENT);
	assert_int_equal(mkdir(f.directory, 0755), 0);
	assert_int_equal(publish(&f, THIS, NOON + 2), 0);
	assert_true(is_there(&f, THIS, "20261121T120002Z"));
	assert_false(is_there(&f, THIS, "20261121T120000Z"));
	tear_down(&f);
	nftw(moved, remove_path, 8, FTW_DEPTH | FTW_PHYS);
}

/* faults */

/* Whatever happened, what has a name is whole: a manifest has its files, a link leads to one. */
static void check_whole(const struct fixture *f)
{
	static const char *const ids[] = { THIS, OLD, OLDER };
	static const char *const links[] = { "latest.afdo", "latest.unsym", "latest.json" };
	struct stat st;
	char path[256];

	for (size_t i = 0; i < array_size(ids); i++) {
		for (size_t k = 0; k < array_size(links); k++) {
			snprintf(path, sizeof(path), "%s/%s/%s", f->directory, ids[i], links[k]);
			if (lstat(path, &st) == 0)
				assert_int_equal(stat(path, &st), 0);
		}
	}
	assert_true(is_there(f, THIS, "20261121T120000Z"));
	assert_true(exists(f, THIS, "latest.afdo") && exists(f, THIS, "latest.json"));
}

/* A manifest's files are there. */
static void check_manifest(const struct fixture *f, const char *build_id, const char *stamp)
{
	char json[64], afdo[64], unsym[64];

	snprintf(json, sizeof(json), "%s.json", stamp);
	snprintf(afdo, sizeof(afdo), "%s.afdo", stamp);
	snprintf(unsym, sizeof(unsym), "%s.unsym", stamp);
	if (exists(f, build_id, json))
		assert_true(exists(f, build_id, afdo) && exists(f, build_id, unsym));
}

static const struct store_limits tight = { .n_files_max = 2,
					   .n_bytes_max = 2 * N_EACH,
					   .age_s_max = 10 * DAY };

static void check_after(struct fixture *f)
{
	f->faults = (struct store_faults){ 0 };
	check_manifest(f, OLDER, "20261022T120000Z");
	check_manifest(f, OLDER, "20261101T120000Z");
	check_manifest(f, OLD, "20261102T120000Z");
	check_manifest(f, OLD, "20261112T120000Z");
	check_manifest(f, THIS, "20261113T120000Z");
	check_whole(f);
	retain(f, &tight, NOON);
	assert_int_equal(f->kept.n_late, 0);
	assert_int_equal(f->kept.n_left, 2);
	assert_false(exists(f, OLD, "") || exists(f, OLDER, ""));
	check_whole(f);
}

static unsigned int count_calls(const char *only)
{
	unsigned int n_calls;
	struct fixture f;

	set_up(&f);
	publish_some(&f);
	f.faults = (struct store_faults){ .only = only };
	retain(&f, &tight, NOON);
	n_calls = f.faults.n_calls;
	assert_int_equal(n_removed(&f.kept), 5);
	assert_int_equal(f.kept.n_removed[STORE_BY_COUNT], 1);
	assert_int_equal(f.kept.n_removed[STORE_BY_AGE], 3);
	assert_int_equal(f.kept.n_removed[STORE_BY_BYTES], 1);
	tear_down(&f);
	return n_calls;
}

/* True: the failure was told. */
static bool fail_at(unsigned int at, int error, bool is_for_good, const char *only)
{
	struct fixture f;
	bool is_told;
	int r;

	set_up(&f);
	publish_some(&f);
	store_set_limits(f.store, &tight);
	f.faults = (struct store_faults){
		.trouble = FAIL, .at = at, .error = error, .is_for_good = is_for_good, .only = only
	};
	r = store_retain(f.store, THIS, NOON, &f.kept, &f.problem);
	assert_true(r <= 0);
	is_told = r < 0 ? f.problem.text[0] : f.kept.n_late > 0 && f.kept.late.text[0];
	if (r == 0 && !f.kept.n_late)
		assert_int_equal(n_removed(&f.kept), 5);
	check_after(&f);
	tear_down(&f);
	return is_told;
}

static void test_store_retain_each_call_that_fails_leaves_nothing_torn(void **state)
{
	static const int errors[] = { EIO, EROFS, EACCES, EDQUOT, EPERM };
	unsigned int n_calls = count_calls(NULL);

	assert_in_range(n_calls, 40, 200);
	for (unsigned int at = 0; at < n_calls; at++) {
		fail_at(at, errors[at % array_size(errors)], false, NULL);
		fail_at(at, errors[at % array_size(errors)], true, NULL);
	}
}

static void test_store_retain_failures_are_told(void **state)
{
	static const char *const told[] = { "open", "readlink", "unlink", "rmdir", "stat" };

	for (size_t i = 0; i < array_size(told); i++) {
		unsigned int n_calls = count_calls(told[i]);

		assert_true(n_calls >= 2);
		for (unsigned int at = 0; at < n_calls; at++)
			assert_true(fail_at(at, EIO, false, told[i]));
	}
}

/* Somebody else removes what was listed: that is no failure. */
static void test_store_retain_does_not_mind_what_another_removes(void **state)
{
	static const char *const kinds[] = { "stat", "unlink" };

	for (size_t i = 0; i < array_size(kinds); i++) {
		unsigned int n_calls = count_calls(kinds[i]);

		/* the first two look at the directory */
		for (unsigned int at = i == 0 ? 2 : 0; at < n_calls; at++) {
			struct fixture f;

			set_up(&f);
			publish_some(&f);
			f.faults = (struct store_faults){
				.trouble = FAIL, .at = at, .error = ENOENT, .only = kinds[i]
			};
			retain(&f, &tight, NOON);
			assert_int_equal(f.kept.n_left, 2);
			tear_down(&f);
		}
	}
}

static void kill_at(unsigned int at, enum store_trouble trouble)
{
	struct fixture f;
	int status;
	pid_t child;

	set_up(&f);
	publish_some(&f);
	store_set_limits(f.store, &tight);
	f.faults = (struct store_faults){ .trouble = trouble, .at = at };
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)!store_retain(f.store, THIS, NOON, &f.kept, &f.problem);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == STORE_FAULTS_KILLED);
	check_after(&f);
	tear_down(&f);
}

static void test_store_retain_kill_at_each_call_leaves_nothing_torn(void **state)
{
	unsigned int n_calls = count_calls(NULL);

	for (unsigned int at = 0; at < n_calls; at++) {
		kill_at(at, KILL_BEFORE);
		kill_at(at, KILL_AFTER);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_store_retain_by_age_takes_other_kernels_and_their_folders),
		cmocka_unit_test(test_store_retain_never_takes_the_newest),
		cmocka_unit_test(test_store_retain_of_a_new_kernel_keeps_the_newest_of_all),
		cmocka_unit_test(test_store_retain_by_bytes_takes_the_oldest_of_all),
		cmocka_unit_test(test_store_retain_holds_for_each_publication),
		cmocka_unit_test(test_store_retain_neither_counts_nor_takes_what_is_not_ours),
		cmocka_unit_test(test_store_retain_looks_at_regular_files_only),
		cmocka_unit_test(test_store_retain_by_age_survives_clocks),
		cmocka_unit_test(test_store_retain_keeps_what_links_of_this_kernel_lead_to),
		cmocka_unit_test(test_store_retain_passes_over_what_cannot_be_read),
		cmocka_unit_test(test_store_retain_keeps_the_newest_of_this_kernel_without_links),
		cmocka_unit_test(test_store_retain_keeps_what_was_just_published),
		cmocka_unit_test(test_store_directory_of_another_inode_is_followed),
		cmocka_unit_test(test_store_directory_that_is_anothers_by_now_is_left_to_it),
		cmocka_unit_test(test_store_retain_does_not_mind_what_another_removes),
		cmocka_unit_test(test_store_retain_each_call_that_fails_leaves_nothing_torn),
		cmocka_unit_test(test_store_retain_failures_are_told),
		cmocka_unit_test(test_store_retain_kill_at_each_call_leaves_nothing_torn),
	};

	umask(022);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
