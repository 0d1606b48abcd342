/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Which files make a configuration: a file, and behind it its drop-ins FILE.d/NAME.conf by name, so
 * that what comes later wins.
 */

#include <stdbool.h>
#include <stddef.h>
#include "base/macros.h"

struct conf_errors;

#define CONF_N_PATHS_MAX 64u

struct conf_paths {
	char *items[CONF_N_PATHS_MAX]; /* malloc'd, owned; to be read in this order */
	size_t n;
	char *drop_ins; /* the directory; malloc'd, owned */
};

/* lifecycle */

/*
 * Finds them, without reading them. The file itself is left out if is_optional and it is not there;
 * the directory of drop-ins may always be missing, and names in it that begin with a '.' or do not
 * end with ".conf" are others'. What is wrong goes to errors, which borrow from paths. 0; -ENOMEM,
 * and there are no paths.
 */
must_check int conf_paths_find(const char *path, bool is_optional, struct conf_paths *ret_paths,
			       struct conf_errors *errors);
void conf_paths_deinit(struct conf_paths *paths); /* accepts a null-initialised one */
