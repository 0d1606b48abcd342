/* SPDX-License-Identifier: Apache-2.0 */
#include "index_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include "kernel/identity.h"
#include "kernel/modules.h"
#include "symbolize/object_open.h"
#include "symbolize/objects.h"

#define SUFFIX ".index"

/* the folder */

int index_cache_path(const char *dir, const struct build_id *build_id, char path[OBJECT_PATH_SIZE])
{
	char hex[BUILD_ID_HEX_SIZE];
	int n;

	if (build_id->n_bytes == 0)
		return -ENODATA;
	build_id_to_hex(build_id, hex);
	n = snprintf(path, OBJECT_PATH_SIZE, "%s/%s" SUFFIX, dir, hex);
	return n < 0 || (size_t)n >= OBJECT_PATH_SIZE ? -ENAMETOOLONG : 0;
}

/* Hexadecimal digits and the suffix: a name that only an index has. */
static bool is_index_name(const char *name)
{
	size_t n = strspn(name, "0123456789abcdef");

	return n >= 2 && strcmp(name + n, SUFFIX) == 0;
}

void index_cache_drop_others(const char *dir, const struct build_id *build_id)
{
	char kept[BUILD_ID_HEX_SIZE];
	DIR *d = opendir(dir);
	int fd = d ? dirfd(d) : -1;
	struct dirent *entry;

	build_id_to_hex(build_id, kept);
	while (fd >= 0 && (entry = readdir(d))) {
		size_t n = strlen(kept);

		if (is_index_name(entry->d_name) && !(strncmp(entry->d_name, kept, n) == 0 &&
						      strcmp(entry->d_name + n, SUFFIX) == 0))
			unlinkat(fd, entry->d_name, 0);
	}
	if (d)
		closedir(d);
}

/* the running kernel */

struct run {
	struct index_builder *builder;
	struct object_finder *finder;
	struct index_tally *tally;
	int root_fd;
};

static int add_kernel(struct run *run, const struct build_id *build_id, struct problem *problem)
{
	const struct object_query query = { .name = OBJECTS_KERNEL_NAME, .build_id = *build_id };
	cleanup(names_cleanup) struct names *names = NULL;
	cleanup(symbols_cleanup) struct symbols *symbols = NULL;
	struct object_files files = OBJECT_FILES_INIT;
	int r = names_new(&names, SYMBOLS_NAMES_CEILING_BYTES);

	if (r == 0)
		r = object_open(run->finder, &query, 0, names, &files, &symbols, problem);
	if (r == OBJECT_OPEN_E_NONE)
		r = INDEX_RUNNING_E_NONE;
	else if (r == 0 && symbols->view)
		r = INDEX_RUNNING_E_THERE;
	else if (r == 0)
		r = index_builder_add(run->builder, OBJECTS_KERNEL_NAME, symbols, problem);
	object_files_deinit(&files);
	return r;
}

/* One that cannot be had is left out: an index of the kernel alone is better than none. */
static int add_module(struct run *run, const char *name)
{
	cleanup(names_cleanup) struct names *names = NULL;
	cleanup(symbols_cleanup) struct symbols *symbols = NULL;
	struct object_query query = { .name = name };
	struct object_files files = OBJECT_FILES_INIT;
	struct problem why = { "" };
	int r = module_read_build_id(run->root_fd, name, &query.build_id);

	if (r != 0)
		return 0; /* gone since, or without one */
	r = names_new(&names, SYMBOLS_NAMES_CEILING_BYTES);
	if (r == 0)
		r = object_open(run->finder, &query, OBJECTS_MODULES_VADDR, names, &files, &symbols,
				&why);
	object_files_deinit(&files);
	if (r == 0)
		r = index_builder_add(run->builder, name, symbols, &why);
	if (r == -ENOMEM)
		return r;
	run->tally->n_added += r == 0;
	if (r != 0 && run->tally->n_left++ == 0)
		run->tally->first = why;
	return 0;
}

static int add_modules(struct run *run, struct problem *problem)
{
	cleanup(close_cleanup) int fd = openat(run->root_fd, "proc/modules", O_RDONLY | O_CLOEXEC);
	struct modules modules = { 0 };
	int r;

	if (fd < 0)
		return 0; /* a kernel without modules */
	r = modules_read(fd, &modules, problem);
	for (size_t i = 0; r == 0 && i < modules.n; i++)
		r = add_module(run, modules.items[i].name);
	modules_deinit(&modules);
	return r;
}

int index_running(struct index_builder *builder, const struct index_running *running,
		  struct build_id *ret_build_id, struct index_tally *tally, struct problem *problem)
{
	cleanup(close_cleanup) int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct run run = { .builder = builder, .tally = tally, .root_fd = root_fd };
	struct kernel_identity identity;
	struct object_places places = {
		.root_fd = root_fd,
		.release = identity.release,
		.debug_dirs = running->debug_dirs,
		.n_debug_dirs = running->n_debug_dirs,
		.cache_dirs = &running->cache,
		.n_cache_dirs = 1,
	};
	struct utsname uts;
	int r = uname(&uts) < 0 ? -errno : kernel_identity_read(root_fd, &uts, &identity, problem);

	if (r == 0)
		r = object_finder_new(&places, &run.finder);
	if (r < 0)
		return r;
	r = add_kernel(&run, &identity.build_id, problem);
	if (r == 0)
		r = add_modules(&run, problem);
	object_finder_free(run.finder);
	if (r >= 0)
		*ret_build_id = identity.build_id;
	return r;
}
