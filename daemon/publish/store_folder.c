/* SPDX-License-Identifier: Apache-2.0 */
#include "store_folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/array.h"
#include "kernel/build_id.h"

#define TEMPORARY_PREFIX ".autofdod-"
#define TEMPORARY_SUFFIX ".tmp"
#define UTC_S_MAX 253402300799ull /* 9999-12-31 23:59:59 */

/* names */

const char *store_extension(enum store_kind kind)
{
	switch (kind) {
	case STORE_PROFILE:
		return ".afdo";
	case STORE_DUMP:
		return ".unsym";
	case STORE_MANIFEST:
		return ".json";
	case N_STORE_KINDS:
		break;
	}
	return "";
}

bool store_make_stamp(uint64_t utc_s, char stamp[STORE_STAMP_SIZE])
{
	time_t t = (time_t)utc_s;
	struct tm tm;

	if (utc_s > UTC_S_MAX || !gmtime_r(&t, &tm))
		return false;
	return strftime(stamp, STORE_STAMP_SIZE, "%Y%m%dT%H%M%SZ", &tm) == STORE_STAMP_SIZE - 1;
}

void store_final_name(const char *stamp, enum store_kind kind, char path[STORE_PATH_SIZE])
{
	snprintf(path, STORE_PATH_SIZE, "%s%s", stamp, store_extension(kind));
}

void store_temporary_name(const char *stem, enum store_kind kind, char path[STORE_PATH_SIZE])
{
	snprintf(path, STORE_PATH_SIZE, TEMPORARY_PREFIX "%s%s" TEMPORARY_SUFFIX, stem,
		 store_extension(kind));
}

static bool is_temporary(const char *name)
{
	size_t n = strlen(name), n_suffix = strlen(TEMPORARY_SUFFIX);

	return n > strlen(TEMPORARY_PREFIX) + n_suffix &&
	       strncmp(name, TEMPORARY_PREFIX, strlen(TEMPORARY_PREFIX)) == 0 &&
	       strcmp(name + n - n_suffix, TEMPORARY_SUFFIX) == 0;
}

bool store_is_build_id(const char *name)
{
	size_t n = strspn(name, "0123456789abcdef");

	return n > 0 && n % 2 == 0 && n < BUILD_ID_HEX_SIZE && name[n] == '\0';
}

/* Of exactly the shape that store_make_stamp() and store_final_name() give. */
static bool parse_name(const char *name, struct store_listed *ret)
{
	static const char shape[STORE_STAMP_SIZE] = "00000000T000000Z";
	size_t n = STORE_STAMP_SIZE - 1;

	for (size_t i = 0; i < n; i++) {
		bool is_digit = name[i] >= '0' && name[i] <= '9';

		if (shape[i] == '0' ? !is_digit : name[i] != shape[i])
			return false;
	}
	for (unsigned int kind = 0; kind < N_STORE_KINDS; kind++) {
		if (strcmp(name + n, store_extension(kind)) != 0)
			continue;
		*ret = (struct store_listed){ .kinds = 1u << kind };
		memcpy(ret->stamp, name, n);
		return true;
	}
	return false;
}

bool store_is_name(const char *name)
{
	struct store_listed ignored;

	return parse_name(name, &ignored);
}

/* what is there */

static int compare_listed(const void *a, const void *b)
{
	return strcmp(((const struct store_listed *)a)->stamp,
		      ((const struct store_listed *)b)->stamp);
}

/* Sorts, and joins the files of one second. */
static void normalize(struct store_list *list)
{
	size_t n = 0;

	if (list->n)
		qsort(list->items, list->n, sizeof(*list->items), compare_listed);
	for (size_t i = 0; i < list->n; i++) {
		if (n && compare_listed(&list->items[n - 1], &list->items[i]) == 0)
			list->items[n - 1].kinds |= list->items[i].kinds;
		else
			list->items[n++] = list->items[i];
	}
	list->n = n;
}

int store_for_each_name(const struct store_calls *calls, int folder_fd,
			int (*visit)(const char *name, void *context), void *context)
{
	/* of its own, as reading moves its position */
	int r = 0,
	    fd = calls->open(calls->context, folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir) {
		r = fd < 0 ? fd : -errno;
		if (fd >= 0)
			calls->close(calls->context, fd);
		return r;
	}
	while (r == 0) {
		struct dirent *entry;

		errno = 0;
		entry = readdir(dir);
		if (!entry) {
			r = -errno;
			break;
		}
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = visit(entry->d_name, context);
	}
	closedir(dir);
	return r;
}

static int list_name(const char *name, void *context)
{
	struct store_list *list = context;
	struct store_listed listed;
	int r;

	if (!parse_name(name, &listed))
		return 0;
	r = array_push_room(list->items, list->n, list->capacity, STORE_LISTED_MAX);
	if (r == 0)
		list->items[list->n++] = listed;
	return r;
}

/* Whatever else "latest" may be, or may lead to, is none of ours. */
static int read_latest(const struct store_calls *calls, int folder_fd, struct store_list *list)
{
	for (unsigned int kind = 0; kind < N_STORE_KINDS; kind++) {
		char path[STORE_PATH_SIZE], target[STORE_PATH_SIZE];
		struct store_listed listed;
		ssize_t n;

		store_final_name("latest", kind, path);
		n = calls->readlink(calls->context, folder_fd, path, target, sizeof(target) - 1);
		/* EINVAL: it is no link */
		if (n == -ENOENT || n == -EINVAL)
			continue;
		if (n < 0)
			return (int)n;
		target[n] = '\0';
		if (parse_name(target, &listed))
			memcpy(list->latest[kind], listed.stamp, STORE_STAMP_SIZE);
	}
	return 0;
}

int store_list_read(const struct store_calls *calls, int folder_fd, struct store_list *ret_list)
{
	struct store_list list = { 0 };
	int r = store_for_each_name(calls, folder_fd, list_name, &list);

	if (r == 0)
		r = read_latest(calls, folder_fd, &list);
	if (r < 0) {
		store_list_deinit(&list);
		return r;
	}
	normalize(&list);
	*ret_list = list;
	return 0;
}

/* The bit of a kind that is not there after all goes. */
static int measure(const struct store_calls *calls, int folder_fd, struct store_listed *listed)
{
	for (unsigned int kind = 0; kind < N_STORE_KINDS; kind++) {
		char path[STORE_PATH_SIZE];
		struct store_stat st = { 0 };
		int r;

		if (!(listed->kinds & 1u << kind))
			continue;
		store_final_name(listed->stamp, kind, path);
		r = calls->stat(calls->context, folder_fd, path, &st);
		if (r < 0 && r != -ENOENT)
			return r;
		if (st.is_file)
			listed->n_bytes += st.n_bytes;
		else
			listed->kinds &= ~(1u << kind);
	}
	return 0;
}

int store_list_measure(const struct store_calls *calls, int folder_fd, struct store_list *list)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++) {
		int r = measure(calls, folder_fd, &list->items[i]);

		if (r < 0)
			return r;
		if (list->items[i].kinds)
			list->items[n++] = list->items[i];
	}
	list->n = n;
	return 0;
}

void store_list_deinit(struct store_list *list)
{
	free(list->items);
	*list = (struct store_list){ 0 };
}

bool store_list_has(const struct store_list *list, const char *stamp)
{
	struct store_listed key = { 0 };

	memcpy(key.stamp, stamp, STORE_STAMP_SIZE);
	return list->n && bsearch(&key, list->items, list->n, sizeof(*list->items), compare_listed);
}

/* what should not be there */

struct cleaning {
	const struct store_calls *calls;
	int folder_fd;
	unsigned int n_removed;
};

/* What cannot be removed stays: the next publication says what is wrong with the folder. */
static int clean_name(const char *name, void *context)
{
	struct cleaning *c = context;

	if (is_temporary(name) && c->calls->unlink(c->calls->context, c->folder_fd, name) == 0)
		c->n_removed++;
	return 0;
}

int store_clean_folder(const struct store_calls *calls, int folder_fd, unsigned int *ret_n_removed)
{
	struct cleaning c = { .calls = calls, .folder_fd = folder_fd };
	int r = store_for_each_name(calls, folder_fd, clean_name, &c);

	if (r == 0)
		*ret_n_removed = c.n_removed;
	return r;
}

static int clean_folder_of(const char *name, void *context)
{
	struct cleaning *all = context;
	const struct store_calls *calls = all->calls;
	unsigned int n_removed;
	int fd;

	if (!store_is_build_id(name))
		return 0;
	fd = calls->open(calls->context, all->folder_fd, name, STORE_FOLDER_FLAGS, 0);
	if (fd < 0)
		return 0;
	if (store_clean_folder(calls, fd, &n_removed) == 0)
		all->n_removed += n_removed;
	calls->close(calls->context, fd);
	return 0;
}

int store_clean(const struct store_calls *calls, int dir_fd, unsigned int *ret_n_removed)
{
	struct cleaning all = { .calls = calls, .folder_fd = dir_fd };
	int r = store_for_each_name(calls, dir_fd, clean_folder_of, &all);

	if (r == 0)
		*ret_n_removed = all.n_removed;
	return r;
}
