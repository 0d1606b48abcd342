/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Code without its bytes: an image that has sections and symbols but no file, and the facts about
 * its instructions.
 */
#include <errno.h>
#include <string.h>
#include "index_view.h"
#include "text.h"

/* image */

static int read_sections(struct index_view *view, struct image *image)
{
	struct bytes b = index_part(view->index, view->object, INDEX_SECTIONS);
	size_t n = bytes_left(&b) / INDEX_SECTION_BYTES;
	uint32_t n_symbols = 0;

	image->text = calloc(n + 1, sizeof(*image->text));
	view->first_blocks = calloc(n + 1, sizeof(*view->first_blocks));
	if (!image->text || !view->first_blocks)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct image_section *s = &image->text[i];
		const uint8_t *name;

		s->vaddr = view->base_vaddr + bytes_u32(&b);
		s->n_bytes = bytes_u32(&b);
		s->index = bytes_u32(&b);
		s->first_symbol = n_symbols;
		s->n_symbols = bytes_u32(&b);
		view->first_blocks[i] = bytes_u32(&b);
		name = bytes_take(&b, INDEX_SECTION_NAME_BYTES);
		if (name[INDEX_SECTION_NAME_BYTES - 1] || s->n_symbols > UINT32_MAX - n_symbols)
			return -EBADMSG;
		s->name = (const char *)name;
		n_symbols += s->n_symbols;
		image->n_text = i + 1;
	}
	image->n_symbols = n_symbols;
	return 0;
}

static int read_symbols(struct index_view *view, struct image *image)
{
	struct bytes b = index_part(view->index, view->object, INDEX_SYMBOLS);

	/* each takes a byte at least */
	if (image->n_symbols > bytes_left(&b))
		return -EBADMSG;
	image->symbols = malloc((image->n_symbols + 1) * sizeof(*image->symbols));
	if (!image->symbols)
		return -ENOMEM;
	for (size_t i = 0; i < image->n_text; i++) {
		const struct image_section *s = &image->text[i];
		uint64_t vaddr = s->vaddr;

		for (uint32_t k = 0; k < s->n_symbols; k++) {
			vaddr += bytes_uleb(&b);
			image->symbols[s->first_symbol + k] =
				(struct image_symbol){ .vaddr = vaddr, .section = s->index };
			/* also keeps the sum from wrapping around */
			if (vaddr - s->vaddr > s->n_bytes)
				return -EBADMSG;
		}
	}
	return b.failed || bytes_left(&b) ? -EBADMSG : 0;
}

static int read_named(struct index_view *view, struct image *image)
{
	struct bytes b = index_part(view->index, view->object, INDEX_NAMED);
	size_t n = bytes_left(&b) / INDEX_NAMED_BYTES;

	image->named = calloc(n + 1, sizeof(*image->named));
	if (!image->named)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const uint8_t *name = bytes_take(&b, INDEX_NAMED_NAME_SIZE);

		if (name[INDEX_NAMED_NAME_SIZE - 1])
			return -EBADMSG;
		image->named[i].name = (const char *)name;
		image->named[i].vaddr = view->base_vaddr + bytes_u64(&b);
		image->n_named = i + 1;
	}
	return 0;
}

static int fill_image(struct index_view *view, struct image *image)
{
	const struct index_object *object = index_object(view->index, view->object);
	uint64_t lo_off, hi_off;
	int r;

	index_text_extent(view->index, view->object, &lo_off, &hi_off);
	image->machine = object->machine;
	image->preferred_base = view->base_vaddr;
	image->is_relocatable = object->is_relocatable;
	image->is_fs = object->is_fs;
	image->build_id = object->build_id;
	image->text_lo_vaddr = hi_off ? view->base_vaddr + lo_off : 0;
	image->text_hi_vaddr = hi_off ? view->base_vaddr + hi_off : 0;
	image->strtab = bytes_of(NULL, 0);
	for (int i = 0; i < N_IMAGE_DEBUG; i++)
		image->debug[i] = bytes_of(NULL, 0);
	r = read_sections(view, image);
	if (r == 0)
		r = read_symbols(view, image);
	return r == 0 ? read_named(view, image) : r;
}

int index_view_image(struct index_view *view, struct image **ret_image)
{
	cleanup(image_cleanup) struct image *image = calloc(1, sizeof(*image));
	int r = image ? fill_image(view, image) : -ENOMEM;

	if (r == -EBADMSG)
		index_note_damage(view->index, view->object, "sections");
	if (r < 0)
		return r;
	view->image = image;
	*ret_image = steal_ptr(image);
	return 0;
}

/* instructions */

/* One block, or the part of it that lies in the interval that is filled. */
struct block {
	enum index_block form;
	uint64_t off; /* in the section */
	uint64_t n_bytes;
	const uint8_t *starts; /* of INDEX_BLOCK_MIXED: n_bytes bits */
	const uint8_t *ranks;  /* … u16 */
	const uint8_t *kinds;  /* … n_kinds, 2 bits an instruction */
	size_t n_kinds;
};

/* The instruction whose end is not known yet. */
struct pending {
	uint64_t off;
	unsigned int kind;
	bool is_there;
};

struct filler {
	struct index_view *view;
	struct text_fill *fill;
	struct bytes lengths; /* exceptional ones, from the first one in the interval on */
	struct pending pending;
};

static uint64_t word_at(const struct block *b, size_t i)
{
	size_t n = b->n_bytes / 8 + (b->n_bytes % 8 != 0), left = n - i * 8;
	uint64_t word = 0;

	memcpy(&word, b->starts + i * 8, left < 8 ? left : 8);
	/* no bits behind the section */
	left = b->n_bytes - i * 64;
	return left < 64 ? word & ((1ull << left) - 1) : word;
}

static int open_mixed(struct bytes *data, struct block *b)
{
	b->starts = bytes_take(data, b->n_bytes / 8 + (b->n_bytes % 8 != 0));
	b->ranks = bytes_take(data, (b->n_bytes - 1) / INDEX_RANK_BYTES * sizeof(uint16_t));
	b->n_kinds = bytes_left(data);
	b->kinds = bytes_take(data, b->n_kinds);
	return data->failed ? -EBADMSG : 0;
}

/* How many instructions start in the block before its n-th INDEX_RANK_BYTES. */
static size_t rank_of(const struct block *b, size_t n)
{
	uint16_t rank = 0;

	if (n)
		memcpy(&rank, b->ranks + (n - 1) * sizeof(rank), sizeof(rank));
	return rank;
}

static int open_block(const struct filler *f, uint64_t off, struct block *b)
{
	struct index_view *view = f->view;
	const struct image_section *s = f->fill->section;
	uint64_t number = view->first_blocks[s - view->image->text] + off / INDEX_BLOCK_BYTES;
	struct bytes offs = view->text_offs, data;
	uint32_t data_off, end_off;

	bytes_seek(&offs, number * sizeof(uint32_t));
	data_off = bytes_u32(&offs);
	end_off = bytes_u32(&offs);
	if (offs.failed || end_off < data_off)
		return -EBADMSG;
	data = index_slice(view->index, view->object, INDEX_TEXT, data_off, end_off - data_off);
	*b = (struct block){ .off = off - off % INDEX_BLOCK_BYTES, .form = bytes_u8(&data) };
	b->n_bytes =
		s->n_bytes - b->off < INDEX_BLOCK_BYTES ? s->n_bytes - b->off : INDEX_BLOCK_BYTES;
	if (data.failed)
		return -EBADMSG;
	switch (b->form) {
	case INDEX_BLOCK_EMPTY:
	case INDEX_BLOCK_PADDING:
		return bytes_left(&data) ? -EBADMSG : 0;
	case INDEX_BLOCK_MIXED:
		return open_mixed(&data, b);
	}
	return -EBADMSG;
}

/* Gives the pending instruction, which ends at end_off unless it is an exception. */
static void flush(struct filler *f, uint64_t end_off)
{
	uint64_t n = end_off - f->pending.off;

	if (!f->pending.is_there)
		return;
	f->pending.is_there = false;
	if (bytes_left(&f->lengths)) {
		struct bytes next = f->lengths;
		uint64_t off = f->view->base_vaddr + bytes_u32(&next);
		uint8_t length = bytes_u8(&next);

		if (off == f->fill->section->vaddr + f->pending.off) {
			f->lengths = next;
			n = length;
		}
	}
	if (n == 0 || n > UINT8_MAX) {
		index_note_damage(f->view->index, f->view->object, "instructions");
		return;
	}
	text_fill_insn(f->fill, f->pending.off, (unsigned int)n, f->pending.kind & INDEX_IS_BARRIER,
		       f->pending.kind & INDEX_IS_BRANCH);
}

static void push(struct filler *f, uint64_t off, unsigned int kind)
{
	flush(f, off);
	f->pending = (struct pending){ off, kind, true };
}

/* The instructions of a block that start in [lo, hi) of the section. */
static int fill_mixed(struct filler *f, const struct block *b, uint64_t lo, uint64_t hi)
{
	size_t group = (lo - b->off) / INDEX_RANK_BYTES, insn = rank_of(b, group);

	for (size_t i = group * (INDEX_RANK_BYTES / 64); b->off + i * 64 < hi; i++) {
		for (uint64_t word = word_at(b, i); word; word &= word - 1, insn++) {
			uint64_t off = b->off + i * 64 + (uint64_t)__builtin_ctzll(word);

			if (off >= hi)
				return 0;
			if (insn / 4 >= b->n_kinds)
				return -EBADMSG;
			if (off >= lo)
				push(f, off, b->kinds[insn / 4] >> (insn % 4 * 2) & 3);
		}
	}
	return 0;
}

static int fill_block(struct filler *f, const struct block *b)
{
	uint64_t end = b->off + b->n_bytes;
	uint64_t lo = f->fill->off > b->off ? f->fill->off : b->off;
	uint64_t hi = f->fill->end_off < end ? f->fill->end_off : end;

	if (b->form == INDEX_BLOCK_MIXED)
		return fill_mixed(f, b, lo, hi);
	if (b->form == INDEX_BLOCK_PADDING)
		for (; lo < hi; lo++)
			push(f, lo, 0);
	return 0;
}

/* The exceptional lengths from vaddr on: records by address. */
static struct bytes lengths_from(const struct index_view *view, uint64_t vaddr)
{
	size_t lo = 0, hi = bytes_left(&view->lengths) / INDEX_LENGTH_BYTES;
	struct bytes b = view->lengths;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		bytes_seek(&b, mid * INDEX_LENGTH_BYTES);
		if (view->base_vaddr + bytes_u32(&b) < vaddr)
			lo = mid + 1;
		else
			hi = mid;
	}
	bytes_seek(&b, lo * INDEX_LENGTH_BYTES);
	return b;
}

void index_view_fill(void *context, struct text_fill *fill)
{
	struct filler f = { .view = context, .fill = fill };
	uint64_t off = fill->off;

	f.lengths = lengths_from(f.view, fill->section->vaddr + off);
	while (off < fill->end_off) {
		struct block b;

		if (open_block(&f, off, &b) < 0 || fill_block(&f, &b) < 0) {
			index_note_damage(f.view->index, f.view->object, "instructions");
			break;
		}
		off = b.off + b.n_bytes;
	}
	flush(&f, fill->end_off);
	text_fill_end(fill);
}
