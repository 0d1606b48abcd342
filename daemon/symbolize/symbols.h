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

struct symbols {
	struct image *image; /* owned */
	struct names *names; /* borrowed; of all objects together (objects.h), and of the profile */
	struct text *text;
	struct dwarf dwarf;
	struct functions functions;
	struct unit_map units;
};

#define SYMBOLS_NAMES_CEILING_BYTES (1ull << 30)

/*
 * Takes image, also on failure; borrows names. 0; -ENOMEM; -E2BIG; -ENODATA: the image has no
 * symbols or no debug information, so that no address of it can be named.
 */
must_check int symbols_new(struct image *image, struct names *names, struct symbols **ret_symbols,
			   struct problem *problem);
void symbols_free(struct symbols *symbols);
DEFINE_CLEANUP(struct symbols, symbols, symbols_free)
