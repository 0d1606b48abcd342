/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * From a build id to symbols: finds the files of an object (kernel/object_files.h) and opens them,
 * going on to the next ones where a file turns out to be no good.
 */

#include <stdint.h>
#include "base/macros.h"
#include "kernel/object_files.h"

struct names;
struct problem;
struct symbols;

enum {
	OBJECT_OPEN_E_NONE = 1, /* no files are there that can be used */
};

/*
 * base_vaddr is where a module is laid out; the kernel's is not used. names is borrowed, see
 * symbols_new(). *ret_files tells what was tried, in both cases, and needs no descriptor any more;
 * it is the caller's to object_files_deinit(). What is from an index has to be asked for damage in
 * the end: symbols_damage(). 0; OBJECT_OPEN_E_NONE and a sentence; -ENOMEM, after
 * which nothing is given back.
 */
must_check int object_open(struct object_finder *finder, const struct object_query *query,
			   uint64_t base_vaddr, struct names *names, struct object_files *ret_files,
			   struct symbols **ret_symbols, struct problem *problem);
/*
 * As object_finder_find(), but an index is only taken if it can be opened and has the object: to
 * tell what would be used. 0, -ENOMEM.
 */
must_check int object_find(struct object_finder *finder, const struct object_query *query,
			   struct object_files *ret_files);
