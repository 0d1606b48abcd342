/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Which modules are loaded, as the folders of /sys/module say: by name and by the number of the
 * folder, which the kernel gives to no other folder later (fs/kernfs/dir.c, kernfs_ino(), Linux
 * 6.12). So a module that was loaded anew is another one, though it has its old name, size and
 * address. Built-in modules that have parameters are in it, too.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "kallsyms.h" /* MODULE_NAME_SIZE */

struct loaded_module {
	char name[MODULE_NAME_SIZE];
	uint64_t id;
};

struct loaded_modules {
	struct loaded_module *items; /* owned; sorted by name */
	size_t n;
};

/* lifecycle */

/* The folders in dir_fd, sys/module; names that are too long are no modules. 0; -errno. */
must_check int loaded_modules_read(int dir_fd, struct loaded_modules *ret);
void loaded_modules_deinit(struct loaded_modules *modules); /* accepts a null-initialised one */

/* use */

/* The same modules, each loaded once. */
bool loaded_modules_equal(const struct loaded_modules *a, const struct loaded_modules *b);
/* Is this very one among them? */
bool loaded_modules_has(const struct loaded_modules *modules, const struct loaded_module *one);
