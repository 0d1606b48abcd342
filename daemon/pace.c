/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate is fed at every look, the budget about once a second and whenever what it is told about
 * ends: a period of sampling with one setting. Differences are taken here, from sums, so that a
 * look that fails or comes late makes an interval longer and loses nothing.
 */
#include "pace.h"

#include <string.h>
#include "gate/phase.h"

#define FEED_NS 1000000000ull
/* A timer may be early by its accuracy. */
#define FEED_SLACK_NS 50000000ull

int pace_init(struct pace *pace, const struct pace_options *options, struct problem *problem)
{
	int r;

	memset(pace, 0, sizeof(*pace));
	r = gate_init(&pace->gate, &options->gate, problem);
	if (r == 0)
		r = budget_init(&pace->budget, &options->budget, problem);
	for (size_t i = 0; r == 0 && i < array_size(pace->stats); i++)
		r = cpu_stat_init(&pace->stats[i], options->n_cpus_max);
	if (r < 0) {
		pace_deinit(pace);
		return r;
	}
	pace->duty_offset_ns = options->duty_offset_ns;
	pace->ticks_hz = options->ticks_hz;
	pace->decision.budget = pace->budget.decision;
	pace->decision.period = pace->budget.decision.period;
	pace->decision.weight = pace->budget.decision.weight;
	return 0;
}

void pace_deinit(struct pace *pace)
{
	for (size_t i = 0; i < array_size(pace->stats); i++)
		cpu_stat_deinit(&pace->stats[i]);
}

int pace_set_options(struct pace *pace, const struct pace_options *options, struct problem *problem)
{
	struct gate gate = pace->gate;
	int r = gate_set_options(&gate, &options->gate, problem);

	if (r == 0)
		r = budget_set_limits(&pace->budget, options->budget.max_overhead,
				      options->budget.target_samples_per_hour, problem);
	if (r == 0)
		pace->gate = gate;
	return r;
}

/* Reads the load since the reading before. False: there is no evidence. */
static bool read_load(struct pace *pace, const struct pace_view *view)
{
	unsigned int next = !pace->latest;
	struct problem ignored = { "" };
	struct cpu_load load;
	uint64_t elapsed_ns = view->monotonic_ns - pace->stat_ns;
	bool had_stat = pace->has_stat;

	if (!view->stat_text ||
	    cpu_stat_parse(&pace->stats[next], view->stat_text, view->n_stat_bytes, &ignored) < 0) {
		pace->n_unread++;
		return false;
	}
	pace->latest = next;
	pace->stat_ns = view->monotonic_ns;
	pace->has_stat = true;
	if (!had_stat || cpu_stat_compare(&pace->stats[!next], &pace->stats[next], elapsed_ns,
					  pace->ticks_hz, &load) != 0)
		return false;
	pace->load = load;
	pace->n_switches += load.n_switches;
	return true;
}

static void feed_gate(struct pace *pace, const struct pace_view *view)
{
	struct gate_reading reading = {
		.monotonic_ns = view->monotonic_ns,
		.boottime_ns = view->boottime_ns,
		.has_utilization = read_load(pace, view),
	};

	if (reading.has_utilization)
		reading.utilization = pace->load.utilization;
	pace->decision.gate = gate_feed(&pace->gate, &reading);
	pace->decision.is_gate_changed = pace->decision.gate.is_changed;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void feed_budget(struct pace *pace, const struct pace_view *view)
{
	const struct pace_view *fed = &pace->fed;
	uint64_t interval_ns = view->monotonic_ns - fed->monotonic_ns;
	uint64_t open_ns = least(pace->gate.totals.open_ns - pace->fed_open_ns, interval_ns);
	uint64_t enabled_ns = view->enabled_ns - fed->enabled_ns;
	struct budget_usage usage = {
		.interval_ns = interval_ns,
		.open_ns = open_ns,
		.enabled_ns = view->n_cpus ? least(enabled_ns / view->n_cpus, open_ns) : 0,
		.n_cpus = view->n_cpus,
		.n_samples = view->n_samples - fed->n_samples,
		.n_switches = pace->n_switches,
		.own_cpu_ns = view->own_cpu_ns - fed->own_cpu_ns,
		.publish_cpu_ns = view->publish_cpu_ns - fed->publish_cpu_ns,
	};
	enum budget_reason before = pace->decision.budget.reason;

	if (pace->has_fed)
		pace->decision.budget = budget_feed(&pace->budget, &usage);
	pace->decision.is_period_changed = pace->decision.budget.is_period_changed;
	pace->decision.is_budget_changed = before != pace->decision.budget.reason;
	pace->has_fed = true;
	pace->fed = *view;
	pace->fed.stat_text = NULL;
	pace->fed_open_ns = pace->gate.totals.open_ns;
	pace->n_switches = 0;
}

static bool is_on_duty(const struct pace *pace, uint64_t now_ns, uint64_t *ret_change_ns)
{
	uint64_t on_ns = BUDGET_DUTY_CYCLE_NS >> pace->decision.budget.duty_shift;

	return phase_is_on(now_ns, BUDGET_DUTY_CYCLE_NS, pace->duty_offset_ns, on_ns,
			   ret_change_ns);
}

/* Another period without a feed; the caller does not know it yet. */
static void take_resumed(struct pace *pace)
{
	pace->has_resumed = false;
	pace->decision.budget = pace->budget.decision;
	pace->decision.is_period_changed = pace->decision.is_budget_changed = true;
}

bool pace_resume(struct pace *pace)
{
	if (pace->budget.decision.reason != BUDGET_STOPPED)
		return false;
	budget_resume(&pace->budget);
	pace->has_resumed = true;
	return true;
}

const struct pace_decision *pace_look(struct pace *pace, const struct pace_view *view)
{
	struct pace_decision *d = &pace->decision;
	uint64_t now_ns = view->monotonic_ns, change_ns;
	bool is_on;

	d->is_period_changed = d->is_budget_changed = false;
	feed_gate(pace, view);
	if (!pace->has_fed || d->is_gate_changed ||
	    now_ns - pace->fed.monotonic_ns >= FEED_NS - FEED_SLACK_NS)
		feed_budget(pace, view);
	if (pace->has_resumed)
		take_resumed(pace);
	is_on = is_on_duty(pace, now_ns, &change_ns);
	d->is_sampling = !pace->is_paused && d->gate.is_open && d->budget.is_sampling && is_on;
	d->period = d->budget.period;
	d->weight = d->budget.weight;
	d->next_ns = least(now_ns + gate_interval_ns(&pace->gate.options), change_ns);
	return d;
}

const char *pace_reason_name(const struct pace *pace)
{
	const struct pace_decision *d = &pace->decision;

	if (pace->is_paused)
		return "paused";
	if (!d->gate.is_open)
		return "gate";
	if (!d->budget.is_sampling)
		return "budget";
	return d->is_sampling ? "sampling" : "duty";
}
