/* SPDX-License-Identifier: Apache-2.0 */
#include "call.h"

#include <json-c/json.h>
#include <string.h>
#include "connection.h"
#include "control.h"
#include "interfaces.h"
#include "message.h"
#include "methods.h"

/* answers */

static void put(struct control_call *call, const char *error, struct json_object *parameters,
		bool is_stream)
{
	struct connection *c = call->connection;
	const struct control_limits *limits = &c->shared->limits;

	if (call->is_oneway)
		json_object_put(parameters);
	else
		connection_put(c, message_reply(error, parameters, is_stream),
			       is_stream ? limits->stream_bytes : limits->reply_bytes, is_stream);
}

static void answer(struct control_call *call, const char *error, struct json_object *parameters)
{
	struct connection *c = call->connection;

	if (!call->is_active) {
		json_object_put(parameters);
		return;
	}
	put(call, error, parameters, false);
	call->is_active = false;
	call->data = NULL;
	c->active_usec = c->message_usec = c->shared->now_usec(c->shared->context);
	c->shared->on_change(c->shared->context, c);
}

void control_reply(struct control_call *call, struct json_object *parameters)
{
	answer(call, NULL, parameters);
}

void control_error(struct control_call *call, const char *error, struct json_object *parameters)
{
	call->connection->shared->figures.n_errors++;
	answer(call, error, parameters);
}

void control_error_text(struct control_call *call, const char *error, const char *key,
			const char *text)
{
	control_error(call, error, message_text(key, text));
}

void control_continue(struct control_call *call, struct json_object *parameters)
{
	if (call->is_active && call->has_more)
		put(call, NULL, parameters, true);
	else
		json_object_put(parameters);
}

enum control_method control_call_method(const struct control_call *call)
{
	return call->method;
}

bool control_call_has_more(const struct control_call *call)
{
	return call->has_more;
}

void control_call_set_data(struct control_call *call, void *data)
{
	call->data = data;
}

void *control_call_data(const struct control_call *call)
{
	return call->data;
}

uid_t control_call_uid(const struct control_call *call)
{
	return call->connection->peer.uid;
}

void call_refuse(struct connection *c, const char *error, struct json_object *parameters)
{
	connection_put(c, message_reply(error, parameters, false), SIZE_MAX, false);
}

/* Counted as invalid; the connection goes on. */
static void refuse(struct control_call *call, const char *error, const char *key, const char *text)
{
	call->connection->shared->figures.n_invalid++;
	answer(call, error, message_text(key, text));
}

/* org.varlink.service */

static bool add(struct json_object *object, const char *key, struct json_object *value)
{
	if (value && json_object_object_add(object, key, value) == 0)
		return true;
	json_object_put(value);
	return false;
}

static struct json_object *interfaces(void)
{
	struct json_object *array = json_object_new_array();
	struct json_object *service = json_object_new_string(INTERFACE_SERVICE);
	struct json_object *ours = json_object_new_string(INTERFACE_OURS);

	if (array && service && json_object_array_add(array, service) == 0)
		service = NULL;
	if (array && ours && json_object_array_add(array, ours) == 0)
		ours = NULL;
	json_object_put(service);
	json_object_put(ours);
	return array;
}

/* vendor and url are needed, and may be empty: the project has no home of its own yet. */
static void get_info(struct control_call *call)
{
	const char *version = call->connection->shared->version;
	struct json_object *info = json_object_new_object();

	if (info && add(info, "vendor", json_object_new_string("autofdod")) &&
	    add(info, "product", json_object_new_string("autofdod")) &&
	    add(info, "version", json_object_new_string(version ? version : "")) &&
	    add(info, "url", json_object_new_string("")) && add(info, "interfaces", interfaces())) {
		answer(call, NULL, info);
		return;
	}
	json_object_put(info);
	connection_drop(call->connection, CONNECTION_FAILED);
}

static void get_description(struct control_call *call, struct json_object *parameters)
{
	struct json_object *name = json_object_object_get(parameters, "interface");
	const char *text;

	if (!json_object_is_type(name, json_type_string) ||
	    json_object_object_length(parameters) != 1) {
		refuse(call, CONTROL_ERROR_INVALID_PARAMETER, "parameter", "interface");
		return;
	}
	text = json_object_get_string(name);
	if (strcmp(text, INTERFACE_OURS) == 0)
		answer(call, NULL, message_text("description", interface_ours));
	else if (strcmp(text, INTERFACE_SERVICE) == 0)
		answer(call, NULL, message_text("description", interface_service));
	else
		refuse(call, "org.varlink.service.InterfaceNotFound", "interface", text);
}

static const char *first_key(struct json_object *object)
{
	struct json_object_iterator first = json_object_iter_begin(object);

	return json_object_iter_peek_name(&first);
}

static void call_service(struct control_call *call, const char *name, const char *full_name,
			 struct json_object *parameters)
{
	if (strcmp(name, "GetInfo") == 0 && json_object_object_length(parameters) > 0)
		refuse(call, CONTROL_ERROR_INVALID_PARAMETER, "parameter", first_key(parameters));
	else if (strcmp(name, "GetInfo") == 0)
		get_info(call);
	else if (strcmp(name, "GetInterfaceDescription") == 0)
		get_description(call, parameters);
	else
		refuse(call, "org.varlink.service.MethodNotFound", "method", full_name);
}

/* io.autofdod */

static void call_ours(struct control_call *call, const char *name, const char *full_name,
		      struct json_object *parameters)
{
	struct connection *c = call->connection;
	const struct control_handler *handler = &c->shared->handler;
	const struct method *method;
	const char *wrong;

	if (methods_find(name, &call->method) != 0) {
		refuse(call, "org.varlink.service.MethodNotFound", "method", full_name);
		return;
	}
	method = methods_get(call->method);
	if (method->access == METHOD_CHANGES && !c->peer.may_change) {
		c->shared->figures.n_denied++;
		answer(call, "org.varlink.service.PermissionDenied", NULL);
		return;
	}
	wrong = methods_check(method, parameters);
	if (wrong) {
		refuse(call, CONTROL_ERROR_INVALID_PARAMETER, "parameter", wrong);
	} else if (method->needs_more && !call->has_more) {
		c->shared->figures.n_invalid++;
		answer(call, "org.varlink.service.ExpectedMore", NULL);
	} else {
		call->is_ours = false;
		handler->on_call(handler->context, call->method, parameters, call);
	}
}

/* Which interface: what is before the last dot. */
static void route(struct control_call *call, const char *full_name, struct json_object *parameters)
{
	const char *dot = strrchr(full_name, '.');
	size_t n = dot ? (size_t)(dot - full_name) : 0;
	char interface[METHOD_TEXT_BYTES_MAX + 1];

	if (!dot || n > METHOD_TEXT_BYTES_MAX) {
		refuse(call, CONTROL_ERROR_INVALID_PARAMETER, "parameter", "method");
		return;
	}
	memcpy(interface, full_name, n);
	interface[n] = '\0';
	if (strcmp(interface, INTERFACE_OURS) == 0)
		call_ours(call, dot + 1, full_name, parameters);
	else if (strcmp(interface, INTERFACE_SERVICE) == 0)
		call_service(call, dot + 1, full_name, parameters);
	else
		refuse(call, "org.varlink.service.InterfaceNotFound", "interface", interface);
}

void call_begin(struct connection *c, struct message_call *message)
{
	struct json_object *parameters = message->parameters ? json_object_get(message->parameters)
							     : json_object_new_object();

	if (!parameters) {
		connection_drop(c, CONNECTION_FAILED);
		return;
	}
	c->shared->figures.n_calls++;
	c->call = (struct control_call){
		.connection = c,
		.is_active = true,
		.is_ours = true,
		.has_more = message->has_more && !message->is_oneway,
		.is_oneway = message->is_oneway,
	};
	/* the protocol may not change under our hands */
	if (message->is_upgrade)
		refuse(&c->call, CONTROL_ERROR_INVALID_PARAMETER, "parameter", "upgrade");
	else
		route(&c->call, message->method, parameters);
	json_object_put(parameters);
}
