/* SPDX-License-Identifier: Apache-2.0 */
/* A CPU whose numbers add up, and each way in which they then do not, one change at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "base/problem.h"
#include "collect/conservation.h"

#define PERIOD 500009ull

/* 1000 samples: 900 used, 60 rejected (10 empty), 5 unreadable, 30 without room, 5 lost earlier. */
static struct conservation sound(void)
{
	struct conservation c = {
		.ring = { .n_record_bytes = 960 * 800,
			  .n_records = 965 + 3,
			  .n_samples = 965,
			  .n_good_samples = 960,
			  .n_empty_samples = 10,
			  .n_malformed_samples = 4,
			  .n_too_deep_samples = 1,
			  .n_lost_records = 2,
			  .n_hw_lost_records = 1,
			  .n_entries = 950 * 32,
			  .n_lost = 32,
			  .n_hw_lost = 5 },
		.n_used = 900,
		.n_rejected = 60,
		.n_counted_entries = 900 * 32,
		.n_rejected_entries = 50 * 32,
		.n_lost_side = 2,
		.wall_ns = 20000000000,
		.is_settled = true,
	};
	const struct event_reading reading = {
		.count = 1000 * PERIOD + 17,
		.time_enabled_ns = 10000000000,
		.time_running_ns = 9000000000,
		.n_lost = 30,
	};

	conservation_add_reading(&c, &reading, &(struct sampling_span){ PERIOD, 1, 0 });
	return c;
}

static int check(const struct conservation *c, struct conservation_result *ret)
{
	struct problem problem = { "" };
	int r = conservation_check(c, ret, &problem);

	assert_int_equal(r != 0, problem.text[0] != '\0');
	return r;
}

static void test_conservation_sound_numbers_hold(void **state)
{
	const struct conservation c = sound();
	struct conservation_result result;

	(void)state;
	assert_int_equal(check(&c, &result), 0);
	assert_int_equal(result.n_taken, 1000);
	assert_int_equal(result.n_used, 900);
	assert_int_equal(result.n_rejected, 65);
	assert_int_equal(result.n_lost, 35);
	assert_false(result.is_lower_bound);
}

/* Adds delta to the u64 at offset. */
static const struct {
	const char *what;
	size_t offset;
	int64_t delta;
	int result;
} changes[] = {
#define FIELD(name) #name, offsetof(struct conservation, name)
	{ FIELD(n_used), 1, CONSERVATION_E_BROKEN },
	{ FIELD(n_used), -1, CONSERVATION_E_BROKEN },
	{ FIELD(n_rejected), 1, CONSERVATION_E_BROKEN },
	{ FIELD(n_counted_entries), 1, CONSERVATION_E_BROKEN },
	{ FIELD(n_rejected_entries), -1, CONSERVATION_E_BROKEN },
	{ FIELD(ring.n_records), 1, CONSERVATION_E_BROKEN },
	{ FIELD(ring.n_samples), 1, CONSERVATION_E_BROKEN },
	{ FIELD(ring.n_good_samples), -1, CONSERVATION_E_BROKEN },
	{ FIELD(ring.n_unknown[7]), 1, CONSERVATION_E_BROKEN },
	{ FIELD(ring.n_empty_samples), 951, CONSERVATION_E_BROKEN },
	{ FIELD(ring.n_empty_samples), 1, 0 },
	{ FIELD(ring.n_lost), 1, CONSERVATION_E_BROKEN },
	{ FIELD(ring.n_lost), -1, CONSERVATION_E_BROKEN },
	{ FIELD(n_lost_read), 1, CONSERVATION_E_BROKEN },
	{ FIELD(n_lost_side), -1, CONSERVATION_E_BROKEN },
	{ FIELD(time_running_ns), 1000000000, 0 },
	{ FIELD(time_running_ns), 1000000001, CONSERVATION_E_BROKEN },
	{ FIELD(time_enabled_ns), 10000000000, 0 },
	{ FIELD(time_enabled_ns), 10000000001, CONSERVATION_E_BROKEN },
	/* 1 % and 2 */
	{ FIELD(ring.n_hw_lost), 12, 0 },
	{ FIELD(ring.n_hw_lost), 13, CONSERVATION_E_BROKEN },
	{ FIELD(n_expected_min), 12, 0 },
	{ FIELD(n_expected_min), 13, CONSERVATION_E_BROKEN },
#undef FIELD
};

static void test_conservation_each_equation_is_checked(void **state)
{
	struct conservation_result result;

	(void)state;
	for (size_t i = 0; i < array_size(changes); i++) {
		struct conservation c = sound();
		uint64_t *field = (uint64_t *)((char *)&c + changes[i].offset);

		*field += (uint64_t)changes[i].delta;
		if (check(&c, &result) != changes[i].result)
			fail_msg("%s %+lld", changes[i].what, (long long)changes[i].delta);
	}
}

static void test_conservation_untold_loss_is_allowed_until_settled(void **state)
{
	struct conservation c = sound();
	struct conservation_result result;

	(void)state;
	c.ring.n_lost -= 5;
	assert_int_equal(check(&c, &result), CONSERVATION_E_BROKEN);
	c.is_settled = false;
	assert_int_equal(check(&c, &result), 0);
	assert_int_equal(result.n_taken, 1000);
	/* but not more than was lost */
	c.ring.n_lost += 6;
	assert_int_equal(check(&c, &result), CONSERVATION_E_BROKEN);
}

static void test_conservation_older_kernel_gives_a_lower_bound(void **state)
{
	struct conservation c = sound();
	struct conservation_result result;

	(void)state;
	c.is_loss_inexact = true;
	c.n_lost_read = c.n_lost_side = 0;
	c.ring.n_lost = 3;
	assert_int_equal(check(&c, &result), 0);
	assert_int_equal(result.n_lost, 8);
	assert_true(result.is_lower_bound);
}

static void test_conservation_bytes_given_up_make_a_lower_bound(void **state)
{
	struct conservation c = sound();
	struct conservation_result result;

	(void)state;
	c.ring.n_given_up_bytes = 80000;
	c.n_expected_min += 100;
	c.n_expected_max += 100;
	c.ring.n_lost -= 1;
	assert_int_equal(check(&c, &result), 0);
	assert_true(result.is_lower_bound);
	/* but not an upper one */
	c.n_expected_max = 999;
	assert_int_equal(check(&c, &result), CONSERVATION_E_BROKEN);
}

static void test_conservation_skid_lengthens_the_period(void **state)
{
	struct conservation c = {
		.ring = { .n_records = 90, .n_samples = 90, .n_good_samples = 90 },
		.n_used = 90,
		.wall_ns = 1
	};
	const struct event_reading reading = { .count = 100 * 1000 };
	struct conservation_result result;
	struct conservation with_skid = c;

	(void)state;
	conservation_add_reading(&c, &reading, &(struct sampling_span){ 1000, 1, 0 });
	assert_int_equal(check(&c, &result), CONSERVATION_E_BROKEN);
	conservation_add_reading(&with_skid, &reading, &(struct sampling_span){ 1000, 1, 100 });
	assert_int_equal(check(&with_skid, &result), 0);
}

static void test_conservation_machine_is_the_sum_of_its_cpus(void **state)
{
	struct conservation machine = sound(), one = sound();
	struct conservation_result result;

	(void)state;
	conservation_add(&machine, &one);
	assert_int_equal(check(&machine, &result), 0);
	assert_int_equal(result.n_taken, 2000);
	assert_true(machine.is_settled);
	one.is_settled = false;
	one.is_loss_inexact = true;
	conservation_add(&machine, &one);
	assert_false(machine.is_settled);
	assert_true(machine.is_loss_inexact);
	assert_int_equal(machine.wall_ns, 3 * one.wall_ns);
}

static void test_conservation_numbers_at_their_limit_do_not_wrap(void **state)
{
	struct conservation c = { .wall_ns = UINT64_MAX, .n_expected_max = UINT64_MAX - 5 };
	const struct event_reading reading = { .count = UINT64_MAX };
	struct conservation_result result;

	(void)state;
	conservation_add_reading(&c, &reading, &(struct sampling_span){ 1, 0, UINT64_MAX });
	assert_int_equal(c.n_expected_max, UINT64_MAX);
	assert_int_equal(c.n_expected_min, 1);
	assert_int_equal(check(&c, &result), CONSERVATION_E_BROKEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conservation_sound_numbers_hold),
		cmocka_unit_test(test_conservation_each_equation_is_checked),
		cmocka_unit_test(test_conservation_untold_loss_is_allowed_until_settled),
		cmocka_unit_test(test_conservation_older_kernel_gives_a_lower_bound),
		cmocka_unit_test(test_conservation_bytes_given_up_make_a_lower_bound),
		cmocka_unit_test(test_conservation_skid_lengthens_the_period),
		cmocka_unit_test(test_conservation_machine_is_the_sum_of_its_cpus),
		cmocka_unit_test(test_conservation_numbers_at_their_limit_do_not_wrap),
	};

	return cmocka_run_group_tests_name("collect/conservation", tests, NULL, NULL);
}
