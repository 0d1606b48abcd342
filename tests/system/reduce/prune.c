/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nine tenths of a kernel's debug information are descriptions of types, once
 * per source file, and do not compress well: 34 MB become 14 MB. A profile
 * needs none of it. This rewrites
 *
 *	.debug_info		the kept entries; one unit per unit
 *	.debug_abbrev		one table, shared by all units
 *	.debug_str_offsets	one contribution per unit, strings still in use
 *	.debug_str		strings still in use
 *
 * and leaves .debug_addr, .debug_rnglists, .debug_line and .debug_line_str
 * alone: indices and offsets into them are copied as they are.
 *
 * Kept: units, subprograms with code or referred to by a kept entry, inlined
 * subroutines, and whatever encloses one of these (lexical blocks). Numbers
 * and forms: DWARF 5, sections 7.5 and 7.26. References become DW_FORM_ref4,
 * string indices DW_FORM_strx.
 */
#include "prune.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "elf_image.h"

enum {
	TAG_compile_unit = 0x11,
	TAG_inlined_subroutine = 0x1d,
	TAG_subprogram = 0x2e,
};

enum {
	AT_name = 0x03,
	AT_stmt_list = 0x10,
	AT_low_pc = 0x11,
	AT_high_pc = 0x12,
	AT_language = 0x13,
	AT_comp_dir = 0x1b,
	AT_inline = 0x20,
	AT_producer = 0x25,
	AT_abstract_origin = 0x31,
	AT_decl_file = 0x3a,
	AT_decl_line = 0x3b,
	AT_declaration = 0x3c,
	AT_external = 0x3f,
	AT_specification = 0x47,
	AT_ranges = 0x55,
	AT_call_file = 0x58,
	AT_call_line = 0x59,
	AT_linkage_name = 0x6e,
	AT_str_offsets_base = 0x72,
	AT_addr_base = 0x73,
	AT_rnglists_base = 0x74,
	AT_GNU_discriminator = 0x2136,
};

enum {
	FORM_addr = 0x01,
	FORM_block2 = 0x03,
	FORM_block4 = 0x04,
	FORM_data2 = 0x05,
	FORM_data4 = 0x06,
	FORM_data8 = 0x07,
	FORM_string = 0x08,
	FORM_block = 0x09,
	FORM_block1 = 0x0a,
	FORM_data1 = 0x0b,
	FORM_flag = 0x0c,
	FORM_sdata = 0x0d,
	FORM_strp = 0x0e,
	FORM_udata = 0x0f,
	FORM_ref1 = 0x11,
	FORM_ref2 = 0x12,
	FORM_ref4 = 0x13,
	FORM_ref8 = 0x14,
	FORM_ref_udata = 0x15,
	FORM_sec_offset = 0x17,
	FORM_exprloc = 0x18,
	FORM_flag_present = 0x19,
	FORM_strx = 0x1a,
	FORM_addrx = 0x1b,
	FORM_data16 = 0x1e,
	FORM_line_strp = 0x1f,
	FORM_implicit_const = 0x21,
	FORM_loclistx = 0x22,
	FORM_rnglistx = 0x23,
	FORM_strx1 = 0x25,
	FORM_strx2 = 0x26,
	FORM_strx3 = 0x27,
	FORM_strx4 = 0x28,
	FORM_addrx1 = 0x29,
	FORM_addrx2 = 0x2a,
	FORM_addrx3 = 0x2b,
	FORM_addrx4 = 0x2c,
};

#define UNIT_HEADER_BYTES 12	    /* length, version, type, size, abbrevs */
#define CONTRIBUTION_HEADER_BYTES 8 /* length, version, padding */
#define MAX_ATTRS 64
#define NOT_THERE UINT32_MAX

struct attr_spec {
	uint32_t attr;
	uint32_t form;
	uint64_t constant; /* of FORM_implicit_const */
};

struct abbrev {
	uint32_t tag; /* 0: no such code */
	bool has_children;
	uint32_t n_attrs;
	struct attr_spec attrs[MAX_ATTRS];
};

/* One entry of a unit, in file order. */
struct die {
	uint32_t old_off; /* from the unit's first byte */
	uint32_t new_off;
	uint32_t values; /* old offset of its first attribute value */
	uint32_t parent; /* index; NOT_THERE for the unit's own entry */
	const struct abbrev *abbrev;
	bool is_kept;
};

/* A reference whose target's new offset may not be known yet. */
struct fixup {
	size_t at;	 /* in the new .debug_info */
	uint32_t target; /* index of a die */
};

struct pruner {
	struct pruned *out;
	const uint8_t *info, *abbrevs, *str_offsets, *str;
	size_t n_info, n_abbrevs, n_str_offsets, n_str;

	uint32_t *new_str; /* by old offset in .debug_str */
	struct abbrev *new_abbrevs;
	uint32_t n_new_abbrevs;

	/* the current unit */
	const uint8_t *unit;
	size_t n_unit_bytes;
	struct abbrev *unit_abbrevs; /* by code */
	uint32_t n_unit_abbrevs;
	struct die *dies;
	uint32_t n_dies, dies_capacity;
	struct fixup *fixups;
	uint32_t n_fixups, fixups_capacity;
	size_t str_offsets_base; /* old, of its first entry */
	uint32_t *new_index;	 /* by old string index */
	uint32_t n_indices;
	size_t contribution; /* new, of its header */
};

static _Noreturn void die(const char *what, uint64_t number)
{
	fprintf(stderr, "reduce-vmlinux: %s %#llx\n", what, (unsigned long long)number);
	exit(1);
}

static void *grow(void *items, uint32_t n, uint32_t *capacity, size_t size)
{
	if (n < *capacity)
		return items;
	*capacity = *capacity ? *capacity * 2 : 1024;
	items = realloc(items, *capacity * size);
	if (!items)
		die("out of memory at item", n);
	return items;
}

/* ------------------------------------------------------------------ */
/* bytes out                                                            */
/* ------------------------------------------------------------------ */

static void put(struct bytes *bytes, const void *data, size_t n_bytes)
{
	if (bytes->n_bytes + n_bytes > bytes->capacity) {
		bytes->capacity = 2 * bytes->capacity + n_bytes + 4096;
		bytes->data = realloc(bytes->data, bytes->capacity);
		if (!bytes->data)
			die("out of memory at byte", bytes->n_bytes);
	}
	memcpy(bytes->data + bytes->n_bytes, data, n_bytes);
	bytes->n_bytes += n_bytes;
}

static void put_u32(struct bytes *bytes, uint32_t value)
{
	put(bytes, &value, sizeof(value));
}

static void put_uleb(struct bytes *bytes, uint64_t value)
{
	do {
		uint8_t byte = (value & 0x7f) | (value > 0x7f ? 0x80 : 0);

		put(bytes, &byte, 1);
		value >>= 7;
	} while (value);
}

static void set_u32(struct bytes *bytes, size_t at, uint32_t value)
{
	memcpy(bytes->data + at, &value, sizeof(value));
}

/* ------------------------------------------------------------------ */
/* bytes in                                                             */
/* ------------------------------------------------------------------ */

static uint64_t get_fixed(const uint8_t *pos, size_t n_bytes)
{
	uint64_t value = 0;

	memcpy(&value, pos, n_bytes);
	return value;
}

static uint64_t get_uleb(const uint8_t **pos)
{
	uint64_t value = 0;
	unsigned int shift = 0;
	uint8_t byte;

	do {
		byte = *(*pos)++;
		value |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	return value;
}

/* Bytes of a value whose form alone tells; NOT_THERE if it does not. */
static uint32_t fixed_form_bytes(uint32_t form)
{
	switch (form) {
	case FORM_flag_present:
	case FORM_implicit_const:
		return 0;
	case FORM_data1:
	case FORM_flag:
	case FORM_ref1:
	case FORM_strx1:
	case FORM_addrx1:
		return 1;
	case FORM_data2:
	case FORM_ref2:
	case FORM_strx2:
	case FORM_addrx2:
		return 2;
	case FORM_strx3:
	case FORM_addrx3:
		return 3;
	case FORM_data4:
	case FORM_ref4:
	case FORM_strx4:
	case FORM_addrx4:
	case FORM_strp:
	case FORM_line_strp:
	case FORM_sec_offset:
		return 4;
	case FORM_addr:
	case FORM_data8:
	case FORM_ref8:
		return 8;
	case FORM_data16:
		return 16;
	}
	return NOT_THERE;
}

static const uint8_t *skip_value(const uint8_t *pos, uint32_t form)
{
	uint32_t n_bytes = fixed_form_bytes(form);

	if (n_bytes != NOT_THERE)
		return pos + n_bytes;
	switch (form) {
	case FORM_block1:
		return pos + 1 + get_fixed(pos, 1);
	case FORM_block2:
		return pos + 2 + get_fixed(pos, 2);
	case FORM_block4:
		return pos + 4 + get_fixed(pos, 4);
	case FORM_block:
	case FORM_exprloc: {
		uint64_t n = get_uleb(&pos);

		return pos + n;
	}
	case FORM_string:
		return pos + strlen((const char *)pos) + 1;
	case FORM_sdata:
	case FORM_udata:
	case FORM_ref_udata:
	case FORM_strx:
	case FORM_addrx:
	case FORM_loclistx:
	case FORM_rnglistx:
		get_uleb(&pos);
		return pos;
	}
	die("unknown attribute form", form);
}

/* A reference or string index: fixed or ULEB. */
static uint64_t get_number(const uint8_t *pos, uint32_t form)
{
	uint32_t n_bytes = fixed_form_bytes(form);

	if (n_bytes != NOT_THERE)
		return get_fixed(pos, n_bytes);
	return get_uleb(&pos);
}

static bool is_reference(uint32_t form)
{
	return form >= FORM_ref1 && form <= FORM_ref_udata;
}

static bool is_string_index(uint32_t form)
{
	return form == FORM_strx || (form >= FORM_strx1 && form <= FORM_strx4);
}

/* ------------------------------------------------------------------ */
/* reading a unit                                                       */
/* ------------------------------------------------------------------ */

static const uint8_t *read_abbrev(struct abbrev *abbrev, const uint8_t *pos)
{
	abbrev->tag = get_uleb(&pos);
	abbrev->has_children = *pos++;
	abbrev->n_attrs = 0;
	for (;;) {
		struct attr_spec spec = { 0 };

		spec.attr = get_uleb(&pos);
		spec.form = get_uleb(&pos);
		if (spec.form == FORM_implicit_const) {
			spec.constant = *pos;
			if (*pos++ >= 0x40) /* one byte, not negative */
				die("large implicit constant", spec.constant);
		}
		if (!spec.attr)
			return pos;
		if (abbrev->n_attrs == MAX_ATTRS)
			die("too many attributes in tag", abbrev->tag);
		abbrev->attrs[abbrev->n_attrs++] = spec;
	}
}

static void read_abbrevs(struct pruner *p, uint64_t offset)
{
	const uint8_t *pos = p->abbrevs + offset;
	uint64_t code;

	p->n_unit_abbrevs = 0;
	while ((code = get_uleb(&pos))) {
		if (code != p->n_unit_abbrevs + 1 || code >= 4096)
			die("abbreviation codes are not consecutive:", code);
		pos = read_abbrev(&p->unit_abbrevs[code], pos);
		p->n_unit_abbrevs = code;
	}
}

static const uint8_t *read_die(struct pruner *p, const uint8_t *pos, uint32_t parent)
{
	struct die *entry;
	uint64_t code;

	p->dies = grow(p->dies, p->n_dies, &p->dies_capacity, sizeof(*p->dies));
	entry = &p->dies[p->n_dies++];
	entry->old_off = pos - p->unit;
	code = get_uleb(&pos);
	if (code > p->n_unit_abbrevs)
		die("unknown abbreviation", code);
	entry->abbrev = &p->unit_abbrevs[code];
	entry->values = pos - p->unit;
	entry->parent = parent;
	entry->is_kept = false;
	for (uint32_t i = 0; i < entry->abbrev->n_attrs; i++)
		pos = skip_value(pos, entry->abbrev->attrs[i].form);
	return pos;
}

static void read_dies(struct pruner *p)
{
	const uint8_t *pos = p->unit + UNIT_HEADER_BYTES;
	const uint8_t *end = p->unit + p->n_unit_bytes;
	uint32_t parent = NOT_THERE;

	p->n_dies = 0;
	while (pos < end) {
		if (*pos == 0) { /* end of a list of siblings */
			pos++;
			if (parent == NOT_THERE)
				break;
			parent = p->dies[parent].parent;
			continue;
		}
		pos = read_die(p, pos, parent);
		if (p->dies[p->n_dies - 1].abbrev->has_children)
			parent = p->n_dies - 1;
	}
}

/* Where the value of ATTR is; null if the entry has none. */
static const uint8_t *find_attr(const struct pruner *p, const struct die *entry, uint32_t attr,
				uint32_t *ret_form)
{
	const uint8_t *pos = p->unit + entry->values;

	for (uint32_t i = 0; i < entry->abbrev->n_attrs; i++) {
		const struct attr_spec *spec = &entry->abbrev->attrs[i];

		if (spec->attr == attr) {
			*ret_form = spec->form;
			return pos;
		}
		pos = skip_value(pos, spec->form);
	}
	return NULL;
}

/* ------------------------------------------------------------------ */
/* choosing                                                             */
/* ------------------------------------------------------------------ */

/* Index of the entry at an old offset; entries are sorted by it. */
static uint32_t find_die(const struct pruner *p, uint64_t old_off)
{
	uint32_t low = 0, high = p->n_dies;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (p->dies[middle].old_off < old_off)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == p->n_dies || p->dies[low].old_off != old_off)
		die("reference to no entry", old_off);
	return low;
}

static void keep(struct pruner *p, uint32_t index);

static void keep_target(struct pruner *p, const struct die *entry, uint32_t attr)
{
	uint32_t form;
	const uint8_t *pos = find_attr(p, entry, attr, &form);

	if (!pos)
		return;
	if (!is_reference(form))
		die("reference to another unit, form", form);
	keep(p, find_die(p, get_number(pos, form)));
}

static void keep(struct pruner *p, uint32_t index)
{
	struct die *entry = &p->dies[index];

	if (entry->is_kept)
		return;
	entry->is_kept = true;
	if (entry->parent != NOT_THERE)
		keep(p, entry->parent);
	keep_target(p, entry, AT_abstract_origin);
	keep_target(p, entry, AT_specification);
}

static bool is_function(const struct pruner *p, const struct die *entry)
{
	uint32_t form;

	switch (entry->abbrev->tag) {
	case TAG_compile_unit:
	case TAG_inlined_subroutine:
		return true;
	case TAG_subprogram:
		return !find_attr(p, entry, AT_declaration, &form);
	}
	return false;
}

static bool is_kept_attr(uint32_t attr)
{
	static const uint32_t kept[] = {
		AT_name,
		AT_linkage_name,
		AT_producer,
		AT_language,
		AT_comp_dir,
		AT_stmt_list,
		AT_low_pc,
		AT_high_pc,
		AT_ranges,
		AT_decl_file,
		AT_decl_line,
		AT_declaration,
		AT_external,
		AT_inline,
		AT_specification,
		AT_abstract_origin,
		AT_call_file,
		AT_call_line,
		AT_GNU_discriminator,
		AT_addr_base,
		AT_str_offsets_base,
		AT_rnglists_base,
	};

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (attr == kept[i])
			return true;
	return false;
}

/* ------------------------------------------------------------------ */
/* writing a unit                                                       */
/* ------------------------------------------------------------------ */

static uint32_t new_string(struct pruner *p, uint64_t old_off)
{
	const char *string = (const char *)p->str + old_off;

	if (old_off >= p->n_str)
		die("string offset", old_off);
	if (p->new_str[old_off] == NOT_THERE) {
		p->new_str[old_off] = p->out->debug_str.n_bytes;
		put(&p->out->debug_str, string, strlen(string) + 1);
	}
	return p->new_str[old_off];
}

static uint32_t new_string_index(struct pruner *p, uint64_t old_index)
{
	size_t at = p->str_offsets_base + 4 * old_index;

	if (at + 4 > p->n_str_offsets)
		die("string index", old_index);
	if (p->new_index[old_index] == NOT_THERE) {
		p->new_index[old_index] = p->n_indices++;
		put_u32(&p->out->debug_str_offsets,
			new_string(p, get_fixed(p->str_offsets + at, 4)));
	}
	return p->new_index[old_index];
}

static uint32_t new_form(uint32_t form)
{
	if (is_reference(form))
		return FORM_ref4;
	if (is_string_index(form))
		return FORM_strx;
	return form;
}

static bool same_abbrev(const struct abbrev *a, const struct abbrev *b)
{
	if (a->tag != b->tag || a->has_children != b->has_children || a->n_attrs != b->n_attrs)
		return false;
	return memcmp(a->attrs, b->attrs, a->n_attrs * sizeof(a->attrs[0])) == 0;
}

static void put_abbrev(struct bytes *bytes, uint32_t code, const struct abbrev *abbrev)
{
	put_uleb(bytes, code);
	put_uleb(bytes, abbrev->tag);
	put_uleb(bytes, abbrev->has_children);
	for (uint32_t i = 0; i < abbrev->n_attrs; i++) {
		put_uleb(bytes, abbrev->attrs[i].attr);
		put_uleb(bytes, abbrev->attrs[i].form);
		if (abbrev->attrs[i].form == FORM_implicit_const)
			put_uleb(bytes, abbrev->attrs[i].constant);
	}
	put_uleb(bytes, 0);
	put_uleb(bytes, 0);
}

/* The code, from 1, of an entry's new abbreviation. */
static uint32_t new_code(struct pruner *p, const struct die *entry, bool has_children)
{
	struct abbrev abbrev = { .tag = entry->abbrev->tag, .has_children = has_children };

	for (uint32_t i = 0; i < entry->abbrev->n_attrs; i++) {
		struct attr_spec spec = entry->abbrev->attrs[i];

		if (!is_kept_attr(spec.attr))
			continue;
		spec.form = new_form(spec.form);
		abbrev.attrs[abbrev.n_attrs++] = spec;
	}
	for (uint32_t i = 0; i < p->n_new_abbrevs; i++)
		if (same_abbrev(&p->new_abbrevs[i], &abbrev))
			return i + 1;
	if (p->n_new_abbrevs == 4096)
		die("too many abbreviations:", p->n_new_abbrevs);
	p->new_abbrevs[p->n_new_abbrevs++] = abbrev;
	put_abbrev(&p->out->debug_abbrev, p->n_new_abbrevs, &abbrev);
	return p->n_new_abbrevs;
}

static void put_reference(struct pruner *p, uint64_t old_off)
{
	p->fixups = grow(p->fixups, p->n_fixups, &p->fixups_capacity, sizeof(*p->fixups));
	p->fixups[p->n_fixups].at = p->out->debug_info.n_bytes;
	p->fixups[p->n_fixups++].target = find_die(p, old_off);
	put_u32(&p->out->debug_info, 0);
}

static void put_value(struct pruner *p, const struct attr_spec *spec, const uint8_t *pos,
		      const uint8_t *end)
{
	struct bytes *info = &p->out->debug_info;

	if (is_reference(spec->form))
		put_reference(p, get_number(pos, spec->form));
	else if (is_string_index(spec->form))
		put_uleb(info, new_string_index(p, get_number(pos, spec->form)));
	else if (spec->form == FORM_strp)
		put_u32(info, new_string(p, get_fixed(pos, 4)));
	else if (spec->attr == AT_str_offsets_base)
		put_u32(info, p->contribution + CONTRIBUTION_HEADER_BYTES);
	else
		put(info, pos, end - pos);
}

static void put_die(struct pruner *p, struct die *entry, bool has_children, size_t unit_start)
{
	const uint8_t *pos = p->unit + entry->values;

	entry->new_off = p->out->debug_info.n_bytes - unit_start;
	put_uleb(&p->out->debug_info, new_code(p, entry, has_children));
	for (uint32_t i = 0; i < entry->abbrev->n_attrs; i++) {
		const struct attr_spec *spec = &entry->abbrev->attrs[i];
		const uint8_t *end = skip_value(pos, spec->form);

		if (is_kept_attr(spec->attr))
			put_value(p, spec, pos, end);
		pos = end;
	}
}

/* The next kept entry after INDEX; n_dies if there is none. */
static uint32_t next_kept(const struct pruner *p, uint32_t index)
{
	do
		index++;
	while (index < p->n_dies && !p->dies[index].is_kept);
	return index;
}

/*
 * After the childless entry FROM: a zero byte for each list of siblings that
 * ends here, up to the one below NEW_PARENT that goes on.
 */
static void close_lists(struct pruner *p, uint32_t from, uint32_t new_parent)
{
	uint32_t parent = p->dies[from].parent;

	while (parent != new_parent) {
		put_uleb(&p->out->debug_info, 0);
		parent = p->dies[parent].parent;
	}
}

static void put_dies(struct pruner *p, size_t unit_start)
{
	uint32_t next;

	for (uint32_t i = 0; i < p->n_dies; i = next) {
		bool has_children;

		next = next_kept(p, i);
		has_children = next < p->n_dies && p->dies[next].parent == i;
		put_die(p, &p->dies[i], has_children, unit_start);
		if (!has_children)
			close_lists(p, i, next < p->n_dies ? p->dies[next].parent : NOT_THERE);
	}
	for (uint32_t i = 0; i < p->n_fixups; i++)
		set_u32(&p->out->debug_info, p->fixups[i].at, p->dies[p->fixups[i].target].new_off);
}

static void open_contribution(struct pruner *p)
{
	uint32_t form;
	const uint8_t *pos = find_attr(p, &p->dies[0], AT_str_offsets_base, &form);
	static const uint8_t header[CONTRIBUTION_HEADER_BYTES] = { 0, 0, 0, 0, 5, 0, 0, 0 };

	p->contribution = p->out->debug_str_offsets.n_bytes;
	p->n_indices = 0;
	if (!pos)
		return; /* written by the assembler: no indices */
	p->str_offsets_base = get_fixed(pos, 4);
	/* The length, 8 bytes before the entries, counts version and padding. */
	memset(p->new_index, 0xff, /* NOT_THERE */
	       get_fixed(p->str_offsets + p->str_offsets_base - 8, 4) - 4);
	put(&p->out->debug_str_offsets, header, sizeof(header));
}

static void close_contribution(struct pruner *p)
{
	if (p->n_indices)
		set_u32(&p->out->debug_str_offsets, p->contribution, 4 + 4 * p->n_indices);
}

static void prune_unit(struct pruner *p)
{
	struct bytes *info = &p->out->debug_info;
	size_t unit_start = info->n_bytes;
	uint8_t header[UNIT_HEADER_BYTES];

	memcpy(header, p->unit, sizeof(header));
	if (get_fixed(header + 4, 2) != 5)
		die("DWARF version", get_fixed(header + 4, 2));
	read_abbrevs(p, get_fixed(header + 8, 4));
	memset(header + 8, 0, 4); /* the one table */
	read_dies(p);
	for (uint32_t i = 0; i < p->n_dies; i++)
		if (is_function(p, &p->dies[i]))
			keep(p, i);

	p->n_fixups = 0;
	put(info, header, sizeof(header));
	open_contribution(p);
	put_dies(p, unit_start);
	close_contribution(p);
	set_u32(info, unit_start, info->n_bytes - unit_start - 4);
}

/* ------------------------------------------------------------------ */
/* the whole                                                            */
/* ------------------------------------------------------------------ */

static const uint8_t *section_data(const struct elf_image *elf, const char *name, size_t *ret_bytes)
{
	const Elf64_Shdr *section = elf_find_section(elf, name);

	if (!section) {
		fprintf(stderr, "reduce-vmlinux: no section %s\n", name);
		exit(1);
	}
	*ret_bytes = section->sh_size;
	return elf->data + section->sh_offset;
}

static void pruner_init(struct pruner *p, struct pruned *pruned, const struct elf_image *elf)
{
	memset(p, 0, sizeof(*p));
	p->out = pruned;
	p->info = section_data(elf, ".debug_info", &p->n_info);
	p->abbrevs = section_data(elf, ".debug_abbrev", &p->n_abbrevs);
	p->str_offsets = section_data(elf, ".debug_str_offsets", &p->n_str_offsets);
	p->str = section_data(elf, ".debug_str", &p->n_str);
	p->new_str = malloc(4 * p->n_str);
	p->new_abbrevs = calloc(4096, sizeof(*p->new_abbrevs));
	p->unit_abbrevs = calloc(4096, sizeof(*p->unit_abbrevs));
	p->new_index = malloc(p->n_str_offsets);
	if (!p->new_str || !p->new_abbrevs || !p->unit_abbrevs || !p->new_index)
		die("out of memory for strings:", p->n_str);
	memset(p->new_str, 0xff, 4 * p->n_str); /* NOT_THERE */
}

static void pruner_deinit(struct pruner *p)
{
	free(p->new_str);
	free(p->new_abbrevs);
	free(p->unit_abbrevs);
	free(p->new_index);
	free(p->dies);
	free(p->fixups);
}

void pruned_init(struct pruned *pruned, const struct elf_image *elf)
{
	struct pruner p;

	memset(pruned, 0, sizeof(*pruned));
	pruner_init(&p, pruned, elf);
	for (size_t at = 0; at < p.n_info; at += p.n_unit_bytes) {
		p.unit = p.info + at;
		p.n_unit_bytes = 4 + get_fixed(p.unit, 4);
		prune_unit(&p);
	}
	put_uleb(&pruned->debug_abbrev, 0); /* end of the table */
	pruner_deinit(&p);
}

void pruned_deinit(struct pruned *pruned)
{
	free(pruned->debug_info.data);
	free(pruned->debug_abbrev.data);
	free(pruned->debug_str_offsets.data);
	free(pruned->debug_str.data);
}
