/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables, as Linux 6.12 has them on x86-64. Each begins with a 32-bit offset from its own place
 *to the site.
 *
 *	table			entry bytes	length of the site
 *	jump labels		16		of the instruction there
 *	alternatives		14		u8 at 12
 *	static calls		8		of the instruction there
 *	retpolines, returns,
 *	calls			4		of the instruction there
 *
 * Sources: include/linux/jump_label.h, arch/x86/include/asm/alternative.h (struct alt_instr),
 * include/linux/static_call_types.h, arch/x86/kernel/alternative.c (apply_retpolines(),
 * apply_returns()), arch/x86/kernel/callthunks.c.
 */
#include "patches.h"

#include <errno.h>
#include "base/array.h"
#include "insn.h"

#define N_SITES_MAX (16u << 20)
#define TABLE_BYTES_MAX (256u << 20)

struct table {
	const char *start_symbol, *stop_symbol;
	uint8_t entry_bytes;
	uint8_t length_off; /* of a u8 in the entry; 0: the length is that of the instruction */
};

static const struct table tables[] = {
	{ "__start___jump_table", "__stop___jump_table", 16, 0 },
	{ "__alt_instructions", "__alt_instructions_end", 14, 12 },
	{ "__start_static_call_sites", "__stop_static_call_sites", 8, 0 },
	{ "__retpoline_sites", "__retpoline_sites_end", 4, 0 },
	{ "__return_sites", "__return_sites_end", 4, 0 },
	{ "__call_sites", "__call_sites_end", 4, 0 },
};

static uint64_t insn_bytes_at(const struct image *image, uint64_t vaddr)
{
	for (size_t i = 0; i < image->n_text; i++) {
		const struct image_section *s = &image->text[i];
		uint64_t off = vaddr - s->vaddr;

		if (off < s->n_bytes)
			return insn_decode(image->machine, s->bytes + off, s->n_bytes - off)
				.n_bytes;
	}
	return 0;
}

static int add_site(struct patches *patches, const struct image *image, const struct table *table,
		    uint64_t entry_vaddr, struct bytes entry)
{
	struct bytes length = entry;
	uint64_t lo = entry_vaddr + (uint64_t)(int64_t)(int32_t)bytes_u32(&entry), n;
	int r;

	bytes_seek(&length, table->length_off);
	n = table->length_off ? bytes_u8(&length) : insn_bytes_at(image, lo);
	if (n == 0 || lo + n < lo)
		return 0;
	r = array_push_room(patches->sites, patches->n_sites, patches->capacity, N_SITES_MAX);
	if (r == 0)
		patches->sites[patches->n_sites++] = (struct patch_site){ lo, lo + n };
	return r;
}

static int read_table(struct patches *patches, const struct image *image, const struct table *table)
{
	uint64_t start, stop;
	struct bytes b;
	int r = 0;

	if (!image_find_by_name(image, table->start_symbol, &start) ||
	    !image_find_by_name(image, table->stop_symbol, &stop) || stop <= start ||
	    stop - start > TABLE_BYTES_MAX)
		return 0;
	b = image_bytes_at(image, start, stop - start);
	while (r == 0 && bytes_left(&b) >= table->entry_bytes) {
		uint64_t vaddr = start + bytes_off(&b);

		r = add_site(patches, image, table, vaddr, bytes_sub(&b, table->entry_bytes));
	}
	return r;
}

static int compare_sites(const void *a, const void *b)
{
	const struct patch_site *x = a, *y = b;

	return (x->lo_vaddr > y->lo_vaddr) - (x->lo_vaddr < y->lo_vaddr);
}

/* Alternatives may be listed several times for one place, with several lengths. */
static void merge_sites(struct patches *patches)
{
	size_t n_kept = 0;

	if (patches->n_sites)
		qsort(patches->sites, patches->n_sites, sizeof(*patches->sites), compare_sites);
	for (size_t i = 0; i < patches->n_sites; i++) {
		struct patch_site site = patches->sites[i];
		struct patch_site *last = n_kept ? &patches->sites[n_kept - 1] : NULL;

		if (!last || site.lo_vaddr >= last->hi_vaddr)
			patches->sites[n_kept++] = site;
		else if (site.hi_vaddr > last->hi_vaddr)
			last->hi_vaddr = site.hi_vaddr;
	}
	patches->n_sites = n_kept;
}

int patches_load(struct patches *patches, const struct image *image)
{
	int r = 0;

	*patches = (struct patches){ 0 };
	if (image->machine != IMAGE_X86_64)
		return 0;
	for (size_t i = 0; r == 0 && i < array_size(tables); i++)
		r = read_table(patches, image, &tables[i]);
	if (r < 0) {
		patches_deinit(patches);
		return r;
	}
	merge_sites(patches);
	return 0;
}

void patches_deinit(struct patches *patches)
{
	free(patches->sites);
	*patches = (struct patches){ 0 };
}

const struct patch_site *patches_find(const struct patches *patches, uint64_t vaddr)
{
	size_t lo = 0, hi = patches->n_sites;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (patches->sites[mid].lo_vaddr <= vaddr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && vaddr < patches->sites[lo - 1].hi_vaddr ? &patches->sites[lo - 1] : NULL;
}
