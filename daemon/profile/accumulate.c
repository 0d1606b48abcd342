/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All questions about addresses are gathered first and sorted by unit and address; then each unit
 * that is asked about is loaded once. Sums and maxima do not care about the order. Units of all
 * objects are numbered as one row, so that those of one object follow each other.
 *
 * Units of an index are numbered by address, and intervals and calls are gathered in the order of
 * addresses: then the questions are two sorted runs, and are taken from both as they come.
 */
#include "accumulate.h"

#include <errno.h>
#include "base/array.h"
#include "coverage.h"
#include "remove.h"
#include "symbolize/discriminator.h"
#include "symbolize/unit_frames.h"

#define N_QUESTIONS_MAX (64u << 20)

/* A covered interval or the source of a call, in one unit. */
struct question {
	uint64_t lo_vaddr;
	uint64_t hi_vaddr; /* [lo, hi); of a call lo + 1 */
	uint64_t n;
	uint32_t unit;	 /* in the row of all */
	uint32_t callee; /* its name; NAME_NONE: a covered interval */
};

/* An object that has symbols. */
struct part {
	const struct object *object;
	uint32_t first_unit; /* in the row of all */
};

struct work {
	const struct objects *objects;
	struct part *parts; /* n_parts, by address and so by first_unit */
	size_t n_parts;
	const struct part *part; /* that questions are answered of; NULL: none yet */
	enum accumulate_rule rule;
	struct profile *profile;
	struct accumulate_stats *stats;
	struct unit_frames uf;
	struct question *questions;
	size_t n_questions, capacity;
	size_t n_bodies; /* those of covered intervals are the first ones */
	/* the location that was looked up last; node NODE_NONE, hi_vaddr 0: none of this unit */
	struct location location;
	uint64_t location_lo_vaddr;
	struct frame frames[N_FRAMES_MAX];
	size_t n_frames;
	/* the last way through the tree, which mostly is the same again up to somewhere */
	struct function *path[N_FRAMES_MAX];
	struct frame path_frames[N_FRAMES_MAX];
	size_t n_path;
};

/* gathering */

static int ask(struct work *w, struct question question)
{
	int r = array_push_room(w->questions, w->n_questions, w->capacity, N_QUESTIONS_MAX);

	if (r == 0)
		w->questions[w->n_questions++] = question;
	return r;
}

/* The part that vaddr is in, or NULL. llvm-profgen looks up everything in its one binary. */
static const struct part *part_at(const struct work *w, uint64_t vaddr)
{
	size_t low = 0, high = w->n_parts;

	if (w->rule == ACCUMULATE_LLVM)
		return w->n_parts ? w->parts : NULL;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (w->parts[middle].object->lo_vaddr <= vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && vaddr < w->parts[low - 1].object->hi_vaddr ? &w->parts[low - 1] : NULL;
}

/* Splits [lo, hi) where units change; what no unit describes has no frames. */
static int ask_interval(struct work *w, const struct part *part, uint64_t lo, uint64_t hi,
			uint64_t n, uint32_t callee)
{
	int r = 0;

	while (r == 0 && lo < hi) {
		uint64_t unit_hi;
		size_t unit = unit_map_find(&part->object->symbols->units, lo, &unit_hi);
		uint64_t piece_hi = unit_hi < hi ? unit_hi : hi;

		if (unit != DWARF_NO_UNIT)
			r = ask(w, (struct question){ lo, piece_hi, n,
						      part->first_unit + (uint32_t)unit, callee });
		lo = piece_hi;
	}
	return r;
}

static int ask_coverage(struct work *w, const struct part *part, const struct branch_counts *ranges)
{
	struct coverage coverage;
	int r = coverage_compute(ranges, &part->object->symbols->functions, &coverage);

	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < coverage.n; i++)
		r = ask_interval(w, part, coverage.items[i].start_vaddr,
				 coverage.items[i].end_vaddr + 1, coverage.items[i].n, NAME_NONE);
	coverage_deinit(&coverage);
	return r;
}

/* Ranges are sorted by where they start, so those of one part stand together. */
static int ask_ranges(struct work *w, const struct branch_counts *counts)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < counts->n_ranges;) {
		const struct part *part = part_at(w, counts->ranges[i].start_vaddr);
		size_t first = i;

		while (i < counts->n_ranges && part_at(w, counts->ranges[i].start_vaddr) == part)
			i++;
		if (part)
			r = ask_coverage(w, part,
					 &(struct branch_counts){ .ranges = &counts->ranges[first],
								  .n_ranges = i - first });
	}
	return r;
}

/* A branch to a function's entry: its head, and a question about the caller's line. */
static int ask_call(struct work *w, const struct branch_count *branch)
{
	const struct part *from = part_at(w, branch->from_vaddr);
	const struct part *to = part_at(w, branch->to_vaddr);
	const struct function_range *entry =
		to ? functions_entry_at(&to->object->symbols->functions, branch->to_vaddr) : NULL;
	struct names *names = w->objects->names;
	struct function *function;
	struct name name;
	uint32_t callee;
	int r;

	if (!entry)
		return 0;
	name = names_get(names, entry->name);
	r = names_add(names, name.text, function_canonical_bytes(name.text, name.n_bytes), &callee);
	if (r < 0)
		return r;
	function = profile_function(w->profile, callee);
	if (!function)
		return profile_error(w->profile);
	function->head = saturating_add(function->head, branch->n);
	if (!from || (w->rule == ACCUMULATE_ACCURATE && branch->from_vaddr == VADDR_EXTERNAL))
		return 0;
	return ask_interval(w, from, branch->from_vaddr, branch->from_vaddr + 1, branch->n, callee);
}

static int compare_questions(const void *a, const void *b)
{
	const struct question *x = a, *y = b;

	if (x->unit != y->unit)
		return x->unit < y->unit ? -1 : 1;
	return (x->lo_vaddr > y->lo_vaddr) - (x->lo_vaddr < y->lo_vaddr);
}

/* answering */

/* The same function inlined at the same place, if their callers are the same. */
static bool is_same_step(const struct work *w, size_t i)
{
	const struct frame *a = &w->frames[i], *b = &w->path_frames[i];

	return a->name == b->name && (i == 0 || (a[-1].line_off == b[-1].line_off &&
						 a[-1].discriminator == b[-1].discriminator));
}

/* Walks or makes the way from the top-level function to the leaf. */
static int find_path(struct work *w)
{
	bool is_fs = w->profile->is_fs;
	size_t i = 0;

	while (i < w->n_frames && i < w->n_path && is_same_step(w, i))
		i++;
	for (w->n_path = i; i < w->n_frames; i++) {
		const struct frame *f = &w->frames[i], *call = i ? &w->frames[i - 1] : NULL;

		w->path[i] = call ? profile_inlinee(w->profile, w->path[i - 1], call->line_off,
						    discriminator_base(call->discriminator, is_fs),
						    f->name)
				  : profile_function(w->profile, f->name);
		if (!w->path[i])
			return profile_error(w->profile);
		w->path_frames[i] = *f;
		if (i)
			w->path_frames[i - 1] = *call;
		w->n_path = i + 1;
	}
	return 0;
}

/* Makes w->location the one of vaddr. */
static int locate(struct work *w, uint64_t vaddr)
{
	uint32_t node = w->location.node;
	int r = 0;

	if (vaddr >= w->location_lo_vaddr && vaddr < w->location.hi_vaddr)
		return 0;
	w->location = unit_frames_find(&w->uf, vaddr);
	w->location_lo_vaddr = vaddr;
	w->stats->n_locations++;
	if (w->location.node == node && node != NODE_NONE)
		unit_frames_move(&w->uf, &w->location, w->frames, w->n_frames);
	else
		r = unit_frames_chain(&w->uf, &w->location, w->frames, &w->n_frames);
	if (r < 0)
		return r;
	if (w->n_frames == 0)
		w->stats->n_no_frames++;
	else if (w->location.line == 0)
		w->stats->n_line_zero++;
	return 0;
}

/*
 * The leaf's record at this location, or NULL. One of line 0, which compilers give to what they
 * made of several lines, is as good as any: clang looks its instructions up under the same offset
 * (LLVM 19, FunctionSamples::getOffset()).
 */
static struct record *leaf_record(struct work *w)
{
	const struct frame *leaf = &w->frames[w->n_frames - 1];

	return profile_record(w->profile, w->path[w->n_frames - 1], leaf->line_off,
			      discriminator_base(leaf->discriminator, w->profile->is_fs));
}

/* The instructions of [lo, hi), all of one location, ran n times each. */
static int add_body(struct work *w, uint64_t lo, uint64_t hi, uint64_t n)
{
	struct text_sum sum = text_sum_insns(w->part->object->symbols->text, lo, hi);
	const struct frame *leaf = &w->frames[w->n_frames - 1];
	struct record *record;
	uint64_t total, samples;
	int r;

	if (sum.n_insns == 0)
		return 0;
	r = find_path(w);
	if (r < 0)
		return r;
	total = saturating_mul(n, sum.n_bytes); /* totals count bytes */
	for (size_t i = 0; i < w->n_frames; i++)
		w->path[i]->total = saturating_add(w->path[i]->total, total);
	record = leaf_record(w);
	if (!record)
		return profile_error(w->profile);
	samples = saturating_mul(n,
				 discriminator_duplication(leaf->discriminator, w->profile->is_fs));
	if (samples > record->samples)
		record->samples = samples;
	return 0;
}

static int answer_body(struct work *w, const struct question *q)
{
	int r = 0;

	for (uint64_t lo = q->lo_vaddr; r == 0 && lo < q->hi_vaddr;) {
		uint64_t hi;

		r = locate(w, lo);
		hi = w->location.hi_vaddr < q->hi_vaddr ? w->location.hi_vaddr : q->hi_vaddr;
		if (r == 0 && w->n_frames)
			r = add_body(w, lo, hi, q->n);
		lo = hi;
	}
	return r;
}

static int answer_call(struct work *w, const struct question *q)
{
	struct record *record;
	int r = locate(w, q->lo_vaddr);

	if (r < 0 || w->n_frames == 0)
		return r;
	r = find_path(w);
	if (r < 0)
		return r;
	record = leaf_record(w);
	return record ? profile_add_target(w->profile, record, q->callee, q->n)
		      : profile_error(w->profile);
}

static bool is_sorted(const struct question *questions, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (compare_questions(&questions[i - 1], &questions[i]) > 0)
			return false;
	return true;
}

/* Both runs sorted: the second one is empty if all had to be sorted together. */
static void sort_questions(struct work *w)
{
	const struct question *calls = w->questions + w->n_bodies;

	if (is_sorted(w->questions, w->n_bodies) && is_sorted(calls, w->n_questions - w->n_bodies))
		return;
	w->n_bodies = w->n_questions;
	qsort(w->questions, w->n_questions, sizeof(*w->questions), compare_questions);
}

static void leave_part(struct work *w)
{
	if (!w->part)
		return;
	w->stats->n_too_deep += w->uf.n_too_deep;
	unit_frames_deinit(&w->uf);
	w->part = NULL;
}

/* Makes w->part the one that the unit is of. */
static void enter_part(struct work *w, uint32_t unit)
{
	const struct part *last = w->parts + w->n_parts - 1;
	const struct part *part = w->part ? w->part : w->parts;

	while (part < last && part[1].first_unit <= unit)
		part++;
	if (part == w->part)
		return;
	leave_part(w);
	w->part = part;
	symbols_init_frames(part->object->symbols, w->objects->names, &w->uf);
}

static int answer(struct work *w, const struct question *q, uint32_t *unit)
{
	int r = 0;

	if (q->unit != *unit) {
		*unit = q->unit;
		w->stats->n_units++;
		w->location = (struct location){ .node = NODE_NONE };
		enter_part(w, q->unit);
		r = unit_frames_load(&w->uf, q->unit - w->part->first_unit);
	}
	if (r < 0)
		return r;
	return q->callee == NAME_NONE ? answer_body(w, q) : answer_call(w, q);
}

static int answer_all(struct work *w)
{
	const struct question *body = w->questions, *bodies_end, *call, *end;
	uint32_t unit = UINT32_MAX;
	int r = 0;

	/* nor is there memory of them then */
	if (w->n_questions == 0)
		return 0;
	sort_questions(w);
	bodies_end = call = w->questions + w->n_bodies;
	end = w->questions + w->n_questions;
	while (r == 0 && (body < bodies_end || call < end)) {
		bool is_body =
			call == end || (body < bodies_end && compare_questions(body, call) <= 0);

		r = answer(w, is_body ? body++ : call++, &unit);
	}
	leave_part(w);
	return r;
}

/* finishing */

/* A line that calls ran at least as often as its calls; of top-level functions only, as LLVM does.
 */
static void raise_to_targets(struct profile *profile)
{
	for (size_t i = 0; i < profile->n_functions; i++) {
		struct function *f = profile->functions[i];

		for (size_t k = 0; k < f->n_records; k++) {
			uint64_t sum = 0;

			for (size_t t = 0; t < f->records[k].n_targets; t++)
				sum = saturating_add(sum, f->records[k].targets[t].n);
			if (sum > f->records[k].samples)
				f->records[k].samples = sum;
		}
	}
}

static int run(struct work *w, const struct branch_counts *counts)
{
	int r = ask_ranges(w, counts);

	w->n_bodies = w->n_questions;
	for (size_t i = 0; r == 0 && i < counts->n_branches; i++)
		r = ask_call(w, &counts->branches[i]);
	if (r == 0)
		r = answer_all(w);
	if (r < 0)
		return r;
	raise_to_targets(w->profile);
	(void)remove_initializers(w->profile);
	profile_sort(w->profile);
	return 0;
}

/* -E2BIG: 2^32 units in all. */
static int list_parts(struct work *w)
{
	const struct objects *objects = w->objects;
	uint32_t n_units = 0;

	w->parts = calloc(objects->n + 1, sizeof(*w->parts));
	if (!w->parts)
		return -ENOMEM;
	for (size_t i = 0; i < objects->n; i++) {
		const struct object *object = objects->items[i];

		if (!object->symbols || (w->rule == ACCUMULATE_LLVM && !object->is_kernel))
			continue;
		if (object->symbols->units.n_units >= UINT32_MAX - n_units)
			return -E2BIG;
		w->parts[w->n_parts++] = (struct part){ object, n_units };
		n_units += (uint32_t)object->symbols->units.n_units;
	}
	return 0;
}

/* All are of one kind, see objects_set_symbols(). */
static bool is_fs(const struct work *w)
{
	return w->n_parts && w->parts[0].object->symbols->image->is_fs;
}

int accumulate(const struct objects *objects, enum accumulate_rule rule,
	       const struct branch_counts *counts, size_t ceiling_bytes,
	       struct profile **ret_profile, struct accumulate_stats *ret_stats)
{
	struct accumulate_stats stats = { 0 };
	struct work *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->objects = objects;
	w->rule = rule;
	w->stats = &stats;
	r = list_parts(w);
	if (r == 0)
		r = profile_new(&w->profile, objects->names, ceiling_bytes);
	if (r == 0) {
		w->profile->is_fs = is_fs(w);
		r = run(w, counts);
	}
	if (r == 0) {
		*ret_profile = steal_ptr(w->profile);
		*ret_stats = stats;
	}
	profile_free(w->profile);
	free(w->parts);
	free(w->questions);
	free(w);
	return r;
}
