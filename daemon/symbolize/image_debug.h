/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The debug sections of one file: found by name, unpacked where they are compressed, relocated
 * where the file is relocatable.
 */

#include "elf_file.h"
#include "image.h"
#include "relocate.h"

struct image_debug_sections {
	struct bytes items[N_IMAGE_DEBUG]; /* empty where absent */
	void *memory[N_IMAGE_DEBUG];	   /* owned copies; NULL: the file's own bytes will do */
};

/*
 * places is NULL of a file that is not relocatable, and not used then; otherwise of the same file.
 * 0; -ENOMEM; -EBADMSG; -E2BIG: together they are above limits->decompressed_bytes. To be
 * deinitialised in any case.
 */
must_check int image_debug_load(struct image_debug_sections *sections, const struct elf_file *file,
				const struct relocate_places *places,
				const struct image_limits *limits, struct relocate_stats *stats,
				struct problem *problem);
void image_debug_deinit(struct image_debug_sections *sections);
