/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a module's text ends, no file of the kernel says: the size in /proc/modules is the sum of
 * its parts, which since Linux 6.4 lie apart (kernel/module/procfs.c, module_total_size()), and
 * kallsyms has no sizes. Text is taken to end with the page of the last text symbol: memory of a
 * module comes in pages of its own, so nobody else's code is claimed. Of a last function that
 * crosses a page, the rest counts as foreign.
 */
#include "map.h"

#include <errno.h>
#include <string.h>
#include "modules.h"

static bool is_power_of_two(uint64_t v)
{
	return v && !(v & (v - 1));
}

void map_free(struct address_map *map)
{
	if (!map)
		return;
	free(map->objects);
	free(map);
}

static void add_kernel(struct address_map *map, const struct map_input *input)
{
	const struct kernel_text *text = &input->kallsyms->text;

	map->objects[map->n_objects++] = (struct map_object){
		.name = "vmlinux",
		.build_id = *input->build_id,
		.base_ip = text->text_ip,
		.start_ip = text->stext_ip,
		.end_ip = text->etext_ip,
	};
}

/* The last address that an offset can stand for. */
static uint64_t window_last_ip(const struct address_map *map)
{
	return map->window_ip > UINT64_MAX - UINT32_MAX ? UINT64_MAX : map->window_ip + UINT32_MAX;
}

static bool is_in_window(const struct address_map *map, uint64_t start_ip, uint64_t end_ip)
{
	/* offset 0 is not an address */
	return start_ip > map->window_ip && start_ip < end_ip && end_ip - 1 <= window_last_ip(map);
}

/*
 * Who may see symbols may not see /proc/modules where a service manager opened kallsyms for him.
 * Text of a module begins with a page, and with a symbol: .text comes first, and before a function
 * there are at most the bytes that -fpatchable-function-entry and call padding put there. Before
 * arm64's .text there may be a page of .plt, which has no symbol: then it is not known.
 */
static uint64_t base_of(const struct module *module, const struct kallsyms_module *symbols,
			uint64_t page_bytes)
{
	return module->base_ip ? module->base_ip : symbols->first_ip & -page_bytes;
}

/*
 * Its .init.text is dropped some time after it is live: do_init_module(), Linux 6.12, which tells
 * of the module before, and then waits for devices. That lies elsewhere, with others' code in
 * between. It is the same with another instance, loaded since /proc/modules was read.
 */
static bool has_others(const struct module *module, const struct kallsyms_module *symbols)
{
	return symbols && (symbols->first_ip < module->base_ip ||
			   symbols->last_ip - symbols->first_ip >= module->size_bytes);
}

static void add_module(struct address_map *map, const struct map_input *input,
		       const struct module *module)
{
	const struct kallsyms_module *symbols = kallsyms_find_module(input->kallsyms, module->name);
	struct map_object *object = &map->objects[map->n_objects];

	if (!module->is_live || has_others(module, symbols)) {
		map->n_passing++;
		return;
	}
	if (!symbols) {
		map->n_without_text++;
		return;
	}
	*object = (struct map_object){ .base_ip = base_of(module, symbols, input->page_bytes) };
	object->start_ip = object->base_ip;
	/* wraps to 0 on the last page of all, which is outside, then */
	object->end_ip = (symbols->last_ip | (input->page_bytes - 1)) + 1;
	memcpy(object->name, module->name, sizeof(object->name));
	if (!is_in_window(map, object->start_ip, object->end_ip)) {
		map->n_outside++;
		return;
	}
	map->n_objects++;
}

static int compare_objects(const void *a, const void *b)
{
	const struct map_object *x = a, *y = b;

	if (x->start_ip != y->start_ip)
		return x->start_ip < y->start_ip ? -1 : 1;
	return strcmp(x->name, y->name);
}

static bool is_kernel(const struct address_map *map, const struct map_object *object,
		      const struct kernel_text *text)
{
	return object->start_ip == text->stext_ip && object->end_ip == text->etext_ip &&
	       strcmp(object->name, "vmlinux") == 0;
}

/* Which of two objects to keep that claim the same code: the image, or whoever begins first. */
static void drop_overlapping(struct address_map *map, const struct kernel_text *text)
{
	size_t n = 0;

	for (size_t i = 0; i < map->n_objects; i++) {
		const struct map_object *object = &map->objects[i];
		bool is_image = is_kernel(map, object, text);

		while (is_image && n > 0 && map->objects[n - 1].end_ip > object->start_ip) {
			map->n_overlapping++;
			n--;
		}
		if (n > 0 && map->objects[n - 1].end_ip > object->start_ip) {
			map->n_overlapping++;
			continue;
		}
		if (is_image)
			map->kernel = n;
		map->objects[n++] = *object;
	}
	map->n_objects = n;
}

static void read_build_ids(struct address_map *map, int root_fd)
{
	for (size_t i = 0; i < map->n_objects; i++) {
		struct map_object *object = &map->objects[i];

		if (i == map->kernel)
			continue;
		if (root_fd < 0 || module_read_build_id(root_fd, object->name, &object->build_id))
			map->n_without_build_id++;
	}
}

int map_new(const struct map_input *input, struct address_map **ret_map)
{
	const struct kernel_text *text = &input->kallsyms->text;
	size_t n_modules = input->modules ? input->modules->n : 0;
	struct address_map *map cleanup(map_cleanup) = NULL;

	if (!is_power_of_two(input->page_bytes))
		return -EINVAL;
	map = calloc(1, sizeof(*map));
	if (!map)
		return -ENOMEM;
	map->objects = calloc(n_modules + 1, sizeof(*map->objects));
	if (!map->objects)
		return -ENOMEM;
	/* kallsyms takes no _text below 2^63 */
	map->window_ip = text->text_ip - MAP_WINDOW_BELOW_BYTES;
	add_kernel(map, input);
	for (size_t i = 0; i < n_modules; i++)
		add_module(map, input, &input->modules->items[i]);
	qsort(map->objects, map->n_objects, sizeof(*map->objects), compare_objects);
	drop_overlapping(map, text);
	read_build_ids(map, input->root_fd);
	*ret_map = steal_ptr(map);
	return 0;
}

const struct map_object *map_find(const struct address_map *map, uint64_t ip)
{
	size_t low = 0, high = map->n_objects;

	/* objects[..low) start at or before ip, those from high on behind it */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (map->objects[middle].start_ip <= ip)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && ip < map->objects[low - 1].end_ip ? &map->objects[low - 1] : NULL;
}
