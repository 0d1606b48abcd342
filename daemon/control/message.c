/* SPDX-License-Identifier: Apache-2.0 */
#include "message.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdint.h>
#include <string.h>
#include "base/problem.h"

static void tokener_cleanup(struct json_tokener **tokener)
{
	if (*tokener)
		json_tokener_free(*tokener);
}

static int malformed(struct problem *problem, const char *what)
{
	return problem_set(problem, MESSAGE_E_MALFORMED, "message: %s", what);
}

/* Of the sequence that begins at p, as RFC 3629 has it; 0: none does. */
static size_t utf8_length(const uint8_t *p, size_t n_bytes)
{
	/* the smallest second byte that is no longer form of a shorter one; the largest */
	const uint8_t min = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
	const uint8_t max = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
	size_t n;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (n_bytes < n || p[1] < min || p[1] > max)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

/* json-c 0.16 looks only at how many bytes follow, not at what they mean. */
static bool is_utf8(const char *text, size_t n_bytes)
{
	const uint8_t *p = (const uint8_t *)text;

	while (n_bytes > 0) {
		size_t n = utf8_length(p, n_bytes);

		if (n == 0)
			return false;
		p += n;
		n_bytes -= n;
	}
	return true;
}

/* json-c 0.16 tells running out of memory from bad text only by finding nothing to say. */
static int parse_failed(enum json_tokener_error error, struct problem *problem)
{
	return malformed(problem, error == json_tokener_continue ? "ends within a value"
								 : json_tokener_error_desc(error));
}

static int parse_object(const char *text, size_t n_bytes, struct json_object **ret_root,
			struct problem *problem)
{
	cleanup(tokener_cleanup) struct json_tokener *tokener =
		json_tokener_new_ex(MESSAGE_DEPTH_MAX);
	struct json_object *root;

	if (!tokener)
		return -ENOMEM;
	if (n_bytes == 0)
		return malformed(problem, "is empty");
	if (!is_utf8(text, n_bytes))
		return malformed(problem, "is not UTF-8");
	/* strict: nothing may follow, either */
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	root = json_tokener_parse_ex(tokener, text, (int)n_bytes);
	if (!root && json_tokener_get_error(tokener) != json_tokener_success)
		return parse_failed(json_tokener_get_error(tokener), problem);
	if (!json_object_is_type(root, json_type_object)) {
		json_object_put(root);
		return malformed(problem, "is no object");
	}
	*ret_root = root;
	return 0;
}

static int take_bool(struct json_object *value, bool *flag, struct problem *problem)
{
	if (!json_object_is_type(value, json_type_boolean))
		return malformed(problem, "oneway, more and upgrade are true or false");
	*flag = json_object_get_boolean(value);
	return 0;
}

static int take_method(struct json_object *value, struct message_call *call,
		       struct problem *problem)
{
	if (!json_object_is_type(value, json_type_string))
		return malformed(problem, "method is no string");
	call->method = json_object_get_string(value);
	/* "\u0000" is a way to write a NUL */
	if (strlen(call->method) != (size_t)json_object_get_string_len(value))
		return malformed(problem, "method has a NUL inside");
	return 0;
}

static int take_parameters(struct json_object *value, struct message_call *call,
			   struct problem *problem)
{
	if (value && !json_object_is_type(value, json_type_object))
		return malformed(problem, "parameters are no object");
	call->parameters = value;
	return 0;
}

static int take_member(const char *key, struct json_object *value, struct message_call *call,
		       struct problem *problem)
{
	if (strcmp(key, "method") == 0)
		return take_method(value, call, problem);
	if (strcmp(key, "parameters") == 0)
		return take_parameters(value, call, problem);
	if (strcmp(key, "oneway") == 0)
		return take_bool(value, &call->is_oneway, problem);
	if (strcmp(key, "more") == 0)
		return take_bool(value, &call->has_more, problem);
	if (strcmp(key, "upgrade") == 0)
		return take_bool(value, &call->is_upgrade, problem);
	return malformed(problem, "has a key that no call has");
}

static int take_members(struct message_call *call, struct problem *problem)
{
	json_object_object_foreach(call->root, key, value)
	{
		int r = take_member(key, value, call, problem);

		if (r != 0)
			return r;
	}
	return call->method ? 0 : malformed(problem, "has no method");
}

int message_parse(const char *text, size_t n_bytes, struct message_call *ret_call,
		  struct problem *problem)
{
	struct message_call call = { 0 };
	int r = parse_object(text, n_bytes, &call.root, problem);

	if (r != 0)
		return r;
	r = take_members(&call, problem);
	if (r != 0)
		message_call_deinit(&call);
	else
		*ret_call = call;
	return r;
}

void message_call_deinit(struct message_call *call)
{
	json_object_put(call->root);
	*call = (struct message_call){ 0 };
}

/* Takes value. */
static bool add(struct json_object *object, const char *key, struct json_object *value)
{
	if (value && json_object_object_add(object, key, value) == 0)
		return true;
	json_object_put(value);
	return false;
}

struct json_object *message_reply(const char *error, struct json_object *parameters,
				  bool has_more_to_come)
{
	struct json_object *root = json_object_new_object();

	if (!parameters)
		parameters = json_object_new_object();
	if (!root) {
		json_object_put(parameters);
		return NULL;
	}
	if ((error && !add(root, "error", json_object_new_string(error))) ||
	    (has_more_to_come && !add(root, "continues", json_object_new_boolean(true)))) {
		json_object_put(parameters);
		json_object_put(root);
		return NULL;
	}
	if (add(root, "parameters", parameters))
		return root;
	json_object_put(root);
	return NULL;
}

struct json_object *message_text(const char *key, const char *text)
{
	struct json_object *object = json_object_new_object();

	if (object && add(object, key, json_object_new_string(text)))
		return object;
	json_object_put(object);
	return NULL;
}
