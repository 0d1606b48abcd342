/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* From a message that is a call to the handler, or to a refusal. */

struct connection;
struct json_object;
struct message_call;

void call_begin(struct connection *connection, struct message_call *message);
/* Puts an error for what was no call. Takes parameters. */
void call_refuse(struct connection *connection, const char *error, struct json_object *parameters);
