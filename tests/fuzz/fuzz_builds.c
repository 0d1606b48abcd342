/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker says of indexes, section JOB_BUILDS of its result: what is taken is names that a
 * file may have, texts that end and build ids that are some.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/problem.h"
#include "process/worker_result.h"
#include "service/job.h"
#include "service/job_builds.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static void look_at(const struct job_build *item)
{
	must(item->name[0] && strlen(item->name) < sizeof(item->name));
	must(!strchr(item->name, '/'));
	must(strlen(item->bad.path) < sizeof(item->bad.path));
	must(strlen(item->bad.reason) < sizeof(item->bad.reason));
	must(item->n_build_id_bytes > 0 && item->n_build_id_bytes <= BUILD_ID_BYTES_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	uint8_t *copy = malloc(n_bytes + 1); /* as aligned as a section */
	const struct worker_result result = { .sections = { { copy, n_bytes, JOB_BUILDS } },
					      .n_sections = 1 };
	const struct job_build *items;
	struct job_builds_head head;
	struct problem problem = { "" };

	must(copy);
	if (n_bytes > 0)
		memcpy(copy, data, n_bytes);
	if (job_builds_read(&result, &head, &items, &problem) == 0) {
		must(head.n_items <= JOB_BUILDS_MAX && head.n_indexed <= head.n_symbolized);
		for (size_t i = 0; i < head.n_items; i++)
			look_at(&items[i]);
	} else {
		must(problem.text[0]);
	}
	free(copy);
	return 0;
}
