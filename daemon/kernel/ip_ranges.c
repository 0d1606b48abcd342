/* SPDX-License-Identifier: Apache-2.0 */
#include "ip_ranges.h"

#include <stdlib.h>

static int compare_starts(const void *a, const void *b)
{
	const struct ip_range *x = a, *y = b;

	return (x->start_ip > y->start_ip) - (x->start_ip < y->start_ip);
}

size_t ip_ranges_normalize(struct ip_range *ranges, size_t n)
{
	size_t n_kept = 0;

	if (n > 0)
		qsort(ranges, n, sizeof(*ranges), compare_starts);
	for (size_t i = 0; i < n; i++) {
		struct ip_range *last = n_kept ? &ranges[n_kept - 1] : NULL;

		if (ranges[i].start_ip >= ranges[i].end_ip)
			continue;
		if (!last || ranges[i].start_ip > last->end_ip)
			ranges[n_kept++] = ranges[i];
		else if (ranges[i].end_ip > last->end_ip)
			last->end_ip = ranges[i].end_ip;
	}
	return n_kept;
}

bool ip_ranges_has(const struct ip_range *ranges, size_t n, uint64_t ip)
{
	size_t low = 0;

	/* ranges[..low) start at or before ip, those from n on behind it */
	while (low < n) {
		size_t middle = low + (n - low) / 2;

		if (ranges[middle].start_ip <= ip)
			low = middle + 1;
		else
			n = middle;
	}
	return low > 0 && ip < ranges[low - 1].end_ip;
}
