/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What somebody writes to the control socket: framing, JSON, methods and parameters, through the
 * connection without its socket. The first byte says who he is and how his bytes are cut; the owner
 * answers some calls at once, some later. Every call is answered or gone, and nothing is left.
 */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include "control/connection.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

struct owner {
	struct control_call *waiting;
	uint64_t usec, n_calls, n_ends;
};

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static void on_call(void *context, enum control_method method, struct json_object *parameters,
		    struct control_call *call)
{
	struct owner *owner = context;

	owner->n_calls++;
	must(!owner->waiting && json_object_is_type(parameters, json_type_object));
	if (method == CONTROL_DUMP || method == CONTROL_MONITOR) {
		control_continue(call, json_object_get(parameters));
		owner->waiting = call;
		return;
	}
	owner->n_ends++;
	control_reply(call, json_object_get(parameters));
}

static void on_gone(void *context, struct control_call *call)
{
	struct owner *owner = context;

	must(owner->waiting == call);
	owner->waiting = NULL;
	owner->n_ends++;
}

static uint64_t now_usec(void *context)
{
	return ++((struct owner *)context)->usec;
}

static void on_change(void *context, struct connection *connection)
{
	(void)context, (void)connection;
}

static void make_room(void *context, struct connection *connection, size_t n_needed)
{
	(void)context, (void)n_needed;
	connection_drop(connection, CONNECTION_SLOW);
}

/* Reads a piece of the output, and lets one message be looked at. */
static void work(struct owner *owner, struct connection *c, size_t n_piece)
{
	size_t n;
	const uint8_t *bytes = connection_output(c, &n);

	must(n == 0 || bytes);
	connection_sent(c, n < n_piece ? n : n_piece);
	if (owner->waiting && n_piece % 3 == 0) {
		owner->n_ends++;
		control_error_text(steal_ptr(owner->waiting), CONTROL_ERROR_FAILED, "reason", "");
	}
	if (connection_is_ready(c))
		connection_step(c);
	connection_check_time(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	const size_t n_piece = n_bytes ? 1 + (data[0] & 0x7f) : 1;
	struct owner owner = { 0 };
	struct connection_shared shared = {
		.handler = { &owner, on_call, on_gone },
		.limits = control_limits_default,
		.context = &owner,
		.now_usec = now_usec,
		.on_change = on_change,
		.make_room = make_room,
	};
	struct connection c;

	shared.limits.message_bytes = 1000;
	shared.limits.stream_bytes = 2000;
	shared.limits.reply_bytes = 4000;
	if (n_bytes == 0 || connection_init(&c, &shared, &(struct peer){ 1, data[0] >> 7 }) < 0)
		return 0;
	for (size_t i = 1; i < n_bytes && !connection_is_over(&c);) {
		size_t n_room, n = n_bytes - i < n_piece ? n_bytes - i : n_piece;
		char *room = connection_room(&c, &n_room);

		n = n < n_room ? n : n_room;
		if (n > 0)
			memcpy(room, data + i, n);
		connection_received(&c, n);
		i += n;
		work(&owner, &c, n ? n_piece : SIZE_MAX);
		if (n == 0 && owner.waiting)
			break;
	}
	connection_end_input(&c);
	for (unsigned int i = 0; i < 1000 && !connection_is_over(&c); i++)
		work(&owner, &c, SIZE_MAX - 3 + i % 4);
	connection_end_output(&c);
	connection_deinit(&c);
	must(owner.n_ends == owner.n_calls && shared.n_output_bytes == 0);
	return 0;
}
