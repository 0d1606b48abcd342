/* SPDX-License-Identifier: Apache-2.0 */
/* What root and the configured group may do. */
#include "ctl.h"

#include <json-c/json.h>
#include "client.h"
#include "view.h"

static int change_state(const struct ctl *ctl, const char *method)
{
	cleanup(json_cleanup) struct json_object *reply = NULL;
	int r = client_call(ctl, method, NULL, &reply);

	if (r == CTL_OK && reply && view_text(reply, "state"))
		view_line(NULL, "%s", view_text(reply, "state"));
	return r;
}

int command_pause(const struct ctl *ctl)
{
	return change_state(ctl, "Pause");
}

int command_resume(const struct ctl *ctl)
{
	return change_state(ctl, "Resume");
}

int command_reset(const struct ctl *ctl)
{
	cleanup(json_cleanup) struct json_object *reply = NULL;
	int r = client_call(ctl, "Reset", NULL, &reply);

	if (r == CTL_OK && reply)
		view_line(NULL, "forgot %.0f samples", view_number_or(reply, "samples", 0));
	return r;
}

int command_reload(const struct ctl *ctl)
{
	cleanup(json_cleanup) struct json_object *reply = NULL;

	return client_call(ctl, "Reload", NULL, &reply);
}

int command_log_level(const struct ctl *ctl)
{
	cleanup(json_cleanup) struct json_object *reply = NULL;
	struct json_object *parameters = json_object_new_object();
	int r;

	json_object_object_add(parameters, "level", json_object_new_string(ctl->argument));
	r = client_call(ctl, "SetLogLevel", parameters, &reply);
	if (r == CTL_OK && reply && view_text(reply, "previous"))
		view_line(NULL, "it was %s", view_text(reply, "previous"));
	return r;
}
