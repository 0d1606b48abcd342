/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether bytes that came with facts are what the facts are of: by their frame, without reading
 * what is in it. A profile of a kernel has megabytes, and the loop that asks has milliseconds.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/bytes.h"
#include "base/problem.h"
#include "extbinary.h"
#include "facts.h"
#include "symbolize/objects.h"

/* extbinary: its layout is drawn in extbinary.c */

#define N_SECTIONS_MAX 16

/* What was found of the sections. */
struct sections {
	struct bytes summary;
	uint64_t summary_flags;
	unsigned int n_summaries, n_name_tables, n_profiles;
	uint64_t end_off; /* of the last one */
};

static const char *read_section(struct bytes *file, struct sections *s)
{
	uint64_t type = bytes_u64(file), flags = bytes_u64(file);
	uint64_t off = bytes_u64(file), n_bytes = bytes_u64(file);
	struct bytes at = *file;

	bytes_seek(&at, off);
	at = bytes_sub(&at, n_bytes);
	if (file->failed || at.failed)
		return "a section is not within the file";
	if (flags & EXTBINARY_COMPRESSED)
		return "a section is compressed";
	if (type == EXTBINARY_SUMMARY) {
		s->summary = at;
		s->summary_flags = flags;
		s->n_summaries++;
	}
	s->n_name_tables += type == EXTBINARY_NAME_TABLE;
	s->n_profiles += type == EXTBINARY_PROFILE;
	if (off + n_bytes > s->end_off)
		s->end_off = off + n_bytes;
	return NULL;
}

static const char *read_sections(struct bytes *file, struct sections *s)
{
	uint64_t n = bytes_u64(file);
	const char *why = NULL;

	if (file->failed || n > N_SECTIONS_MAX)
		return "the section table is cut or too long";
	for (uint64_t i = 0; i < n && !why; i++)
		why = read_section(file, s);
	if (why)
		return why;
	if (s->n_summaries != 1 || s->n_name_tables != 1 || s->n_profiles != 1)
		return "a section is missing or there twice";
	if (s->end_off != (size_t)(file->end - file->start))
		return "bytes follow the last section";
	return NULL;
}

static const char *compare_summary(const struct profile_facts *facts, struct sections *s)
{
	struct bytes *b = &s->summary;
	uint64_t total = bytes_uleb(b), max = bytes_uleb(b), max_head = bytes_uleb(b);
	uint64_t n_records = bytes_uleb(b), n_functions = bytes_uleb(b);
	bool is_fs = s->summary_flags & EXTBINARY_SUMMARY_FS;

	if (b->failed)
		return "the summary is cut";
	if (s->summary_flags & EXTBINARY_SUMMARY_CONTEXT)
		return "it is context-sensitive";
	if (total != facts->total_samples || max != facts->max_samples ||
	    max_head != facts->max_head || n_records != facts->n_records ||
	    n_functions != facts->n_functions || is_fs != !!facts->is_fs)
		return "the summary is of another profile";
	return NULL;
}

int profile_check_extbinary(const struct profile_facts *facts, const void *data, size_t n_bytes,
			    struct problem *problem)
{
	struct bytes file = bytes_of(data, n_bytes);
	uint64_t magic = bytes_uleb(&file), version = bytes_uleb(&file);
	struct sections sections = { 0 };
	const char *why;

	if (file.failed || magic != EXTBINARY_MAGIC || version != EXTBINARY_VERSION)
		why = "it is not extbinary";
	else if (!facts->has_profile)
		why = "the facts say that there is none";
	else
		why = read_sections(&file, &sections);
	if (!why)
		why = compare_summary(facts, &sections);
	return why ? problem_set(problem, -EBADMSG, "profile: %s", why) : 0;
}

/*
 * unsymbolized: two blocks, each a line with a number and as many lines of items; then perhaps
 * modules, and two blocks whose items may name them.
 */

struct dump {
	struct bytes b;
	uint64_t *module_bytes; /* owned; n_modules: of each one's text */
	size_t n_modules;
};

/* A hexadecimal number: a digit, or up to as many as 64 bits have. */
static bool take_hex(const uint8_t **pos, const uint8_t *end, uint64_t *ret_n)
{
	const uint8_t *c = *pos;
	uint64_t n = 0;

	for (; c < end && ((*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'f')); c++)
		n = n << 4 | (uint64_t)(*c <= '9' ? *c - '0' : *c - 'a' + 10);
	if (c == *pos || c - *pos > 16)
		return false;
	*pos = c;
	*ret_n = n;
	return true;
}

/* A count of 64 bits, up to the end. */
static bool take_count(const uint8_t *pos, const uint8_t *end, uint64_t *ret_n)
{
	uint64_t n = 0;

	if (pos == end)
		return false;
	for (; pos < end; pos++)
		if (*pos < '0' || *pos > '9' || __builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*pos - '0'), &n))
			return false;
	*ret_n = n;
	return true;
}

static bool skip_text(const uint8_t **pos, const uint8_t *end, const char *text)
{
	size_t n = strlen(text);

	if ((size_t)(end - *pos) < n || memcmp(*pos, text, n) != 0)
		return false;
	*pos += n;
	return true;
}

/* "3+1f": an offset in the text of a module of the list. False: it does not begin like that. */
static bool skip_module(const struct dump *d, const uint8_t **pos, const uint8_t *end,
			bool *ret_is_good)
{
	const uint8_t *c = *pos;
	uint64_t number = 0, off;

	while (c < end && *c >= '0' && *c <= '9')
		c++;
	if (c == end || *c != '+')
		return false;
	*ret_is_good = take_count(*pos, c, &number) && number < d->n_modules;
	*pos = c + 1;
	if (*ret_is_good)
		*ret_is_good = take_hex(pos, end, &off) && off < d->module_bytes[number];
	return true;
}

static bool skip_address(const struct dump *d, const uint8_t **pos, const uint8_t *end)
{
	uint64_t vaddr;
	bool is_good;

	if (skip_module(d, pos, end, &is_good))
		return is_good;
	return take_hex(pos, end, &vaddr);
}

/* Without its end. The separator is "-", or "->". */
static bool is_item(const struct dump *d, const uint8_t *line, const uint8_t *end,
		    const char *separator)
{
	uint64_t n;

	return skip_address(d, &line, end) && skip_text(&line, end, separator) &&
	       skip_address(d, &line, end) && skip_text(&line, end, ":") &&
	       take_count(line, end, &n);
}

/* The next line; false: there is none that ends. */
static bool take_line(struct bytes *b, const uint8_t **ret_line, const uint8_t **ret_end)
{
	const uint8_t *end = bytes_left(b) ? memchr(b->pos, '\n', bytes_left(b)) : NULL;

	if (!end)
		return false;
	*ret_line = b->pos;
	*ret_end = end;
	b->pos = end + 1;
	return true;
}

static const char *check_block(struct dump *d, const char *separator)
{
	const uint8_t *line, *end;
	uint64_t n;

	if (!take_line(&d->b, &line, &end) || !take_count(line, end, &n))
		return "no number of items where one should be";
	for (; n; n--) {
		if (!take_line(&d->b, &line, &end))
			return "items are missing";
		if (!is_item(d, line, end, separator))
			return "a line is no item";
	}
	return NULL;
}

/* Up to the end: "-", or hexadecimal digits in pairs. */
static bool is_build_id(const uint8_t *pos, const uint8_t *end)
{
	size_t n = (size_t)(end - pos);

	if (n == 1 && *pos == '-')
		return true;
	if (n == 0 || n % 2 || n > 2 * BUILD_ID_BYTES_MAX)
		return false;
	for (; pos < end; pos++)
		if (!((*pos >= '0' && *pos <= '9') || (*pos >= 'a' && *pos <= 'f')))
			return false;
	return true;
}

/* "name bytes build-id" */
static bool take_module(const uint8_t *line, const uint8_t *end, uint64_t *ret_n_bytes)
{
	const uint8_t *c = line;

	while (c < end && *c > ' ' && *c <= '~' && *c != '/')
		c++;
	return c > line && c - line < (ptrdiff_t)MODULE_NAME_SIZE && skip_text(&c, end, " ") &&
	       take_hex(&c, end, ret_n_bytes) && *ret_n_bytes > 0 &&
	       *ret_n_bytes <= OBJECTS_TEXT_BYTES_MAX && skip_text(&c, end, " ") &&
	       is_build_id(c, end);
}

static const char *check_modules(struct dump *d, int *error)
{
	const uint8_t *line, *end;
	uint64_t n;

	if (!take_line(&d->b, &line, &end) || !skip_text(&line, end, "modules ") ||
	    !take_count(line, end, &n) || n == 0 || n > OBJECTS_N_MAX)
		return "no number of modules behind the last item";
	d->module_bytes = calloc((size_t)n, sizeof(*d->module_bytes));
	if (!d->module_bytes) {
		*error = -ENOMEM;
		return "out of memory";
	}
	for (; d->n_modules < n; d->n_modules++)
		if (!take_line(&d->b, &line, &end) ||
		    !take_module(line, end, &d->module_bytes[d->n_modules]))
			return "a line is no module";
	return NULL;
}

static const char *check_blocks(struct dump *d)
{
	const char *why = check_block(d, "-");

	return why ? why : check_block(d, "->");
}

int profile_check_dump(const void *data, size_t n_bytes, struct problem *problem)
{
	struct dump d = { .b = bytes_of(data, n_bytes) };
	const char *why = check_blocks(&d);
	int error = -EBADMSG;

	if (!why && bytes_left(&d.b)) {
		why = check_modules(&d, &error);
		if (!why)
			why = check_blocks(&d);
		if (!why && bytes_left(&d.b))
			why = "bytes follow the last item";
	}
	free(d.module_bytes);
	return why ? problem_set(problem, error, "dump: offset 0x%zx: %s", bytes_off(&d.b), why)
		   : 0;
}
