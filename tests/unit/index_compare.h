/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Whether two symbols give the same answers, address by address: those of an image, and those of an
 * index of it.
 */

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "symbolize/index.h"
#include "symbolize/patches.h"
#include "symbolize/symbols.h"
#include "symbolize/unit_frames.h"

/* Both sides with the unit that was loaded last. */
struct index_side {
	struct symbols *symbols;
	struct unit_frames uf;
	size_t unit;
	struct frame frames[N_FRAMES_MAX];
	size_t n_frames;
	struct location location;
};

struct index_pair {
	struct index_side a, b;
	uint64_t b_ahead; /* addresses of b are higher by this, modulo 2^64 */
	char what[128];	  /* the first difference */
};

static inline void index_pair_init(struct index_pair *p, struct symbols *a, struct symbols *b)
{
	memset(p, 0, sizeof(*p));
	p->a.symbols = a;
	p->b.symbols = b;
	p->a.unit = p->b.unit = DWARF_NO_UNIT;
	p->b_ahead = b->image->preferred_base - a->image->preferred_base;
	symbols_init_frames(a, a->names, &p->a.uf);
	symbols_init_frames(b, b->names, &p->b.uf);
}

static inline void index_pair_deinit(struct index_pair *p)
{
	unit_frames_deinit(&p->a.uf);
	unit_frames_deinit(&p->b.uf);
}

static inline bool index_differs(struct index_pair *p, uint64_t vaddr, const char *what)
{
	snprintf(p->what, sizeof(p->what), "%s at 0x%llx", what, (unsigned long long)vaddr);
	return false;
}

static inline bool index_same_name(struct index_pair *p, uint32_t a, uint32_t b)
{
	struct name x, y;

	if (a == NAME_NONE || b == NAME_NONE)
		return a == b;
	x = names_get(p->a.symbols->names, a);
	y = names_get(p->b.symbols->names, b);
	return x.n_bytes == y.n_bytes && memcmp(x.text, y.text, x.n_bytes) == 0;
}

/* Both NULL, or the same piece of the same function. */
static inline bool index_same_range(struct index_pair *p, const struct function_range *a,
				    const struct function_range *b)
{
	if (!a || !b)
		return !a && !b;
	return a->lo_vaddr + p->b_ahead == b->lo_vaddr && a->hi_vaddr + p->b_ahead == b->hi_vaddr &&
	       a->first == b->first && a->next == b->next && index_same_name(p, a->name, b->name);
}

static inline bool index_same_insn(struct index_pair *p, uint64_t vaddr)
{
	struct text *a = p->a.symbols->text, *b = p->b.symbols->text;
	uint64_t other = vaddr + p->b_ahead, barrier = text_next_barrier(a, vaddr, vaddr + 1);

	if (text_is_insn(a, vaddr) != text_is_insn(b, other))
		return index_differs(p, vaddr, "text_is_insn");
	if (text_insn_bytes(a, vaddr) != text_insn_bytes(b, other))
		return index_differs(p, vaddr, "text_insn_bytes");
	if (text_is_branch(a, vaddr) != text_is_branch(b, other))
		return index_differs(p, vaddr, "text_is_branch");
	if ((barrier == UINT64_MAX) != (text_next_barrier(b, other, other + 1) == UINT64_MAX))
		return index_differs(p, vaddr, "text_next_barrier");
	return true;
}

static inline bool index_same_function(struct index_pair *p, uint64_t vaddr)
{
	struct functions *a = &p->a.symbols->functions, *b = &p->b.symbols->functions;
	uint64_t other = vaddr + p->b_ahead;

	if (!index_same_range(p, functions_find(a, vaddr), functions_find(b, other)))
		return index_differs(p, vaddr, "functions_find");
	if (!index_same_range(p, functions_entry_at(a, vaddr), functions_entry_at(b, other)))
		return index_differs(p, vaddr, "functions_entry_at");
	return true;
}

static inline bool index_find_frames(struct index_side *s, uint64_t vaddr)
{
	uint64_t hi;
	size_t unit = unit_map_find(&s->symbols->units, vaddr, &hi);

	s->n_frames = 0;
	s->location = (struct location){ .node = NODE_NONE };
	if (unit == DWARF_NO_UNIT)
		return true;
	if (unit != s->unit && unit_frames_load(&s->uf, unit) < 0)
		return false;
	s->unit = unit;
	s->location = unit_frames_find(&s->uf, vaddr);
	return unit_frames_chain(&s->uf, &s->location, s->frames, &s->n_frames) == 0;
}

/* What usable_frames() of profile/accumulate.c looks at. */
static inline bool index_same_calls(const struct index_pair *p)
{
	uint32_t a = p->a.location.node, b = p->b.location.node;

	for (size_t i = 1; i < p->a.n_frames; i++) {
		const struct frame_node *x = &p->a.uf.nodes[a], *y = &p->b.uf.nodes[b];

		if (x->is_subprogram != y->is_subprogram || x->call_line != y->call_line)
			return false;
		a = x->parent;
		b = y->parent;
	}
	return true;
}

static inline bool index_same_frames(struct index_pair *p, uint64_t vaddr)
{
	if (!index_find_frames(&p->a, vaddr) || !index_find_frames(&p->b, vaddr + p->b_ahead))
		return index_differs(p, vaddr, "error");
	if (p->a.n_frames != p->b.n_frames)
		return index_differs(p, vaddr, "n_frames");
	if (p->a.n_frames &&
	    (p->a.location.line != p->b.location.line || p->a.location.disc != p->b.location.disc))
		return index_differs(p, vaddr, "location");
	for (size_t i = 0; i < p->a.n_frames; i++) {
		const struct frame *x = &p->a.frames[i], *y = &p->b.frames[i];

		if (x->line_off != y->line_off || x->discriminator != y->discriminator ||
		    !index_same_name(p, x->name, y->name))
			return index_differs(p, vaddr, "frame");
	}
	return index_same_calls(p) || index_differs(p, vaddr, "call line");
}

static inline bool index_same_sum(struct index_pair *p, uint64_t lo, uint64_t hi)
{
	struct text_sum a = text_sum_insns(p->a.symbols->text, lo, hi);
	struct text_sum b = text_sum_insns(p->b.symbols->text, lo + p->b_ahead, hi + p->b_ahead);

	return (a.n_insns == b.n_insns && a.n_bytes == b.n_bytes) ||
	       index_differs(p, lo, "text_sum_insns");
}

static inline bool index_same_section(struct index_pair *p, const struct image_section *s,
				      bool is_every_byte)
{
	for (uint64_t off = 0; off < s->n_bytes; off++) {
		uint64_t vaddr = s->vaddr + off;

		if (!index_same_insn(p, vaddr))
			return false;
		if (!is_every_byte && !text_is_insn(p->a.symbols->text, vaddr))
			continue;
		if (!index_same_function(p, vaddr) || !index_same_frames(p, vaddr))
			return false;
		if (off % 64 == 0 && !index_same_sum(p, vaddr, vaddr + 1 + off % 1000))
			return false;
	}
	return index_same_sum(p, s->vaddr, s->vaddr + s->n_bytes);
}

static inline bool index_same_patches(struct index_pair *p)
{
	struct patches a, b;
	bool is_same;

	if (symbols_load_patches(p->a.symbols, &a) < 0)
		return index_differs(p, 0, "error");
	if (symbols_load_patches(p->b.symbols, &b) < 0) {
		patches_deinit(&a);
		return index_differs(p, 0, "error");
	}
	is_same = a.n_sites == b.n_sites;
	for (size_t i = 0; is_same && i < a.n_sites; i++)
		is_same = a.sites[i].lo_vaddr + p->b_ahead == b.sites[i].lo_vaddr &&
			  a.sites[i].hi_vaddr + p->b_ahead == b.sites[i].hi_vaddr &&
			  a.sites[i].kinds == b.sites[i].kinds;
	patches_deinit(&a);
	patches_deinit(&b);
	return is_same || index_differs(p, 0, "patches");
}

static inline bool index_same_image(struct index_pair *p)
{
	const struct image *a = p->a.symbols->image, *b = p->b.symbols->image;

	if (a->machine != b->machine || a->is_fs != b->is_fs || a->n_text != b->n_text ||
	    a->is_relocatable != b->is_relocatable || a->n_symbols != b->n_symbols ||
	    a->text_hi_vaddr - a->text_lo_vaddr != b->text_hi_vaddr - b->text_lo_vaddr ||
	    memcmp(&a->build_id, &b->build_id, sizeof(a->build_id)) != 0)
		return index_differs(p, 0, "image");
	for (size_t i = 0; i < a->n_text; i++)
		if (a->text[i].vaddr + p->b_ahead != b->text[i].vaddr ||
		    a->text[i].n_bytes != b->text[i].n_bytes)
			return index_differs(p, a->text[i].vaddr, "section");
	return true;
}

/*
 * Every answer at every byte of code (or, but for those about instructions, at every instruction).
 * False, and p->what says where they differ first.
 */
static inline bool index_same(struct index_pair *p, bool is_every_byte)
{
	const struct image *image = p->a.symbols->image;

	if (!index_same_image(p) || !index_same_patches(p))
		return false;
	for (size_t i = 0; i < image->n_text; i++)
		if (!index_same_section(p, &image->text[i], is_every_byte))
			return false;
	return true;
}

/* The bytes of an index of it, malloc'd; aborts where that fails. */
static inline uint8_t *index_of(struct symbols *symbols, const char *name, size_t *ret_n_bytes)
{
	cleanup(index_builder_cleanup) struct index_builder *builder = NULL;
	struct buf buf = BUF_INIT((size_t)1 << 30);
	struct problem problem = { "" };

	if (index_builder_new(&builder, 1u << 30) != 0 ||
	    index_builder_add(builder, name, symbols, &problem) != 0 ||
	    index_builder_finish(builder, &buf) != 0) {
		fprintf(stderr, "%s\n", problem.text);
		abort();
	}
	return buf_steal(&buf, ret_n_bytes);
}
