/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * When to sample: the machine's utilization in, open or closed out, with the reason.
 *
 * The caller reads /proc/stat (cpu_stat.h) and the clocks, every gate_interval_ns(), and enables
 * or disables the events when is_changed. Nothing is allocated.
 */

#include <stdbool.h>
#include <stdint.h>
#include "base/macros.h"
#include "base/problem.h"

#define GATE_N_BUCKETS 32

struct gate_options {
	double open_utilization;  /* 0..1: opens when the mean reaches it; 0: always open */
	double close_utilization; /* 0..open_utilization: closes when the mean is below; 0: never */
	uint64_t window_ns;	  /* of the mean; 1 s .. 1 h */
	uint64_t min_open_ns;	  /* not closed before; 0 .. 24 h */
};

#define GATE_OPTIONS_DEFAULT                                                                       \
	((struct gate_options){ .open_utilization = 0.30,                                          \
				.close_utilization = 0.20,                                         \
				.window_ns = 10000000000u,                                         \
				.min_open_ns = 30000000000u })

/* One look at the machine. */
struct gate_reading {
	uint64_t monotonic_ns; /* CLOCK_MONOTONIC: stands still in suspend */
	uint64_t boottime_ns;  /* CLOCK_BOOTTIME: goes on in suspend */
	bool has_utilization;  /* false: /proc/stat could not be read or says nothing */
	double utilization;    /* 0..1, mean since the reading before */
};

enum gate_reason {
	GATE_STARTING,	  /* closed: less than a window has been seen */
	GATE_BUSY,	  /* open: the mean is at or above open_utilization */
	GATE_HELD,	  /* open: idle, but opened less than min_open_ns ago */
	GATE_BETWEEN,	  /* as it was: the mean is between the thresholds */
	GATE_IDLE,	  /* closed: the mean is below close_utilization */
	GATE_NO_EVIDENCE, /* as it was: since a gap, less than a window has been seen */
	GATE_BLIND,	  /* closed: nothing has been seen for several windows */
	GATE_ALWAYS,	  /* open: open_utilization is 0, whatever is seen */
};

struct gate_decision {
	bool is_open;
	bool is_changed; /* by this reading */
	enum gate_reason reason;
	bool has_mean; /* a whole window has been seen */
	double mean;
};

/*
 * Since gate_init(), cumulative. Every nanosecond of CLOCK_MONOTONIC between the first and the last
 * reading is in exactly one of open_ns, closed_ns and gap_ns, except for steps backwards.
 */
struct gate_totals {
	uint64_t n_readings;
	uint64_t n_unusable; /* without a utilization, or with one outside of 0..1 */
	uint64_t n_opened;
	uint64_t n_closed;
	uint64_t open_ns;
	uint64_t closed_ns;
	uint64_t gap_ns; /* in intervals longer than the window: nobody was looking */
	uint64_t n_gaps;
	uint64_t suspended_ns; /* beside all of the above */
	uint64_t n_suspends;
	uint64_t n_clock_steps; /* a clock went backwards, or the two parted */
};

/* A slice of the window. */
struct gate_bucket {
	uint64_t index; /* which slice of the time seen: seen_ns / bucket_ns */
	uint64_t ns;	/* of it that has a utilization */
	double busy_ns; /* integral of the utilization */
};

struct gate {
	struct gate_options options;
	struct gate_totals totals;
	bool is_open;
	bool has_reading;
	bool had_gap; /* once there was evidence, and a gap took it */
	struct gate_reading last;
	uint64_t seen_ns;     /* time with evidence since the window was last emptied */
	uint64_t in_state_ns; /* watched since it opened or closed */
	uint64_t blind_ns;    /* watched since the last evidence */
	struct gate_bucket buckets[GATE_N_BUCKETS]; /* by index modulo GATE_N_BUCKETS */
};

/* lifecycle */

/* A closed gate. 0, or -EINVAL with the sentence that says which option is out of range. */
must_check int gate_init(struct gate *gate, const struct gate_options *options,
			 struct problem *problem);

/* Takes other options while running; what was seen and counted stays. As gate_init(). */
must_check int gate_set_options(struct gate *gate, const struct gate_options *options,
				struct problem *problem);

/* use */

/* What this reading says. Cannot fail: what makes no sense is counted and is no evidence. */
struct gate_decision gate_feed(struct gate *gate, const struct gate_reading *reading);

/* How often to feed: a tenth of the window, 100 ms .. 60 s. */
uint64_t gate_interval_ns(const struct gate_options *options);

/* One word: starting, busy, held, between, idle, no-evidence, blind, always. */
const char *gate_reason_name(enum gate_reason reason);

/* Share of the watched time, between two totals, that the gate was open; 0 if none was. */
double gate_open_share(const struct gate_totals *before, const struct gate_totals *now);
