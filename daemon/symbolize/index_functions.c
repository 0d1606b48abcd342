/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include "functions.h"
#include "index_view.h"

#define RANGE_BYTES_MIN 3 /* of a range in the file */

static int read_ranges(struct index_view *view, struct functions *f)
{
	struct bytes b = index_part(view->index, view->object, INDEX_FUNCTIONS);
	uint64_t off = 0;
	size_t n = index_object(view->index, view->object)->n_functions;

	if (n > bytes_left(&b) / RANGE_BYTES_MIN)
		return -EBADMSG;
	f->ranges = malloc((n + 1) * sizeof(*f->ranges));
	f->index_names = malloc((n + 1) * sizeof(*f->index_names));
	if (!f->ranges || !f->index_names)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		uint64_t lo, n_bytes, name;

		off += (uint64_t)index_unzigzag(bytes_uleb(&b));
		n_bytes = bytes_uleb(&b);
		name = bytes_uleb(&b);
		lo = view->base_vaddr + off;
		if (n_bytes == 0 || lo + n_bytes < lo || name >= view->n_names)
			return -EBADMSG;
		f->ranges[i] = (struct function_range){ lo, lo + n_bytes, NAME_NONE, FUNCTION_NONE,
							FUNCTION_NONE };
		f->index_names[i] = (uint32_t)name;
		off += n_bytes;
	}
	f->n_ranges = n;
	return b.failed || bytes_left(&b) ? -EBADMSG : 0;
}

static int chain(struct index_view *view, struct functions *f)
{
	uint32_t *last = malloc((view->n_names + 1) * sizeof(*last));

	if (!last)
		return -ENOMEM;
	memset(last, 0xff, (view->n_names + 1) * sizeof(*last));
	for (uint32_t i = 0; i < f->n_ranges; i++) {
		uint32_t *before = &last[f->index_names[i]];

		f->ranges[i].first = *before == FUNCTION_NONE ? i : f->ranges[*before].first;
		if (*before != FUNCTION_NONE)
			f->ranges[*before].next = i;
		*before = i;
	}
	free(last);
	return 0;
}

static int read_starts(struct index_view *view, struct functions *f)
{
	struct bytes b = index_part(view->index, view->object, INDEX_STARTS);
	uint64_t range = UINT64_MAX, last_vaddr = 0;

	f->starts = malloc((f->n_ranges + 1) * sizeof(*f->starts));
	f->entry_answers = malloc(f->n_ranges + 1);
	if (!f->starts || !f->entry_answers)
		return -ENOMEM;
	while (bytes_left(&b)) {
		uint64_t code = bytes_uleb(&b);

		range += 1 + (uint64_t)index_unzigzag(code >> 1);
		if (range >= f->n_ranges || f->n_starts == f->n_ranges ||
		    (f->n_starts && f->ranges[range].lo_vaddr <= last_vaddr))
			return -EBADMSG;
		last_vaddr = f->ranges[range].lo_vaddr;
		f->entry_answers[f->n_starts] = code & 1 ? FUNCTION_IS_ENTRY : FUNCTION_IS_NO_ENTRY;
		f->starts[f->n_starts++] = (uint32_t)range;
	}
	return b.failed ? -EBADMSG : 0;
}

int index_view_functions(struct index_view *view, struct functions *functions)
{
	int r;

	*functions = (struct functions){
		.image = view->image,
		.names = view->names,
		.view = view,
	};
	r = read_ranges(view, functions);
	if (r == 0)
		r = chain(view, functions);
	if (r == 0)
		r = read_starts(view, functions);
	if (r < 0) {
		functions_deinit(functions);
		if (r == -EBADMSG)
			index_note_damage(view->index, view->object, "functions");
	}
	return r;
}
