/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A folder named by a person may be anything: a flat heap of .ko files, a copy of
 * /lib/modules/RELEASE, an unpacked debug package, or, by mistake, "/". So the walk is bounded in
 * what it looks at, never leaves by a link, and keeps only what can be the file of an object.
 */
#include "file_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/array.h"

#define PATH_SIZE 512u

/* names */

static bool cut_suffix(size_t *n, const char *name, const char *suffix)
{
	size_t n_suffix = strlen(suffix);

	if (*n <= n_suffix || memcmp(name + *n - n_suffix, suffix, n_suffix) != 0)
		return false;
	*n -= n_suffix;
	return true;
}

static void copy_key(const char *name, size_t n, char key[MODULE_NAME_SIZE])
{
	if (n >= MODULE_NAME_SIZE)
		n = MODULE_NAME_SIZE - 1;
	memcpy(key, name, n);
	key[n] = '\0';
	for (char *dash = key; (dash = strchr(dash, '-'));)
		*dash = '_';
}

void file_tree_module_key(const char *name, char key[MODULE_NAME_SIZE])
{
	copy_key(name, strlen(name), key);
}

bool file_tree_key(const char *name, char key[MODULE_NAME_SIZE])
{
	static const char kernel[] = "vmlinux";
	size_t n = strlen(name);

	(void)(cut_suffix(&n, name, ".xz") || cut_suffix(&n, name, ".zst") ||
	       cut_suffix(&n, name, ".gz"));
	(void)cut_suffix(&n, name, ".debug");
	if (cut_suffix(&n, name, ".ko")) {
		if (n >= MODULE_NAME_SIZE)
			return false;
		copy_key(name, n, key);
		return true;
	}
	if (strncmp(name, kernel, sizeof(kernel) - 1) != 0 ||
	    (n != sizeof(kernel) - 1 && name[sizeof(kernel) - 1] != '-'))
		return false;
	memcpy(key, kernel, sizeof(kernel));
	return true;
}

/* walking */

struct walk {
	struct file_tree *tree;
	char path[PATH_SIZE]; /* of the folder that is read, without a slash at its end */
	unsigned int depth;
};

static int add(struct walk *walk, const char *name, const char *key)
{
	struct file_tree *tree = walk->tree;
	struct file_tree_item *item;
	int r = array_push_room(tree->items, tree->n, tree->capacity, FILE_TREE_ENTRIES_MAX);

	if (r != 0)
		return r;
	item = &tree->items[tree->n];
	memcpy(item->key, key, MODULE_NAME_SIZE);
	if (asprintf(&item->path, "%s/%s", walk->path, name) < 0)
		return -ENOMEM;
	tree->n++;
	return 0;
}

static bool is_folder(int dir_fd, const struct dirent *entry)
{
	struct stat st;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static int walk_folder(struct walk *walk, int dir_fd);

static int walk_into(struct walk *walk, int dir_fd, const char *name)
{
	size_t n = strlen(walk->path), n_name = strlen(name);
	int fd, r;

	if (walk->depth == FILE_TREE_DEPTH_MAX || n + 1 + n_name >= sizeof(walk->path)) {
		walk->tree->n_left++;
		return 0;
	}
	fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return 0;
	walk->path[n] = '/';
	memcpy(walk->path + n + 1, name, n_name + 1);
	walk->depth++;
	r = walk_folder(walk, fd);
	walk->depth--;
	walk->path[n] = '\0';
	return r;
}

static int look_at(struct walk *walk, int dir_fd, const struct dirent *entry)
{
	const char *name = entry->d_name;
	char key[MODULE_NAME_SIZE] = "";

	if (name[0] == '.' && strcmp(name, ".debug") != 0)
		return 0;
	if (is_folder(dir_fd, entry))
		return walk_into(walk, dir_fd, name);
	return file_tree_key(name, key) ? add(walk, name, key) : 0;
}

/* Takes fd. */
static int walk_folder(struct walk *walk, int fd)
{
	DIR *dir = fdopendir(fd);
	const struct dirent *entry;
	int r = 0;

	/* fd stays the folder's until it is closed */
	if (!dir) {
		close(fd);
		return 0;
	}
	while (r == 0 && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (walk->tree->n_entries == FILE_TREE_ENTRIES_MAX) {
			walk->tree->n_left++;
			break;
		}
		walk->tree->n_entries++;
		r = look_at(walk, fd, entry);
	}
	(void)closedir(dir);
	return r;
}

static int compare(const void *a, const void *b)
{
	const struct file_tree_item *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	return order ? order : strcmp(x->path, y->path);
}

int file_tree_read(int root_fd, const char *dir, struct file_tree *ret_tree)
{
	struct file_tree tree = { 0 };
	struct walk walk = { .tree = &tree };
	size_t n = strlen(dir);
	int fd, r = 0;

	while (n > 0 && dir[n - 1] == '/')
		n--;
	if (dir[0] != '/' || n >= sizeof(walk.path)) {
		*ret_tree = (struct file_tree){ .error = -EINVAL };
		return 0;
	}
	memcpy(walk.path, dir, n);
	fd = openat(root_fd, n > 1 ? walk.path + 1 : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		tree.error = -errno;
	else
		r = walk_folder(&walk, fd);
	if (r != 0) {
		file_tree_deinit(&tree);
		return r;
	}
	if (tree.n)
		qsort(tree.items, tree.n, sizeof(tree.items[0]), compare);
	*ret_tree = tree;
	return 0;
}

void file_tree_deinit(struct file_tree *tree)
{
	for (size_t i = 0; i < tree->n; i++)
		free(tree->items[i].path);
	free(tree->items);
	*tree = (struct file_tree){ 0 };
}

size_t file_tree_find(const struct file_tree *tree, const char *key,
		      const struct file_tree_item **ret_first)
{
	size_t lo = 0, hi = tree->n, end;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(tree->items[mid].key, key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (end = lo; end < tree->n && strcmp(tree->items[end].key, key) == 0; end++)
		;
	*ret_first = end > lo ? &tree->items[lo] : NULL;
	return end - lo;
}
