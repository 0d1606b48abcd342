/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "gate/cpu_stat.h"

#define S 1000000000ull

static struct cpu_stat parsed(uint32_t n_cpus_max, const char *text)
{
	struct cpu_stat stat;

	assert_int_equal(cpu_stat_init(&stat, n_cpus_max), 0);
	assert_int_equal(cpu_stat_parse(&stat, text, strlen(text), NULL), 0);
	return stat;
}

/* Compares two texts and frees what was made for it. */
static int compared(const char *before_text, const char *after_text, uint64_t elapsed_ns,
		    struct cpu_load *ret_load)
{
	struct cpu_stat before = parsed(16, before_text);
	struct cpu_stat after = parsed(16, after_text);
	int r = cpu_stat_compare(&before, &after, elapsed_ns, 100, ret_load);

	cpu_stat_deinit(&before);
	cpu_stat_deinit(&after);
	return r;
}

static void test_cpu_stat_real_text_guest_and_iowait_in_their_places(void **state)
{
	struct cpu_stat stat = parsed(4, "cpu  9 9 9 9 9 9 9 9 9 9\n"
					 "cpu0 279473 76469 55085 111644 751 3 47 927 1000 200\n"
					 "cpu3 288038 66299 60282 106591 1684 0 997 951 0 0\n"
					 "intr 4088861 0 0 0 1 13\n"
					 "ctxt 7956918\n"
					 "btime 1795278757\n"
					 "softirq 3623143 0 449732\n");

	assert_int_equal(stat.n_cpus, 2);
	assert_int_equal(stat.cpus[0].cpu, 0);
	assert_int_equal(stat.cpus[0].busy_ticks, 279473 + 76469 + 55085 + 3 + 47);
	assert_int_equal(stat.cpus[0].idle_ticks, 111644 + 751);
	assert_int_equal(stat.cpus[0].stolen_ticks, 927);
	assert_int_equal(stat.cpus[1].cpu, 3);
	assert_true(stat.has_switches);
	assert_int_equal(stat.n_switches, 7956918);
	assert_int_equal(stat.n_malformed + stat.n_skipped, 0);
	cpu_stat_deinit(&stat);
}

static void test_cpu_stat_malformed_lines_are_counted_and_left_out(void **state)
{
	static const char *const lines[] = {
		"cpu1 1 2 3\n",			  /* too few */
		"cpu1 1 2 3 x 5\n",		  /* not a number */
		"cpu1 1 2 3 4x\n",		  /* nor this */
		"cpu1 1 2 3 -4\n",		  /* nor this */
		"cpu1 1 2 3 99999999999999999\n", /* beyond what ticks can be */
		"cpu1 1 2 3 99999999999999999999999999999999999\n",
		"cpu4294967296 1 2 3 4 5\n", /* wraps to cpu 0 */
		"cpux 1 2 3 4\n",
		"cpu\n",
		"cpu0 1 2 3 4\n",    /* again */
		"cpu1 1 2 3 4 5 6 ", /* cut */
	};
	char text[300];

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct cpu_stat stat;

		snprintf(text, sizeof(text), "cpu0 1 2 3 4 5 6 7 8 9 10 11 12\n%s", lines[i]);
		stat = parsed(4, text);
		assert_int_equal(stat.n_cpus, 1);
		assert_int_equal(stat.n_malformed, 1);
		assert_int_equal(stat.cpus[0].stolen_ticks, 8);
		cpu_stat_deinit(&stat);
	}
}

static void test_cpu_stat_more_cpus_than_room_are_counted(void **state)
{
	struct cpu_stat stat = parsed(2, "cpu0 1 1 1 1\ncpu1 1 1 1 1\ncpu2 1 1 1 1\n"
					 "cpu3 1 1 1 1\n");

	assert_int_equal(stat.n_cpus, 2);
	assert_int_equal(stat.n_skipped, 2);
	cpu_stat_deinit(&stat);
	stat = parsed(UINT32_MAX, "cpu0 1 1 1 1\n");
	assert_int_equal(stat.capacity, CPU_STAT_CPUS_MAX);
	cpu_stat_deinit(&stat);
}

static void test_cpu_stat_thousands_of_cpus_are_read(void **state)
{
	static char text[CPU_STAT_CPUS_MAX * 128];
	struct cpu_stat stat;
	size_t n = 0;

	for (unsigned int i = 0; i < CPU_STAT_CPUS_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      "cpu%u 1844674407370 2 3 1844674407370 5 6 7 8 9 10\n", i);
	assert_int_equal(cpu_stat_init(&stat, CPU_STAT_CPUS_MAX), 0);
	assert_int_equal(cpu_stat_parse(&stat, text, n, NULL), 0);
	assert_int_equal(stat.n_cpus, CPU_STAT_CPUS_MAX);
	assert_int_equal(stat.cpus[CPU_STAT_CPUS_MAX - 1].busy_ticks, 1844674407370 + 18);
	cpu_stat_deinit(&stat);
}

static void test_cpu_stat_text_without_cpus_is_refused_with_a_sentence(void **state)
{
	struct problem problem = { "" };
	struct cpu_stat stat;

	assert_int_equal(cpu_stat_init(&stat, 4), 0);
	assert_int_equal(cpu_stat_parse(&stat, "", 0, &problem), -EBADMSG);
	assert_non_null(strstr(problem.text, "no line of a CPU in 0 bytes"));
	assert_int_equal(cpu_stat_parse(&stat, NULL, 0, NULL), -EBADMSG);
	assert_int_equal(cpu_stat_parse(&stat, "cpu  1 2 3 4\nctxt 5\n", 20, &problem), -EBADMSG);
	assert_int_equal(stat.n_cpus, 0);
	cpu_stat_deinit(&stat);
}

static void test_cpu_stat_two_readings_give_the_share_without_stolen_time(void **state)
{
	struct cpu_load load;

	/* cpu0: 30 busy, 50 idle, 20 stolen; cpu1: 10 busy, 90 idle of which 40 iowait */
	assert_int_equal(compared("cpu0 100 0 0 1000 0 0 0 0\ncpu1 0 0 0 1000 0 0 0 0\nctxt 10\n",
				  "cpu0 110 10 5 1050 0 3 2 20\ncpu1 0 0 10 1050 40 0 0 0\n"
				  "ctxt 110\n",
				  S, &load),
			 0);
	assert_int_equal(load.busy_ticks, 40);
	assert_int_equal(load.total_ticks, 180);
	assert_int_equal(load.stolen_ticks, 20);
	assert_int_equal(load.n_cpus, 2);
	assert_int_equal(load.n_switches, 100);
	assert_true(fabs(load.utilization - 40.0 / 180) < 1e-12);
}

static void test_cpu_stat_iowait_that_turns_into_idle_is_no_step_back(void **state)
{
	struct cpu_load load;

	assert_int_equal(compared("cpu0 100 0 0 1000 500\n", "cpu0 150 0 0 1350 200\n", S, &load),
			 0);
	assert_int_equal(load.n_cpus_backwards, 0);
	assert_int_equal(load.total_ticks, 100);
	assert_true(load.utilization == 0.5);
}

static void test_cpu_stat_small_step_back_counts_as_none(void **state)
{
	struct cpu_load load;

	assert_int_equal(compared("cpu0 100 0 0 1000\n", "cpu0 200 0 0 995\n", S, &load), 0);
	assert_int_equal(load.n_cpus, 1);
	assert_int_equal(load.total_ticks, 100);
}

/* Linux before 6.8: idle starts again when a CPU comes back; and jumps where it was long off. */
static void test_cpu_stat_counters_of_a_replugged_cpu_are_left_out(void **state)
{
	struct cpu_load load;

	assert_int_equal(compared("cpu0 0 0 0 0\ncpu1 500 0 0 90000\n",
				  "cpu0 25 0 0 75\ncpu1 600 0 0 3\n", S, &load),
			 0);
	assert_int_equal(load.n_cpus_backwards, 1);
	assert_int_equal(load.n_cpus, 1);
	assert_true(load.utilization == 0.25);

	assert_int_equal(compared("cpu0 0 0 0 0\ncpu1 500 0 0 3\n",
				  "cpu0 25 0 0 75\ncpu1 600 0 0 90000\n", S, &load),
			 0);
	assert_int_equal(load.n_cpus_implausible, 1);
	assert_true(load.utilization == 0.25);
}

static void test_cpu_stat_cpus_that_come_and_go_are_not_compared(void **state)
{
	struct cpu_load load;

	assert_int_equal(compared("cpu0 0 0 0 0\ncpu1 7 0 0 7\ncpu5 0 0 0 0\ncpu6 1 1 1 1\n",
				  "cpu0 10 0 0 90\ncpu2 7 0 0 7\ncpu3 9 9 9 9\ncpu5 20 0 0 80\n", S,
				  &load),
			 0);
	assert_int_equal(load.n_cpus, 2);
	assert_int_equal(load.n_cpus_went, 2);
	assert_int_equal(load.n_cpus_came, 2);
	assert_true(load.utilization == 0.15);
}

static void test_cpu_stat_readings_that_say_nothing_leave_the_result_alone(void **state)
{
	struct cpu_load load = { .utilization = 7 };

	assert_int_equal(compared("cpu0 5 5 5 5\n", "cpu0 5 5 5 5\n", S, &load),
			 CPU_STAT_E_NO_EVIDENCE);
	assert_int_equal(compared("cpu0 5 5 5 5\n", "cpu1 5 5 5 95\n", S, &load),
			 CPU_STAT_E_NO_EVIDENCE);
	assert_int_equal(compared("cpu0 900 0 0 900\n", "cpu0 1 0 0 1\n", S, &load),
			 CPU_STAT_E_NO_EVIDENCE);
	assert_int_equal(compared("cpu0 0 0 0 0 0 0 0 0\n", "cpu0 0 0 0 0 0 0 0 90\n", S, &load),
			 CPU_STAT_E_NO_EVIDENCE);
	assert_true(load.utilization == 7);
}

static void test_cpu_stat_unknown_time_makes_nothing_implausible(void **state)
{
	struct cpu_load load;

	assert_int_equal(compared("cpu0 0 0 0 0\n", "cpu0 1000 0 0 3000\n", 0, &load), 0);
	assert_true(load.utilization == 0.25);
	/* a quarter above the clock and some ticks are the border */
	assert_int_equal(compared("cpu0 0 0 0 0\n", "cpu0 33 0 0 100\n", S, &load), 0);
	assert_int_equal(compared("cpu0 0 0 0 0\n", "cpu0 34 0 0 100\n", S, &load),
			 CPU_STAT_E_NO_EVIDENCE);
}

static void test_cpu_stat_switches_that_are_missing_or_go_back_are_none(void **state)
{
	struct cpu_load load;

	assert_int_equal(compared("cpu0 0 0 0 0\nctxt 50\n", "cpu0 1 0 0 9\nctxt 40\n", S, &load),
			 0);
	assert_int_equal(load.n_switches, 0);
	assert_int_equal(compared("cpu0 0 0 0 0\nctxt 50x\n", "cpu0 1 0 0 9\nctxt 90\n", S, &load),
			 0);
	assert_int_equal(load.n_switches, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cpu_stat_real_text_guest_and_iowait_in_their_places),
		cmocka_unit_test(test_cpu_stat_malformed_lines_are_counted_and_left_out),
		cmocka_unit_test(test_cpu_stat_more_cpus_than_room_are_counted),
		cmocka_unit_test(test_cpu_stat_thousands_of_cpus_are_read),
		cmocka_unit_test(test_cpu_stat_text_without_cpus_is_refused_with_a_sentence),
		cmocka_unit_test(test_cpu_stat_two_readings_give_the_share_without_stolen_time),
		cmocka_unit_test(test_cpu_stat_iowait_that_turns_into_idle_is_no_step_back),
		cmocka_unit_test(test_cpu_stat_small_step_back_counts_as_none),
		cmocka_unit_test(test_cpu_stat_counters_of_a_replugged_cpu_are_left_out),
		cmocka_unit_test(test_cpu_stat_cpus_that_come_and_go_are_not_compared),
		cmocka_unit_test(test_cpu_stat_readings_that_say_nothing_leave_the_result_alone),
		cmocka_unit_test(test_cpu_stat_unknown_time_makes_nothing_implausible),
		cmocka_unit_test(test_cpu_stat_switches_that_are_missing_or_go_back_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
