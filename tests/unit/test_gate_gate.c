/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Simulated load, a reading a second, through the gate. The machine below has its own clocks, so
 * that they can be made to do what clocks are not supposed to do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include "gate/gate.h"

#define S 1000000000ull

struct machine {
	struct gate gate;
	struct gate_reading now;
	struct gate_decision last;
	uint64_t opened_at_s; /* how often step() was called until the last opening */
	uint64_t n_steps;
	uint64_t shortest_open_s;
	uint64_t random;
};

static struct machine machine_with(double open, double close, uint64_t window_s,
				   uint64_t min_open_s)
{
	struct gate_options options = { open, close, window_s * S, min_open_s * S };
	struct machine m = { .random = 88172645463325252u, .shortest_open_s = UINT64_MAX };

	assert_int_equal(gate_init(&m.gate, &options, NULL), 0);
	m.now = (struct gate_reading){ 5000 * S, 9000 * S, true, 0 };
	return m;
}

static struct machine machine_new(void)
{
	return machine_with(0.30, 0.20, 10, 30);
}

static double random_share(struct machine *m)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	return (double)(m->random >> 11) / (double)(1ull << 53);
}

static void feed(struct machine *m, double utilization)
{
	m->now.utilization = utilization;
	m->last = gate_feed(&m->gate, &m->now);
	if (m->last.is_changed && m->last.is_open)
		m->opened_at_s = m->n_steps;
	else if (m->last.is_changed && m->n_steps - m->opened_at_s < m->shortest_open_s)
		m->shortest_open_s = m->n_steps - m->opened_at_s;
}

/* A second passes, with this load. */
static void step(struct machine *m, double utilization)
{
	m->n_steps++;
	m->now.monotonic_ns += S;
	m->now.boottime_ns += S;
	feed(m, utilization);
}

static void steps(struct machine *m, int n, double utilization)
{
	for (int i = 0; i < n; i++)
		step(m, utilization);
}

static uint64_t n_changes(const struct machine *m)
{
	return m->gate.totals.n_opened + m->gate.totals.n_closed;
}

/* ---- thresholds and times ---- */

static void test_gate_busy_machine_opens_after_one_window(void **state)
{
	struct machine m = machine_new();

	step(&m, 0.9);
	assert_int_equal(m.last.reason, GATE_STARTING);
	steps(&m, 9, 0.9);
	assert_false(m.last.is_open);
	assert_false(m.last.has_mean);
	step(&m, 0.9);
	assert_true(m.last.is_open && m.last.is_changed && m.last.has_mean);
	assert_int_equal(m.last.reason, GATE_BUSY);
	assert_true(fabs(m.last.mean - 0.9) < 1e-9);
	step(&m, 0.9);
	assert_true(m.last.is_open && !m.last.is_changed);
}

static void test_gate_idle_machine_never_opens(void **state)
{
	struct machine m = machine_new();

	for (int i = 0; i < 86400; i++)
		step(&m, 0.04 * random_share(&m));
	assert_int_equal(n_changes(&m), 0);
	assert_int_equal(m.last.reason, GATE_IDLE);
	assert_int_equal(m.gate.totals.closed_ns, 86399 * S);
	assert_int_equal(m.gate.totals.open_ns, 0);
}

static void test_gate_thresholds_are_at_or_above_and_below(void **state)
{
	struct machine m = machine_with(0.50, 0.25, 10, 0);

	steps(&m, 100, 0.49);
	assert_false(m.last.is_open);
	assert_int_equal(m.last.reason, GATE_BETWEEN);
	steps(&m, 100, 0.5);
	assert_true(m.last.is_open);
	steps(&m, 100, 0.25);
	assert_true(m.last.is_open);
	assert_int_equal(m.last.reason, GATE_BETWEEN);
	steps(&m, 100, 0.24);
	assert_false(m.last.is_open);
	assert_int_equal(m.last.reason, GATE_IDLE);
}

static void test_gate_short_burst_is_held_open_for_the_minimum(void **state)
{
	struct machine m = machine_new();

	steps(&m, 60, 0.0);
	steps(&m, 4, 1.0);
	assert_true(m.last.is_open);
	steps(&m, 15, 0.0);
	assert_true(m.last.is_open);
	assert_int_equal(m.last.reason, GATE_HELD);
	steps(&m, 60, 0.0);
	assert_false(m.last.is_open);
	assert_int_equal(m.shortest_open_s, 30);
	assert_int_equal(m.gate.totals.open_ns, 30 * S);
}

static void test_gate_zero_thresholds_are_always_open(void **state)
{
	struct machine m = machine_with(0, 0, 10, 0);

	step(&m, 0);
	assert_true(m.last.is_open && m.last.is_changed);
	assert_int_equal(m.last.reason, GATE_ALWAYS);
	steps(&m, 1000, 0);
	assert_true(m.last.is_open);
	assert_int_equal(n_changes(&m), 1);
}

/* ---- loads ---- */

static void test_gate_square_waves_do_not_flap(void **state)
{
	/* length of a half, what the window makes of it: changes in an hour, open part */
	static const struct {
		int half_s;
		uint64_t n_changes_max;
		double open_share_min, open_share_max;
	} waves[] = {
		{ 1, 1, 0.99, 1 },    /* the mean is 0.5 */
		{ 5, 1, 0.99, 1 },    /* likewise */
		{ 20, 200, 0.70, 1 }, /* open 30 s at least, so most of 40 s */
		{ 60, 60, 0.50, 0.65 }, { 600, 6, 0.49, 0.52 },
	};

	for (size_t i = 0; i < sizeof(waves) / sizeof(waves[0]); i++) {
		struct machine m = machine_new();
		struct gate_totals before;

		steps(&m, 30, 1.0);
		before = m.gate.totals;
		for (int s = 0; s < 3600; s++)
			step(&m, s / waves[i].half_s % 2 ? 0.0 : 1.0);
		assert_in_range(n_changes(&m), 1, waves[i].n_changes_max);
		assert_true(gate_open_share(&before, &m.gate.totals) >= waves[i].open_share_min);
		assert_true(gate_open_share(&before, &m.gate.totals) <= waves[i].open_share_max);
		assert_true(m.shortest_open_s >= 30);
	}
}

/*
 * White noise, a day long. The mean over ten seconds has a third of the deviation of a second; what
 * counts is how many of those lie between where the load is and the farther threshold, except half
 * way between both, where both are near.
 */
static void test_gate_noise_around_each_threshold_does_not_flap(void **state)
{
	static const struct {
		double center, half_width;
		uint64_t n_changes_max;
	} loads[] = {
		{ 0.15, 0.15, 2 },   /* under both */
		{ 0.20, 0.15, 2 },   /* 3.6 deviations from opening, and once open, … */
		{ 0.30, 0.15, 10 },  /* … as many from closing: a few times a day */
		{ 0.35, 0.15, 1 },   /* over both */
		{ 0.25, 0.06, 1 },   /* half way, a machine of many CPUs */
		{ 0.25, 0.10, 144 }, /* half way, the worst: one in ten minutes */
	};

	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
		struct machine m = machine_new();

		for (int s = 0; s < 24 * 3600; s++)
			step(&m,
			     loads[i].center + 2 * loads[i].half_width * (random_share(&m) - 0.5));
		assert_in_range(n_changes(&m), 0, loads[i].n_changes_max);
		assert_true(m.shortest_open_s >= 30);
	}
}

static void test_gate_slow_ramps_change_it_once_each_way(void **state)
{
	struct machine m = machine_new();

	for (int day = 0; day < 3; day++)
		for (int s = 0; s < 7200; s++) {
			double ramp = s < 3600 ? s / 3600.0 : (7200 - s) / 3600.0;

			step(&m, 0.98 * ramp + 0.02 * random_share(&m));
		}
	assert_int_equal(m.gate.totals.n_opened, 3);
	assert_int_equal(m.gate.totals.n_closed, 3);
}

/* Whatever the load does, and it knows the gate: it works against the last decision. */
static void test_gate_worst_load_is_bounded_by_the_minimum(void **state)
{
	struct machine m = machine_new();

	for (int s = 0; s < 36000; s++)
		step(&m, m.last.is_open ? 0.0 : 1.0);
	assert_true(m.gate.totals.n_opened <= 36000 / 31);
	assert_true(m.gate.totals.n_opened > 500);
	assert_true(m.shortest_open_s >= 30);
}

static void test_gate_late_readings_count_for_their_time(void **state)
{
	struct machine m = machine_with(0.30, 0.20, 10, 0);

	steps(&m, 20, 0.0);
	/* nine seconds at 0.8, told at once, and a second of nothing */
	m.now.monotonic_ns += 8 * S;
	m.now.boottime_ns += 8 * S;
	step(&m, 0.8);
	assert_true(m.last.is_open);
	assert_true(m.last.mean > 0.7 && m.last.mean < 0.8);
}

static void test_gate_accounts_for_every_second(void **state)
{
	struct machine m = machine_new();

	for (int s = 0; s < 5000; s++) {
		if (s % 700 == 0) {
			m.now.monotonic_ns += 100 * S;
			m.now.boottime_ns += 100 * S;
		}
		if (s % 900 == 0)
			m.now.boottime_ns += 1000 * S;
		step(&m, s / 100 % 2 ? 0.05 : 0.8);
	}
	assert_int_equal(m.gate.totals.open_ns + m.gate.totals.closed_ns + m.gate.totals.gap_ns,
			 m.now.monotonic_ns - (5000 + 101) * S);
	assert_int_equal(m.gate.totals.n_gaps, 7);
	assert_int_equal(m.gate.totals.n_suspends, 5);
	assert_int_equal(m.gate.totals.suspended_ns, 5 * 1000 * S);
	assert_int_equal(m.gate.totals.n_readings, 5000);
}

/* ---- suspend, gaps, clocks ---- */

static void test_gate_suspend_keeps_the_state_until_a_window_is_seen(void **state)
{
	struct machine m = machine_new();

	steps(&m, 100, 0.8);
	m.now.boottime_ns += 8 * 3600 * S;
	step(&m, 0.0);
	assert_true(m.last.is_open);
	assert_int_equal(m.last.reason, GATE_NO_EVIDENCE);
	assert_false(m.last.has_mean);
	steps(&m, 9, 0.0);
	assert_true(m.last.is_open);
	step(&m, 0.0);
	assert_false(m.last.is_open);
	assert_int_equal(m.gate.totals.n_suspends, 1);
	assert_int_equal(m.gate.totals.suspended_ns, 8 * 3600 * S);

	/* and the other way: the burst of resuming does not open it */
	m.now.boottime_ns += 3600 * S;
	step(&m, 1.0);
	steps(&m, 30, 0.1);
	assert_int_equal(m.gate.totals.n_opened, 1);
}

static void test_gate_suspended_time_does_not_fill_the_minimum(void **state)
{
	struct machine m = machine_new();

	steps(&m, 11, 1.0);
	assert_true(m.last.is_open);
	steps(&m, 5, 0.0);
	m.now.boottime_ns += 3600 * S;
	steps(&m, 20, 0.0);
	assert_true(m.last.is_open);
	assert_int_equal(m.last.reason, GATE_HELD);
	steps(&m, 6, 0.0);
	assert_false(m.last.is_open);
}

static void test_gate_stopped_process_has_no_evidence(void **state)
{
	struct machine m = machine_new();

	steps(&m, 50, 0.05);
	m.now.monotonic_ns += 600 * S;
	m.now.boottime_ns += 600 * S;
	step(&m, 0.9);
	assert_false(m.last.is_open);
	assert_int_equal(m.last.reason, GATE_NO_EVIDENCE);
	assert_int_equal(m.gate.totals.n_gaps, 1);
	assert_int_equal(m.gate.totals.gap_ns, 601 * S);
	steps(&m, 10, 0.9);
	assert_true(m.last.is_open);
}

static void test_gate_clock_steps_neither_open_nor_lock_it(void **state)
{
	static const int64_t jumps_s[] = { -4000, -1, 100000 };

	for (size_t i = 0; i < sizeof(jumps_s) / sizeof(jumps_s[0]); i++) {
		struct machine m = machine_new();
		uint64_t jump_ns = (uint64_t)jumps_s[i] * S;

		steps(&m, 100, 0.8);
		m.now.monotonic_ns += jump_ns - S;
		m.now.boottime_ns += jump_ns - S;
		step(&m, 0.0);
		assert_true(m.last.is_open);
		assert_int_equal(m.last.reason, GATE_NO_EVIDENCE);
		steps(&m, 10, 0.0);
		assert_false(m.last.is_open);
		steps(&m, 10, 1.0);
		assert_true(m.last.is_open);
		assert_true(m.gate.totals.open_ns + m.gate.totals.closed_ns < 200 * S);
		assert_int_equal(m.gate.totals.n_clock_steps + m.gate.totals.n_gaps, 1);
	}
}

static void test_gate_clocks_that_part_are_a_step(void **state)
{
	struct machine m = machine_new();

	steps(&m, 100, 0.8);
	m.now.monotonic_ns += 5 * S; /* BOOTTIME does not follow */
	step(&m, 0.0);
	assert_int_equal(m.last.reason, GATE_NO_EVIDENCE);
	m.now.boottime_ns -= 5000 * S;
	step(&m, 0.0);
	assert_int_equal(m.gate.totals.n_clock_steps, 2);
	/* a preemption between the two clocks is none of all this */
	m.now.boottime_ns += S / 3;
	step(&m, 0.0);
	assert_int_equal(m.gate.totals.n_suspends, 0);
	assert_int_equal(m.gate.totals.n_clock_steps, 2);
}

static void test_gate_open_without_evidence_closes_as_blind(void **state)
{
	struct machine m = machine_new();

	steps(&m, 100, 0.8);
	m.now.has_utilization = false;
	steps(&m, 30, 0);
	assert_true(m.last.is_open);
	step(&m, 0);
	assert_false(m.last.is_open);
	assert_int_equal(m.last.reason, GATE_BLIND);
	assert_int_equal(m.gate.totals.n_unusable, 31);
	/* what was seen before is too old to count: a whole window is needed */
	m.now.has_utilization = true;
	steps(&m, 9, 0.9);
	assert_false(m.last.is_open);
	steps(&m, 1, 0.9);
	assert_true(m.last.is_open);
}

static void test_gate_readings_too_far_apart_close_it_as_blind(void **state)
{
	struct machine m = machine_new();

	steps(&m, 100, 0.8);
	for (int i = 0; i < 4; i++) {
		m.now.monotonic_ns += 60 * S;
		m.now.boottime_ns += 60 * S;
		step(&m, 0.9);
	}
	assert_false(m.last.is_open);
	assert_int_equal(m.last.reason, GATE_BLIND);
}

static void test_gate_utilization_that_is_none_is_no_evidence(void **state)
{
	static const double bad[] = { -0.1, 1.1, NAN, INFINITY, -INFINITY };
	struct machine m = machine_new();

	for (int i = 0; i < 1000; i++)
		step(&m, bad[i % 5]);
	assert_int_equal(n_changes(&m), 0);
	assert_int_equal(m.gate.totals.n_unusable, 1000);
	steps(&m, 10, 0.9);
	assert_true(m.last.is_open);
}

static void test_gate_same_reading_twice_changes_nothing(void **state)
{
	struct machine m = machine_new();

	steps(&m, 11, 0.9);
	for (int i = 0; i < 1000; i++)
		feed(&m, 0.0);
	assert_true(m.last.is_open);
	assert_true(fabs(m.last.mean - 0.9) < 1e-9);
}

/* ---- options ---- */

static void test_gate_options_out_of_range_are_refused_by_name(void **state)
{
	static const struct {
		struct gate_options options;
		const char *names;
	} cases[] = {
		{ { 1.1, 0.2, 10 * S, 0 }, "OpenUtilization" },
		{ { -0.1, -0.2, 10 * S, 0 }, "OpenUtilization" },
		{ { NAN, 0.2, 10 * S, 0 }, "OpenUtilization" },
		{ { 0.3, 0.31, 10 * S, 0 }, "CloseUtilization" },
		{ { 0.3, NAN, 10 * S, 0 }, "CloseUtilization" },
		{ { 0.3, 0.2, S - 1, 0 }, "Window" },
		{ { 0.3, 0.2, 3601 * S, 0 }, "Window" },
		{ { 0.3, 0.2, 10 * S, 86401 * S }, "MinOpenTime" },
	};
	struct gate gate;
	struct problem problem;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(gate_init(&gate, &cases[i].options, &problem), -EINVAL);
		assert_non_null(strstr(problem.text, cases[i].names));
	}
	assert_int_equal(gate_init(&gate, &GATE_OPTIONS_DEFAULT, &problem), 0);
	assert_true(gate_interval_ns(&GATE_OPTIONS_DEFAULT) == S);
}

static void test_gate_other_options_keep_state_and_counts(void **state)
{
	struct gate_options options = { 0.95, 0.9, 20 * S, 0 };
	struct machine m = machine_new();

	steps(&m, 100, 0.8);
	assert_int_equal(gate_set_options(&m.gate, &options, NULL), 0);
	step(&m, 0.8);
	assert_true(m.last.is_open);
	assert_int_equal(m.last.reason, GATE_NO_EVIDENCE);
	steps(&m, 19, 0.8);
	assert_false(m.last.is_open);
	assert_int_equal(m.gate.totals.n_readings, 120);
	options.window_ns = 0;
	assert_int_equal(gate_set_options(&m.gate, &options, NULL), -EINVAL);
	assert_true(m.gate.options.window_ns == 20 * S);
}

static void test_gate_reasons_have_names(void **state)
{
	for (int i = GATE_STARTING; i <= GATE_ALWAYS; i++)
		for (int j = GATE_STARTING; j < i; j++)
			assert_string_not_equal(gate_reason_name((enum gate_reason)i),
						gate_reason_name((enum gate_reason)j));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gate_busy_machine_opens_after_one_window),
		cmocka_unit_test(test_gate_idle_machine_never_opens),
		cmocka_unit_test(test_gate_thresholds_are_at_or_above_and_below),
		cmocka_unit_test(test_gate_short_burst_is_held_open_for_the_minimum),
		cmocka_unit_test(test_gate_zero_thresholds_are_always_open),
		cmocka_unit_test(test_gate_square_waves_do_not_flap),
		cmocka_unit_test(test_gate_noise_around_each_threshold_does_not_flap),
		cmocka_unit_test(test_gate_slow_ramps_change_it_once_each_way),
		cmocka_unit_test(test_gate_worst_load_is_bounded_by_the_minimum),
		cmocka_unit_test(test_gate_late_readings_count_for_their_time),
		cmocka_unit_test(test_gate_accounts_for_every_second),
		cmocka_unit_test(test_gate_suspend_keeps_the_state_until_a_window_is_seen),
		cmocka_unit_test(test_gate_suspended_time_does_not_fill_the_minimum),
		cmocka_unit_test(test_gate_stopped_process_has_no_evidence),
		cmocka_unit_test(test_gate_clock_steps_neither_open_nor_lock_it),
		cmocka_unit_test(test_gate_clocks_that_part_are_a_step),
		cmocka_unit_test(test_gate_open_without_evidence_closes_as_blind),
		cmocka_unit_test(test_gate_readings_too_far_apart_close_it_as_blind),
		cmocka_unit_test(test_gate_utilization_that_is_none_is_no_evidence),
		cmocka_unit_test(test_gate_same_reading_twice_changes_nothing),
		cmocka_unit_test(test_gate_options_out_of_range_are_refused_by_name),
		cmocka_unit_test(test_gate_other_options_keep_state_and_counts),
		cmocka_unit_test(test_gate_reasons_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
