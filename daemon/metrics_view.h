/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the metrics are made of: of one moment, so that they agree with each other. Seconds, bytes,
 * shares of 1. A number that is NaN is not known, or there is none.
 */

#include <math.h>
#include <stddef.h>
#include "kernel/translation.h"
#include "collect/sampler.h"
#include "gate/budget.h"
#include "kernel/build_id.h"
#include "publish/store.h"

struct daemon;

/* Sets of labels that have no enum elsewhere; names are metrics_table.c's. */
enum metrics_state {
	METRICS_SAMPLING,
	METRICS_GATE,
	METRICS_DUTY,
	METRICS_BUDGET,
	METRICS_PAUSED,
	METRICS_WAITING,
	METRICS_PLAYED,
	METRICS_STOPPING,
	METRICS_STOPPED,
	METRICS_OTHER_STATE,
	N_METRICS_STATES,
};

enum metrics_reject {
	/* as enum sampler_use, from SAMPLER_REJECTED_EMPTY */
	METRICS_REJECT_UNREADABLE = N_SAMPLER_USES - 1,
	N_METRICS_REJECTS,
};

enum metrics_loss { METRICS_LOST_RING, METRICS_LOST_HARDWARE, N_METRICS_LOSSES };
enum metrics_process { METRICS_DAEMON, METRICS_OPENER, METRICS_WORKER, N_METRICS_PROCESSES };
enum metrics_tables {
	METRICS_EDGES,
	METRICS_RANGES,
	METRICS_TOTAL_EDGES,
	METRICS_TOTAL_RANGES,
	N_METRICS_TABLES,
};
enum metrics_drop {
	METRICS_DROPPED_SLOW,
	METRICS_DROPPED_LATE,
	METRICS_DROPPED_IDLE,
	METRICS_DROPPED_FAILED,
	N_METRICS_DROPS,
};
enum metrics_call_fault {
	METRICS_CALL_DENIED,
	METRICS_CALL_INVALID,
	METRICS_CALL_MALFORMED,
	METRICS_CALL_ANSWERED, /* with an error of the interface */
	N_METRICS_CALL_FAULTS,
};
#define N_METRICS_VERDICTS 4 /* at least as many as there are; the rest have no name */

const char *metrics_state_name(size_t i);

struct metrics_view {
	/* of build_info; borrowed from the daemon but the build id */
	const char *version, *release;
	char build_id[BUILD_ID_HEX_SIZE];
	char pmus[128]; /* with commas; empty: none */

	/* all that follows is double */
	double one; /* 1 */
	double start_time, last_cycle;
	double states[N_METRICS_STATES]; /* 1 for the present one, else 0 */

	double taken, used, rejected[N_METRICS_REJECTS], lost[N_METRICS_LOSSES];
	double unpublished, forgotten;
	double is_balanced;

	double cpus[N_SAMPLER_STATES], cpus_online;
	double enabled, running;
	double opens, control_errors, read_errors;
	double throttles, period, duty;
	double ring_bytes, rings_shrunk;

	double gate_is_open, gate_open, gate_closed, gate_openings, utilization, paused;
	double overhead, overhead_max, costs[BUDGET_N_ACCOUNTS], budget_stops;

	double cpu[N_METRICS_PROCESSES], resident_bytes;
	double fill[N_METRICS_TABLES];
	double targets[N_PLACE_KINDS], modules, modules_not_placed, modules_gone, named;
	double wakeups, slow_passes, longest_pass;

	double published, publish_failures, publish_skips;
	double published_at, publish_took, is_last_published;
	double worker_rss;
	double live_pages;
	double indexed, indexes_made, index_failures, indexes_damaged, index_bytes;
	double overlap, density, profile_functions, profile_samples, verdicts[N_METRICS_VERDICTS];
	double store_bytes, store_profiles, removed[N_STORE_LIMITS], removed_bytes;

	double clients, connections, connections_refused, calls;
	double call_faults[N_METRICS_CALL_FAULTS], clients_dropped[N_METRICS_DROPS];
	double lines, lines_folded, lines_unwritten;
	double metrics_failures;
};

/* Gathers all of it. */
void metrics_view(struct daemon *daemon, struct metrics_view *ret_view);
