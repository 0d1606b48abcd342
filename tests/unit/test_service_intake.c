/* SPDX-License-Identifier: Apache-2.0 */
#include "service/intake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "collect/branch.h"
#include "collect/record.h"

#define TEXT_IP 0xffffffff81000000ull
#define USER_IP 0x00007f0012345678ull
#define MODULE_IP 0xffffffffc0001000ull
#define IDLE_IP (TEXT_IP + 0x5000)

static const struct ip_range idle[] = { { IDLE_IP, IDLE_IP + 0x100 } };

struct fixture {
	struct intake intake;
	struct tally_config config;
	struct budget budget;
};

static struct fixture *setup_with(size_t n_slots)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct problem problem = { "" };

	f->intake = (struct intake){
		.text = { .text_ip = TEXT_IP, .stext_ip = TEXT_IP, .etext_ip = TEXT_IP + 0x100000 },
		.idle = idle,
		.n_idle = 1,
		.weight = 1,
	};
	f->config = (struct tally_config){
		.counters = { .n_edge_slots = n_slots,
			      .n_range_slots = n_slots,
			      .chain = CHAIN_CUT,
			      .classify = intake_classify,
			      .context = &f->intake.text },
	};
	assert_int_equal(tally_new(&f->config, &f->intake.tally, &problem), 0);
	return f;
}

static int setup(void **state)
{
	*state = setup_with(1024);
	return 0;
}

static int setup_small(void **state)
{
	*state = setup_with(N_SLOTS_MIN);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	tally_free(f->intake.tally);
	free(f);
	return 0;
}

static struct sampler_verdict take(struct fixture *f, enum event_mode mode, uint64_t ip,
				   uint64_t period, const struct branch_entry *entries, uint32_t n)
{
	const struct record_sample record = {
		.ip = ip, .period = period, .entries = entries, .n_entries = n
	};
	const struct sampler_sample sample = { .mode = mode, .record = &record };

	return intake_take(&f->intake, &sample);
}

static struct sampler_verdict take_branches(struct fixture *f, const struct branch_entry *entries,
					    uint32_t n)
{
	return take(f, EVENT_MODE_BRANCH, TEXT_IP, 0, entries, n);
}

static const struct counters_totals *totals(struct fixture *f)
{
	return counters_totals(tally_live(f->intake.tally));
}

/* tests */

static void test_intake_kernel_stack_is_used_with_all_its_entries(void **state)
{
	struct fixture *f = *state;
	const struct branch_entry entries[] = {
		{ TEXT_IP + 0x120, TEXT_IP + 0x200, 0 },
		{ TEXT_IP + 0x50, TEXT_IP + 0x100, 0 },
	};
	struct sampler_verdict v = take_branches(f, entries, 2);

	assert_int_equal(v.use, SAMPLER_USED);
	assert_int_equal(v.n_counted, 2);
	assert_int_equal(totals(f)->n_pairs, 1);
	assert_int_equal(f->intake.weight_sum, 1);
}

static void test_intake_empty_stack_is_rejected(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(take_branches(f, NULL, 0).use, SAMPLER_REJECTED_EMPTY);
	assert_int_equal(totals(f)->n_stacks, 0);
	assert_int_equal(f->intake.weight_sum, 0);
}

/* The newest target says where the CPU is; its ip comes late. */
static void test_intake_idle_is_where_the_last_branch_led(void **state)
{
	struct fixture *f = *state;
	const struct branch_entry into[] = { { TEXT_IP + 0x120, IDLE_IP + 0x10, 0 } };
	const struct branch_entry out_of[] = { { IDLE_IP + 0x10, TEXT_IP + 0x120, 0 } };

	assert_int_equal(take_branches(f, into, 1).use, SAMPLER_REJECTED_IDLE);
	assert_int_equal(take_branches(f, out_of, 1).use, SAMPLER_USED);
	assert_int_equal(take(f, EVENT_MODE_BRANCH, IDLE_IP, 0, out_of, 1).use, SAMPLER_USED);
	f->intake.n_idle = 0;
	assert_int_equal(take_branches(f, into, 1).use, SAMPLER_USED);
}

static void test_intake_user_and_module_addresses_are_external(void **state)
{
	struct fixture *f = *state;
	const struct branch_entry entry[] = { { USER_IP, TEXT_IP + 0x200, 0 } };
	const struct branch_entry both[] = { { USER_IP, MODULE_IP, 0 } };

	assert_int_equal(take_branches(f, entry, 1).use, SAMPLER_USED);
	assert_int_equal(take_branches(f, both, 1).use, SAMPLER_REJECTED_VOID);
	assert_int_equal(totals(f)->n_removed[REMOVED_EXTERNAL], 1);
}

static void test_intake_text_ends_before_its_end_address(void **state)
{
	struct fixture *f = *state;
	const struct branch_entry last[] = { { USER_IP, f->intake.text.etext_ip - 1, 0 } };
	const struct branch_entry behind[] = { { USER_IP, f->intake.text.etext_ip, 0 } };

	assert_int_equal(take_branches(f, last, 1).use, SAMPLER_USED);
	assert_int_equal(take_branches(f, behind, 1).use, SAMPLER_REJECTED_VOID);
}

static void test_intake_full_table_is_told_from_useless_samples(void **state)
{
	struct fixture *f = *state;
	unsigned int n_uses[N_SAMPLER_USES] = { 0 };

	for (unsigned int i = 0; i < 4 * N_SLOTS_MIN; i++) {
		const struct branch_entry entry[] = { { TEXT_IP + 4 * i, TEXT_IP + 0x8000, 0 } };

		n_uses[take_branches(f, entry, 1).use]++;
	}
	assert_true(n_uses[SAMPLER_USED] > 0 && n_uses[SAMPLER_REJECTED_FULL] > 0);
	assert_int_equal(n_uses[SAMPLER_USED] + n_uses[SAMPLER_REJECTED_FULL], 4 * N_SLOTS_MIN);
}

static void test_intake_ip_counts_one_instruction(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(take(f, EVENT_MODE_IP, TEXT_IP + 0x10, 0, NULL, 0).use, SAMPLER_USED);
	assert_int_equal(take(f, EVENT_MODE_IP, MODULE_IP, 0, NULL, 0).use,
			 SAMPLER_REJECTED_OUTSIDE);
	assert_int_equal(take(f, EVENT_MODE_IP, IDLE_IP, 0, NULL, 0).use, SAMPLER_REJECTED_IDLE);
	assert_int_equal(totals(f)->n_ips, 1);
	assert_int_equal(totals(f)->pairs_weight, 1);
}

/* A sample that says its period weighs by that, whatever holds by now. */
static void test_intake_weight_is_that_of_the_samples_own_period(void **state)
{
	struct fixture *f = *state;
	struct budget_options options = BUDGET_OPTIONS_DEFAULT;
	const struct branch_entry entry[] = { { USER_IP, TEXT_IP + 0x200, 0 } };
	struct problem problem = { "" };
	uint64_t period;

	assert_int_equal(budget_init(&f->budget, &options, &problem), 0);
	f->intake.budget = &f->budget;
	f->intake.weight = 7;
	period = f->budget.rungs[4].period;
	assert_true(budget_weight_of(&f->budget, period) > 1);
	assert_int_equal(take(f, EVENT_MODE_BRANCH, 0, period, entry, 1).use, SAMPLER_USED);
	assert_int_equal(totals(f)->kept_weight, budget_weight_of(&f->budget, period));
	/* one that does not say it, or an impossible one, has what holds */
	assert_int_equal(take(f, EVENT_MODE_BRANCH, 0, 0, entry, 1).use, SAMPLER_USED);
	assert_int_equal(take(f, EVENT_MODE_BRANCH, 0, 12345, entry, 1).use, SAMPLER_USED);
	assert_int_equal(totals(f)->kept_weight, budget_weight_of(&f->budget, period) + 14);
	assert_int_equal(f->intake.weight_sum, totals(f)->kept_weight);
	assert_int_equal(
		f->intake.weight_squares_sum,
		budget_weight_of(&f->budget, period) * budget_weight_of(&f->budget, period) + 98);
}

int main(void)
{
#define INTAKE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		INTAKE_TEST(test_intake_kernel_stack_is_used_with_all_its_entries),
		INTAKE_TEST(test_intake_empty_stack_is_rejected),
		INTAKE_TEST(test_intake_idle_is_where_the_last_branch_led),
		INTAKE_TEST(test_intake_user_and_module_addresses_are_external),
		INTAKE_TEST(test_intake_text_ends_before_its_end_address),
		cmocka_unit_test_setup_teardown(test_intake_full_table_is_told_from_useless_samples,
						setup_small, teardown),
		INTAKE_TEST(test_intake_ip_counts_one_instruction),
		INTAKE_TEST(test_intake_weight_is_that_of_the_samples_own_period),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
