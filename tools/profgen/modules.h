/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Symbols of the modules that something was counted in, from files that are found by build id.
 */

#include <stddef.h>
#include "aggregate/branch_counts.h"
#include "base/macros.h"
#include "kernel/object_files.h"
#include "symbolize/objects.h"

/* Where to look besides where distributions put them; all borrowed. */
struct module_places {
	const char *const *debug_dirs; /* --debug-dir; n_debug_dirs, at most OBJECT_DIRS_MAX */
	size_t n_debug_dirs;
	const char *index_path; /* NULL: none */
	object_fetch fetch;	/* as of struct object_places */
	void *fetch_context;
	const char *release; /* uname -r of where it was counted; NULL: not known */
};

/*
 * A module that has no symbols afterwards says why: that is no failure, as its counts are all that
 * is lost. 0, -ENOMEM.
 */
must_check int modules_open(struct objects *objects, const struct branch_counts *counts,
			    const struct module_places *places);
