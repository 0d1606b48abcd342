/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Line by line. A stack of functions, one for each depth of indentation, says what a record or an
 * inlined function belongs to. Names may hold ':' and ' ' (unmangled ones do), so they are found
 * from the numbers behind them: the last ':' of a function's line, and in a list of targets the
 * first ':' that a whole word of digits follows.
 */
#include "textual.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define LINE_OFF_MAX 0xffff /* SampleProfReader.cpp, isOffsetLegal() */

struct span {
	const char *start, *end;
};

struct reader {
	struct names *names;
	struct profile *profile;
	size_t ceiling_bytes;
	struct function *stack[PROFILE_DEPTH_MAX];
	uint32_t n_stack;
	size_t line; /* from 1 */
	struct problem *problem;
};

static int malformed(struct reader *r, const char *reason)
{
	return problem_set(r->problem, -EBADMSG, "text profile: line %zu: %s", r->line, reason);
}

static int refuse(struct reader *r, const char *what)
{
	return problem_set(r->problem, -ENOTSUP,
			   "text profile: line %zu: the profile is %s: one by line is wanted",
			   r->line, what);
}

static int too_large(struct reader *r, int e)
{
	if (e != -E2BIG)
		return e;
	return problem_set(r->problem, e, "text profile: line %zu: needs more than %zu bytes",
			   r->line, r->ceiling_bytes);
}

/* All of s is a decimal number of at most max. */
static bool parse_decimal(struct span s, uint64_t max, uint64_t *ret_v)
{
	uint64_t v = 0;

	if (s.start >= s.end)
		return false;
	for (const char *p = s.start; p < s.end; p++)
		if (*p < '0' || *p > '9' || __builtin_mul_overflow(v, (uint64_t)10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return false;
	if (v > max)
		return false;
	*ret_v = v;
	return true;
}

static const char *find_char(struct span s, char c)
{
	return s.start < s.end ? memchr(s.start, c, (size_t)(s.end - s.start)) : NULL;
}

static const char *find_last_char(struct span s, char c)
{
	return s.start < s.end ? memrchr(s.start, c, (size_t)(s.end - s.start)) : NULL;
}

static int add_name(struct reader *r, struct span s, uint32_t *ret_name)
{
	int e = names_add(r->names, s.start, (size_t)(s.end - s.start), ret_name);

	return e < 0 ? too_large(r, e) : 0;
}

/* name ":" total ":" head */
static int read_function(struct reader *r, struct span s)
{
	const char *second = find_last_char(s, ':');
	const char *first = second ? find_last_char((struct span){ s.start, second }, ':') : NULL;
	struct function *f;
	uint64_t total, head;
	uint32_t name;
	int e;

	if (*s.start == '[')
		return refuse(r, "context-sensitive");
	if (!first || !parse_decimal((struct span){ first + 1, second }, UINT64_MAX, &total) ||
	    !parse_decimal((struct span){ second + 1, s.end }, UINT64_MAX, &head))
		return malformed(r, "expected 'name:total:head'");
	e = add_name(r, (struct span){ s.start, first }, &name);
	if (e < 0)
		return e;
	f = profile_function(r->profile, name);
	if (!f)
		return too_large(r, profile_error(r->profile));
	f->total = saturating_add(f->total, total);
	f->head = saturating_add(f->head, head);
	r->stack[0] = f;
	r->n_stack = 1;
	return 0;
}

/* Cuts the next "name:count" off s, which does not start with a space. */
static bool take_target(struct span *s, struct span *ret_name, uint64_t *ret_n)
{
	struct span rest = *s;
	const char *colon;

	while ((colon = find_char(rest, ':'))) {
		struct span word = { colon + 1, s->end };
		const char *space = find_char(word, ' ');

		word.end = space ? space : s->end;
		if (parse_decimal(word, UINT64_MAX, ret_n)) {
			*ret_name = (struct span){ s->start, colon };
			s->start = word.end;
			return colon > ret_name->start;
		}
		rest.start = colon + 1;
	}
	return false;
}

static int read_targets(struct reader *r, struct span s, struct record *record)
{
	for (;;) {
		struct span name_span = s;
		uint32_t name;
		uint64_t n;
		int e;

		while (s.start < s.end && *s.start == ' ')
			s.start++;
		if (s.start == s.end)
			return 0;
		if (!take_target(&s, &name_span, &n))
			return malformed(r, "expected a call target 'name:count'");
		e = add_name(r, name_span, &name);
		if (e < 0)
			return e;
		if (profile_add_target(r->profile, record, name, n) < 0)
			return too_large(r, profile_error(r->profile));
	}
}

/* samples { " " target } */
static int read_record(struct reader *r, struct span s, uint32_t line_off, uint32_t disc)
{
	const char *space = find_char(s, ' ');
	struct span number = { s.start, space ? space : s.end };
	struct record *record;
	uint64_t samples;

	if (!parse_decimal(number, UINT64_MAX, &samples))
		return malformed(r, "expected a count of samples");
	record = profile_record(r->profile, r->stack[r->n_stack - 1], line_off, disc);
	if (!record)
		return too_large(r, profile_error(r->profile));
	record->samples = saturating_add(record->samples, samples);
	return read_targets(r, (struct span){ number.end, s.end }, record);
}

/* name ":" total */
static int read_inlinee(struct reader *r, struct span s, uint32_t line_off, uint32_t disc)
{
	const char *colon = find_last_char(s, ':');
	struct function *f;
	uint64_t total;
	uint32_t name;
	int e;

	if (!colon || !parse_decimal((struct span){ colon + 1, s.end }, UINT64_MAX, &total))
		return malformed(r, "expected an inlined function 'name:total'");
	if (r->n_stack == PROFILE_DEPTH_MAX)
		return malformed(r, "inlined deeper than 512 calls");
	e = add_name(r, (struct span){ s.start, colon }, &name);
	if (e < 0)
		return e;
	f = profile_inlinee(r->profile, r->stack[r->n_stack - 1], line_off, disc, name);
	if (!f)
		return too_large(r, profile_error(r->profile));
	f->total = saturating_add(f->total, total);
	r->stack[r->n_stack++] = f;
	return 0;
}

/* loc ": ", and what is behind it */
static int read_body_line(struct reader *r, struct span s)
{
	const char *colon = find_char(s, ':');
	struct span loc = { s.start, colon ? colon : s.end };
	const char *dot = find_char(loc, '.');
	uint64_t line_off, disc = 0;

	if (!colon || s.end - colon < 3 || colon[1] != ' ' ||
	    !parse_decimal((struct span){ loc.start, dot ? dot : loc.end }, LINE_OFF_MAX,
			   &line_off) ||
	    (dot && !parse_decimal((struct span){ dot + 1, loc.end }, UINT32_MAX, &disc)))
		return malformed(r, "expected 'line: ' or 'line.discriminator: '");
	s.start = colon + 2;
	if (isdigit((unsigned char)*s.start))
		return read_record(r, s, (uint32_t)line_off, (uint32_t)disc);
	return read_inlinee(r, s, (uint32_t)line_off, (uint32_t)disc);
}

static int read_line(struct reader *r, struct span s)
{
	const char *line = s.start;
	size_t depth;

	r->line++;
	if (s.start < s.end && s.end[-1] == '\r')
		s.end--;
	while (s.start < s.end && *s.start == ' ')
		s.start++;
	if (s.start == s.end || *s.start == '#')
		return 0;
	if (find_char(s, '\0'))
		return malformed(r, "a NUL byte");
	depth = (size_t)(s.start - line);
	if (depth == 0)
		return read_function(r, s);
	if (*s.start == '!')
		return s.end - s.start > 4 && memcmp(s.start, "!CFG", 4) == 0
			       ? refuse(r, "one of pseudo probes")
			       : 0;
	if (depth > r->n_stack)
		return malformed(r, "indented deeper than a function above it");
	r->n_stack = (uint32_t)depth;
	return read_body_line(r, s);
}

int textual_read(const void *data, size_t n_bytes, struct names *names, size_t ceiling_bytes,
		 struct problem *problem, struct profile **ret_profile)
{
	const char *text = data ? data : ""; /* there is no NULL + 0 */
	struct span rest = { text, text + n_bytes };
	struct reader r = { .names = names, .ceiling_bytes = ceiling_bytes, .problem = problem };
	int e = profile_new(&r.profile, names, ceiling_bytes);

	if (e < 0)
		return e;
	while (rest.start < rest.end && e == 0) {
		const char *newline = find_char(rest, '\n');
		struct span line = { rest.start, newline ? newline : rest.end };

		e = read_line(&r, line);
		rest.start = newline ? newline + 1 : rest.end;
	}
	if (e < 0)
		profile_free(r.profile);
	else
		*ret_profile = r.profile;
	return e;
}
