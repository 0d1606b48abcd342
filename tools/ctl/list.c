/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl.h"

#include <json-c/json.h>
#include <stdio.h>
#include "client.h"
#include "view.h"

static void show_profile(struct json_object *profile)
{
	const char *at = view_text(profile, "at"), *verdict = view_text(profile, "verdict");
	const char *path = view_text(profile, "path");
	struct json_object *is_latest = view_at(profile, "isLatest");
	char bytes[VIEW_SIZE];

	view_whole_line("%s  %-7s %7sB %c %s", at ? at : "?", verdict ? verdict : "-",
			view_count(view_number_or(profile, "bytes", 0), bytes, sizeof(bytes)),
			is_latest && json_object_get_boolean(is_latest) ? '*' : ' ',
			path ? path : "?");
}

int command_list(const struct ctl *ctl)
{
	cleanup(json_cleanup) struct json_object *reply = NULL;
	struct json_object *parameters = json_object_new_object(), *profiles;
	int r;

	if (ctl->build_id)
		json_object_object_add(parameters, "buildId",
				       json_object_new_string(ctl->build_id));
	if (ctl->n)
		json_object_object_add(parameters, "max", json_object_new_int((int)ctl->n));
	r = client_call(ctl, "List", parameters, &reply);
	if (r != CTL_OK || !reply)
		return r;
	profiles = view_at(reply, "profiles");
	if (!json_object_is_type(profiles, json_type_array))
		return ctl_fail(CTL_REFUSED, "the answer has no profiles");
	for (size_t i = 0; i < json_object_array_length(profiles); i++)
		show_profile(json_object_array_get_idx(profiles, i));
	return CTL_OK;
}

int command_metrics(const struct ctl *ctl)
{
	cleanup(json_cleanup) struct json_object *reply = NULL;
	int r = client_call(ctl, "GetMetrics", NULL, &reply);

	if (r != CTL_OK || !reply)
		return r;
	if (!view_text(reply, "text"))
		return ctl_fail(CTL_REFUSED, "the answer has no metrics");
	view_raw(view_text(reply, "text"));
	return CTL_OK;
}
