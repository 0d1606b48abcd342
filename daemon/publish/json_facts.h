/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Our figures as JSON, one shape of each for manifest and status. Keys are manifest.md's.
 *
 * Each gives NULL when memory ran out, which json_add() takes for a failure (json_build.h).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "collect/event.h"
#include "gate/budget.h"
#include "gate/gate.h"

struct counters_totals;
struct json_object;
struct kernel_identity;
struct object_facts;
struct perf_event_attr;
struct profile_facts;
struct tally_sums;

/* objects; the caller's */

/* Not the boot id: it would tell hosts apart. vmlinux may be NULL. */
struct json_object *json_of_kernel(const struct kernel_identity *kernel, const char *vmlinux);

/* An event as it is open on some CPUs. */
struct json_event {
	const char *pmu;  /* NULL: of none */
	const char *name; /* for people */
	enum event_origin origin;
	const struct perf_event_attr *attr; /* as it was accepted */
	uint64_t period;		    /* now; 0: that of attr */
	uint32_t n_stack_entries;	    /* 0: no stacks */
	unsigned int n_cpus;
	uint32_t given_up; /* OPEN_WITHOUT_* */
	uint32_t degraded; /* EVENT_DEGRADED_* */
};

struct json_object *json_of_event(const struct json_event *event);
/*
 * What became of all samples, judged by conservation_check(); the sums of a part of the tally, or
 * of the sampler.
 */
struct json_object *json_of_samples(const struct tally_sums *sums);
/* What became of all entries of stacks. */
struct json_object *json_of_counters(const struct counters_totals *totals);
/* now: the decision that holds; NULL: none. */
struct json_object *json_of_gate(const struct gate_options *options,
				 const struct gate_decision *now, uint64_t open_ns,
				 uint64_t closed_ns, uint64_t n_openings);
struct json_object *json_of_budget(const struct budget *budget);
struct json_object *json_of_facts(const struct profile_facts *facts);
/* The kernel, or a module: how much of it is in the profile, or why nothing is. */
struct json_object *json_of_object(const struct object_facts *facts, bool is_ip_only);
/* Where counted branches lead to: N_PLACE_KINDS of them, kernel/translation.h. */
struct json_object *json_of_targets(const uint64_t *n_targets);
