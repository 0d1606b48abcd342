/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new file has no name (O_TMPFILE) until linkat(2) gives it one, so that it is gone with a writer
 * that is killed. Some file systems have no such files: there it has another name first, as those
 * that autofdod-profgen index --cache writes always have.
 */
#include "index_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/problem.h"
#include "symbolize/index.h"

#define SUFFIX ".index"
#define FILE_NAME_SIZE (BUILD_ID_HEX_SIZE + sizeof(SUFFIX))
#define TEMPORARY_SIZE (FILE_NAME_SIZE + 8) /* ".XXXXXX" */
#define FILE_MODE 0644			    /* the worker's unit is another user */
/* Who writes one takes seconds. */
#define LEFTOVER_S 3600u
/* In a folder of our own there are some hundred. */
#define FILES_MAX 8192u

/* names */

static void name_of(const struct build_id *id, char name[FILE_NAME_SIZE])
{
	build_id_to_hex(id, name);
	strcat(name, SUFFIX);
}

/* Digits of a build id and the suffix, *ret_end is what follows. */
static bool begins_as_index(const char *name, const char **ret_end)
{
	size_t n = strspn(name, "0123456789abcdef");

	if (n < 2 || n >= BUILD_ID_HEX_SIZE || strncmp(name + n, SUFFIX, strlen(SUFFIX)) != 0)
		return false;
	*ret_end = name + n + strlen(SUFFIX);
	return true;
}

static bool is_index_name(const char *name)
{
	const char *end;

	return begins_as_index(name, &end) && *end == '\0';
}

static bool is_leftover_name(const char *name)
{
	const char *end;

	return begins_as_index(name, &end) && end[0] == '.' && strlen(end) == 7;
}

/* the folder */

struct cached {
	char name[FILE_NAME_SIZE];
	uint64_t n_bytes, mtime_s;
	bool is_kept;
};

/* The caller's to closedir(); NULL and errno. */
static DIR *open_folder(int dir_fd)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && !folder)
		close(fd);
	return folder;
}

static bool is_among(const char *name, const struct build_id *ids, size_t n)
{
	char other[FILE_NAME_SIZE];

	for (size_t i = 0; i < n; i++) {
		name_of(&ids[i], other);
		if (strcmp(name, other) == 0)
			return true;
	}
	return false;
}

/* What is not in use first, then the oldest. */
static int compare_cached(const void *a, const void *b)
{
	const struct cached *x = a, *y = b;

	if (x->is_kept != y->is_kept)
		return x->is_kept ? 1 : -1;
	if (x->mtime_s != y->mtime_s)
		return x->mtime_s < y->mtime_s ? -1 : 1;
	return strcmp(x->name, y->name);
}

static int list(int dir_fd, const struct index_cache_limits *limits, struct cached **ret_items,
		size_t *ret_n)
{
	struct cached *items = calloc(FILES_MAX, sizeof(*items));
	DIR *folder = items ? open_folder(dir_fd) : NULL;
	struct dirent *entry;
	struct stat st;
	size_t n = 0;
	int r;

	if (!folder) {
		r = items ? -errno : -ENOMEM;
		free(items);
		return r;
	}
	while (n < FILES_MAX && (entry = readdir(folder))) {
		if (!is_index_name(entry->d_name) ||
		    fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		strcpy(items[n].name, entry->d_name);
		items[n].n_bytes = (uint64_t)st.st_size;
		items[n].mtime_s = (uint64_t)st.st_mtime;
		items[n].is_kept = is_among(entry->d_name, limits->kept, limits->n_kept);
		n++;
	}
	closedir(folder);
	qsort(items, n, sizeof(*items), compare_cached);
	*ret_items = items;
	*ret_n = n;
	return 0;
}

static void count(const struct cached *items, size_t n, const char *but,
		  struct index_cache_figures *figures)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(items[i].name, but) == 0)
			continue;
		figures->n_files++;
		figures->n_bytes += items[i].n_bytes;
	}
}

static void drop(int dir_fd, const struct cached *item, struct index_cache_figures *figures)
{
	if (unlinkat(dir_fd, item->name, 0) < 0)
		return;
	figures->n_files--;
	figures->n_bytes -= item->n_bytes;
	figures->n_removed++;
	figures->n_removed_bytes += item->n_bytes;
}

int index_cache_tidy(int dir_fd, const struct index_cache_limits *limits,
		     const struct build_id *new_id, uint64_t new_bytes,
		     struct index_cache_figures *ret_figures, struct problem *problem)
{
	struct index_cache_figures figures = { 0 };
	uint64_t n_bytes_max = limits->n_bytes_max;
	char new_name[FILE_NAME_SIZE] = "";
	struct cached *items = NULL;
	size_t n = 0;
	int r = list(dir_fd, limits, &items, &n);

	if (r < 0)
		return problem_set(problem, r, "cache: read the folder: %s", strerror(-r));
	if (new_id)
		name_of(new_id, new_name);
	count(items, n, new_name, &figures);
	for (size_t i = 0; i < n; i++) {
		bool is_beyond =
			new_bytes > n_bytes_max || figures.n_bytes > n_bytes_max - new_bytes;
		bool may_go = !items[i].is_kept || !new_id;

		if (strcmp(items[i].name, new_name) == 0)
			continue;
		if (may_go && (is_beyond || (!items[i].is_kept && !limits->keeps_others)))
			drop(dir_fd, &items[i], &figures);
	}
	free(items);
	*ret_figures = figures;
	if (new_id && (new_bytes > n_bytes_max || figures.n_bytes > n_bytes_max - new_bytes))
		return problem_set(problem, -EDQUOT,
				   "cache: no room for %llu bytes beside %llu within "
				   "MaxCacheBytes=%llu",
				   (unsigned long long)new_bytes,
				   (unsigned long long)figures.n_bytes,
				   (unsigned long long)n_bytes_max);
	return 0;
}

size_t index_cache_sweep(int dir_fd, uint64_t now_s)
{
	DIR *folder = open_folder(dir_fd);
	struct dirent *entry;
	struct stat st;
	size_t n = 0;

	while (folder && (entry = readdir(folder)))
		if (is_leftover_name(entry->d_name) &&
		    fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    (uint64_t)st.st_mtime + LEFTOVER_S < now_s)
			n += unlinkat(dir_fd, entry->d_name, 0) == 0;
	if (folder)
		closedir(folder);
	return n;
}

/* putting */

static int check(const void *bytes, size_t n_bytes, const struct build_id *id,
		 struct problem *problem)
{
	cleanup(index_cleanup) struct index *index = NULL;
	int r = index_open_memory(bytes, n_bytes, &index, problem);

	if (r == 0)
		r = index_check(index, problem);
	if (r == 0 && (index_n_objects(index) != 1 || index_find(index, id) != 0))
		r = problem_set(problem, -EBADMSG, "index: is not of the object that was wanted");
	return r == -ENOEXEC ? -EBADMSG : r;
}

static int write_whole(int fd, const void *bytes, size_t n_bytes)
{
	const char *pos = bytes;

	while (n_bytes > 0) {
		ssize_t n = write(fd, pos, n_bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		pos += n;
		n_bytes -= (size_t)n;
	}
	return fchmod(fd, FILE_MODE) < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int link_file(int fd, int dir_fd, const char *name)
{
	char path[64];
	int r;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = linkat(AT_FDCWD, path, dir_fd, name, AT_SYMLINK_FOLLOW);
	/* the damaged one; for a moment there is none, which is as good */
	if (r < 0 && errno == EEXIST && unlinkat(dir_fd, name, 0) == 0)
		r = linkat(AT_FDCWD, path, dir_fd, name, AT_SYMLINK_FOLLOW);
	return r < 0 ? -errno : 0;
}

/* Where a file cannot do without a name. */
static int put_named(int dir_fd, const char *name, const void *bytes, size_t n_bytes)
{
	cleanup(close_cleanup) int fd = -1;
	char temporary[TEMPORARY_SIZE];
	int r;

	snprintf(temporary, sizeof(temporary), "%s.%06u", name, (unsigned int)getpid() % 1000000u);
	(void)unlinkat(dir_fd, temporary, 0);
	fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = write_whole(fd, bytes, n_bytes);
	if (r == 0 && renameat(dir_fd, temporary, dir_fd, name) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(dir_fd, temporary, 0);
	return r;
}

static int put(int dir_fd, const char *name, const void *bytes, size_t n_bytes)
{
	cleanup(close_cleanup) int fd = openat(dir_fd, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
	int r;

	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT))
		return put_named(dir_fd, name, bytes, n_bytes);
	if (fd < 0)
		return -errno;
	r = write_whole(fd, bytes, n_bytes);
	return r == 0 ? link_file(fd, dir_fd, name) : r;
}

int index_cache_put(int dir_fd, const struct build_id *id, const void *bytes, size_t n_bytes,
		    struct problem *problem)
{
	char name[FILE_NAME_SIZE];
	int r = check(bytes, n_bytes, id, problem);

	if (r < 0)
		return r;
	name_of(id, name);
	r = put(dir_fd, name, bytes, n_bytes);
	if (r < 0)
		return problem_set(problem, r, "cache: write %s: %s", name, strerror(-r));
	/* whatever comes of that: a file that is lost is made again */
	(void)!fsync(dir_fd);
	return 0;
}
