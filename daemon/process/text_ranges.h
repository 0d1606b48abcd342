/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Which pages of the running kernel are its code: of the image [_stext, _etext), of each module
 * that is loaded, neither coming nor going, from the page of its first text symbol to that of its
 * last. Nothing else is code here: not what ran while it booted, no trampolines, no programs of
 * others.
 *
 * A module whose symbols of initialization are still shown is not there yet, though the kernel says
 * "Live": between them is what is not code. Livepatches show theirs as long as they live, so there
 * is no live text of them. A module that was unloaded and loaded anew between two looks, with the
 * name, the size and the state it had, is another one: its folder of /sys/module has another inode
 * number, which the kernel gives to no folder twice (kernfs_ino(), fs/kernfs/dir.c, Linux 6.12).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "kernel/ip_ranges.h"

struct problem;

struct text_ranges {
	struct ip_range image;	  /* to whole pages */
	struct ip_range *modules; /* owned; n_modules, normalized, to whole pages */
	size_t n_modules;
	/* live modules: whose symbols do not fit what the kernel says of them, … */
	size_t n_refused;
	size_t n_initializing; /* … are not those of code that stays; or which have no folder */
	uint64_t fingerprint;  /* of what the kernel said before and after of which are loaded */
};

enum {
	TEXT_RANGES_E_HIDDEN = 1, /* kallsyms shows no addresses to who opened this descriptor */
	TEXT_RANGES_E_CHANGING,	  /* modules came or went meanwhile: try again */
};

/* What says which modules are loaded; neither is read on from where it stands. */
struct text_module_files {
	int list_fd;	/* /proc/modules; -1: a kernel without modules */
	int folders_fd; /* /sys/module, of which nothing is opened; -1: then no module is given */
};

/*
 * Of /proc/kallsyms and modules; page_bytes are the machine's. 0; TEXT_RANGES_E_* and a sentence;
 * -EBADMSG; -errno.
 */
must_check int text_ranges_read(int kallsyms_fd, const struct text_module_files *modules,
				uint64_t page_bytes, struct text_ranges *ret,
				struct problem *problem);
void text_ranges_deinit(struct text_ranges *ranges); /* accepts a null-initialised one */

/* Whether TEXT_PAGE_BYTES from ip, a multiple of them, are code; *ret_is_module: not the image's.
 */
bool text_ranges_has(const struct text_ranges *ranges, uint64_t ip, bool *ret_is_module);
/*
 * Whether the modules are those of when the ranges were read, each loaded that one time, in the
 * same states. Then they were so all the time in between. 0; TEXT_RANGES_E_CHANGING; -errno.
 */
must_check int text_ranges_check(const struct text_ranges *ranges,
				 const struct text_module_files *modules);
