/* SPDX-License-Identifier: Apache-2.0 */
#include "loaded_modules.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/array.h"

#define MODULES_MAX 16384u /* loadable and built-in ones */

void loaded_modules_deinit(struct loaded_modules *modules)
{
	free(modules->items);
	*modules = (struct loaded_modules){ 0 };
}

static int compare(const void *a, const void *b)
{
	const struct loaded_module *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int add(struct loaded_modules *modules, size_t *capacity, const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);
	int r;

	if (entry->d_name[0] == '.' || n >= MODULE_NAME_SIZE)
		return 0;
	r = array_push_room(modules->items, modules->n, *capacity, MODULES_MAX);
	if (r != 0)
		return r;
	modules->items[modules->n] = (struct loaded_module){ .id = entry->d_ino };
	memcpy(modules->items[modules->n++].name, entry->d_name, n);
	return 0;
}

static int read_all(DIR *dir, struct loaded_modules *modules)
{
	const struct dirent *entry;
	size_t capacity = 0;
	int r = 0;

	errno = 0;
	while (r == 0 && (entry = readdir(dir)))
		r = add(modules, &capacity, entry);
	return r == 0 ? -errno : r;
}

int loaded_modules_read(int dir_fd, struct loaded_modules *ret)
{
	struct loaded_modules modules cleanup(loaded_modules_deinit) = { 0 };
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	r = read_all(dir, &modules);
	closedir(dir);
	if (r != 0)
		return r;
	if (modules.n > 0)
		qsort(modules.items, modules.n, sizeof(*modules.items), compare);
	*ret = modules;
	modules = (struct loaded_modules){ 0 };
	return 0;
}

bool loaded_modules_equal(const struct loaded_modules *a, const struct loaded_modules *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (a->items[i].id != b->items[i].id ||
		    strcmp(a->items[i].name, b->items[i].name) != 0)
			return false;
	return true;
}

bool loaded_modules_has(const struct loaded_modules *modules, const struct loaded_module *one)
{
	const struct loaded_module *found =
		modules->n == 0 ? NULL
				: bsearch(one, modules->items, modules->n, sizeof(*one), compare);

	return found && found->id == one->id;
}
