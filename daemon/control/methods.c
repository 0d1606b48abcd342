/* SPDX-License-Identifier: Apache-2.0 */
#include "methods.h"

#include <json-c/json.h>
#include <string.h>

static const char *const formats[] = { "extbinary", "text", "unsymbolized", NULL };
static const char *const levels[] = { "error", "warning", "notice", "info", "debug", NULL };

/*
 * Dump is for everyone who may connect: a profile is what the group is for. It takes the worker's
 * time at idle priority, and one is in work at a time.
 */
static const struct method methods[N_CONTROL_METHODS] = {
	[CONTROL_GET_STATUS] = { .name = "GetStatus" },
	[CONTROL_GET_METRICS] = { .name = "GetMetrics" },
	[CONTROL_LIST] = { .name = "List",
			   .parameters = { { .name = "buildId", .type = METHOD_TEXT },
					   { .name = "max",
					     .type = METHOD_INT,
					     .min = 1,
					     .max = 10000 } } },
	[CONTROL_DUMP] = { .name = "Dump",
			   .parameters = { { .name = "format",
					     .type = METHOD_WORD,
					     .words = formats } } },
	[CONTROL_MONITOR] = { .name = "Monitor",
			      .needs_more = true,
			      .parameters = { { .name = "intervalMs",
						.type = METHOD_INT,
						.min = 200,
						.max = 60000 },
					      { .name = "max",
						.type = METHOD_INT,
						.min = 1,
						.max = 200 } } },
	[CONTROL_PAUSE] = { .name = "Pause", .access = METHOD_CHANGES },
	[CONTROL_RESUME] = { .name = "Resume", .access = METHOD_CHANGES },
	[CONTROL_RESET] = { .name = "Reset", .access = METHOD_CHANGES },
	[CONTROL_RELOAD] = { .name = "Reload", .access = METHOD_CHANGES },
	[CONTROL_SET_LOG_LEVEL] = { .name = "SetLogLevel",
				    .access = METHOD_CHANGES,
				    .parameters = { { .name = "level",
						      .type = METHOD_WORD,
						      .is_needed = true,
						      .words = levels } } },
};

const struct method *methods_get(enum control_method method)
{
	return &methods[method];
}

const char *control_method_name(enum control_method method)
{
	return methods[method].name;
}

int methods_find(const char *name, enum control_method *ret_method)
{
	for (size_t i = 0; i < N_CONTROL_METHODS; i++)
		if (strcmp(methods[i].name, name) == 0) {
			*ret_method = (enum control_method)i;
			return 0;
		}
	return METHODS_E_NOT_FOUND;
}

static bool is_known(const struct method *method, const char *name)
{
	for (size_t i = 0; i < METHOD_N_PARAMETERS_MAX && method->parameters[i].name; i++)
		if (strcmp(method->parameters[i].name, name) == 0)
			return true;
	return false;
}

static bool is_text(struct json_object *value)
{
	size_t n;

	if (!json_object_is_type(value, json_type_string))
		return false;
	n = (size_t)json_object_get_string_len(value);
	return n <= METHOD_TEXT_BYTES_MAX && strlen(json_object_get_string(value)) == n;
}

static bool is_word(const char *const *words, const char *text)
{
	for (; *words; words++)
		if (strcmp(*words, text) == 0)
			return true;
	return false;
}

static bool is_allowed(const struct method_parameter *p, struct json_object *value)
{
	switch (p->type) {
	case METHOD_INT:
		return json_object_is_type(value, json_type_int) &&
		       json_object_get_int64(value) >= p->min &&
		       json_object_get_int64(value) <= p->max;
	case METHOD_TEXT:
		return is_text(value);
	case METHOD_WORD:
		return is_text(value) && is_word(p->words, json_object_get_string(value));
	}
	return false;
}

const char *methods_check(const struct method *method, struct json_object *parameters)
{
	json_object_object_foreach(parameters, key, ignored)
	{
		(void)ignored;
		if (!is_known(method, key))
			return key;
	}
	for (size_t i = 0; i < METHOD_N_PARAMETERS_MAX && method->parameters[i].name; i++) {
		const struct method_parameter *p = &method->parameters[i];
		struct json_object *value = json_object_object_get(parameters, p->name);

		if (value ? !is_allowed(p, value) : p->is_needed)
			return p->name;
		if (!value)
			json_object_object_del(parameters, p->name);
	}
	return NULL;
}
