/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One message of Varlink's wire, without its NUL: a JSON object.
 *
 *	call	{"method": "io.autofdod.Dump", "parameters": {…}, "more": true}
 *	reply	{"parameters": {…}, "continues": true}
 *	error	{"error": "io.autofdod.Failed", "parameters": {…}}
 */

#include <stdbool.h>
#include <stddef.h>
#include "base/macros.h"

struct json_object;
struct problem;

/* Objects and arrays within each other. */
#define MESSAGE_DEPTH_MAX 16

struct message_call {
	struct json_object *root;	/* owned */
	const char *method;		/* of root; UTF-8 without a NUL inside */
	struct json_object *parameters; /* of root: an object; NULL: none were given */
	bool is_oneway, has_more, is_upgrade;
};

#define MESSAGE_E_MALFORMED 1
/* text has no NUL inside. 0; MESSAGE_E_MALFORMED and its sentence; -ENOMEM. */
must_check int message_parse(const char *text, size_t n_bytes, struct message_call *ret_call,
			     struct problem *problem);
void message_call_deinit(struct message_call *call); /* accepts a null-initialised one */

/*
 * A reply; error NULL: none. Takes parameters; NULL stands for an empty object. The object to be
 * written and put, or NULL: out of memory.
 */
struct json_object *message_reply(const char *error, struct json_object *parameters,
				  bool has_more_to_come);
/* An object with one text; NULL: out of memory. */
struct json_object *message_text(const char *key, const char *text);
