/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where files are, in the order in which they are tried:
 *
 *	a file that was named, but before it an index of its build id that was made here
 *	an index: named, shipped with the kernel, or cached
 *	folders that were named: by build id, then by names in them
 *	/usr/lib/debug by build id: all distributions have that
 *	by release: the places of Debian and Ubuntu, openSUSE, Fedora and RHEL, Arch
 *	what people build themselves: /lib/modules/RELEASE/build
 *	what clients of debuginfod have left, then debuginfod itself, if it is switched on
 *
 * A place that was refused is remembered as a try, so going on is nothing but searching again: what
 * was tried is stepped over.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/problem.h"
#include "object_private.h"

#define TREE_MATCHES_MAX 16u /* of one object in one folder: more are other kernels' */

/* finder */

static void find_root(struct object_finder *finder)
{
	char link[64], path[OBJECT_PATH_SIZE];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", finder->places.root_fd);
	n = readlink(link, path, sizeof(path));
	/* of "/" nothing has to be cut */
	if (n > 1 && (size_t)n < sizeof(path))
		memcpy(finder->root, path, (size_t)n);
}

int object_finder_new(const struct object_places *places, struct object_finder **ret_finder)
{
	struct object_finder *finder = calloc(1, sizeof(*finder));

	if (!finder)
		return -ENOMEM;
	finder->places = *places;
	if (finder->places.n_debug_dirs > OBJECT_DIRS_MAX)
		finder->places.n_debug_dirs = OBJECT_DIRS_MAX;
	find_root(finder);
	*ret_finder = finder;
	return 0;
}

void object_finder_free(struct object_finder *finder)
{
	if (!finder)
		return;
	modules_dep_deinit(&finder->dep);
	file_tree_deinit(&finder->modules);
	for (size_t i = 0; i < OBJECT_DIRS_MAX; i++)
		file_tree_deinit(&finder->trees[i]);
	free(finder);
}

/* The folder's files, walked when they are first asked for. NULL: no memory. */
static const struct file_tree *read_tree(struct object_search *search, const char *dir,
					 bool *is_read, struct file_tree *tree)
{
	if (!*is_read)
		search->error = file_tree_read(search->finder->places.root_fd, dir, tree);
	*is_read = search->error == 0;
	return *is_read ? tree : NULL;
}

/* places that were named */

static bool is_kernel(const struct object_search *search)
{
	return strcmp(search->query->name, "vmlinux") == 0;
}

/* First those that have the release in their path: a folder may have files of many kernels. */
static void try_tree(struct object_search *search, const struct file_tree *tree)
{
	const char *release = search->finder->places.release;
	const struct file_tree_item *items;
	char key[MODULE_NAME_SIZE];
	size_t n, n_tried = 0;

	if (!tree)
		return;
	file_tree_module_key(search->query->name, key);
	n = file_tree_find(tree, key, &items);
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; i < n && n_tried < TREE_MATCHES_MAX; i++) {
			bool is_of_release = release && strstr(items[i].path, release);

			if (is_of_release != (pass == 0))
				continue;
			object_try(search, OBJECT_CODE, "%s", items[i].path);
			n_tried++;
		}
}

/* Folders are known by what was found in them; one that is none is a try by itself. */
static void try_debug_dirs(struct object_search *search, const char *hex)
{
	struct object_finder *finder = search->finder;

	for (size_t i = 0; i < finder->places.n_debug_dirs; i++) {
		const char *dir = finder->places.debug_dirs[i];

		if (hex[0] && hex[1])
			object_try_quietly(search, OBJECT_CODE, "%s/.build-id/%.2s/%s.debug", dir,
					   hex, hex + 2);
		if (object_files_are_complete(search->files) || search->error)
			return;
		try_tree(search, read_tree(search, dir, &finder->has_trees[i], &finder->trees[i]));
		if (finder->trees[i].error)
			object_try(search, OBJECT_CODE, "%s", dir);
	}
}

/* That of the object itself, and that of its kernel. */
static void try_cached_indexes(struct object_search *search, const char *dir, const char *hex)
{
	const struct build_id *kernel = search->finder->places.kernel_build_id;
	char kernel_hex[BUILD_ID_HEX_SIZE] = "";

	if (hex[0])
		object_try_quietly(search, OBJECT_INDEX, "%s/%s.index", dir, hex);
	if (kernel)
		build_id_to_hex(kernel, kernel_hex);
	if (kernel_hex[0])
		object_try_quietly(search, OBJECT_INDEX, "%s/%s.index", dir, kernel_hex);
}

static void try_shipped_indexes(struct object_search *search, const char *release)
{
	object_try_quietly(search, OBJECT_INDEX, "/usr/lib/modules/%s/autofdod.index", release);
	object_try_quietly(search, OBJECT_INDEX, "/lib/modules/%s/autofdod.index", release);
	object_try_quietly(search, OBJECT_INDEX, "/usr/lib/debug/lib/modules/%s/autofdod.index",
			   release);
}

/* The named one, then what came with the kernel, then those that were made here. */
static void try_indexes(struct object_search *search, const char *hex)
{
	const struct object_places *places = &search->finder->places;

	if (places->index_path)
		object_try(search, OBJECT_INDEX, "%s", places->index_path);
	if (places->release)
		try_shipped_indexes(search, places->release);
	for (size_t i = 0; i < places->n_cache_dirs; i++)
		try_cached_indexes(search, places->cache_dirs[i], hex);
}

/* What was made of it says the same, and sooner. */
static void try_configured(struct object_search *search, const char *hex)
{
	const struct object_places *places = &search->finder->places;

	for (size_t i = 0; i < places->n_cache_dirs && hex[0]; i++)
		object_try_quietly(search, OBJECT_INDEX, "%s/%s.index", places->cache_dirs[i], hex);
	object_try(search, OBJECT_CODE, "%s", search->query->configured_path);
}

/* places of systems */

static void try_build_id(struct object_search *search, const char *hex)
{
	/* two digits are a folder, the rest a name */
	if (!hex[0] || !hex[2])
		return;
	object_try(search, OBJECT_CODE, "/usr/lib/debug/.build-id/%.2s/%s.debug", hex, hex + 2);
	if (search->files->debug_fd < 0)
		return;
	/* Fedora links the code, too */
	object_try_quietly(search, OBJECT_CODE, "/usr/lib/debug/.build-id/%.2s/%s", hex, hex + 2);
	object_try_quietly(search, OBJECT_CODE, "/usr/lib/.build-id/%.2s/%s", hex, hex + 2);
}

/* openSUSE compresses it. */
static void try_compressed(struct object_search *search, const char *before, const char *release,
			   const char *after)
{
	static const char *const suffixes[] = { ".xz", ".zst", ".gz" };

	for (size_t i = 0; i < array_size(suffixes); i++)
		object_try_quietly(search, OBJECT_CODE, "%s%s%s%s", before, release, after,
				   suffixes[i]);
}

static const struct {
	const char *before, *after;
	bool may_be_compressed;
} kernel_places[] = {
	{ "/usr/lib/debug/boot/vmlinux-", "", false },
	{ "/usr/lib/debug/boot/vmlinux-", ".debug", false },
	{ "/usr/lib/debug/lib/modules/", "/vmlinux", false },
	{ "/usr/lib/debug/usr/lib/modules/", "/vmlinux", false },
	{ "/usr/lib/debug/usr/lib/modules/", "/vmlinux.debug", false },
	{ "/boot/vmlinux-", "", true },
	{ "/lib/modules/", "/build/vmlinux", false },
	{ "/lib/modules/", "/vmlinux", true },
};

static void try_kernel_places(struct object_search *search)
{
	const char *release = search->finder->places.release;

	for (size_t i = 0; i < array_size(kernel_places); i++) {
		const char *before = kernel_places[i].before, *after = kernel_places[i].after;

		object_try(search, OBJECT_CODE, "%s%s%s", before, release, after);
		if (kernel_places[i].may_be_compressed)
			try_compressed(search, before, release, after);
	}
}

/* How long a path is without ".xz", ".zst", ".gz". */
static int uncompressed_bytes(const char *path)
{
	const char *suffix = strstr(path, ".ko.");

	return suffix ? (int)(suffix - path) + 3 : (int)strlen(path);
}

/* path: of the module, relative to the kernel's folder, as in modules.dep. */
static void try_module_path(struct object_search *search, const char *path)
{
	const char *release = search->finder->places.release;
	const char *below = strncmp(path, "kernel/", 7) == 0 ? path + 7 : NULL;
	int n = uncompressed_bytes(path);

	object_try(search, OBJECT_CODE, "/lib/modules/%s/%s", release, path);
	object_try(search, OBJECT_CODE, "/usr/lib/debug/lib/modules/%s/%.*s", release, n, path);
	object_try(search, OBJECT_CODE, "/usr/lib/debug/lib/modules/%s/%.*s.debug", release, n,
		   path);
	object_try(search, OBJECT_CODE, "/usr/lib/debug/usr/lib/modules/%s/%.*s", release, n, path);
	object_try(search, OBJECT_CODE, "/usr/lib/debug/usr/lib/modules/%s/%.*s.debug", release, n,
		   path);
	if (below)
		object_try(search, OBJECT_CODE, "/lib/modules/%s/build/%.*s", release, n - 7,
			   below);
}

/* depmod(8) may not have been run, or for other modules. */
static void try_modules_folder(struct object_search *search)
{
	struct object_finder *finder = search->finder;
	const struct file_tree_item *items;
	const struct file_tree *tree;
	char dir[OBJECT_PATH_SIZE], key[MODULE_NAME_SIZE];
	size_t n;

	snprintf(dir, sizeof(dir), "/lib/modules/%s", finder->places.release);
	tree = read_tree(search, dir, &finder->has_modules, &finder->modules);
	if (!tree)
		return;
	file_tree_module_key(search->query->name, key);
	n = file_tree_find(tree, key, &items);
	for (size_t i = 0; i < n && i < TREE_MATCHES_MAX; i++)
		try_module_path(search, items[i].path + strlen(dir) + 1);
	if (n == 0)
		object_try(search, OBJECT_CODE, "%s", dir);
}

static void try_module_places(struct object_search *search)
{
	struct object_finder *finder = search->finder;
	char path[OBJECT_PATH_SIZE];
	const char *found;
	int r;

	if (!finder->has_dep) {
		snprintf(path, sizeof(path), "lib/modules/%s/modules.dep", finder->places.release);
		r = modules_dep_read(finder->places.root_fd, path, &finder->dep);
		if (r == -ENOMEM)
			search->error = r;
		finder->has_dep = r != -ENOMEM;
	}
	found = modules_dep_find(&finder->dep, search->query->name);
	if (found && found[0] == '/')
		object_try(search, OBJECT_CODE, "%s", found);
	else if (found)
		try_module_path(search, found);
	else if (!search->error)
		try_modules_folder(search);
}

/* $DEBUGINFOD_CACHE_PATH/BUILDID/debuginfo: debuginfod_find_debuginfo(3) */
static void try_caches(struct object_search *search, const char *hex)
{
	const struct object_places *places = &search->finder->places;

	for (size_t i = 0; i < places->n_cache_dirs && hex[0]; i++) {
		object_try_quietly(search, OBJECT_CODE, "%s/%s/debuginfo", places->cache_dirs[i],
				   hex);
		object_try_quietly(search, OBJECT_CODE, "%s/%s/executable", places->cache_dirs[i],
				   hex);
	}
}

/* searching */

/* What is in use and does not suffice is told as what it is. */
static void tell_partial(struct object_files *files)
{
	for (size_t i = 0; i < files->n_tries; i++) {
		struct object_try *try = &files->tries[i];

		if (!try->is_used || try->role == OBJECT_ALT)
			continue;
		try->outcome = OBJECT_STRIPPED;
		snprintf(try->reason, sizeof(try->reason), "%s",
			 try->role == OBJECT_CODE ? "it has no debug information"
						  : "it has debug information, but no code");
	}
}

static void tell_whole(struct object_files *files)
{
	for (size_t i = 0; i < files->n_tries; i++) {
		struct object_try *try = &files->tries[i];

		if (!try->is_used)
			continue;
		try->outcome = OBJECT_ACCEPTED;
		try->reason[0] = '\0';
	}
}

static int search_places(struct object_search *search)
{
	char hex[BUILD_ID_HEX_SIZE];

	build_id_to_hex(&search->query->build_id, hex);
	object_follow_debuglink(search);
	if (search->query->configured_path)
		try_configured(search, hex);
	try_indexes(search, hex);
	try_debug_dirs(search, hex);
	try_build_id(search, hex);
	if (search->finder->places.release && is_kernel(search))
		try_kernel_places(search);
	else if (search->finder->places.release)
		try_module_places(search);
	try_caches(search, hex);
	object_try_fetch(search, OBJECT_DEBUG);
	object_try_fetch(search, OBJECT_CODE);
	object_follow_altlink(search);
	if (object_files_are_complete(search->files))
		tell_whole(search->files);
	else
		tell_partial(search->files);
	return search->error;
}

int object_finder_find(struct object_finder *finder, const struct object_query *query,
		       struct object_files *ret_files)
{
	struct object_files files = OBJECT_FILES_INIT;
	struct object_search search = { finder, query, &files, 0 };
	int r = search_places(&search);

	if (r != 0)
		object_files_deinit(&files);
	else
		*ret_files = files;
	return r;
}

int object_finder_refuse(struct object_finder *finder, const struct object_query *query,
			 enum object_role role, const char *reason, struct object_files *files)
{
	struct object_search search = { finder, query, files, 0 };

	/* debug information without a file of its own is in that of the code */
	if (role == OBJECT_DEBUG && files->debug_fd < 0)
		role = OBJECT_CODE;
	object_drop(files, role, OBJECT_REFUSED, reason);
	return search_places(&search);
}
