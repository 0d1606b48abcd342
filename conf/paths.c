/* SPDX-License-Identifier: Apache-2.0 */
#include "paths.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "errors.h"

#define SUFFIX ".conf"

static bool is_drop_in(const char *name)
{
	size_t n = strlen(name);

	return name[0] != '.' && n > strlen(SUFFIX) &&
	       strcmp(name + n - strlen(SUFFIX), SUFFIX) == 0;
}

/* By bytes, not by the locale: all hosts shall read them in the same order. */
static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* 0; positive: one too many; -ENOMEM. */
static int add_drop_in(struct conf_paths *paths, const char *name)
{
	if (paths->n == CONF_N_PATHS_MAX)
		return 1;
	if (asprintf(&paths->items[paths->n], "%s/%s", paths->drop_ins, name) < 0)
		return -ENOMEM;
	paths->n++;
	return 0;
}

/* 0; positive: one too many; -errno. */
static int add_drop_ins(struct conf_paths *paths, DIR *directory)
{
	size_t n_before = paths->n;
	struct dirent *entry;
	int r = 0;

	while (r == 0 && (errno = 0, entry = readdir(directory)))
		if (is_drop_in(entry->d_name))
			r = add_drop_in(paths, entry->d_name);
	if (r == 0)
		r = -errno;
	qsort(paths->items + n_before, paths->n - n_before, sizeof(paths->items[0]), compare);
	return r;
}

static int find_drop_ins(struct conf_paths *paths, struct conf_errors *errors)
{
	DIR *directory = opendir(paths->drop_ins);
	struct problem why;
	int r = directory ? add_drop_ins(paths, directory) : -errno;

	if (directory)
		closedir(directory);
	if (r == 0 || r == -ENOMEM || (!directory && (r == -ENOENT || r == -ENOTDIR)))
		return r == -ENOMEM ? r : 0;
	if (r > 0)
		problem_set(&why, 0, "there are more than %u drop-ins", CONF_N_PATHS_MAX - 1);
	else
		problem_set(&why, 0, "%s", strerror(-r));
	conf_errors_add(errors, paths->drop_ins, 0, NULL, NULL, NULL, &why);
	return 0;
}

static bool is_missing(const char *path)
{
	return access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

int conf_paths_find(const char *path, bool is_optional, struct conf_paths *ret_paths,
		    struct conf_errors *errors)
{
	struct conf_paths paths = { .n = 0 };
	int r;

	if (asprintf(&paths.drop_ins, "%s.d", path) < 0)
		return -ENOMEM;
	if (!is_optional || !is_missing(path)) {
		paths.items[0] = strdup(path);
		if (!paths.items[0]) {
			free(paths.drop_ins);
			return -ENOMEM;
		}
		paths.n = 1;
	}
	r = find_drop_ins(&paths, errors);
	if (r != 0) {
		conf_paths_deinit(&paths);
		return r;
	}
	*ret_paths = paths;
	return 0;
}

void conf_paths_deinit(struct conf_paths *paths)
{
	for (size_t i = 0; i < paths->n; i++)
		free(paths->items[i]);
	free(paths->drop_ins);
	*paths = (struct conf_paths){ .n = 0 };
}
