/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/kallsyms, a NUL, /proc/modules. Cutting the text does not change what is read of it, and a
 * map of it is in order.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/problem.h"
#include "kernel/idle.h"
#include "kernel/kallsyms.h"
#include "kernel/map.h"
#include "kernel/modules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static int parse(const uint8_t *text, size_t n_bytes, size_t n_piece, struct kallsyms *ret)
{
	struct kallsyms_config config = { .with_cpuidle_text = true, .page_bytes = 4096 };
	struct kallsyms_parser *parser;
	struct problem problem;
	int r;

	config.function_names = idle_function_names(&config.n_function_names);
	if (kallsyms_parser_new(&config, &parser) != 0)
		abort();
	for (size_t i = 0; i < n_bytes; i += n_piece)
		if (kallsyms_parser_feed(parser, text + i,
					 n_bytes - i < n_piece ? n_bytes - i : n_piece) != 0)
			abort();
	r = kallsyms_parser_finish(parser, ret, &problem);
	kallsyms_parser_free(parser);
	return r;
}

static void check_same(const struct kallsyms *a, const struct kallsyms *b)
{
	if (a->n_modules != b->n_modules || a->n_functions != b->n_functions ||
	    memcmp(&a->text, &b->text, sizeof(a->text)) != 0 ||
	    memcmp(&a->stats, &b->stats, sizeof(a->stats)) != 0 ||
	    (a->n_functions &&
	     memcmp(a->functions, b->functions, a->n_functions * sizeof(*a->functions)) != 0))
		abort();
	for (size_t i = 1; i < a->n_functions; i++)
		if (a->functions[i - 1].end_ip >= a->functions[i].start_ip)
			abort();
}

static void check_map(const struct address_map *map)
{
	for (size_t i = 0; i < map->n_objects; i++) {
		const struct map_object *object = &map->objects[i];

		if (object->start_ip >= object->end_ip ||
		    (i > 0 && map->objects[i - 1].end_ip > object->start_ip) ||
		    object->start_ip <= map->window_ip ||
		    object->end_ip - 1 - map->window_ip > UINT32_MAX ||
		    map_find(map, object->end_ip - 1) != object)
			abort();
	}
	if (map->kernel >= map->n_objects || strcmp(map->objects[map->kernel].name, "vmlinux") != 0)
		abort();
}

static void build_map(const struct kallsyms *kallsyms, const uint8_t *text, size_t n_bytes)
{
	const struct build_id id = { .n_bytes = 1 };
	struct modules modules;
	struct map_input input = { kallsyms, &modules, &id, -1, 4096 };
	struct address_map *map;

	if (modules_parse(text, n_bytes, &modules) != 0 || map_new(&input, &map) != 0)
		abort();
	check_map(map);
	map_free(map);
	modules_deinit(&modules);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	const uint8_t *nul = n_bytes ? memchr(data, 0, n_bytes) : NULL;
	size_t n_kallsyms = nul ? (size_t)(nul - data) : n_bytes;
	struct kallsyms whole, cut;
	int r = parse(data, n_kallsyms, n_bytes + 1, &whole);

	if (parse(data, n_kallsyms, 13, &cut) != r)
		abort();
	if (r != 0)
		return 0;
	check_same(&whole, &cut);
	build_map(&whole, nul ? nul + 1 : NULL, nul ? n_bytes - n_kallsyms - 1 : 0);
	kallsyms_deinit(&whole);
	kallsyms_deinit(&cut);
	return 0;
}
