/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The modules that are loaded, as /proc/modules lists them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "kallsyms.h"

struct build_id;
struct problem;

struct module {
	char name[MODULE_NAME_SIZE]; /* neither '/' nor a dot in front: it names a directory */
	uint64_t base_ip;	     /* where its text begins; 0: hidden */
	uint64_t size_bytes; /* of all its parts, which since Linux 6.4 are not contiguous */
	bool is_live;	     /* neither "Loading" nor "Unloading" */
};

struct modules {
	struct module *items; /* owned; in the kernel's order, the latest first */
	size_t n;
	size_t n_hidden;    /* with address 0, which hides all of them or none */
	size_t n_malformed; /* lines */
	size_t n_dropped;   /* beyond the ceiling of 8192 */
};

/* lifecycle */

/* The text of /proc/modules; no text is no modules. A line without its end is malformed. -ENOMEM.
 */
must_check int modules_parse(const void *text, size_t n_bytes, struct modules *ret);
/* The file, from its start. Also -errno and a sentence; -EFBIG: more than 8 MiB. */
must_check int modules_read(int fd, struct modules *ret, struct problem *problem);
void modules_deinit(struct modules *modules); /* accepts a null-initialised one */

/* use */

/*
 * Build id of a loaded module, of sys/module/NAME/notes below root_fd. 0; -errno; BUILD_ID_E_NONE
 * and -EBADMSG as build_id_from_notes().
 */
must_check int module_read_build_id(int root_fd, const char *name, struct build_id *ret_id);
