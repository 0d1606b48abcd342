/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Where depmod(8) found each module: modules.dep of a kernel's folder, "kernel/fs/ext4/ext4.ko.xz:
 * kernel/lib/crc16.ko.xz". Which modules need which is of no use here.
 */

#include <stddef.h>
#include "base/macros.h"
#include "kallsyms.h"

struct modules_dep_item {
	char key[MODULE_NAME_SIZE]; /* of file_tree_key() */
	const char *path; /* borrowed; relative to the folder, or absolute; without ".." */
};

struct modules_dep {
	struct modules_dep_item *items; /* owned; sorted by key; of two of a name the first stays */
	size_t n, capacity;
	size_t n_malformed; /* lines */
	size_t n_dropped;   /* beyond 65,536 */
	char *text;	    /* owned: what items point to */
};

/* lifecycle */

/* The text of a modules.dep. Lines that are none are counted. 0, -ENOMEM. */
must_check int modules_dep_parse(const void *text, size_t n_bytes, struct modules_dep *ret_dep);
/* The file of that path below root_fd. Also -errno; -EFBIG: more than 16 MiB. */
must_check int modules_dep_read(int root_fd, const char *path, struct modules_dep *ret_dep);
void modules_dep_deinit(struct modules_dep *dep); /* accepts a null-initialised one */

/* use */

/* Its path, borrowed; NULL: there is no such module. name may have '-' or '_'. */
const char *modules_dep_find(const struct modules_dep *dep, const char *name);
