/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One connection and one call, with a time within which each answer has to come. */

#include <json-c/json_object.h>
#include <stdbool.h>
#include <sys/types.h>
#include "base/macros.h"
#include "ctl.h"

struct client;

/* lifecycle */

/*
 * Connects and asks. method is without its interface; parameters are taken, NULL stands for none;
 * has_more asks for several replies. 0, or the exit status, said.
 */
must_check int client_new(const struct ctl *ctl, const char *method, struct json_object *parameters,
			  bool has_more, struct client **ret_client);
void client_free(struct client *client);
DEFINE_CLEANUP(struct client, client, client_free)

/* use */

/*
 * The next reply, the caller's to json_object_put(); *ret_continues: others follow. Waits
 * timeout_ms. 0, or the exit status, said.
 */
must_check int client_next(struct client *client, unsigned int timeout_ms,
			   struct json_object **ret_parameters, bool *ret_continues);

/*
 * The user of the process that sent what client_next() returned last, as the kernel noted it. False
 * if that is not known.
 */
must_check bool client_sender(const struct client *client, uid_t *ret_uid);

/* All of it for a call with one reply. With --json that is printed, and *ret_parameters is NULL. */
must_check int client_call(const struct ctl *ctl, const char *method,
			   struct json_object *parameters, struct json_object **ret_parameters);

static inline void json_cleanup(struct json_object **object)
{
	json_object_put(*object);
}
