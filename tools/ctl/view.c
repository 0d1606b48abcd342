/* SPDX-License-Identifier: Apache-2.0 */
#include "view.h"

#include <json-c/json.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define LABEL_COLUMNS 11

struct json_object *view_at(struct json_object *root, const char *path)
{
	char key[64];

	while (root && *path) {
		size_t n = strcspn(path, ".");

		if (n >= sizeof(key) || !json_object_is_type(root, json_type_object))
			return NULL;
		memcpy(key, path, n);
		key[n] = '\0';
		root = json_object_object_get(root, key);
		path += n + (path[n] == '.');
	}
	return root;
}

bool view_number(struct json_object *root, const char *path, double *ret_number)
{
	struct json_object *value = view_at(root, path);

	if (!json_object_is_type(value, json_type_int) &&
	    !json_object_is_type(value, json_type_double))
		return false;
	*ret_number = json_object_get_double(value);
	return true;
}

double view_number_or(struct json_object *root, const char *path, double other)
{
	(void)view_number(root, path, &other);
	return other;
}

const char *view_text(struct json_object *root, const char *path)
{
	struct json_object *value = view_at(root, path);

	return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

const char *view_count(double n, char *text, size_t size)
{
	static const char units[] = "kMGTP";
	size_t i;

	if (n < 10000) {
		snprintf(text, size, "%.0f", n);
		return text;
	}
	for (i = 0, n /= 1000; n >= 999.5 && units[i + 1]; i++)
		n /= 1000;
	snprintf(text, size, "%.3g %c", n, units[i]);
	return text;
}

const char *view_time(double seconds, char *text, size_t size)
{
	uint64_t s = seconds > 0 && seconds < 1e15 ? (uint64_t)seconds : 0;

	if (s < 60)
		snprintf(text, size, "%llu s", (unsigned long long)s);
	else if (s < 3600)
		snprintf(text, size, "%llu min", (unsigned long long)s / 60);
	else if (s < 86400)
		snprintf(text, size, "%llu h %llu min", (unsigned long long)s / 3600,
			 (unsigned long long)s / 60 % 60);
	else
		snprintf(text, size, "%llu d %llu h", (unsigned long long)s / 86400,
			 (unsigned long long)s / 3600 % 24);
	return text;
}

const char *view_share(double share, char *text, size_t size)
{
	double percent = 100 * share;

	if (percent > 0 && percent < 0.001)
		snprintf(text, size, "< 0.001 %%");
	else if (percent >= 100 || percent == 0)
		snprintf(text, size, "%.0f %%", percent);
	else
		snprintf(text, size, "%.*f %%", percent < 1 ? 3 : 1, percent);
	return text;
}

double view_age(const char *utc, double now_s)
{
	struct tm tm = { 0 };
	const char *end = utc ? strptime(utc, "%Y-%m-%dT%H:%M:%SZ", &tm) : NULL;

	return end && !*end ? now_s - (double)timegm(&tm) : -1;
}

bool view_moves(int fd)
{
	const char *terminal = getenv("TERM"); /* NOLINT(concurrency-mt-unsafe): one thread */

	return isatty(fd) && terminal && *terminal && strcmp(terminal, "dumb") != 0;
}

unsigned int view_columns(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO))
		return 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return 80;
	return size.ws_col < 20 ? 20 : size.ws_col;
}

/* Returns its length. */
static size_t make_printable(char *line)
{
	size_t n;

	for (n = 0; line[n]; n++)
		if (line[n] < ' ' || line[n] > '~')
			line[n] = '?';
	return n;
}

void view_line(const char *label, const char *format, ...)
{
	unsigned int n_columns = view_columns();
	char line[4096];
	va_list args;
	int n = label ? snprintf(line, sizeof(line), "%-*s", LABEL_COLUMNS, label) : 0;

	va_start(args, format);
	(void)vsnprintf(line + n, sizeof(line) - (size_t)n, format, args);
	va_end(args);
	if (make_printable(line) > n_columns && n_columns > 0)
		memcpy(line + n_columns - 2, "..", sizeof(".."));
	puts(line);
}

/* Escapes of json-c stop below the blank; DEL and, in UTF-8, C1 are a terminal's as well. */
void view_raw(const char *text)
{
	if (!isatty(STDOUT_FILENO)) {
		fputs(text, stdout);
		return;
	}
	for (; *text; text++)
		putchar((*text < ' ' || *text > '~') && *text != '\n' && *text != '\t' ? '?'
										       : *text);
}

void view_json(struct json_object *object, bool is_pretty)
{
	view_raw(json_object_to_json_string_ext(
		object, (is_pretty ? JSON_C_TO_STRING_PRETTY : JSON_C_TO_STRING_PLAIN) |
				JSON_C_TO_STRING_NOSLASHESCAPE));
	putchar('\n');
}

/* How much of text goes into a line of n_columns: up to a blank, if there is one. */
static size_t line_length(const char *text, size_t n_columns)
{
	size_t n = strlen(text);

	if (n <= n_columns)
		return n;
	for (n = n_columns; n > 0 && text[n] != ' '; n--)
		;
	return n > 0 ? n : n_columns;
}

void view_wrapped(const char *label, const char *text)
{
	size_t n_columns = view_columns();

	for (unsigned int i = 1; n_columns > 0 && i < VIEW_LINES_MAX; i++) {
		size_t n = line_length(text, n_columns - LABEL_COLUMNS);

		if (!text[n])
			break;
		view_line(label, "%.*s", (int)n, text);
		label = "";
		text += n + (text[n] == ' ');
	}
	view_line(label, "%s", text);
}

void view_whole_line(const char *format, ...)
{
	char line[PATH_MAX + 100];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	(void)make_printable(line);
	puts(line);
}
