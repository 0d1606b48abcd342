/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads what extbinary.c writes, and what LLVM's other writers make of the same format: sections in
 * another order, compressed ones, functions without inlinees in a flat section of their own, names
 * as hashes. The layout is drawn in extbinary.c; the older raw binary is the same summary, plain
 * name table and functions one after the other.
 *
 * Nothing is believed: each section is read through a cursor of its own, a number of items only
 * bounds a loop that ends with the bytes, and every name is looked up within the table.
 */
#include "extbinary.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>
#include "base/array.h"
#include "base/bytes.h"

#define LINE_OFF_MAX 0xffff /* SampleProfReader.cpp, isOffsetLegal() */
#define SECTION_ENTRY_BYTES 32

/* deflate makes at most this of a byte (zlib's own figure, https://zlib.net/zlib_tech.html) */
#define INFLATE_RATIO_MAX 1032

struct section {
	uint64_t type, flags;
	const uint8_t *data;
	size_t n_bytes;
};

struct reader {
	struct bytes file;
	struct section *sections; /* as the table has them; data lies within the file */
	size_t n_sections;
	struct names *names;
	struct profile *profile;
	size_t ceiling_bytes;
	uint32_t *table; /* name of each place in the name table */
	size_t n_table, table_capacity;
	bool has_table;
	const char *where; /* what is being read, for the problem */
	size_t item_off;   /* in it: where the function, record or name starts */
	struct problem *problem;
};

static int malformed(struct reader *r, const char *reason)
{
	return problem_set(r->problem, -EBADMSG, "extbinary: %s, offset 0x%zx: %s", r->where,
			   r->item_off, reason);
}

/* Why the tree took no more. */
static int tree_full(struct reader *r, const struct function *parent)
{
	int e = profile_error(r->profile);

	if (e != -E2BIG)
		return e;
	if (parent && parent->depth + 1 >= PROFILE_DEPTH_MAX)
		return malformed(r, "inlined deeper than 512 calls");
	return problem_set(r->problem, e, "extbinary: %s, offset 0x%zx: needs more than %zu bytes",
			   r->where, r->item_off, r->ceiling_bytes);
}

/* functions */

/* false: the cursor has failed, by what was read or by its range. */
static bool take_u32(struct bytes *b, uint64_t max, uint32_t *ret_v)
{
	uint64_t v = bytes_uleb(b);

	if (v > max)
		bytes_fail(b);
	if (b->failed)
		return false;
	*ret_v = (uint32_t)v;
	return true;
}

static bool take_name(struct reader *r, struct bytes *b, uint32_t *ret_name)
{
	uint64_t place = bytes_uleb(b);

	if (place >= r->n_table)
		bytes_fail(b);
	if (b->failed)
		return false;
	*ret_name = r->table[place];
	return true;
}

static int read_targets(struct reader *r, struct bytes *b, struct record *record)
{
	uint64_t n_targets = bytes_uleb(b);

	for (uint64_t i = 0; i < n_targets && !b->failed; i++) {
		uint32_t name;
		uint64_t n;

		if (!take_name(r, b, &name))
			break;
		n = bytes_uleb(b);
		if (b->failed)
			break;
		if (profile_add_target(r->profile, record, name, n) < 0)
			return tree_full(r, NULL);
	}
	return b->failed ? malformed(r, "the call targets are cut or malformed") : 0;
}

static int read_record(struct reader *r, struct bytes *b, struct function *f)
{
	struct record *record;
	uint32_t line_off, disc;
	uint64_t samples;

	if (!take_u32(b, LINE_OFF_MAX, &line_off) || !take_u32(b, UINT32_MAX, &disc))
		return malformed(r, "the record is cut or its line is out of range");
	samples = bytes_uleb(b);
	if (b->failed)
		return malformed(r, "the record is cut or malformed");
	record = profile_record(r->profile, f, line_off, disc);
	if (!record)
		return tree_full(r, NULL);
	record->samples = saturating_add(record->samples, samples);
	return read_targets(r, b, record);
}

static int read_body(struct reader *r, struct bytes *b, struct function *f);

static int read_inlinee(struct reader *r, struct bytes *b, struct function *parent)
{
	uint32_t line_off, disc, name;
	struct function *f;

	if (!take_u32(b, LINE_OFF_MAX, &line_off) || !take_u32(b, UINT32_MAX, &disc) ||
	    !take_name(r, b, &name))
		return malformed(r, "the inlined function is cut, or out of range");
	f = profile_inlinee(r->profile, parent, line_off, disc, name);
	return f ? read_body(r, b, f) : tree_full(r, parent);
}

/* Everything behind the name. The tree's depth bounds the recursion. */
static int read_body(struct reader *r, struct bytes *b, struct function *f)
{
	uint64_t n;
	int e;

	f->total = saturating_add(f->total, bytes_uleb(b));
	n = bytes_uleb(b);
	for (uint64_t i = 0; i < n && !b->failed; i++) {
		r->item_off = bytes_off(b);
		e = read_record(r, b, f);
		if (e < 0)
			return e;
	}
	n = bytes_uleb(b);
	for (uint64_t i = 0; i < n && !b->failed; i++) {
		r->item_off = bytes_off(b);
		e = read_inlinee(r, b, f);
		if (e < 0)
			return e;
	}
	return b->failed ? malformed(r, "the function is cut or malformed") : 0;
}

static int read_functions(struct reader *r, struct bytes *b)
{
	int e;

	while (bytes_left(b)) {
		struct function *f;
		uint64_t head;
		uint32_t name;

		r->item_off = bytes_off(b);
		head = bytes_uleb(b);
		if (!take_name(r, b, &name))
			return malformed(r, "the function is cut or its name is not in the table");
		f = profile_function(r->profile, name);
		if (!f)
			return tree_full(r, NULL);
		f->head = saturating_add(f->head, head);
		e = read_body(r, b, f);
		if (e < 0)
			return e;
	}
	return 0;
}

/* names */

/* One name of the table, as text: a hash as its decimal number (FunctionId::str). */
static bool take_table_name(struct bytes *b, uint64_t flags, char decimal[24],
			    const char **ret_text, size_t *ret_n_bytes)
{
	if (flags & EXTBINARY_NAMES_MD5) {
		uint64_t hash = flags & EXTBINARY_NAMES_FIXED_MD5 ? bytes_u64(b) : bytes_uleb(b);

		*ret_n_bytes = (size_t)snprintf(decimal, 24, "%llu", (unsigned long long)hash);
		*ret_text = decimal;
	} else {
		*ret_text = bytes_cstr(b);
		*ret_n_bytes = b->failed ? 0 : strlen(*ret_text);
	}
	return !b->failed;
}

static int read_names(struct reader *r, struct bytes *b, uint64_t flags)
{
	uint64_t n = bytes_uleb(b);
	char decimal[24];

	if (flags & EXTBINARY_NAMES_FIXED_MD5)
		flags |= EXTBINARY_NAMES_MD5;
	r->profile->is_md5 = flags & EXTBINARY_NAMES_MD5;
	for (uint64_t i = 0; i < n && !b->failed; i++) {
		const char *text;
		size_t n_bytes;
		uint32_t name;
		int e;

		r->item_off = bytes_off(b);
		if (!take_table_name(b, flags, decimal, &text, &n_bytes))
			break;
		e = names_add(r->names, text, n_bytes, &name);
		if (e == 0)
			e = array_push_room(r->table, r->n_table, r->table_capacity,
					    r->ceiling_bytes / sizeof(*r->table));
		if (e < 0)
			return problem_set(r->problem, e,
					   "extbinary: %s, offset 0x%zx: no room for the names",
					   r->where, r->item_off);
		r->table[r->n_table++] = name;
	}
	r->has_table = true;
	return b->failed ? malformed(r, "the names are cut or malformed") : 0;
}

/* the raw binary form */

static int read_raw(struct reader *r)
{
	struct bytes *b = &r->file;
	uint64_t n_cutoffs;
	int e;

	r->where = "raw binary";
	for (unsigned int i = 0; i < 5; i++)
		bytes_uleb(b);
	n_cutoffs = bytes_uleb(b);
	for (uint64_t i = 0; i < n_cutoffs && !b->failed; i++)
		for (unsigned int k = 0; k < 3; k++)
			bytes_uleb(b);
	if (b->failed)
		return malformed(r, "the summary is cut or malformed");
	e = read_names(r, b, 0);
	return e < 0 ? e : read_functions(r, b);
}

/* sections */

static int inflate_section(struct reader *r, struct section *s, uint8_t **ret_unpacked)
{
	struct bytes b = bytes_of(s->data, s->n_bytes);
	uint64_t n_unpacked = bytes_uleb(&b), n_packed = bytes_uleb(&b);
	const uint8_t *packed = bytes_take(&b, n_packed);
	uint8_t *unpacked;
	uLongf n;

	r->item_off = 0;
	if (!packed || n_unpacked / INFLATE_RATIO_MAX > n_packed)
		return malformed(r, "the sizes of the compressed section are impossible");
	if (n_unpacked > r->ceiling_bytes || n_unpacked > UINT32_MAX)
		return problem_set(r->problem, -E2BIG, "extbinary: %s: unpacks to %llu bytes",
				   r->where, (unsigned long long)n_unpacked);
	unpacked = malloc(n_unpacked + 1);
	if (!unpacked)
		return -ENOMEM;
	n = (uLongf)n_unpacked;
	if (uncompress(unpacked, &n, packed, (uLong)n_packed) != Z_OK || n != n_unpacked) {
		free(unpacked);
		return malformed(r, "the section does not unpack");
	}
	s->data = unpacked;
	s->n_bytes = n;
	*ret_unpacked = unpacked;
	return 0;
}

static int read_section(struct reader *r, struct section s, const char *where)
{
	cleanup(free_cleanup) uint8_t *unpacked = NULL;
	struct bytes b;
	int e = 0;

	r->where = where;
	if (s.n_bytes && (s.flags & EXTBINARY_COMPRESSED))
		e = inflate_section(r, &s, &unpacked);
	if (e < 0)
		return e;
	b = bytes_of(s.data, s.n_bytes);
	if (s.type == EXTBINARY_PROFILE)
		return read_functions(r, &b);
	if (r->has_table)
		return malformed(r, "a second name table");
	return s.n_bytes ? read_names(r, &b, s.flags) : 0;
}

static int refuse(struct reader *r, const char *what)
{
	return problem_set(r->problem, -ENOTSUP,
			   "extbinary: the profile is %s: a profile by line is wanted", what);
}

/*
 * Sections do not overlap in what LLVM writes. That their sizes add up to no more than the file
 * bounds our work: a table may not have the same bytes read a thousand times.
 */
static int read_section_table(struct reader *r)
{
	struct bytes *b = &r->file;
	uint64_t n = bytes_u64(b), n_sum = 0;

	r->where = "section table";
	r->item_off = bytes_off(b);
	if (b->failed || n > bytes_left(b) / SECTION_ENTRY_BYTES)
		return malformed(r, "it is cut");
	r->sections = calloc(n + 1, sizeof(*r->sections));
	if (!r->sections)
		return -ENOMEM;
	for (; r->n_sections < n; r->n_sections++) {
		struct section *s = &r->sections[r->n_sections];
		struct bytes at = r->file;
		uint64_t off;

		r->item_off = bytes_off(b);
		s->type = bytes_u64(b);
		s->flags = bytes_u64(b);
		off = bytes_u64(b);
		s->n_bytes = bytes_u64(b);
		bytes_seek(&at, off);
		s->data = bytes_take(&at, s->n_bytes);
		n_sum += s->n_bytes;
		if (at.failed || n_sum > (size_t)(b->end - b->start))
			return malformed(r,
					 "a section is not within the file, or overlaps another");
	}
	return 0;
}

static int note_flags(struct reader *r, const struct section *s)
{
	if (s->type == EXTBINARY_SUMMARY) {
		if (s->flags & EXTBINARY_SUMMARY_CONTEXT)
			return refuse(r, "context-sensitive");
		r->profile->is_fs |= (s->flags & EXTBINARY_SUMMARY_FS) != 0;
	}
	if (s->type == EXTBINARY_METADATA && (s->flags & EXTBINARY_METADATA_PROBE))
		return refuse(r, "one of pseudo probes");
	return 0;
}

/* Flags, then the names, then what uses them, wherever they stand. */
static int read_sections(struct reader *r)
{
	int e = read_section_table(r);

	for (size_t i = 0; i < r->n_sections && e == 0; i++)
		e = note_flags(r, &r->sections[i]);
	for (size_t i = 0; i < r->n_sections && e == 0; i++)
		if (r->sections[i].type == EXTBINARY_NAME_TABLE)
			e = read_section(r, r->sections[i], "name table");
	for (size_t i = 0; i < r->n_sections && e == 0; i++)
		if (r->sections[i].type == EXTBINARY_PROFILE)
			e = read_section(r, r->sections[i], "profile section");
	return e;
}

static int read_file(struct reader *r)
{
	uint64_t magic = bytes_uleb(&r->file), version = bytes_uleb(&r->file);

	if (r->file.failed || (magic != EXTBINARY_MAGIC && magic != RAWBINARY_MAGIC))
		return problem_set(r->problem, -EBADMSG, "extbinary: not a binary sample profile");
	if (version != EXTBINARY_VERSION)
		return problem_set(r->problem, -ENOTSUP, "extbinary: version %llu, we know %d",
				   (unsigned long long)version, EXTBINARY_VERSION);
	return magic == RAWBINARY_MAGIC ? read_raw(r) : read_sections(r);
}

int extbinary_read(const void *data, size_t n_bytes, struct names *names, size_t ceiling_bytes,
		   struct problem *problem, struct profile **ret_profile)
{
	struct reader r = {
		.file = bytes_of(data, n_bytes),
		.names = names,
		.ceiling_bytes = ceiling_bytes,
		.problem = problem,
	};
	int e = profile_new(&r.profile, names, ceiling_bytes);

	if (e < 0)
		return e;
	e = read_file(&r);
	free(r.sections);
	free(r.table);
	if (e < 0)
		profile_free(r.profile);
	else
		*ret_profile = r.profile;
	return e;
}
