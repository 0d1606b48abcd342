/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Shared by the files that implement object_files.h: object_search.c knows the places,
 * object_try.c looks at one file, object_files.c keeps and tells the result.
 */

#include "file_tree.h"
#include "modules_dep.h"
#include "object_files.h"

struct object_finder {
	struct object_places places;
	char root[OBJECT_PATH_SIZE]; /* path of root_fd; empty: "/", or not known */
	/* Read when they are first asked for. */
	bool has_dep, has_modules, has_trees[OBJECT_DIRS_MAX];
	struct modules_dep dep;	  /* of /lib/modules/RELEASE */
	struct file_tree modules; /* that folder walked, where it has no modules.dep */
	struct file_tree trees[OBJECT_DIRS_MAX]; /* of places.debug_dirs */
};

/* One search going on. */
struct object_search {
	struct object_finder *finder;
	const struct object_query *query;
	struct object_files *files;
	int error; /* -ENOMEM: nothing is tried any more */
};

/*
 * Tries the file of a path as that role (OBJECT_CODE stands for all that an ELF file may be), if
 * the search is not over; a try that was made before is not made again. An object_try_quietly()
 * leaves no trace where there is no such file.
 */
void object_try(struct object_search *search, enum object_role role, const char *format, ...)
	printf_like(3, 4);
void object_try_quietly(struct object_search *search, enum object_role role, const char *format,
			...) printf_like(3, 4);
/* What fetch brings for that role, once. */
void object_try_fetch(struct object_search *search, enum object_role role);
/* Closes the file in that role, if any, with an outcome and a reason (NULL: as it was). */
void object_drop(struct object_files *files, enum object_role role, enum object_outcome outcome,
		 const char *reason);
int *object_files_fd(struct object_files *files, enum object_role role);

/* The debug information that the code in use names: .gnu_debuglink. */
void object_follow_debuglink(struct object_search *search);
/* The file that the debug information in use names: .gnu_debugaltlink. */
void object_follow_altlink(struct object_search *search);
