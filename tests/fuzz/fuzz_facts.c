/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker sends back: facts, and behind them a profile or a dump that they are of. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/problem.h"
#include "profile/facts.h"
#include "profile/unsymbolized.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

/* A dump that passes is read. */
static void check_dump(const uint8_t *data, size_t n_bytes)
{
	static const struct unsymbolized_options options = { .ceiling_bytes = 1u << 20 };
	struct branch_counts counts;
	struct problem problem;
	int r;

	if (profile_check_dump(data, n_bytes, &problem) != 0)
		return;
	r = unsymbolized_read(data, n_bytes, &options, &problem, &counts);
	if (r == 0)
		branch_counts_deinit(&counts);
	else if (r == -EBADMSG)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	size_t n_facts = sizeof(struct profile_facts);
	struct profile_facts facts = PROFILE_FACTS_INIT, again;
	struct problem problem;

	check_dump(data, n_bytes);
	if (n_bytes < n_facts)
		return 0;
	if (profile_facts_read(data, n_facts, &facts, &problem) == 0 &&
	    profile_facts_read(&facts, n_facts, &again, &problem) != 0)
		abort();
	/* also where the facts are not to be believed */
	memcpy(&facts, data, n_facts);
	if (profile_check_extbinary(&facts, data + n_facts, n_bytes - n_facts, &problem) < 0 &&
	    !problem.text[0])
		abort();
	return 0;
}
