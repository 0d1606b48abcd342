/* SPDX-License-Identifier: Apache-2.0 */
#include "density.h"

#include <errno.h>
#include <stdlib.h>
#include "tree.h"

struct function_density {
	double density; /* n_samples for each record, those of inlinees included */
	uint64_t n_samples;
};

static void sum_records(const struct function *f, uint64_t *n_samples, uint64_t *n_records)
{
	for (uint32_t i = 0; i < f->n_records; i++)
		*n_samples += f->records[i].samples;
	*n_records += f->n_records;
	for (uint32_t i = 0; i < f->n_inlinees; i++)
		sum_records(f->inlinees[i], n_samples, n_records);
}

static int compare(const void *a, const void *b)
{
	const struct function_density *x = a, *y = b;

	if (x->density != y->density)
		return x->density > y->density ? -1 : 1;
	return (x->n_samples > y->n_samples) - (x->n_samples < y->n_samples);
}

/*
 * The density of the last function, densest first, that is needed for 99 % of all samples. The
 * comparison is in single precision because LLVM's is.
 */
static double walk(const struct function_density *items, size_t n, uint64_t n_samples)
{
	uint64_t n_seen = 0;
	double density = 0;

	for (size_t i = 0; i < n; i++) {
		if (!((float)n_seen < (float)n_samples * 990000.0f / 1000000))
			break;
		n_seen += items[i].n_samples;
		density = items[i].density;
	}
	return density;
}

int density_compute(const struct profile *profile, double *ret_density)
{
	struct function_density *items = calloc(profile->n_functions + 1u, sizeof(*items));
	uint64_t n_samples = 0;
	size_t n = 0;

	if (!items)
		return -ENOMEM;
	for (uint32_t i = 0; i < profile->n_functions; i++) {
		uint64_t n_own = 0, n_records = 0;

		sum_records(profile->functions[i], &n_own, &n_records);
		if (!n_records)
			continue;
		items[n++] = (struct function_density){ (double)n_own / (double)n_records, n_own };
		n_samples += n_own;
	}
	qsort(items, n, sizeof(*items), compare);
	*ret_density = walk(items, n, n_samples);
	free(items);
	return 0;
}
