/* SPDX-License-Identifier: Apache-2.0 */
#include "bench_measure.h"

#include <stdlib.h>
#include <time.h>

double cpu_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

typedef uint64_t words __attribute__((vector_size(32)));

/* Several sums, so that reading is what it waits for. */
double time_reading(const void *memory, size_t n_bytes, uint64_t *ret_sum)
{
	const words *items = memory;
	size_t n_items = n_bytes / sizeof(*items);
	words a = { 0 }, b = { 0 }, c = { 0 }, d = { 0 };
	double start = cpu_seconds();

	for (size_t i = 0; i < n_items; i += 4) {
		a += items[i];
		b += items[i + 1];
		c += items[i + 2];
		d += items[i + 3];
	}
	a += b + c + d;
	*ret_sum += a[0] + a[1] + a[2] + a[3];
	return cpu_seconds() - start;
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double median(double *items, size_t n)
{
	qsort(items, n, sizeof(*items), compare_doubles);
	return items[n / 2];
}
