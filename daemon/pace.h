/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * When to sample and how densely, from all that has a say in it: the gate (is the machine busy),
 * the budget (what does it cost), the duty cycle, and a person who paused it. Numbers in, decision
 * out: the caller reads clocks and files, and acts.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "base/problem.h"
#include "gate/budget.h"
#include "gate/cpu_stat.h"
#include "gate/gate.h"

struct pace_options {
	struct gate_options gate;
	struct budget_options budget;
	uint64_t duty_offset_ns; /* where in BUDGET_DUTY_CYCLE_NS this host samples */
	uint32_t n_cpus_max;
	uint32_t ticks_hz; /* of /proc/stat */
};

/* What the caller sees, all of it since its start, so that nothing is lost between two looks. */
struct pace_view {
	uint64_t monotonic_ns, boottime_ns;
	const char *stat_text; /* of /proc/stat; NULL: it could not be read */
	size_t n_stat_bytes;
	uint32_t n_cpus;	 /* that have an event */
	uint64_t n_samples;	 /* taken, the lost ones too */
	uint64_t enabled_ns;	 /* of all events together */
	uint64_t own_cpu_ns;	 /* of daemon and opener */
	uint64_t publish_cpu_ns; /* of the workers */
};

struct pace_decision {
	bool is_sampling; /* the events should be enabled */
	uint64_t period;
	uint64_t weight;	/* of samples taken from now on */
	bool is_period_changed; /* drain, set the period, then the weight */
	bool is_gate_changed;	/* by this look */
	bool is_budget_changed; /* its reason, by this look */
	uint64_t next_ns;	/* CLOCK_MONOTONIC: look again */
	struct gate_decision gate;
	struct budget_decision budget;
};

struct pace {
	struct gate gate;
	struct budget budget;
	uint64_t duty_offset_ns;
	uint32_t ticks_hz;
	bool is_paused;
	bool has_resumed; /* since the last look, after a stop of the budget */
	bool has_stat;	  /* stats[latest] is a reading */
	unsigned int latest;
	struct cpu_stat stats[2];
	uint64_t stat_ns;     /* CLOCK_MONOTONIC of it */
	uint64_t n_unread;    /* looks without /proc/stat, or with one that is not understood */
	struct cpu_load load; /* the last that there was evidence of; total_ticks 0: none yet */
	/* since the last feed of the budget */
	bool has_fed;
	struct pace_view fed;
	uint64_t fed_open_ns; /* gate.totals.open_ns then */
	uint64_t n_switches;
	struct pace_decision decision;
};

/* lifecycle */

/* 0; -EINVAL with the sentence that says which option is out of range; -ENOMEM. */
must_check int pace_init(struct pace *pace, const struct pace_options *options,
			 struct problem *problem);
void pace_deinit(struct pace *pace);
/*
 * Other limits while running: of the gate all, of the budget overhead and target. What was learnt
 * and counted stays. As pace_init(), and then nothing was changed.
 */
must_check int pace_set_options(struct pace *pace, const struct pace_options *options,
				struct problem *problem);

/* use */

/* Before the first pace_look(): pace->decision is what to start with, not sampling. */
const struct pace_decision *pace_look(struct pace *pace, const struct pace_view *view);

/*
 * A person says to go on after the budget has stopped it (BUDGET_STOPPED): sparsely, as at the
 * start, and learning anew; what is counted for the figures stays. The next look has the period.
 * False: it had not stopped.
 */
bool pace_resume(struct pace *pace);

/* One of "sampling", "paused", "gate", "budget", "duty": what keeps it from sampling, if anything.
 */
const char *pace_reason_name(const struct pace *pace);
