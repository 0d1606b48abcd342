/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * autofdod --check: of the modules that are loaded, which ones can be symbolized.
 */

#include <stdbool.h>
#include <stddef.h>
#include "base/macros.h"
#include "base/problem.h"
#include "kernel/build_id.h"
#include "kernel/kallsyms.h"

struct buf;
struct json_object;
struct object_finder;

enum check_module_state {
	CHECK_MODULE_FOUND,    /* an index, or code and debug information */
	CHECK_MODULE_STRIPPED, /* its file, without debug information */
	CHECK_MODULE_MISSING,
	CHECK_MODULE_UNKNOWN, /* the kernel does not show its build id */
};
#define CHECK_MODULE_STATES 4

struct check_module {
	char name[MODULE_NAME_SIZE];
	struct build_id build_id;
	enum check_module_state state;
	char *path; /* of its index or debug information, or of its code; owned; NULL: none */
	char *why;  /* a sentence, for want of debug information; owned; NULL if it is found */
};

struct check_modules {
	struct problem problem;	    /* empty: the rest is there */
	struct check_module *items; /* owned; in the kernel's order */
	size_t n;
	size_t n_states[CHECK_MODULE_STATES];
};

/* lifecycle */

/* proc/modules and sys/module below root_fd, the files by finder. 0, -ENOMEM. */
must_check int check_modules_read(int root_fd, struct object_finder *finder,
				  struct check_modules *ret_modules);
void check_modules_deinit(struct check_modules *modules); /* accepts a null-initialised one */

/* use */

/* A line, and one for each kind of trouble. */
void check_modules_text(const struct check_modules *modules, struct buf *text);
/* The caller's to put; NULL, or ok false: no memory. */
struct json_object *check_modules_json(const struct check_modules *modules, bool *ok);
