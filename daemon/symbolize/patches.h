/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Where the kernel rewrites its own text: the sites that vmlinux, or a module's file, lists for
 * that purpose.
 *
 * What the file has at such a site says nothing about what runs there: an unconditional jump of the
 * file may be passed, and a branch may come from the middle of an instruction of the file. Some
 * sites are rewritten once, before anything is sampled: what live text has there has been there all
 * the time. Others change while the machine runs: there, not even live text tells what was there a
 * minute ago.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "image.h"

/* The values are kept in files (index.h): new ones go to the end. */
enum patch_kind {
	/* while the machine runs */
	PATCH_JUMP_LABEL,  /* static keys: jmp or nop */
	PATCH_STATIC_CALL, /* call or jmp somewhere, nop, ret */
	PATCH_FTRACE,	   /* function entries: call or nop */
	/* at boot, or when the module is loaded */
	PATCH_ALTERNATIVE, /* by features of the CPU */
	PATCH_PARAVIRT,	   /* by the hypervisor, up to Linux 6.7 */
	PATCH_RETPOLINE,   /* indirect calls and jumps, by mitigations */
	PATCH_RETURN,	   /* ret, or jmp to a thunk, by mitigations */
	PATCH_CALL,	   /* direct calls that count their depth, by mitigations */
	N_PATCH_KINDS,
};

#define PATCH_BIT(kind) (1u << (kind))
#define PATCH_KINDS_ALL (PATCH_BIT(N_PATCH_KINDS) - 1)
#define PATCH_KINDS_ANY_TIME                                                                       \
	(PATCH_BIT(PATCH_JUMP_LABEL) | PATCH_BIT(PATCH_STATIC_CALL) | PATCH_BIT(PATCH_FTRACE))

/* [lo, hi) of text that may have been rewritten. */
struct patch_site {
	uint64_t lo_vaddr, hi_vaddr;
	uint32_t kinds; /* PATCH_BIT()s, at least one */
};

struct patches {
	struct patch_site *sites; /* n_sites, ascending, disjoint */
	size_t n_sites, capacity;
};

/*
 * Reads the tables that the image has: between symbols, as in vmlinux, or in sections, as in
 * modules. An image without them has no sites. 0; -ENOMEM; -E2BIG.
 */
must_check int patches_load(struct patches *patches, const struct image *image);
void patches_deinit(struct patches *patches);
/* The site that holds vaddr, or NULL. */
const struct patch_site *patches_find(const struct patches *patches, uint64_t vaddr);

/* What is there may change, or have changed, while the machine runs. */
static inline bool patch_site_changes(const struct patch_site *site)
{
	return site->kinds & PATCH_KINDS_ANY_TIME;
}
