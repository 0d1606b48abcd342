/* SPDX-License-Identifier: Apache-2.0 */
#include "hot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "hot_job.h"
#include "process/worker_result.h"

/* lifecycle */

static int bad(struct problem *problem, const char *what)
{
	return problem_set(problem, -EBADMSG, "worker: functions of the kernel: %s", what);
}

/* Every offset stays inside of its section from here on. */
static int check(const struct worker_section *starts, const struct worker_section *names_at,
		 const struct worker_section *names, size_t *ret_n, struct problem *problem)
{
	uint32_t before = 0, value;
	size_t n;

	if (!starts || !names_at || !names)
		return bad(problem, "a part is missing");
	n = starts->n_bytes / sizeof(uint32_t);
	if (n == 0 || starts->n_bytes != names_at->n_bytes || starts->n_bytes % sizeof(uint32_t))
		return bad(problem, "parts do not go together");
	if (names->n_bytes == 0 || names->bytes[names->n_bytes - 1] != '\0')
		return bad(problem, "the last name has no end");
	for (size_t i = 0; i < n; i++) {
		memcpy(&value, starts->bytes + i * sizeof(value), sizeof(value));
		if (i > 0 && value <= before)
			return bad(problem, "they are in no order");
		before = value;
		memcpy(&value, names_at->bytes + i * sizeof(value), sizeof(value));
		if (value >= names->n_bytes)
			return bad(problem, "a name is outside");
	}
	*ret_n = n;
	return 0;
}

static void *copy(const struct worker_section *section)
{
	void *bytes = malloc(section->n_bytes);

	if (bytes)
		memcpy(bytes, section->bytes, section->n_bytes);
	return bytes;
}

int hot_init(struct hot *hot, const struct worker_result *functions, struct problem *problem)
{
	const struct worker_section *starts = worker_result_find(functions, HOT_STARTS);
	const struct worker_section *names_at = worker_result_find(functions, HOT_NAMES_AT);
	const struct worker_section *names = worker_result_find(functions, HOT_NAMES);
	struct hot fresh = { 0 };
	int r = check(starts, names_at, names, &fresh.n, problem);

	if (r < 0)
		return r;
	fresh.starts = copy(starts);
	fresh.names_at = copy(names_at);
	fresh.names = copy(names);
	fresh.counts = calloc(fresh.n + 1, sizeof(*fresh.counts));
	if (!fresh.starts || !fresh.names_at || !fresh.names || !fresh.counts) {
		hot_deinit(&fresh);
		return -ENOMEM;
	}
	*hot = fresh;
	return 0;
}

void hot_deinit(struct hot *hot)
{
	free(hot->starts);
	free(hot->names_at);
	free(hot->names);
	free(hot->counts);
	*hot = (struct hot){ 0 };
}

/* use */

/* The last one that begins at or before off; n: there is none, or it has no name. */
static size_t find(const struct hot *hot, uint32_t off)
{
	size_t low = 0, high = hot->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (hot->starts[middle] <= off)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0 || !hot->names[hot->names_at[low - 1]])
		return hot->n;
	return low - 1;
}

void hot_add(struct hot *hot, uint32_t off, uint32_t off_before)
{
	size_t i = off ? find(hot, off) : hot->n;

	hot->n_samples++;
	if (i == hot->n && off_before)
		i = find(hot, off_before);
	if (i < hot->n)
		hot->counts[i]++;
}

/* Into a list that is sorted, the largest first. */
static size_t insert(struct hot_function *top, size_t n, size_t n_max, struct hot_function new)
{
	size_t i = n;

	if (n == n_max && top[n - 1].n_samples >= new.n_samples)
		return n;
	if (n < n_max)
		n++;
	else
		i = n - 1;
	for (; i > 0 && top[i - 1].n_samples < new.n_samples; i--)
		top[i] = top[i - 1];
	top[i] = new;
	return n;
}

size_t hot_top(const struct hot *hot, uint32_t *before, struct hot_function *ret_top, size_t n_max)
{
	size_t n = 0;

	for (size_t i = 0; i < hot->n && n_max > 0; i++) {
		uint32_t n_samples = hot->counts[i] - before[i];

		before[i] = hot->counts[i];
		if (n_samples)
			n = insert(ret_top, n, n_max,
				   (struct hot_function){ (uint32_t)i, n_samples });
	}
	return n;
}
