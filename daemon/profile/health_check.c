/* SPDX-License-Identifier: Apache-2.0 */
#include "health_check.h"

#include <stddef.h>
#include <string.h>
#include "base/macros.h"

/* One field is never above another: both at these offsets, of 8 bytes. */
struct part {
	const char *name;
	size_t part_off, whole_off;
};

#define RANGES(part, whole)                                                                        \
	{ "ranges." #part, offsetof(struct range_health, part),                                    \
	  offsetof(struct range_health, whole) }
#define BRANCHES(part, whole)                                                                      \
	{ "branches." #part, offsetof(struct branch_health, part),                                 \
	  offsetof(struct branch_health, whole) }

static const struct part range_parts[] = {
	RANGES(n_external, n_pairs),
	RANGES(n_not_on_boundary, n_pairs),
	RANGES(n_no_function, n_pairs),
	RANGES(n_cross_function, n_pairs),
	RANGES(n_bogus, n_pairs),
	RANGES(n_bogus_no_function, n_bogus),
	RANGES(n_used, n_pairs),
	RANGES(n_too_long, n_pairs),
	RANGES(n_dropped_cross, n_cross_function),
	RANGES(n_interrupted, n_pairs),
	RANGES(n_emptied, n_interrupted),
	RANGES(n_patched_end, n_pairs),
	RANGES(n_patched_barrier, n_pairs),
	RANGES(n_live, n_pairs),
	RANGES(n_live_barrier, n_pairs),
	RANGES(n_live_bogus, n_bogus),
	RANGES(n_no_symbols, n_external),
	RANGES(n_between, n_bogus),
};

static const struct part branch_parts[] = {
	BRANCHES(n_no_target, n_branches), BRANCHES(n_external_source, n_branches),
	BRANCHES(n_patched, n_branches),   BRANCHES(n_no_symbols, n_no_target),
	BRANCHES(n_between, n_branches),
};

static uint64_t number_at(const void *data, size_t off)
{
	uint64_t n;

	memcpy(&n, (const char *)data + off, sizeof(n));
	return n;
}

static const char *find_wrong(const void *data, const struct part *parts, size_t n_parts)
{
	for (size_t i = 0; i < n_parts; i++)
		if (number_at(data, parts[i].part_off) > number_at(data, parts[i].whole_off))
			return parts[i].name;
	return NULL;
}

/* Each pair is in one of them; together they may be beyond 64 bits. */
static bool is_sum_of_pairs(const struct range_health *h)
{
	const uint64_t parts[] = { h->n_used,	       h->n_external, h->n_bogus,
				   h->n_dropped_cross, h->n_too_long, h->n_emptied };
	uint64_t sum = 0;

	for (size_t i = 0; i < array_size(parts); i++)
		if (__builtin_add_overflow(sum, parts[i], &sum))
			return false;
	return sum == h->n_pairs;
}

const char *range_health_check(const struct range_health *health)
{
	const char *wrong = find_wrong(health, range_parts, array_size(range_parts));

	if (!wrong && !is_sum_of_pairs(health))
		return "ranges.n_pairs";
	return wrong;
}

const char *branch_health_check(const struct branch_health *health)
{
	return find_wrong(health, branch_parts, array_size(branch_parts));
}
