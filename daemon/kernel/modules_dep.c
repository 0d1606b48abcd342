/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line is "PATH:" and what it depends on (modules.dep(5)). Lines are cut at the colon where they
 * stand, in a copy of the text. A name can stand twice, when updates/ has a newer module:
 * depmod.d(5) says which one is loaded, and depmod writes only that one; so the first stays.
 */
#include "modules_dep.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "base/array.h"
#include "base/small_file.h"
#include "file_tree.h"

#define ITEMS_MAX 65536u
#define FILE_BYTES_MAX (16u << 20)

/* Of a module, and fit to become part of paths that are opened. */
static bool is_clean(const char *path)
{
	return strstr(path, ".ko") && strncmp(path, "../", 3) != 0 && !strstr(path, "/../");
}

/* line: without its newline, NUL-terminated; it is cut. */
static int add_line(struct modules_dep *dep, char *line)
{
	char *colon = strchr(line, ':'), *slash;
	char key[MODULE_NAME_SIZE] = "";
	int r;

	if (colon)
		*colon = '\0';
	slash = strrchr(line, '/');
	if (!colon || !is_clean(line) || !file_tree_key(slash ? slash + 1 : line, key)) {
		dep->n_malformed++;
		return 0;
	}
	r = array_push_room(dep->items, dep->n, dep->capacity, ITEMS_MAX);
	if (r == -E2BIG) {
		dep->n_dropped++;
		return 0;
	}
	if (r != 0)
		return r;
	dep->items[dep->n].path = line;
	memcpy(dep->items[dep->n++].key, key, sizeof(key));
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct modules_dep_item *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	/* paths point into one text: the earlier line has the lower address */
	return order ? order : (x->path > y->path) - (x->path < y->path);
}

/* text is of dep, NUL-terminated behind n_bytes. */
static int parse(struct modules_dep *dep, size_t n_bytes)
{
	char *end = dep->text + n_bytes;

	for (char *line = dep->text; line < end;) {
		char *newline = memchr(line, '\n', (size_t)(end - line));
		char *stop = newline ? newline : end;
		int r = 0;

		*stop = '\0';
		if (memchr(line, '\0', (size_t)(stop - line)))
			dep->n_malformed++;
		else
			r = add_line(dep, line);
		if (r != 0)
			return r;
		line = stop + 1;
	}
	if (dep->n)
		qsort(dep->items, dep->n, sizeof(dep->items[0]), compare);
	return 0;
}

/* Takes text, of n_bytes and one more. */
static int parse_owned(char *text, size_t n_bytes, struct modules_dep *ret_dep)
{
	struct modules_dep dep = { .text = text };
	int r;

	text[n_bytes] = '\0';
	r = parse(&dep, n_bytes);
	if (r != 0)
		modules_dep_deinit(&dep);
	else
		*ret_dep = dep;
	return r;
}

int modules_dep_parse(const void *text, size_t n_bytes, struct modules_dep *ret_dep)
{
	char *copy = malloc(n_bytes + 1);

	if (!copy)
		return -ENOMEM;
	if (n_bytes)
		memcpy(copy, text, n_bytes);
	return parse_owned(copy, n_bytes, ret_dep);
}

int modules_dep_read(int root_fd, const char *path, struct modules_dep *ret_dep)
{
	char *text cleanup(free_cleanup) = malloc(FILE_BYTES_MAX + 1);
	size_t n_bytes;
	char *fitting;
	int r = text ? small_file_read(root_fd, path, text, FILE_BYTES_MAX, &n_bytes) : -ENOMEM;

	if (r != 0)
		return r;
	fitting = realloc(text, n_bytes + 1);
	if (fitting)
		text = fitting;
	return parse_owned(steal_ptr(text), n_bytes, ret_dep);
}

void modules_dep_deinit(struct modules_dep *dep)
{
	free(dep->items);
	free(dep->text);
	*dep = (struct modules_dep){ 0 };
}

const char *modules_dep_find(const struct modules_dep *dep, const char *name)
{
	char key[MODULE_NAME_SIZE];
	size_t lo = 0, hi = dep->n;

	file_tree_module_key(name, key);
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(dep->items[mid].key, key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < dep->n && strcmp(dep->items[lo].key, key) == 0 ? dep->items[lo].path : NULL;
}
