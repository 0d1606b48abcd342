/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Where the kernel's module loader puts the sections of a module (ET_REL): kernel/module/main.c,
 * layout_sections(), and for AArch64 arch/arm64/kernel/module-plts.c, both of Linux 6.1 and 6.12.
 *
 * Executable sections stand first and in order of their headers, each aligned from the start of the
 * module's text; that part is what runs, and it is exact. Data is placed behind it, and what is
 * dropped after the module's start (.init…) behind that, where a running module has them elsewhere:
 * nobody counts there.
 */

#include <stdbool.h>
#include <stdint.h>
#include "base/macros.h"
#include "base/problem.h"
#include "elf_file.h"

#define MODULE_LAYOUT_BYTES_MAX (1ull << 30) /* all areas for modules are smaller */

struct module_layout {
	uint64_t *vaddrs; /* owned; by section: its address, or 0 of one that is not loaded */
	bool *is_loaded;  /* owned; by section */
	size_t n_sections;
	uint64_t text_hi_vaddr; /* end of the text that stays */
	uint64_t hi_vaddr;	/* end of everything */
};

/*
 * Places the sections of a relocatable file from base_vaddr on. 0; -ENOMEM; -EINVAL: base_vaddr is
 * no multiple of 4096, or too high; -EBADMSG: an alignment that is no power of two; -E2BIG: larger
 * than MODULE_LAYOUT_BYTES_MAX.
 */
must_check int module_layout_init(struct module_layout *layout, const struct elf_file *file,
				  uint64_t base_vaddr, struct problem *problem);
void module_layout_deinit(struct module_layout *layout);

/* The loader's word for what is dropped after the start: module_init_section(). */
bool module_is_init_section(const char *name);
