/* SPDX-License-Identifier: Apache-2.0 */
#include "service/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define S 1000000000ull
#define TICKS_HZ 100u
#define N_CPUS 4u

/* A machine of four CPUs, whose load and rate of branches the test says. */
struct machine {
	struct pace pace;
	struct pace_view view;
	uint64_t busy_ticks, idle_ticks, n_switches;
	char stat[512];
	double branches_per_s; /* of a CPU that is busy */
	double utilization;
	const struct pace_decision *last;
	uint64_t sampling_ns;
	unsigned int n_flips;
};

static struct pace_options options(void)
{
	return (struct pace_options){
		.gate = GATE_OPTIONS_DEFAULT,
		.budget = BUDGET_OPTIONS_DEFAULT,
		.n_cpus_max = N_CPUS,
		.ticks_hz = TICKS_HZ,
	};
}

static void machine_init(struct machine *m, const struct pace_options *o)
{
	struct problem problem = { "" };

	memset(m, 0, sizeof(*m));
	assert_int_equal(pace_init(&m->pace, o, &problem), 0);
	m->last = &m->pace.decision;
	m->branches_per_s = 1e8;
	m->view = (struct pace_view){ .monotonic_ns = 1000 * S,
				      .boottime_ns = 2000 * S,
				      .n_cpus = N_CPUS };
}

static void write_stat(struct machine *m)
{
	int n = snprintf(m->stat, sizeof(m->stat), "cpu  0 0 0 0 0 0 0 0 0 0\n");

	for (unsigned int cpu = 0; cpu < N_CPUS; cpu++)
		n += snprintf(m->stat + n, sizeof(m->stat) - (size_t)n,
			      "cpu%u %llu 0 0 %llu 0 0 0 0 0 0\n", cpu,
			      (unsigned long long)m->busy_ticks, (unsigned long long)m->idle_ticks);
	n += snprintf(m->stat + n, sizeof(m->stat) - (size_t)n, "ctxt %llu\n",
		      (unsigned long long)m->n_switches);
	m->view.stat_text = m->stat;
	m->view.n_stat_bytes = (size_t)n;
}

/* Lives until the next look, as it was told, and looks. */
static void step(struct machine *m)
{
	bool was_sampling = m->last->is_sampling;
	uint64_t ns = m->last->next_ns > m->view.monotonic_ns
			      ? m->last->next_ns - m->view.monotonic_ns
			      : S;
	double s = (double)ns / 1e9, branches = N_CPUS * m->utilization * m->branches_per_s * s;

	m->view.monotonic_ns += ns;
	m->view.boottime_ns += ns;
	m->busy_ticks += (uint64_t)(m->utilization * s * TICKS_HZ + 0.5);
	m->idle_ticks += (uint64_t)((1 - m->utilization) * s * TICKS_HZ + 0.5);
	m->n_switches += (uint64_t)(10 * s);
	if (was_sampling) {
		m->view.n_samples += (uint64_t)(branches / (double)m->last->period);
		m->view.enabled_ns += ns * N_CPUS;
		m->sampling_ns += ns;
	}
	m->view.own_cpu_ns += ns / 100000;
	write_stat(m);
	m->last = pace_look(&m->pace, &m->view);
	m->n_flips += was_sampling != m->last->is_sampling;
}

static void run(struct machine *m, double utilization, unsigned int seconds)
{
	uint64_t end_ns = m->view.monotonic_ns + seconds * S;

	m->utilization = utilization;
	while (m->view.monotonic_ns < end_ns)
		step(m);
}

static void test_pace_starts_without_sampling(void **state)
{
	struct pace_options o = options();
	struct machine m;

	machine_init(&m, &o);
	assert_false(m.last->is_sampling);
	assert_string_equal(pace_reason_name(&m.pace), "gate");
	assert_true(m.last->period > 0 && m.last->weight > 0);
	pace_deinit(&m.pace);
}

static void test_pace_busy_machine_samples_and_idle_one_does_not(void **state)
{
	struct pace_options o = options();
	struct machine m;

	machine_init(&m, &o);
	run(&m, 0.9, 60);
	assert_true(m.last->is_sampling);
	assert_string_equal(pace_reason_name(&m.pace), "sampling");
	run(&m, 0.05, 120);
	assert_false(m.last->is_sampling);
	assert_string_equal(pace_reason_name(&m.pace), "gate");
	assert_int_equal(m.n_flips, 2);
	pace_deinit(&m.pace);
}

static void test_pace_paused_samples_nothing_whatever_the_load(void **state)
{
	struct pace_options o = options();
	struct machine m;

	machine_init(&m, &o);
	m.pace.is_paused = true;
	run(&m, 0.9, 60);
	assert_int_equal(m.sampling_ns, 0);
	assert_string_equal(pace_reason_name(&m.pace), "paused");
	m.pace.is_paused = false;
	run(&m, 0.9, 2);
	assert_true(m.last->is_sampling);
	pace_deinit(&m.pace);
}

static void test_pace_period_change_is_told_once_with_its_weight(void **state)
{
	struct pace_options o = options();
	struct machine m;
	unsigned int n_changes = 0;
	uint64_t period;

	o.budget.max_overhead = 1;
	o.budget.start_events_hz = 1e12;
	machine_init(&m, &o);
	period = m.last->period;
	m.utilization = 0.9;
	for (int i = 0; i < 1200; i++) {
		step(&m);
		assert_int_equal(m.last->is_period_changed, m.last->period != period);
		assert_int_equal(m.last->weight, budget_weight_of(&m.pace.budget, m.last->period));
		n_changes += m.last->is_period_changed;
		period = m.last->period;
	}
	assert_true(n_changes > 0);
	assert_int_equal(n_changes, m.pace.budget.totals.n_period_changes);
	pace_deinit(&m.pace);
}

/* Every sample and nanosecond that the view shows reaches the budget once, whatever the looks. */
static void test_pace_budget_is_fed_all_of_it(void **state)
{
	struct pace_options o = options();
	struct machine m;

	machine_init(&m, &o);
	run(&m, 0.9, 300);
	run(&m, 0.0, 100);
	assert_true(m.view.n_samples > 0);
	assert_int_equal(m.pace.budget.totals.n_samples, m.pace.fed.n_samples);
	assert_true(m.view.n_samples - m.pace.fed.n_samples <
		    (uint64_t)(N_CPUS * m.branches_per_s / (double)m.last->period) + 1);
	pace_deinit(&m.pace);
}

static void test_pace_without_stat_closes_and_counts(void **state)
{
	struct pace_options o = options();
	struct machine m;

	machine_init(&m, &o);
	run(&m, 0.9, 60);
	assert_true(m.last->is_sampling);
	for (int i = 0; i < 200; i++) {
		m.view.monotonic_ns += S;
		m.view.boottime_ns += S;
		m.view.stat_text = NULL;
		m.last = pace_look(&m.pace, &m.view);
	}
	assert_int_equal(m.pace.n_unread, 200);
	assert_false(m.last->is_sampling);
	assert_int_equal(m.last->gate.reason, GATE_BLIND);
	pace_deinit(&m.pace);
}

static void test_pace_far_beyond_the_budget_stops(void **state)
{
	struct pace_options o = options();
	struct machine m;

	machine_init(&m, &o);
	run(&m, 0.9, 30);
	for (int i = 0; i < 300; i++) {
		m.view.own_cpu_ns += S / 10;
		step(&m);
	}
	assert_false(m.last->is_sampling);
	assert_int_equal(m.last->budget.reason, BUDGET_STOPPED);
	assert_string_equal(pace_reason_name(&m.pace), "budget");
	pace_deinit(&m.pace);
}

static void stop_by_budget(struct machine *m)
{
	run(m, 0.9, 30);
	for (int i = 0; i < 300; i++) {
		m->view.own_cpu_ns += S / 10;
		step(m);
	}
	assert_int_equal(m->last->budget.reason, BUDGET_STOPPED);
}

/* The period that it begins with is told, whether or not the budget is fed by the same look. */
static void test_pace_resumed_after_a_stop_samples_again(void **state)
{
	struct pace_options o = options();
	struct machine m;

	machine_init(&m, &o);
	assert_false(pace_resume(&m.pace));
	stop_by_budget(&m);
	assert_true(pace_resume(&m.pace));
	assert_false(pace_resume(&m.pace));
	m.last = pace_look(&m.pace, &m.view);
	assert_true(m.last->is_sampling && m.last->is_period_changed && m.last->is_budget_changed);
	assert_int_equal(m.last->weight, budget_weight_of(&m.pace.budget, m.last->period));
	step(&m);
	assert_int_equal(m.last->weight, budget_weight_of(&m.pace.budget, m.last->period));
	run(&m, 0.9, 60);
	assert_string_equal(pace_reason_name(&m.pace), "sampling");
	assert_int_equal(m.pace.budget.totals.n_stops, 1);
	pace_deinit(&m.pace);
}

static void test_pace_resumed_stops_again_if_it_costs_as_much(void **state)
{
	struct pace_options o = options();
	struct machine m;

	machine_init(&m, &o);
	stop_by_budget(&m);
	assert_true(pace_resume(&m.pace));
	stop_by_budget(&m);
	assert_int_equal(m.pace.budget.totals.n_stops, 2);
	pace_deinit(&m.pace);
}

/* With many context switches the events are enabled for a part of each minute only. */
static void test_pace_duty_enables_a_part_of_each_minute(void **state)
{
	struct pace_options o = options();
	struct machine m;
	uint64_t before_ns;

	machine_init(&m, &o);
	m.utilization = 0.9;
	for (int i = 0; i < 1000; i++) {
		m.n_switches += 1000;
		step(&m);
	}
	assert_true(m.last->budget.duty_shift > 0);
	before_ns = m.sampling_ns;
	for (uint64_t end_ns = m.view.monotonic_ns + 600 * S; m.view.monotonic_ns < end_ns;) {
		m.n_switches += 1000;
		step(&m);
	}
	assert_true(m.sampling_ns - before_ns <= (600 * S >> m.last->budget.duty_shift) + 2 * S);
	assert_true(m.sampling_ns - before_ns >= (600 * S >> m.last->budget.duty_shift) - 2 * S);
	pace_deinit(&m.pace);
}

static void test_pace_bad_options_are_refused_with_a_sentence(void **state)
{
	struct pace_options o = options();
	struct problem problem = { "" };
	struct pace pace;

	o.gate.close_utilization = 0.9;
	assert_int_equal(pace_init(&pace, &o, &problem), -22);
	assert_true(problem.text[0]);
	o = options();
	o.budget.period = 1;
	problem = (struct problem){ "" };
	assert_int_equal(pace_init(&pace, &o, &problem), -22);
	assert_true(problem.text[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pace_starts_without_sampling),
		cmocka_unit_test(test_pace_busy_machine_samples_and_idle_one_does_not),
		cmocka_unit_test(test_pace_paused_samples_nothing_whatever_the_load),
		cmocka_unit_test(test_pace_period_change_is_told_once_with_its_weight),
		cmocka_unit_test(test_pace_budget_is_fed_all_of_it),
		cmocka_unit_test(test_pace_without_stat_closes_and_counts),
		cmocka_unit_test(test_pace_far_beyond_the_budget_stops),
		cmocka_unit_test(test_pace_resumed_after_a_stop_samples_again),
		cmocka_unit_test(test_pace_resumed_stops_again_if_it_costs_as_much),
		cmocka_unit_test(test_pace_duty_enables_a_part_of_each_minute),
		cmocka_unit_test(test_pace_bad_options_are_refused_with_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
