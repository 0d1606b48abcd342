/* SPDX-License-Identifier: Apache-2.0 */
#include "monitors.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include "clock.h"
#include "commands.h"
#include "control/control.h"
#include "daemon.h"
#include "host.h"
#include "hot_job.h"
#include "kernel/map.h"
#include "kernel/object_files.h"
#include "options.h"
#include "publish/json_build.h"

#define INTERVAL_MS 1000u
#define FUNCTIONS 20u
#define FUNCTIONS_MAX 200u
#define DEADLINE_NS (60 * NS_PER_S)
#define CPU_S_MAX 30u
#define MEMORY_BYTES ((uint64_t)256 << 20)

static struct monitors *monitors_of(struct daemon *d)
{
	return &d->commands.monitors;
}

/* replies */

static struct json_object *function_json(const struct hot *hot, const struct hot_function *f,
					 uint64_t n_samples, bool *ok)
{
	struct json_object *object = json_object_new_object();
	const char *name = hot->names + hot->names_at[f->i];
	size_t n_name = strcspn(name, "\t");
	char text[256];

	snprintf(text, sizeof(text), "%.*s", (int)n_name, name);
	json_add_text(object, "name", text, ok);
	if (name[n_name])
		json_add_text(object, "object", name + n_name + 1, ok);
	json_add_u64(object, "samples", f->n_samples, ok);
	json_add_double(object, "share", n_samples ? (double)f->n_samples / (double)n_samples : 0,
			ok);
	return object;
}

static struct json_object *functions_json(const struct hot *hot, struct monitor *monitor,
					  uint64_t n_samples, bool *ok)
{
	struct json_object *array = json_object_new_array();
	struct hot_function top[FUNCTIONS_MAX];
	size_t n = hot_top(hot, monitor->before, top, monitor->n_max);

	for (size_t i = 0; i < n; i++)
		json_push(array, function_json(hot, &top[i], n_samples, ok), ok);
	return array;
}

static uint64_t n_lost(const struct daemon *d)
{
	struct sampler_figures f;

	sampler_figures(d->sampler, &f);
	return f.n_lost;
}

static void reply(struct daemon *d, struct monitor *monitor, uint64_t now_ns)
{
	const struct hot *hot = &monitors_of(d)->hot;
	struct json_object *object = json_object_new_object();
	uint64_t n_samples = hot->n_samples - monitor->n_samples, lost = n_lost(d);
	bool ok = object != NULL;

	json_add_text(object, "state", sampling_state(d), &ok);
	json_add_u64(object, "elapsedMs", (now_ns - monitor->since_ns) / NS_PER_MS, &ok);
	json_add_u64(object, "samples", n_samples, &ok);
	json_add_u64(object, "lost", lost - monitor->n_lost, &ok);
	json_add(object, "functions", functions_json(hot, monitor, n_samples, &ok), &ok);
	monitor->since_ns = now_ns;
	monitor->n_samples = hot->n_samples;
	monitor->n_lost = lost;
	if (!ok) {
		json_object_put(object);
		object = NULL;
	}
	control_continue(monitor->call, object);
}

/* time */

static void arm(struct daemon *d, uint64_t now_ns)
{
	struct monitors *monitors = monitors_of(d);
	uint64_t due_ns = UINT64_MAX;

	for (unsigned int i = 0; i < monitors->n; i++) {
		const struct monitor *monitor = &monitors->items[i];

		if (monitor->before && monitor->since_ns + monitor->interval_ns < due_ns)
			due_ns = monitor->since_ns + monitor->interval_ns;
	}
	if (due_ns == UINT64_MAX)
		(void)sd_event_source_set_enabled(monitors->timer, SD_EVENT_OFF);
	else
		daemon_arm(monitors->timer, due_ns > now_ns ? due_ns - now_ns : 0);
}

static int on_timer(sd_event_source *timer, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;
	struct monitors *monitors = monitors_of(d);
	uint64_t now_ns = clock_monotonic_ns();

	(void)timer, (void)usec;
	d->pass_name = "Monitor";
	d->is_pass_asked = true;
	for (unsigned int i = 0; i < monitors->n; i++) {
		struct monitor *monitor = &monitors->items[i];

		if (monitor->before && now_ns - monitor->since_ns >= monitor->interval_ns)
			reply(d, monitor, now_ns);
	}
	arm(d, now_ns);
	return 0;
}

/* the list */

static struct control_call *take_out(struct monitors *monitors, unsigned int i)
{
	struct control_call *call = monitors->items[i].call;

	free(monitors->items[i].before);
	monitors->n--;
	memmove(&monitors->items[i], &monitors->items[i + 1],
		(monitors->n - i) * sizeof(monitors->items[0]));
	return call;
}

static void end_worker(struct monitors *monitors)
{
	monitors->worker_source = sd_event_source_disable_unref(monitors->worker_source);
	monitors->deadline_source = sd_event_source_disable_unref(monitors->deadline_source);
	worker_free(monitors->worker);
	monitors->worker = NULL;
}

/*
 * Nobody looks: samples are not counted twice, and the names are forgotten. A worker goes on to its
 * end: who calls and hangs up, again and again, does not start one each time.
 */
static void stop_looking(struct daemon *d)
{
	d->intake.hot = NULL;
	hot_deinit(&monitors_of(d)->hot);
}

static void fail_all(struct daemon *d, const char *error, const char *reason)
{
	struct monitors *monitors = monitors_of(d);

	while (monitors->n)
		control_error_text(take_out(monitors, monitors->n - 1), error, "reason", reason);
	stop_looking(d);
	(void)sd_event_source_set_enabled(monitors->timer, SD_EVENT_OFF);
}

void monitors_gone(struct daemon *d, struct control_call *call)
{
	struct monitors *monitors = monitors_of(d);

	for (unsigned int i = 0; i < monitors->n; i++)
		if (monitors->items[i].call == call) {
			(void)take_out(monitors, i);
			if (monitors->n == 0)
				stop_looking(d);
			return;
		}
}

/* looking */

/* False: out of memory. */
static bool begin(struct daemon *d, struct monitor *monitor)
{
	const struct hot *hot = &monitors_of(d)->hot;

	monitor->before = malloc(hot->n * sizeof(*monitor->before));
	if (!monitor->before)
		return false;
	memcpy(monitor->before, hot->counts, hot->n * sizeof(*monitor->before));
	monitor->since_ns = clock_monotonic_ns();
	monitor->n_samples = hot->n_samples;
	monitor->n_lost = n_lost(d);
	return true;
}

static void begin_all(struct daemon *d)
{
	struct monitors *monitors = monitors_of(d);

	for (unsigned int i = 0; i < monitors->n; i++)
		if (!monitors->items[i].before && !begin(d, &monitors->items[i])) {
			fail_all(d, CONTROL_ERROR_FAILED, "out of memory");
			return;
		}
	if (monitors->n)
		d->intake.hot = &monitors->hot;
	arm(d, clock_monotonic_ns());
}

/* the worker */

static int on_worker(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct daemon *d = userdata;
	struct monitors *monitors = monitors_of(d);
	struct worker_end end = { 0 };
	struct problem problem = { "" };
	int r = worker_finish(monitors->worker, &end, &problem);

	(void)source, (void)fd, (void)events;
	d->pass_name = "Monitor";
	d->is_pass_asked = true;
	if (r == WORKER_E_RUNNING)
		return 0;
	if (r == 0)
		daemon_add_asked(d, end.cpu_ns);
	if (r == 0 && end.outcome != WORKER_DONE) {
		problem = end.reason;
		r = -EIO;
	}
	if (r == 0 && monitors->n)
		r = hot_init(&monitors->hot, &end.result, &problem);
	worker_end_deinit(&end);
	end_worker(monitors);
	if (r < 0)
		fail_all(d, CONTROL_ERROR_NOT_POSSIBLE,
			 problem.text[0] ? problem.text : strerror(-r));
	else
		begin_all(d);
	return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;

	(void)source, (void)usec;
	d->pass_name = "Monitor";
	d->is_pass_asked = true;
	worker_kill(monitors_of(d)->worker, WORKER_DEADLINE);
	return 0;
}

static int watch_worker(struct daemon *d)
{
	struct monitors *monitors = monitors_of(d);
	int r = sd_event_add_io(d->event, &monitors->worker_source, worker_fd(monitors->worker),
				EPOLLIN, on_worker, d);

	if (r >= 0)
		r = sd_event_add_time_relative(d->event, &monitors->deadline_source,
					       CLOCK_MONOTONIC, DEADLINE_NS / NS_PER_USEC, 0,
					       on_deadline, d);
	if (r >= 0)
		r = sd_event_source_set_priority(monitors->worker_source, COMMANDS_PRIORITY);
	return r < 0 ? r : 0;
}

static int start_worker(struct daemon *d, struct problem *problem)
{
	cleanup(close_cleanup) int kallsyms_fd = -1;
	struct object_places places;
	struct object_query kernel;
	struct hot_job job = {
		.places = &places,
		.kernel = &kernel,
		.base_symbol = d->host->base_symbol,
		.window_ip = intake_window_ip(&d->host->text),
	};
	struct worker_config config = {
		.memory_bytes = MEMORY_BYTES,
		.result_bytes = HOT_RESULT_BYTES_MAX,
		.cpu_s_max = CPU_S_MAX,
		.is_urgent = true,
	};
	int r = 0;

	publication_query(d, &places, &kernel);
	if (d->host->calls->open_kallsyms)
		r = d->host->calls->open_kallsyms(d->host->context, &kallsyms_fd, problem);
	if (r < 0)
		return r;
	job.kallsyms_fd = kallsyms_fd;
	if (kallsyms_fd >= 0) {
		config.keep_fds = &kallsyms_fd;
		config.n_keep_fds = 1;
	}
	r = worker_start(&config, hot_job_run, &job, &monitors_of(d)->worker, problem);
	return r == 0 ? watch_worker(d) : r;
}

static void start_looking(struct daemon *d)
{
	struct problem problem = { "" };
	int r;

	if (monitors_of(d)->worker)
		return;
	if (monitors_of(d)->hot.n) {
		begin_all(d);
		return;
	}
	r = start_worker(d, &problem);
	if (r == 0)
		return;
	end_worker(monitors_of(d));
	fail_all(d, CONTROL_ERROR_FAILED, problem.text[0] ? problem.text : strerror(-r));
}

/* calls */

static int64_t number(struct json_object *parameters, const char *key, int64_t other)
{
	struct json_object *value = json_object_object_get(parameters, key);

	return value ? json_object_get_int64(value) : other;
}

void monitors_call(struct daemon *d, struct json_object *parameters, struct control_call *call)
{
	struct monitors *monitors = monitors_of(d);
	struct monitor monitor = {
		.call = call,
		.interval_ns = (uint64_t)number(parameters, "intervalMs", INTERVAL_MS) * NS_PER_MS,
		.n_max = (uint32_t)number(parameters, "max", FUNCTIONS),
	};

	if (monitors->n == MONITORS_MAX) {
		control_error_text(call, CONTROL_ERROR_NOT_POSSIBLE, "reason",
				   "too many look on already");
		return;
	}
	/* the interface's bound; beyond it the list on the stack ends */
	if (monitor.n_max > FUNCTIONS_MAX)
		monitor.n_max = FUNCTIONS_MAX;
	monitors->items[monitors->n++] = monitor;
	start_looking(d);
}

/* lifecycle */

int monitors_init(struct daemon *d)
{
	struct monitors *monitors = monitors_of(d);
	int r = sd_event_add_time_relative(d->event, &monitors->timer, CLOCK_MONOTONIC, 0,
					   10 * NS_PER_MS / NS_PER_USEC, on_timer, d);

	if (r >= 0)
		r = sd_event_source_set_priority(monitors->timer, COMMANDS_PRIORITY);
	if (r >= 0)
		r = sd_event_source_set_enabled(monitors->timer, SD_EVENT_OFF);
	return r < 0 ? r : 0;
}

void monitors_deinit(struct daemon *d)
{
	struct monitors *monitors = monitors_of(d);

	while (monitors->n)
		(void)take_out(monitors, monitors->n - 1);
	stop_looking(d);
	end_worker(monitors);
	monitors->timer = sd_event_source_disable_unref(monitors->timer);
}
