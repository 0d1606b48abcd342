/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Our figures as JSON, one shape of each for manifest and status. Keys are manifest.md's.
 *
 * Whatever gives an object gives NULL when memory ran out, and json_add() takes that for a failure,
 * so a caller writes straight through and asks once at the end.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "collect/event.h"
#include "gate/budget.h"
#include "gate/gate.h"

struct buf;
struct counters_totals;
struct json_object;
struct kernel_identity;
struct perf_event_attr;
struct profile_facts;
struct tally_sums;

/* building blocks; all but the first leave *ok false on failure, and never make it true */

/* Takes value; NULL of either is a failure. */
void json_add(struct json_object *object, const char *key, struct json_object *value, bool *ok);
void json_push(struct json_object *array, struct json_object *value, bool *ok); /* likewise */
/* What is not printable ASCII becomes '?'; NULL becomes null. */
void json_add_text(struct json_object *object, const char *key, const char *text, bool *ok);
void json_add_u64(struct json_object *object, const char *key, uint64_t number, bool *ok);
void json_add_bool(struct json_object *object, const char *key, bool value, bool *ok);
/* Nine digits; what is no number (infinite, NaN) becomes null. */
void json_add_double(struct json_object *object, const char *key, double number, bool *ok);
/* "2026-11-21T19:00:00Z" of microseconds since 1970; 0 becomes null. */
void json_add_utc(struct json_object *object, const char *key, uint64_t usec, bool *ok);
/* Appends the object as text, and a newline; takes root. 0; -ENOMEM: not ok, or NULL; buf->error.
 */
must_check int json_write(struct json_object *root, bool ok, struct buf *buf);

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
struct json_object *json_of_gate_options(const struct gate_options *options);
/* now: the decision that holds; NULL: none. */
struct json_object *json_of_gate(const struct gate_options *options,
				 const struct gate_decision *now, uint64_t open_ns,
				 uint64_t closed_ns, uint64_t n_openings);
struct json_object *json_of_budget(const struct budget *budget);
struct json_object *json_of_facts(const struct profile_facts *facts);
