/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Which pages of the running kernel are its code: of the image [_stext, _etext), of each module
 * that is loaded, neither coming nor going, from the page of its first text symbol to that of its
 * last. Nothing else is code here: not what ran while it booted, no trampolines, no programs of
 * others.
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
	size_t n_refused;     /* modules whose symbols do not fit what the kernel says of them */
	uint64_t fingerprint; /* of what /proc/modules said before and after */
};

enum {
	TEXT_RANGES_E_HIDDEN = 1, /* kallsyms shows no addresses to who opened this descriptor */
	TEXT_RANGES_E_CHANGING,	  /* modules came or went meanwhile: try again */
};

/*
 * Of /proc/kallsyms and /proc/modules (-1: a kernel without modules), from their starts;
 * page_bytes are the machine's. 0; TEXT_RANGES_E_* and a sentence; -EBADMSG; -errno.
 */
must_check int text_ranges_read(int kallsyms_fd, int modules_fd, uint64_t page_bytes,
				struct text_ranges *ret, struct problem *problem);
void text_ranges_deinit(struct text_ranges *ranges); /* accepts a null-initialised one */

/* Whether TEXT_PAGE_BYTES from ip, a multiple of them, are code; *ret_is_module: not the image's.
 */
bool text_ranges_has(const struct text_ranges *ranges, uint64_t ip, bool *ret_is_module);
/*
 * Whether the modules are those of when the ranges were read, in the same states. Their addresses
 * this does not tell: it may be hidden from who opened modules_fd. 0; TEXT_RANGES_E_CHANGING;
 * -errno.
 */
must_check int text_ranges_check(const struct text_ranges *ranges, int modules_fd);
