/* SPDX-License-Identifier: Apache-2.0 */
#include "modules.h"

#include <fcntl.h>
#include "kernel/object_files.h"
#include "symbolize/objects_open.h"

static int open_wanted(struct object_finder *finder, struct objects *objects)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < objects->n; i++) {
		struct object *object = objects->items[i];

		if (object->is_wanted && !object->is_kernel && !object->symbols)
			r = objects_open_module(objects, object, finder);
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
