/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json-c makes a tree of it, of bounded depth as its length is bounded. Each getter below takes one
 * key of an object and notes what is wrong in the reader, the first of it; so a structure is read
 * straight through and asked about once. What is missing is not known: older daemons did not write
 * all of it. What is there has to be of its type.
 */
#include "manifest_read.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include "profile/ranges.h"

#define DEPTH_MAX 16

struct reader {
	const char *wrong; /* NULL: nothing so far */
};

static void note(struct reader *r, const char *wrong)
{
	if (!r->wrong)
		r->wrong = wrong;
}

/* NULL: it is not there, or null. */
static struct json_object *find(struct json_object *object, const char *key)
{
	struct json_object *value;

	return object && json_object_object_get_ex(object, key, &value) ? value : NULL;
}

static struct json_object *take(struct reader *r, struct json_object *object, const char *key,
				enum json_type type)
{
	struct json_object *value = find(object, key);

	if (value && json_object_get_type(value) != type) {
		note(r, key);
		return NULL;
	}
	return value;
}

static uint64_t take_u64(struct reader *r, struct json_object *object, const char *key)
{
	struct json_object *value = take(r, object, key, json_type_int);

	if (value && json_object_get_int64(value) < 0)
		note(r, key);
	return value ? json_object_get_uint64(value) : 0;
}

static bool take_bool(struct reader *r, struct json_object *object, const char *key)
{
	struct json_object *value = take(r, object, key, json_type_boolean);

	return value && json_object_get_boolean(value);
}

/* A double that is whole may be written as an integer. */
static double take_share(struct reader *r, struct json_object *object, const char *key)
{
	struct json_object *value = find(object, key);
	bool is_number;
	double share;

	if (!value)
		return SHARE_UNKNOWN;
	is_number = json_object_is_type(value, json_type_double) ||
		    json_object_is_type(value, json_type_int);
	share = json_object_get_double(value);
	if (!is_number || !(share >= 0 && share <= 1)) {
		note(r, key);
		return SHARE_UNKNOWN;
	}
	return share;
}

static void take_text(struct reader *r, struct json_object *object, const char *key, char *text,
		      size_t size)
{
	struct json_object *value = take(r, object, key, json_type_string);
	const char *from = value ? json_object_get_string(value) : "";
	size_t n = value ? (size_t)json_object_get_string_len(value) : 0;

	if (n >= size) {
		note(r, key);
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (from[i] < ' ' || from[i] > '~')
			note(r, key);
	memcpy(text, from, n);
	text[n] = '\0';
}

/* parts */

static void take_kernel(struct reader *r, struct json_object *kernel, struct manifest_read *m)
{
	take_text(r, kernel, "release", m->release, sizeof(m->release));
	take_text(r, kernel, "machine", m->machine, sizeof(m->machine));
	take_text(r, kernel, "buildId", m->build_id, sizeof(m->build_id));
	if (m->build_id[strspn(m->build_id, "0123456789abcdef")])
		note(r, "buildId");
	m->built_usec = take_u64(r, kernel, "builtUsec");
}

static void take_interval(struct reader *r, struct json_object *interval, struct manifest_read *m)
{
	m->begin_usec = take_u64(r, interval, "beginUsec");
	m->end_usec = take_u64(r, interval, "endUsec");
	m->is_accumulated = take_bool(r, interval, "isAccumulated");
}

static void take_samples(struct reader *r, struct json_object *samples, struct manifest_read *m)
{
	m->n_taken = take_u64(r, samples, "taken");
	m->n_used = take_u64(r, samples, "used");
	m->n_lost = take_u64(r, samples, "lost");
	if (m->n_lost > m->n_taken || m->n_used > m->n_taken - m->n_lost)
		note(r, "taken");
	m->lost_share = m->n_taken ? (double)m->n_lost / (double)m->n_taken : SHARE_UNKNOWN;
}

static void take_ranges(struct reader *r, struct json_object *ranges, struct manifest_read *m)
{
	const struct range_health health = {
		.n_pairs = take_u64(r, ranges, "pairs"),
		.n_external = take_u64(r, ranges, "external"),
		.n_bogus = take_u64(r, ranges, "bogus"),
		.n_dropped_cross = take_u64(r, ranges, "droppedCross"),
		.n_too_long = take_u64(r, ranges, "tooLong"),
	};

	m->invalid_share = ranges_invalid_share(&health);
}

static void take_profile(struct reader *r, struct json_object *profile, struct manifest_read *m)
{
	m->has_profile = take_bool(r, profile, "isThere");
	m->is_ip_only = take_bool(r, profile, "isIpOnly");
	m->overlap = take_share(r, profile, "overlap");
	take_text(r, profile, "previous", m->previous, sizeof(m->previous));
	take_text(r, profile, "verdict", m->verdict, sizeof(m->verdict));
	take_text(r, profile, "reason", m->reason, sizeof(m->reason));
	take_ranges(r, take(r, profile, "ranges", json_type_object), m);
}

/* files */

static int digit_of(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void take_hash(struct reader *r, struct json_object *file, uint8_t sha256[])
{
	char hex[2 * MANIFEST_SHA256_BYTES + 1] = "";

	take_text(r, file, "sha256", hex, sizeof(hex));
	if (strlen(hex) != sizeof(hex) - 1) {
		note(r, "sha256");
		return;
	}
	for (size_t i = 0; i < MANIFEST_SHA256_BYTES; i++) {
		int high = digit_of(hex[2 * i]), low = digit_of(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			note(r, "sha256");
		sha256[i] = (uint8_t)((unsigned int)high << 4 | (unsigned int)low);
	}
}

static void take_file(struct reader *r, struct json_object *object, struct manifest_read_file *file)
{
	if (!json_object_is_type(object, json_type_object)) {
		note(r, "files");
		return;
	}
	take_text(r, object, "name", file->name, sizeof(file->name));
	if (!file->name[0] || file->name[0] == '.' || strchr(file->name, '/'))
		note(r, "name");
	take_text(r, object, "format", file->format, sizeof(file->format));
	file->n_bytes = take_u64(r, object, "bytes");
	take_hash(r, object, file->sha256);
}

static void take_files(struct reader *r, struct json_object *files, struct manifest_read *m)
{
	size_t n = files ? json_object_array_length(files) : 0;

	if (n > MANIFEST_FILES_MAX) {
		note(r, "files");
		return;
	}
	for (; m->n_files < n; m->n_files++)
		take_file(r, json_object_array_get_idx(files, m->n_files), &m->files[m->n_files]);
}

/* the whole */

static int take_manifest(struct json_object *root, struct manifest_read *m, struct problem *problem)
{
	struct reader r = { NULL };
	uint64_t schema = take_u64(&r, root, "schema");

	if (!r.wrong && schema == 0)
		return problem_set(problem, -EBADMSG, "manifest: it names no schema");
	if (!r.wrong && schema != MANIFEST_SCHEMA)
		return problem_set(problem, -ENOTSUP, "manifest: schema %llu, we know %d",
				   (unsigned long long)schema, MANIFEST_SCHEMA);
	take_kernel(&r, take(&r, root, "kernel", json_type_object), m);
	take_interval(&r, take(&r, root, "interval", json_type_object), m);
	take_samples(&r, take(&r, root, "samples", json_type_object), m);
	take_profile(&r, take(&r, root, "profile", json_type_object), m);
	take_files(&r, take(&r, root, "files", json_type_array), m);
	if (r.wrong)
		return problem_set(problem, -EBADMSG, "manifest: '%s' cannot be that", r.wrong);
	return 0;
}

static bool is_blank(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strchr(" \t\r\n", text[i]) || !text[i])
			return false;
	return true;
}

static int parse(struct json_tokener *tokener, const void *data, size_t n_bytes,
		 struct json_object **ret_root, struct problem *problem)
{
	struct json_object *root = json_tokener_parse_ex(tokener, data, (int)n_bytes);
	enum json_tokener_error error = json_tokener_get_error(tokener);
	size_t n = json_tokener_get_parse_end(tokener);
	const char *why = NULL;

	if (error == json_tokener_continue)
		why = "it is cut";
	else if (error != json_tokener_success)
		why = json_tokener_error_desc(error);
	else if (!json_object_is_type(root, json_type_object))
		why = "it is no object";
	else if (!is_blank((const char *)data + n, n_bytes - n))
		why = "something follows";
	if (!why) {
		*ret_root = root;
		return 0;
	}
	json_object_put(root);
	return problem_set(problem, -EBADMSG, "manifest: offset %zu: %s", n, why);
}

int manifest_read(const void *data, size_t n_bytes, struct manifest_read *ret_manifest,
		  struct problem *problem)
{
	struct manifest_read manifest = { 0 };
	struct json_tokener *tokener;
	struct json_object *root = NULL;
	int r;

	if (n_bytes > MANIFEST_READ_BYTES_MAX)
		return problem_set(problem, -E2BIG, "manifest: longer than %zu bytes",
				   MANIFEST_READ_BYTES_MAX);
	tokener = json_tokener_new_ex(DEPTH_MAX);
	if (!tokener)
		return -ENOMEM;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS);
	r = parse(tokener, data, n_bytes, &root, problem);
	json_tokener_free(tokener);
	if (r < 0)
		return r;
	r = take_manifest(root, &manifest, problem);
	json_object_put(root);
	if (r == 0)
		*ret_manifest = manifest;
	return r;
}

const struct manifest_read_file *manifest_find_bytes(const struct manifest_read *manifest,
						     const void *data, size_t n_bytes)
{
	uint8_t sha256[MANIFEST_SHA256_BYTES];

	manifest_hash(data, n_bytes, sha256);
	for (size_t i = 0; i < manifest->n_files; i++) {
		const struct manifest_read_file *file = &manifest->files[i];

		if (file->n_bytes == n_bytes && memcmp(file->sha256, sha256, sizeof(sha256)) == 0)
			return file;
	}
	return NULL;
}

const struct manifest_read_file *manifest_find_format(const struct manifest_read *manifest,
						      const char *format)
{
	for (size_t i = 0; i < manifest->n_files; i++)
		if (strcmp(manifest->files[i].format, format) == 0)
			return &manifest->files[i];
	return NULL;
}
