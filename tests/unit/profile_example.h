/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A small profile with a bit of everything: two functions, one inlined in one of them, a call
 * target, a discriminator. llvm-profgen 19.1.7 wrote its text, and its 398 bytes of extbinary, from
 * branch stacks of a program of three functions.
 */

#include <stdlib.h>
#include <string.h>
#include "profile/tree.h"

#define EXAMPLE_TEXT                                                                               \
	"hot:330:12\n 2: 10\n 3: 25\n 3.1: 25\n 5: 5\n 4: step:130\n  1: 25\n  2.1: 10\n"          \
	"caller:0:0\n 1: 10 hot:10\n"

static inline uint32_t example_name(struct names *names, const char *text)
{
	uint32_t name;

	if (names_add(names, text, strlen(text), &name) != 0)
		abort();
	return name;
}

static inline void example_record(struct profile *p, struct function *f, uint32_t line_off,
				  uint32_t disc, uint64_t samples)
{
	struct record *r = profile_record(p, f, line_off, disc);

	if (!r)
		abort();
	r->samples = saturating_add(r->samples, samples);
}

static inline struct profile *example_profile(struct names *names)
{
	uint32_t hot_name = example_name(names, "hot");
	struct function *hot, *step, *caller;
	struct profile *p;

	if (profile_new(&p, names, 1 << 20) != 0)
		abort();
	caller = profile_function(p, example_name(names, "caller"));
	example_record(p, caller, 1, 0, 10);
	if (profile_add_target(p, profile_record(p, caller, 1, 0), hot_name, 10) != 0)
		abort();
	hot = profile_function(p, hot_name);
	hot->total = 330;
	hot->head = 12;
	example_record(p, hot, 5, 0, 5);
	example_record(p, hot, 3, 1, 25);
	example_record(p, hot, 2, 0, 10);
	example_record(p, hot, 3, 0, 25);
	step = profile_inlinee(p, hot, 4, 0, example_name(names, "step"));
	step->total = 130;
	example_record(p, step, 2, 1, 10);
	example_record(p, step, 1, 0, 25);
	profile_sort(p);
	return p;
}
