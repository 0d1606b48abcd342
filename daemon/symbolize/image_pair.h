/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Files that belong together: code and its separate debug file, debug information and what it
 * refers to in a file that several share (dwz).
 */

#include <stdbool.h>
#include <stdint.h>
#include "base/macros.h"
#include "base/problem.h"
#include "elf_file.h"

/*
 * A debug file has all sections that are loaded, of the same names, sizes and order, without
 * contents or with them (objcopy --only-keep-debug, eu-strip -f, distributions' modules). Others it
 * may have more or less, so their numbers differ.
 * Gives, by section of the debug file, the number of the same section in the code file; 0 of those
 * that are not loaded. Owned by the caller, debug->n_sections items. 0; -ENOMEM; -EINVAL: they do
 * not belong together: another build id, machine or kind of file, other sections.
 */
must_check int image_pair_match(const struct elf_file *code, const struct elf_file *debug,
				uint32_t **ret_code_sections, struct problem *problem);

/* The file refers to another one: .gnu_debugaltlink, or .debug_sup (DWARF 5, 7.3.6). */
bool image_pair_has_alt(const struct elf_file *file);
/* alt is the file that `file` refers to. 0; -EINVAL and a sentence. */
must_check int image_pair_check_alt(const struct elf_file *file, const struct elf_file *alt,
				    struct problem *problem);
