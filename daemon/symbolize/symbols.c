/* SPDX-License-Identifier: Apache-2.0 */
#include "symbols.h"

#include <errno.h>
#include "index_view.h"
#include "patches.h"
#include "unit_frames.h"

static int load(struct symbols *s, struct problem *problem)
{
	int r;

	if (s->image->n_symbols == 0)
		return problem_set(problem, -ENODATA,
				   "image: no symbol table, so nothing in it is known to be code");
	if (bytes_left(&s->image->debug[IMAGE_DEBUG_INFO]) == 0)
		return problem_set(problem, -ENODATA,
				   "image: no .debug_info; give the vmlinux that was built with "
				   "debug information");
	r = text_new(&s->text, s->image);
	if (r == 0)
		r = dwarf_init(&s->dwarf, s->image);
	if (r == 0)
		r = functions_load(&s->functions, &s->dwarf, s->names);
	if (r == 0)
		r = unit_map_load(&s->units, &s->dwarf);
	if (r == -E2BIG)
		return problem_set(problem, r,
				   "image: its debug information is beyond every limit");
	return r;
}

int symbols_new(struct image *image, struct names *names, struct symbols **ret_symbols,
		struct problem *problem)
{
	cleanup(symbols_cleanup) struct symbols *s = calloc(1, sizeof(*s));
	int r;

	if (!s) {
		image_free(image);
		return -ENOMEM;
	}
	s->image = image;
	s->names = names;
	r = load(s, problem);
	if (r < 0)
		return r;
	*ret_symbols = steal_ptr(s);
	return 0;
}

void symbols_free(struct symbols *s)
{
	if (!s)
		return;
	unit_map_deinit(&s->units);
	functions_deinit(&s->functions);
	dwarf_deinit(&s->dwarf);
	text_free(s->text);
	image_free(s->image);
	index_view_free(s->view);
	free(s);
}

void symbols_init_frames(struct symbols *symbols, struct names *names, struct unit_frames *ret_uf)
{
	if (symbols->view)
		unit_frames_init_index(ret_uf, symbols->view, names);
	else
		unit_frames_init(ret_uf, &symbols->dwarf, names);
}

int symbols_load_patches(const struct symbols *symbols, struct patches *ret_patches)
{
	return symbols->view ? index_view_patches(symbols->view, ret_patches)
			     : patches_load(ret_patches, symbols->image);
}

int symbols_damage(const struct symbols *symbols, struct problem *problem)
{
	return symbols->view ? index_damage(symbols->view->index, problem) : 0;
}
