/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How densely to sample: what sampling costs in, period and duty out, and a hard stop.
 *
 * The caller measures (own CPU time, samples, context switches) and acts (PERF_EVENT_IOC_PERIOD,
 * enable, disable); this decides. Nothing is allocated. Shares are of the CPU time of the whole
 * machine, 1.0 = all of its CPUs.
 */

#include <stdbool.h>
#include <stdint.h>
#include "base/macros.h"
#include "base/problem.h"
#include "gate/budget_ladder.h"

/* Above this many times max_overhead, sampling stops until budget_resume(). */
#define BUDGET_STOP_FACTOR 5.0

/* Length of a duty cycle (phase_is_on()), and the smallest duty, 1 / 2^n of it. */
#define BUDGET_DUTY_CYCLE_NS 60000000000u
#define BUDGET_DUTY_SHIFT_MAX 7

/* What the kernel and the drain spend that our own CPU time does not show. */
struct budget_cost {
	double sample_ns; /* interrupt, reading of the branch records, copying to the ring */
	double switch_ns; /* clearing the records at a context switch, while enabled */
	double drain_ns;  /* the part of our own CPU time that goes with each sample */
};

/* Kinds of branch records that differ in cost. */
enum budget_unit {
	BUDGET_UNIT_LBR,	/* Intel before Arch LBR */
	BUDGET_UNIT_ARCH_LBR,	/* Intel */
	BUDGET_UNIT_BRS,	/* AMD Zen 3 */
	BUDGET_UNIT_LBR_EXT_V2, /* AMD Zen 4 and later */
	BUDGET_UNIT_BRBE,	/* Arm */
	BUDGET_UNIT_CLOCK,	/* no branch records */
};

struct budget_options {
	double max_overhead;		  /* share, > 0 .. 1 */
	uint64_t target_samples_per_hour; /* 0: as many as the budget allows */
	uint64_t period;		  /* the densest; BUDGET_PERIOD_MIN .. BUDGET_PERIOD_MAX */
	struct budget_cost cost;	  /* each >= 0 */
	double start_events_hz;		  /* a CPU's rate of events to be prepared for; >= 0 */
};

#define BUDGET_OPTIONS_DEFAULT                                                                     \
	((struct budget_options){ .max_overhead = 0.001,                                           \
				  .period = 500009,                                                \
				  .cost = budget_cost_of(BUDGET_UNIT_LBR),                         \
				  .start_events_hz = 1e9 })

/*
 * What happened since the last call, all of it with the period and the duty that were decided then.
 * A call every second or so; at the latest when the gate opens or closes, when CPUs come and go,
 * and before the period is changed.
 */
struct budget_usage {
	uint64_t interval_ns;	 /* of CLOCK_MONOTONIC */
	uint64_t open_ns;	 /* <= interval_ns: the gate was open */
	uint64_t enabled_ns;	 /* <= open_ns: the events were enabled, mean over the CPUs */
	uint32_t n_cpus;	 /* online */
	uint64_t n_samples;	 /* taken, the lost ones too: they cost the same */
	uint64_t n_switches;	 /* context switches of the machine in interval_ns (cpu_load) */
	uint64_t own_cpu_ns;	 /* of the daemon and the opener */
	uint64_t publish_cpu_ns; /* of the worker: once an interval, so judged over an hour */
};

enum budget_reason {
	BUDGET_STARTING, /* not enough seen to go denser than the careful start */
	BUDGET_FLOOR,	 /* the configured period fits into the budget */
	BUDGET_OVERHEAD, /* the budget sets the period */
	BUDGET_TARGET,	 /* the samples wanted an hour set the period */
	BUDGET_ENOUGH,	 /* not sampling: this hour's samples are gathered */
	BUDGET_STOPPED,	 /* not sampling: far beyond the budget, see stopped_by */
};

/* Where the cost is. */
enum budget_account {
	BUDGET_SAMPLES,	 /* estimated: interrupts */
	BUDGET_SWITCHES, /* estimated: context switches */
	BUDGET_OWN,	 /* measured: own CPU time */
	BUDGET_PUBLISH,	 /* measured: symbolizing and publishing */
	BUDGET_N_ACCOUNTS,
};

struct budget_decision {
	bool is_sampling;	 /* false: keep the events disabled */
	uint64_t period;	 /* prime */
	unsigned int duty_shift; /* enabled for 1 / 2^duty_shift of BUDGET_DUTY_CYCLE_NS */
	uint64_t weight;	 /* of a sample taken from now on: period and duty, see budget.c */
	bool is_period_changed;	 /* by this call: drain, PERF_EVENT_IOC_PERIOD, then the weight */
	bool is_duty_changed;
	enum budget_reason reason;
	enum budget_account stopped_by; /* BUDGET_STOPPED: the largest part */
};

/* For status and manifest. Cumulative since budget_init(). */
struct budget_totals {
	uint64_t n_feeds;
	uint64_t n_unusable; /* of them without any time or any CPU */
	uint64_t n_period_changes;
	uint64_t n_duty_changes;
	uint64_t n_stops;
	double cost_ns[BUDGET_N_ACCOUNTS];
	double capacity_ns; /* CPU time the machine had; the sum of costs over it is the overhead */
	uint64_t n_samples;
	double weight_sum; /* over the samples, in samples of the floor period at full duty */
	double weight_squares_sum; /* likewise */
};

/* An exponential mean that knows how much it has seen. */
struct budget_mean {
	double sum;
	double seen; /* 0..1 */
};

/* What the machine does, whatever period we choose. A second of time with the gate open. */
struct budget_rates {
	struct budget_mean events;   /* of all CPUs, per second enabled */
	struct budget_mean switches; /* likewise, per second */
	struct budget_mean own;	     /* ns of own CPU time that does not go with samples */
};

struct budget {
	struct budget_options options;
	struct budget_rung rungs[BUDGET_N_RUNGS];
	struct budget_rates fast;	 /* means of seconds: to become sparser */
	struct budget_rates peak;	 /* their largest of the last minutes: to become denser */
	struct budget_mean slow_events;	 /* mean of minutes: for the samples per hour */
	double spent[BUDGET_N_ACCOUNTS]; /* shares, recent: half a minute, BUDGET_PUBLISH an hour */
	struct budget_totals totals;
	struct budget_decision decision;
	unsigned int rung;
	uint32_t n_cpus;
	uint64_t since_change_ns; /* open time with this period */
	uint64_t since_duty_ns;	  /* open time with this duty */
	uint64_t since_change_samples;
	uint64_t hour_ns; /* of target_samples_per_hour */
	uint64_t hour_samples;
};

/* lifecycle */

/* An estimate for this kind of unit, see budget.c. */
struct budget_cost budget_cost_of(enum budget_unit unit);

/* 0, or -EINVAL with the sentence that says which option is out of range. */
must_check int budget_init(struct budget *budget, const struct budget_options *options,
			   struct problem *problem);

/* use */

/* Before the first budget_feed(): budget->decision is what to start with. */
struct budget_decision budget_feed(struct budget *budget, const struct budget_usage *usage);

/* After a stop, when a person says so: begins again as after budget_init(), totals go on. */
void budget_resume(struct budget *budget);

/*
 * Other limits while running, as at a reload; what was learnt and counted stays. Another period
 * needs another budget: weights are in its units, so publish and empty the counters first. As
 * budget_init().
 */
must_check int budget_set_limits(struct budget *budget, double max_overhead,
				 uint64_t target_samples_per_hour, struct problem *problem);

/* figures */

/* Recent share of the machine, all accounts. */
double budget_overhead(const struct budget *budget);

/*
 * Weight of a sample that says its period (PERF_SAMPLE_PERIOD), at the present duty; 0 for a period
 * that is no rung. Right also for what stands in a ring from before a change of the period.
 */
uint64_t budget_weight_of(const struct budget *budget, uint64_t period);

/*
 * How many samples of equal weight would be as good (Kish's effective sample size, (sum w)^2 / sum
 * w^2), between two totals. Never more than the samples taken.
 */
double budget_effective_samples(const struct budget_totals *before,
				const struct budget_totals *now);

/*
 * How long to wait between two publications that cost publish_cpu_ns each, so that publishing takes
 * no more than half of the budget.
 */
uint64_t budget_publish_spacing_ns(const struct budget *budget, uint64_t publish_cpu_ns);

/* One word each, for logs and manifests. */
const char *budget_reason_name(enum budget_reason reason);
const char *budget_account_name(enum budget_account account);
