/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker left. Once as it is, once with the header's checksum made right, so that what is
 * behind it is reached: sections lie within the bytes.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/hash.h"
#include "base/problem.h"
#include "process/worker_result.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static void read_result(const uint8_t *bytes, size_t n_bytes)
{
	struct worker_result result = { 0 };
	struct problem text = { 0 }, problem = { 0 };
	int r = worker_result_parse(bytes, n_bytes, &result, &text, &problem);

	must(r == 0 || problem.text[0]);
	must(r == 0 || result.n_sections == 0);
	for (size_t i = 0; i < result.n_sections; i++) {
		const struct worker_section *section = &result.sections[i];

		must(section->bytes >= bytes + WORKER_RESULT_HEADER_BYTES);
		must(section->n_bytes <= (size_t)(bytes + n_bytes - section->bytes));
		must(worker_result_find(&result, section->kind) <= section);
	}
	worker_result_deinit(&result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	uint8_t *copy = malloc(n_bytes ? n_bytes : 1);
	uint64_t checksum;

	must(copy);
	read_result(data, n_bytes);
	if (n_bytes >= WORKER_RESULT_HEADER_BYTES) {
		memcpy(copy, data, n_bytes);
		checksum = hash_u64(hash_bytes(copy, 40) ^ hash_bytes(copy + 48, 400));
		memcpy(copy + 40, &checksum, sizeof(checksum));
		read_result(copy, n_bytes);
	}
	free(copy);
	return 0;
}
