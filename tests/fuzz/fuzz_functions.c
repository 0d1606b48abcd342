/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions that a worker says a kernel has: what is taken counts samples wherever they are,
 * and its names are inside. The input is the bytes of two sections (16 bits each), and three
 * sections.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/problem.h"
#include "process/worker_result.h"
#include "service/hot.h"
#include "service/hot_job.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static void count_some(struct hot *hot)
{
	uint32_t *before = calloc(hot->n, sizeof(*before));
	struct hot_function top[8];
	size_t n, n_samples = 0;

	must(before);
	for (size_t i = 0; i < hot->n; i++)
		hot_add(hot, hot->starts[i], hot->starts[i] - 1);
	hot_add(hot, UINT32_MAX, 0);
	n = hot_top(hot, before, top, 8);
	for (size_t i = 0; i < n; i++) {
		must(i == 0 || top[i - 1].n_samples >= top[i].n_samples);
		must(strlen(hot->names + hot->names_at[top[i].i]) > 0);
		n_samples += top[i].n_samples;
	}
	must(n_samples <= hot->n_samples);
	must(hot_top(hot, before, top, 8) == 0);
	free(before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	struct worker_result result = { .n_sections = 3 };
	struct problem problem = { "" };
	struct hot hot = { 0 };
	uint16_t n[2];

	if (n_bytes < sizeof(n))
		return 0;
	memcpy(n, data, sizeof(n));
	data += sizeof(n);
	n_bytes -= sizeof(n);
	if (n_bytes < (size_t)n[0] + n[1])
		return 0;
	result.sections[0] = (struct worker_section){ data, n[0], HOT_STARTS };
	result.sections[1] = (struct worker_section){ data + n[0], n[1], HOT_NAMES_AT };
	result.sections[2] =
		(struct worker_section){ data + n[0] + n[1], n_bytes - n[0] - n[1], HOT_NAMES };
	if (hot_init(&hot, &result, &problem) == 0)
		count_some(&hot);
	else
		must(problem.text[0]);
	hot_deinit(&hot);
	return 0;
}
