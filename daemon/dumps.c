/* SPDX-License-Identifier: Apache-2.0 */
#include "dumps.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include "clock.h"
#include "commands.h"
#include "control/control.h"
#include "daemon.h"
#include "options.h"
#include "profile/verdict.h"
#include "publish/json_build.h"

/* The interface promises 5 s. */
#define TELL_NS (4 * NS_PER_S)

static struct dumps *dumps_of(struct daemon *d)
{
	return &d->commands.dumps;
}

/* replies */

static struct json_object *progress(const struct dump *dump, const char *state, bool *ok)
{
	struct json_object *object = json_object_new_object();

	json_add_text(object, "state", state, ok);
	json_add_u64(object, "elapsedMs", (clock_monotonic_ns() - dump->since_ns) / NS_PER_MS, ok);
	return object;
}

static void tell(struct daemon *d, const struct dump *dump)
{
	bool ok = true;

	control_continue(dump->call,
			 progress(dump, publication_state_name(d->publication.state), &ok));
}

static void tell_all(struct daemon *d)
{
	struct dumps *dumps = dumps_of(d);

	dumps->told = publication_state_name(d->publication.state);
	for (unsigned int i = 0; i < dumps->n; i++)
		tell(d, &dumps->items[i]);
	if (dumps->n)
		daemon_arm(dumps->timer, TELL_NS);
}

static int on_timer(sd_event_source *timer, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;

	(void)timer, (void)usec;
	d->pass_name = "dump";
	d->is_pass_asked = true;
	tell_all(d);
	return 0;
}

/* "4ad7…/20261121T210412Z.afdo" as another kind of the same publication */
static void path_of(const struct daemon *d, const char *extension, char path[PATH_MAX + 256])
{
	const char *last = d->publication.last.path;
	const char *dot = strrchr(last, '.');

	snprintf(path, PATH_MAX + 256, "%s/%.*s%s", d->options->directory,
		 (int)(dot ? (size_t)(dot - last) : strlen(last)), last, extension);
}

static bool has_extension(const char *path, const char *extension)
{
	size_t n = strlen(path), n_extension = strlen(extension);

	return n >= n_extension && strcmp(path + n - n_extension, extension) == 0;
}

static void reply_path(struct daemon *d, const struct dump *dump)
{
	const struct profile_facts *facts = &d->publication.last.facts;
	bool ok = true;
	struct json_object *reply = progress(dump, "done", &ok);
	char path[PATH_MAX + 256];

	path_of(d, dump->kind == STORE_PROFILE ? ".afdo" : ".unsym", path);
	json_add_text(reply, "path", path, &ok);
	path_of(d, ".json", path);
	json_add_text(reply, "manifest", path, &ok);
	json_add_text(reply, "verdict", verdict_name((enum verdict)facts->verdict), &ok);
	json_add_text(reply, "reason", facts->reason[0] ? facts->reason : NULL, &ok);
	if (ok) {
		control_reply(dump->call, reply);
		return;
	}
	json_object_put(reply);
	control_error_text(dump->call, CONTROL_ERROR_FAILED, "reason", "out of memory");
}

/* Without a vmlinux there are counts, but no profile. */
static void reply_done(struct daemon *d, const struct dump *dump)
{
	const struct publication_last *last = &d->publication.last;
	char why[sizeof(last->facts.reason) + 120];

	if (dump->kind == STORE_PROFILE && !has_extension(last->path, ".afdo")) {
		snprintf(why, sizeof(why),
			 "no profile could be made: %s. Its counts are published: "
			 "autofdod-ctl dump --format=unsymbolized",
			 last->facts.reason);
		control_error_text(dump->call, CONTROL_ERROR_NOT_POSSIBLE, "reason", why);
		return;
	}
	reply_path(d, dump);
}

/* the list */

/* Its place is the next one's: for loops that do not count on then. */
static struct dump take_out(struct dumps *dumps, unsigned int i)
{
	struct dump dump = dumps->items[i];

	dumps->n--;
	memmove(&dumps->items[i], &dumps->items[i + 1], (dumps->n - i) * sizeof(dumps->items[0]));
	if (dumps->n == 0)
		(void)sd_event_source_set_enabled(dumps->timer, SD_EVENT_OFF);
	return dump;
}

void dumps_gone(struct daemon *d, struct control_call *call)
{
	struct dumps *dumps = dumps_of(d);

	for (unsigned int i = 0; i < dumps->n; i++)
		if (dumps->items[i].call == call) {
			(void)take_out(dumps, i);
			return;
		}
}

bool dumps_are_waiting(const struct daemon *d)
{
	return d->commands.dumps.n > 0;
}

/* calls */

static const char *refuse(const struct daemon *d, const char *format)
{
	if (strcmp(format, "text") == 0)
		return "the daemon writes no text: dump the profile, and let autofdod-profgen "
		       "convert --format=text make text of the unsymbolized dump, or "
		       "autofdod-profgen show say what is in it";
	if (d->is_stopping)
		return "the daemon is stopping";
	if (d->commands.dumps.n == DUMPS_MAX)
		return "too many dumps are waiting";
	return NULL;
}

void dumps_call(struct daemon *d, struct json_object *parameters, struct control_call *call)
{
	struct dumps *dumps = dumps_of(d);
	struct json_object *value = json_object_object_get(parameters, "format");
	const char *format = value ? json_object_get_string(value) : "extbinary";
	const char *why = refuse(d, format);
	struct dump dump = {
		.call = call,
		.kind = strcmp(format, "unsymbolized") == 0 ? STORE_DUMP : STORE_PROFILE,
		.since_ns = clock_monotonic_ns(),
		.n_chain = d->publication.n_begun + 1,
		.is_joined = !publication_is_idle(&d->publication),
	};

	if (why) {
		control_error_text(call, CONTROL_ERROR_NOT_POSSIBLE, "reason", why);
		return;
	}
	dumps->items[dumps->n++] = dump;
	if (dump.is_joined)
		tell(d, &dump);
	daemon_arm(dumps->timer, TELL_NS);
	publication_start(d, PUBLICATION_DEMAND);
}

/* what a publication tells */

void dumps_tell_state(struct daemon *d)
{
	if (dumps_are_waiting(d) &&
	    dumps_of(d)->told != publication_state_name(d->publication.state))
		tell_all(d);
}

void dumps_written(struct daemon *d, bool is_whole)
{
	struct dumps *dumps = dumps_of(d);
	uint64_t n_chain = d->publication.n_begun;

	for (unsigned int i = 0; i < dumps->n;) {
		struct dump *dump = &dumps->items[i];
		struct dump done;

		if (dump->n_chain > n_chain || !is_whole) {
			if (dump->n_chain <= n_chain)
				dump->n_chain = n_chain + 1;
			i++;
			continue;
		}
		done = take_out(dumps, i);
		reply_done(d, &done);
	}
}

void dumps_failed(struct daemon *d, const struct problem *problem, bool is_last)
{
	struct dumps *dumps = dumps_of(d);

	for (unsigned int i = 0; i < dumps->n;) {
		if (dumps->items[i].n_chain > d->publication.n_begun && !is_last) {
			i++;
			continue;
		}
		control_error_text(take_out(dumps, i).call, CONTROL_ERROR_PUBLISH_FAILED, "reason",
				   problem->text);
	}
}

/* What joined has waited for the one before, and that has all there is. */
void dumps_skipped(struct daemon *d)
{
	const struct publication_last *last = &d->publication.last;
	struct dumps *dumps = dumps_of(d);

	while (dumps->n) {
		struct dump dump = take_out(dumps, 0);

		if (dump.is_joined && last->realtime_ns && last->is_ok)
			reply_done(d, &dump);
		else if (dump.is_joined && last->realtime_ns)
			control_error_text(dump.call, CONTROL_ERROR_PUBLISH_FAILED, "reason",
					   last->problem.text);
		else
			control_error(dump.call, CONTROL_ERROR_NOTHING_COUNTED, NULL);
	}
}

/* lifecycle */

int dumps_init(struct daemon *d)
{
	int r = sd_event_add_time_relative(d->event, &dumps_of(d)->timer, CLOCK_MONOTONIC, 0,
					   NS_PER_S / NS_PER_USEC, on_timer, d);

	if (r >= 0)
		r = sd_event_source_set_priority(dumps_of(d)->timer, COMMANDS_PRIORITY);
	if (r >= 0)
		r = sd_event_source_set_enabled(dumps_of(d)->timer, SD_EVENT_OFF);
	return r < 0 ? r : 0;
}

void dumps_deinit(struct daemon *d)
{
	sd_event_source_disable_unref(dumps_of(d)->timer);
}
