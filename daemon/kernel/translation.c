/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One number of 16 bits for each page of 4 KiB in the window says whose segment it is: 2 MiB, of
 * which only what is looked at gets memory. A look-up is two loads, whatever is loaded; the kernel
 * itself, where most of them go, is a comparison before.
 *
 * Foreign text has no sizes in kallsyms, only where each piece begins. What follows within 64 KiB
 * and is nobody else's is taken to be the same: there is no other code there that could run, as
 * each allocation of such memory is followed by a page without memory.
 */
#include "translation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "kallsyms.h"
#include "map.h"
#include "placement.h"

#define PAGE_SHIFT 12u
#define PAGE_BYTES (1u << PAGE_SHIFT)
#define N_PAGES (1u << (32 - PAGE_SHIFT))
#define FOREIGN_PAGES_MAX 16u

struct segment {
	uint32_t delta;	      /* placed offset - run-time offset, modulo 2^32 */
	uint32_t mask;	      /* all ones; 0: not placed */
	uint32_t lo_off;      /* run-time, of a module */
	uint32_t n_bytes;     /* of a module */
	enum place_kind kind; /* of the whole */
	char name[MODULE_NAME_SIZE];
};

struct translation {
	uint32_t kernel_lo_off, kernel_n_bytes;
	struct translation_figures figures;
	uint16_t *pages;	  /* owned; N_PAGES indices of segments */
	struct segment *segments; /* owned; 0: nobody's; then the foreign kinds, then modules */
	size_t n_segments;
};

const char *place_kind_name(enum place_kind kind)
{
	static const char *const names[] = {
		[PLACE_OUTSIDE] = "outside", [PLACE_OTHER] = "other",
		[PLACE_KERNEL] = "kernel",   [PLACE_MODULE] = "module",
		[PLACE_BPF] = "bpf",	     [PLACE_FTRACE] = "ftrace",
		[PLACE_KPROBE] = "kprobe",   [PLACE_NO_ROOM] = "no-room",
		[PLACE_DOUBT] = "in-doubt",
	};

	return names[kind];
}

/* making */

static enum place_kind kind_of(enum foreign_kind kind)
{
	switch (kind) {
	case FOREIGN_BPF:
		return PLACE_BPF;
	case FOREIGN_FTRACE:
		return PLACE_FTRACE;
	case FOREIGN_KPROBE:
		return PLACE_KPROBE;
	case FOREIGN_OTHER:
	case N_FOREIGN_KINDS:
		break;
	}
	return PLACE_OTHER;
}

static void claim(struct translation *t, uint32_t lo_off, uint32_t hi_off, size_t segment)
{
	for (uint32_t page = lo_off >> PAGE_SHIFT; page <= hi_off >> PAGE_SHIFT; page++)
		t->pages[page] = (uint16_t)segment;
}

/* 0, -ENOMEM */
static int add_module(struct translation *t, const struct map_object *object,
		      const struct address_map *map, struct placement *placement)
{
	struct segment *segment = &t->segments[t->n_segments];
	uint32_t lo_off = (uint32_t)(object->start_ip - map->window_ip);
	uint32_t hi_off = (uint32_t)(object->end_ip - 1 - map->window_ip);
	uint32_t placed_off = 0;
	int r = placement_place(placement, object->name, &object->build_id, lo_off, hi_off,
				&placed_off);

	*segment = (struct segment){
		.delta = placed_off - lo_off,
		.mask = r == 0 ? UINT32_MAX : 0,
		.lo_off = lo_off,
		.n_bytes = hi_off - lo_off + 1,
		.kind = r == 0 ? PLACE_MODULE : PLACE_NO_ROOM,
	};
	memcpy(segment->name, object->name, sizeof(segment->name));
	claim(t, lo_off, hi_off, t->n_segments++);
	/* -errno: memory for the list, now or for ever */
	t->figures.n_no_room += r != 0;
	t->figures.n_modules += r == 0;
	t->figures.n_moved += r == 0 && placed_off != lo_off;
	t->figures.n_no_build_id += r == 0 && object->build_id.n_bytes == 0;
	return r == -ENOMEM ? r : 0;
}

static int add_modules(struct translation *t, const struct address_map *map,
		       struct placement *placement)
{
	int r = 0;

	for (size_t i = 0; i < map->n_objects && r == 0; i++)
		if (i != map->kernel)
			r = add_module(t, &map->objects[i], map, placement);
	return r;
}

static bool is_in_kernel(const struct translation *t, uint32_t page)
{
	uint32_t off = page << PAGE_SHIFT;

	return off + PAGE_BYTES - 1 >= t->kernel_lo_off &&
	       off <= t->kernel_lo_off + (t->kernel_n_bytes - 1);
}

static void add_foreign(struct translation *t, uint64_t window_ip,
			const struct kallsyms_foreign *foreign)
{
	uint64_t off = foreign->page_ip - window_ip;
	uint32_t page = (uint32_t)(off >> PAGE_SHIFT);

	if (off > UINT32_MAX)
		return;
	for (uint32_t i = 0; i < FOREIGN_PAGES_MAX && page + i < N_PAGES; i++) {
		if (t->pages[page + i] != PLACE_OTHER || is_in_kernel(t, page + i))
			return;
		t->pages[page + i] = (uint16_t)kind_of(foreign->kind);
	}
}

static void add_kernel(struct translation *t, const struct address_map *map)
{
	const struct map_object *kernel = &map->objects[map->kernel];

	t->kernel_lo_off = (uint32_t)(kernel->start_ip - map->window_ip);
	t->kernel_n_bytes = (uint32_t)(kernel->end_ip - kernel->start_ip);
}

/* One for each kind that is nobody's, by its number; the pages' zeros are the first. */
static void add_kinds(struct translation *t)
{
	for (; t->n_segments < N_PLACE_KINDS; t->n_segments++)
		t->segments[t->n_segments].kind = (enum place_kind)t->n_segments;
}

int translation_new(const struct address_map *map, const struct kallsyms *foreign,
		    struct placement *placement, struct translation **ret_translation)
{
	struct translation *t cleanup(translation_cleanup) = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	t->pages = calloc(N_PAGES, sizeof(*t->pages));
	t->segments = calloc(map->n_objects + N_PLACE_KINDS, sizeof(*t->segments));
	if (!t->pages || !t->segments)
		return -ENOMEM;
	add_kernel(t, map);
	add_kinds(t);
	r = add_modules(t, map, placement);
	if (r != 0)
		return r;
	/* from behind: what begins later ends what began before it */
	for (size_t i = foreign ? foreign->n_foreign : 0; i > 0; i--)
		add_foreign(t, map->window_ip, &foreign->foreign[i - 1]);
	*ret_translation = steal_ptr(t);
	return 0;
}

void translation_free(struct translation *t)
{
	if (!t)
		return;
	free(t->pages);
	free(t->segments);
	free(t);
}

/* use */

uint32_t translation_off(const struct translation *t, uint32_t off, enum place_kind *ret_kind)
{
	const struct segment *segment;

	if (likely(off - t->kernel_lo_off < t->kernel_n_bytes)) {
		*ret_kind = PLACE_KERNEL;
		return off;
	}
	segment = &t->segments[t->pages[off >> PAGE_SHIFT]];
	*ret_kind = segment->kind;
	return (off + segment->delta) & segment->mask;
}

uint32_t translation_back(const struct translation *t, uint32_t placed_off)
{
	if (placed_off - t->kernel_lo_off < t->kernel_n_bytes)
		return placed_off;
	for (size_t i = N_PLACE_KINDS; i < t->n_segments; i++) {
		const struct segment *segment = &t->segments[i];
		uint32_t off = placed_off - segment->delta;

		if (segment->mask && off - segment->lo_off < segment->n_bytes)
			return off;
	}
	return 0;
}

bool translation_doubt(struct translation *t, const char *name)
{
	for (size_t i = N_PLACE_KINDS; i < t->n_segments; i++) {
		struct segment *segment = &t->segments[i];

		if (strcmp(segment->name, name) != 0 || segment->kind == PLACE_DOUBT)
			continue;
		segment->kind = PLACE_DOUBT;
		segment->mask = 0;
		return true;
	}
	return false;
}

const struct translation_figures *translation_figures(const struct translation *t)
{
	return &t->figures;
}
