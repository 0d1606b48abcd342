/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * From run-time offsets in the window to placed ones (placement.h), by pages: where code is now.
 * What is no code of a placed object becomes 0, external, and is counted by what it is.
 *
 * When an object goes, its pages are in doubt at once: what ran there from then on is not its code,
 * and what ran there before cannot be told from it. That lasts until the next translation is made
 * of another map.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"

struct address_map;
struct kallsyms;
struct placement;

/* What an address is. */
enum place_kind {
	PLACE_OTHER, /* data, or text of which nobody has told us yet */
	PLACE_KERNEL,
	PLACE_MODULE,
	PLACE_BPF,     /* generated programs */
	PLACE_FTRACE,  /* trampolines */
	PLACE_KPROBE,  /* slots of copied instructions */
	PLACE_NO_ROOM, /* of a module that could not be placed */
	PLACE_DOUBT,   /* of a module that went */
	PLACE_OUTSIDE, /* of the window: user space; no offset has it */
	N_PLACE_KINDS,
};

const char *place_kind_name(enum place_kind kind); /* "other", "kernel", … */

struct translation;

/* What it was made of, for people. */
struct translation_figures {
	size_t n_modules; /* placed */
	size_t n_moved;	  /* of them, those that are not at their placed offsets */
	size_t n_no_room; /* could not be placed */
	size_t n_no_build_id;
};

/* lifecycle */

/*
 * Places what is in the map and not placed yet. foreign: its foreign pages. 0; -ENOMEM. What has no
 * room is in the figures. The placement is not needed afterwards.
 */
must_check int translation_new(const struct address_map *map, const struct kallsyms *foreign,
			       struct placement *placement, struct translation **ret_translation);
void translation_free(struct translation *translation);
DEFINE_CLEANUP(struct translation, translation, translation_free)

/* use */

/* Placed offset of a run-time offset, 0: external; and what it is. No call, no allocation. */
uint32_t translation_off(const struct translation *translation, uint32_t off,
			 enum place_kind *ret_kind);
/* The way back, for who reads live text: 0, not loaded now. */
uint32_t translation_back(const struct translation *translation, uint32_t placed_off);
/* The module of that name has gone: its pages are in doubt. False: it is not there. */
bool translation_doubt(struct translation *translation, const char *name);
const struct translation_figures *translation_figures(const struct translation *translation);
