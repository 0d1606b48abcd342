/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both trees are sorted, so records and inlined functions of a pair of functions are matched by
 * walking both arrays at once; functions, which are sorted by their totals, through a table by
 * name. Of a function that only one of them has, inlined or not, just the sums count: LLVM takes it
 * for one record of that many samples, which is hot or not as a whole.
 *
 * Where counts are so large that sums saturate, shares may add up to more than 1: every
 * difference and every similarity is held within its range.
 */
#include "overlap.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include "read.h"
#include "summary.h"
#include "tree.h"

/* ProfileSummaryCutoffHot: hot is what makes so many millionths of all samples. */
#define HOT_CUTOFF 990000
/* Differences that are rounding (overlapSampleProfile(), there for its Epsilon). */
#define ROUNDING 0.000005

/* One of the two profiles. */
struct side {
	const struct profile *profile;
	uint64_t hot_samples;	   /* a record of so many is hot */
	struct function **by_name; /* by number of name; NULL where there is none */
	uint64_t n_samples;	   /* of all records */
};

/* Sums of a function and all that is inlined in it. */
struct sums {
	uint64_t n_samples, max_samples;
	uint64_t n_hot_records;
};

/* Of a pair of functions, while they are walked. */
struct pair {
	struct overlap *overlap;
	const struct side *sides[2];
	uint64_t n_samples[2]; /* of the functions at top level */
	double difference;     /* 0..2 */
};

static void add(uint64_t *sum, uint64_t n)
{
	*sum = saturating_add(*sum, n);
}

static double share(uint64_t n, uint64_t of)
{
	return of ? (double)n / (double)of : 0;
}

static double lesser(double a, double b)
{
	return a < b ? a : b;
}

static void sum_function(const struct function *f, uint64_t hot_samples, struct sums *sums)
{
	for (uint32_t i = 0; i < f->n_records; i++) {
		uint64_t n = f->records[i].samples;

		add(&sums->n_samples, n);
		if (n > sums->max_samples)
			sums->max_samples = n;
		sums->n_hot_records += n >= hot_samples;
	}
	for (uint32_t i = 0; i < f->n_inlinees; i++)
		sum_function(f->inlinees[i], hot_samples, sums);
}

static struct sums sums_of(const struct side *side, const struct function *f)
{
	struct sums sums = { 0 };

	sum_function(f, side->hot_samples, &sums);
	return sums;
}

/* units: a record of both, or what stands for a function of one of them */

static void count_hot(struct overlap *overlap, const struct side *const sides[2],
		      const uint64_t n[2], uint64_t n_records)
{
	bool is_hot[2] = { n[0] >= sides[0]->hot_samples, n[1] >= sides[1]->hot_samples };

	if (is_hot[0] && is_hot[1])
		overlap->hot_records.n_both += n_records;
	else if (is_hot[0])
		overlap->hot_records.n_first_only += n_records;
	else if (is_hot[1])
		overlap->hot_records.n_second_only += n_records;
}

static void add_unit(struct pair *p, uint64_t n_first, uint64_t n_second, uint64_t n_records)
{
	const uint64_t n[2] = { n_first, n_second };

	add(&p->overlap->n_union_samples, n_first > n_second ? n_first : n_second);
	add(&p->overlap->n_common_samples, n_first < n_second ? n_first : n_second);
	p->overlap->overlap += lesser(share(n_first, p->sides[0]->n_samples),
				      share(n_second, p->sides[1]->n_samples));
	p->difference += fabs(share(n_first, p->n_samples[0]) - share(n_second, p->n_samples[1]));
	count_hot(p->overlap, p->sides, n, n_records);
}

static void add_first_only(struct pair *p, uint64_t n, uint64_t n_records)
{
	add(&p->overlap->n_first_only_samples, n);
	add_unit(p, n, 0, n_records);
}

static void add_second_only(struct pair *p, uint64_t n, uint64_t n_records)
{
	add(&p->overlap->n_second_only_samples, n);
	add_unit(p, 0, n, n_records);
}

/* pairs of functions */

static int compare_u64(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static uint64_t place_of(uint32_t line_off, uint32_t disc)
{
	return (uint64_t)line_off << 32 | disc;
}

/* Which of two arrays has the next place, < 0 the first, > 0 the second; one is not at its end. */
static int compare_records(const struct function *a, uint32_t i, const struct function *b,
			   uint32_t k)
{
	if (i == a->n_records)
		return 1;
	if (k == b->n_records)
		return -1;
	return compare_u64(place_of(a->records[i].line_off, a->records[i].disc),
			   place_of(b->records[k].line_off, b->records[k].disc));
}

static void match_records(struct pair *p, const struct function *a, const struct function *b)
{
	uint32_t i = 0, k = 0;

	while (i < a->n_records || k < b->n_records) {
		int order = compare_records(a, i, b, k);

		if (order < 0)
			add_first_only(p, a->records[i].samples, 1);
		else if (order > 0)
			add_second_only(p, b->records[k].samples, 1);
		else
			add_unit(p, a->records[i].samples, b->records[k].samples, 1);
		i += order <= 0;
		k += order >= 0;
	}
}

static int compare_inlinees(const struct profile *profile, const struct function *a, uint32_t i,
			    const struct function *b, uint32_t k)
{
	const struct function *x, *y;
	int order;

	if (i == a->n_inlinees)
		return 1;
	if (k == b->n_inlinees)
		return -1;
	x = a->inlinees[i];
	y = b->inlinees[k];
	order = compare_u64(place_of(x->line_off, x->disc), place_of(y->line_off, y->disc));
	return order ? order : profile_compare_names(profile, x->name, y->name);
}

/* The trees' depth bounds the recursion. */
static void match_functions(struct pair *p, const struct function *a, const struct function *b)
{
	uint32_t i = 0, k = 0;

	match_records(p, a, b);
	while (i < a->n_inlinees || k < b->n_inlinees) {
		int order = compare_inlinees(p->sides[0]->profile, a, i, b, k);
		struct sums sums;

		if (order == 0) {
			match_functions(p, a->inlinees[i], b->inlinees[k]);
		} else if (order < 0) {
			sums = sums_of(p->sides[0], a->inlinees[i]);
			add_first_only(p, sums.n_samples, sums.n_hot_records);
		} else {
			sums = sums_of(p->sides[1], b->inlinees[k]);
			add_second_only(p, sums.n_samples, sums.n_hot_records);
		}
		i += order <= 0;
		k += order >= 0;
	}
}

static void add_both(struct overlap *overlap, const struct side *const sides[2],
		     const struct function *a, const struct function *b)
{
	struct sums sums[2] = { sums_of(sides[0], a), sums_of(sides[1], b) };
	struct pair p = {
		overlap, { sides[0], sides[1] }, { sums[0].n_samples, sums[1].n_samples }, 0
	};
	double shares[2] = { share(sums[0].n_samples, sides[0]->n_samples),
			     share(sums[1].n_samples, sides[1]->n_samples) };
	bool is_hot[2] = { sums[0].max_samples >= sides[0]->hot_samples,
			   sums[1].max_samples >= sides[1]->hot_samples };
	double similarity;

	overlap->functions.n_both++;
	overlap->hot_functions.n_both += is_hot[0] && is_hot[1];
	overlap->hot_functions.n_first_only += is_hot[0] && !is_hot[1];
	overlap->hot_functions.n_second_only += !is_hot[0] && is_hot[1];
	match_functions(&p, a, b);
	similarity = (2 - p.difference) / 2;
	if (similarity < ROUNDING)
		similarity = 0;
	similarity *= 1 - fabs(shares[0] - shares[1]);
	overlap->similarity += similarity * (shares[0] / 2 + shares[1] / 2);
}

/* A function that only this side has. */
static void add_only(struct overlap *overlap, const struct side *const sides[2], unsigned int at,
		     const struct function *f)
{
	struct sums sums = sums_of(sides[at], f);
	const uint64_t n[2] = { at == 0 ? sums.n_samples : 0, at == 1 ? sums.n_samples : 0 };
	bool is_hot = sums.max_samples >= sides[at]->hot_samples;

	if (at == 0) {
		overlap->functions.n_first_only++;
		overlap->hot_functions.n_first_only += is_hot;
		add(&overlap->n_first_only_samples, sums.n_samples);
	} else {
		overlap->functions.n_second_only++;
		overlap->hot_functions.n_second_only += is_hot;
		add(&overlap->n_second_only_samples, sums.n_samples);
	}
	add(&overlap->n_union_samples, sums.n_samples);
	count_hot(overlap, sides, n, sums.n_hot_records);
}

/* profiles */

static int side_init(struct side *side, const struct profile *profile)
{
	struct summary summary;
	int r;

	side->profile = profile;
	side->by_name = calloc((size_t)names_count(profile->names) + 1, sizeof(*side->by_name));
	if (!side->by_name)
		return -ENOMEM;
	r = summary_compute(profile, &summary);
	if (r < 0)
		return r;
	for (unsigned int i = 0; i < SUMMARY_N_CUTOFFS; i++)
		if (summary.cutoffs[i].cutoff == HOT_CUTOFF)
			side->hot_samples = summary.cutoffs[i].min_count;
	for (uint32_t i = 0; i < profile->n_functions; i++) {
		struct function *f = profile->functions[i];

		side->by_name[f->name] = f;
		add(&side->n_samples, sums_of(side, f).n_samples);
	}
	return 0;
}

static void compare_sides(const struct side *const sides[2], struct overlap *overlap)
{
	const struct profile *first = sides[0]->profile, *second = sides[1]->profile;

	overlap->n_first_samples = sides[0]->n_samples;
	overlap->n_second_samples = sides[1]->n_samples;
	for (uint32_t i = 0; i < second->n_functions; i++) {
		struct function *match = sides[0]->by_name[second->functions[i]->name];

		if (match)
			add_both(overlap, sides, match, second->functions[i]);
		else
			add_only(overlap, sides, 1, second->functions[i]);
	}
	for (uint32_t i = 0; i < first->n_functions; i++)
		if (!sides[1]->by_name[first->functions[i]->name])
			add_only(overlap, sides, 0, first->functions[i]);
	if (!sides[0]->n_samples || !sides[1]->n_samples || overlap->similarity < 0)
		overlap->similarity = 0;
	if (overlap->similarity > 1 - ROUNDING)
		overlap->similarity = 1;
	if (overlap->overlap > 1 - ROUNDING)
		overlap->overlap = 1;
}

int overlap_compute(const struct profile *first, const struct profile *second,
		    struct overlap *ret_overlap)
{
	struct side a = { 0 }, b = { 0 };
	struct overlap overlap = { 0 };
	int r;

	if (first->is_md5 != second->is_md5)
		return -EINVAL;
	r = side_init(&a, first);
	if (r == 0)
		r = side_init(&b, second);
	if (r == 0) {
		compare_sides((const struct side *const[]){ &a, &b }, &overlap);
		*ret_overlap = overlap;
	}
	free(a.by_name);
	free(b.by_name);
	return r;
}

int overlap_with_bytes(const struct profile *profile, struct names *names, const void *data,
		       size_t n_bytes, size_t ceiling_bytes, double *ret_overlap,
		       struct problem *problem)
{
	cleanup(profile_cleanup) struct profile *before = NULL;
	struct overlap overlap;
	int r = profile_read(data, n_bytes, names, ceiling_bytes, problem, &before);

	if (r < 0)
		return r;
	profile_sort(before);
	r = overlap_compute(before, profile, &overlap);
	if (r == 0)
		*ret_overlap = overlap.overlap;
	else
		problem_set(problem, r, "overlap: %s",
			    r == -EINVAL ? "one profile has names, the other hashes of names"
					 : "out of memory");
	return r;
}

/* shares */

double overlap_common_share(const struct overlap *overlap)
{
	return share(overlap->n_common_samples, overlap->n_union_samples);
}

double overlap_first_only_share(const struct overlap *overlap)
{
	return share(overlap->n_first_only_samples, overlap->n_first_samples);
}

double overlap_second_only_share(const struct overlap *overlap)
{
	return share(overlap->n_second_only_samples, overlap->n_second_samples);
}

double overlap_counts_share(const struct overlap_counts *counts)
{
	return share(counts->n_both, counts->n_both + counts->n_first_only + counts->n_second_only);
}
