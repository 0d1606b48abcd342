/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Which run-time addresses are code, and of which object: the kernel image and its modules.
 * Everything else is foreign: BPF programs, trampolines, kprobe slots, data.
 *
 * A map never changes. When modules come and go, another is built, and what was recorded until then
 * has to be resolved by the old one.
 */

#include <stddef.h>
#include <stdint.h>
#include "build_id.h"
#include "kallsyms.h"

struct modules;
struct problem;

/* What counters' 32-bit offsets count from, below the image's base; arm64 has its modules there. */
#define MAP_WINDOW_BELOW_BYTES (1ull << 31)

/* One piece of code, [start_ip, end_ip). */
struct map_object {
	char name[MODULE_NAME_SIZE]; /* "vmlinux", or the module's */
	struct build_id build_id;    /* n_bytes 0: it has none, or it could not be read */
	/*
	 * What offsets in the object count from: _text of the image; of a module, where its text
	 * begins in memory.
	 */
	uint64_t base_ip;
	uint64_t start_ip;
	uint64_t end_ip;
};

struct address_map {
	uint64_t window_ip;	    /* address of offset 0 */
	struct map_object *objects; /* owned; sorted by start_ip, disjoint, within the window */
	size_t n_objects;	    /* >= 1 */
	size_t kernel;		    /* index of the image */
	/* Modules that are not in the map: their code counts as foreign. */
	size_t n_without_text; /* kallsyms has no text symbols of it */
	size_t n_passing; /* being loaded or unloaded: symbols of its .init.text may be mixed in */
	size_t n_outside; /* beyond the window, or around the end of the address space */
	size_t n_overlapping;	   /* claims code of another object */
	size_t n_without_build_id; /* in the map, but nothing can be published of them */
};

struct map_input {
	const struct kallsyms *kallsyms;
	const struct modules *modules;	 /* NULL: none */
	const struct build_id *build_id; /* of the image */
	int root_fd;			 /* to read build ids of modules below; -1: do without */
	uint64_t page_bytes;		 /* as in struct kallsyms_config */
};

/* lifecycle */

/* Copies what it needs. 0; -EINVAL: page_bytes is no power of two; -ENOMEM. */
must_check int map_new(const struct map_input *input, struct address_map **ret_map);
void map_free(struct address_map *map);
DEFINE_CLEANUP(struct address_map, map, map_free)

/* use */

/* The object whose code this is, or NULL: foreign. */
const struct map_object *map_find(const struct address_map *map, uint64_t ip);
