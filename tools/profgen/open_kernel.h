/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The symbols of a kernel from a file that was named: a vmlinux, or an index of one.
 */

#include "base/macros.h"
#include "base/names.h"
#include "base/problem.h"
#include "symbolize/index.h"
#include "symbolize/symbols.h"

/* Trees of debug files besides where distributions put them; borrowed. */
struct kernel_dirs {
	const char *const *paths; /* n, absolute */
	size_t n;
};

/*
 * A vmlinux that has its debug information in other files (.gnu_debuglink, .gnu_debugaltlink) is
 * joined with them if they are found. names is borrowed. *ret_index is a reference to the index,
 * which may also have modules; NULL if the file is a vmlinux. 0, or negative with a sentence that
 * begins with the path.
 */
must_check int open_kernel(const char *path, const struct kernel_dirs *dirs, struct names *names,
			   struct symbols **ret_symbols, struct index **ret_index,
			   struct problem *problem);
/* The one object of the index that is a kernel. 0; -ENODATA: none; -ENOTUNIQ: several. */
must_check int index_find_kernel(const struct index *index, size_t *ret_object,
				 struct problem *problem);
