/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A connection without a socket, over a handler that answers by the method:
 *
 *	GetStatus  {"n": number of the call}	Dump    later, by the test
 *	Reload     an error			Monitor later, by the test
 *	others     an empty object
 */

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "base/macros.h"
#include "control/connection.h"
#include "control/control.h"

struct example {
	struct connection_shared shared;
	struct connection connection;
	uint64_t usec;
	struct control_call *waiting; /* Dump or Monitor */
	unsigned int n_calls, n_gone, n_room_wanted;
	enum control_method last;
	char parameters[512]; /* of the last */
};

static inline struct json_object *example_number(const char *key, int64_t number)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, key, json_object_new_int64(number));
	return object;
}

static inline void example_on_call(void *context, enum control_method method,
				   struct json_object *parameters, struct control_call *call)
{
	struct example *e = context;
	const char *text = json_object_to_json_string_ext(parameters, JSON_C_TO_STRING_PLAIN);

	e->n_calls++;
	e->last = method;
	strncpy(e->parameters, text, sizeof(e->parameters) - 1);
	if (method == CONTROL_DUMP || method == CONTROL_MONITOR)
		e->waiting = call;
	else if (method == CONTROL_RELOAD)
		control_error_text(call, CONTROL_ERROR_FAILED, "reason", "no");
	else
		control_reply(call, method == CONTROL_GET_STATUS ? example_number("n", e->n_calls)
								 : NULL);
}

static inline void example_on_gone(void *context, struct control_call *call)
{
	struct example *e = context;

	e->n_gone++;
	if (e->waiting == call)
		e->waiting = NULL;
}

static inline uint64_t example_now(void *context)
{
	return ((struct example *)context)->usec;
}

static inline void example_on_change(void *context, struct connection *connection)
{
	(void)context, (void)connection;
}

static inline void example_make_room(void *context, struct connection *connection, size_t n_bytes)
{
	(void)connection, (void)n_bytes;
	((struct example *)context)->n_room_wanted++;
}

static inline int example_init(struct example *e, bool may_change)
{
	*e = (struct example){ .usec = 1000 };
	e->shared = (struct connection_shared){
		.handler = { e, example_on_call, example_on_gone },
		.limits = control_limits_default,
		.version = "1.2.3",
		.context = e,
		.now_usec = example_now,
		.on_change = example_on_change,
		.make_room = example_make_room,
	};
	return connection_init(&e->connection, &e->shared, &(struct peer){ 1000, may_change });
}

/* Gives bytes as far as they are wanted, in pieces. Returns how many were taken. */
static inline size_t example_give(struct example *e, const void *bytes, size_t n_bytes,
				  size_t n_piece)
{
	size_t n_given = 0, n_room, n;
	char *room;

	while (n_given < n_bytes) {
		room = connection_room(&e->connection, &n_room);
		n = n_bytes - n_given < n_piece ? n_bytes - n_given : n_piece;
		n = n < n_room ? n : n_room;
		if (n == 0)
			break;
		memcpy(room, (const char *)bytes + n_given, n);
		connection_received(&e->connection, n);
		n_given += n;
	}
	return n_given;
}
