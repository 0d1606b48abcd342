/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every stage that has settings of its own takes the new ones or says why not, before anything is
 * changed: a gate that was set and a budget that was not would be settings that nobody wrote.
 */
#include "reload.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include "base/buf.h"
#include "clock.h"
#include "commands.h"
#include "conf/load.h"
#include "conf/settings.h"
#include "daemon.h"
#include "log.h"
#include "options.h"
#include "publish/json_build.h"

#define TEXT_BYTES_MAX ((size_t)1 << 14)

/* applying */

static bool is_changed(const char *option, const struct conf_setting **changed, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(changed[i]->option, option) == 0)
			return true;
	return false;
}

/* Of d->options, which are the new ones. */
static void apply(struct daemon *d, const struct conf_setting **changed, size_t n)
{
	if (d->has_pace)
		daemon_follow_pace_options(d);
	if (is_changed("interval", changed, n))
		daemon_arm_interval(d);
	if (is_changed("control-group", changed, n))
		commands_follow_group(d);
	publication_follow_options(d);
	metrics_file_follow(d);
}

/* The options that the daemon points to are its own from now on. */
static int take_over(struct daemon *d, const struct daemon_options *fresh,
		     const struct conf_setting **ret_changed, size_t *ret_n)
{
	struct daemon_options *options = malloc(sizeof(*options));
	int r = options ? options_reload(d->options, fresh, options, ret_changed, ret_n) : -ENOMEM;

	if (r < 0) {
		free(options);
		return r;
	}
	d->options = options;
	free(d->reloaded);
	d->reloaded = options;
	apply(d, ret_changed, *ret_n);
	return 0;
}

/* saying so */

static void list_settings(const struct conf_setting **changed, size_t n, bool is_fixed,
			  struct buf *text)
{
	for (size_t i = 0; i < n; i++)
		if (changed[i]->is_fixed == is_fixed)
			buf_printf(text, "%s%s", text->n_bytes ? "," : "",
				   changed[i]->key ? changed[i]->key : changed[i]->option);
	buf_u8(text, 0);
}

static const char *text_of(const struct buf *text)
{
	return text->error || !text->data[0] ? NULL : (const char *)text->data;
}

static void log_changed(struct daemon *d, const struct conf_setting **changed, size_t n)
{
	struct buf live cleanup(buf_deinit) = BUF_INIT(TEXT_BYTES_MAX);
	struct buf fixed cleanup(buf_deinit) = BUF_INIT(TEXT_BYTES_MAX);

	list_settings(changed, n, false, &live);
	list_settings(changed, n, true, &fixed);
	log_event(d->log, LOG_CONFIG_RELOADED,
		  LOG_TEXT("changed", text_of(&live) ? text_of(&live) : "nothing"),
		  LOG_TEXT("needs-restart", text_of(&fixed)));
}

/* Each error is a line of the log and, if anybody wants it, of the answer. */
static void tell_errors(struct daemon *d, const struct conf_errors *errors,
			struct json_object **ret_errors)
{
	struct json_object *array = ret_errors ? json_object_new_array() : NULL;
	size_t n_kept = conf_errors_n_kept(errors);
	bool ok = true;

	for (size_t i = 0; i < n_kept; i++) {
		struct buf line cleanup(buf_deinit) = BUF_INIT(TEXT_BYTES_MAX);

		conf_error_show(&errors->items[i], &line);
		buf_u8(&line, 0);
		if (line.error)
			continue;
		log_event(d->log, LOG_CONFIG_REJECTED, LOG_U64("errors", errors->n),
			  LOG_TEXT("reason", (const char *)line.data));
		if (array)
			json_push(array, json_object_new_string((const char *)line.data), &ok);
	}
	if (array && errors->n > n_kept) {
		char more[40];

		snprintf(more, sizeof(more), "and %zu more errors", errors->n - n_kept);
		json_push(array, json_object_new_string(more), &ok);
	}
	if (ret_errors)
		*ret_errors = array;
}

/* RELOADING=1 wants to know when (sd_notify(3), since systemd 253; older ones pass it over). */
static void notify_begin(void)
{
	char text[80];

	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
		 (uint64_t)(clock_monotonic_ns() / NS_PER_USEC));
	(void)sd_notify(0, text);
}

static int load(struct daemon *d, struct daemon_options *fresh, struct json_object **ret_errors,
		struct problem *problem)
{
	const struct options_origin *origin = d->origin;
	struct conf_report *report = calloc(1, sizeof(*report));
	int r;

	if (!report)
		return problem_set(problem, -ENOMEM, "out of memory");
	r = options_load(origin->argc, origin->argv, origin->directory, fresh, report, problem);
	if (r == OPTIONS_E_CONFIG)
		tell_errors(d, &report->errors, ret_errors);
	conf_report_deinit(report);
	free(report);
	if (r == OPTIONS_E_CONFIG)
		return RELOAD_E_CONFIG;
	/* the command line was good at the start */
	if (r > 0)
		r = -EINVAL;
	if (r < 0 && !problem->text[0])
		problem_set(problem, r, "configuration: %s", strerror(-r));
	return r;
}

static int load_and_take_over(struct daemon *d, struct json_object **ret_errors,
			      struct problem *problem)
{
	const struct conf_setting *changed[CONF_N_SETTINGS_MAX];
	struct daemon_options *fresh = malloc(sizeof(*fresh));
	size_t n = 0;
	int r = fresh ? load(d, fresh, ret_errors, problem) : -ENOMEM;

	if (r == 0)
		r = take_over(d, fresh, changed, &n);
	if (r == 0)
		log_changed(d, changed, n);
	free(fresh);
	if (r < 0 && !problem->text[0])
		problem_set(problem, r, "out of memory");
	if (r < 0)
		log_event(d->log, LOG_CONFIG_REJECTED, LOG_TEXT("reason", problem->text));
	return r;
}

int reload(struct daemon *d, struct json_object **ret_errors, struct problem *problem)
{
	int r;

	if (!d->origin)
		return problem_set(problem, RELOAD_E_NOT_POSSIBLE,
				   "this daemon was given its settings by a program");
	if (d->is_stopping)
		return problem_set(problem, RELOAD_E_NOT_POSSIBLE, "the daemon is stopping");
	notify_begin();
	r = load_and_take_over(d, ret_errors, problem);
	(void)sd_notify(0, "READY=1");
	return r;
}
