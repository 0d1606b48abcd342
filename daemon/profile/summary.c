/* SPDX-License-Identifier: Apache-2.0 */
#include "summary.h"

#include <errno.h>
#include <stdlib.h>
#include "base/array.h"
#include "base/radix.h"
#include "tree.h"

/* ProfileSummaryBuilder::DefaultCutoffs, in millionths. */
static const uint32_t default_cutoffs[SUMMARY_N_CUTOFFS] = {
	10000,	100000, 200000, 300000, 400000, 500000, 600000, 700000,
	800000, 900000, 950000, 990000, 999000, 999900, 999990, 999999,
};

#define N_SAMPLES_MAX ((size_t)1 << 40)

/* Records' samples that are not 0, which are a fraction of all, and sorted. */
struct collection {
	uint64_t *samples; /* owned; n */
	size_t n, capacity;
	uint64_t n_records;
};

static int collect(struct collection *c, const struct function *f)
{
	int r = array_reserve((void **)&c->samples, &c->capacity, c->n + f->n_records,
			      sizeof(*c->samples), N_SAMPLES_MAX);

	if (r < 0)
		return r;
	c->n_records += f->n_records;
	for (uint32_t i = 0; i < f->n_records; i++)
		if (f->records[i].samples)
			c->samples[c->n++] = f->records[i].samples;
	for (uint32_t i = 0; r == 0 && i < f->n_inlinees; i++)
		r = collect(c, f->inlinees[i]);
	return r;
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
	struct collection c = { 0 };
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < profile->n_functions; i++) {
		r = collect(&c, profile->functions[i]);
		if (profile->functions[i]->head > s.max_head)
			s.max_head = profile->functions[i]->head;
	}
	if (r < 0) {
		free(c.samples);
		return r;
	}
	s.n_records = c.n_records;
	radix_sort(c.samples, c.n, sizeof(*c.samples));
	s.max = c.n ? c.samples[c.n - 1] : 0;
	for (size_t i = 0; i < c.n; i++)
		s.total += c.samples[i];
	compute_cutoffs(c.samples, c.n, &s);
	free(c.samples);
	*ret_summary = s;
	return 0;
}
