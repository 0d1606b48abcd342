/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects are allocated one by one, so that whoever holds one while another is added keeps a good
 * pointer; the array of pointers is what is sorted.
 */
#include "objects.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "aggregate/branch_counts.h"
#include "base/array.h"

#define GAP_BYTES                                                                                  \
	4096u /* between two objects at least: no address is the end of one and in another */

/* What a module is known by; zeros behind the name and behind the build id. */
struct module_key {
	char name[MODULE_NAME_SIZE];
	struct build_id build_id;
	uint64_t n_text_bytes;
};

int objects_init(struct objects *objects)
{
	struct objects o = { .next_module_vaddr = OBJECTS_MODULES_VADDR };
	int r = names_new(&o.names, SYMBOLS_NAMES_CEILING_BYTES);

	if (r == 0)
		r = names_new(&o.keys, OBJECTS_N_MAX * 2 * sizeof(struct module_key));
	if (r < 0) {
		names_free(o.names);
		return r;
	}
	*objects = o;
	return 0;
}

static void free_object(struct object *object)
{
	symbols_free(object->symbols);
	patches_deinit(&object->patches);
	free(object->source);
	free(object->bad_index);
	free(object);
}

void objects_deinit(struct objects *objects)
{
	for (size_t i = 0; i < objects->n; i++)
		free_object(objects->items[i]);
	free(objects->items);
	free(objects->by_key);
	names_free(objects->keys);
	names_free(objects->names);
	*objects = (struct objects){ 0 };
}

/* Index of the first object that begins above vaddr. */
static size_t find_above(const struct objects *objects, uint64_t vaddr)
{
	size_t low = 0, high = objects->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (objects->items[middle]->lo_vaddr <= vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int insert(struct objects *objects, struct object *object)
{
	size_t at = find_above(objects, object->lo_vaddr);
	int r = array_push_room(objects->items, objects->n, objects->capacity, OBJECTS_N_MAX);

	if (r < 0)
		return r;
	memmove(&objects->items[at + 1], &objects->items[at],
		(objects->n - at) * sizeof(objects->items[0]));
	objects->items[at] = object;
	object->number = (uint32_t)objects->n++;
	return 0;
}

/* All of its code, whatever lies between the sections. */
static void set_extent(struct object *object, const struct image *image)
{
	object->lo_vaddr = UINT64_MAX;
	for (size_t i = 0; i < image->n_text; i++) {
		const struct image_section *section = &image->text[i];
		uint64_t hi;

		if (section->vaddr < object->lo_vaddr)
			object->lo_vaddr = section->vaddr;
		if (__builtin_add_overflow(section->vaddr, section->n_bytes, &hi))
			hi = UINT64_MAX;
		if (hi > object->hi_vaddr)
			object->hi_vaddr = hi;
	}
	if (object->lo_vaddr > object->hi_vaddr)
		object->lo_vaddr = object->hi_vaddr;
}

/* With a gap between: no address is the end of one object and the begin of another. */
static uint64_t place_behind(uint64_t hi_vaddr)
{
	return hi_vaddr > UINT64_MAX - 2 * OBJECTS_ALIGN
		       ? UINT64_MAX
		       : (hi_vaddr / OBJECTS_ALIGN + 2) * OBJECTS_ALIGN;
}

static void attach(struct object *object, struct symbols *symbols)
{
	object->symbols = symbols;
	object->state = OBJECT_STATE_SYMBOLIZED;
	object->why.text[0] = '\0';
}

int objects_add_kernel(struct objects *objects, struct symbols *symbols, struct object **ret_kernel)
{
	struct object *kernel = objects->kernel ? NULL : calloc(1, sizeof(*kernel));
	int r;

	if (!kernel) {
		symbols_free(symbols);
		return objects->kernel ? -EEXIST : -ENOMEM;
	}
	strcpy(kernel->name, OBJECTS_KERNEL_NAME);
	kernel->is_kernel = true;
	kernel->build_id = symbols->image->build_id;
	set_extent(kernel, symbols->image);
	attach(kernel, symbols);
	r = insert(objects, kernel);
	if (r < 0) {
		free_object(kernel);
		return r;
	}
	objects->kernel = kernel;
	objects->next_module_vaddr = place_behind(kernel->hi_vaddr);
	*ret_kernel = kernel;
	return 0;
}

/* Where n bytes of text go; 0: nowhere. */
static uint64_t place_module(struct objects *objects, uint64_t n_bytes)
{
	const struct object *kernel = objects->kernel;
	uint64_t lo = objects->next_module_vaddr;

	if (lo > UINT64_MAX - n_bytes - 2 * OBJECTS_ALIGN)
		lo = OBJECTS_MODULES_VADDR;
	if (kernel && kernel->lo_vaddr < lo + n_bytes && lo < kernel->hi_vaddr)
		return 0;
	objects->next_module_vaddr = place_behind(lo + n_bytes);
	return lo;
}

static int new_module(struct objects *objects, const struct module_key *key,
		      struct object **ret_module)
{
	struct object *module = calloc(1, sizeof(*module));
	int r = -E2BIG;

	if (!module)
		return -ENOMEM;
	memcpy(module->name, key->name, sizeof(module->name));
	module->build_id = key->build_id;
	module->lo_vaddr = place_module(objects, key->n_text_bytes);
	module->hi_vaddr = module->lo_vaddr + key->n_text_bytes;
	if (module->lo_vaddr)
		r = insert(objects, module);
	if (r < 0) {
		free(module);
		return r;
	}
	*ret_module = module;
	return 0;
}

/* The slot of the key, NULL in it if it is new. 0; -ENOMEM; -E2BIG. */
static int find_slot(struct objects *objects, const struct module_key *key,
		     struct object ***ret_slot)
{
	uint32_t number = names_find(objects->keys, (const char *)key, sizeof(*key));
	int r = 0;

	if (number == NAME_NONE) {
		r = array_push_room(objects->by_key, names_count(objects->keys),
				    objects->by_key_capacity, OBJECTS_N_MAX);
		if (r == 0)
			r = names_add(objects->keys, (const char *)key, sizeof(*key), &number);
		if (r < 0)
			return r;
		objects->by_key[number] = NULL;
	}
	*ret_slot = &objects->by_key[number];
	return r;
}

int objects_add_module(struct objects *objects, const char *name, const struct build_id *build_id,
		       uint64_t n_text_bytes, struct object **ret_module)
{
	size_t n_name = strnlen(name, MODULE_NAME_SIZE);
	struct module_key key = { .n_text_bytes = n_text_bytes };
	struct object **slot;
	int r;

	if (n_text_bytes == 0 || n_name == 0 || n_name == MODULE_NAME_SIZE)
		return -EINVAL;
	if (n_text_bytes > OBJECTS_TEXT_BYTES_MAX)
		return -E2BIG;
	memcpy(key.name, name, n_name);
	if (build_id)
		key.build_id = *build_id;
	r = find_slot(objects, &key, &slot);
	if (r == 0 && !*slot)
		r = new_module(objects, &key, slot);
	if (r == 0)
		*ret_module = *slot;
	return r;
}

static void want(const struct objects *objects, uint64_t vaddr)
{
	struct object *object = objects_find(objects, vaddr);

	if (object)
		object->is_wanted = true;
}

size_t objects_want(struct objects *objects, const struct branch_counts *counts)
{
	size_t n = 0;

	for (size_t i = 0; i < counts->n_branches; i++) {
		want(objects, counts->branches[i].from_vaddr);
		want(objects, counts->branches[i].to_vaddr);
	}
	for (size_t i = 0; i < counts->n_ranges; i++) {
		want(objects, counts->ranges[i].start_vaddr);
		want(objects, counts->ranges[i].end_vaddr);
	}
	for (size_t i = 0; i < objects->n; i++)
		n += objects->items[i]->is_wanted && !objects->items[i]->symbols;
	return n;
}

void objects_set_symbols(struct objects *objects, struct object *object, struct symbols *symbols)
{
	const struct object *kernel = objects->kernel;

	if (kernel && kernel->symbols && kernel->symbols->image->is_fs != symbols->image->is_fs) {
		object->state = OBJECT_STATE_OTHER_DISCRIMINATORS;
		problem_set(&object->why, 0,
			    "%s: its discriminators are %sflow-sensitive, the "
			    "kernel's are%s",
			    object->name, symbols->image->is_fs ? "" : "not ",
			    symbols->image->is_fs ? " not" : "");
		symbols_free(symbols);
		return;
	}
	attach(object, symbols);
}

int objects_set_source(struct object *object, const char *source)
{
	char *copy = strdup(source);

	if (!copy)
		return -ENOMEM;
	free(object->source);
	object->source = copy;
	return 0;
}

int objects_load_patches(struct objects *objects)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < objects->n; i++) {
		struct object *object = objects->items[i];

		if (!object->symbols || object->has_patches)
			continue;
		r = symbols_load_patches(object->symbols, &object->patches);
		object->has_patches = r == 0;
	}
	return r;
}

void objects_set_missing(struct object *object, enum object_state state, const struct problem *why)
{
	object->state = state;
	object->why = *why;
}

int objects_damage(const struct objects *objects, struct problem *problem)
{
	int r = 0;

	for (size_t i = 0; i < objects->n && r == 0; i++)
		if (objects->items[i]->symbols)
			r = symbols_damage(objects->items[i]->symbols, problem);
	return r;
}

struct object *objects_find(const struct objects *objects, uint64_t vaddr)
{
	size_t above = find_above(objects, vaddr);
	struct object *object = above > 0 ? objects->items[above - 1] : NULL;

	return object && vaddr < object->hi_vaddr && vaddr != VADDR_EXTERNAL ? object : NULL;
}

const char *object_state_name(enum object_state state)
{
	switch (state) {
	case OBJECT_STATE_UNUSED:
		return "unused";
	case OBJECT_STATE_SYMBOLIZED:
		return "symbolized";
	case OBJECT_STATE_NO_BUILD_ID:
		return "no-build-id";
	case OBJECT_STATE_NO_FILE:
		return "no-file";
	case OBJECT_STATE_UNUSABLE:
		return "unusable";
	case OBJECT_STATE_OTHER_DISCRIMINATORS:
		return "other-discriminators";
	}
	return "";
}
