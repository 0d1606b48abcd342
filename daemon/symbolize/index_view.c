/* SPDX-License-Identifier: Apache-2.0 */
#include "index_view.h"

#include <errno.h>
#include <string.h>
#include "base/array.h"
#include "unit_map.h"

#define N_SITES_MAX (16u << 20)

void index_view_free(struct index_view *view)
{
	if (!view)
		return;
	index_unref(view->index);
	free(view->numbers);
	free(view->first_blocks);
	free(view);
}

static int init(struct index_view *view)
{
	uint64_t n_offs =
		index_part_bytes(view->index, view->object, INDEX_NAME_OFFS) / sizeof(uint32_t);

	view->n_names = n_offs ? n_offs - 1 : 0;
	view->numbers = calloc(view->n_names + 1, sizeof(*view->numbers));
	if (!view->numbers)
		return -ENOMEM;
	view->text_offs = index_part(view->index, view->object, INDEX_TEXT_OFFS);
	view->lengths = index_part(view->index, view->object, INDEX_LENGTHS);
	view->stretches = index_part(view->index, view->object, INDEX_STRETCHES);
	return index_damage(view->index, NULL);
}

int index_view_new(struct index *index, size_t object, uint64_t base_vaddr, struct names *names,
		   struct index_view **ret_view)
{
	const struct index_object *o = index_object(index, object);
	struct index_view *view = malloc(sizeof(*view));
	int r;

	if (!view)
		return -ENOMEM;
	*view = (struct index_view){
		.index = index_ref(index),
		.object = object,
		.base_vaddr = o->is_relocatable ? base_vaddr : o->preferred_base,
		.names = names,
	};
	r = init(view);
	if (r < 0) {
		index_view_free(view);
		return r;
	}
	*ret_view = view;
	return 0;
}

uint32_t index_view_name(struct index_view *view, uint32_t name)
{
	struct bytes offs, text;
	uint32_t off, end_off, number;
	size_t n;
	int r;

	if (name >= view->n_names)
		return NAME_NONE;
	if (view->numbers[name])
		return view->numbers[name] - 1;
	offs = index_slice(view->index, view->object, INDEX_NAME_OFFS, name * (uint64_t)sizeof(off),
			   2 * sizeof(off));
	off = bytes_u32(&offs);
	end_off = bytes_u32(&offs);
	if (end_off < off) {
		index_note_damage(view->index, view->object, "name");
		return NAME_NONE;
	}
	text = index_slice(view->index, view->object, INDEX_NAMES, off, end_off - off);
	n = bytes_left(&text);
	if (offs.failed || text.failed || memchr(text.pos, '\0', n)) {
		index_note_damage(view->index, view->object, "name");
		return NAME_NONE;
	}
	r = names_add(view->names, (const char *)text.pos, n, &number);
	if (r < 0) {
		index_note_error(view->index, r);
		return NAME_NONE;
	}
	view->numbers[name] = number + 1;
	return number;
}

static int fill_units(struct index_view *view, struct unit_map *map)
{
	size_t n = bytes_left(&view->stretches) / INDEX_STRETCH_BYTES;
	struct bytes b = view->stretches;
	uint64_t end_off = 0;

	/* the last record only says where the data ends */
	for (size_t i = 0; i + 1 < n; i++) {
		uint64_t off = bytes_u32(&b), n_bytes = bytes_u32(&b);

		bytes_skip(&b, sizeof(uint32_t));
		if (n_bytes == 0 || off < end_off)
			return -EBADMSG;
		end_off = off + n_bytes;
		map->items[map->n++] =
			(struct unit_interval){ view->base_vaddr + off, view->base_vaddr + end_off,
						(uint32_t)i };
	}
	return 0;
}

int index_view_units(struct index_view *view, struct unit_map *map)
{
	size_t n = bytes_left(&view->stretches) / INDEX_STRETCH_BYTES;
	int r;

	*map = (struct unit_map){
		.items = malloc((n + 1) * sizeof(*map->items)),
		.capacity = n,
		.n_units = n ? n - 1 : 0,
	};
	if (!map->items)
		return -ENOMEM;
	r = fill_units(view, map);
	if (r < 0) {
		unit_map_deinit(map);
		index_note_damage(view->index, view->object, "stretches");
	}
	return r;
}

int index_view_patches(struct index_view *view, struct patches *patches)
{
	struct bytes b = index_part(view->index, view->object, INDEX_PATCHES);
	uint64_t off = 0;
	int r = 0;

	*patches = (struct patches){ 0 };
	while (r == 0 && bytes_left(&b)) {
		uint64_t lo, n, kinds;

		off += bytes_uleb(&b);
		n = bytes_uleb(&b);
		kinds = bytes_uleb(&b);
		lo = view->base_vaddr + off;
		r = array_push_room(patches->sites, patches->n_sites, patches->capacity,
				    N_SITES_MAX);
		if (r == 0)
			patches->sites[patches->n_sites++] =
				(struct patch_site){ lo, lo + n, (uint32_t)kinds };
		off += n;
	}
	if (r == 0 && b.failed) {
		index_note_damage(view->index, view->object, "patch sites");
		r = -EBADMSG;
	}
	if (r < 0)
		patches_deinit(patches);
	return r;
}
