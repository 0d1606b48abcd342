/* SPDX-License-Identifier: Apache-2.0 */
#include "modules.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include "symbolize/object_open.h"

/* Files that are there but of no use are another matter than none. */
static enum object_state state_of(const struct object_files *files)
{
	for (size_t i = 0; i < files->n_tries; i++)
		if (files->tries[i].outcome == OBJECT_UNREADABLE ||
		    files->tries[i].outcome == OBJECT_STRIPPED ||
		    files->tries[i].outcome == OBJECT_REFUSED)
			return OBJECT_STATE_UNUSABLE;
	return OBJECT_STATE_NO_FILE;
}

static int set_source(struct object *object, const struct object_files *files)
{
	static const enum object_role roles[] = { OBJECT_INDEX, OBJECT_DEBUG, OBJECT_CODE };
	const char *path = NULL;

	for (size_t i = 0; i < array_size(roles) && !path; i++)
		path = object_files_path(files, roles[i]);
	return path ? objects_set_source(object, path) : 0;
}

static int open_module(struct object_finder *finder, struct objects *objects, struct object *object)
{
	struct object_query query = { .name = object->name, .build_id = object->build_id };
	struct object_files files = OBJECT_FILES_INIT;
	struct problem why = { "" };
	struct symbols *symbols;
	int r;

	if (object->build_id.n_bytes == 0) {
		problem_set(&why, 0, "%s: its build id is not known", object->name);
		objects_set_missing(object, OBJECT_STATE_NO_BUILD_ID, &why);
		return 0;
	}
	r = object_open(finder, &query, object->lo_vaddr, objects->names, &files, &symbols, &why);
	if (r < 0)
		return r;
	if (r == OBJECT_OPEN_E_NONE) {
		objects_set_missing(object, state_of(&files), &why);
		r = 0;
	} else {
		objects_set_symbols(objects, object, symbols);
		r = set_source(object, &files);
	}
	object_files_deinit(&files);
	return r;
}

static int open_wanted(struct object_finder *finder, struct objects *objects)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < objects->n; i++) {
		struct object *object = objects->items[i];

		if (object->is_wanted && !object->is_kernel && !object->symbols)
			r = open_module(finder, objects, object);
	}
	return r;
}

int modules_open(struct objects *objects, const struct branch_counts *counts,
		 const struct module_places *places)
{
	cleanup(close_cleanup) int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const struct object_places where = {
		.root_fd = root_fd,
		.release = places->release,
		.index_path = places->index_path,
		.debug_dirs = places->debug_dirs,
		.n_debug_dirs = places->n_debug_dirs,
		.fetch = places->fetch,
		.fetch_context = places->fetch_context,
	};
	struct object_finder *finder;
	int r;

	if (objects_want(objects, counts) == 0)
		return 0;
	r = object_finder_new(&where, &finder);
	if (r < 0)
		return r;
	r = open_wanted(finder, objects);
	object_finder_free(finder);
	return r;
}
