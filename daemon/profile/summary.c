/* SPDX-License-Identifier: Apache-2.0 */
#include "summary.h"

#include <errno.h>
#include <stdlib.h>
#include "base/radix.h"
#include "tree.h"

/* ProfileSummaryBuilder::DefaultCutoffs, in millionths. */
static const uint32_t default_cutoffs[SUMMARY_N_CUTOFFS] = {
	10000,	100000, 200000, 300000, 400000, 500000, 600000, 700000,
	800000, 900000, 950000, 990000, 999000, 999900, 999990, 999999,
};

static uint64_t count_records(const struct function *f)
{
	uint64_t n = f->n_records;

	for (uint32_t i = 0; i < f->n_inlinees; i++)
		n += count_records(f->inlinees[i]);
	return n;
}

/* Those that are not 0; they are a fraction of all, and sorted. */
static uint64_t *collect_samples(const struct function *f, uint64_t *to)
{
	for (uint32_t i = 0; i < f->n_records; i++)
		if (f->records[i].samples)
			*to++ = f->records[i].samples;
	for (uint32_t i = 0; i < f->n_inlinees; i++)
		to = collect_samples(f->inlinees[i], to);
	return to;
}

/*
 * Walks the samples, which are sorted, from the highest, all of one value at a time: LLVM keeps a
 * map from value to frequency. The sum wraps there, and so it does here: then it may not be enough
 * for all, and the last value is that of the records without samples.
 */
static void compute_cutoffs(const uint64_t *samples, uint64_t n, struct summary *s)
{
	uint64_t i = 0, sum = 0, min_count = 0;

	for (unsigned int k = 0; k < SUMMARY_N_CUTOFFS; k++) {
		unsigned __int128 share = (unsigned __int128)s->total * default_cutoffs[k];
		uint64_t want = (uint64_t)(share / 1000000);

		while (sum < want && i < n) {
			min_count = samples[n - 1 - i];
			for (; i < n && samples[n - 1 - i] == min_count; i++)
				sum += min_count;
		}
		if (sum < want && i < s->n_records) {
			min_count = 0;
			i = s->n_records;
		}
		s->cutoffs[k] = (struct summary_cutoff){ default_cutoffs[k], min_count, i };
	}
}

int summary_compute(const struct profile *profile, struct summary *ret_summary)
{
	struct summary s = { .n_functions = profile->n_functions };
	uint64_t *samples, *to, n;

	for (uint32_t i = 0; i < profile->n_functions; i++) {
		s.n_records += count_records(profile->functions[i]);
		if (profile->functions[i]->head > s.max_head)
			s.max_head = profile->functions[i]->head;
	}
	samples = to = calloc(s.n_records + 1, sizeof(*samples));
	if (!samples)
		return -ENOMEM;
	for (uint32_t i = 0; i < profile->n_functions; i++)
		to = collect_samples(profile->functions[i], to);
	n = (uint64_t)(to - samples);
	radix_sort(samples, n, sizeof(*samples));
	s.max = n ? samples[n - 1] : 0;
	for (uint64_t i = 0; i < n; i++)
		s.total += samples[i];
	compute_cutoffs(samples, n, &s);
	free(samples);
	*ret_summary = s;
	return 0;
}
