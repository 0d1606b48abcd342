/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Text in a place of fixed size, and the values of fields in it. Nothing foreign gets through as
 * it is: what is not printable ASCII becomes \xNN, so a value can begin no line of its own.
 */

#include <stdbool.h>
#include <stddef.h>

struct log_field;

struct log_text {
	char *bytes; /* borrowed; not terminated */
	size_t n;
	size_t limit; /* n <= limit */
};

/* Room for the shortest value that is cut: quotes, an escape and "...", or any number. */
#define LOG_TEXT_CUT_BYTES 32u

/* False: no room, and nothing was added. Half a piece would be worse than none. */
bool log_text_bytes(struct log_text *text, const char *bytes, size_t n);
__attribute__((format(printf, 2, 3))) bool log_text_format(struct log_text *text,
							   const char *format, ...);
/*
 * The value of a field; if it is text, cut after LOG_VALUE_BYTES or where the room ends, and then
 * it ends in "...". is_quoted: for a line of key=value, in quotes where it needs them. False: no
 * room even for a cut one, and nothing was added.
 */
bool log_text_value(struct log_text *text, const struct log_field *field, bool is_quoted);
/* Whether there is something to say: no empty place, no text or errno that is not there. */
bool log_text_has_value(const struct log_field *field);
