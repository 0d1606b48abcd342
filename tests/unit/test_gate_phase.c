/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "gate/phase.h"

#define S 1000000000ull
#define HOUR (3600 * S)

static uint64_t phase_of(unsigned int host, const char *purpose)
{
	char id[33];

	/* neighbours, as cloned machines have them */
	snprintf(id, sizeof(id), "4c6f72656d20697073756d%010x", host);
	return phase_of_host(id, strlen(id), purpose);
}

/*
 * From Python:
 *	hmac.new(id, bytes.fromhex("6b2e91d40fa34c589c17e572b83d60ca") + b"duty", "sha256")
 *		.hexdigest()[:16]
 */
static void test_phase_of_known_hosts_is_hmac_sha256(void **state)
{
	static const char long_id[] = "0123456789abcdef0123456789abcdef0123456789abcdef"
				      "0123456789abcdef0123456789abcdef";

	assert_true(phase_of_host("0123456789abcdef0123456789abcdef", 32, "duty") ==
		    0x60252584e6f78bf9);
	assert_true(phase_of_host("0123456789abcdef0123456789abcdef", 32, "rotation") ==
		    0x01a053bd3cf0c1b2);
	assert_true(phase_of_host(long_id, strlen(long_id), "duty") == 0x6c37c982d4d10678);
	assert_true(phase_of_host(NULL, 0, "duty") == 0x24bb86436e8db5fd);
}

/* Chi-squared over 64 slots, 63 degrees of freedom: above 120 with a chance of 2e-5. */
static void test_phase_of_a_fleet_is_spread_evenly(void **state)
{
	unsigned int slots[64] = { 0 };
	double chi = 0;

	for (unsigned int host = 0; host < 6400; host++)
		slots[phase_offset_ns(phase_of(host, "rotation"), 64)]++;
	for (int i = 0; i < 64; i++)
		chi += ((double)slots[i] - 100) * ((double)slots[i] - 100) / 100;
	assert_true(chi < 120);
}

static void test_phase_purposes_of_a_host_are_independent(void **state)
{
	unsigned int n_same = 0;

	for (unsigned int host = 0; host < 1000; host++)
		n_same += phase_offset_ns(phase_of(host, "rotation"), 10) ==
			  phase_offset_ns(phase_of(host, "duty"), 10);
	assert_in_range(n_same, 60, 140);
}

static void test_phase_offset_is_inside_of_every_cycle(void **state)
{
	static const uint64_t cycles[] = { 1, 2, 3, 60 * S, HOUR, UINT64_MAX };

	for (size_t i = 0; i < sizeof(cycles) / sizeof(cycles[0]); i++) {
		assert_true(phase_offset_ns(UINT64_MAX, cycles[i]) == cycles[i] - 1);
		assert_true(phase_offset_ns(0, cycles[i]) == 0);
	}
	assert_true(phase_offset_ns(UINT64_MAX, 0) == 0);
}

static void test_phase_next_is_always_ahead_and_on_the_offset(void **state)
{
	uint64_t offset = 1234 * S;
	uint64_t now = 0;

	assert_true(phase_next_ns(0, HOUR, offset) == offset);
	assert_true(phase_next_ns(offset - 1, HOUR, offset) == offset);
	assert_true(phase_next_ns(offset, HOUR, offset) == offset + HOUR);
	for (int i = 0; i < 100; i++) {
		uint64_t next = phase_next_ns(now, HOUR, offset);

		assert_true(next > now && next - now <= HOUR && next % HOUR == offset);
		now = next + (uint64_t)i * 37 * S;
	}
	assert_true(phase_next_ns(UINT64_MAX - 5, HOUR, offset) == UINT64_MAX);
	assert_true(phase_next_ns(5, 0, 0) == UINT64_MAX);
}

/* Walks from change to change, as a timer would, and looks at each millisecond, as none would. */
static void test_phase_duty_is_on_for_its_part_of_each_cycle(void **state)
{
	uint64_t cycle = 60, offset = 50, on = 15, on_total = 0;
	uint64_t change, previous = 0;

	for (uint64_t now = 0; now < 6000; now++) {
		bool is_on = phase_is_on(now, cycle, offset, on, &change);
		uint64_t ignored;

		on_total += is_on;
		assert_true(change > now && change >= previous);
		assert_true(phase_is_on(change, cycle, offset, on, &ignored) != is_on);
		assert_true(phase_is_on(change - 1, cycle, offset, on, &ignored) == is_on);
		previous = change;
	}
	assert_int_equal(on_total, 1500);
}

static void test_phase_duty_of_all_or_nothing_never_changes(void **state)
{
	uint64_t change = 0;

	assert_true(phase_is_on(123, 60, 7, 60, &change));
	assert_true(change == UINT64_MAX);
	assert_true(phase_is_on(123, 0, 0, 1, &change));
	assert_false(phase_is_on(123, 60, 7, 0, &change));
	assert_true(change == UINT64_MAX);
}

/* A step of the clock, both ways, leads to the state of the new time and to no long wait. */
static void test_phase_duty_follows_steps_of_the_clock(void **state)
{
	static const uint64_t times[] = { 1000 * HOUR, 7 * S, 1000 * HOUR + 59 * S, 0, UINT64_MAX };
	uint64_t change;

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		phase_is_on(times[i], 60 * S, 33 * S, 15 * S, &change);
		assert_true(change >= times[i] && change - times[i] <= 60 * S);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_phase_of_known_hosts_is_hmac_sha256),
		cmocka_unit_test(test_phase_of_a_fleet_is_spread_evenly),
		cmocka_unit_test(test_phase_purposes_of_a_host_are_independent),
		cmocka_unit_test(test_phase_offset_is_inside_of_every_cycle),
		cmocka_unit_test(test_phase_next_is_always_ahead_and_on_the_offset),
		cmocka_unit_test(test_phase_duty_is_on_for_its_part_of_each_cycle),
		cmocka_unit_test(test_phase_duty_of_all_or_nothing_never_changes),
		cmocka_unit_test(test_phase_duty_follows_steps_of_the_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
