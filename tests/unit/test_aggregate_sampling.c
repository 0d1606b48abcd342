/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From CPUs to counters, on a kernel that knows what it took: the sampler on virtual CPUs, with
 * loss, throttling, CPUs that go and come, another period, pauses. Whatever happens, every sample
 * that the kernel took is in one place, and what is in the counters is what it wrote.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "aggregate/counters.h"
#include "base/hash.h"
#include "base/problem.h"
#include "collect/record.h"
#include "collect/sampler.h"
#include "collect/virtual_cpus.h"

#define N_CPUS 6u
#define PERIOD 1009u
#define WINDOW_IP 0xffffffff01000000ull
#define TEXT_IP (WINDOW_IP + 0x80000000ull)
#define DEPTH 8u

struct fixture {
	uint64_t now_ns, rng;
	struct virtual_cpus *cpus;
	struct sampler_source source;
	struct sampler_event event;
	struct sampler *sampler;
	struct sampler_sink sink;
	struct counters *counters;
	/* what the kernel did */
	uint64_t n_written, n_lost, n_hw_lost, n_branches_written;
	uint64_t kept_weight; /* of the entries in the written samples that are in the kernel */
};

static uint64_t read_clock(void *context)
{
	return ((struct fixture *)context)->now_ns;
}

static uint64_t random_below(struct fixture *f, uint64_t n)
{
	return hash_u64(f->rng++) % n;
}

static uint8_t classify(void *context, uint32_t from_off, uint32_t to_off)
{
	return (from_off ? FROM_GOOD : 0) | (to_off ? TO_GOOD : 0);
}

static struct sampler_verdict take(void *context, const struct sampler_sample *sample)
{
	struct fixture *f = context;
	const struct record_sample *record = sample->record;
	uint64_t n_kept = counters_totals(f->counters)->n_kept;
	struct sampler_verdict verdict = { .use = SAMPLER_USED };

	counters_add_stack(f->counters, WINDOW_IP, record->entries, record->n_entries,
			   record->period);
	verdict.n_counted = (uint32_t)(counters_totals(f->counters)->n_kept - n_kept);
	if (record->n_entries == 0)
		verdict.use = SAMPLER_REJECTED_EMPTY;
	else if (verdict.n_counted == 0)
		verdict.use = SAMPLER_REJECTED_VOID;
	return verdict;
}

static void make_sampler(struct fixture *f, size_t n_ring_pages)
{
	struct sampler_config config = {
		.source = &f->source,
		.events = &f->event,
		.n_events = 1,
		.n_cpus = N_CPUS,
		.n_ring_pages = n_ring_pages,
		.n_ring_pages_min = 1,
		.facts = {
			.mlock_kib = 516,
			.has_ipc_lock = true,
			.n_fds_limit = 1024,
			.memlock_bytes = UINT64_MAX,
			.page_bytes = (uint64_t)sysconf(_SC_PAGESIZE),
			.n_online = N_CPUS,
		},
	};
	struct problem problem = { "" };

	for (unsigned int i = 0; i < N_CPUS; i++)
		cpus_add(&config.wanted, i);
	f->event = (struct sampler_event){
		.form = { .attr = virtual_cpus_attr(PERIOD) },
		.cpus = config.wanted,
		.mode = EVENT_MODE_BRANCH,
		.n_depth = DEPTH,
	};
	if (sampler_new(&config, &f->sampler, &problem) != 0)
		fail_msg("%s", problem.text);
}

static void look_at_cpus(struct fixture *f)
{
	struct cpus online = virtual_cpus_online(f->cpus);
	struct sampler_change change;
	struct problem problem = { "" };

	if (sampler_set_online(f->sampler, &online, f->now_ns, &f->sink, &change, &problem) != 0)
		fail_msg("%s", problem.text);
}

static void set_up(struct fixture *f, size_t n_ring_pages)
{
	const struct perf_event_attr attr = virtual_cpus_attr(PERIOD);
	const struct virtual_cpus_config kernel = {
		.n_cpus = N_CPUS,
		.attrs = &attr,
		.n_events = 1,
		.now_ns = read_clock,
		.context = f,
	};
	const struct counters_config counters = {
		.n_edge_slots = 1u << 14,
		.n_range_slots = 1u << 16,
		.chain = CHAIN_CUT,
		.classify = classify,
	};
	struct problem problem = { "" };

	*f = (struct fixture){ .now_ns = 1000000000, .rng = 7 };
	f->sink = (struct sampler_sink){ .context = f, .take = take };
	assert_int_equal(virtual_cpus_new(&kernel, &f->cpus), 0);
	f->source = virtual_cpus_source(f->cpus);
	assert_int_equal(counters_new(&counters, &f->counters), 0);
	make_sampler(f, n_ring_pages);
	look_at_cpus(f);
	assert_int_equal(sampler_enable(f->sampler, f->now_ns, &problem), 0);
}

static void tear_down(struct fixture *f)
{
	struct virtual_cpus_stats stats;
	const char *what;

	assert_int_equal(counters_check(f->counters, &what), 0);
	sampler_free(f->sampler);
	virtual_cpus_stats(f->cpus, &stats);
	assert_int_equal(stats.n_open, 0);
	assert_int_equal(stats.n_opens, stats.n_closes);
	virtual_cpus_free(f->cpus);
	counters_free(f->counters);
}

/* A CPU runs to a stack of up to DEPTH branches, some of them in user space, some samples empty. */
static enum virtual_put run(struct fixture *f, unsigned int cpu, uint64_t period)
{
	struct branch_entry entries[DEPTH];
	struct virtual_stack stack = {
		.ip = TEXT_IP,
		.time_ns = f->now_ns,
		.n_branches = UINT64_MAX,
		.entries = entries,
		.n_entries = (uint32_t)random_below(f, DEPTH + 1),
		.misc = PERF_RECORD_MISC_KERNEL,
	};
	uint64_t n_kernel = 0;
	enum virtual_put result;

	for (uint32_t i = 0; i < stack.n_entries; i++) {
		bool is_user = random_below(f, 5) == 0;
		uint64_t from = TEXT_IP + 16 * random_below(f, 500);

		entries[i] = (struct branch_entry){ is_user ? 0x400000 : from,
						    is_user ? 0x401000 : from + 0x10008, 0 };
		n_kernel += !is_user;
	}
	result = virtual_cpus_put(f->cpus, cpu, &stack);
	f->n_written += result == VIRTUAL_WRITTEN;
	f->n_lost += result == VIRTUAL_LOST;
	if (result == VIRTUAL_WRITTEN)
		f->kept_weight += n_kernel * period;
	return result;
}

static struct conservation_result read_books(struct fixture *f)
{
	struct problem problem = { "" };
	struct conservation_result result = { 0 };

	if (sampler_read(f->sampler, f->now_ns, &f->sink, &problem) != 0 ||
	    sampler_conservation(f->sampler, SAMPLER_ALL_CPUS, NULL, &result, &problem) != 0)
		fail_msg("%s", problem.text);
	return result;
}

/* The books agree with what the kernel did. */
static void assert_conserved(struct fixture *f)
{
	struct conservation_result result = read_books(f);
	struct sampler_figures figures;

	sampler_figures(f->sampler, &figures);
	assert_int_equal(result.n_used + result.n_rejected, f->n_written);
	assert_int_equal(result.n_lost, f->n_lost + f->n_hw_lost);
	assert_int_equal(result.n_taken, f->n_written + f->n_lost + f->n_hw_lost);
	assert_false(result.is_lower_bound);
	assert_int_equal(figures.n_samples, f->n_written);
	assert_int_equal(counters_totals(f->counters)->n_stacks, f->n_written);
	assert_int_equal(counters_totals(f->counters)->kept_weight, f->kept_weight);
}

static void drain(struct fixture *f, unsigned int cpu)
{
	while (sampler_drain_cpu(f->sampler, cpu, 1000, &f->sink))
		;
}

static void test_sampling_without_loss_counts_what_was_put(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f, 16);
	for (unsigned int i = 0; i < 20000; i++) {
		unsigned int cpu = (unsigned int)random_below(&f, N_CPUS);

		assert_int_equal(run(&f, cpu, PERIOD), VIRTUAL_WRITTEN);
		f.now_ns += 1000000;
		if (i % 100 == 0)
			assert_false(sampler_sweep(f.sampler, UINT64_MAX, &f.sink));
	}
	assert_int_equal(f.n_lost, 0);
	assert_conserved(&f);
	tear_down(&f);
}

static void test_sampling_with_loss_in_full_rings_is_conserved(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f, 1);
	for (unsigned int i = 0; i < 50000; i++) {
		run(&f, (unsigned int)random_below(&f, N_CPUS), PERIOD);
		f.now_ns += 1000000;
		if (random_below(&f, 200) == 0)
			drain(&f, (unsigned int)random_below(&f, N_CPUS));
		if (i % 5000 == 0)
			assert_conserved(&f);
	}
	assert_in_range(f.n_lost, 1000, 49000);
	assert_conserved(&f);
	tear_down(&f);
}

static void test_sampling_another_period_weighs_what_came_before_as_before(void **state)
{
	struct problem problem = { "" };
	uint64_t period = PERIOD;
	struct fixture f;

	(void)state;
	set_up(&f, 4);
	for (unsigned int i = 0; i < 30000; i++) {
		run(&f, (unsigned int)random_below(&f, N_CPUS), period);
		f.now_ns += 1000000;
		if (random_below(&f, 300) == 0) {
			period = 1 + random_below(&f, 100000);
			assert_int_equal(
				sampler_set_period(f.sampler, period, f.now_ns, &f.sink, &problem),
				0);
		}
		if (random_below(&f, 100) == 0)
			assert_false(sampler_sweep(f.sampler, UINT64_MAX, &f.sink));
	}
	assert_conserved(&f);
	tear_down(&f);
}

/* One thing that happens to a machine, or none. */
static void happen(struct fixture *f, uint64_t *period, bool *is_enabled, bool *is_throttled)
{
	unsigned int cpu = (unsigned int)random_below(f, N_CPUS);
	struct problem problem = { "" };
	struct cpus online;
	uint64_t n;
	int r = 0;

	switch (random_below(f, 12)) {
	case 0: /* seen at once, or only later */
	case 1:
		online = virtual_cpus_online(f->cpus);
		virtual_cpus_set_online(f->cpus, cpu, !cpus_has(&online, cpu));
		break;
	case 2:
		look_at_cpus(f);
		break;
	case 3:
		n = random_below(f, 50);
		if (virtual_cpus_is_on(f->cpus, cpu))
			f->n_lost += n;
		virtual_cpus_lose(f->cpus, cpu, n);
		break;
	case 4:
		n = random_below(f, 50);
		/* the record is told as one that was lost if it finds no room itself */
		if (virtual_cpus_lose_in_hardware(f->cpus, cpu, n, f->now_ns))
			f->n_hw_lost += n;
		else if (virtual_cpus_is_on(f->cpus, cpu))
			f->n_lost++;
		break;
	case 5:
		is_throttled[cpu] = !is_throttled[cpu];
		/* a record that finds no room is not a sample, but counts as one that was lost */
		drain(f, cpu);
		virtual_cpus_throttle(f->cpus, cpu, is_throttled[cpu], f->now_ns);
		break;
	case 6:
		*is_enabled = !*is_enabled;
		r = *is_enabled ? sampler_enable(f->sampler, f->now_ns, &problem)
				: sampler_disable(f->sampler, &problem);
		break;
	case 7:
		*period = 1 + random_below(f, 100000);
		r = sampler_set_period(f->sampler, *period, f->now_ns, &f->sink, &problem);
		break;
	case 8:
		virtual_cpus_share(f->cpus, cpu, (unsigned int)random_below(f, 1001));
		break;
	default:
		drain(f, cpu);
		break;
	}
	if (r != 0)
		fail_msg("%s", problem.text);
}

static void test_sampling_is_conserved_whatever_happens(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		bool is_enabled = true, is_throttled[N_CPUS] = { false };
		uint64_t period = PERIOD;
		struct fixture f;

		set_up(&f, seed % 2 ? 1 : 4);
		f.rng = seed << 40;
		for (unsigned int i = 0; i < 20000; i++) {
			run(&f, (unsigned int)random_below(&f, N_CPUS), period);
			f.now_ns += 1000000;
			if (random_below(&f, 100) == 0)
				happen(&f, &period, &is_enabled, is_throttled);
			if (random_below(&f, 2000) == 0)
				assert_conserved(&f);
		}
		look_at_cpus(&f);
		assert_conserved(&f);
		assert_in_range(f.n_written, 100, 20000);
		tear_down(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sampling_without_loss_counts_what_was_put),
		cmocka_unit_test(test_sampling_with_loss_in_full_rings_is_conserved),
		cmocka_unit_test(test_sampling_another_period_weighs_what_came_before_as_before),
		cmocka_unit_test(test_sampling_is_conserved_whatever_happens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
