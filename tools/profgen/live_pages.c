/* SPDX-License-Identifier: Apache-2.0 */
#include "live_pages.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "aggregate/counters.h"
#include "aggregate/counters_pages.h"
#include "kernel/kcore.h"
#include "kernel/modules.h"
#include "symbolize/image.h"
#include "symbolize/live_text.h"
#include "symbolize/objects.h"

#define PAGE_BYTES COUNTERS_PAGE_BYTES

/* One page, as far as one piece reaches into it. */
struct part {
	uint64_t vaddr;
	uint8_t bytes[PAGE_BYTES];
	size_t n_bytes;
};

struct walk {
	struct live_text *live; /* NULL: only look */
	const struct kcore *kcore;
	const struct live_places *places;
	struct live_pages_stats *stats;
	uint64_t n_kernel,
		n_kernel_absent; /* parts of the kernel's code, and of these without text */
};

static const struct image_section *section_at(const struct image *image, uint64_t vaddr)
{
	for (size_t i = 0; i < image->n_text; i++)
		if (vaddr - image->text[i].vaddr < image->text[i].n_bytes)
			return &image->text[i];
	return NULL;
}

/*
 * Of the file's bytes at most one in eight is rewritten, or relocated, in any kernel; of unrelated
 * text hardly one in eight is the same by chance.
 */
static bool is_alike(const struct image *image, const struct part *part)
{
	const struct image_section *s = section_at(image, part->vaddr);
	uint64_t off = s ? part->vaddr - s->vaddr : 0;
	size_t n = part->n_bytes, n_same = 0;

	if (!s || !s->bytes)
		return true; /* nobody knows */
	if (n > s->n_bytes - off)
		n = s->n_bytes - off;
	for (size_t i = 0; i < n; i++)
		n_same += s->bytes[off + i] == part->bytes[i];
	return n_same * 2 >= n;
}

static bool is_empty(const struct part *part)
{
	for (size_t i = 0; i < part->n_bytes; i++)
		if (part->bytes[i])
			return false;
	return true;
}

/*
 * Reads what the piece has of [lo, hi] of the window: n_bytes is 0 where nothing is. No code is all
 * zeros, but that is what /proc/kcore gives where it could not read.
 */
static int read_part(const struct walk *w, const struct snapshot_piece *piece, uint32_t lo,
		     uint32_t hi, struct part *part)
{
	int r;

	lo = lo > piece->lo_off ? lo : piece->lo_off;
	hi = hi < piece->hi_off ? hi : piece->hi_off;
	part->vaddr = piece->vaddr + (lo - piece->lo_off);
	part->n_bytes = 0;
	r = kcore_read(w->kcore, w->places->window_ip + lo, part->bytes, (size_t)(hi - lo) + 1,
		       &part->n_bytes);
	if (is_empty(part))
		part->n_bytes = 0;
	return r == KCORE_E_ABSENT ? 0 : r;
}

/* Where the modules were that the text is of. */
enum whereabouts {
	WHERE_RECORDED, /* or it is no module's */
	WHERE_ELSEWHERE,
	WHERE_UNKNOWN,
};

static enum whereabouts whereabouts_of(const struct live_places *places,
				       const struct snapshot_piece *piece)
{
	const struct object *object = objects_find(places->objects, piece->vaddr);
	const struct modules *modules = places->modules;
	uint64_t base_ip;

	if (!object || object->is_kernel)
		return WHERE_RECORDED;
	if (!modules || modules->n_hidden)
		return WHERE_UNKNOWN;
	base_ip = places->window_ip + piece->lo_off - (piece->vaddr - object->lo_vaddr);
	for (size_t i = 0; i < modules->n; i++)
		if (modules->items[i].base_ip == base_ip &&
		    strcmp(modules->items[i].name, object->name) == 0)
			return WHERE_RECORDED;
	return WHERE_ELSEWHERE;
}

static int walk_part(struct walk *w, const struct snapshot_piece *piece, uint32_t lo, uint32_t hi)
{
	enum whereabouts where = whereabouts_of(w->places, piece);
	struct part part;
	bool is_kernel;
	int r = read_part(w, piece, lo, hi, &part);

	if (r < 0)
		return r;
	if (!w->live && part.n_bytes) {
		w->stats->n_elsewhere += where == WHERE_ELSEWHERE;
		w->stats->n_unchecked += where == WHERE_UNKNOWN;
	}
	if (where == WHERE_ELSEWHERE)
		part.n_bytes = 0;
	if (w->live)
		return live_text_add(w->live, part.vaddr, part.bytes, part.n_bytes);
	is_kernel = section_at(w->places->image, part.vaddr) != NULL;
	w->n_kernel += is_kernel;
	w->n_kernel_absent += is_kernel && part.n_bytes == 0;
	w->stats->n_wanted++;
	w->stats->n_absent += part.n_bytes == 0;
	w->stats->n_unlike += part.n_bytes && !is_alike(w->places->image, &part);
	return 0;
}

/* Pages and pieces both ascend, so they are walked side by side. */
static int walk(struct walk *w, const uint64_t *pages)
{
	const struct snapshot_piece *pieces = w->places->pieces;
	size_t first = 0;
	int r = 0;

	for (uint32_t page = 0; r == 0 && page < COUNTERS_PAGE_WORDS * 64; page++) {
		uint32_t lo = page * PAGE_BYTES, hi = lo + (PAGE_BYTES - 1);

		if (!(pages[page / 64] >> (page % 64) & 1))
			continue;
		while (first < w->places->n_pieces && pieces[first].hi_off < lo)
			first++;
		for (size_t i = first; r == 0 && i < w->places->n_pieces && pieces[i].lo_off <= hi;
		     i++)
			r = walk_part(w, &pieces[i], lo, hi);
	}
	return r;
}

/* Text of another boot has the kernel elsewhere, and perhaps something where modules are. */
static bool is_of_another(const struct walk *w)
{
	const struct live_pages_stats *s = w->stats;

	return s->n_unlike * 2 > s->n_wanted - s->n_absent ||
	       (w->n_kernel && w->n_kernel == w->n_kernel_absent);
}

int live_pages_add(struct live_text *live, const struct kcore *kcore,
		   const struct live_places *places, const struct counters *counters,
		   struct live_pages_stats *stats)
{
	cleanup(free_cleanup) uint64_t *pages = calloc(COUNTERS_PAGE_WORDS, sizeof(*pages));
	struct live_pages_stats found = { 0 };
	struct walk w = { .kcore = kcore, .places = places, .stats = &found };
	size_t pos = 0;
	int r;

	if (!pages)
		return -ENOMEM;
	while (!counters_mark_pages(counters, &pos, SIZE_MAX, pages))
		;
	r = walk(&w, pages);
	if (r < 0)
		return r;
	stats->n_wanted += found.n_wanted;
	stats->n_absent += found.n_absent;
	stats->n_unlike += found.n_unlike;
	stats->n_elsewhere += found.n_elsewhere;
	stats->n_unchecked += found.n_unchecked;
	if (is_of_another(&w))
		return LIVE_PAGES_E_UNLIKE;
	w.live = live;
	return walk(&w, pages);
}
