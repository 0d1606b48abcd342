/* SPDX-License-Identifier: Apache-2.0 */
#include "module_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "clock.h"
#include "collect/branch.h"
#include "daemon.h"
#include "host.h"
#include "kernel/map.h"
#include "log.h"
#include "options.h"
#include "places.h"

/*
 * The event that a module goes comes shortly before its folder does, and by another instruction:
 * lib/kobject.c, __kobject_del(). So the folders are looked at again for some time.
 */
#define SETTLE_NS (2 * NS_PER_S)
/* After a failure; and where a module was on its way and nothing has told since that it arrived. */
#define RETRY_NS (10 * NS_PER_S)
/* From one reading to the next, which takes 100 ms of a CPU: at most 2 % of one. */
#define SPACING_NS (5 * NS_PER_S)

/* what is loaded */

/* What is in doubt stays so until there is another translation. */
static void doubt_gone(struct module_watch *w, const struct loaded_modules *now)
{
	for (size_t i = 0; i < w->loaded.n; i++)
		if (!loaded_modules_has(now, &w->loaded.items[i]) &&
		    translation_doubt(w->translation, w->loaded.items[i].name))
			w->n_gone++;
}

/* Nobody knows what is loaded: all that can go may have gone. */
static void doubt_all(struct module_watch *w)
{
	const struct loaded_modules none = { 0 };

	doubt_gone(w, &none);
}

static void begin_reading(struct daemon *d)
{
	d->modules.retry_ns = 0;
	(void)sd_event_source_set_enabled(d->modules.work_source, SD_EVENT_ONESHOT);
}

/* As soon as that may be. */
static void want_reading(struct daemon *d)
{
	struct module_watch *w = &d->modules;
	uint64_t due_ns = w->read_ns && !d->host->is_map_cheap ? w->read_ns + SPACING_NS : 0;

	if (clock_monotonic_ns() >= due_ns)
		begin_reading(d);
	else if (w->retry_ns == 0 || w->retry_ns > due_ns)
		w->retry_ns = due_ns;
}

static void look_at_loaded(struct daemon *d)
{
	struct module_watch *w = &d->modules;
	struct loaded_modules now cleanup(loaded_modules_deinit) = { 0 };
	int r = d->host->calls->list_modules(d->host->context, &now);

	if (r == 0 && loaded_modules_equal(&now, &w->loaded))
		return;
	if (r == 0)
		doubt_gone(w, &now);
	else
		doubt_all(w);
	/* one that is being read goes on, and finds out itself that it is old */
	if (!w->is_stale)
		want_reading(d);
	w->is_stale = true;
}

void module_watch_check(struct daemon *d)
{
	struct module_watch *w = &d->modules;
	uint64_t number = w->number;
	int r;

	if (!w->placement || !d->host->calls->modules_number)
		return;
	r = d->host->calls->modules_number(d->host->context, &number);
	if (r == 0 && number == w->number && w->settle_ns == 0)
		return;
	if (number != w->number && w->is_passing)
		want_reading(d);
	if (number != w->number || r != 0)
		w->settle_ns = clock_monotonic_ns() + SETTLE_NS;
	else if (clock_monotonic_ns() >= w->settle_ns)
		w->settle_ns = 0;
	w->number = number;
	look_at_loaded(d);
}

/* reading */

static void log_map(struct daemon *d, const struct host_map *map)
{
	const struct translation_figures *f = translation_figures(d->modules.translation);

	log_event(d->log, f->n_no_room ? LOG_MODULES_UNPLACED : LOG_MODULES_MAPPED,
		  LOG_U64("modules", f->n_modules), LOG_U64("moved", f->n_moved),
		  LOG_U64("without-build-id", f->n_no_build_id),
		  LOG_U64("not-placed", f->n_no_room + map->map->n_outside));
}

/* Of modules that went long ago the places are had again when there is no other left. */
static int translate(struct daemon *d, const struct host_map *map,
		     struct translation **ret_translation)
{
	struct module_watch *w = &d->modules;
	struct translation *translation = NULL;
	int r = translation_new(map->map, &map->kallsyms, w->placement, &translation);

	if (r == 0 && translation_figures(translation)->n_no_room && places_forget(d)) {
		translation_free(translation);
		r = translation_new(map->map, &map->kallsyms, w->placement, &translation);
		/* the one in use would go on with places that are nobody's any more */
		if (r < 0)
			doubt_all(w);
	}
	if (r == 0)
		*ret_translation = translation;
	return r;
}

/* There was no room, and nothing could be forgotten only because of a publication. */
static bool is_worth_a_retry(const struct daemon *d)
{
	return translation_figures(d->modules.translation)->n_no_room &&
	       !publication_is_idle(&d->publication);
}

/*
 * What was in the rings when the map was made may be of one that went before, at the same place:
 * that goes by the old translation, where it is in doubt. What happened since the map was made is
 * looked for at the next drain, whoever saw the number of it meanwhile.
 */
static int take_map(struct daemon *d, struct host_map *map)
{
	struct module_watch *w = &d->modules;
	struct translation *translation = NULL;
	int r;

	if (w->drain)
		w->drain(d);
	r = translate(d, map, &translation);
	if (r < 0)
		return r;
	translation_free(w->translation);
	w->translation = translation;
	d->intake.translation = translation;
	loaded_modules_deinit(&w->loaded);
	w->loaded = map->loaded;
	map->loaded = (struct loaded_modules){ 0 };
	w->is_stale = w->is_first = false;
	w->n_maps++;
	w->problem = (struct problem){ "" };
	w->is_passing = map->is_passing;
	w->read_ns = clock_monotonic_ns();
	w->settle_ns = w->read_ns + SETTLE_NS;
	w->retry_ns = map->is_passing || is_worth_a_retry(d) ? w->read_ns + RETRY_NS : 0;
	log_map(d, map);
	return 0;
}

/* Once for each reason. */
static void fail(struct daemon *d, int r, struct problem *problem)
{
	struct module_watch *w = &d->modules;

	if (!problem->text[0])
		problem_set(problem, r, "%s", strerror(-r));
	w->n_failed++;
	w->retry_ns = clock_monotonic_ns() + RETRY_NS;
	if (strcmp(problem->text, w->problem.text) != 0)
		log_event(d->log, LOG_MODULES_UNKNOWN, LOG_TEXT("reason", problem->text));
	w->problem = *problem;
}

/* 0, -errno: it has ended; HOST_E_MORE. */
static int read_some(struct daemon *d)
{
	struct host_map map cleanup(host_map_deinit) = { 0 };
	struct problem problem = { "" };
	int r = d->host->calls->read_map(d->host->context, &map, &problem);

	if (r == 0)
		r = take_map(d, &map);
	if (r < 0)
		fail(d, r, &problem);
	return r;
}

static int on_work(sd_event_source *source, void *userdata)
{
	struct daemon *d = userdata;

	d->pass_name = "modules";
	if (read_some(d) == HOST_E_MORE)
		(void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return 0;
}

void module_watch_look(struct daemon *d, uint64_t now_ns)
{
	struct module_watch *w = &d->modules;

	if (!w->placement || !d->host->calls->read_map)
		return;
	/* with a closed gate nobody drains */
	module_watch_check(d);
	if (w->retry_ns && now_ns >= w->retry_ns)
		begin_reading(d);
}

/* lifecycle */

/* The kernel alone: nothing of a module is counted before there is a map. */
static int begin_with_kernel(struct daemon *d)
{
	const struct kernel_text *text = &d->host->text;
	struct map_object kernel = {
		.name = "vmlinux",
		.base_ip = text->text_ip,
		.start_ip = text->stext_ip,
		.end_ip = text->etext_ip,
	};
	const struct address_map map = {
		.window_ip = intake_window_ip(text),
		.objects = &kernel,
		.n_objects = 1,
	};
	struct module_watch *w = &d->modules;

	w->is_first = true;
	w->placed = calloc(INTAKE_ENTRIES_MAX, sizeof(*w->placed));
	if (!w->placed)
		return -ENOMEM;
	return translation_new(&map, NULL, w->placement, &w->translation);
}

int module_watch_init(struct daemon *d, struct problem *problem)
{
	struct module_watch *w = &d->modules;
	int r;

	if (!w->placement)
		return 0;
	r = begin_with_kernel(d);
	if (r == 0)
		r = sd_event_add_defer(d->event, &w->work_source, on_work, d);
	if (r < 0)
		return problem_set(problem, r, "modules: %s", strerror(-r));
	(void)sd_event_source_set_description(w->work_source, "modules");
	(void)sd_event_source_set_enabled(w->work_source, SD_EVENT_OFF);
	/* after rings and timers, before publishing */
	(void)sd_event_source_set_priority(w->work_source, SD_EVENT_PRIORITY_NORMAL + 5);
	d->intake.translation = w->translation;
	d->intake.placed = w->placed;
	if (!d->host->calls->read_map)
		return 0;
	if (d->host->calls->modules_number)
		(void)!d->host->calls->modules_number(d->host->context, &w->number);
	if (read_some(d) == HOST_E_MORE)
		begin_reading(d);
	return 0;
}

void module_watch_deinit(struct daemon *d)
{
	struct module_watch *w = &d->modules;

	sd_event_source_disable_unref(w->work_source);
	translation_free(w->translation);
	placement_free(w->placement);
	loaded_modules_deinit(&w->loaded);
	free(w->placed);
	*w = (struct module_watch){ 0 };
}
