/* SPDX-License-Identifier: Apache-2.0 */
#include "connection.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include "base/problem.h"
#include "call.h"
#include "message.h"

static uint64_t now_usec(const struct connection *c)
{
	return c->shared->now_usec(c->shared->context);
}

static size_t n_unsent(const struct connection *c)
{
	return c->output.n_bytes - c->n_sent;
}

/* lifecycle */

/* Room for one message and its NUL. */
static size_t capacity(const struct connection *c)
{
	return c->shared->limits.message_bytes + 1;
}

int connection_init(struct connection *c, struct connection_shared *shared, const struct peer *peer)
{
	const struct control_limits *limits = &shared->limits;

	*c = (struct connection){ .shared = shared, .peer = *peer };
	c->input = malloc(capacity(c));
	if (!c->input)
		return -ENOMEM;
	/* a stream up to its limit, one more of its replies, the last reply, their NULs */
	c->output.ceiling_bytes = 2 * limits->stream_bytes + limits->reply_bytes + 4;
	c->call.connection = c;
	c->active_usec = now_usec(c);
	return 0;
}

static void forget_output(struct connection *c)
{
	c->shared->n_output_bytes -= n_unsent(c);
	buf_deinit(&c->output);
	c->n_sent = 0;
}

void connection_deinit(struct connection *c)
{
	const struct control_handler *handler = &c->shared->handler;

	if (c->call.is_active && !c->call.is_ours && handler->on_gone)
		handler->on_gone(handler->context, &c->call);
	c->call.is_active = false;
	forget_output(c);
	free(steal_ptr(c->input));
}

/* input */

static void make_room(struct connection *c)
{
	if (c->n_taken == 0)
		return;
	memmove(c->input, c->input + c->n_taken, c->n_input - c->n_taken);
	c->n_input -= c->n_taken;
	c->n_scanned -= c->n_taken;
	c->n_taken = 0;
}

char *connection_room(struct connection *c, size_t *ret_n_bytes)
{
	*ret_n_bytes = 0;
	if (c->end || c->has_input_ended || c->is_closing)
		return NULL;
	make_room(c);
	*ret_n_bytes = capacity(c) - c->n_input;
	return c->input + c->n_input;
}

/* Goes to the NUL, or to the end. */
static void scan(struct connection *c)
{
	const char *nul = memchr(c->input + c->n_scanned, '\0', c->n_input - c->n_scanned);

	c->n_scanned = nul ? (size_t)(nul - c->input) : c->n_input;
}

void connection_received(struct connection *c, size_t n_bytes)
{
	if (n_bytes == 0)
		return;
	if (c->n_input == c->n_taken)
		c->message_usec = now_usec(c);
	c->n_input += n_bytes;
	scan(c);
}

void connection_end_input(struct connection *c)
{
	c->has_input_ended = true;
}

void connection_end_output(struct connection *c)
{
	c->has_input_ended = true;
	c->is_deaf = true;
	forget_output(c);
}

/* work */

static bool has_message(const struct connection *c)
{
	return c->n_scanned < c->n_input;
}

static bool is_too_long(const struct connection *c)
{
	return !has_message(c) && c->n_input - c->n_taken > c->shared->limits.message_bytes;
}

bool connection_is_ready(const struct connection *c)
{
	if (c->end || c->is_closing || c->call.is_active || n_unsent(c) > 0)
		return false;
	return has_message(c) || is_too_long(c);
}

static void refuse_malformed(struct connection *c, const struct problem *problem)
{
	c->shared->figures.n_malformed++;
	c->is_closing = true;
	call_refuse(c, "io.autofdod.MalformedMessage", message_text("reason", problem->text));
}

static void refuse_too_long(struct connection *c)
{
	struct json_object *parameters = json_object_new_object();
	struct json_object *max = json_object_new_int64((int64_t)c->shared->limits.message_bytes);

	if (!parameters || json_object_object_add(parameters, "maxBytes", max) != 0)
		json_object_put(max);
	c->shared->figures.n_malformed++;
	c->is_closing = true;
	call_refuse(c, "io.autofdod.MessageTooLarge", parameters);
}

void connection_step(struct connection *c)
{
	const char *text = c->input + c->n_taken;
	struct message_call message;
	struct problem problem = { "" };
	int r;

	if (!has_message(c)) {
		refuse_too_long(c);
		return;
	}
	r = message_parse(text, c->n_scanned - c->n_taken, &message, &problem);
	c->n_taken = ++c->n_scanned;
	c->message_usec = now_usec(c);
	scan(c);
	if (r < 0) {
		connection_drop(c, CONNECTION_FAILED);
	} else if (r > 0) {
		refuse_malformed(c, &problem);
	} else {
		call_begin(c, &message);
		message_call_deinit(&message);
	}
}

/* output */

/* Whether so many more bytes may be unsent; else somebody, or the client itself, is dropped. */
static bool may_put(struct connection *c, size_t n_bytes, bool is_stream)
{
	struct connection_shared *shared = c->shared;
	const struct control_limits *limits = &shared->limits;

	if (is_stream && n_unsent(c) > limits->stream_bytes)
		return false;
	if (shared->n_output_bytes + n_bytes > limits->output_bytes)
		shared->make_room(shared->context, c, n_bytes);
	return shared->n_output_bytes + n_bytes <= limits->output_bytes;
}

static void put_bytes(struct connection *c, const char *text, size_t n_bytes)
{
	if (n_unsent(c) == 0)
		c->sent_usec = now_usec(c);
	if (c->n_sent > 0) {
		memmove(c->output.data, c->output.data + c->n_sent, n_unsent(c));
		c->output.n_bytes -= c->n_sent;
		c->n_sent = 0;
	}
	buf_append(&c->output, text, n_bytes);
	if (c->output.error) {
		connection_drop(c, CONNECTION_FAILED);
		return;
	}
	c->shared->n_output_bytes += n_bytes;
	c->shared->on_change(c->shared->context, c);
}

static void put_too_large(struct connection *c, size_t n_bytes_max)
{
	struct json_object *parameters = json_object_new_object();
	struct json_object *max = json_object_new_int64((int64_t)n_bytes_max);

	if (!parameters || json_object_object_add(parameters, "maxBytes", max) != 0)
		json_object_put(max);
	connection_put(c, message_reply("io.autofdod.ReplyTooLarge", parameters, false), SIZE_MAX,
		       false);
}

void connection_put(struct connection *c, struct json_object *root, size_t n_bytes_max,
		    bool is_stream)
{
	size_t n = 0;
	const char *text;

	if (c->end || c->is_deaf) {
		json_object_put(root);
		return;
	}
	text = root ? json_object_to_json_string_length(
			      root, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &n)
		    : NULL;
	if (text && n > n_bytes_max && !is_stream)
		put_too_large(c, n_bytes_max);
	else if (!text || n > n_bytes_max)
		connection_drop(c, CONNECTION_FAILED);
	else if (!may_put(c, n + 1, is_stream))
		connection_drop(c, CONNECTION_SLOW);
	else
		put_bytes(c, text, n + 1); /* its NUL ends the message */
	json_object_put(root);
}

const uint8_t *connection_output(const struct connection *c, size_t *ret_n_bytes)
{
	*ret_n_bytes = n_unsent(c);
	return c->output.data ? c->output.data + c->n_sent : NULL;
}

void connection_sent(struct connection *c, size_t n_bytes)
{
	c->n_sent += n_bytes;
	c->shared->n_output_bytes -= n_bytes;
	c->sent_usec = c->active_usec = now_usec(c);
	if (n_unsent(c) == 0)
		forget_output(c);
}

/* end */

bool connection_is_over(const struct connection *c)
{
	if (c->end)
		return true;
	if (c->call.is_active)
		return c->is_deaf && !c->call.is_oneway;
	if (n_unsent(c) > 0)
		return false;
	return c->is_closing || (c->has_input_ended && !connection_is_ready(c));
}

void connection_drop(struct connection *c, enum connection_end end)
{
	if (c->end)
		return;
	c->end = end;
	forget_output(c);
	c->shared->on_change(c->shared->context, c);
}

void connection_check_time(struct connection *c)
{
	const struct control_limits *limits = &c->shared->limits;
	uint64_t now = now_usec(c);

	if (n_unsent(c) > 0) {
		if (now - c->sent_usec > limits->stalled_usec)
			connection_drop(c, CONNECTION_SLOW);
	} else if (c->call.is_active || connection_is_ready(c)) {
		return;
	} else if (c->n_input > c->n_taken) {
		if (now - c->message_usec > limits->message_usec)
			connection_drop(c, CONNECTION_LATE);
	} else if (now - c->active_usec > limits->idle_usec) {
		connection_drop(c, CONNECTION_IDLE);
	}
}
