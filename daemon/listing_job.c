/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In the worker: what is in the store. Names say how old a publication is, so only the manifests
 * of those that are asked for are read.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/macros.h"
#include "base/problem.h"
#include "base/small_file.h"
#include "listings.h"
#include "publish/store_folder.h"

/* A manifest has some 10 KiB. */
#define MANIFEST_BYTES_MAX ((size_t)1 << 20)
#define FOUND_MAX ((size_t)1 << 20)

_Static_assert(sizeof(((struct listing_profile *)0)->stamp) >= STORE_STAMP_SIZE, "");

struct found {
	char stamp[STORE_STAMP_SIZE];
	char folder[BUILD_ID_HEX_SIZE];
	bool is_latest;
};

struct founds {
	struct found *items;
	size_t n, capacity;
};

static int add(struct founds *founds, const char *folder, const char *stamp, bool is_latest)
{
	struct found *found;

	if (founds->n == FOUND_MAX)
		return -E2BIG;
	if (founds->n == founds->capacity) {
		size_t capacity = founds->capacity ? 2 * founds->capacity : 256;

		found = realloc(founds->items, capacity * sizeof(*found));
		if (!found)
			return -ENOMEM;
		founds->items = found;
		founds->capacity = capacity;
	}
	found = &founds->items[founds->n++];
	*found = (struct found){ .is_latest = is_latest };
	snprintf(found->folder, sizeof(found->folder), "%s", folder);
	snprintf(found->stamp, sizeof(found->stamp), "%s", stamp);
	return 0;
}

/* A folder that vanishes or cannot be read has none. */
static int look_into(int directory_fd, const char *folder, struct founds *founds)
{
	cleanup(close_cleanup) int fd = openat(directory_fd, folder, STORE_FOLDER_FLAGS);
	struct store_list list = { 0 };
	int r = fd < 0 ? 0 : store_list_read(&store_calls_kernel, fd, &list);

	for (size_t i = 0; r == 0 && i < list.n; i++) {
		const char *stamp = list.items[i].stamp;

		if (list.items[i].kinds & 1u << STORE_MANIFEST)
			r = add(founds, folder, stamp,
				strcmp(stamp, list.latest[STORE_MANIFEST]) == 0);
	}
	store_list_deinit(&list);
	return r;
}

static int look_into_all(int directory_fd, struct founds *founds)
{
	int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!directory)
		return -errno;
	/* of this function alone */
	while (r == 0 && (entry = readdir(directory))) /* NOLINT(concurrency-mt-unsafe) */
		if (store_is_build_id(entry->d_name))
			r = look_into(directory_fd, entry->d_name, founds);
	closedir(directory);
	return r;
}

static int compare(const void *a, const void *b)
{
	const struct found *x = a, *y = b;
	int order = strcmp(y->stamp, x->stamp);

	return order ? order : strcmp(x->folder, y->folder);
}

/* the manifest */

static struct json_object *read_json(int directory_fd, const char *path)
{
	struct json_object *root = NULL;
	char *text = malloc(MANIFEST_BYTES_MAX);

	if (text && small_file_read_text(directory_fd, path, text, MANIFEST_BYTES_MAX) >= 0)
		root = json_tokener_parse(text);
	free(text);
	return root;
}

static void copy_text(struct json_object *object, const char *key, char *text, size_t size)
{
	struct json_object *value = json_object_object_get(object, key);

	if (json_object_is_type(value, json_type_string))
		snprintf(text, size, "%s", json_object_get_string(value));
}

/* The profile, or else the dump. */
static void read_files(struct json_object *files, struct listing_profile *profile)
{
	size_t n =
		json_object_is_type(files, json_type_array) ? json_object_array_length(files) : 0;

	for (size_t i = 0; i < n; i++) {
		struct json_object *file = json_object_array_get_idx(files, i);
		char format[32] = "";

		if (!json_object_is_type(file, json_type_object))
			continue;
		copy_text(file, "format", format, sizeof(format));
		if (i > 0 && strcmp(format, "extbinary") != 0)
			continue;
		strcpy(profile->extension, strcmp(format, "extbinary") == 0 ? ".afdo" : ".unsym");
		profile->n_bytes = json_object_get_uint64(json_object_object_get(file, "bytes"));
	}
}

/* False: there is none, or it is none. It may just have been removed. */
static bool read_manifest(int directory_fd, const struct found *found,
			  struct listing_profile *profile)
{
	char path[sizeof(found->folder) + STORE_PATH_SIZE + 1];
	struct json_object *root, *object;

	snprintf(path, sizeof(path), "%s/%s.json", found->folder, found->stamp);
	root = read_json(directory_fd, path);
	if (!json_object_is_type(root, json_type_object)) {
		json_object_put(root);
		return false;
	}
	*profile = (struct listing_profile){ .is_latest = found->is_latest, .extension = ".unsym" };
	snprintf(profile->folder, sizeof(profile->folder), "%s", found->folder);
	snprintf(profile->stamp, sizeof(profile->stamp), "%s", found->stamp);
	object = json_object_object_get(root, "kernel");
	if (json_object_is_type(object, json_type_object))
		copy_text(object, "release", profile->release, sizeof(profile->release));
	object = json_object_object_get(root, "profile");
	if (json_object_is_type(object, json_type_object))
		copy_text(object, "verdict", profile->verdict, sizeof(profile->verdict));
	read_files(json_object_object_get(root, "files"), profile);
	json_object_put(root);
	return true;
}

static int put(int directory_fd, const struct founds *founds, uint32_t n_max,
	       struct worker_out *out)
{
	struct listing_profile *profiles = calloc(n_max, sizeof(*profiles));
	size_t n = 0;
	int r;

	if (!profiles)
		return -ENOMEM;
	for (size_t i = 0; i < founds->n && n < n_max; i++)
		n += read_manifest(directory_fd, &founds->items[i], &profiles[n]);
	r = worker_out_put(out, 0, profiles, n * sizeof(*profiles));
	free(profiles);
	return r;
}

int listing_job_run(void *context, struct worker_out *out, struct problem *problem)
{
	const struct listing_job *job = context;
	cleanup(close_cleanup) int fd = open(job->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct founds founds = { 0 };
	int r;

	if (fd < 0)
		return problem_set(problem, -errno, "%.300s: %s", job->directory, strerror(errno));
	r = job->listing.build_id[0] ? look_into(fd, job->listing.build_id, &founds)
				     : look_into_all(fd, &founds);
	if (founds.n)
		qsort(founds.items, founds.n, sizeof(founds.items[0]), compare);
	if (r == 0)
		r = put(fd, &founds, job->listing.n_max, out);
	free(founds.items);
	return r < 0 ? problem_set(problem, r, "%.300s: %s", job->directory, strerror(-r)) : 0;
}
