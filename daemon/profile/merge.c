/* SPDX-License-Identifier: Apache-2.0 */
#include "merge.h"

#include <errno.h>
#include "tree.h"

static void add(uint64_t *sum, uint64_t n, uint64_t weight)
{
	*sum = saturating_add(*sum, saturating_mul(n, weight));
}

static int merge_record(struct profile *into, struct function *f, const struct record *from,
			uint64_t weight)
{
	struct record *record = profile_record(into, f, from->line_off, from->disc);

	if (!record)
		return profile_error(into);
	add(&record->samples, from->samples, weight);
	for (uint32_t i = 0; i < from->n_targets; i++) {
		uint64_t n = saturating_mul(from->targets[i].n, weight);
		int r = profile_add_target(into, record, from->targets[i].name, n);

		if (r < 0)
			return r;
	}
	return 0;
}

/* The tree's depth bounds the recursion. */
static int merge_function(struct profile *into, struct function *f, const struct function *from,
			  uint64_t weight)
{
	int r = 0;

	add(&f->total, from->total, weight);
	add(&f->head, from->head, weight);
	for (uint32_t i = 0; r == 0 && i < from->n_records; i++)
		r = merge_record(into, f, &from->records[i], weight);
	for (uint32_t i = 0; r == 0 && i < from->n_inlinees; i++) {
		const struct function *inlinee = from->inlinees[i];
		struct function *g =
			profile_inlinee(into, f, inlinee->line_off, inlinee->disc, inlinee->name);

		r = g ? merge_function(into, g, inlinee, weight) : profile_error(into);
	}
	return r;
}

int profile_merge(struct profile *into, const struct profile *from, uint64_t weight)
{
	int r = 0;

	if (into->n_functions && from->n_functions && into->is_md5 != from->is_md5)
		return -EINVAL;
	if (!into->n_functions)
		into->is_md5 = from->is_md5;
	into->is_fs |= from->is_fs;
	for (uint32_t i = 0; r == 0 && i < from->n_functions; i++) {
		struct function *f = profile_function(into, from->functions[i]->name);

		r = f ? merge_function(into, f, from->functions[i], weight) : profile_error(into);
	}
	return r;
}
