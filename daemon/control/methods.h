/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The table of methods of io.autofdod: who may call each, and with which parameters. A test holds
 * it against the interface's text.
 */

#include <stdbool.h>
#include <stdint.h>
#include "control.h"

/* no interface, or an interface and no such method */
#define METHODS_E_NOT_FOUND 1

enum method_access {
	METHOD_READS,	/* whoever can connect */
	METHOD_CHANGES, /* root, the daemon's user, the group that is configured */
};

enum method_type {
	METHOD_INT,
	METHOD_TEXT, /* at most METHOD_TEXT_BYTES_MAX, no NUL inside */
	METHOD_WORD, /* one of words */
};

#define METHOD_TEXT_BYTES_MAX 256u
#define METHOD_N_PARAMETERS_MAX 2u

struct method_parameter {
	const char *name; /* NULL: no more parameters */
	enum method_type type;
	bool is_needed;
	int64_t min, max;	  /* METHOD_INT */
	const char *const *words; /* METHOD_WORD: up to a NULL */
};

struct method {
	const char *name;
	enum method_access access;
	bool needs_more; /* "more" has to be asked for */
	struct method_parameter parameters[METHOD_N_PARAMETERS_MAX];
};

const struct method *methods_get(enum control_method method);
/* Of a name without the interface. 0; METHODS_E_NOT_FOUND. */
must_check int methods_find(const char *name, enum control_method *ret_method);
/*
 * Takes what is null out of parameters. NULL: all is as the interface wants it; else the name of
 * what is not, alive as long as parameters.
 */
must_check const char *methods_check(const struct method *method, struct json_object *parameters);
