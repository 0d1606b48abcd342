/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One publication is several files, and no file system makes several appear at once. So:
 *
 *	add	each file is written under a temporary name in the folder, and synced
 *	commit	the files are renamed, the manifest last; the folder is synced: now it is published
 *		the links are set, each by a link of a temporary name that is renamed
 *		what is beyond the limits is removed, its manifest first (store_retain.c)
 *
 * A reader that begins with a manifest finds all that it names. A process that is killed leaves
 * temporary names, which store_open() and the next store_begin() remove, or a publication without
 * its manifest, whose files are whole; it is counted and removed like others.
 *
 * An error before the folder is synced takes all of it back. What fails afterwards is told, and
 * done by the next publication.
 */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "store_folder.h"
#include "store_retain.h"

struct store {
	const struct store_calls *calls;
	char *directory; /* owned */
	struct store_limits limits;
	mode_t file_mode, folder_mode;
	int dir_fd;
};

/* A file of a publication. */
enum file_state { FILE_NONE, FILE_TEMPORARY, FILE_FINAL };

struct store_entry {
	struct store *store; /* borrowed */
	char *build_id;	     /* owned */
	int folder_fd;
	uint64_t utc_s; /* as it was given */
	char stamp[STORE_STAMP_SIZE];
	enum file_state files[N_STORE_KINDS];
	struct store_list list; /* what was there before */
};

/* lifecycle */

static int open_path(const struct store *store, int *ret_fd, struct problem *problem)
{
	const struct store_calls *calls = store->calls;
	int fd = calls->open(calls->context, AT_FDCWD, store->directory,
			     O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

	if (fd < 0)
		return problem_set(problem, fd, "store: open %s: %s", store->directory,
				   strerror(-fd));
	*ret_fd = fd;
	return 0;
}

static int lock(const struct store *store, int fd, struct problem *problem)
{
	/* other errors: this file system cannot lock, so nobody can be asked to stay away */
	if (store->calls->lock(store->calls->context, fd) != -EWOULDBLOCK)
		return 0;
	return problem_set(problem, STORE_E_BUSY, "store: lock %s: another process publishes there",
			   store->directory);
}

int store_open(const struct store_options *options, const struct store_calls *calls,
	       struct store **ret_store, unsigned int *ret_n_left, struct problem *problem)
{
	cleanup(store_cleanup) struct store *store = calloc(1, sizeof(*store));
	unsigned int n_left;
	int r;

	if (!store)
		return -ENOMEM;
	*store = (struct store){
		.calls = calls,
		.directory = strdup(options->directory),
		.limits = options->limits,
		.file_mode = options->file_mode,
		.folder_mode = options->folder_mode,
		.dir_fd = -1,
	};
	if (!store->directory)
		return -ENOMEM;
	r = open_path(store, &store->dir_fd, problem);
	if (r == 0)
		r = lock(store, store->dir_fd, problem);
	if (r)
		return r;
	r = store_clean(calls, store->dir_fd, &n_left);
	if (r < 0)
		return problem_set(problem, r, "store: read %s: %s", store->directory,
				   strerror(-r));
	*ret_n_left = n_left;
	*ret_store = steal_ptr(store);
	return 0;
}

void store_free(struct store *store)
{
	if (!store)
		return;
	if (store->dir_fd >= 0)
		store->calls->close(store->calls->context, store->dir_fd);
	free(store->directory);
	free(store);
}

/* a publication */

static int fail(const struct store_entry *e, int r, const char *verb, const char *name,
		struct problem *problem)
{
	return problem_set(problem, r, "store: %s %s/%s%s%s: %s", verb, e->store->directory,
			   e->build_id, *name ? "/" : "", name, strerror(-r));
}

static int make_folder(struct store_entry *e)
{
	const struct store_calls *calls = e->store->calls;
	int dir_fd = e->store->dir_fd;
	int fd = calls->open(calls->context, dir_fd, e->build_id, STORE_FOLDER_FLAGS, 0);
	int r;

	if (fd != -ENOENT)
		return fd;
	r = calls->mkdir(calls->context, dir_fd, e->build_id, e->store->folder_mode);
	if (r < 0 && r != -EEXIST)
		return r;
	return calls->open(calls->context, dir_fd, e->build_id, STORE_FOLDER_FLAGS, 0);
}

/* 1: they are one directory; 0: they are not; -errno. One that was removed keeps its inode. */
static int is_same(const struct store_calls *calls, int old_fd, int new_fd)
{
	struct store_stat before, now;
	int r = calls->stat(calls->context, new_fd, ".", &now);

	if (r == 0)
		r = calls->stat(calls->context, old_fd, ".", &before);
	if (r < 0)
		return r;
	return before.device == now.device && before.inode == now.inode;
}

/*
 * What has the directory's name now: it may have been removed, moved away, or mounted over. Then
 * nobody looks for files in the old one.
 */
static int follow_directory(struct store *store, struct problem *problem)
{
	const struct store_calls *calls = store->calls;
	int r, left_fd, fd = -1;

	r = open_path(store, &fd, problem);
	if (r < 0)
		return r;
	r = is_same(calls, store->dir_fd, fd);
	if (r < 0)
		problem_set(problem, r, "store: look at %s: %s", store->directory, strerror(-r));
	else if (r == 0 && lock(store, fd, problem) == STORE_E_BUSY)
		r = -EBUSY;
	left_fd = r == 0 ? store->dir_fd : fd;
	if (r == 0)
		store->dir_fd = fd;
	calls->close(calls->context, left_fd);
	return r < 0 ? r : 0;
}

static int open_folder(struct store_entry *e, struct problem *problem)
{
	int fd;
	int r = follow_directory(e->store, problem);

	if (r)
		return r;
	fd = make_folder(e);
	if (fd < 0)
		return fail(e, fd, "make folder", "", problem);
	e->folder_fd = fd;
	return 0;
}

/* Publications follow each other so closely at most: what is further ahead is of another clock. */
#define STAMP_LEAD_S 60u

/*
 * Not before one that was given a later second because this one was taken then: it may be free by
 * now, but names are to sort by time.
 */
static int choose_stamp(struct store_entry *e, uint64_t utc_s, struct problem *problem)
{
	uint64_t first_s = utc_s;

	for (uint64_t s = utc_s; s - utc_s <= STAMP_LEAD_S; s++)
		if (store_make_stamp(s, e->stamp) && store_list_has(&e->list, e->stamp))
			first_s = s + 1;
	do {
		if (!store_make_stamp(first_s++, e->stamp))
			return problem_set(problem, -EINVAL,
					   "store: the time is behind the year 9999");
	} while (store_list_has(&e->list, e->stamp));
	return 0;
}

static void entry_free(struct store_entry *e)
{
	if (!e)
		return;
	if (e->folder_fd >= 0)
		e->store->calls->close(e->store->calls->context, e->folder_fd);
	store_list_deinit(&e->list);
	free(e->build_id);
	free(e);
}
DEFINE_CLEANUP(struct store_entry, entry, entry_free)

int store_begin(struct store *store, const char *build_id, uint64_t utc_s,
		struct store_entry **ret_entry, struct problem *problem)
{
	cleanup(entry_cleanup) struct store_entry *e = NULL;
	unsigned int n_left;
	int r;

	if (!store_is_build_id(build_id))
		return problem_set(problem, -EINVAL, "store: '%.128s' is no build id", build_id);
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	*e = (struct store_entry){
		.store = store, .build_id = strdup(build_id), .utc_s = utc_s, .folder_fd = -1
	};
	if (!e->build_id)
		return -ENOMEM;
	r = open_folder(e, problem);
	if (r)
		return r;
	/* of a child that was killed while it wrote for us */
	r = store_clean_folder(store->calls, e->folder_fd, &n_left);
	if (r == 0)
		r = store_list_read(store->calls, e->folder_fd, &e->list);
	if (r < 0)
		return fail(e, r, "read", "", problem);
	r = choose_stamp(e, utc_s, problem);
	if (r < 0)
		return r;
	*ret_entry = steal_ptr(e);
	return 0;
}

const char *store_name(const struct store_entry *entry, enum store_kind kind,
		       char name[STORE_NAME_SIZE])
{
	char path[STORE_PATH_SIZE];

	store_final_name(entry->stamp, kind, path);
	memcpy(name, path, strnlen(path, STORE_NAME_SIZE - 1) + 1);
	name[STORE_NAME_SIZE - 1] = '\0';
	return name;
}

static int write_all(const struct store_calls *calls, int fd, const char *data, size_t n_bytes)
{
	while (n_bytes) {
		ssize_t n = calls->write(calls->context, fd, data, n_bytes);

		if (n == -EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? (int)n : -EIO;
		data += n;
		n_bytes -= (size_t)n;
	}
	return 0;
}

/* A new file; what an aborted publication could not remove is in the way, and is ours. */
static int create(const struct store_entry *e, const char *name)
{
	const struct store_calls *calls = e->store->calls;
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = calls->open(calls->context, e->folder_fd, name, flags, e->store->file_mode);

	if (fd != -EEXIST)
		return fd;
	(void)calls->unlink(calls->context, e->folder_fd, name);
	return calls->open(calls->context, e->folder_fd, name, flags, e->store->file_mode);
}

int store_add(struct store_entry *entry, enum store_kind kind, const void *data, size_t n_bytes,
	      struct problem *problem)
{
	const struct store_calls *calls = entry->store->calls;
	const char *verb = "write";
	char name[STORE_PATH_SIZE];
	int fd, r, r_close;

	if (kind >= N_STORE_KINDS || entry->files[kind] != FILE_NONE)
		return problem_set(problem, -EINVAL, "store: the file was added before");
	store_temporary_name(entry->stamp, kind, name);
	fd = create(entry, name);
	if (fd < 0)
		return fail(entry, fd, "create", name, problem);
	entry->files[kind] = FILE_TEMPORARY;
	r = write_all(calls, fd, data, n_bytes);
	if (r == 0) {
		verb = "sync";
		r = calls->sync(calls->context, fd);
	}
	/* delayed errors of some file systems come with close(2) */
	r_close = calls->close(calls->context, fd);
	if (r == 0)
		r = r_close;
	if (r == 0)
		return 0;
	(void)calls->unlink(calls->context, entry->folder_fd, name);
	entry->files[kind] = FILE_NONE;
	return fail(entry, r, verb, name, problem);
}

/* Removes what is there of it; but a manifest that stays keeps its files. */
static void take_back(struct store_entry *e)
{
	const struct store_calls *calls = e->store->calls;
	bool has_manifest = false;
	char name[STORE_PATH_SIZE];

	for (unsigned int kind = N_STORE_KINDS; kind-- > 0;) {
		if (e->files[kind] == FILE_TEMPORARY) {
			store_temporary_name(e->stamp, kind, name);
			(void)calls->unlink(calls->context, e->folder_fd, name);
		} else if (e->files[kind] == FILE_FINAL && !has_manifest) {
			store_final_name(e->stamp, kind, name);
			has_manifest = calls->unlink(calls->context, e->folder_fd, name) < 0 &&
				       kind == STORE_MANIFEST;
		}
		e->files[kind] = FILE_NONE;
	}
}

void store_abort(struct store_entry *entry)
{
	if (entry)
		take_back(entry);
	entry_free(entry);
}

static int rename_files(struct store_entry *e, struct problem *problem)
{
	const struct store_calls *calls = e->store->calls;
	char from[STORE_PATH_SIZE], to[STORE_PATH_SIZE];
	int r;

	for (unsigned int kind = 0; kind < N_STORE_KINDS; kind++) {
		if (e->files[kind] != FILE_TEMPORARY)
			continue;
		store_temporary_name(e->stamp, kind, from);
		store_final_name(e->stamp, kind, to);
		r = calls->rename(calls->context, e->folder_fd, from, to);
		if (r < 0)
			return fail(e, r, "rename", from, problem);
		e->files[kind] = FILE_FINAL;
	}
	return 0;
}

/* The folder itself may be new, so the directory, too. */
static int publish(struct store_entry *e, struct problem *problem)
{
	const struct store_calls *calls = e->store->calls;
	int r = rename_files(e, problem);

	if (r < 0)
		return r;
	r = calls->sync(calls->context, e->folder_fd);
	if (r == 0)
		r = calls->sync(calls->context, e->store->dir_fd);
	return r < 0 ? fail(e, r, "sync", "", problem) : 0;
}

/* what follows */

static void note_late(const struct store_entry *e, int r, const char *verb, const char *name,
		      struct store_kept *kept)
{
	if (kept->n_late++ == 0)
		fail(e, r, verb, name, &kept->late);
}

static void set_link(struct store_entry *e, enum store_kind kind, struct store_kept *late)
{
	const struct store_calls *calls = e->store->calls;
	char target[STORE_PATH_SIZE], temporary[STORE_PATH_SIZE], latest[STORE_PATH_SIZE];
	int r;

	store_final_name(e->stamp, kind, target);
	store_temporary_name("latest", kind, temporary);
	store_final_name("latest", kind, latest);
	r = calls->symlink(calls->context, target, e->folder_fd, temporary);
	if (r == -EEXIST) {
		(void)calls->unlink(calls->context, e->folder_fd, temporary);
		r = calls->symlink(calls->context, target, e->folder_fd, temporary);
	}
	if (r == 0) {
		r = calls->rename(calls->context, e->folder_fd, temporary, latest);
		if (r < 0)
			(void)calls->unlink(calls->context, e->folder_fd, temporary);
	}
	if (r < 0)
		note_late(e, r, "link", latest, late);
}

static int retain(struct store *store, const char *build_id, const char *stamp, uint64_t utc_s,
		  struct store_kept *ret_kept)
{
	const struct store_retain_input input = {
		.directory = store->directory,
		.dir_fd = store->dir_fd,
		.limits = store->limits,
		.build_id = build_id,
		.stamp = stamp,
		.utc_s = utc_s,
	};

	return store_retain_all(&input, store->calls, ret_kept);
}

/* What came before counts as well, and is told first. */
static void add_late(const struct store_kept *before, struct store_kept *kept)
{
	if (before->n_late)
		kept->late = before->late;
	kept->n_late += before->n_late;
}

int store_commit(struct store_entry *entry, struct store_result *ret_result,
		 struct problem *problem)
{
	const struct store_calls *calls = entry->store->calls;
	struct store_result result = { 0 };
	struct store_kept late = { 0 };
	int r = publish(entry, problem);

	if (r < 0) {
		store_abort(entry);
		return r;
	}
	memcpy(result.stamp, entry->stamp, STORE_STAMP_SIZE);
	for (unsigned int kind = 0; kind < N_STORE_KINDS; kind++)
		if (entry->files[kind] == FILE_FINAL)
			set_link(entry, kind, &late);
	r = retain(entry->store, entry->build_id, entry->stamp, entry->utc_s, &result.kept);
	if (r < 0)
		note_late(entry, r, "look for what is old", "", &late);
	r = calls->sync(calls->context, entry->folder_fd);
	if (r < 0)
		note_late(entry, r, "sync", "", &late);
	add_late(&late, &result.kept);
	entry_free(entry);
	*ret_result = result;
	return 0;
}

/* retention */

const char *store_limit_name(enum store_limit limit)
{
	switch (limit) {
	case STORE_BY_COUNT:
		return "count";
	case STORE_BY_AGE:
		return "age";
	case STORE_BY_BYTES:
		return "bytes";
	case N_STORE_LIMITS:
		break;
	}
	return "";
}

void store_set_limits(struct store *store, const struct store_limits *limits)
{
	store->limits = *limits;
}

int store_retain(struct store *store, const char *build_id, uint64_t utc_s,
		 struct store_kept *ret_kept, struct problem *problem)
{
	int r = follow_directory(store, problem);

	if (r == 0) {
		r = retain(store, build_id, "", utc_s, ret_kept);
		if (r < 0)
			problem_set(problem, r, "store: read %s: %s", store->directory,
				    strerror(-r));
	}
	return r;
}
