/* SPDX-License-Identifier: Apache-2.0 */
#include "ranges.h"
#include "verdict.h"

const char *text_rule_name(enum text_rule rule)
{
	static const char *const names[N_TEXT_RULES] = {
		[TEXT_RULE_FILE] = "file",
		[TEXT_RULE_SITES] = "sites",
		[TEXT_RULE_LIVE] = "live",
	};

	return names[rule];
}

/* The object whose code the address is, if anybody knows; NULL: none, or external. */
static struct object *object_of(const struct selection *s, uint64_t vaddr)
{
	if (s->rule == RANGES_LLVM)
		return vaddr == VADDR_EXTERNAL ? NULL : s->objects->kernel;
	return objects_find(s->objects, vaddr);
}

static bool has_symbols(const struct object *object)
{
	return object && object->symbols;
}

/*
 * Whether the address is an instruction of the object. One inside a rewritten site counts as the
 * start of that site: what runs there is not what the file has, but it is the same place.
 */
static bool resolve(const struct selection *s, const struct object *object, uint64_t *vaddr,
		    bool *ret_is_patched)
{
	const struct patch_site *site;

	*ret_is_patched = false;
	if (!has_symbols(object))
		return false;
	if (text_is_insn(object->symbols->text, *vaddr))
		return true;
	if (s->rule == RANGES_LLVM)
		return false;
	site = patches_find(&object->patches, *vaddr);
	if (!site || !text_is_insn(object->symbols->text, site->lo_vaddr))
		return false;
	*vaddr = site->lo_vaddr;
	*ret_is_patched = true;
	return true;
}

static bool has_file_barrier(struct text *text, uint64_t vaddr)
{
	return text_next_file_barrier(text, vaddr, vaddr + 1) == vaddr;
}

/* Whether the site's text is known to have been what it is all the time. */
static bool is_settled(const struct object *object, const struct patch_site *site, uint64_t vaddr)
{
	return !patch_site_changes(site) && text_is_live(object->symbols->text, vaddr);
}

/* Whether what is known to be a barrier has been one all the time; by the rule RANGES_ACCURATE. */
static bool is_lasting_barrier(const struct object *object, uint64_t vaddr)
{
	const struct patch_site *site = patches_find(&object->patches, vaddr);
	struct text *text = object->symbols->text;

	if (site)
		return is_settled(object, site, vaddr);
	return has_file_barrier(text, vaddr) || !text_is_live(text, vaddr);
}

/* Whether a barrier of the file in [start, end) is none in live text. */
static bool is_live_passage(struct text *text, uint64_t start, uint64_t end)
{
	while (start < end) {
		uint64_t barrier = text_next_file_barrier(text, start, end);

		if (barrier == UINT64_MAX)
			return false;
		if (text_next_barrier(text, barrier, barrier + 1) == UINT64_MAX)
			return true;
		start = barrier + 1;
	}
	return false;
}

/* How a range gets past the barriers in it. */
struct passage {
	bool is_blocked;
	bool is_patched;   /* passes a barrier at a site that may have been rewritten */
	bool is_live;	   /* passes a barrier of the file that live text has not */
	bool is_live_only; /* blocked by a barrier that the file has not */
};

static struct passage find_passage(const struct selection *s, const struct object *object,
				   uint64_t start, uint64_t end)
{
	struct text *text = object->symbols->text;
	struct passage p = { 0 };

	for (uint64_t from = start;;) {
		uint64_t barrier = text_next_barrier(text, from, end);

		if (barrier == UINT64_MAX)
			break;
		if (s->rule == RANGES_LLVM || is_lasting_barrier(object, barrier)) {
			p.is_blocked = true;
			p.is_live_only = !has_file_barrier(text, barrier);
			return p;
		}
		p.is_patched = true;
		from = barrier + 1;
	}
	p.is_live = is_live_passage(text, start, end);
	return p;
}

/* What is found out about one pair. */
struct outcome {
	const struct object *start_object, *end_object; /* NULL: in none */
	bool is_start_code, is_end_code;
	bool is_end_branch;
	bool is_end_patched; /* in a site that may have been rewritten */
	bool is_live;	     /* both ends in live text */
	struct passage passage;
	const struct function_range *function; /* of start */
	bool is_cross;
	bool is_between; /* both sides code, of two objects */
	bool is_bogus;	 /* both sides code, but no fall-through */
};

static bool is_no_fall_through(const struct selection *s, struct outcome *v, uint64_t start,
			       uint64_t end)
{
	if (v->is_between || start > end)
		return true;
	if (start != end)
		v->passage = find_passage(s, v->start_object, start, end);
	return v->passage.is_blocked;
}

/* Whether an instruction that is no branch may have been one when it was counted. */
static bool is_rewritable(const struct selection *s, const struct object *object, uint64_t vaddr)
{
	const struct patch_site *site;

	if (s->rule != RANGES_ACCURATE)
		return false;
	site = patches_find(&object->patches, vaddr);
	return site && !is_settled(object, site, vaddr);
}

static struct outcome judge(const struct selection *s, struct range_count *pair)
{
	const struct object *so = object_of(s, pair->start_vaddr);
	const struct object *eo = object_of(s, pair->end_vaddr);
	bool is_start_moved, is_end_moved;
	struct outcome v = {
		.start_object = so,
		.end_object = eo,
		.is_start_code = resolve(s, so, &pair->start_vaddr, &is_start_moved),
		.is_end_code = resolve(s, eo, &pair->end_vaddr, &is_end_moved),
	};
	uint64_t start = pair->start_vaddr, end = pair->end_vaddr;

	v.is_end_branch = v.is_end_code && text_is_branch(eo->symbols->text, end);
	v.is_end_patched =
		is_start_moved || is_end_moved || (v.is_end_code && is_rewritable(s, eo, end));
	v.is_live = v.is_start_code && v.is_end_code && text_is_live(so->symbols->text, start) &&
		    text_is_live(eo->symbols->text, end);
	v.function = has_symbols(so) ? functions_find(&so->symbols->functions, start) : NULL;
	v.is_between = v.is_start_code && v.is_end_code && so != eo;
	v.is_cross = v.function && !v.is_between && end >= v.function->hi_vaddr;
	v.is_bogus = v.is_start_code && v.is_end_code && is_no_fall_through(s, &v, start, end);
	return v;
}

/* The order of the questions is llvm-profgen's. */
static void count_health(const struct outcome *v, uint64_t n, struct range_health *health)
{
	health->n_pairs += n;
	if (!v->is_start_code || !v->is_end_code)
		health->n_external += n;
	if ((v->start_object && !v->start_object->symbols) ||
	    (v->end_object && !v->end_object->symbols))
		health->n_no_symbols += n;
	if (!v->is_start_code && !v->is_end_code)
		return;
	health->n_live += v->is_live ? n : 0;
	if (!v->is_start_code || !v->is_end_branch)
		health->n_not_on_boundary += n;
	if (!v->function)
		health->n_no_function += n;
	else if (v->is_cross)
		health->n_cross_function += n;
	if (v->is_bogus) {
		health->n_bogus += n;
		health->n_bogus_no_function += v->function ? 0 : n;
		health->n_between += v->is_between ? n : 0;
		health->n_live_bogus += v->passage.is_live_only ? n : 0;
	}
}

/*
 * Further doubts of the accurate rule; may shorten the range. An end that is no branch, and cannot
 * have become one, was interrupted before it ran, and the next range begins with it.
 */
static bool is_credible(const struct outcome *v, struct range_count *range,
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
	if (v->passage.is_patched)
		health->n_patched_barrier += range->n;
	if (v->passage.is_live)
		health->n_live_barrier += range->n;
	if (v->is_end_patched) {
		health->n_patched_end += range->n;
	} else if (!v->is_end_branch) {
		health->n_interrupted += range->n;
		range->end_vaddr = text_previous_insn(v->start_object->symbols->text,
						      range->end_vaddr, range->start_vaddr);
	}
	health->n_emptied += range->end_vaddr == UINT64_MAX ? range->n : 0;
	return range->end_vaddr != UINT64_MAX;
}

/* Where to count what happens in an object; NULL: in none. */
static struct object_figures *figures_of(const struct selection *s, const struct object *object,
					 struct object_figures *sum)
{
	if (!s->figures)
		return sum;
	return &s->figures[object ? object->number : s->objects->n];
}

static bool is_fall_through(const struct selection *s, struct range_count *range,
			    struct object_figures *sum)
{
	struct outcome v = judge(s, range);
	struct range_health *health =
		&figures_of(s, v.start_object ? v.start_object : v.end_object, sum)->ranges;
	bool is_used = false;

	count_health(&v, range->n, health);
	if (v.is_start_code && v.is_end_code && !v.is_bogus)
		is_used = s->rule == RANGES_LLVM || is_credible(&v, range, health);
	if (is_used)
		health->n_used += range->n;
	return is_used;
}

/* Any instruction will do: where it was found, it ran or was about to. */
static bool is_instruction(const struct selection *s, struct range_count *range,
			   struct object_figures *sum)
{
	bool is_single = range->start_vaddr == range->end_vaddr, is_patched;
	const struct object *object = object_of(s, range->start_vaddr);
	struct object_figures *figures = figures_of(s, object, sum);
	struct range_health *health = &figures->ranges;

	health->n_pairs += range->n;
	if (!resolve(s, object, &range->start_vaddr, &is_patched)) {
		health->n_external += range->n;
		health->n_no_symbols += object && !object->symbols ? range->n : 0;
		return false;
	}
	if (!is_single) {
		health->n_bogus += range->n;
		return false;
	}
	range->end_vaddr = range->start_vaddr;
	if (functions_find(&object->symbols->functions, range->start_vaddr))
		figures->n_named += range->n;
	else
		health->n_no_function += range->n;
	if (is_patched)
		health->n_patched_end += range->n;
	health->n_used += range->n;
	return true;
}

/* The healths are of u64 throughout, so they add up as arrays of them. */
_Static_assert(sizeof(struct range_health) % sizeof(uint64_t) == 0 &&
		       sizeof(struct branch_health) % sizeof(uint64_t) == 0,
	       "only u64");

static void add_up(void *sum, const void *part, size_t n_bytes)
{
	uint64_t *to = sum;
	const uint64_t *from = part;

	for (size_t i = 0; i < n_bytes / sizeof(*to); i++)
		to[i] += from[i];
}

void object_figures_add(struct object_figures *sum, const struct object_figures *part)
{
	add_up(&sum->branches, &part->branches, sizeof(sum->branches));
	add_up(&sum->ranges, &part->ranges, sizeof(sum->ranges));
	sum->n_named += part->n_named;
}

static void add_all(const struct selection *s, struct object_figures *sum)
{
	for (size_t i = 0; s->figures && i <= s->objects->n; i++)
		object_figures_add(sum, &s->figures[i]);
}

void ranges_select(const struct selection *selection, struct branch_counts *counts,
		   struct range_health *ret_health)
{
	struct object_figures sum = { 0 };
	size_t n_kept = 0;

	for (size_t i = 0; i < counts->n_ranges; i++) {
		struct range_count range = counts->ranges[i];
		bool is_used = selection->rule == RANGES_IP
				       ? is_instruction(selection, &range, &sum)
				       : is_fall_through(selection, &range, &sum);

		if (is_used)
			counts->ranges[n_kept++] = range;
	}
	counts->n_ranges = n_kept;
	branch_counts_normalize(counts);
	add_all(selection, &sum);
	*ret_health = sum.ranges;
}

/* Whether the branch is to be kept; moves its ends to where they count. */
static bool is_arrival(const struct selection *s, struct branch_count *branch,
		       struct object_figures *sum)
{
	const struct object *from = object_of(s, branch->from_vaddr);
	const struct object *to = object_of(s, branch->to_vaddr);
	struct object_figures *figures = figures_of(s, to, sum);
	struct branch_health *health = &figures->branches;
	bool is_from_moved, is_to_moved;

	health->n_branches += branch->n;
	if (s->rule != RANGES_LLVM && has_symbols(to) &&
	    functions_find(&to->symbols->functions, branch->to_vaddr))
		figures->n_named += branch->n;
	if (!resolve(s, to, &branch->to_vaddr, &is_to_moved)) {
		health->n_no_target += branch->n;
		health->n_no_symbols += to && !to->symbols ? branch->n : 0;
		return false;
	}
	if (!resolve(s, from, &branch->from_vaddr, &is_from_moved)) {
		branch->from_vaddr = VADDR_EXTERNAL;
		health->n_external_source += branch->n;
	} else if (from != to) {
		health->n_between += branch->n;
	}
	if (is_from_moved || is_to_moved)
		health->n_patched += branch->n;
	return true;
}

void branches_select(const struct selection *selection, struct branch_counts *counts,
		     struct branch_health *ret_health)
{
	size_t n_kept = 0, n_asked = selection->rule == RANGES_IP ? 0 : counts->n_branches;
	struct object_figures sum = { 0 };

	for (size_t i = 0; i < n_asked; i++) {
		struct branch_count branch = counts->branches[i];

		if (is_arrival(selection, &branch, &sum))
			counts->branches[n_kept++] = branch;
	}
	counts->n_branches = n_kept;
	branch_counts_normalize(counts);
	add_all(selection, &sum);
	*ret_health = sum.branches;
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
