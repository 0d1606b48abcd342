/* SPDX-License-Identifier: Apache-2.0 */
/*
 *	 0  uleb magic (9 bytes), uleb version (1 byte), u64 number of sections: 7
 *	18  7 x { u64 type, u64 flags, u64 offset from the file's start, u64 size }
 *     242  the sections
 *
 * The table lists the sections in the order a reader wants them, the file holds them in the order a
 * writer has them: the offsets of functions are known after the functions.
 *
 *	summary		total max max_head n_records n_functions 16, 16 x { cutoff min_count n }
 *	name table	n, n x name 00			or with MD5 names: n, n x u64
 *	context names	n: 0
 *	profile		functions: head BODY
 *	symbol list	(empty)
 *	offset table	n, n x { name_index, offset of the function's head in the profile section }
 *	metadata	(empty)
 *
 *	BODY := name_index total
 *		n_records  { line_off disc samples n_targets { name_index n } }
 *		n_inlinees { line_off disc BODY }
 *
 * Numbers are ULEB128 unless said otherwise, fixed ones little-endian. Everything is appended in
 * one pass; only the table of sections, of known size, is filled in at the end.
 */
#include "extbinary.h"

#include <errno.h>
#include <endian.h>
#include <md5.h>
#include <string.h>
#include "summary.h"

#define N_SECTIONS 7
#define UNUSED UINT32_MAX

struct section {
	uint64_t flags, offset, n_bytes;
};

/* In the order of the table. */
enum place { SUMMARY, NAMES, CONTEXTS, OFFSETS, PROFILE, SYMBOLS, METADATA };

static const uint64_t type_of_place[N_SECTIONS] = {
	EXTBINARY_SUMMARY, EXTBINARY_NAME_TABLE,  EXTBINARY_CONTEXT_NAMES, EXTBINARY_OFFSET_TABLE,
	EXTBINARY_PROFILE, EXTBINARY_SYMBOL_LIST, EXTBINARY_METADATA,
};

/* A name of the table, with its first bytes as a number that sorts like them. */
struct table_name {
	uint64_t prefix;
	uint32_t name;
};

struct encoder {
	const struct profile *profile;
	const struct summary *summary; /* or NULL */
	struct buf *buf;
	size_t file_start; /* in buf */
	bool has_md5_names;
	uint32_t *index;	  /* by number of name: place in the name table, or UNUSED */
	struct table_name *table; /* in name order */
	uint32_t n_table;
	uint64_t *function_offset; /* by function: of its head in the profile section */
	struct section sections[N_SECTIONS];
};

/* the name table */

/* Numbers names in order of appearance at first; sort_names() gives them their places. */
static void collect_name(struct encoder *e, uint32_t name)
{
	if (e->index[name] == UNUSED)
		e->index[name] = e->n_table++;
}

static void collect_names(struct encoder *e, const struct function *f)
{
	collect_name(e, f->name);
	for (uint32_t i = 0; i < f->n_records; i++)
		for (uint32_t k = 0; k < f->records[i].n_targets; k++)
			collect_name(e, f->records[i].targets[k].name);
	for (uint32_t i = 0; i < f->n_inlinees; i++)
		collect_names(e, f->inlinees[i]);
}

static uint64_t prefix_of(const struct profile *profile, uint32_t number)
{
	struct name name = names_get(profile->names, number);
	uint64_t prefix = 0;

	if (profile->is_md5)
		return strtoull(name.text, NULL, 10);
	memcpy(&prefix, name.text, name.n_bytes < 8 ? name.n_bytes : 8);
	return be64toh(prefix);
}

static int compare_table_names(const void *a, const void *b, void *profile)
{
	const struct table_name *x = a, *y = b;

	if (x->prefix != y->prefix)
		return x->prefix < y->prefix ? -1 : 1;
	return profile_compare_names(profile, x->name, y->name);
}

static int build_name_table(struct encoder *e)
{
	uint32_t n_names = names_count(e->profile->names);

	e->index = malloc(((size_t)n_names + 1) * sizeof(*e->index));
	if (!e->index)
		return -ENOMEM;
	memset(e->index, 0xff, n_names * sizeof(*e->index));
	for (uint32_t i = 0; i < e->profile->n_functions; i++)
		collect_names(e, e->profile->functions[i]);
	e->table = malloc(((size_t)e->n_table + 1) * sizeof(*e->table));
	if (!e->table)
		return -ENOMEM;
	for (uint32_t name = 0; name < n_names; name++)
		if (e->index[name] != UNUSED)
			e->table[e->index[name]] =
				(struct table_name){ prefix_of(e->profile, name), name };
	qsort_r(e->table, e->n_table, sizeof(*e->table), compare_table_names, (void *)e->profile);
	for (uint32_t i = 0; i < e->n_table; i++)
		e->index[e->table[i].name] = i;
	return 0;
}

/* The first 8 bytes, little-endian, of the MD5 of the name (llvm/Support/MD5.h, MD5Hash). */
static uint64_t md5_of(struct name name)
{
	uint8_t digest[MD5_DIGEST_LENGTH];
	uint64_t hash;
	MD5_CTX md5;

	MD5Init(&md5);
	MD5Update(&md5, (const uint8_t *)name.text, name.n_bytes);
	MD5Final(digest, &md5);
	memcpy(&hash, digest, sizeof(hash));
	return le64toh(hash);
}

static void put_name_table(struct encoder *e)
{
	struct section *section = &e->sections[NAMES];

	if (e->has_md5_names)
		section->flags |= EXTBINARY_NAMES_MD5 | EXTBINARY_NAMES_FIXED_MD5;
	buf_uleb(e->buf, e->n_table);
	for (uint32_t i = 0; i < e->n_table; i++) {
		struct name name = names_get(e->profile->names, e->table[i].name);

		if (e->has_md5_names) {
			buf_u64(e->buf, e->profile->is_md5 ? e->table[i].prefix : md5_of(name));
			continue;
		}
		if (memmem(name.text, name.n_bytes, ".__uniq.", 8))
			section->flags |= EXTBINARY_NAMES_UNIQ_SUFFIX;
		buf_append(e->buf, name.text, name.n_bytes + 1);
	}
}

/* the other sections */

static int put_summary(struct encoder *e)
{
	struct summary s;
	int r = 0;

	if (e->summary)
		s = *e->summary;
	else
		r = summary_compute(e->profile, &s);
	if (r < 0)
		return r;
	if (e->profile->is_fs)
		e->sections[SUMMARY].flags |= EXTBINARY_SUMMARY_FS;
	buf_uleb(e->buf, s.total);
	buf_uleb(e->buf, s.max);
	buf_uleb(e->buf, s.max_head);
	buf_uleb(e->buf, s.n_records);
	buf_uleb(e->buf, s.n_functions);
	buf_uleb(e->buf, SUMMARY_N_CUTOFFS);
	for (unsigned int i = 0; i < SUMMARY_N_CUTOFFS; i++) {
		buf_uleb(e->buf, s.cutoffs[i].cutoff);
		buf_uleb(e->buf, s.cutoffs[i].min_count);
		buf_uleb(e->buf, s.cutoffs[i].n_counts);
	}
	return 0;
}

static void put_body(struct encoder *e, const struct function *f)
{
	buf_uleb(e->buf, e->index[f->name]);
	buf_uleb(e->buf, f->total);
	buf_uleb(e->buf, f->n_records);
	for (uint32_t i = 0; i < f->n_records; i++) {
		const struct record *r = &f->records[i];

		buf_uleb(e->buf, r->line_off);
		buf_uleb(e->buf, r->disc);
		buf_uleb(e->buf, r->samples);
		buf_uleb(e->buf, r->n_targets);
		for (uint32_t k = 0; k < r->n_targets; k++) {
			buf_uleb(e->buf, e->index[r->targets[k].name]);
			buf_uleb(e->buf, r->targets[k].n);
		}
	}
	buf_uleb(e->buf, f->n_inlinees);
	for (uint32_t i = 0; i < f->n_inlinees; i++) {
		buf_uleb(e->buf, f->inlinees[i]->line_off);
		buf_uleb(e->buf, f->inlinees[i]->disc);
		put_body(e, f->inlinees[i]);
	}
}

static void put_functions(struct encoder *e)
{
	size_t start = e->buf->n_bytes;

	for (uint32_t i = 0; i < e->profile->n_functions; i++) {
		e->function_offset[i] = e->buf->n_bytes - start;
		buf_uleb(e->buf, e->profile->functions[i]->head);
		put_body(e, e->profile->functions[i]);
	}
}

static void put_offset_table(struct encoder *e)
{
	buf_uleb(e->buf, e->profile->n_functions);
	for (uint32_t i = 0; i < e->profile->n_functions; i++) {
		buf_uleb(e->buf, e->index[e->profile->functions[i]->name]);
		buf_uleb(e->buf, e->function_offset[i]);
	}
}

/* the file */

static void begin_section(struct encoder *e, enum place place)
{
	e->sections[place].offset = e->buf->n_bytes - e->file_start;
}

static void end_section(struct encoder *e, enum place place)
{
	e->sections[place].n_bytes = e->buf->n_bytes - e->file_start - e->sections[place].offset;
}

static int put_sections(struct encoder *e)
{
	int r;

	begin_section(e, SUMMARY);
	r = put_summary(e);
	if (r < 0)
		return r;
	end_section(e, SUMMARY);
	begin_section(e, NAMES);
	put_name_table(e);
	end_section(e, NAMES);
	begin_section(e, CONTEXTS);
	buf_uleb(e->buf, 0);
	end_section(e, CONTEXTS);
	begin_section(e, PROFILE);
	put_functions(e);
	end_section(e, PROFILE);
	begin_section(e, SYMBOLS);
	end_section(e, SYMBOLS);
	begin_section(e, OFFSETS);
	put_offset_table(e);
	end_section(e, OFFSETS);
	begin_section(e, METADATA);
	end_section(e, METADATA);
	return 0;
}

static void put_header(struct buf *buf, const struct section sections[N_SECTIONS])
{
	buf_uleb(buf, EXTBINARY_MAGIC);
	buf_uleb(buf, EXTBINARY_VERSION);
	buf_u64(buf, N_SECTIONS);
	for (unsigned int i = 0; i < N_SECTIONS; i++) {
		buf_u64(buf, type_of_place[i]);
		buf_u64(buf, sections[i].flags);
		buf_u64(buf, sections[i].offset);
		buf_u64(buf, sections[i].n_bytes);
	}
}

static int encode(struct encoder *e)
{
	struct buf *buf = e->buf;
	size_t n_bytes;
	int r;

	e->function_offset =
		malloc(((size_t)e->profile->n_functions + 1) * sizeof(*e->function_offset));
	r = e->function_offset ? build_name_table(e) : -ENOMEM;
	if (r < 0)
		return r;
	e->file_start = buf->n_bytes;
	put_header(buf, e->sections);
	r = put_sections(e);
	if (r < 0 || buf->error)
		return r < 0 ? r : buf->error;
	/* once more over itself, now with the sections known: the room is there already */
	n_bytes = buf->n_bytes;
	buf->n_bytes = e->file_start;
	put_header(buf, e->sections);
	buf->n_bytes = n_bytes;
	return 0;
}

int extbinary_encode(const struct profile *profile, const struct extbinary_options *options,
		     struct buf *buf)
{
	struct encoder e = {
		.profile = profile,
		.buf = buf,
		.summary = options->summary,
		.has_md5_names = options->has_md5_names || profile->is_md5,
	};
	int r = encode(&e);

	free(e.index);
	free(e.table);
	free(e.function_offset);
	return r;
}
