/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A promise of at most so much of the machine, kept by choosing the period.
 *
 * What sampling costs, as a share of the machine:
 *
 *	  events/s / period * (interrupt + drain)	goes with the period, and with the duty
 *	+ context switches/s * clearing the records	goes with the duty alone
 *	+ own CPU time that does not go with samples	goes with neither
 *	+ publishing					once an interval, seen over an hour
 *
 * The rates of events and switches belong to the machine and its load, not to our settings, so
 * they are what is averaged; the cost of any period and duty follows from them without trying it.
 * That is what keeps the loop from oscillating: a change is made once, to where the sum says, and
 * the averages need not be learnt again after it.
 *
 * Denser and sparser are not alike. To become sparser (the load jumped) needs seconds and may jump
 * eight rungs, sixteen-fold; a mean of seconds decides. To become denser needs tens of seconds,
 * goes two rungs at a time, and looks at the largest such mean of the last minutes, so that a load
 * that swings has the period of its busy half. Between the two thresholds lies more than a rung, so
 * that a steady load has one period. A change restarts the counters of all CPUs
 * (PERF_EVENT_IOC_PERIOD discards what is counted: kernel/events/core.c, __perf_event_period(),
 * sets period_left to 0), so it waits until samples have come in on the average CPU: a change costs
 * a fraction of what was gathered since the last. Where none come the period is much too long; then
 * a long wait does, which cannot starve anybody, as every such change is towards denser and the
 * ladder ends.
 *
 * Switches are met by the duty: events are enabled for 1, 1/2, 1/4, … of each minute, so that
 * they take at most half of what there is. The period gets the rest.
 *
 * The first period is chosen for a machine busier than most (start_events_hz), and becomes denser
 * from there: the promise holds from the first second.
 *
 * Weight. A sample of period p at duty d stands for p/d events. In units of the floor period at
 * full duty that is rung weight << duty_shift, a whole number (budget_ladder.h). Counters add this
 * instead of 1, so they need not be published and emptied at each change, and hosts are merged
 * fairly: count * floor period is the number of events on each of them. Samples taken before a
 * change keep their weight: either drain all rings before the change, or let each sample say its
 * period and ask budget_weight_of(). Sums of weights are no measure of confidence; that is
 * budget_effective_samples().
 *
 * The hard stop looks at what was spent, never at predictions. It means that the model is wrong (a
 * cost we do not steer, or a defect of ours), so nothing here tries again by itself.
 */
#include "gate/budget.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define NS_PER_S 1000000000ull
#define HOUR_NS (3600 * NS_PER_S)

/*
 * Time constants. SPENT_S: a second at a hundred times the budget is not yet a stop, half a minute
 * at ten times is.
 */
#define FAST_S 5.0
#define SLOW_S 120.0
#define PEAK_S 300.0
#define SPENT_S 30.0
#define PUBLISH_S 3600.0

/* Pressure is predicted cost over what may be spent (and wanted samples likewise). */
#define PRESSURE_MAX 0.9    /* sparser above */
#define PRESSURE_GOAL 0.8   /* sparser to at most this */
#define PRESSURE_DENSER 0.7 /* denser if at most this then; a rung is a third or more */
/* So that 0.9 of pressure is 1.2 times the wanted samples, and 0.7 is a little less than them. */
#define TARGET_PRESSURE 0.75

#define RUNGS_UP_MAX 8
#define RUNGS_DOWN_MAX 2

/* Waits after a change, in open time, and samples per CPU to have come in since. */
#define SPARSER_NS (3 * NS_PER_S)
#define SPARSER_SAMPLES 2
#define DENSER_NS (20 * NS_PER_S)
#define DENSER_SAMPLES 4
#define DENSER_STARVED_NS (120 * NS_PER_S)
/* Below this many, a rate of samples is known to worse than an eighth. */
#define TARGET_SAMPLES 64

/* Switches: part of the room that they may take, and hysteresis around it. */
#define DUTY_MAX 0.6
#define DUTY_GOAL 0.5
#define DUTY_DENSER 0.4
#define DUTY_DENSER_NS (2 * BUDGET_DUTY_CYCLE_NS)

/* Publishing cannot take more than this of the budget away from sampling. */
#define PUBLISH_PART_MAX 0.75

static double larger(double a, double b)
{
	return a > b ? a : b;
}

static double smaller(double a, double b)
{
	return a < b ? a : b;
}

/* ---- options, start ---- */

static bool is_amount(double v)
{
	return v >= 0 && v <= 1e12;
}

static int check_options(const struct budget_options *o, struct problem *problem)
{
	if (!(o->max_overhead > 0 && o->max_overhead <= 1))
		return problem_set(problem, -EINVAL,
				   "budget: MaxOverhead %g is not above 0 and at "
				   "most 1",
				   o->max_overhead);
	if (o->period < BUDGET_PERIOD_MIN || o->period > BUDGET_PERIOD_MAX)
		return problem_set(problem, -EINVAL, "budget: Period %llu is not %u..%llu",
				   (unsigned long long)o->period, BUDGET_PERIOD_MIN,
				   (unsigned long long)BUDGET_PERIOD_MAX);
	if (!is_amount(o->cost.sample_ns) || !is_amount(o->cost.switch_ns) ||
	    !is_amount(o->cost.drain_ns) || !is_amount(o->start_events_hz))
		return problem_set(problem, -EINVAL, "budget: a cost is not 0..1e12");
	return 0;
}

static double per_sample_ns(const struct budget *b)
{
	return b->options.cost.sample_ns + b->options.cost.drain_ns;
}

/* The densest rung that a busy CPU, at start_events_hz, can afford. */
static unsigned int start_rung(const struct budget *b)
{
	double ns_per_s = b->options.start_events_hz * per_sample_ns(b);
	unsigned int rung = 0;

	while (rung < BUDGET_N_RUNGS - 1 &&
	       ns_per_s / (double)b->rungs[rung].period >
		       PRESSURE_GOAL * b->options.max_overhead * (double)NS_PER_S)
		rung++;
	return rung;
}

static void set_weight(struct budget *b)
{
	b->decision.period = b->rungs[b->rung].period;
	b->decision.weight = (uint64_t)b->rungs[b->rung].weight << b->decision.duty_shift;
}

static void start(struct budget *b)
{
	b->rung = start_rung(b);
	b->decision = (struct budget_decision){ .is_sampling = true, .reason = BUDGET_STARTING };
	b->since_duty_ns = SPARSER_NS; /* context switches are known before sampling begins */
	set_weight(b);
}

int budget_init(struct budget *budget, const struct budget_options *options,
		struct problem *problem)
{
	int r = check_options(options, problem);

	if (r < 0)
		return r;
	*budget = (struct budget){ .options = *options };
	budget_ladder_fill(options->period, budget->rungs);
	start(budget);
	return 0;
}

void budget_resume(struct budget *budget)
{
	struct budget fresh = { .options = budget->options, .totals = budget->totals };

	memcpy(fresh.rungs, budget->rungs, sizeof(fresh.rungs));
	start(&fresh);
	*budget = fresh;
}

int budget_set_limits(struct budget *budget, double max_overhead, uint64_t target_samples_per_hour,
		      struct problem *problem)
{
	struct budget_options options = budget->options;
	int r;

	options.max_overhead = max_overhead;
	options.target_samples_per_hour = target_samples_per_hour;
	r = check_options(&options, problem);
	if (r < 0)
		return r;
	budget->options = options;
	return 0;
}

/* ---- averages ---- */

/* Moves sum towards value, as dt of constant value would. Stable for every dt. */
static double towards(double sum, double value, double dt_s, double constant_s)
{
	return sum + (value - sum) * dt_s / (constant_s + dt_s);
}

static void mean_add(struct budget_mean *m, double value, double dt_s, double constant_s)
{
	m->sum = towards(m->sum, value, dt_s, constant_s);
	m->seen = towards(m->seen, 1, dt_s, constant_s);
}

static double mean_of(const struct budget_mean *m)
{
	return m->seen > 0 ? m->sum / m->seen : 0;
}

static void mean_hold_peak(struct budget_mean *peak, const struct budget_mean *fast, double dt_s)
{
	double held = towards(peak->sum, 0, dt_s, PEAK_S);

	*peak = (struct budget_mean){ larger(held, mean_of(fast)), 1 };
}

static void add_rates(struct budget *b, const struct budget_usage *u)
{
	double interval_s = (double)u->interval_ns / 1e9;
	double enabled_s = (double)u->enabled_ns / 1e9;
	double open_s = (double)u->open_ns / 1e9;
	double with_samples_ns = (double)u->n_samples * b->options.cost.drain_ns;
	double fixed_ns = larger(0, (double)u->own_cpu_ns - with_samples_ns);
	double events = (double)u->n_samples * (double)b->decision.period;

	mean_add(&b->fast.switches, (double)u->n_switches / interval_s, interval_s, FAST_S);
	if (open_s > 0)
		mean_add(&b->fast.own, fixed_ns / open_s, open_s, FAST_S);
	if (enabled_s > 0) {
		mean_add(&b->fast.events, events / enabled_s, enabled_s, FAST_S);
		mean_add(&b->slow_events, events / enabled_s, enabled_s, SLOW_S);
	}
	mean_hold_peak(&b->peak.switches, &b->fast.switches, interval_s);
	mean_hold_peak(&b->peak.own, &b->fast.own, open_s);
	mean_hold_peak(&b->peak.events, &b->fast.events, enabled_s);
}

/* What is spent while the gate is closed is little, and belongs with what comes now and then. */
static void spend(struct budget *b, const struct budget_usage *u)
{
	double enabled_part = (double)u->enabled_ns / (double)u->interval_ns;
	double cost_ns[BUDGET_N_ACCOUNTS] = {
		[BUDGET_SAMPLES] = (double)u->n_samples * b->options.cost.sample_ns,
		[BUDGET_SWITCHES] =
			(double)u->n_switches * enabled_part * b->options.cost.switch_ns,
		[BUDGET_OWN] = (double)u->own_cpu_ns,
		[BUDGET_PUBLISH] = (double)u->publish_cpu_ns,
	};
	double slow_ns = cost_ns[BUDGET_PUBLISH];
	double open_ns = (double)u->open_ns * u->n_cpus;

	for (int i = 0; i < BUDGET_N_ACCOUNTS; i++) {
		b->totals.cost_ns[i] += cost_ns[i];
		if (i == BUDGET_PUBLISH)
			continue;
		if (u->open_ns > 0)
			b->spent[i] = towards(b->spent[i], cost_ns[i] / open_ns,
					      (double)u->open_ns / 1e9, SPENT_S);
		else
			slow_ns += cost_ns[i];
	}
	b->totals.capacity_ns += (double)u->interval_ns * u->n_cpus;
	b->spent[BUDGET_PUBLISH] =
		towards(b->spent[BUDGET_PUBLISH], slow_ns / ((double)u->interval_ns * u->n_cpus),
			(double)u->interval_ns / 1e9, PUBLISH_S);
}

static void account(struct budget *b, const struct budget_usage *u)
{
	double weight = (double)b->decision.weight;

	b->n_cpus = u->n_cpus;
	spend(b, u);
	add_rates(b, u);
	b->totals.n_samples += u->n_samples;
	b->totals.weight_sum += (double)u->n_samples * weight;
	b->totals.weight_squares_sum += (double)u->n_samples * weight * weight;
	b->since_change_ns += u->open_ns;
	b->since_duty_ns += u->open_ns;
	b->since_change_samples += u->n_samples;
	b->hour_ns += u->interval_ns;
	b->hour_samples += u->n_samples;
	if (b->hour_ns >= HOUR_NS) {
		b->hour_ns %= HOUR_NS;
		b->hour_samples = 0;
	}
}

double budget_overhead(const struct budget *budget)
{
	double sum = 0;

	for (int i = 0; i < BUDGET_N_ACCOUNTS; i++)
		sum += budget->spent[i];
	return sum;
}

/* ---- predictions ---- */

static double duty_of(unsigned int shift)
{
	return 1.0 / (double)(1u << shift);
}

/* What publishing leaves. */
static double room(const struct budget *b)
{
	double max = b->options.max_overhead;

	return max - smaller(b->spent[BUDGET_PUBLISH], PUBLISH_PART_MAX * max);
}

static double capacity_ns_per_s(const struct budget *b)
{
	return (double)b->n_cpus * (double)NS_PER_S;
}

static double samples_hz(const struct budget *b, const struct budget_mean *events,
			 unsigned int rung)
{
	return mean_of(events) / (double)b->rungs[rung].period * duty_of(b->decision.duty_shift);
}

static double samples_share(const struct budget *b, const struct budget_rates *r, unsigned int rung)
{
	return samples_hz(b, &r->events, rung) * per_sample_ns(b) / capacity_ns_per_s(b);
}

static double switches_share(const struct budget *b, const struct budget_rates *r,
			     unsigned int shift)
{
	return mean_of(&r->switches) * b->options.cost.switch_ns * duty_of(shift) /
	       capacity_ns_per_s(b);
}

static double cost_pressure(const struct budget *b, const struct budget_rates *r, unsigned int rung)
{
	double share = samples_share(b, r, rung) + switches_share(b, r, b->decision.duty_shift) +
		       mean_of(&r->own) / capacity_ns_per_s(b);

	return share / room(b);
}

/* An even pace over the hour, faster where the gate was closed for a part of it. */
static double wanted_hz(const struct budget *b)
{
	double target = (double)b->options.target_samples_per_hour;
	double left = target - (double)b->hour_samples;
	double left_s = larger(60, (double)(HOUR_NS - b->hour_ns) / 1e9);

	return larger(target / 3600, left / left_s);
}

static double target_pressure(const struct budget *b, unsigned int rung)
{
	if (b->options.target_samples_per_hour == 0)
		return 0;
	return TARGET_PRESSURE * samples_hz(b, &b->slow_events, rung) / wanted_hz(b);
}

/* ---- decisions ---- */

static void change_rung(struct budget *b, unsigned int rung, enum budget_reason reason)
{
	b->decision.reason = reason;
	if (rung == b->rung)
		return;
	b->rung = rung;
	b->since_change_ns = 0;
	b->since_change_samples = 0;
	b->decision.is_period_changed = true;
	b->totals.n_period_changes++;
	set_weight(b);
}

static void change_duty(struct budget *b, unsigned int shift)
{
	b->decision.duty_shift = shift;
	b->since_duty_ns = 0;
	b->decision.is_duty_changed = true;
	b->totals.n_duty_changes++;
	set_weight(b);
}

static void choose_duty(struct budget *b)
{
	unsigned int shift = b->decision.duty_shift;
	double may = room(b);

	if (switches_share(b, &b->fast, shift) > DUTY_MAX * may && b->since_duty_ns >= SPARSER_NS) {
		while (shift < BUDGET_DUTY_SHIFT_MAX &&
		       switches_share(b, &b->fast, shift) > DUTY_GOAL * may)
			shift++;
	} else if (shift > 0 && b->since_duty_ns >= DUTY_DENSER_NS &&
		   switches_share(b, &b->peak, shift - 1) <= DUTY_DENSER * may) {
		shift--;
	}
	if (shift != b->decision.duty_shift)
		change_duty(b, shift);
}

static bool has_samples_per_cpu(const struct budget *b, uint64_t n)
{
	return b->since_change_samples >= n * b->n_cpus;
}

/* Thinning out helps only as long as it is samples that cost. */
static bool is_too_dense(const struct budget *b)
{
	return b->since_change_ns >= SPARSER_NS && has_samples_per_cpu(b, SPARSER_SAMPLES) &&
	       cost_pressure(b, &b->fast, b->rung) > PRESSURE_MAX &&
	       samples_share(b, &b->fast, b->rung) > (1 - PRESSURE_MAX) * room(b);
}

static bool is_more_than_wanted(const struct budget *b)
{
	return b->since_change_ns >= DENSER_NS && has_samples_per_cpu(b, SPARSER_SAMPLES) &&
	       b->since_change_samples >= TARGET_SAMPLES &&
	       target_pressure(b, b->rung) > PRESSURE_MAX;
}

static bool may_be_denser(const struct budget *b)
{
	bool is_known = has_samples_per_cpu(b, DENSER_SAMPLES) &&
			b->since_change_samples >= TARGET_SAMPLES / 2;

	return b->rung > 0 && b->since_change_ns >= DENSER_NS && b->slow_events.seen > 0 &&
	       (is_known || b->since_change_ns >= DENSER_STARVED_NS);
}

static double pressure_denser(const struct budget *b, unsigned int rung)
{
	return larger(target_pressure(b, rung), cost_pressure(b, &b->peak, rung));
}

static unsigned int sparser_rung(const struct budget *b)
{
	unsigned int rung = b->rung;
	unsigned int top = rung + RUNGS_UP_MAX;

	for (; rung < top && rung < BUDGET_N_RUNGS - 1; rung++)
		if (cost_pressure(b, &b->fast, rung) <= PRESSURE_GOAL &&
		    target_pressure(b, rung) <= PRESSURE_GOAL)
			break;
	return rung;
}

static unsigned int denser_rung(const struct budget *b)
{
	unsigned int rung = b->rung;

	for (int i = 0; i < RUNGS_DOWN_MAX && rung > 0; i++, rung--)
		if (pressure_denser(b, rung - 1) > PRESSURE_DENSER)
			break;
	return rung;
}

/* Why it is not denser. */
static enum budget_reason reason_for(const struct budget *b, unsigned int rung)
{
	if (rung == 0)
		return BUDGET_FLOOR;
	return target_pressure(b, rung) > cost_pressure(b, &b->peak, rung) ? BUDGET_TARGET
									   : BUDGET_OVERHEAD;
}

static void choose_rung(struct budget *b)
{
	unsigned int rung;

	if (is_too_dense(b)) {
		change_rung(b, sparser_rung(b), BUDGET_OVERHEAD);
	} else if (is_more_than_wanted(b)) {
		change_rung(b, sparser_rung(b), BUDGET_TARGET);
	} else if (may_be_denser(b)) {
		rung = denser_rung(b);
		/* still on the way down from the start? */
		if (rung != b->rung && b->decision.reason == BUDGET_STARTING && rung > 0)
			change_rung(b, rung, BUDGET_STARTING);
		else
			change_rung(b, rung, reason_for(b, rung));
	}
}

static void stop(struct budget *b)
{
	enum budget_account largest = BUDGET_SAMPLES;

	for (int i = 0; i < BUDGET_N_ACCOUNTS; i++)
		if (b->spent[i] > b->spent[largest])
			largest = (enum budget_account)i;
	b->decision.is_sampling = false;
	b->decision.reason = BUDGET_STOPPED;
	b->decision.stopped_by = largest;
	b->totals.n_stops++;
}

/* Whether this hour's samples are gathered; the next hour begins with the period as it is. */
static bool has_enough(struct budget *b)
{
	uint64_t target = b->options.target_samples_per_hour;

	if (target > 0 && b->hour_samples >= target) {
		b->decision.is_sampling = false;
		b->decision.reason = BUDGET_ENOUGH;
		return true;
	}
	if (b->decision.reason == BUDGET_ENOUGH)
		b->decision.reason = BUDGET_TARGET;
	b->decision.is_sampling = true;
	return false;
}

/* What the caller measured cannot be wholly consistent: clocks are read one after the other. */
static struct budget_usage sane(const struct budget_usage *usage)
{
	struct budget_usage u = *usage;

	if (u.open_ns > u.interval_ns)
		u.open_ns = u.interval_ns;
	if (u.enabled_ns > u.open_ns)
		u.enabled_ns = u.open_ns;
	return u;
}

struct budget_decision budget_feed(struct budget *budget, const struct budget_usage *usage)
{
	struct budget_usage u = sane(usage);

	budget->decision.is_period_changed = false;
	budget->decision.is_duty_changed = false;
	budget->totals.n_feeds++;
	if (u.interval_ns == 0 || u.n_cpus == 0) {
		budget->totals.n_unusable++;
		return budget->decision;
	}
	account(budget, &u);
	if (budget->decision.reason == BUDGET_STOPPED)
		return budget->decision;
	if (budget_overhead(budget) > BUDGET_STOP_FACTOR * budget->options.max_overhead) {
		stop(budget);
	} else if (!has_enough(budget)) {
		choose_duty(budget);
		choose_rung(budget);
	}
	return budget->decision;
}
