/* SPDX-License-Identifier: Apache-2.0 */
#include "ranges.h"

/* What is found out about one pair. */
struct verdict {
	bool is_start_code, is_end_code;
	bool is_end_branch;
	const struct function_range *function; /* of start */
	bool is_cross;
	bool is_bogus; /* both sides code, but no fall-through */
};

static struct verdict judge(struct symbols *s, const struct range_count *pair)
{
	uint64_t start = pair->start_vaddr, end = pair->end_vaddr;
	struct verdict v = {
		.is_start_code = start != VADDR_EXTERNAL && text_is_insn(s->text, start),
		.is_end_code = end != VADDR_EXTERNAL && text_is_insn(s->text, end),
	};

	v.is_end_branch = v.is_end_code && text_is_branch(s->text, end);
	v.function = functions_find(&s->functions, start);
	v.is_cross = v.function && end >= v.function->hi_vaddr;
	v.is_bogus = v.is_start_code && v.is_end_code &&
		     (start > end || (start != end && !text_is_passable(s->text, start, end)));
	return v;
}

/* The order of the questions is llvm-profgen's. */
static void count_health(const struct verdict *v, uint64_t n, struct range_health *health)
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
	if (v->is_bogus)
		health->n_bogus += n;
}

/*
 * Further doubts of the accurate rule; may shorten the range. An end that is no branch was
 * interrupted before it ran, and the next range begins with it.
 */
static bool is_credible(struct symbols *s, const struct verdict *v, struct range_count *range,
			struct range_health *health)
{
	if (v->is_cross) {
		health->n_dropped_cross += range->n;
		return false;
	}
	if (range->end_vaddr - range->start_vaddr > RANGE_BYTES_MAX) {
		health->n_too_long += range->n;
		return false;
	}
	if (!v->is_end_branch) {
		uint64_t end = text_previous_insn(s->text, range->end_vaddr, range->start_vaddr);

		health->n_interrupted += range->n;
		range->end_vaddr = end;
		return end != UINT64_MAX;
	}
	return true;
}

void ranges_select(struct symbols *symbols, enum range_rule rule, struct branch_counts *counts,
		   struct range_health *ret_health)
{
	struct range_health health = { 0 };
	size_t n_kept = 0;

	for (size_t i = 0; i < counts->n_ranges; i++) {
		struct range_count range = counts->ranges[i];
		struct verdict v = judge(symbols, &range);

		count_health(&v, range.n, &health);
		if (!v.is_start_code || !v.is_end_code || v.is_bogus)
			continue;
		if (rule == RANGES_ACCURATE && !is_credible(symbols, &v, &range, &health))
			continue;
		health.n_used += range.n;
		counts->ranges[n_kept++] = range;
	}
	counts->n_ranges = n_kept;
	branch_counts_normalize(counts);
	*ret_health = health;
}

void branches_select(struct symbols *symbols, struct branch_counts *counts,
		     struct branch_health *ret_health)
{
	struct branch_health health = { 0 };
	size_t n_kept = 0;

	for (size_t i = 0; i < counts->n_branches; i++) {
		struct branch_count branch = counts->branches[i];

		health.n_branches += branch.n;
		if (!text_is_insn(symbols->text, branch.to_vaddr)) {
			health.n_no_target += branch.n;
			continue;
		}
		if (!text_is_insn(symbols->text, branch.from_vaddr)) {
			branch.from_vaddr = VADDR_EXTERNAL;
			health.n_external_source += branch.n;
		}
		counts->branches[n_kept++] = branch;
	}
	counts->n_branches = n_kept;
	branch_counts_normalize(counts);
	*ret_health = health;
}
