/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The folder where autofdod looks for indexes: DIR/BUILDID.index, of one kernel at a time.
 */

#include <stdbool.h>
#include "base/macros.h"
#include "base/problem.h"
#include "kernel/build_id.h"
#include "kernel/object_files.h"
#include "symbolize/index.h"

/* What became of the modules. */
struct index_tally {
	uint64_t n_added, n_left;
	struct problem first; /* why the first one was left out */
};

/* The path of the index of that build id; -ENAMETOOLONG, -ENODATA: there is no build id. */
must_check int index_cache_path(const char *dir, const struct build_id *build_id,
				char path[OBJECT_PATH_SIZE]);
/* Removes the indexes of all others. */
void index_cache_drop_others(const char *dir, const struct build_id *build_id);

/* What is to be found, and where. */
struct index_running {
	const char *cache;
	const char *const *debug_dirs;
	size_t n_debug_dirs;
};

enum {
	INDEX_RUNNING_E_NONE =
		1,	       /* there is no vmlinux of it; problem says where it was looked for */
	INDEX_RUNNING_E_THERE, /* there is an index, in the cache or shipped with the kernel */
};

/*
 * Adds the kernel that runs here, and its modules that are loaded. 0; INDEX_RUNNING_E_*; negative
 * errno.
 */
must_check int index_running(struct index_builder *builder, const struct index_running *running,
			     struct build_id *ret_build_id, struct index_tally *tally,
			     struct problem *problem);
