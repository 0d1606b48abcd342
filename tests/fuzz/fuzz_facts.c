/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker sends back: facts, and behind them a profile or a dump that they are of, or figures
 * of objects.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/problem.h"
#include "profile/facts.h"
#include "profile/object_facts.h"
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

/* What passes once passes again, and its names and sums can be relied on. */
static void check_objects(const struct profile_facts *whole, const uint8_t *data, size_t n_bytes)
{
	struct object_facts *facts, *again;
	struct problem problem;
	uint64_t n_branches = 0;
	size_t n, n_again;

	if (object_facts_read(data, n_bytes, whole, &facts, &n, &problem) != 0)
		return;
	for (size_t i = 0; i < n; i++) {
		n_branches += facts[i].figures.branches.n_branches;
		if (strlen(facts[i].name) >= sizeof(facts[i].name) ||
		    strlen(facts[i].source) >= sizeof(facts[i].source) ||
		    !object_state_name((enum object_state)facts[i].state)[0])
			abort();
	}
	if (n_branches > whole->branches.n_branches)
		abort();
	if (object_facts_read(facts, n * sizeof(*facts), whole, &again, &n_again, &problem) != 0)
		abort();
	free(again);
	free(facts);
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
	check_objects(&facts, data + n_facts, n_bytes - n_facts);
	if (profile_check_extbinary(&facts, data + n_facts, n_bytes - n_facts, &problem) < 0 &&
	    !problem.text[0])
		abort();
	return 0;
}
