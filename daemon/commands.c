/* SPDX-License-Identifier: Apache-2.0 */
#include "commands.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include <systemd/sd-event.h>
#include <unistd.h>
#include "base/buf.h"
#include "clock.h"
#include "commands_socket.h"
#include "control/control.h"
#include "daemon.h"
#include "log.h"
#include "metrics.h"
#include "options.h"
#include "publish/json_build.h"
#include "reload.h"

/* answers */

/* Takes reply. */
static void reply_or_fail(struct control_call *call, struct json_object *reply, bool ok)
{
	if (ok && reply) {
		control_reply(call, reply);
		return;
	}
	json_object_put(reply);
	control_error_text(call, CONTROL_ERROR_FAILED, "reason", "out of memory");
}

static void refuse(struct control_call *call, const char *reason)
{
	control_error_text(call, CONTROL_ERROR_NOT_POSSIBLE, "reason", reason);
}

static void reply_text(struct control_call *call, const char *key, const char *text)
{
	struct json_object *reply = json_object_new_object();
	bool ok = reply != NULL;

	json_add_text(reply, key, text, &ok);
	reply_or_fail(call, reply, ok);
}

/* reading */

static void get_status(struct daemon *d, struct control_call *call)
{
	struct json_object *reply = json_object_new_object();
	bool ok = reply != NULL;

	/* ten seconds old at the most, but at the start they say that nothing was taken */
	sampling_renew_books(d);
	json_add(reply, "status", status_json(d), &ok);
	reply_or_fail(call, reply, ok);
}

static void get_metrics(struct daemon *d, struct control_call *call)
{
	struct buf text cleanup(buf_deinit) = BUF_INIT(METRICS_BYTES_MAX);
	struct json_object *reply = json_object_new_object();
	bool ok = reply != NULL;

	ok = ok && metrics_text(d, &text) == 0;
	if (ok)
		json_add(reply, "text",
			 json_object_new_string_len((const char *)text.data, (int)text.n_bytes),
			 &ok);
	reply_or_fail(call, reply, ok);
}

/* changing */

static void set_paused(struct daemon *d, bool is_paused, struct control_call *call)
{
	if (d->is_stopping) {
		refuse(call, "the daemon is stopping");
		return;
	}
	if (is_paused != d->is_paused) {
		sampling_pause(d, is_paused);
		log_event(d->log, is_paused ? LOG_PAUSED : LOG_RESUMED,
			  LOG_U64("client-uid", control_call_uid(call)));
		status_tell(d);
	}
	if (!is_paused && sampling_resume_budget(d)) {
		log_event(d->log, LOG_BUDGET_RESUMED,
			  LOG_U64("client-uid", control_call_uid(call)));
		status_tell(d);
	}
	reply_text(call, "state", sampling_state(d));
}

/*
 * Not while a publication is in work: part of what it publishes would be gone, and what it says
 * was counted would not be what it has.
 */
static void reset(struct daemon *d, struct control_call *call)
{
	struct json_object *reply;
	bool ok;
	uint64_t n;

	if (!publication_is_idle(&d->publication)) {
		refuse(call, "a profile is being published: wait until it is done");
		return;
	}
	n = publication_forget(d);
	log_event(d->log, LOG_COUNTERS_RESET, LOG_U64("client-uid", control_call_uid(call)),
		  LOG_U64("samples", n));
	reply = json_object_new_object();
	ok = reply != NULL;
	json_add_u64(reply, "samples", n, &ok);
	reply_or_fail(call, reply, ok);
}

static void answer_reload(struct daemon *d, struct control_call *call)
{
	struct json_object *errors = NULL, *parameters;
	struct problem problem = { "" };
	bool ok;
	int r = reload(d, &errors, &problem);

	if (r == 0) {
		control_reply(call, NULL);
		return;
	}
	if (r != RELOAD_E_CONFIG) {
		control_error_text(call,
				   r == RELOAD_E_NOT_POSSIBLE ? CONTROL_ERROR_NOT_POSSIBLE
							      : CONTROL_ERROR_FAILED,
				   "reason", problem.text);
		return;
	}
	parameters = json_object_new_object();
	ok = parameters != NULL;
	json_add(parameters, "errors", errors, &ok);
	control_error(call, CONTROL_ERROR_CONFIGURATION, parameters);
}

static void set_log_level(struct daemon *d, struct json_object *parameters,
			  struct control_call *call)
{
	static const char *const names[] = {
		[LOG_LEVEL_ERROR] = "error",   [LOG_LEVEL_WARNING] = "warning",
		[LOG_LEVEL_NOTICE] = "notice", [LOG_LEVEL_INFO] = "info",
		[LOG_LEVEL_DEBUG] = "debug",
	};
	const char *name = json_object_get_string(json_object_object_get(parameters, "level"));
	const char *previous = names[d->log->config.level];

	/* the line comes at the level that shows it */
	for (size_t i = LOG_LEVEL_ERROR; i < array_size(names); i++)
		if (strcmp(name, names[i]) == 0 && i > d->log->config.level)
			d->log->config.level = (enum log_level)i;
	log_event(d->log, LOG_LOG_LEVEL_CHANGED, LOG_U64("client-uid", control_call_uid(call)),
		  LOG_TEXT("level", name));
	for (size_t i = LOG_LEVEL_ERROR; i < array_size(names); i++)
		if (strcmp(name, names[i]) == 0)
			d->log->config.level = (enum log_level)i;
	reply_text(call, "previous", previous);
}

/* calls */

static void on_call(void *context, enum control_method method, struct json_object *parameters,
		    struct control_call *call)
{
	struct daemon *d = context;

	d->pass_name = control_method_name(method);
	d->is_pass_asked = true;
	switch (method) {
	case CONTROL_GET_STATUS:
		get_status(d, call);
		break;
	case CONTROL_GET_METRICS:
		get_metrics(d, call);
		break;
	case CONTROL_LIST:
		listings_call(d, parameters, call);
		break;
	case CONTROL_DUMP:
		dumps_call(d, parameters, call);
		break;
	case CONTROL_MONITOR:
		monitors_call(d, parameters, call);
		break;
	case CONTROL_PAUSE:
	case CONTROL_RESUME:
		set_paused(d, method == CONTROL_PAUSE, call);
		break;
	case CONTROL_RESET:
		reset(d, call);
		break;
	case CONTROL_RELOAD:
		answer_reload(d, call);
		break;
	case CONTROL_SET_LOG_LEVEL:
		set_log_level(d, parameters, call);
		break;
	case N_CONTROL_METHODS:
		break;
	}
}

static void on_gone(void *context, struct control_call *call)
{
	struct daemon *d = context;

	d->pass_name = "client gone";
	d->is_pass_asked = true;
	dumps_gone(d, call);
	listings_gone(d, call);
	monitors_gone(d, call);
}

/* rights */

static struct control_rights rights_of(bool has_group, gid_t group)
{
	return (struct control_rights){ .uid = geteuid(), .group = group, .has_group = has_group };
}

void commands_follow_group(struct daemon *d)
{
	struct control_rights rights;
	gid_t group = 0;
	bool has_group;

	if (!d->commands.control)
		return;
	has_group = commands_find_group(d->options, d->log, &group);
	rights = rights_of(has_group, group);
	control_set_rights(d->commands.control, &rights);
}

/* lifecycle */

int commands_init(struct daemon *d, struct commands_socket *socket, struct problem *problem)
{
	const struct control_config config = {
		.event = d->event,
		.priority = COMMANDS_PRIORITY,
		.handler = { d, on_call, on_gone },
		.rights = rights_of(socket->has_group, socket->group),
		.version = AUTOFDOD_VERSION,
	};
	int fd = socket->fd, r;

	if (fd < 0)
		return 0;
	r = dumps_init(d);
	if (r == 0)
		r = monitors_init(d);
	if (r == 0) {
		socket->fd = -1;
		r = control_new(&config, fd, &d->commands.control, problem);
	}
	if (r == 0)
		log_event(d->log, LOG_CONTROL_READY,
			  LOG_TEXT("socket", socket->path[0] ? socket->path : "varlink"));
	return r;
}

void commands_deinit(struct daemon *d)
{
	/* on_gone of what waits: monitors and dumps are there until then */
	control_free(d->commands.control);
	d->commands.control = NULL;
	dumps_deinit(d);
	listings_deinit(d);
	monitors_deinit(d);
}
