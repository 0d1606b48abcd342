/* SPDX-License-Identifier: Apache-2.0 */
#include "log_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "log.h"

bool log_text_bytes(struct log_text *text, const char *bytes, size_t n)
{
	if (n > text->limit - text->n)
		return false;
	memcpy(text->bytes + text->n, bytes, n);
	text->n += n;
	return true;
}

bool log_text_format(struct log_text *text, const char *format, ...)
{
	char piece[160];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(piece, sizeof(piece), format, args);
	va_end(args);
	return n >= 0 && (size_t)n < sizeof(piece) && log_text_bytes(text, piece, (size_t)n);
}

/* Needs no quotes: nothing that a shell, a parser of logfmt or a person would stumble over. */
static bool is_plain(const char *value)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789_.,:;/+-%@~()[]";

	return *value && !value[strspn(value, plain)];
}

static bool add_char(struct log_text *text, unsigned char c, bool is_quoted)
{
	char escape[8];

	if (is_quoted && (c == '"' || c == '\\'))
		return log_text_bytes(text, c == '"' ? "\\\"" : "\\\\", 2);
	if (c >= ' ' && c <= '~')
		return log_text_bytes(text, (const char *)&c, 1);
	snprintf(escape, sizeof(escape), "\\x%02x", c);
	return log_text_bytes(text, escape, 4);
}

/* Cut where it is too long or the text full: with LOG_TEXT_CUT_BYTES the end finds room. */
static bool add_chars(struct log_text *text, const char *value, bool is_quoted)
{
	static const char end[] = "...\"";
	size_t n_taken = 0;

	if (text->limit - text->n < LOG_TEXT_CUT_BYTES)
		return false;
	if (is_quoted)
		log_text_bytes(text, "\"", 1);
	for (; value[n_taken] && n_taken < LOG_VALUE_BYTES; n_taken++)
		if (text->limit - text->n < 4 + strlen(end) ||
		    !add_char(text, (unsigned char)value[n_taken], is_quoted))
			break;
	if (value[n_taken])
		log_text_bytes(text, end, 3);
	if (is_quoted)
		log_text_bytes(text, "\"", 1);
	return true;
}

static bool add_words(struct log_text *text, const char *value, bool is_quoted)
{
	return (is_plain(value) && strlen(value) <= LOG_VALUE_BYTES &&
		log_text_bytes(text, value, strlen(value))) ||
	       add_chars(text, value, is_quoted);
}

bool log_text_value(struct log_text *text, const struct log_field *field, bool is_quoted)
{
	switch (field->type) {
	case LOG_FIELD_NONE:
		return false;
	case LOG_FIELD_TEXT:
		return add_words(text, field->text, is_quoted);
	case LOG_FIELD_UNSIGNED:
		return log_text_format(text, "%llu", (unsigned long long)field->u64);
	case LOG_FIELD_SIGNED:
		return log_text_format(text, "%lld", (long long)field->i64);
	case LOG_FIELD_SHARE:
		return log_text_format(text, "%.3f%%", field->share * 100);
	case LOG_FIELD_SECONDS:
		return log_text_format(text, "%llu.%03llus",
				       (unsigned long long)(field->u64 / 1000000000u),
				       (unsigned long long)(field->u64 / 1000000u % 1000u));
	case LOG_FIELD_ERRNO:
		return log_text_format(text, "%lld", (long long)-field->i64);
	}
	return false;
}

bool log_text_has_value(const struct log_field *field)
{
	switch (field->type) {
	case LOG_FIELD_NONE:
		return false;
	case LOG_FIELD_TEXT:
		return field->text != NULL;
	case LOG_FIELD_ERRNO:
		return field->i64 < 0;
	case LOG_FIELD_UNSIGNED:
	case LOG_FIELD_SIGNED:
	case LOG_FIELD_SHARE:
	case LOG_FIELD_SECONDS:
		return true;
	}
	return false;
}
