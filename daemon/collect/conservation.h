/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Every sample that the kernel took is used, rejected or lost. This says whether that holds, for
 * one CPU or for the sum over CPUs, from what three sides counted: the ring's reader, those who
 * took samples from it, and the kernel. Pure: numbers in, judgement out.
 *
 *   taken = used + rejected + lost
 *
 *   used      samples with at least one branch that was counted
 *   rejected  samples that we read and did not use, by us and by the reader (malformed, too deep)
 *   lost      samples that never were in the ring: no room (PERF_FORMAT_LOST), or in the hardware
 *
 * The kernel does not say how many samples it took; it says what its counter counted, and so about
 * how many it must have taken. That is compared with a tolerance, the rest to the unit.
 */

#include <stdbool.h>
#include <stdint.h>
#include "base/macros.h"
#include "ring_stats.h"

struct problem;

/* What read(2) of an event gave at its end, or the difference of two of them. */
struct event_reading {
	uint64_t count; /* branches, or what else the event counts */
	uint64_t time_enabled_ns, time_running_ns;
	uint64_t n_lost; /* PERF_FORMAT_LOST: records of the event that found no room */
};

/* All are sums from the start, over one CPU's events or over many. */
struct conservation {
	struct ring_stats ring;

	/* of the samples that ring_reader_next() handed out */
	uint64_t n_used;
	uint64_t n_rejected; /* empty ones among them */
	uint64_t n_counted_entries, n_rejected_entries;

	/* what the kernel says */
	uint64_t n_lost_read; /* of the sampling events */
	uint64_t n_lost_side; /* of side-band events on the same rings */
	uint64_t time_enabled_ns, time_running_ns;

	/* what it must have taken, see conservation_add_reading() */
	uint64_t n_expected_min, n_expected_max;

	uint64_t wall_ns; /* that the CPUs were looked at, each */
	/* by which times enabled may exceed it, as they are taken by another clock, or later */
	uint64_t wall_slack_ns;
	/* the kernel has no PERF_FORMAT_LOST (before 6.0): LOST records stand in, a lower bound */
	bool is_loss_inexact;
	/*
	 * the rings were read to their end and the last record lost is followed by one that was
	 * not: no LOST record is outstanding
	 */
	bool is_settled;
};

/* How an event was sampling between two readings. */
struct sampling_span {
	uint64_t period; /* > 0; constant in it */
	/* times that the counter started anew: enabled, throttled, or given another period */
	uint64_t n_starts;
	/* branches by which an interrupt may come late and so lengthen the period: AMD BRS */
	uint64_t skid_max;
};

/* use */

/* Adds what a sampling event read for a span. */
void conservation_add_reading(struct conservation *sum, const struct event_reading *reading,
			      const struct sampling_span *span);
/* Adds one CPU to the machine; inexact if one is, settled if all are. Begin with the first one. */
void conservation_add(struct conservation *sum, const struct conservation *one);

struct conservation_result {
	uint64_t n_taken; /* == n_used + n_rejected + n_lost */
	uint64_t n_used;
	uint64_t n_rejected;
	uint64_t n_lost;
	bool is_lower_bound; /* n_lost may be more: an older kernel, or bytes of a ring given up */
};

#define CONSERVATION_E_BROKEN 1
/*
 * Fills in the result in any case. 0; CONSERVATION_E_BROKEN: one of the equations does not hold,
 * and the problem says which and by how much.
 */
must_check int conservation_check(const struct conservation *c, struct conservation_result *ret,
				  struct problem *problem);
