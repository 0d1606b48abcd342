/* SPDX-License-Identifier: Apache-2.0 */
#include "l1i.h"

#include <string.h>

static void fetch_line(struct l1i *l1i, uint64_t line)
{
	uint64_t *set = l1i->lines[line % L1I_SETS];
	unsigned int way = 0;

	l1i->n_fetches++;
	while (way < L1I_WAYS && set[way] != line)
		way++;
	if (way == L1I_WAYS) {
		l1i->n_misses++;
		way--; /* the oldest leaves */
	}
	memmove(set + 1, set, way * sizeof(*set));
	set[0] = line;
}

void l1i_fetch(struct l1i *l1i, uint64_t first, uint64_t last)
{
	last >>= L1I_LINE_SHIFT;
	for (uint64_t line = first >> L1I_LINE_SHIFT; line <= last; line++) {
		if (line == l1i->last)
			continue; /* still in the fetch buffer */
		fetch_line(l1i, line);
		l1i->last = line;
	}
}
