/* SPDX-License-Identifier: Apache-2.0 */
/* Counter dumps. What is read and written is read again as the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "profile/unsymbolized.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	struct unsymbolized_options options = { 0, 1 << 20 };
	struct buf text = BUF_INIT(8 << 20), again = BUF_INIT(8 << 20);
	struct branch_counts counts;
	struct problem problem;

	if (unsymbolized_read(data, n_bytes, &options, &problem, &counts) != 0)
		return 0;
	unsymbolized_encode(&counts, 0, &text);
	branch_counts_deinit(&counts);
	if (text.error || unsymbolized_read(text.data, text.n_bytes, &options, &problem, &counts))
		abort();
	unsymbolized_encode(&counts, 0, &again);
	branch_counts_deinit(&counts);
	if (text.n_bytes != again.n_bytes || memcmp(text.data, again.data, text.n_bytes) != 0)
		abort();
	buf_deinit(&text);
	buf_deinit(&again);
	return 0;
}
