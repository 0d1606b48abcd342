/* SPDX-License-Identifier: Apache-2.0 */
#include "errors.h"

#include "base/buf.h"
#include "base/macros.h"

/* Files and their names must not write control sequences to a terminal. */
static char printable(char c)
{
	if (c < ' ' || c > '~')
		return '?';
	return c;
}

static void copy(const char *from, char *to, size_t size)
{
	size_t n = 0;

	for (; from && from[n] && n < size - 1; n++)
		to[n] = printable(from[n]);
	to[n] = '\0';
}

void conf_errors_add(struct conf_errors *errors, const char *path, unsigned int line,
		     const char *section, const char *key, const char *value,
		     const struct problem *why)
{
	struct conf_error *error;

	if (errors->n++ >= CONF_N_ERRORS_MAX)
		return;
	error = &errors->items[errors->n - 1];
	error->path = path;
	error->line = line;
	copy(section, error->section, sizeof(error->section));
	copy(key, error->key, sizeof(error->key));
	copy(value, error->value, sizeof(error->value));
	error->why = *why;
}

size_t conf_errors_n_kept(const struct conf_errors *errors)
{
	return errors->n < CONF_N_ERRORS_MAX ? errors->n : CONF_N_ERRORS_MAX;
}

void conf_error_show(const struct conf_error *error, struct buf *text)
{
	for (const char *c = error->path; c && *c; c++)
		buf_u8(text, (uint8_t)printable(*c));
	if (error->line)
		buf_printf(text, ":%u", error->line);
	if (error->path)
		buf_str(text, ": ");
	if (error->section[0])
		buf_printf(text, "[%s] ", error->section);
	if (error->key[0])
		buf_printf(text, "%s: ", error->key);
	buf_str(text, error->why.text);
}
