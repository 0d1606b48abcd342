/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include "index_view.h"
#include "symbols.h"

static int fill(struct symbols *s, struct index *index, size_t object, uint64_t base_vaddr)
{
	int r = index_view_new(index, object, base_vaddr, s->names, &s->view);

	if (r == 0)
		r = index_view_image(s->view, &s->image);
	if (r == 0) {
		const struct text_origin origin = { index_view_fill, s->view };

		r = text_new_from(&s->text, s->image, &origin);
	}
	if (r == 0)
		r = index_view_functions(s->view, &s->functions);
	if (r == 0)
		r = index_view_units(s->view, &s->units);
	if (r < 0)
		return r;
	index_forget(index, object);
	index_dwarf_stats(index, object, &s->dwarf.stats);
	if (s->dwarf.stats.n_units_damaged)
		problem_set(&s->dwarf.first_damage, 0, "known since the index was made");
	return 0;
}

int symbols_from_index(struct index *index, size_t object, uint64_t base_vaddr, struct names *names,
		       struct symbols **ret_symbols, struct problem *problem)
{
	cleanup(symbols_cleanup) struct symbols *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->names = names;
	r = fill(s, index, object, base_vaddr);
	/* not the damage of another object, unless it has to do with this one */
	if (r == -EBADMSG)
		return index_damage(index, problem);
	if (r < 0)
		return r;
	*ret_symbols = steal_ptr(s);
	return 0;
}
