/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Building JSON straight through: the first failure, which is of memory, makes *ok false, what
 * follows does no harm, and the caller asks once at the end.
 */

#include <stdbool.h>
#include <stdint.h>
#include "base/macros.h"

struct buf;
struct json_object;

/* use: none makes *ok true */

/* Takes value; NULL of either is a failure. */
void json_add(struct json_object *object, const char *key, struct json_object *value, bool *ok);
void json_push(struct json_object *array, struct json_object *value, bool *ok); /* likewise */
/* What is not printable ASCII becomes '?'; NULL becomes null. */
void json_add_text(struct json_object *object, const char *key, const char *text, bool *ok);
void json_add_u64(struct json_object *object, const char *key, uint64_t number, bool *ok);
void json_add_bool(struct json_object *object, const char *key, bool value, bool *ok);
/* Nine digits; what is no number (infinite, NaN) becomes null. */
void json_add_double(struct json_object *object, const char *key, double number, bool *ok);
/* "2026-11-21T19:00:00Z" of microseconds since 1970; 0 becomes null. */
void json_add_utc(struct json_object *object, const char *key, uint64_t usec, bool *ok);
/* Appends the object as text, and a newline; takes root. 0; -ENOMEM: not ok, or NULL; buf->error.
 */
must_check int json_write(struct json_object *root, bool ok, struct buf *buf);
