/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hottest functions, again and again: on a terminal over the screen, elsewhere one block after
 * the other, with --json one object a line.
 */
#include "ctl.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "client.h"
#include "view.h"

#define INTERVAL_MS 1000u /* of the interface, where none is given */

/* Lines for functions: those of the screen but the two on top and the cursor's. */
static unsigned int n_lines(void)
{
	struct winsize size;

	if (!view_moves(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 ||
	    size.ws_row < 5)
		return 20;
	return size.ws_row > 203 ? 200 : size.ws_row - 3u;
}

static void show_function(struct json_object *function)
{
	const char *name = view_text(function, "name"), *object = view_text(function, "object");
	char samples[VIEW_SIZE];

	view_line(NULL, "%6.2f%% %8s  %s%s%s%s", 100 * view_number_or(function, "share", 0),
		  view_count(view_number_or(function, "samples", 0), samples, sizeof(samples)),
		  name ? name : "?", object ? " [" : "", object ? object : "", object ? "]" : "");
}

static void show(struct json_object *reply)
{
	struct json_object *functions = view_at(reply, "functions");
	char samples[VIEW_SIZE], lost[VIEW_SIZE], time[VIEW_SIZE];
	const char *state = view_text(reply, "state");
	size_t n = json_object_is_type(functions, json_type_array)
			   ? json_object_array_length(functions)
			   : 0;

	if (view_moves(STDOUT_FILENO))
		fputs("\033[H\033[J", stdout);
	view_line(NULL, "%s: %s samples, %s lost, in %s", state ? state : "unknown",
		  view_count(view_number_or(reply, "samples", 0), samples, sizeof(samples)),
		  view_count(view_number_or(reply, "lost", 0), lost, sizeof(lost)),
		  view_time(view_number_or(reply, "elapsedMs", 0) / 1000, time, sizeof(time)));
	view_line(NULL, "%7s %8s  %s", "share", "samples", "function");
	/* fewer than were asked for, if the terminal has become smaller */
	for (size_t i = 0; i < n && i < n_lines(); i++)
		show_function(json_object_array_get_idx(functions, i));
	if (!view_moves(STDOUT_FILENO))
		putchar('\n');
}

static struct json_object *parameters_of(const struct ctl *ctl)
{
	struct json_object *parameters = json_object_new_object();

	json_object_object_add(parameters, "max", json_object_new_int((int)n_lines()));
	if (ctl->interval_ms)
		json_object_object_add(parameters, "intervalMs",
				       json_object_new_int((int)ctl->interval_ms));
	return parameters;
}

int command_top(const struct ctl *ctl)
{
	cleanup(client_cleanup) struct client *client = NULL;
	unsigned int interval_ms = ctl->interval_ms ? ctl->interval_ms : INTERVAL_MS;
	bool continues = true;
	int r = client_new(ctl, "Monitor", parameters_of(ctl), true, &client);

	for (unsigned int i = 0; r == CTL_OK && continues && (ctl->n == 0 || i < ctl->n); i++) {
		struct json_object *reply;

		r = client_next(client, interval_ms + ctl->timeout_ms, &reply, &continues);
		if (r != CTL_OK)
			break;
		if (ctl->is_json)
			view_json(reply, false);
		else
			show(reply);
		json_object_put(reply);
		if (fflush(stdout) != 0) {
			/* who reads has gone: nothing to complain of at the end */
			if (errno == EPIPE)
				clearerr(stdout);
			r = CTL_REFUSED;
		}
	}
	return r;
}
