/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The equations, with what they may be off by.
 *
 * Exact, as both sides are ours:
 *   good samples read == used + rejected by those who took them
 *   entries read      == counted + rejected
 * One-sided, as the kernel says one of them:
 *   LOST records <= PERF_FORMAT_LOST; equal if settled: each LOST record repeats what the events
 *   of the ring have lost since the one before, and is written with the next record that fits
 *   running <= enabled <= wall and its slack
 * About, as a period is not to the unit:
 *   taken ~ count / period, within 1 % and two samples for each start of the counter, which begins
 *   anew then and forgets what it had counted of a period
 *
 * PERF_FORMAT_LOST counts THROTTLE records that found no room, too. They stay within the 1 %: one
 * comes after a tick's worth of samples, hundreds.
 *
 * Source: kernel/events/ring_buffer.c, __perf_output_begin(), Linux 6.12.
 */
#include "conservation.h"

#include <inttypes.h>
#include "base/problem.h"

#define TOLERANCE_DIVISOR 100u /* 1 %, an estimate */
#define TOLERANCE_PER_START 2u

static uint64_t add_saturated(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static uint64_t less_or_zero(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

void conservation_add_reading(struct conservation *sum, const struct event_reading *reading,
			      const struct sampling_span *span)
{
	uint64_t n_most = reading->count / span->period;
	uint64_t n_least = reading->count / add_saturated(span->period, span->skid_max);
	uint64_t n_starts_slack = span->n_starts * TOLERANCE_PER_START;

	sum->n_lost_read += reading->n_lost;
	sum->time_enabled_ns += reading->time_enabled_ns;
	sum->time_running_ns += reading->time_running_ns;
	n_most = add_saturated(n_most, n_most / TOLERANCE_DIVISOR + n_starts_slack);
	sum->n_expected_max = add_saturated(sum->n_expected_max, n_most);
	sum->n_expected_min += less_or_zero(n_least, n_least / TOLERANCE_DIVISOR + n_starts_slack);
}

void conservation_add(struct conservation *sum, const struct conservation *one)
{
	ring_stats_add(&sum->ring, &one->ring);
	sum->n_used += one->n_used;
	sum->n_rejected += one->n_rejected;
	sum->n_counted_entries += one->n_counted_entries;
	sum->n_rejected_entries += one->n_rejected_entries;
	sum->n_lost_read += one->n_lost_read;
	sum->n_lost_side += one->n_lost_side;
	sum->time_enabled_ns += one->time_enabled_ns;
	sum->time_running_ns += one->time_running_ns;
	sum->n_expected_min += one->n_expected_min;
	sum->n_expected_max = add_saturated(sum->n_expected_max, one->n_expected_max);
	sum->wall_ns += one->wall_ns;
	sum->wall_slack_ns += one->wall_slack_ns;
	sum->is_loss_inexact |= one->is_loss_inexact;
	sum->is_settled &= one->is_settled;
}

static struct conservation_result account(const struct conservation *c)
{
	uint64_t n_unreadable = c->ring.n_malformed_samples + c->ring.n_too_deep_samples;
	struct conservation_result result = {
		.n_used = c->n_used,
		.n_rejected = c->n_rejected + n_unreadable,
		.n_lost =
			(c->is_loss_inexact ? c->ring.n_lost : c->n_lost_read) + c->ring.n_hw_lost,
		.is_lower_bound = c->is_loss_inexact || c->ring.n_given_up_bytes > 0,
	};

	result.n_taken = result.n_used + result.n_rejected + result.n_lost;
	return result;
}

static int check_reader(const struct conservation *c, struct problem *problem)
{
	const char *what;

	if (ring_stats_check(&c->ring, &what) != 0)
		return problem_set(problem, CONSERVATION_E_BROKEN, "conservation: %s", what);
	if (c->ring.n_good_samples != c->n_used + c->n_rejected)
		return problem_set(problem, CONSERVATION_E_BROKEN,
				   "conservation: %" PRIu64 " samples were read, but %" PRIu64
				   " used and %" PRIu64 " rejected",
				   c->ring.n_good_samples, c->n_used, c->n_rejected);
	if (c->ring.n_entries != c->n_counted_entries + c->n_rejected_entries)
		return problem_set(problem, CONSERVATION_E_BROKEN,
				   "conservation: %" PRIu64 " entries were read, but %" PRIu64
				   " counted and %" PRIu64 " rejected",
				   c->ring.n_entries, c->n_counted_entries, c->n_rejected_entries);
	return 0;
}

static int check_loss(const struct conservation *c, struct problem *problem)
{
	uint64_t n_lost_read = c->n_lost_read + c->n_lost_side;

	if (c->is_loss_inexact)
		return 0;
	if (c->ring.n_lost > n_lost_read)
		return problem_set(problem, CONSERVATION_E_BROKEN,
				   "conservation: LOST records say %" PRIu64
				   ", but the events lost %" PRIu64,
				   c->ring.n_lost, n_lost_read);
	/* a LOST record may have been among bytes that were given up */
	if (c->is_settled && c->ring.n_given_up_bytes == 0 && c->ring.n_lost != n_lost_read)
		return problem_set(problem, CONSERVATION_E_BROKEN,
				   "conservation: the events lost %" PRIu64
				   ", but LOST records say only %" PRIu64,
				   n_lost_read, c->ring.n_lost);
	return 0;
}

static int check_times(const struct conservation *c, struct problem *problem)
{
	uint64_t wall_ns_max = add_saturated(c->wall_ns, c->wall_slack_ns);

	if (c->time_running_ns <= c->time_enabled_ns && c->time_enabled_ns <= wall_ns_max)
		return 0;
	return problem_set(problem, CONSERVATION_E_BROKEN,
			   "conservation: ran %" PRIu64 " ns, enabled %" PRIu64
			   " ns, but watched for %" PRIu64 " ns",
			   c->time_running_ns, c->time_enabled_ns, c->wall_ns);
}

static int check_taken(const struct conservation *c, const struct conservation_result *result,
		       struct problem *problem)
{
	if (result->n_taken <= c->n_expected_max &&
	    (result->n_taken >= c->n_expected_min || result->is_lower_bound))
		return 0;
	return problem_set(problem, CONSERVATION_E_BROKEN,
			   "conservation: %" PRIu64 " samples are accounted for, but the counter "
			   "allows %" PRIu64 " to %" PRIu64,
			   result->n_taken, c->n_expected_min, c->n_expected_max);
}

int conservation_check(const struct conservation *c, struct conservation_result *ret,
		       struct problem *problem)
{
	int r;

	*ret = account(c);
	r = check_reader(c, problem);
	if (r == 0)
		r = check_loss(c, problem);
	if (r == 0)
		r = check_times(c, problem);
	if (r == 0)
		r = check_taken(c, ret, problem);
	return r;
}
