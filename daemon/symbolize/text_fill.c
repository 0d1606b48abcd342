/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The facts of one interval: from the bytes of the file, and over them those of live text.
 *
 * Live text lies over the file's facts in one pass from the left, in place: what is read of the
 * file's facts lies at or behind what is being written.
 */
#include "text_fill.h"

#include "base/bitmap.h"
#include "insn.h"
#include "live_text.h"

/* No instruction of x86-64 is longer (Intel SDM, volume 2, 2.3.11). */
#define INSN_BYTES_MAX 15
#define NOWHERE UINT64_MAX

/* The instruction before off, if there is one, ends at next_off: what lies between is no code. */
static void add_gap(struct text_fill *fill, uint64_t off)
{
	fill->n_undecodable_bytes += off - fill->next_off;
	fill->is_irregular = true;
	if (fill->last_off != NOWHERE)
		fill->lengths[fill->last_off] = (uint8_t)(fill->next_off - fill->last_off);
}

void text_fill_insn(struct text_fill *fill, uint64_t off, unsigned int n_bytes, bool is_barrier,
		    bool is_branch)
{
	if (off > fill->next_off)
		add_gap(fill, off);
	bitmap_set(fill->starts, off);
	if (is_barrier)
		bitmap_set(fill->barriers, off);
	if (is_branch)
		bitmap_set(fill->branches, off);
	fill->n_insns++;
	fill->last_off = off;
	fill->next_off = off + n_bytes;
}

void text_fill_end(struct text_fill *fill)
{
	if (fill->next_off < fill->end_off) {
		add_gap(fill, fill->end_off);
	} else if (fill->next_off > fill->end_off) {
		fill->is_irregular = true;
		fill->lengths[fill->last_off] = (uint8_t)(fill->next_off - fill->last_off);
	}
}

void text_fill_bytes(struct text_fill *fill, enum image_machine machine)
{
	const struct image_section *section = fill->section;

	for (uint64_t off = fill->off; off < fill->end_off;) {
		struct insn insn =
			insn_decode(machine, section->bytes + off, section->n_bytes - off);

		if (insn.n_bytes == 0) {
			off += insn_resync_bytes(machine);
			continue;
		}
		text_fill_insn(fill, off, insn.n_bytes, insn.is_barrier, insn.is_branch);
		off += insn.n_bytes;
	}
	text_fill_end(fill);
}

unsigned int text_fill_insn_bytes(const struct text_fill *fill, uint64_t off)
{
	if (fill->lengths[off])
		return fill->lengths[off];
	return (unsigned int)(bitmap_next(fill->starts, off + 1, fill->end_off) - off);
}

static void forget(struct text_fill *fill, uint64_t off)
{
	bitmap_clear(fill->starts, off);
	bitmap_clear(fill->barriers, off);
	bitmap_clear(fill->branches, off);
	fill->lengths[off] = 0;
}

/* Gives the file's instructions that start in [off, to) once more; the first start behind. */
static uint64_t keep(struct text_fill *fill, uint64_t off, uint64_t to)
{
	for (off = bitmap_next(fill->starts, off, fill->end_off); off < to;
	     off = bitmap_next(fill->starts, off + 1, fill->end_off)) {
		bool is_barrier = bitmap_get(fill->barriers, off);
		bool is_branch = bitmap_get(fill->branches, off);
		unsigned int n_bytes = text_fill_insn_bytes(fill, off);

		forget(fill, off);
		text_fill_insn(fill, off, n_bytes, is_barrier, is_branch);
	}
	return off;
}

/* What is known from off on, of one instruction, and within the section as in the file. */
static size_t read_live(const struct text_fill *fill, const struct live_text *live, uint64_t off,
			uint8_t bytes[static INSN_BYTES_MAX])
{
	uint64_t left = fill->section->n_bytes - off;

	return live_text_read(live, fill->section->vaddr + off, bytes,
			      left < INSN_BYTES_MAX ? left : INSN_BYTES_MAX);
}

/*
 * Decodes [off, to), all of which is live, instead of what the file has there. Where that ends: at
 * or behind to, or at an instruction that is live only in part.
 */
static uint64_t decode_live(struct text_fill *fill, enum image_machine machine,
			    const struct live_text *live, uint64_t off, uint64_t to)
{
	while (off < to) {
		uint8_t bytes[INSN_BYTES_MAX];
		size_t n = read_live(fill, live, off, bytes);
		struct insn insn = insn_decode(machine, bytes, n);
		uint64_t end = off + (insn.n_bytes ? insn.n_bytes : insn_resync_bytes(machine));

		if (insn.n_bytes == 0 && n < sizeof(bytes) && off + n < fill->section->n_bytes)
			break;
		for (uint64_t i = off; i < end && i < fill->end_off; i++)
			forget(fill, i);
		if (insn.n_bytes)
			text_fill_insn(fill, off, insn.n_bytes, insn.is_barrier, insn.is_branch);
		off = end;
	}
	return off;
}

/* The first stretch of live text in [from, end_off), as offsets; empty at end_off: there is none.
 */
static void next_stretch(const struct text_fill *fill, const struct live_text *live, uint64_t from,
			 uint64_t *ret_lo, uint64_t *ret_hi)
{
	uint64_t vaddr = fill->section->vaddr, lo, hi;

	*ret_lo = *ret_hi = fill->end_off;
	if (!live_text_next(live, vaddr + from, vaddr + fill->end_off, &lo, &hi))
		return;
	*ret_lo = lo - vaddr;
	*ret_hi = hi - vaddr;
}

void text_fill_live(struct text_fill *fill, enum image_machine machine,
		    const struct live_text *live)
{
	uint64_t pos = fill->off, behind = fill->off;

	text_fill_restart(fill);
	while (behind < fill->end_off) {
		uint64_t lo, hi;

		next_stretch(fill, live, behind, &lo, &hi);
		/* at its symbol text starts, whatever the file has there */
		if (lo > fill->off)
			pos = keep(fill, pos, lo);
		if (pos < hi)
			pos = decode_live(fill, machine, live, pos, hi);
		behind = hi;
	}
	keep(fill, pos, fill->end_off);
	text_fill_end(fill);
}

void text_fill_restart(struct text_fill *fill)
{
	fill->is_irregular = false;
	fill->n_insns = 0;
	fill->n_undecodable_bytes = 0;
	fill->next_off = fill->off;
	fill->last_off = NOWHERE;
}
