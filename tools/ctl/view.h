/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Showing JSON to people. What is not there, or of another type, is left out: an older daemon has
 * less to say, a newer one more.
 */

#include <stdbool.h>
#include <stddef.h>

struct json_object;

/* values, by a path of keys with dots between */

struct json_object *view_at(struct json_object *root, const char *path); /* borrowed, or NULL */
bool view_number(struct json_object *root, const char *path, double *ret_number);
double view_number_or(struct json_object *root, const char *path, double other);
const char *view_text(struct json_object *root, const char *path); /* or NULL */

/* Into text of size bytes, which is returned. */

/* "812", "12.3 k", "4.56 M" */
const char *view_count(double n, char *text, size_t size);
/* "45 s", "12 min", "3 h 12 min", "2 d 4 h" */
const char *view_time(double seconds, char *text, size_t size);
/* "0.02 %" of a share, with digits that say something */
const char *view_share(double share, char *text, size_t size);
/* Seconds since a "2026-11-21T19:00:00Z"; negative if it is none. */
double view_age(const char *utc, double now_s);

#define VIEW_SIZE 40u
#define VIEW_LINES_MAX 4u

/* A terminal that knows how to move its cursor. */
bool view_moves(int fd);

/* lines on stdout */

/* Columns of the terminal, 20 at least; 0: stdout is none. */
unsigned int view_columns(void);
/*
 * "Label      text", cut to the terminal's width, with '?' for what is not printable. A label of
 * NULL: text alone; "": text under a label.
 */
void view_line(const char *label, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* As many lines as it takes, VIEW_LINES_MAX at most, broken at blanks; elsewhere one. */
void view_wrapped(const char *label, const char *text);
/* Of the daemon, as it is; on a terminal without what could write to it. */
void view_raw(const char *text);
/* The object on one line, or on several for people to read. */
void view_json(struct json_object *object, bool is_pretty);
/* Not cut: with a path, which somebody wants to copy. */
void view_whole_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
