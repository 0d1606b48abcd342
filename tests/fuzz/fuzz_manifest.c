/* SPDX-License-Identifier: Apache-2.0 */
/* A manifest that somebody wrote, and the rule on what it says. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "publish/manifest_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void check_text(const char *text, size_t size)
{
	size_t n = strnlen(text, size);

	if (n == size)
		abort();
	for (size_t i = 0; i < n; i++)
		if (text[i] < ' ' || text[i] > '~')
			abort();
}

static void check_share(double share)
{
	if (!(share >= 0 && share <= 1) && share != SHARE_UNKNOWN)
		abort();
}

static void check(const struct manifest_read *m)
{
	check_share(m->lost_share);
	check_share(m->invalid_share);
	check_share(m->overlap);
	check_text(m->release, sizeof(m->release));
	check_text(m->machine, sizeof(m->machine));
	check_text(m->build_id, sizeof(m->build_id));
	check_text(m->previous, sizeof(m->previous));
	check_text(m->verdict, sizeof(m->verdict));
	check_text(m->reason, sizeof(m->reason));
	if (m->n_files > MANIFEST_FILES_MAX || m->n_lost > m->n_taken)
		abort();
	for (size_t i = 0; i < m->n_files; i++) {
		check_text(m->files[i].name, sizeof(m->files[i].name));
		check_text(m->files[i].format, sizeof(m->files[i].format));
		if (!m->files[i].name[0] || strchr(m->files[i].name, '/'))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	struct problem problem = { "" };
	struct manifest_read m;

	if (manifest_read(data, n_bytes, &m, &problem) == 0)
		check(&m);
	else if (!problem.text[0])
		abort();
	return 0;
}
