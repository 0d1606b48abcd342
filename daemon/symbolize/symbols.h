/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Everything that is known about one image, opened together: code, functions, units.
 */

#include <stdbool.h>
#include "base/names.h"
#include "base/problem.h"
#include "dwarf.h"
#include "functions.h"
#include "image.h"
#include "text.h"
#include "unit_map.h"

struct index_view;
struct patches;
struct unit_frames;

struct symbols {
	struct image *image; /* owned; without a file if from an index */
	struct names *names; /* borrowed; of all objects together (objects.h), and of the profile */
	struct text *text;
	struct dwarf dwarf;
	struct functions functions;
	struct unit_map units;
	struct index_view *view; /* owned; NULL: from ELF files */
};

#define SYMBOLS_NAMES_CEILING_BYTES (1ull << 30)

/*
 * Takes image, also on failure; borrows names. 0; -ENOMEM; -E2BIG; -ENODATA: the image has no
 * symbols or no debug information, so that no address of it can be named.
 */
must_check int symbols_new(struct image *image, struct names *names, struct symbols **ret_symbols,
			   struct problem *problem);
/* The same from an index is symbols_from_index(), index.h. */
void symbols_free(struct symbols *symbols);
DEFINE_CLEANUP(struct symbols, symbols, symbols_free)

/* What asks for the frames of its units; names is borrowed. */
void symbols_init_frames(struct symbols *symbols, struct names *names, struct unit_frames *ret_uf);
/* The sites that the kernel rewrites: as patches_load(). */
must_check int symbols_load_patches(const struct symbols *symbols, struct patches *ret_patches);
/* As index_damage(), of the index that the symbols are of; 0 if they are of none. */
must_check int symbols_damage(const struct symbols *symbols, struct problem *problem);
