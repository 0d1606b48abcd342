/* SPDX-License-Identifier: Apache-2.0 */
#include "ranges.h"
#include "verdict.h"

/*
 * Whether the address is an instruction of the image. One inside a rewritten site counts as the
 * start of that site: what runs there is not what the file has, but it is the same place.
 */
static bool resolve(const struct selection *s, uint64_t *vaddr, bool *ret_is_patched)
{
	const struct patch_site *site;

	*ret_is_patched = false;
	if (*vaddr == VADDR_EXTERNAL)
		return false;
	if (text_is_insn(s->symbols->text, *vaddr))
		return true;
	if (s->rule == RANGES_LLVM)
		return false;
	site = patches_find(s->patches, *vaddr);
	if (!site || !text_is_insn(s->symbols->text, site->lo_vaddr))
		return false;
	*vaddr = site->lo_vaddr;
	*ret_is_patched = true;
	return true;
}

/* The first barrier in [start, end) that the running kernel has, too. */
static bool is_passable(const struct selection *s, uint64_t start, uint64_t end,
			bool *ret_is_patched)
{
	struct text *text = s->symbols->text;

	*ret_is_patched = false;
	for (;;) {
		uint64_t barrier = text_next_barrier(text, start, end);

		if (barrier == UINT64_MAX)
			return true;
		if (s->rule == RANGES_LLVM || !patches_find(s->patches, barrier))
			return false;
		*ret_is_patched = true;
		start = barrier + 1;
	}
}

/* What is found out about one pair. */
struct outcome {
	bool is_start_code, is_end_code;
	bool is_end_branch;
	bool is_end_patched;		       /* inside a rewritten site */
	bool is_barrier_patched;	       /* passes a barrier that was rewritten */
	const struct function_range *function; /* of start */
	bool is_cross;
	bool is_bogus; /* both sides code, but no fall-through */
};

static struct outcome judge(const struct selection *s, struct range_count *pair)
{
	bool is_start_moved, is_end_moved;
	struct outcome v = {
		.is_start_code = resolve(s, &pair->start_vaddr, &is_start_moved),
		.is_end_code = resolve(s, &pair->end_vaddr, &is_end_moved),
	};
	uint64_t start = pair->start_vaddr, end = pair->end_vaddr;

	v.is_end_branch = v.is_end_code && text_is_branch(s->symbols->text, end);
	v.is_end_patched =
		is_start_moved || is_end_moved ||
		(v.is_end_code && s->rule == RANGES_ACCURATE && patches_find(s->patches, end));
	v.function = functions_find(&s->symbols->functions, start);
	v.is_cross = v.function && end >= v.function->hi_vaddr;
	v.is_bogus = v.is_start_code && v.is_end_code &&
		     (start > end ||
		      (start != end && !is_passable(s, start, end, &v.is_barrier_patched)));
	return v;
}

/* The order of the questions is llvm-profgen's. */
static void count_health(const struct outcome *v, uint64_t n, struct range_health *health)
{
	health->n_pairs += n;
	if (!v->is_start_code || !v->is_end_code)
		health->n_external += n;
	if (!v->is_start_code && !v->is_end_code)
		return;
	if (!v->is_start_code || !v->is_end_branch)
		health->n_not_on_boundary += n;
	if (!v->function)
		health->n_no_function += n;
	else if (v->is_cross)
		health->n_cross_function += n;
	if (v->is_bogus) {
		health->n_bogus += n;
		health->n_bogus_no_function += v->function ? 0 : n;
	}
}

/*
 * Further doubts of the accurate rule; may shorten the range. An end that is no branch, and cannot
 * have become one, was interrupted before it ran, and the next range begins with it.
 */
static bool is_credible(const struct selection *s, const struct outcome *v,
			struct range_count *range, struct range_health *health)
{
	if (v->is_cross) {
		health->n_dropped_cross += range->n;
		return false;
	}
	if (range->end_vaddr - range->start_vaddr > RANGE_BYTES_MAX) {
		health->n_too_long += range->n;
		return false;
	}
	if (v->is_barrier_patched)
		health->n_patched_barrier += range->n;
	if (v->is_end_patched) {
		health->n_patched_end += range->n;
	} else if (!v->is_end_branch) {
		health->n_interrupted += range->n;
		range->end_vaddr =
			text_previous_insn(s->symbols->text, range->end_vaddr, range->start_vaddr);
	}
	return range->end_vaddr != UINT64_MAX;
}

static bool is_fall_through(const struct selection *s, struct range_count *range,
			    struct range_health *health)
{
	struct outcome v = judge(s, range);

	count_health(&v, range->n, health);
	if (!v.is_start_code || !v.is_end_code || v.is_bogus)
		return false;
	return s->rule == RANGES_LLVM || is_credible(s, &v, range, health);
}

/* Any instruction will do: where it was found, it ran or was about to. */
static bool is_instruction(const struct selection *s, struct range_count *range,
			   struct range_health *health)
{
	bool is_single = range->start_vaddr == range->end_vaddr, is_patched;

	health->n_pairs += range->n;
	if (!resolve(s, &range->start_vaddr, &is_patched)) {
		health->n_external += range->n;
		return false;
	}
	if (!is_single) {
		health->n_bogus += range->n;
		return false;
	}
	range->end_vaddr = range->start_vaddr;
	if (!functions_find(&s->symbols->functions, range->start_vaddr))
		health->n_no_function += range->n;
	if (is_patched)
		health->n_patched_end += range->n;
	return true;
}

void ranges_select(const struct selection *selection, struct branch_counts *counts,
		   struct range_health *ret_health)
{
	struct range_health health = { 0 };
	size_t n_kept = 0;

	for (size_t i = 0; i < counts->n_ranges; i++) {
		struct range_count range = counts->ranges[i];
		bool is_used = selection->rule == RANGES_IP
				       ? is_instruction(selection, &range, &health)
				       : is_fall_through(selection, &range, &health);

		if (!is_used)
			continue;
		health.n_used += range.n;
		counts->ranges[n_kept++] = range;
	}
	counts->n_ranges = n_kept;
	branch_counts_normalize(counts);
	*ret_health = health;
}

void branches_select(const struct selection *selection, struct branch_counts *counts,
		     struct branch_health *ret_health)
{
	size_t n_kept = 0, n_asked = selection->rule == RANGES_IP ? 0 : counts->n_branches;
	struct branch_health health = { 0 };

	for (size_t i = 0; i < n_asked; i++) {
		struct branch_count branch = counts->branches[i];
		bool is_from_moved, is_to_moved;

		health.n_branches += branch.n;
		if (!resolve(selection, &branch.to_vaddr, &is_to_moved)) {
			health.n_no_target += branch.n;
			continue;
		}
		if (!resolve(selection, &branch.from_vaddr, &is_from_moved)) {
			branch.from_vaddr = VADDR_EXTERNAL;
			health.n_external_source += branch.n;
		}
		if (is_from_moved || is_to_moved)
			health.n_patched += branch.n;
		counts->branches[n_kept++] = branch;
	}
	counts->n_branches = n_kept;
	branch_counts_normalize(counts);
	*ret_health = health;
}

double ranges_invalid_share(const struct range_health *health)
{
	double n_inside = (double)health->n_pairs - (double)health->n_external;
	double n_invalid = (double)health->n_bogus + (double)health->n_dropped_cross +
			   (double)health->n_too_long;

	if (n_inside <= 0)
		return SHARE_UNKNOWN;
	return n_invalid < n_inside ? n_invalid / n_inside : 1;
}
