/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inih takes lines apart, and would pass over in silence what people get wrong in files:
 *
 *   - of several bad lines it returns the number of the first alone, and no handler is told;
 *   - a line that does not fit into its buffer (200 bytes, unless it was built otherwise) is cut
 *     into two, a name of more than 49 characters is cut off, both without a word;
 *   - text behind "[Section]" is dropped; behind a bad section line, entries go to the one before;
 *   - a line that is indented continues the value before it, "Key: value" is an entry too, and
 *     " ;" ends a value: none of that is so in the other files of a systemd host.
 *
 * So we hand it the lines (its reader is a function of ours, like fgets(3)): looked at, refused
 * where they are none of "[Section]", "Key=value", a comment or nothing, counted, and not indented.
 * A line longer than its buffer is handed on in pieces, as continuations of the value: the handler
 * is then called with one piece after the other, which we join. Keys and values are what inih makes
 * of them.
 *
 * Its handler returns nonzero for success, and after zero it goes on as well: ours keeps the first
 * failure and does nothing from then on.
 */
#include "file.h"

#include <errno.h>
#include <ini.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "base/problem.h"

struct reading {
	const struct conf_file_handler *handler;
	const char *rest, *end;		     /* of the text, from the next line on */
	unsigned int line;		     /* that was read last, from 1; 0: none */
	bool has_section;		     /* what follows belongs to one that could be read */
	bool is_lost;			     /* what follows belongs to one that could not */
	bool is_entry;			     /* the line is an entry; inih's calls follow */
	char bytes[CONF_LINE_BYTES_MAX + 1]; /* of the line */
	const char *piece;		     /* in bytes: what inih has not got of it */
	unsigned int n_calls;		     /* of inih for the line */
	char key[CONF_NAME_SIZE + 1];
	char value[CONF_LINE_BYTES_MAX + 1]; /* of n_value bytes */
	size_t n_value;
	int error; /* the first; negative */
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static void complain(struct reading *r, const struct problem *why)
{
	if (r->error == 0)
		r->error = r->handler->complaint(r->handler->context, r->line, why);
}

/* what a line may hold */

/*
 * Bytes of the UTF-8 character at s; 0: there is none. Without surrogates and overlong forms, as
 * RFC 3629 has it.
 */
static size_t utf8_length(const unsigned char *s, size_t n)
{
	static const uint32_t min[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n_char = s[0] < 0x80		? 1
			: (s[0] & 0xe0) == 0xc0 ? 2
			: (s[0] & 0xf0) == 0xe0 ? 3
			: (s[0] & 0xf8) == 0xf0 ? 4
						: 0;
	uint32_t c = n_char > 1 ? s[0] & (0x7fu >> n_char) : s[0];

	if (n_char == 0 || n_char > n)
		return 0;
	for (size_t i = 1; i < n_char; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	return c >= min[n_char] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff) ? n_char : 0;
}

/* Offset of the first byte that is no text; n: all are. */
static size_t find_no_text(const char *line, size_t n)
{
	size_t at = 0;

	while (at < n) {
		unsigned char c = (unsigned char)line[at];
		size_t n_char = utf8_length((const unsigned char *)line + at, n - at);

		if (n_char == 0 || (c < ' ' && c != '\t') || c == 0x7f)
			break;
		at += n_char;
	}
	return at;
}

/* Where " ;" or " #" begins, which people take for a comment; NULL. */
static const char *find_comment(const char *line)
{
	for (const char *c = line; (c = strpbrk(c, ";#")); c++)
		if (c > line && is_blank(c[-1]))
			return c;
	return NULL;
}

static int check_entry(const char *line, struct problem *why)
{
	size_t n_key = strcspn(line, "=:");
	const char *comment = find_comment(line);

	if (n_key == 0 || line[n_key] != '=')
		return problem_set(why, -EINVAL, "'%.80s' is neither [Section] nor Key=value",
				   line);
	if (n_key >= CONF_NAME_SIZE)
		return problem_set(why, -EINVAL, "'%.60s...' is too long for a key", line);
	if (comment)
		return problem_set(why, -EINVAL, "'%.60s': a comment stands in a line of its own",
				   comment);
	if (line[strlen(line) - 1] == '\\')
		return problem_set(why, -EINVAL,
				   "a value does not go on in the next line, after a '\\'");
	return 0;
}

/* line begins with '['. */
static int check_section(const char *line, struct problem *why)
{
	size_t n = strlen(line);

	if (n < 3 || line[n - 1] != ']' || memchr(line + 1, ']', n - 2) || n - 2 >= CONF_NAME_SIZE)
		return problem_set(why, -EINVAL, "'%.80s' is not a [Section]", line);
	return 0;
}

/* the way to inih */

/* What inih made of the line before, now that it asks for another. */
static void deliver(struct reading *r)
{
	struct problem why;

	if (!r->is_entry)
		return;
	r->is_entry = false;
	if (r->n_calls == 0) {
		problem_set(&why, 0, "'%.80s' cannot be read", r->bytes);
		complain(r, &why);
	} else if (r->error == 0) {
		r->value[r->n_value] = '\0';
		r->error = r->handler->entry(r->handler->context, r->line, r->key, r->value);
	}
}

static int on_piece(void *context, const char *section, const char *key, const char *value)
{
	struct reading *r = context;
	size_t n = strlen(value);

	(void)section;
	if (r->n_calls++ == 0) {
		r->n_value = 0;
		snprintf(r->key, sizeof(r->key), "%s", key);
	}
	/* always, as pieces of a line are not longer than the line */
	if (n < sizeof(r->value) - r->n_value) {
		memcpy(r->value + r->n_value, value, n);
		r->n_value += n;
	}
	return 1;
}

static void begin_section(struct reading *r)
{
	struct problem why;

	r->has_section = check_section(r->bytes, &why) == 0;
	r->is_lost = !r->has_section;
	if (r->is_lost) {
		complain(r, &why);
	} else if (r->error == 0) {
		r->bytes[strlen(r->bytes) - 1] = '\0';
		r->error = r->handler->section(r->handler->context, r->line, r->bytes + 1);
	}
}

/* Whether bytes, stripped, are an entry for inih; all else is dealt with. */
static bool take_line(struct reading *r)
{
	struct problem why;

	if (!r->bytes[0] || strchr(";#", r->bytes[0]))
		return false;
	if (r->bytes[0] == '[') {
		begin_section(r);
		return false;
	}
	if (r->is_lost)
		return false;
	if (check_entry(r->bytes, &why) == 0) {
		if (r->has_section)
			return true;
		problem_set(&why, 0, "'%.80s' stands before the first [Section]", r->bytes);
	}
	complain(r, &why);
	return false;
}

/* The next line without the white space around it into bytes; false: it cannot be text. */
static bool copy_line(struct reading *r)
{
	const char *newline = memchr(r->rest, '\n', (size_t)(r->end - r->rest));
	const char *line = r->rest, *end = newline ? newline : r->end;
	struct problem why;
	size_t at;

	r->rest = newline ? newline + 1 : r->end;
	r->line++;
	if (end > line && end[-1] == '\r')
		end--;
	while (line < end && is_blank(*line))
		line++;
	while (end > line && is_blank(end[-1]))
		end--;
	at = find_no_text(line, (size_t)(end - line));
	if (line + at < end)
		problem_set(&why, 0, "byte 0x%02x is no text: files are in UTF-8",
			    (unsigned char)line[at]);
	else if (at > CONF_LINE_BYTES_MAX)
		problem_set(&why, 0, "the line is longer than %zu bytes", CONF_LINE_BYTES_MAX);
	else {
		memcpy(r->bytes, line, at);
		r->bytes[at] = '\0';
		return true;
	}
	if (line < end && *line == '[') {
		r->has_section = false;
		r->is_lost = true;
	}
	complain(r, &why);
	return false;
}

/*
 * Bytes of the next piece, at most n_max: the next one must begin with what inih neither strips nor
 * takes for a comment, and this one end so.
 */
static size_t piece_length(const char *piece, size_t n_max)
{
	size_t n = strlen(piece);

	if (n <= n_max)
		return n;
	for (n = n_max; n > 0; n--)
		if (!strchr(" \t;#", piece[n]) && !is_blank(piece[n - 1]))
			return n;
	return 0;
}

/* The next piece as a line of inih, indented if it is not the first. False: it does not fit. */
static bool hand_on(struct reading *r, char *line, size_t size)
{
	bool is_first = r->piece == r->bytes;
	size_t n_max = size > 4 ? size - 4 : 0; /* a space, the newline, the NUL, one to spare */
	size_t n = piece_length(r->piece, n_max);
	size_t n_key = strcspn(r->bytes, "=") + 1;

	if (n == 0 || (is_first && n < strlen(r->bytes) && n < n_key))
		return false;
	snprintf(line, size, "%s%.*s\n", is_first ? "" : " ", (int)n, r->piece);
	r->piece += n;
	return true;
}

/* Like fgets(3): the next line that is inih's; NULL at the end. */
static char *read_line(char *line, int size, void *context)
{
	struct reading *r = context;

	if (r->is_entry && *r->piece && hand_on(r, line, (size_t)size))
		return line;
	if (r->is_entry && *r->piece)
		r->n_calls = 0; /* what was handed on is not the whole value */
	deliver(r);
	while (r->rest < r->end && r->error == 0) {
		if (!copy_line(r) || !take_line(r))
			continue;
		r->is_entry = true;
		r->n_calls = 0;
		r->piece = r->bytes;
		if (hand_on(r, line, (size_t)size))
			return line;
		deliver(r);
	}
	return NULL;
}

int conf_file_read(const char *text, size_t n_bytes, const struct conf_file_handler *handler)
{
	static const char bom[] = "\xef\xbb\xbf";
	struct reading *r cleanup(free_cleanup) = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->handler = handler;
	r->rest = text;
	r->end = text + n_bytes;
	if (n_bytes >= strlen(bom) && memcmp(text, bom, strlen(bom)) == 0)
		r->rest += strlen(bom);
	if (ini_parse_stream(read_line, r, on_piece, r) == -2)
		return -ENOMEM;
	return r->error;
}
