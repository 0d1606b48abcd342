/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a recording says of where the kernel's other code is: modules, from mappings, and text that
 * the kernel generated, from KSYMBOL records. By run-time addresses, which mean something within
 * one recording only.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "kernel/kallsyms.h" /* MODULE_NAME_SIZE */
#include "kernel/translation.h"
#include "recording.h"

#define PLACES_N_MAX 16384u
#define PLACES_NO_MODULE UINT32_MAX

struct recorded_module {
	char name[MODULE_NAME_SIZE];	    /* as in /proc/modules */
	char *filename;			    /* owned; as the recording has it, for its build ids */
	uint64_t base_ip;		    /* where its text begins */
	uint64_t n_bytes;		    /* as it says: of more than its text, since Linux 6.4 */
	struct recording_build_id build_id; /* of the mapping, if that says */
};

struct recorded_place {
	uint64_t lo_ip, hi_ip; /* [lo, hi) */
	enum place_kind kind;
	uint32_t module; /* index in modules; PLACES_NO_MODULE: of another kind */
};

struct recorded_places {
	struct recorded_place *items; /* owned; n, by address, disjoint */
	size_t n, capacity;
	struct recorded_module *modules; /* owned; n_modules, in the order of the recording */
	size_t n_modules, modules_capacity;
	uint64_t n_dropped; /* records for which there was no room, or which cannot be */
};

/* lifecycle */

void recorded_places_deinit(struct recorded_places *places); /* accepts { 0 }, and leaves that */

/* use */

/*
 * Whether the event would change what an address is that may have been counted: then what was
 * counted has to be resolved before it is taken.
 */
bool recorded_places_differ(const struct recorded_places *places,
			    const struct recording_event *event);
/*
 * Takes a mapping or a KSYMBOL; others say nothing here. Of two that claim an address, generated
 * text comes before a module, and of two modules the one that begins above the other; text that
 * went stays until something else is there, as records of several CPUs are not in order of time.
 * 0, -ENOMEM.
 */
must_check int recorded_places_take(struct recorded_places *places,
				    const struct recording_event *event);
/* NULL: nothing is known of it. */
const struct recorded_place *recorded_places_find(const struct recorded_places *places,
						  uint64_t ip);

/*
 * The module that a mapping's file name is of: `/lib/…/x-y.ko`, also compressed, and `[x_y]` are
 * x_y. False: of no module, or the name is none.
 */
bool recording_module_name(const char *filename, char ret_name[MODULE_NAME_SIZE]);
