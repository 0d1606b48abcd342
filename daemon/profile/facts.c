/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts arrive as bytes from a process that may have been taken over by the file it read. What is
 * checked here is what a reader of a manifest relies on, and what would do harm on the way there:
 * a number that is none, a text that does not end or writes to a terminal. That the figures are
 * true cannot be checked; they are as good as the profile that came with them.
 */
#include "facts.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include "base/problem.h"
#include "health_check.h"

/* One field is never above another: both at these offsets, of 8 bytes. */
struct part {
	const char *name;
	size_t part_off, whole_off;
};

#define PART(part, whole)                                                                          \
	{ #part, offsetof(struct profile_facts, part), offsetof(struct profile_facts, whole) }

static const struct part parts[] = {
	PART(n_objects_symbolized, n_objects),
	PART(n_known, n_arrived),
	PART(n_named, n_arrived),
	PART(accumulate.n_no_frames, accumulate.n_locations),
	PART(accumulate.n_line_zero, accumulate.n_locations),
	PART(accumulate.n_too_deep, accumulate.n_locations),
};

/* Every byte belongs to a field, so that none of the sender's memory travels along. */
_Static_assert(sizeof(struct profile_facts) ==
		       6 * sizeof(uint32_t) + BUILD_ID_BYTES_MAX + 2 * sizeof(double) +
			       16 * sizeof(uint64_t) + sizeof(struct range_health) +
			       sizeof(struct branch_health) + sizeof(struct accumulate_stats) +
			       VERDICT_REASON_SIZE,
	       "padding");

static uint64_t number_at(const struct profile_facts *facts, size_t off)
{
	uint64_t n;

	memcpy(&n, (const char *)facts + off, sizeof(n));
	return n;
}

static const char *why_bad_numbers(const struct profile_facts *f)
{
	if (f->has_profile > 1 || f->is_selected > 1 || f->is_ip_only > 1 || f->is_fs > 1)
		return "a flag is neither 0 nor 1";
	if (f->verdict > VERDICT_UNFIT)
		return "the verdict is none";
	if (f->text_rule >= N_TEXT_RULES)
		return "the text rule is none";
	if (!isfinite(f->density) || f->density < 0)
		return "the density is no number";
	if (!(f->overlap >= 0 && f->overlap <= 1) && f->overlap != SHARE_UNKNOWN)
		return "the overlap is no share";
	for (size_t i = 0; i < array_size(parts); i++)
		if (number_at(f, parts[i].part_off) > number_at(f, parts[i].whole_off))
			return parts[i].name;
	return NULL;
}

static const char *why_bad_health(const struct profile_facts *f)
{
	const char *why = range_health_check(&f->ranges);

	if (!why)
		why = branch_health_check(&f->branches);
	if (!why && f->n_objects > OBJECTS_N_MAX)
		why = "n_objects";
	if (!why && f->n_arrived > f->branches.n_branches && f->n_arrived > f->ranges.n_pairs)
		why = "n_arrived";
	return why;
}

static bool is_tail_zero(const void *data, size_t n_used, size_t n_bytes)
{
	const uint8_t *bytes = data;

	for (size_t i = n_used; i < n_bytes; i++)
		if (bytes[i])
			return false;
	return true;
}

static const char *why_bad_texts(const struct profile_facts *f)
{
	size_t n = strnlen(f->reason, sizeof(f->reason));

	if (f->n_build_id_bytes > BUILD_ID_BYTES_MAX ||
	    !is_tail_zero(f->build_id, f->n_build_id_bytes, BUILD_ID_BYTES_MAX))
		return "the build id is too long";
	if (n == sizeof(f->reason) || !is_tail_zero(f->reason, n, sizeof(f->reason)))
		return "the reason does not end";
	for (size_t i = 0; i < n; i++)
		if (f->reason[i] < ' ' || f->reason[i] > '~')
			return "the reason is no text";
	return NULL;
}

/* Where there is no profile, nothing may be said of one. */
static const char *why_contradictory(const struct profile_facts *f)
{
	uint64_t any = f->n_functions | f->n_inlinees | f->n_records | f->total_samples |
		       f->max_samples | f->max_head;

	if (!f->has_profile &&
	    (any || f->density > 0 || f->overlap != SHARE_UNKNOWN || f->verdict != VERDICT_UNFIT))
		return "figures of a profile that is not there";
	if (f->has_profile && f->verdict != VERDICT_UNFIT && f->n_records == 0)
		return "an empty profile is unfit";
	return NULL;
}

int profile_facts_read(const void *data, size_t n_bytes, struct profile_facts *ret_facts,
		       struct problem *problem)
{
	struct profile_facts facts;
	const char *why;

	if (n_bytes != sizeof(facts))
		return problem_set(problem, -EBADMSG, "profile facts: %zu bytes, expected %zu",
				   n_bytes, sizeof(facts));
	memcpy(&facts, data, sizeof(facts));
	if (facts.version != PROFILE_FACTS_VERSION)
		return problem_set(problem, -EBADMSG, "profile facts: version %u, expected %u",
				   facts.version, PROFILE_FACTS_VERSION);
	why = why_bad_numbers(&facts);
	if (!why)
		why = why_bad_health(&facts);
	if (!why)
		why = why_bad_texts(&facts);
	if (!why)
		why = why_contradictory(&facts);
	if (why)
		return problem_set(problem, -EBADMSG, "profile facts: cannot be: %s", why);
	*ret_facts = facts;
	return 0;
}
