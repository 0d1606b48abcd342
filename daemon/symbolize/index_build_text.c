/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sections, symbols and instructions.
 *
 * What is written are the answers of struct text, not what was decoded: whatever it takes into
 * account is in there.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "index_build.h"

/* Facts of one block, before it is known how it is best written. */
struct block {
	uint8_t starts[INDEX_BLOCK_BYTES / 8];
	uint8_t kinds[INDEX_BLOCK_BYTES / 4]; /* 2 bits an instruction */
	size_t n_insns;
	bool has_branches;
};

struct writer {
	struct index_parts *parts;
	struct text *text;
	const struct image_section *section;
	size_t next_symbol; /* of the section: the first one above the instruction */
};

static unsigned int kind_at(struct text *text, uint64_t vaddr)
{
	return (text_is_branch(text, vaddr) ? INDEX_IS_BRANCH : 0) |
	       (text_next_barrier(text, vaddr, vaddr + 1) == vaddr ? INDEX_IS_BARRIER : 0);
}

/* Where the instruction at off would end if only starts and symbols were known. */
static uint64_t expected_end(struct writer *w, uint64_t off)
{
	const struct image *image = w->parts->symbols->image;
	const struct image_section *s = w->section;
	size_t end = (size_t)s->first_symbol + s->n_symbols;
	uint64_t end_off = s->n_bytes;

	while (w->next_symbol < end && image->symbols[w->next_symbol].vaddr <= s->vaddr + off)
		w->next_symbol++;
	if (w->next_symbol < end && image->symbols[w->next_symbol].vaddr - s->vaddr < end_off)
		end_off = image->symbols[w->next_symbol].vaddr - s->vaddr;
	for (uint64_t i = off + 1; i < end_off; i++)
		if (text_is_insn(w->text, s->vaddr + i))
			return i;
	return end_off;
}

static void write_length(struct writer *w, uint64_t off)
{
	struct buf *buf = &w->parts->bufs[INDEX_LENGTHS];
	unsigned int n = text_insn_bytes(w->text, w->section->vaddr + off);

	if (off + n == expected_end(w, off))
		return;
	buf_u32(buf, (uint32_t)(w->section->vaddr + off - w->parts->base_vaddr));
	buf_u8(buf, (uint8_t)n);
}

static void read_block(struct writer *w, uint64_t off, uint64_t n_bytes, struct block *block)
{
	memset(block, 0, sizeof(*block));
	for (uint64_t i = 0; i < n_bytes; i++) {
		uint64_t vaddr = w->section->vaddr + off + i;
		unsigned int kind;

		if (!text_is_insn(w->text, vaddr))
			continue;
		kind = kind_at(w->text, vaddr);
		block->starts[i / 8] |= (uint8_t)(1 << (i % 8));
		block->kinds[block->n_insns / 4] |= (uint8_t)(kind << (block->n_insns % 4 * 2));
		block->has_branches |= kind != 0;
		block->n_insns++;
		write_length(w, off + i);
	}
}

static void write_ranks(struct buf *buf, const struct block *block, uint64_t n_bytes)
{
	uint16_t rank = 0;

	for (uint64_t i = 0; i + 1 < n_bytes; i++) {
		rank += block->starts[i / 8] >> (i % 8) & 1;
		if ((i + 1) % INDEX_RANK_BYTES == 0)
			buf_u16(buf, rank);
	}
}

static void write_block(struct buf *buf, const struct block *block, uint64_t n_bytes)
{
	if (block->n_insns == 0) {
		buf_u8(buf, INDEX_BLOCK_EMPTY);
	} else if (block->n_insns == n_bytes && !block->has_branches) {
		buf_u8(buf, INDEX_BLOCK_PADDING);
	} else {
		buf_u8(buf, INDEX_BLOCK_MIXED);
		buf_append(buf, block->starts, (n_bytes + 7) / 8);
		write_ranks(buf, block, n_bytes);
		buf_append(buf, block->kinds, (block->n_insns + 3) / 4);
	}
}

static void write_blocks(struct writer *w)
{
	struct buf *offs = &w->parts->bufs[INDEX_TEXT_OFFS];
	struct buf *data = &w->parts->bufs[INDEX_TEXT];
	struct block block;

	w->next_symbol = w->section->first_symbol;
	for (uint64_t off = 0; off < w->section->n_bytes; off += INDEX_BLOCK_BYTES) {
		uint64_t left = w->section->n_bytes - off;
		uint64_t n = left < INDEX_BLOCK_BYTES ? left : INDEX_BLOCK_BYTES;

		read_block(w, off, n, &block);
		buf_u32(offs, (uint32_t)data->n_bytes);
		write_block(data, &block, n);
	}
}

/* Symbols outside of their section count as at its ends. */
static void write_symbols(struct writer *w)
{
	const struct image *image = w->parts->symbols->image;
	const struct image_section *s = w->section;
	uint64_t last = 0;

	for (uint32_t i = 0; i < s->n_symbols; i++) {
		uint64_t vaddr = image->symbols[s->first_symbol + i].vaddr, off = 0;

		if (vaddr > s->vaddr)
			off = vaddr - s->vaddr < s->n_bytes ? vaddr - s->vaddr : s->n_bytes;
		buf_uleb(&w->parts->bufs[INDEX_SYMBOLS], off - last);
		last = off;
	}
}

static int write_section(struct writer *w)
{
	struct buf *buf = &w->parts->bufs[INDEX_SECTIONS];
	uint64_t off = w->section->vaddr - w->parts->base_vaddr;
	char name[INDEX_SECTION_NAME_BYTES] = { 0 };

	if (w->section->vaddr < w->parts->base_vaddr || off > UINT32_MAX ||
	    w->section->n_bytes > UINT32_MAX - off)
		return problem_set(w->parts->problem, -E2BIG,
				   "index: section %s is not within 4 GiB above the image's base",
				   w->section->name);
	strncpy(name, w->section->name, sizeof(name) - 1);
	buf_u32(buf, (uint32_t)off);
	buf_u32(buf, (uint32_t)w->section->n_bytes);
	buf_u32(buf, w->section->index);
	buf_u32(buf, w->section->n_symbols);
	buf_u32(buf, (uint32_t)(w->parts->bufs[INDEX_TEXT_OFFS].n_bytes / sizeof(uint32_t)));
	buf_append(buf, name, sizeof(name));
	write_symbols(w);
	write_blocks(w);
	return 0;
}

static void write_named(struct index_parts *parts)
{
	static const char *const names[] = { INDEX_NAMED_SYMBOLS };

	for (size_t i = 0; i < array_size(names); i++) {
		char name[INDEX_NAMED_NAME_SIZE] = { 0 };
		uint64_t vaddr;

		if (!image_find_by_name(parts->symbols->image, names[i], &vaddr))
			continue;
		strncpy(name, names[i], sizeof(name) - 1);
		buf_append(&parts->bufs[INDEX_NAMED], name, sizeof(name));
		buf_u64(&parts->bufs[INDEX_NAMED], vaddr - parts->base_vaddr);
	}
}

static int compare_lengths(const void *a, const void *b)
{
	uint32_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

/* By address. Sections that lie over each other, as in no linked image, give some twice. */
static void sort_lengths(struct buf *lengths)
{
	size_t n_kept = 0;

	if (lengths->n_bytes)
		qsort(lengths->data, lengths->n_bytes / INDEX_LENGTH_BYTES, INDEX_LENGTH_BYTES,
		      compare_lengths);
	for (size_t i = 0; i < lengths->n_bytes; i += INDEX_LENGTH_BYTES) {
		uint8_t *item = lengths->data + i, *to = lengths->data + n_kept;

		if (n_kept && compare_lengths(to - INDEX_LENGTH_BYTES, item) == 0)
			continue;
		memmove(to, item, INDEX_LENGTH_BYTES);
		n_kept += INDEX_LENGTH_BYTES;
	}
	lengths->n_bytes = n_kept;
}

int index_build_text(struct index_parts *parts)
{
	const struct image *image = parts->symbols->image;
	int r = 0;

	for (size_t i = 0; r == 0 && i < image->n_text; i++) {
		struct writer w = { parts, parts->symbols->text, &image->text[i], 0 };

		r = write_section(&w);
	}
	if (r < 0)
		return r;
	buf_u32(&parts->bufs[INDEX_TEXT_OFFS], (uint32_t)parts->bufs[INDEX_TEXT].n_bytes);
	sort_lengths(&parts->bufs[INDEX_LENGTHS]);
	write_named(parts);
	return parts->bufs[INDEX_TEXT].n_bytes > UINT32_MAX ? -E2BIG : 0;
}
