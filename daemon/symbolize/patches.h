/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Where the kernel rewrites its own text at run time: the sites that vmlinux lists for that
 * purpose.
 *
 * What the file has at such a site says nothing about what runs there: an unconditional jump of the
 * file may be passed, and a branch may come from the middle of an instruction of the file.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "image.h"

/* [lo, hi) of text that may have been rewritten. */
struct patch_site {
	uint64_t lo_vaddr, hi_vaddr;
};

struct patches {
	struct patch_site *sites; /* n_sites, ascending, disjoint */
	size_t n_sites, capacity;
};

/*
 * Reads the tables that the image has; an image without them (or of another machine than x86-64)
 * has no sites. 0; -ENOMEM; -E2BIG.
 */
must_check int patches_load(struct patches *patches, const struct image *image);
void patches_deinit(struct patches *patches);
/* The site that holds vaddr, or NULL. */
const struct patch_site *patches_find(const struct patches *patches, uint64_t vaddr);
