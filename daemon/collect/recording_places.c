/* SPDX-License-Identifier: Apache-2.0 */
/*
 * perf takes the size of a module from /proc/modules, which since Linux 6.4 is that of parts that
 * lie apart: a mapping reaches too far, over whatever is behind its text. So where claims overlap,
 * the more exact one wins.
 * Source: tools/perf/util/machine.c, machine__create_modules(), synthetic-events.c,
 * perf_event__synthesize_modules(), Linux 6.12; kernel/module/procfs.c, module_total_size().
 */
#include "recording_places.h"

#include <errno.h>
#include <string.h>
#include "base/array.h"

void recorded_places_deinit(struct recorded_places *places)
{
	for (size_t i = 0; i < places->n_modules; i++)
		free(places->modules[i].filename);
	free(places->modules);
	free(places->items);
	*places = (struct recorded_places){ 0 };
}

/* names */

static bool ends_in(const char *text, size_t n, const char *ending)
{
	size_t n_ending = strlen(ending);

	return n > n_ending && memcmp(text + n - n_ending, ending, n_ending) == 0;
}

/* Length of a file's name without ".ko" and what a compressor puts behind; 0: no module's. */
static size_t stem_bytes(const char *name)
{
	static const char *const endings[] = { ".ko", ".ko.xz", ".ko.zst", ".ko.gz", ".ko.bz2" };
	size_t n = strlen(name);

	for (size_t i = 0; i < array_size(endings); i++)
		if (ends_in(name, n, endings[i]))
			return n - strlen(endings[i]);
	return 0;
}

bool recording_module_name(const char *filename, char ret_name[MODULE_NAME_SIZE])
{
	const char *slash = strrchr(filename, '/');
	const char *name = slash ? slash + 1 : filename;
	size_t n;

	if (recording_is_kernel_name(filename))
		return false;
	if (*filename == '[' && ends_in(filename, strlen(filename), "]")) {
		name = filename + 1;
		n = strlen(name) - 1;
		if (strchr(name, '.')) /* [guest.kernel.kallsyms] */
			return false;
	} else {
		n = stem_bytes(name);
	}
	if (n == 0 || n >= MODULE_NAME_SIZE || memchr(name, '/', n))
		return false;
	for (size_t i = 0; i < n; i++)
		ret_name[i] = (char)(name[i] == '-' ? '_' : name[i]);
	ret_name[n] = '\0';
	return true;
}

/* events */

/* What an event claims; false: nothing. */
static bool claim_of(const struct recording_event *event, struct recorded_place *ret_place,
		     char ret_name[MODULE_NAME_SIZE])
{
	struct recorded_place place = { .module = PLACES_NO_MODULE };
	uint64_t n_bytes;

	if (event->kind == RECORDING_MAP) {
		if (event->map.cpumode != RECORDING_CPUMODE_KERNEL ||
		    !recording_module_name(event->map.filename, ret_name))
			return false;
		place.lo_ip = event->map.start;
		n_bytes = event->map.n_bytes;
		place.kind = PLACE_MODULE;
	} else if (event->kind == RECORDING_KSYMBOL && !event->ksymbol.is_gone) {
		place.lo_ip = event->ksymbol.start;
		n_bytes = event->ksymbol.n_bytes;
		if (event->ksymbol.type == RECORDING_KSYMBOL_BPF)
			place.kind = PLACE_BPF;
		else if (strncmp(event->ksymbol.name, "ftrace", 6) == 0)
			place.kind = PLACE_FTRACE;
		else if (strncmp(event->ksymbol.name, "kprobe", 6) == 0)
			place.kind = PLACE_KPROBE;
		else
			place.kind = PLACE_OTHER;
	} else {
		return false;
	}
	/* the last byte of all is nobody's, so that hi does not wrap */
	if (place.lo_ip == 0 || n_bytes == 0 ||
	    __builtin_add_overflow(place.lo_ip, n_bytes, &place.hi_ip))
		place.hi_ip = place.lo_ip;
	*ret_place = place;
	return true;
}

/* Index of the first place that ends above ip. */
static size_t first_above(const struct recorded_places *places, uint64_t ip)
{
	size_t low = 0, high = places->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (places->items[middle].hi_ip <= ip)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct recorded_place *recorded_places_find(const struct recorded_places *places, uint64_t ip)
{
	size_t i = first_above(places, ip);

	return i < places->n && places->items[i].lo_ip <= ip ? &places->items[i] : NULL;
}

static bool is_known_module(const struct recorded_places *places,
			    const struct recorded_place *place, const char *name)
{
	const struct recorded_place *there = recorded_places_find(places, place->lo_ip);
	const struct recorded_module *m;

	if (!there || there->module == PLACES_NO_MODULE)
		return false;
	m = &places->modules[there->module];
	return m->base_ip == place->lo_ip && m->n_bytes == place->hi_ip - place->lo_ip &&
	       strcmp(m->name, name) == 0;
}

bool recorded_places_differ(const struct recorded_places *places,
			    const struct recording_event *event)
{
	char name[MODULE_NAME_SIZE];
	struct recorded_place place;

	if (!claim_of(event, &place, name) || place.lo_ip == place.hi_ip)
		return false;
	if (place.kind == PLACE_MODULE)
		return !is_known_module(places, &place, name);
	for (size_t i = first_above(places, place.lo_ip);
	     i < places->n && places->items[i].lo_ip < place.hi_ip; i++)
		if (places->items[i].kind != place.kind)
			return true;
	return false;
}

/* Puts `with`, n_with of them, where n_old places from `at` on are. 0, -ENOMEM, -E2BIG. */
static int replace(struct recorded_places *places, size_t at, size_t n_old,
		   const struct recorded_place *with, size_t n_with)
{
	size_t n = places->n - n_old + n_with;
	int r = array_reserve((void **)&places->items, &places->capacity, n + 1,
			      sizeof(*places->items), PLACES_N_MAX);

	if (r < 0)
		return r;
	memmove(&places->items[at + n_with], &places->items[at + n_old],
		(places->n - at - n_old) * sizeof(*places->items));
	memcpy(&places->items[at], with, n_with * sizeof(*with));
	places->n = n;
	return 0;
}

/* What is of another keeps its rest on both sides. */
static int put_over(struct recorded_places *places, const struct recorded_place *place)
{
	struct recorded_place with[3];
	size_t at = first_above(places, place->lo_ip), end = at, n = 0;

	while (end < places->n && places->items[end].lo_ip < place->hi_ip)
		end++;
	if (end > at && places->items[at].lo_ip < place->lo_ip) {
		with[n] = places->items[at];
		with[n++].hi_ip = place->lo_ip;
	}
	with[n++] = *place;
	if (end > at && places->items[end - 1].hi_ip > place->hi_ip) {
		with[n] = places->items[end - 1];
		with[n++].lo_ip = place->hi_ip;
	}
	return replace(places, at, end - at, with, n);
}

/* A module ends where the next place begins, and ends the module that its begin is in. */
static int put_module(struct recorded_places *places, const struct recorded_place *place)
{
	size_t at = first_above(places, place->lo_ip);
	struct recorded_place with[2], module = *place;
	size_t n = 0, n_old = 0;

	if (at < places->n && places->items[at].lo_ip <= place->lo_ip) {
		with[n] = places->items[at];
		with[n].hi_ip = place->lo_ip;
		n += with[n].lo_ip < with[n].hi_ip;
		n_old = 1;
	}
	if (at + n_old < places->n && places->items[at + n_old].lo_ip < module.hi_ip)
		module.hi_ip = places->items[at + n_old].lo_ip;
	with[n++] = module;
	return replace(places, at, n_old, with, n);
}

static int add_module(struct recorded_places *places, const struct recording_map *map,
		      const char *name, struct recorded_place *place)
{
	struct recorded_module m = {
		.base_ip = map->start,
		.n_bytes = map->n_bytes,
		.build_id = map->build_id,
	};
	int r = array_push_room(places->modules, places->n_modules, places->modules_capacity,
				PLACES_N_MAX);

	if (r < 0)
		return r;
	memcpy(m.name, name, sizeof(m.name));
	m.filename = strdup(map->filename);
	if (!m.filename)
		return -ENOMEM;
	place->module = (uint32_t)places->n_modules;
	places->modules[places->n_modules++] = m;
	return put_module(places, place);
}

int recorded_places_take(struct recorded_places *places, const struct recording_event *event)
{
	char name[MODULE_NAME_SIZE] = "";
	struct recorded_place place;
	int r;

	if (!claim_of(event, &place, name))
		return 0;
	if (place.lo_ip == place.hi_ip) {
		places->n_dropped++;
		return 0;
	}
	if (place.kind != PLACE_MODULE)
		r = put_over(places, &place);
	else if (is_known_module(places, &place, name))
		return 0;
	else
		r = add_module(places, &event->map, name, &place);
	if (r == -E2BIG) {
		places->n_dropped++;
		return 0;
	}
	return r;
}
