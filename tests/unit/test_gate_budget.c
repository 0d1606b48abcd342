/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The budget in a closed loop with a simulated machine: CPUs whose counters overflow by the period
 * and restart when it is changed, a load, context switches, a daemon that costs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/macros.h"
#include "gate/budget.h"
#include "gate/phase.h"

#define S 1000000000ull
#define N_CPUS_MAX 256
#define PROMISE 0.001

struct machine {
	struct budget budget;
	struct budget_decision d;
	/* the load, per CPU that is busy */
	uint32_t n_cpus, n_busy;
	double events_hz, switches_hz;
	/* the daemon, in shares of one CPU */
	double own_fixed, publish;
	bool is_closed;
	/* what came of it */
	double counters[N_CPUS_MAX]; /* events since the last overflow */
	uint64_t now_s;
	uint64_t n_samples, since_change_samples, changed_at_s;
	double events, weighted, cost_ns, last_share;
	uint64_t random;
};

static struct machine *machine_with(uint32_t n_cpus, double events_hz,
				    const struct budget_options *options)
{
	struct machine *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	assert_int_equal(budget_init(&m->budget, options, NULL), 0);
	m->d = m->budget.decision;
	m->n_cpus = m->n_busy = n_cpus;
	m->events_hz = events_hz;
	m->random = 88172645463325252u;
	for (uint32_t i = 0; i < n_cpus; i++)
		m->counters[i] = (double)m->d.period * i / n_cpus;
	return m;
}

static struct machine *machine_new(uint32_t n_cpus, double events_hz)
{
	return machine_with(n_cpus, events_hz, &BUDGET_OPTIONS_DEFAULT);
}

static double noise(struct machine *m)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	return 0.8 + 0.4 * (double)(m->random >> 11) / (double)(1ull << 53);
}

static uint64_t run_cpus(struct machine *m, double enabled_s)
{
	uint64_t n_samples = 0;

	for (uint32_t i = 0; i < m->n_busy; i++) {
		double events = m->events_hz * noise(m) * enabled_s;
		double n;

		m->counters[i] += events;
		n = floor(m->counters[i] / (double)m->d.period);
		m->counters[i] -= n * (double)m->d.period;
		n_samples += (uint64_t)n;
	}
	return n_samples;
}

/* Checks what holds for every change, and does as it says. */
static void obey(struct machine *m, struct budget_decision d)
{
	if (d.is_period_changed) {
		bool is_denser = d.period < m->d.period;

		assert_true(m->since_change_samples >= 2 * (uint64_t)m->n_cpus ||
			    (is_denser && m->now_s - m->changed_at_s >= 120));
		if (is_denser) {
			assert_true(m->now_s - m->changed_at_s >= 20);
			assert_true((double)d.period * 2.01 > (double)m->d.period);
		}
		memset(m->counters, 0, sizeof(m->counters));
		m->since_change_samples = 0;
		m->changed_at_s = m->now_s;
	} else {
		assert_true(d.period == m->d.period);
	}
	assert_true(budget_is_prime(d.period) && d.period >= m->budget.options.period);
	assert_true(d.weight == budget_weight_of(&m->budget, d.period));
	m->d = d;
}

/* The part of the second that begins now. The smallest duty is on for about half of one. */
static double enabled_in_this_second(const struct machine *m)
{
	uint64_t on_ns = BUDGET_DUTY_CYCLE_NS >> m->d.duty_shift;
	uint64_t now_ns = m->now_s * S, end_ns = now_ns + S, enabled_ns = 0, change_ns;

	while (m->d.is_sampling && !m->is_closed && now_ns < end_ns) {
		bool is_on = phase_is_on(now_ns, BUDGET_DUTY_CYCLE_NS, 17 * S, on_ns, &change_ns);

		change_ns = change_ns < end_ns ? change_ns : end_ns;
		enabled_ns += is_on ? change_ns - now_ns : 0;
		now_ns = change_ns;
	}
	return (double)enabled_ns / 1e9;
}

static void step(struct machine *m)
{
	const struct budget_cost *cost = &m->budget.options.cost;
	double enabled_s = enabled_in_this_second(m);
	uint64_t n_samples = run_cpus(m, enabled_s);
	double switches = m->switches_hz * m->n_busy;
	struct budget_usage u = {
		.interval_ns = S,
		.open_ns = m->is_closed ? 0 : S,
		.enabled_ns = (uint64_t)(enabled_s * 1e9),
		.n_cpus = m->n_cpus,
		.n_samples = n_samples,
		.n_switches = (uint64_t)switches,
		.own_cpu_ns = (uint64_t)(m->own_fixed * 1e9 + (double)n_samples * cost->drain_ns),
		.publish_cpu_ns = (uint64_t)(m->publish * 1e9),
	};
	double cost_ns = (double)n_samples * cost->sample_ns +
			 switches * enabled_s * cost->switch_ns + (double)u.own_cpu_ns +
			 (double)u.publish_cpu_ns;

	m->now_s++;
	m->n_samples += n_samples;
	m->since_change_samples += n_samples;
	m->weighted += (double)n_samples * (double)m->d.weight;
	m->events += m->is_closed ? 0 : m->events_hz * m->n_busy;
	m->cost_ns += cost_ns;
	m->last_share = cost_ns / (1e9 * m->n_cpus);
	obey(m, budget_feed(&m->budget, &u));
}

static void steps(struct machine *m, int n)
{
	for (int i = 0; i < n; i++)
		step(m);
}

/* Share of the machine over n seconds. */
static double share_of(struct machine *m, int n)
{
	double before_ns = m->cost_ns;

	steps(m, n);
	return (m->cost_ns - before_ns) / (1e9 * n * m->n_cpus);
}

static uint64_t n_changes(const struct machine *m)
{
	return m->budget.totals.n_period_changes + m->budget.totals.n_duty_changes;
}

/* ---- the ladder ---- */

static void test_budget_primes_agree_with_a_sieve(void **state)
{
	static bool is_composite[200000];

	assert_false(budget_is_prime(0));
	assert_false(budget_is_prime(1));
	for (uint64_t i = 2; i < array_size(is_composite); i++) {
		assert_true(budget_is_prime(i) == !is_composite[i]);
		for (uint64_t j = i * i; j < array_size(is_composite); j += i)
			is_composite[j] = true;
	}
}

/* Composites that pass the test for the first 4, 9 and 11 prime bases (OEIS A014233), and ends. */
static void test_budget_primes_are_not_fooled_by_pseudoprimes(void **state)
{
	assert_false(budget_is_prime(3215031751u));
	assert_false(budget_is_prime(3825123056546413051u));
	assert_false(budget_is_prime(341550071728321u));
	assert_false(budget_is_prime(UINT64_MAX));
	assert_true(budget_is_prime(18446744073709551557u)); /* the largest of 64 bits */
	assert_true(budget_is_prime(500009));
}

static void test_budget_rungs_are_primes_near_whole_multiples(void **state)
{
	static const uint64_t floors[] = { BUDGET_PERIOD_MIN, 10007, 500000, 500009, 1000003,
					   BUDGET_PERIOD_MAX };
	struct budget_rung rungs[BUDGET_N_RUNGS];

	for (size_t f = 0; f < array_size(floors); f++) {
		budget_ladder_fill(floors[f], rungs);
		assert_int_equal(rungs[0].weight, 1);
		assert_true(rungs[0].period >= floors[f]);
		assert_int_equal(rungs[BUDGET_N_RUNGS - 1].weight, 1 << 20);
		assert_true(rungs[BUDGET_N_RUNGS - 1].period < (uint64_t)1 << 63);
		for (int i = 0; i < BUDGET_N_RUNGS; i++) {
			double exact = (double)floors[f] * rungs[i].weight;

			assert_true(budget_is_prime(rungs[i].period));
			assert_true((double)rungs[i].period >= exact);
			assert_true((double)rungs[i].period < exact * (f < 1 ? 1.02 : 1.004));
			if (i > 1)
				assert_true(rungs[i].weight * 2 <= rungs[i - 1].weight * 3 &&
					    rungs[i].weight * 3 >= rungs[i - 1].weight * 4);
		}
	}
}

/* ---- the promise ---- */

static void test_budget_busiest_machine_is_within_it_from_the_first_second(void **state)
{
	struct machine *m = machine_new(256, 1e9);

	for (int s = 0; s < 60; s++) {
		step(m);
		assert_true(m->last_share <= PROMISE);
	}
	free(m);
}

static void test_budget_converges_below_it_and_stays(void **state)
{
	static const struct {
		uint32_t n_cpus;
		double events_hz;
		bool is_floor; /* the densest period costs less than is allowed */
	} machines[] = {
		{ 1, 1e6, true },   { 1, 3e8, false },	 { 2, 1e9, false },  { 64, 1e7, true },
		{ 64, 2e8, false }, { 256, 2e9, false }, { 256, 1e5, true },
	};

	for (size_t i = 0; i < array_size(machines); i++) {
		struct machine *m = machine_new(machines[i].n_cpus, machines[i].events_hz);
		uint64_t n_after_start;

		steps(m, 1800);
		n_after_start = n_changes(m);
		assert_in_range(n_after_start, 0, 24);
		for (int minute = 0; minute < 240; minute++)
			assert_true(share_of(m, 60) <= PROMISE);
		assert_int_equal(n_changes(m), n_after_start);
		assert_true((m->d.reason == BUDGET_FLOOR) == machines[i].is_floor);
		if (!machines[i].is_floor) {
			assert_int_equal(m->d.reason, BUDGET_OVERHEAD);
			assert_true(share_of(m, 600) >= 0.45 * PROMISE);
		}
		assert_true(fabs(budget_overhead(&m->budget) - m->last_share) <
			    0.25 * m->last_share + 1e-6);
		free(m);
	}
}

static void test_budget_load_that_jumps_is_caught_within_seconds_and_drops_recover(void **state)
{
	struct machine *m = machine_new(64, 1e6);
	uint64_t n_before;

	steps(m, 3600);
	assert_int_equal(m->d.reason, BUDGET_FLOOR);
	for (int day = 0; day < 3; day++) {
		n_before = n_changes(m);
		m->events_hz = 1e9;
		steps(m, 20);
		assert_true(m->d.is_sampling);
		assert_true(share_of(m, 60) <= PROMISE);
		steps(m, 3600);
		assert_true(share_of(m, 600) >= 0.4 * PROMISE);
		m->events_hz = 1e6;
		steps(m, 3600);
		assert_int_equal(m->d.reason, BUDGET_FLOOR);
		assert_in_range(n_changes(m) - n_before, 2, 20);
	}
	assert_true(m->cost_ns / (1e9 * m->n_cpus * (double)m->now_s) <= PROMISE);
	free(m);
}

static void test_budget_load_that_swings_does_not_make_it_swing(void **state)
{
	static const int halves_s[] = { 1, 10, 60, 300 };

	for (size_t i = 0; i < array_size(halves_s); i++) {
		struct machine *m = machine_new(16, 1e6);
		uint64_t n_before;

		steps(m, 1800);
		n_before = n_changes(m);
		for (int s = 0; s < 4 * 3600; s++) {
			m->events_hz = s / halves_s[i] % 2 ? 1e6 : 1e9;
			step(m);
		}
		/* six for each turn of the slowest, hardly any for the others */
		assert_in_range(n_changes(m) - n_before, 1, halves_s[i] < 300 ? 10 : 200);
		assert_true(m->d.is_sampling);
		assert_true(m->cost_ns / (1e9 * m->n_cpus * (double)m->now_s) <= PROMISE);
		free(m);
	}
}

static void test_budget_quiet_kernel_reaches_the_densest_period(void **state)
{
	struct machine *m = machine_new(8, 0);

	steps(m, 3600);
	assert_int_equal(m->d.reason, BUDGET_FLOOR);
	assert_int_equal(m->d.weight, 1);
	m->events_hz = 2000;
	steps(m, 3600);
	assert_true(m->n_samples > 8 * 10);
	free(m);
}

/* Samples so dear that three times the budget is two of them a second, on 64 CPUs. */
static void test_budget_change_waits_for_samples_on_the_average_cpu(void **state)
{
	struct budget_options options = BUDGET_OPTIONS_DEFAULT;
	struct budget_usage u = { S, S, S, 64, 2, 0, 0, 0 };
	struct budget budget;
	int n = 1;

	options.cost = (struct budget_cost){ 1e8, 0, 0 };
	options.start_events_hz = 0;
	assert_int_equal(budget_init(&budget, &options, NULL), 0);
	while (!budget_feed(&budget, &u).is_period_changed && n < 1000)
		n++;
	assert_int_equal(n, 64);
	assert_int_equal(budget.decision.reason, BUDGET_OVERHEAD);
	assert_int_equal(budget.decision.weight, 4);
}

static void test_budget_one_busy_cpu_of_many_is_measured_against_all(void **state)
{
	struct machine *m = machine_new(256, 1e9);

	m->n_busy = 1;
	steps(m, 3600);
	assert_int_equal(m->d.reason, BUDGET_FLOOR);
	assert_true(share_of(m, 60) <= PROMISE);
	free(m);
}

/* ---- context switches ---- */

static void test_budget_switches_are_met_by_the_duty(void **state)
{
	struct machine *m = machine_new(16, 1e7);

	/* 3 us each: six times the budget if enabled all the time */
	m->switches_hz = 2000;
	steps(m, 600);
	assert_true(m->d.is_sampling);
	assert_int_equal(m->d.duty_shift, 4);
	assert_true(share_of(m, 6000) <= PROMISE);
	assert_in_range(m->budget.totals.n_duty_changes, 1, 2);
	assert_true(m->n_samples > 0);

	m->switches_hz = 10;
	steps(m, 3600);
	assert_int_equal(m->d.duty_shift, 0);
	assert_int_equal(m->d.reason, BUDGET_FLOOR);
	assert_in_range(m->budget.totals.n_duty_changes, 2, 6);
	free(m);
}

/* ---- the hard stop ---- */

static void test_budget_own_time_beyond_five_times_stops_and_says_so(void **state)
{
	struct machine *m = machine_new(4, 1e6);
	uint64_t n_before;

	steps(m, 600);
	m->own_fixed = 4 * 4.9 * PROMISE - 0.001;
	steps(m, 600);
	assert_true(m->d.is_sampling);
	m->own_fixed = 4 * 6 * PROMISE;
	steps(m, 60);
	assert_false(m->d.is_sampling);
	assert_int_equal(m->d.reason, BUDGET_STOPPED);
	assert_int_equal(m->d.stopped_by, BUDGET_OWN);
	assert_int_equal(m->budget.totals.n_stops, 1);

	/* stays, whatever gets better */
	n_before = m->n_samples;
	m->own_fixed = 0;
	steps(m, 7200);
	assert_int_equal(m->d.reason, BUDGET_STOPPED);
	assert_int_equal(m->n_samples, n_before);

	budget_resume(&m->budget);
	m->d = m->budget.decision;
	m->changed_at_s = m->now_s;
	m->since_change_samples = 0;
	assert_true(m->d.is_sampling);
	assert_int_equal(m->d.reason, BUDGET_STARTING);
	steps(m, 3600);
	assert_true(m->d.is_sampling);
	assert_true(m->n_samples > n_before);
	assert_int_equal(m->budget.totals.n_stops, 1);
	free(m);
}

static void test_budget_samples_beyond_it_that_do_not_follow_the_period_stop(void **state)
{
	struct budget budget;
	struct budget_usage u = { S, S, S, 1, 1000, 0, 0, 0 };
	struct budget_decision d;
	int n = 0;

	assert_int_equal(budget_init(&budget, &BUDGET_OPTIONS_DEFAULT, NULL), 0);
	do
		d = budget_feed(&budget, &u);
	while (d.is_sampling && ++n < 1000);
	/* 1 % of the machine: the mean of half a minute passes 0.5 % in half a minute */
	assert_in_range(n, 20, 40);
	assert_int_equal(d.reason, BUDGET_STOPPED);
	assert_int_equal(d.stopped_by, BUDGET_SAMPLES);
}

static void test_budget_short_burst_is_no_stop(void **state)
{
	struct machine *m = machine_new(4, 1e6);

	steps(m, 600);
	m->own_fixed = 4 * 50 * PROMISE;
	steps(m, 2);
	m->own_fixed = 0;
	steps(m, 600);
	assert_true(m->d.is_sampling);
	free(m);
}

/* ---- samples per hour ---- */

static void test_budget_target_is_gathered_evenly_and_not_much_exceeded(void **state)
{
	struct budget_options options = BUDGET_OPTIONS_DEFAULT;
	struct machine *m;

	options.target_samples_per_hour = 40000;
	m = machine_with(64, 1e8, &options);
	steps(m, 3600);
	for (int hour = 0; hour < 5; hour++) {
		uint64_t before = m->n_samples, half;
		uint64_t n_before = n_changes(m);

		steps(m, 1800);
		half = m->n_samples - before;
		steps(m, 1799);
		assert_true(half > 14000 && half < 26000);
		assert_in_range(m->n_samples - before, 36000, 40400);
		assert_in_range(n_changes(m) - n_before, 0, 4);
		step(m);
	}
	assert_true(share_of(m, 600) < 0.5 * PROMISE);
	free(m);
}

static void test_budget_target_reached_disables_until_the_hour_is_over(void **state)
{
	struct budget_options options = BUDGET_OPTIONS_DEFAULT;
	struct machine *m;
	int n_off = 0;

	options.target_samples_per_hour = 1000;
	m = machine_with(4, 1e9, &options);
	for (int s = 0; s < 3599; s++) {
		step(m);
		n_off += !m->d.is_sampling;
		assert_true(m->d.is_sampling == (m->d.reason != BUDGET_ENOUGH));
	}
	assert_true(n_off > 0);
	step(m);
	step(m);
	assert_true(m->d.is_sampling);
	assert_int_equal(m->d.reason, BUDGET_TARGET);
	free(m);
}

static void test_budget_target_is_caught_up_after_the_gate_was_closed(void **state)
{
	struct budget_options options = BUDGET_OPTIONS_DEFAULT;
	struct machine *m;
	uint64_t before;

	options.target_samples_per_hour = 40000;
	m = machine_with(64, 1e8, &options);
	steps(m, 3600);
	before = m->n_samples;
	m->is_closed = true;
	steps(m, 1800);
	assert_int_equal(m->n_samples, before);
	m->is_closed = false;
	steps(m, 1799);
	assert_in_range(m->n_samples - before, 32000, 40400);
	free(m);
}

static void test_budget_target_above_what_it_allows_is_not_followed(void **state)
{
	struct budget_options options = BUDGET_OPTIONS_DEFAULT;
	struct machine *m;

	options.target_samples_per_hour = 1000000000;
	m = machine_with(4, 1e9, &options);
	steps(m, 1800);
	assert_true(share_of(m, 1800) <= PROMISE);
	assert_int_equal(m->d.reason, BUDGET_OVERHEAD);
	free(m);
}

/* ---- publishing ---- */

static void test_budget_publishing_is_seen_over_an_hour_and_leaves_a_quarter(void **state)
{
	struct machine *m = machine_new(2, 1e8);
	double share;

	steps(m, 1800);
	m->publish = 1;
	steps(m, 20); /* 20 s of a CPU: nearly three times of an hour's budget */
	m->publish = 0;
	assert_true(m->d.is_sampling);
	assert_true(m->budget.spent[BUDGET_PUBLISH] > 2 * PROMISE);
	steps(m, 60);
	share = share_of(m, 600);
	assert_true(share > 0.08 * PROMISE && share <= 0.25 * PROMISE);
	steps(m, 5 * 3600);
	assert_true(share_of(m, 600) >= 0.4 * PROMISE);
	/* 20 s in half of 0.1 % of two CPUs */
	assert_true(fabs((double)budget_publish_spacing_ns(&m->budget, 20 * S) / 1e9 - 20000) < 1);
	free(m);
}

/* ---- weight ---- */

static void test_budget_weighted_samples_are_the_events_whatever_the_period(void **state)
{
	struct machine *m = machine_new(32, 1e8);
	struct budget_totals start = { 0 };
	double effective;

	for (int s = 0; s < 4 * 3600; s++) {
		m->events_hz = s / 1000 % 2 ? 1e7 : 5e8;
		m->switches_hz = s / 4000 % 2 ? 2000 : 10;
		step(m);
	}
	assert_in_range(n_changes(m), 10, 100);
	assert_true(m->budget.totals.n_duty_changes >= 2);
	assert_true(fabs(m->weighted * 500009 / m->events - 1) < 0.03);
	assert_true(m->budget.totals.weight_sum == m->weighted);
	effective = budget_effective_samples(&start, &m->budget.totals);
	assert_true(effective > 0 && effective < (double)m->n_samples);
	free(m);
}

static void test_budget_equal_weights_lose_no_sample(void **state)
{
	struct budget_totals before = { 0 };
	struct budget_totals now = { .weight_sum = 1000 * 6.0, .weight_squares_sum = 1000 * 36.0 };

	assert_true(fabs(budget_effective_samples(&before, &now) - 1000) < 1e-9);
	assert_true(budget_effective_samples(&now, &now) == 0);
}

static void test_budget_weight_of_a_foreign_period_is_none(void **state)
{
	struct budget budget;

	assert_int_equal(budget_init(&budget, &BUDGET_OPTIONS_DEFAULT, NULL), 0);
	assert_int_equal(budget_weight_of(&budget, 500009), 1);
	assert_int_equal(budget_weight_of(&budget, budget.rungs[7].period), 16);
	assert_int_equal(budget_weight_of(&budget, 500010), 0);
	assert_int_equal(budget_weight_of(&budget, 0), 0);
}

/* ---- what is given ---- */

static void test_budget_usage_that_is_none_changes_nothing(void **state)
{
	struct budget budget;
	struct budget_usage nothing = { 0 };
	struct budget_usage no_cpu = { S, S, S, 0, 5, 5, 5, 5 };

	assert_int_equal(budget_init(&budget, &BUDGET_OPTIONS_DEFAULT, NULL), 0);
	budget_feed(&budget, &nothing);
	budget_feed(&budget, &no_cpu);
	assert_int_equal(budget.totals.n_unusable, 2);
	assert_int_equal(budget.totals.n_samples, 0);
	assert_true(budget.decision.is_sampling);
}

/* Random numbers, inconsistent ones among them: always a period, a weight, a finite share. */
static void test_budget_any_usage_gives_a_decision(void **state)
{
	struct machine *m = machine_new(1, 0);

	for (int i = 0; i < 200000; i++) {
		uint64_t values[8];
		struct budget_usage u;
		struct budget_decision d;

		for (int j = 0; j < 8; j++) {
			noise(m);
			values[j] = m->random >> (m->random & 63);
		}
		u = (struct budget_usage){ values[0], values[1], values[2], (uint32_t)values[3],
					   values[4], values[5], values[6], values[7] };
		d = budget_feed(&m->budget, &u);
		assert_true(budget_overhead(&m->budget) >= 0 &&
			    isfinite(budget_overhead(&m->budget)));
		assert_true(d.period >= 500009 && d.weight >= 1);
		assert_true(d.duty_shift <= BUDGET_DUTY_SHIFT_MAX);
		if (!d.is_sampling)
			budget_resume(&m->budget);
	}
	free(m);
}

static void test_budget_other_limits_are_followed_from_then_on(void **state)
{
	struct machine *m = machine_new(16, 1e9);
	uint64_t before;

	steps(m, 1800);
	assert_true(share_of(m, 600) > 0.45 * PROMISE);
	assert_int_equal(budget_set_limits(&m->budget, 0.5 * PROMISE, 0, NULL), 0);
	steps(m, 60);
	assert_true(share_of(m, 600) <= 0.5 * PROMISE);
	assert_true(share_of(m, 600) > 0.2 * PROMISE);
	assert_int_equal(budget_set_limits(&m->budget, PROMISE, 3600, NULL), 0);
	steps(m, 3600);
	before = m->n_samples;
	steps(m, 6 * 3600);
	assert_in_range(m->n_samples - before, 6 * 3240, 6 * 3650);
	assert_int_equal(budget_set_limits(&m->budget, 2, 0, NULL), -EINVAL);
	assert_true(m->budget.options.target_samples_per_hour == 3600);
	free(m);
}

static void test_budget_options_out_of_range_are_refused_by_name(void **state)
{
	static const struct {
		double max_overhead;
		uint64_t period;
		double sample_ns;
		const char *names;
	} cases[] = {
		{ 0, 500009, 1, "MaxOverhead" },    { -0.1, 500009, 1, "MaxOverhead" },
		{ 1.01, 500009, 1, "MaxOverhead" }, { NAN, 500009, 1, "MaxOverhead" },
		{ 0.001, 999, 1, "Period" },	    { 0.001, (1ull << 40) + 1, 1, "Period" },
		{ 0.001, 500009, -1, "cost" },	    { 0.001, 500009, NAN, "cost" },
	};
	struct budget budget;
	struct problem problem;

	for (size_t i = 0; i < array_size(cases); i++) {
		struct budget_options options = BUDGET_OPTIONS_DEFAULT;

		options.max_overhead = cases[i].max_overhead;
		options.period = cases[i].period;
		options.cost.sample_ns = cases[i].sample_ns;
		assert_int_equal(budget_init(&budget, &options, &problem), -EINVAL);
		assert_non_null(strstr(problem.text, cases[i].names));
	}
}

static void test_budget_units_have_costs_and_reasons_have_names(void **state)
{
	for (int i = BUDGET_UNIT_LBR; i <= BUDGET_UNIT_CLOCK; i++)
		assert_true(budget_cost_of((enum budget_unit)i).sample_ns > 0);
	for (int i = BUDGET_STARTING; i <= BUDGET_STOPPED; i++)
		assert_string_not_equal(budget_reason_name((enum budget_reason)i), "unknown");
	for (int i = 0; i < BUDGET_N_ACCOUNTS; i++)
		assert_string_not_equal(budget_account_name((enum budget_account)i), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_budget_primes_agree_with_a_sieve),
		cmocka_unit_test(test_budget_primes_are_not_fooled_by_pseudoprimes),
		cmocka_unit_test(test_budget_rungs_are_primes_near_whole_multiples),
		cmocka_unit_test(test_budget_busiest_machine_is_within_it_from_the_first_second),
		cmocka_unit_test(test_budget_converges_below_it_and_stays),
		cmocka_unit_test(
			test_budget_load_that_jumps_is_caught_within_seconds_and_drops_recover),
		cmocka_unit_test(test_budget_load_that_swings_does_not_make_it_swing),
		cmocka_unit_test(test_budget_quiet_kernel_reaches_the_densest_period),
		cmocka_unit_test(test_budget_change_waits_for_samples_on_the_average_cpu),
		cmocka_unit_test(test_budget_one_busy_cpu_of_many_is_measured_against_all),
		cmocka_unit_test(test_budget_switches_are_met_by_the_duty),
		cmocka_unit_test(test_budget_own_time_beyond_five_times_stops_and_says_so),
		cmocka_unit_test(test_budget_samples_beyond_it_that_do_not_follow_the_period_stop),
		cmocka_unit_test(test_budget_short_burst_is_no_stop),
		cmocka_unit_test(test_budget_target_is_gathered_evenly_and_not_much_exceeded),
		cmocka_unit_test(test_budget_target_reached_disables_until_the_hour_is_over),
		cmocka_unit_test(test_budget_target_is_caught_up_after_the_gate_was_closed),
		cmocka_unit_test(test_budget_target_above_what_it_allows_is_not_followed),
		cmocka_unit_test(test_budget_publishing_is_seen_over_an_hour_and_leaves_a_quarter),
		cmocka_unit_test(test_budget_weighted_samples_are_the_events_whatever_the_period),
		cmocka_unit_test(test_budget_equal_weights_lose_no_sample),
		cmocka_unit_test(test_budget_weight_of_a_foreign_period_is_none),
		cmocka_unit_test(test_budget_usage_that_is_none_changes_nothing),
		cmocka_unit_test(test_budget_any_usage_gives_a_decision),
		cmocka_unit_test(test_budget_other_limits_are_followed_from_then_on),
		cmocka_unit_test(test_budget_options_out_of_range_are_refused_by_name),
		cmocka_unit_test(test_budget_units_have_costs_and_reasons_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
