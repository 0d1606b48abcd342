/* SPDX-License-Identifier: Apache-2.0 */
#include "listings.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include "clock.h"
#include "commands.h"
#include "control/control.h"
#include "daemon.h"
#include "options.h"
#include "publish/json_build.h"
#include "publish/store_folder.h"

/* A disk that does not answer is not waited for. */
#define DEADLINE_NS (30 * NS_PER_S)
#define CPU_S_MAX 20u
#define MEMORY_BYTES ((uint64_t)64 << 20)
#define RESULT_BYTES (LISTING_PROFILES_MAX * sizeof(struct listing_profile) + 4096)

static void start_next(struct daemon *d);

static struct listings *listings_of(struct daemon *d)
{
	return &d->commands.listings;
}

/* the answer */

static bool is_text(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

/* As the store names its files: what a path is made of leads nowhere else. */
static bool is_name(const struct listing_profile *p)
{
	char name[sizeof(p->stamp) + sizeof(p->extension)];

	snprintf(name, sizeof(name), "%s%s", p->stamp, p->extension);
	return store_is_build_id(p->folder) && store_is_name(name) &&
	       strlen(p->stamp) == STORE_STAMP_SIZE - 1;
}

bool listing_is_sound(const struct listing_profile *p)
{
	return is_text(p->folder, sizeof(p->folder)) && is_text(p->stamp, sizeof(p->stamp)) &&
	       is_text(p->extension, sizeof(p->extension)) &&
	       is_text(p->release, sizeof(p->release)) && is_text(p->verdict, sizeof(p->verdict)) &&
	       is_name(p) && p->n_bytes <= INT64_MAX;
}

/* "20261121T190000Z" is "2026-11-21T19:00:00Z" */
static void time_of(const char *stamp, char time[STORE_STAMP_SIZE + 4])
{
	snprintf(time, STORE_STAMP_SIZE + 4, "%.4s-%.2s-%.5s:%.2s:%.3s", stamp, stamp + 4,
		 stamp + 6, stamp + 11, stamp + 13);
}

static struct json_object *profile_json(const struct daemon *d, const struct listing_profile *p,
					bool *ok)
{
	struct json_object *object = json_object_new_object();
	char path[PATH_MAX + 256], time[STORE_STAMP_SIZE + 4];

	snprintf(path, sizeof(path), "%s/%s/%s%s", d->options->directory, p->folder, p->stamp,
		 p->extension);
	time_of(p->stamp, time);
	json_add_text(object, "path", path, ok);
	json_add_text(object, "buildId", p->folder, ok);
	json_add_text(object, "release", p->release[0] ? p->release : NULL, ok);
	json_add_text(object, "at", time, ok);
	json_add_u64(object, "bytes", p->n_bytes, ok);
	json_add_text(object, "verdict", p->verdict[0] ? p->verdict : NULL, ok);
	json_add_bool(object, "isLatest", p->is_latest, ok);
	return object;
}

/* NULL: out of memory. */
static struct json_object *reply_of(const struct daemon *d, const struct worker_section *section)
{
	struct json_object *root = json_object_new_object(), *array = json_object_new_array();
	bool ok = root != NULL;
	struct listing_profile p;

	for (size_t i = 0; i < section->n_bytes / sizeof(p); i++) {
		memcpy(&p, section->bytes + i * sizeof(p), sizeof(p));
		if (listing_is_sound(&p))
			json_push(array, profile_json(d, &p, &ok), &ok);
	}
	json_add(root, "profiles", array, &ok);
	if (ok)
		return root;
	json_object_put(root);
	return NULL;
}

static void answer(struct daemon *d, struct control_call *call, const struct worker_end *end)
{
	const struct worker_section *section = worker_result_find(&end->result, 0);
	struct json_object *reply;

	if (end->outcome != WORKER_DONE || !section) {
		control_error_text(call, CONTROL_ERROR_FAILED, "reason",
				   end->reason.text[0] ? end->reason.text
						       : "the store could not be read");
		return;
	}
	reply = reply_of(d, section);
	if (reply)
		control_reply(call, reply);
	else
		control_error_text(call, CONTROL_ERROR_FAILED, "reason", "out of memory");
}

/* the worker */

static void end_worker(struct listings *listings)
{
	listings->worker_source = sd_event_source_disable_unref(listings->worker_source);
	listings->deadline_source = sd_event_source_disable_unref(listings->deadline_source);
	worker_free(listings->worker);
	listings->worker = NULL;
}

static struct control_call *take_first(struct listings *listings)
{
	struct control_call *call = listings->items[0].call;

	listings->n--;
	memmove(&listings->items[0], &listings->items[1], listings->n * sizeof(listings->items[0]));
	return call;
}

static int on_worker(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct daemon *d = userdata;
	struct listings *listings = listings_of(d);
	struct worker_end end = { 0 };
	struct problem problem = { "" };
	struct control_call *call;
	int r = worker_finish(listings->worker, &end, &problem);

	(void)source, (void)fd, (void)events;
	d->pass_name = "list";
	d->is_pass_asked = true;
	if (r == WORKER_E_RUNNING)
		return 0;
	if (r < 0) {
		end.outcome = WORKER_FAILED;
		end.reason = problem;
	} else {
		daemon_add_asked(d, end.cpu_ns);
	}
	call = take_first(listings);
	if (call)
		answer(d, call, &end);
	worker_end_deinit(&end);
	end_worker(listings);
	start_next(d);
	return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;

	(void)source, (void)usec;
	d->pass_name = "list";
	d->is_pass_asked = true;
	worker_kill(listings_of(d)->worker, WORKER_DEADLINE);
	return 0;
}

static int start_worker(struct daemon *d, struct problem *problem)
{
	struct listings *listings = listings_of(d);
	const struct worker_config config = {
		.memory_bytes = MEMORY_BYTES,
		.result_bytes = RESULT_BYTES,
		.cpu_s_max = CPU_S_MAX,
		.is_urgent = true,
	};
	struct listing_job job = { .listing = listings->items[0] };
	int r;

	snprintf(job.directory, sizeof(job.directory), "%s", d->options->directory);
	r = worker_start(&config, listing_job_run, &job, &listings->worker, problem);
	if (r == 0)
		r = sd_event_add_io(d->event, &listings->worker_source, worker_fd(listings->worker),
				    EPOLLIN, on_worker, d);
	if (r >= 0)
		r = sd_event_add_time_relative(d->event, &listings->deadline_source,
					       CLOCK_MONOTONIC, DEADLINE_NS / NS_PER_USEC, 0,
					       on_deadline, d);
	if (r >= 0)
		r = sd_event_source_set_priority(listings->worker_source, COMMANDS_PRIORITY);
	if (r < 0 && !problem->text[0])
		problem_set(problem, r, "start the worker: %s", strerror(-r));
	return r < 0 ? r : 0;
}

static void start_next(struct daemon *d)
{
	struct listings *listings = listings_of(d);
	struct problem problem = { "" };
	struct control_call *call;

	while (listings->n && start_worker(d, &problem) < 0) {
		end_worker(listings);
		call = take_first(listings);
		if (call)
			control_error_text(call, CONTROL_ERROR_FAILED, "reason", problem.text);
	}
}

/* calls */

void listings_call(struct daemon *d, struct json_object *parameters, struct control_call *call)
{
	struct listings *listings = listings_of(d);
	struct json_object *build_id = json_object_object_get(parameters, "buildId");
	struct json_object *max = json_object_object_get(parameters, "max");
	int64_t n_max = max ? json_object_get_int64(max) : (int64_t)LISTING_PROFILES_MAX;
	struct listing listing = { .call = call };

	if (n_max < 1) {
		control_error_text(call, CONTROL_ERROR_INVALID_PARAMETER, "parameter", "max");
		return;
	}
	listing.n_max = n_max < LISTING_PROFILES_MAX ? (uint32_t)n_max : LISTING_PROFILES_MAX;
	if (build_id) {
		const char *text = json_object_get_string(build_id);

		if (!store_is_build_id(text) || strlen(text) >= sizeof(listing.build_id)) {
			control_error_text(call, CONTROL_ERROR_INVALID_PARAMETER, "parameter",
					   "buildId");
			return;
		}
		strcpy(listing.build_id, text);
	}
	if (listings->n == LISTINGS_MAX) {
		control_error_text(call, CONTROL_ERROR_NOT_POSSIBLE, "reason",
				   "too many lists are waiting");
		return;
	}
	listings->items[listings->n++] = listing;
	if (!listings->worker)
		start_next(d);
}

void listings_gone(struct daemon *d, struct control_call *call)
{
	struct listings *listings = listings_of(d);

	for (unsigned int i = 0; i < listings->n; i++)
		if (listings->items[i].call == call)
			listings->items[i].call = NULL;
}

/* lifecycle */

void listings_deinit(struct daemon *d)
{
	end_worker(listings_of(d));
}
