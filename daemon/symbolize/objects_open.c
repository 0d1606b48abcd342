/* SPDX-License-Identifier: Apache-2.0 */
#include "objects_open.h"

#include <stdlib.h>
#include "object_open.h"
#include "objects.h"

/*
 * Files that are there but of no use are another matter than none. An index is no file of the
 * object: that of the kernel need not have all modules.
 */
static enum object_state state_of(const struct object_files *files)
{
	for (size_t i = 0; i < files->n_tries; i++)
		if (files->tries[i].role != OBJECT_INDEX &&
		    (files->tries[i].outcome == OBJECT_UNREADABLE ||
		     files->tries[i].outcome == OBJECT_STRIPPED ||
		     files->tries[i].outcome == OBJECT_REFUSED))
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

/* A file that would not do, of which nobody needs to hear if there is no memory to say so. */
static void note_bad_index(struct object *object, const struct object_files *files)
{
	struct bad_index bad;

	if (!object_files_bad_index(files, &bad))
		return;
	if (!object->bad_index)
		object->bad_index = malloc(sizeof(bad));
	if (object->bad_index)
		*object->bad_index = bad;
}

int objects_open_module(struct objects *objects, struct object *object,
			struct object_finder *finder)
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
	note_bad_index(object, &files);
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
