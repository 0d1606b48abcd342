/* SPDX-License-Identifier: Apache-2.0 */
#include "json_build.h"

#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "base/buf.h"

void json_add(struct json_object *object, const char *key, struct json_object *value, bool *ok)
{
	if (!object || !value || json_object_object_add(object, key, value) != 0) {
		json_object_put(value);
		*ok = false;
	}
}

void json_push(struct json_object *array, struct json_object *value, bool *ok)
{
	if (!array || !value || json_object_array_add(array, value) != 0) {
		json_object_put(value);
		*ok = false;
	}
}

/* json-c stands for null by NULL, which is no failure here. */
static void add_null(struct json_object *object, const char *key, bool *ok)
{
	if (!object || json_object_object_add(object, key, NULL) != 0)
		*ok = false;
}

void json_add_text(struct json_object *object, const char *key, const char *text, bool *ok)
{
	char *copy;

	if (!text) {
		add_null(object, key, ok);
		return;
	}
	copy = strdup(text);
	if (!copy) {
		*ok = false;
		return;
	}
	for (char *c = copy; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	json_add(object, key, json_object_new_string(copy), ok);
	free(copy);
}

void json_add_u64(struct json_object *object, const char *key, uint64_t number, bool *ok)
{
	json_add(object, key, json_object_new_uint64(number), ok);
}

void json_add_bool(struct json_object *object, const char *key, bool value, bool *ok)
{
	json_add(object, key, json_object_new_boolean(value), ok);
}

void json_add_double(struct json_object *object, const char *key, double number, bool *ok)
{
	char text[40];

	if (!isfinite(number)) {
		add_null(object, key, ok);
		return;
	}
	snprintf(text, sizeof(text), "%.9g", number);
	json_add(object, key, json_object_new_double_s(number, text), ok);
}

void json_add_utc(struct json_object *object, const char *key, uint64_t usec, bool *ok)
{
	time_t t = (time_t)(usec / 1000000);
	char text[40];
	struct tm tm;

	if (!usec || !gmtime_r(&t, &tm) ||
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		add_null(object, key, ok);
	else
		json_add_text(object, key, text, ok);
}

int json_write(struct json_object *root, bool ok, struct buf *buf)
{
	int flags =
		JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE;
	const char *text = ok && root ? json_object_to_json_string_ext(root, flags) : NULL;

	if (text) {
		buf_str(buf, text);
		buf_u8(buf, '\n');
	}
	json_object_put(root);
	return text ? buf->error : -ENOMEM;
}
