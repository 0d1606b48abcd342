/* SPDX-License-Identifier: Apache-2.0 */
#include "produce.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "bolt.h"
#include "extbinary.h"
#include "facts.h"
#include "object_facts.h"
#include "symbolize/live_text.h"
#include "textual.h"
#include "tree.h"
#include "unsymbolized.h"

void produced_deinit(struct produced *produced)
{
	profile_free(produced->profile);
	free(produced->figures_of);
	*produced = (struct produced){ 0 };
}

static enum range_rule rule_of(const struct produce_input *input)
{
	if (input->is_ip_only)
		return RANGES_IP;
	return input->is_llvm ? RANGES_LLVM : RANGES_ACCURATE;
}

/* Live text of something else, such as another boot, is not used. */
static enum text_likeness set_object_live(struct object *object, const struct live_text *live)
{
	enum text_likeness likeness;

	if (!object->symbols)
		return TEXT_NOT_LIVE;
	text_set_live(object->symbols->text, live);
	likeness = text_likeness(object->symbols->text);
	object->has_unlike_text = likeness == TEXT_UNLIKE;
	if (object->has_unlike_text)
		text_set_live(object->symbols->text, NULL);
	return likeness;
}

/* Whether any of it is in use: of modules only if the kernel's is of this boot. */
static bool set_live(const struct produce_input *input)
{
	const struct live_text *live = input->is_llvm ? NULL : input->live;
	struct object *kernel = input->objects->kernel;
	enum text_likeness likeness = kernel ? set_object_live(kernel, live) : TEXT_NOT_LIVE;
	bool is_live = likeness == TEXT_ALIKE;

	if (likeness == TEXT_UNLIKE)
		live = NULL;
	for (size_t i = 0; i < input->objects->n; i++)
		if (input->objects->items[i] != kernel)
			is_live |= set_object_live(input->objects->items[i], live) == TEXT_ALIKE;
	return is_live;
}

static enum text_rule text_rule_of(enum range_rule rule, bool is_live)
{
	if (rule == RANGES_LLVM)
		return TEXT_RULE_FILE;
	return is_live ? TEXT_RULE_LIVE : TEXT_RULE_SITES;
}

/* Ranges of one object, from start to end: what accumulating relies on. */
static void drop_impossible(const struct objects *objects, struct branch_counts *counts)
{
	size_t n = 0;

	for (size_t i = 0; i < counts->n_ranges; i++) {
		const struct range_count *range = &counts->ranges[i];
		const struct object *object = objects_find(objects, range->start_vaddr);

		if (object && range->start_vaddr <= range->end_vaddr &&
		    object == objects_find(objects, range->end_vaddr))
			counts->ranges[n++] = *range;
	}
	counts->n_ranges = n;
}

static int select_counts(const struct produce_input *input, const struct selection *selection,
			 struct produced *produced)
{
	struct branch_counts copy = { 0 }, *counts = input->counts;
	int r = 0;

	if (input->was_selected) {
		r = branch_counts_add(&copy, input->counts);
		counts = &copy;
	}
	if (r == 0) {
		branches_select(selection, counts, &produced->branches);
		ranges_select(selection, counts, &produced->ranges);
	}
	if (input->was_selected)
		drop_impossible(input->objects, input->counts);
	branch_counts_deinit(&copy);
	return r;
}

int produce_select(const struct produce_input *input, struct produced *produced)
{
	const enum range_rule rule = rule_of(input);
	int r = rule == RANGES_LLVM ? 0 : objects_load_patches(input->objects);
	const struct selection selection = {
		.objects = input->objects,
		.rule = rule,
		.figures = calloc(input->objects->n + 1, sizeof(*selection.figures)),
	};

	free(produced->figures_of);
	produced->figures_of = selection.figures;
	if (r < 0 || !selection.figures)
		return r < 0 ? r : -ENOMEM;
	produced->text_rule = text_rule_of(rule, set_live(input));
	r = select_counts(input, &selection, produced);
	produced->is_selected = r == 0;
	return r;
}

struct object_figures produced_sum(const struct produce_input *input,
				   const struct produced *produced)
{
	struct object_figures sum = { 0 };

	/* the last ones are of what is in no object */
	for (size_t i = 0; produced->figures_of && i < input->objects->n; i++)
		object_figures_add(&sum, &produced->figures_of[i]);
	return sum;
}

/* Compatible mode does not ask. */
static double symbolized_share(const struct produce_input *input, const struct produced *produced)
{
	struct object_figures sum = produced_sum(input, produced);

	return input->is_llvm ? SHARE_UNKNOWN : object_figures_known_share(&sum, input->is_ip_only);
}

/* With what is known of the counts, which the profile itself cannot tell. */
static struct verdict_result judge(const struct produce_input *input,
				   const struct produced *produced)
{
	struct verdict_input verdict = { VERDICT_INPUT_UNKNOWN };

	verdict.n_records = produced->figures.summary.n_records;
	verdict.density = produced->figures.density;
	verdict.lost_share = input->lost_share;
	verdict.n_samples = input->n_samples;
	verdict.invalid_share = ranges_invalid_share(&produced->ranges);
	verdict.is_ip_only = input->is_ip_only;
	verdict.symbolized_share = symbolized_share(input, produced);
	return verdict_judge(&verdict, &input->limits);
}

int produce_profile(const struct produce_input *input, struct produced *produced)
{
	enum accumulate_rule rule = input->is_llvm ? ACCUMULATE_LLVM : ACCUMULATE_ACCURATE;
	struct show_figures figures = { 0 };
	struct accumulate_stats stats;
	struct profile *profile;
	int r = accumulate(input->objects, rule, input->counts, input->profile_bytes_max, &profile,
			   &stats);

	if (r < 0)
		return r;
	r = input->without_figures ? 0 : show_compute(profile, &figures);
	if (r < 0) {
		profile_free(profile);
		return r;
	}
	profile_free(produced->profile);
	produced->profile = profile;
	produced->accumulate = stats;
	produced->figures = figures;
	produced->has_figures = !input->without_figures;
	if (produced->has_figures)
		produced->figures.verdict = judge(input, produced);
	return 0;
}

/* BOLT optimizes one file, which is the kernel here. */
static int encode_bolt(const struct produce_input *input, const struct branch_counts *counts,
		       struct buf *buf)
{
	const struct functions *f = &input->objects->kernel->symbols->functions;
	cleanup(free_cleanup) uint64_t *starts = malloc((f->n_starts + 1) * sizeof(*starts));

	if (!starts)
		return -ENOMEM;
	for (size_t i = 0; i < f->n_starts; i++)
		starts[i] = f->ranges[f->starts[i]].lo_vaddr;
	return bolt_encode(counts, starts, f->n_starts, buf);
}

/* Forms that know one object only. */
static int encode_kernel(const struct produce_input *input, enum produce_format format,
			 struct buf *buf)
{
	struct branch_counts part = { 0 };
	const struct branch_counts *counts = input->counts;
	int r = 0;

	if (input->objects && input->objects->n > 1) {
		r = unsymbolized_kernel_part(input->counts, input->objects, &part);
		counts = &part;
	}
	if (r == 0 && format == PRODUCE_BOLT)
		r = input->objects ? encode_bolt(input, counts, buf) : -EINVAL;
	else if (r == 0)
		unsymbolized_encode(counts, 0, buf);
	branch_counts_deinit(&part);
	return r < 0 ? r : buf->error;
}

static int encode_profile(const struct produce_input *input, const struct produced *produced,
			  enum produce_format format, struct buf *buf)
{
	const struct profile *profile = produced->profile;
	const struct extbinary_options options = {
		.has_md5_names = input->has_md5_names,
		.summary = produced->has_figures ? &produced->figures.summary : NULL,
	};

	if (!profile)
		return -EINVAL;
	if (format == PRODUCE_EXTBINARY)
		return extbinary_encode(profile, &options, buf);
	textual_encode(profile, buf);
	return buf->error;
}

int produce_encode(const struct produce_input *input, const struct produced *produced,
		   enum produce_format format, struct buf *buf)
{
	switch (format) {
	case PRODUCE_EXTBINARY:
	case PRODUCE_TEXT:
		return encode_profile(input, produced, format, buf);
	case PRODUCE_UNSYMBOLIZED:
	case PRODUCE_BOLT:
		return encode_kernel(input, format, buf);
	case PRODUCE_COUNTS:
		return unsymbolized_encode_objects(input->counts, input->objects, buf);
	}
	return -EINVAL;
}

static void fill_profile_facts(const struct produced *produced, struct profile_facts *facts)
{
	const struct show_figures *figures = &produced->figures;
	size_t n = strnlen(figures->verdict.reason, sizeof(figures->verdict.reason) - 1);

	facts->has_profile = 1;
	facts->is_fs = produced->profile->is_fs;
	facts->verdict = figures->verdict.verdict;
	facts->density = figures->density;
	facts->n_functions = figures->summary.n_functions;
	facts->n_inlinees = figures->n_inlinees;
	facts->n_records = figures->summary.n_records;
	facts->total_samples = figures->summary.total;
	facts->max_samples = figures->summary.max;
	facts->max_head = figures->summary.max_head;
	facts->accumulate = produced->accumulate;
	memcpy(facts->reason, figures->verdict.reason, n);
}

static void fill_object_facts(const struct produce_input *input, const struct produced *produced,
			      struct profile_facts *facts)
{
	const struct object_figures sum = produced_sum(input, produced);

	for (size_t i = 0; i < input->objects->n; i++) {
		const struct object *object = input->objects->items[i];
		bool is_listed = object_is_listed(object, produced->figures_of);

		facts->n_objects += is_listed;
		facts->n_objects_symbolized += is_listed && object->symbols;
	}
	if (input->is_llvm)
		return;
	facts->n_arrived = input->is_ip_only ? sum.ranges.n_pairs : sum.branches.n_branches;
	facts->n_known = input->is_ip_only ? sum.ranges.n_pairs - sum.ranges.n_external
					   : sum.branches.n_branches - sum.branches.n_no_target;
	facts->n_named = sum.n_named;
}

void produce_facts(const struct produce_input *input, const struct produced *produced,
		   struct profile_facts *ret_facts)
{
	struct profile_facts facts = PROFILE_FACTS_INIT;

	facts.is_selected = produced->is_selected;
	facts.is_ip_only = input->is_ip_only;
	if (input->objects && input->objects->kernel) {
		const struct build_id *id = &input->objects->kernel->build_id;

		memcpy(facts.build_id, id->bytes, sizeof(facts.build_id));
		facts.n_build_id_bytes = id->n_bytes;
		facts.n_units_damaged =
			input->objects->kernel->symbols->dwarf.stats.n_units_damaged;
	}
	if (input->objects)
		fill_object_facts(input, produced, &facts);
	facts.n_branches = input->counts->n_branches;
	facts.n_ranges = input->counts->n_ranges;
	facts.text_rule = produced->text_rule;
	facts.ranges = produced->ranges;
	facts.branches = produced->branches;
	if (produced->profile)
		fill_profile_facts(produced, &facts);
	*ret_facts = facts;
}
