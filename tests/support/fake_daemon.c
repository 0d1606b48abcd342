/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's control socket with answers that are always the same, for tests of autofdod-ctl.
 * usage: fake_daemon SOCKET STATUS-FILE PROFILE [deaf]
 *
 * A dump says three times how far it is, a fiftieth of a second between, and then where PROFILE is;
 * "text" cannot be published. Reload is rejected. Deaf: it takes calls and never answers.
 */
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <systemd/sd-event.h>
#include "base/problem.h"
#include "control/control.h"

#define STEP_USEC 20000u
#define N_STREAMS_MAX 16u

struct stream {
	struct control_call *call;
	unsigned int n_said;
};

struct fake {
	const char *status_path, *profile_path;
	bool is_deaf;
	sd_event_source *timer;
	struct stream streams[N_STREAMS_MAX];
};

static struct json_object *parsed(const char *text)
{
	struct json_object *object = json_tokener_parse(text);

	if (!object)
		abort();
	return object;
}

static void answer_status(struct fake *fake, struct control_call *call)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "status", json_object_from_file(fake->status_path));
	control_reply(call, object);
}

static void answer_metrics(struct control_call *call)
{
	control_reply(call, parsed("{\"text\": \"# TYPE autofdod_samples_total counter\\n"
				   "autofdod_samples_total 12\\n\"}"));
}

static void answer_list(struct control_call *call)
{
	control_reply(call, parsed("{\"profiles\": [{\"path\": \"/var/lib/autofdod/ab/b.afdo\","
				   "\"buildId\": \"ab\", \"release\": \"6.12\","
				   "\"at\": \"2026-11-21T20:00:00Z\", \"bytes\": 1234567,"
				   "\"verdict\": \"fit\", \"isLatest\": true},"
				   "{\"path\": \"/var/lib/autofdod/ab/a.afdo\","
				   "\"buildId\": \"ab\", \"at\": \"2026-11-21T19:00:00Z\","
				   "\"bytes\": 99, \"isLatest\": false}]}"));
}

static void answer_reload(struct control_call *call)
{
	control_error(call, CONTROL_ERROR_CONFIGURATION,
		      parsed("{\"errors\": [\"a.conf:3: Period: too short\", \"a.conf:4: b\"]}"));
}

static void start_stream(struct fake *fake, struct control_call *call)
{
	for (unsigned int i = 0; i < N_STREAMS_MAX; i++)
		if (!fake->streams[i].call) {
			fake->streams[i] = (struct stream){ call, 0 };
			return;
		}
	control_error_text(call, CONTROL_ERROR_FAILED, "reason", "too many streams");
}

static void answer_dump(struct fake *fake, struct json_object *parameters,
			struct control_call *call)
{
	const char *format = json_object_get_string(json_object_object_get(parameters, "format"));

	if (format && strcmp(format, "text") == 0)
		control_error_text(call, CONTROL_ERROR_PUBLISH_FAILED, "reason",
				   "disk \033[31mfull");
	else
		start_stream(fake, call);
}

static void on_call(void *context, enum control_method method, struct json_object *parameters,
		    struct control_call *call)
{
	struct fake *fake = context;

	if (fake->is_deaf)
		return;
	switch (method) {
	case CONTROL_GET_STATUS:
		answer_status(fake, call);
		break;
	case CONTROL_GET_METRICS:
		answer_metrics(call);
		break;
	case CONTROL_LIST:
		answer_list(call);
		break;
	case CONTROL_DUMP:
		answer_dump(fake, parameters, call);
		break;
	case CONTROL_MONITOR:
		start_stream(fake, call);
		break;
	case CONTROL_PAUSE:
		control_reply(call, parsed("{\"state\": \"paused\"}"));
		break;
	case CONTROL_RESUME:
		control_reply(call, parsed("{\"state\": \"sampling\"}"));
		break;
	case CONTROL_RESET:
		control_reply(call, parsed("{\"samples\": 42}"));
		break;
	case CONTROL_RELOAD:
		answer_reload(call);
		break;
	case CONTROL_SET_LOG_LEVEL:
		control_reply(call, parsed("{\"previous\": \"notice\"}"));
		break;
	case N_CONTROL_METHODS:
		abort();
	}
}

static void on_gone(void *context, struct control_call *call)
{
	struct fake *fake = context;

	for (unsigned int i = 0; i < N_STREAMS_MAX; i++)
		if (fake->streams[i].call == call)
			fake->streams[i].call = NULL;
}

static void step_dump(struct fake *fake, struct stream *stream)
{
	static const char *const states[] = { "merging", "working", "writing" };
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "elapsedMs", json_object_new_int64(100 * stream->n_said));
	if (stream->n_said < 3) {
		json_object_object_add(object, "state",
				       json_object_new_string(states[stream->n_said++]));
		control_continue(stream->call, object);
		return;
	}
	json_object_object_add(object, "state", json_object_new_string("done"));
	json_object_object_add(object, "path", json_object_new_string(fake->profile_path));
	json_object_object_add(object, "verdict", json_object_new_string("thin"));
	json_object_object_add(object, "reason", json_object_new_string("too few samples"));
	control_reply(steal_ptr(stream->call), object);
}

static void step_monitor(struct stream *stream)
{
	control_continue(stream->call,
			 parsed("{\"state\": \"sampling\", \"elapsedMs\": 1000, \"samples\": 200,"
				"\"lost\": 0, \"functions\": ["
				"{\"name\": \"copy_page\", \"samples\": 150, \"share\": 0.75},"
				"{\"name\": \"ext4_a_function_with_a_name_that_is_quite_long\","
				"\"object\": \"ext4\", \"samples\": 50, \"share\": 0.25}]}"));
}

static int on_timer(sd_event_source *timer, uint64_t usec, void *userdata)
{
	struct fake *fake = userdata;

	(void)usec;
	for (unsigned int i = 0; i < N_STREAMS_MAX; i++) {
		struct stream *stream = &fake->streams[i];

		if (!stream->call)
			continue;
		if (control_call_method(stream->call) == CONTROL_DUMP)
			step_dump(fake, stream);
		else
			step_monitor(stream);
	}
	(void)sd_event_source_set_time_relative(timer, STEP_USEC);
	return sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

int main(int argc, char **argv)
{
	struct fake fake = { 0 };
	struct control_config config = { .handler = { &fake, on_call, on_gone }, .version = "0" };
	struct problem problem = { "" };
	struct control *control;
	int fd;

	if (argc < 4)
		return 2;
	fake.status_path = argv[2];
	fake.profile_path = argv[3];
	fake.is_deaf = argc > 4 && strcmp(argv[4], "deaf") == 0;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (sd_event_default(&config.event) < 0 ||
	    sd_event_add_time_relative(config.event, &fake.timer, CLOCK_MONOTONIC, STEP_USEC, 1000,
				       on_timer, &fake) < 0 ||
	    control_listen(argv[1], 0666, (gid_t)-1, &fd, &problem) != 0 ||
	    control_new(&config, fd, &control, &problem) < 0) {
		fprintf(stderr, "fake_daemon: %s\n", problem.text);
		return 1;
	}
	return sd_event_loop(config.event);
}
