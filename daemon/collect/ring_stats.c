/* SPDX-License-Identifier: Apache-2.0 */
#include "ring_stats.h"

#include <errno.h>

void ring_stats_add(struct ring_stats *sum, const struct ring_stats *one)
{
	uint64_t *to = (uint64_t *)sum;
	const uint64_t *from = (const uint64_t *)one;

	_Static_assert(sizeof(*sum) % sizeof(*to) == 0, "u64 throughout");
	for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
		to[i] += from[i];
}

static uint64_t n_unknown(const struct ring_stats *s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < RING_N_TYPES; i++)
		n += s->n_unknown[i];
	return n;
}

int ring_stats_check(const struct ring_stats *s, const char **ret_what)
{
	uint64_t n_side_band = s->n_ksymbols + s->n_bpf_events + s->n_text_pokes;
	uint64_t n_reports =
		s->n_lost_records + s->n_hw_lost_records + s->n_throttles + s->n_unthrottles;

	if (s->n_records != s->n_samples + n_reports + n_side_band + s->n_malformed + n_unknown(s))
		*ret_what = "records are not the sum of their types";
	else if (s->n_samples != s->n_good_samples + s->n_malformed_samples + s->n_too_deep_samples)
		*ret_what = "samples are not good and malformed ones";
	else if (s->n_empty_samples > s->n_good_samples)
		*ret_what = "more samples are empty than are good";
	else
		return 0;
	return -EBADMSG;
}
