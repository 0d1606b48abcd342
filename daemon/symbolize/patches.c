/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables, of Linux 6.1 to 6.12. The kernel's lie between two symbols, a module's in a section.
 * An entry begins with where its site is: a 32-bit offset from the entry's own place, or a 64-bit
 * address.
 *
 *	table			entry bytes	length of the site
 *	jump labels		16		of the instruction there
 *	static calls		8		of the instruction there
 *	alternatives, x86	14, 12 before	u8 at 12, at 10 before Linux 6.3
 *			  	Linux 6.3
 *	alternatives, arm64	12		u8 at 10
 *	paravirt		16, address	u8 at 9
 *	retpolines, returns,
 *	calls			4		of the instruction there
 *	function entries	8, address	5 on x86; NOPs from there on on arm64
 *
 * An entry of alternatives ends with the length of what replaces the site, at most as long. Which
 * form a table has, its entries tell: those of the wrong length point anywhere.
 *
 * Sources: include/linux/jump_label.h, arch/x86/include/asm/alternative.h and
 * arch/arm64/include/asm/alternative.h (struct alt_instr), arch/x86/include/asm/paravirt_types.h
 * (struct paravirt_patch_site, Linux 6.1), include/linux/static_call_types.h,
 * arch/x86/kernel/alternative.c (apply_retpolines(), apply_returns()),
 *arch/x86/kernel/callthunks.c, include/asm-generic/vmlinux.lds.h (MCOUNT_REC()),
 *arch/arm64/kernel/ftrace.c (ftrace_call_adjust()), scripts/module.lds.S.
 */
#include "patches.h"

#include <elf.h>
#include <errno.h>
#include "base/array.h"
#include "insn.h"

#define N_SITES_MAX (16u << 20)
#define TABLE_BYTES_MAX (256u << 20)

enum length_rule {
	LENGTH_OF_INSN,	 /* of the instruction there */
	LENGTH_IN_ENTRY, /* a u8 in the entry */
	LENGTH_OF_CALL,	 /* what ftrace puts there */
};

struct table {
	enum patch_kind kind;
	enum length_rule length_rule;
	const char *start_symbol, *stop_symbol;
	const char *section;
	uint8_t entry_bytes;
	uint8_t used_bytes; /* of the last entry there may be no more */
	bool has_address;   /* else an offset */
	uint8_t length_off; /* LENGTH_IN_ENTRY */
};

/* clang-format off */
static const struct table tables[] = {
	{ PATCH_JUMP_LABEL, LENGTH_OF_INSN,
	  "__start___jump_table", "__stop___jump_table", "__jump_table",
	  16, 16, false, 0 },
	{ PATCH_STATIC_CALL, LENGTH_OF_INSN,
	  "__start_static_call_sites", "__stop_static_call_sites", ".static_call_sites",
	  8, 8, false, 0 },
	{ PATCH_FTRACE, LENGTH_OF_CALL,
	  "__start_mcount_loc", "__stop_mcount_loc", "__mcount_loc",
	  8, 8, true, 0 },
	/* in vmlinux between the same symbols */
	{ PATCH_FTRACE, LENGTH_OF_CALL,
	  NULL, NULL, "__patchable_function_entries",
	  8, 8, true, 0 },
	{ PATCH_PARAVIRT, LENGTH_IN_ENTRY,
	  "__parainstructions", "__parainstructions_end", ".parainstructions",
	  16, 10, true, 9 },
	{ PATCH_RETPOLINE, LENGTH_OF_INSN,
	  "__retpoline_sites", "__retpoline_sites_end", ".retpoline_sites",
	  4, 4, false, 0 },
	{ PATCH_RETURN, LENGTH_OF_INSN,
	  "__return_sites", "__return_sites_end", ".return_sites",
	  4, 4, false, 0 },
	{ PATCH_CALL, LENGTH_OF_INSN,
	  "__call_sites", "__call_sites_end", ".call_sites",
	  4, 4, false, 0 },
};

/* Of those above. */
#define ARM64_KINDS (PATCH_BIT(PATCH_JUMP_LABEL) | PATCH_BIT(PATCH_FTRACE))

#define ALTERNATIVES "__alt_instructions", "__alt_instructions_end", ".altinstructions"

/* The newest first: of tables that say nothing, that is what they are taken for. */
static const struct table x86_alternatives[] = {
	{ PATCH_ALTERNATIVE, LENGTH_IN_ENTRY, ALTERNATIVES, 14, 14, false, 12 },
	{ PATCH_ALTERNATIVE, LENGTH_IN_ENTRY, ALTERNATIVES, 12, 12, false, 10 },
};
static const struct table arm64_alternatives[] = {
	{ PATCH_ALTERNATIVE, LENGTH_IN_ENTRY, ALTERNATIVES, 12, 12, false, 10 },
};
/* clang-format on */

/* Text from vaddr to its section's end; empty: vaddr is in none. */
static struct bytes text_at(const struct image *image, uint64_t vaddr)
{
	for (size_t i = 0; i < image->n_text; i++) {
		const struct image_section *s = &image->text[i];
		uint64_t off = vaddr - s->vaddr;

		if (off < s->n_bytes)
			return bytes_of(s->bytes + off, s->n_bytes - off);
	}
	return bytes_of(NULL, 0);
}

#define X86_CALL_BYTES 5
#define ARM64_ENTRY_WORDS_MAX 5 /* two before the function, BTI, two in it */
#define ARM64_NOP 0xd503201f
#define ARM64_BTI 0xd503241f /* any BTI, in bits 7 and 6 */
#define ARM64_BTI_MASK 0xffffff3f

/*
 * On arm64 the address is that of the first NOP, before the function where there are some; any of
 * them may become a call, or data for it.
 */
static uint64_t entry_call_bytes(const struct image *image, struct bytes text)
{
	uint64_t n = 0;

	if (image->machine == IMAGE_X86_64)
		return bytes_left(&text) < X86_CALL_BYTES ? 0 : X86_CALL_BYTES;
	for (size_t i = 0; i < ARM64_ENTRY_WORDS_MAX; i++) {
		uint32_t word = bytes_u32(&text);

		if (text.failed || (word != ARM64_NOP && (word & ARM64_BTI_MASK) != ARM64_BTI))
			break;
		n += sizeof(word);
	}
	return n;
}

/* Length of the site at vaddr; 0: there is none. */
static uint64_t site_bytes(const struct image *image, const struct table *table, uint64_t vaddr,
			   struct bytes entry)
{
	struct bytes text = text_at(image, vaddr);

	if (bytes_left(&text) == 0)
		return 0;
	switch (table->length_rule) {
	case LENGTH_IN_ENTRY:
		bytes_seek(&entry, table->length_off);
		return bytes_u8(&entry);
	case LENGTH_OF_CALL:
		return entry_call_bytes(image, text);
	case LENGTH_OF_INSN:
		return insn_decode(image->machine, text.pos, bytes_left(&text)).n_bytes;
	}
	return 0;
}

static int add_site(struct patches *patches, const struct image *image, const struct table *table,
		    uint64_t vaddr, struct bytes entry)
{
	uint64_t n = site_bytes(image, table, vaddr, entry);
	int r;

	if (n == 0 || vaddr + n < vaddr)
		return 0;
	r = array_push_room(patches->sites, patches->n_sites, patches->capacity, N_SITES_MAX);
	if (r == 0)
		patches->sites[patches->n_sites++] = (struct patch_site){
			.lo_vaddr = vaddr,
			.hi_vaddr = vaddr + n,
			.kinds = PATCH_BIT(table->kind),
		};
	return r;
}

static uint64_t relative(uint64_t vaddr, struct bytes *b)
{
	return vaddr + (uint64_t)(int64_t)(int32_t)bytes_u32(b);
}

static int add_entry(struct patches *patches, const struct image *image, const struct table *table,
		     uint64_t entry_vaddr, struct bytes entry)
{
	struct bytes b = entry;
	uint64_t vaddr = table->has_address ? bytes_u64(&b) : relative(entry_vaddr, &b);

	return add_site(patches, image, table, vaddr, entry);
}

/* False: the image has no such table. */
static bool find_table(const struct image *image, const struct table *table, struct bytes *ret_b,
		       uint64_t *ret_vaddr)
{
	uint64_t start, stop;

	if (table->start_symbol && image_find_by_name(image, table->start_symbol, &start)) {
		if (!image_find_by_name(image, table->stop_symbol, &stop) || stop <= start ||
		    stop - start > TABLE_BYTES_MAX)
			return false;
		*ret_b = image_bytes_at(image, start, stop - start);
		*ret_vaddr = start;
		return true;
	}
	return image_section_bytes(image, table->section, ret_b, ret_vaddr) &&
	       bytes_left(ret_b) <= TABLE_BYTES_MAX;
}

/* The next entry; a table may end with one that is not filled up. */
static struct bytes next_entry(const struct table *table, struct bytes *b)
{
	size_t left = bytes_left(b);

	return bytes_sub(b, left < table->entry_bytes ? left : table->entry_bytes);
}

/*
 * An arm64 kernel that can be loaded anywhere has zeros where addresses belong, which it fills in
 * itself when it starts (arch/arm64/kernel/pi/relocate.c).
 */
static int add_relocated(struct patches *patches, const struct image *image,
			 const struct table *table, uint64_t lo_vaddr, uint64_t hi_vaddr)
{
	uint64_t ignored;
	struct bytes relocations;
	int r = 0;

	if (image->machine != IMAGE_AARCH64 || !table->has_address ||
	    !image_section_bytes(image, ".rela.dyn", &relocations, &ignored))
		return 0;
	while (r == 0 && bytes_left(&relocations) >= sizeof(Elf64_Rela)) {
		uint64_t vaddr = bytes_u64(&relocations), info = bytes_u64(&relocations);
		uint64_t addend = bytes_u64(&relocations);

		if (info == R_AARCH64_RELATIVE && vaddr >= lo_vaddr && vaddr < hi_vaddr)
			r = add_site(patches, image, table, addend, bytes_of(NULL, 0));
	}
	return r;
}

static int read_table(struct patches *patches, const struct image *image, const struct table *table)
{
	uint64_t vaddr;
	struct bytes b;
	int r = 0;

	if (!find_table(image, table, &b, &vaddr))
		return 0;
	while (r == 0 && bytes_left(&b) >= table->used_bytes) {
		uint64_t entry_vaddr = vaddr + bytes_off(&b);

		r = add_entry(patches, image, table, entry_vaddr, next_entry(table, &b));
	}
	return r == 0 ? add_relocated(patches, image, table, vaddr, vaddr + bytes_off(&b)) : r;
}

/* Of an alternative: the site and what replaces it lie in text, and the lengths fit. */
static bool is_plausible(const struct image *image, const struct table *table, uint64_t entry_vaddr,
			 struct bytes entry)
{
	uint64_t vaddr = relative(entry_vaddr, &entry);
	uint64_t other_vaddr = relative(entry_vaddr + sizeof(uint32_t), &entry);
	uint8_t n, n_other;
	struct bytes text;

	bytes_seek(&entry, table->length_off);
	n = bytes_u8(&entry);
	n_other = bytes_u8(&entry);
	text = text_at(image, vaddr);
	if (n == 0 || n_other > n || bytes_left(&text) < n)
		return false;
	text = text_at(image, other_vaddr);
	return bytes_left(&text) >= n_other;
}

/* How many entries of the table are plausible if it has this form; of 1024 if it has as many. */
static uint64_t plausible_share(const struct image *image, const struct table *table)
{
	uint64_t n = 0, n_plausible = 0, vaddr;
	struct bytes b;

	if (!find_table(image, table, &b, &vaddr) || bytes_left(&b) % table->entry_bytes)
		return 0;
	while (bytes_left(&b)) {
		uint64_t entry_vaddr = vaddr + bytes_off(&b);

		n_plausible += is_plausible(image, table, entry_vaddr, next_entry(table, &b));
		n++;
	}
	return n ? 1 + 1024 * n_plausible / n : 0;
}

static int read_alternatives(struct patches *patches, const struct image *image)
{
	bool is_x86 = image->machine == IMAGE_X86_64;
	const struct table *forms = is_x86 ? x86_alternatives : arm64_alternatives;
	size_t n_forms = is_x86 ? array_size(x86_alternatives) : array_size(arm64_alternatives);
	const struct table *best = NULL;
	uint64_t best_share = 0;

	for (size_t i = 0; i < n_forms; i++) {
		uint64_t share = plausible_share(image, &forms[i]);

		if (share > best_share) {
			best_share = share;
			best = &forms[i];
		}
	}
	return best ? read_table(patches, image, best) : 0;
}

static int compare_sites(const void *a, const void *b)
{
	const struct patch_site *x = a, *y = b;

	return (x->lo_vaddr > y->lo_vaddr) - (x->lo_vaddr < y->lo_vaddr);
}

static void join(struct patch_site *site, const struct patch_site *other)
{
	if (other->hi_vaddr > site->hi_vaddr)
		site->hi_vaddr = other->hi_vaddr;
	site->kinds |= other->kinds;
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
		else
			join(last, &site);
	}
	patches->n_sites = n_kept;
}

static bool has_machine(const struct image *image, const struct table *table)
{
	return image->machine == IMAGE_X86_64 || (ARM64_KINDS & PATCH_BIT(table->kind));
}

int patches_load(struct patches *patches, const struct image *image)
{
	int r;

	*patches = (struct patches){ 0 };
	r = read_alternatives(patches, image);
	for (size_t i = 0; r == 0 && i < array_size(tables); i++)
		if (has_machine(image, &tables[i]))
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
