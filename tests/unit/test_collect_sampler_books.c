/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel took is used, rejected or lost, whatever happens, and it shows if it is not. */
#include "sampler_example.h"

#define RING_SAMPLES (PAGES * 4096 / 112) /* of three entries */

/* A world with CPUs 0 and 1 sampling. */
static void begin(struct world *w, uint64_t period)
{
	world_init(w, period);
	world_start(w);
	assert_int_equal(world_online(w, "0-1", NULL, NULL), 0);
	assert_int_equal(sampler_enable(w->sampler, w->now_ns, NULL), 0);
}

static void pass(struct world *w, uint64_t n_seconds)
{
	w->now_ns += n_seconds * SECOND_NS;
	world_read(w);
}

static void assert_broken(const struct world *w, unsigned int cpu, const char *what)
{
	struct problem problem = { "" };

	assert_int_equal(sampler_conservation(w->sampler, cpu, NULL, NULL, &problem),
			 CONSERVATION_E_BROKEN);
	if (!strstr(problem.text, what))
		fail_msg("\"%s\" has no \"%s\"", problem.text, what);
}

static void assert_all_accounted(const struct world *w)
{
	struct conservation_result result = world_result(w, NULL);

	assert_int_equal(result.n_taken, w->n_written + w->n_lost);
	assert_int_equal(result.n_lost, w->n_lost);
}

static void test_sampler_books_count_each_use(void **state)
{
	struct sampler_figures figures;
	struct conservation sums;
	struct world w;

	(void)state;
	begin(&w, PERIOD);
	for (int use = 0; use < N_SAMPLER_USES; use++) {
		w.use = (enum sampler_use)use;
		world_put(&w, 0, 10 + (unsigned int)use);
		assert_false(sampler_drain_cpu(w.sampler, 0, UINT64_MAX, &w.sink));
		assert_int_equal(world_cpu(&w, 0).n_uses[use], 10 + use);
	}
	pass(&w, 1);
	assert_int_equal(world_result(&w, &sums).n_taken, w.n_written);
	assert_int_equal(sums.n_used, 10);
	assert_int_equal(sums.n_rejected, w.n_written - 10);
	assert_int_equal(sums.n_counted_entries, 30);
	assert_int_equal(sums.n_rejected_entries, 3 * (w.n_written - 10));
	sampler_figures(w.sampler, &figures);
	assert_int_equal(figures.n_uses[SAMPLER_REJECTED_VOID], 10 + SAMPLER_REJECTED_VOID);
	assert_int_equal(figures.n_samples, w.n_written);
	world_deinit(&w);
}

static void test_sampler_books_balance_with_loss(void **state)
{
	struct conservation sums;
	struct world w;

	(void)state;
	begin(&w, PERIOD);
	world_put(&w, 0, RING_SAMPLES + 50);
	assert_true(w.n_lost >= 50);
	/* the LOST record comes with what follows: until then, nobody can say that all was told */
	pass(&w, 1);
	assert_all_accounted(&w);
	(void)world_result(&w, &sums);
	assert_false(sums.is_settled);
	assert_int_equal(sums.ring.n_lost, 0);
	world_put(&w, 0, 1);
	pass(&w, 1);
	assert_all_accounted(&w);
	(void)world_result(&w, &sums);
	assert_true(sums.is_settled);
	assert_int_equal(sums.ring.n_lost, w.n_lost);
	assert_int_equal(world_cpu(&w, 0).n_lost, w.n_lost);
	/* a CPU that goes before the loss was told leaves the question open, for good */
	world_put(&w, 1, RING_SAMPLES + 50);
	assert_int_equal(world_online(&w, "0", NULL, NULL), 0);
	assert_all_accounted(&w);
	(void)world_result(&w, &sums);
	assert_false(sums.is_settled);
	world_deinit(&w);
}

static void test_sampler_books_balance_with_loss_in_hardware(void **state)
{
	struct world w;

	(void)state;
	begin(&w, PERIOD);
	world_put(&w, 0, 1000 / 8);
	assert_true(virtual_cpus_lose_in_hardware(w.cpus, 0, 1, w.now_ns));
	pass(&w, 1);
	assert_int_equal(world_result(&w, NULL).n_lost, 1);
	assert_int_equal(world_cpu(&w, 0).n_lost, 1);
	world_deinit(&w);
}

static void test_sampler_books_balance_with_throttling_and_turns(void **state)
{
	struct sampler_figures figures;
	struct sampler_cpu one;
	struct world w;

	(void)state;
	begin(&w, PERIOD);
	world_put(&w, 0, 20);
	assert_true(virtual_cpus_throttle(w.cpus, 0, true, w.now_ns));
	world_put(&w, 0, 20);
	assert_true(virtual_cpus_throttle(w.cpus, 0, false, w.now_ns));
	world_put(&w, 0, 20);
	virtual_cpus_share(w.cpus, 1, 250);
	pass(&w, 4);
	assert_int_equal(w.n_taken[0], 40);
	assert_all_accounted(&w);
	one = world_cpu(&w, 0);
	assert_int_equal(one.n_throttles, 1);
	assert_int_equal(one.time_running_ns, 4 * SECOND_NS);
	one = world_cpu(&w, 1);
	assert_int_equal(one.time_enabled_ns, 4 * SECOND_NS);
	assert_int_equal(one.time_running_ns, SECOND_NS);
	sampler_figures(w.sampler, &figures);
	assert_int_equal(figures.n_throttles, 1);
	world_deinit(&w);
}

/* 1 %, and two samples for each time that the counter starts anew */
static void test_sampler_books_allow_for_each_start(void **state)
{
	struct conservation sums;
	struct world w;

	(void)state;
	begin(&w, PERIOD);
	assert_int_equal(sampler_enable(w.sampler, w.now_ns, NULL), 0); /* it is already */
	world_put(&w, 0, 20);
	assert_true(virtual_cpus_throttle(w.cpus, 0, true, w.now_ns));
	assert_true(virtual_cpus_throttle(w.cpus, 0, false, w.now_ns));
	pass(&w, 1);
	assert_int_equal(sampler_conservation(w.sampler, 0, &sums, NULL, NULL), 0);
	assert_int_equal(sums.n_expected_max, 20 + 2 + 2);
	assert_int_equal(sums.n_expected_min, 20 - 2 - 2);
	assert_int_equal(sampler_set_period(w.sampler, 2 * PERIOD, w.now_ns, &w.sink, NULL), 0);
	world_put(&w, 0, 20);
	assert_int_equal(sampler_disable(w.sampler, NULL), 0);
	assert_int_equal(sampler_enable(w.sampler, w.now_ns, NULL), 0);
	pass(&w, 1);
	assert_int_equal(sampler_conservation(w.sampler, 0, &sums, NULL, NULL), 0);
	assert_int_equal(sums.n_expected_max, 24 + 20 + 2 + 2);
	world_deinit(&w);
}

static void test_sampler_books_balance_across_the_gate(void **state)
{
	struct world w;

	(void)state;
	begin(&w, PERIOD);
	for (int i = 0; i < 50; i++) {
		world_put(&w, 0, 10);
		w.now_ns += SECOND_NS;
		assert_int_equal(sampler_disable(w.sampler, NULL), 0);
		world_put(&w, 0, 10);
		w.now_ns += 3 * SECOND_NS;
		if (i % 5 == 0)
			world_read(&w);
		assert_int_equal(sampler_enable(w.sampler, w.now_ns, NULL), 0);
	}
	world_read(&w);
	assert_all_accounted(&w);
	assert_int_equal(w.n_taken[0], 500);
	assert_int_equal(world_cpu(&w, 0).time_enabled_ns, 50 * SECOND_NS);
	world_deinit(&w);
}

static void test_sampler_books_balance_across_periods(void **state)
{
	struct world w;

	(void)state;
	begin(&w, PERIOD);
	for (uint64_t i = 1; i < 40; i++) {
		world_put(&w, 0, 25);
		world_put(&w, 1, 3);
		w.now_ns += SECOND_NS;
		assert_int_equal(
			sampler_set_period(w.sampler, PERIOD + 100 * i, w.now_ns, &w.sink, NULL),
			0);
	}
	pass(&w, 1);
	assert_all_accounted(&w);
	world_deinit(&w);
}

/* Before the rounding was put off to the end of a span, such a CPU sampled more than it counted. */
static void test_sampler_books_balance_for_a_slow_cpu_that_is_read_often(void **state)
{
	static const struct branch_entry entry = { 1, 2, 0 };
	struct world w;

	(void)state;
	begin(&w, PERIOD);
	for (int i = 0; i < 5000; i++) {
		const struct virtual_stack stack = { .n_branches = PERIOD / 2,
						     .entries = &entry,
						     .n_entries = 1 };
		enum virtual_put put = virtual_cpus_put(w.cpus, 0, &stack);

		w.n_written += put == VIRTUAL_WRITTEN;
		pass(&w, 2);
		assert_all_accounted(&w);
	}
	assert_true(w.n_written > 2000);
	world_deinit(&w);
}

static void put_more(struct world *w, unsigned int cpu)
{
	if (cpu == 0)
		world_put(w, 0, 60);
}

static void put_more_after(struct world *w, unsigned int cpu, uint64_t *words)
{
	(void)words;
	put_more(w, cpu);
}

/* Samples come right before and right after each reading, so between the two of a pass. */
static void test_sampler_books_balance_while_the_cpu_goes_on(void **state)
{
	struct world w;

	(void)state;
	for (int is_after = 0; is_after < 2; is_after++) {
		begin(&w, PERIOD);
		w.before_read = is_after ? NULL : put_more;
		w.on_read = is_after ? put_more_after : NULL;
		for (uint64_t i = 1; i < 20; i++) {
			pass(&w, 1);
			(void)world_result(&w, NULL);
			if (i % 3 == 0)
				assert_int_equal(sampler_set_period(w.sampler,
								    i % 2 ? PERIOD : 10 * PERIOD,
								    w.now_ns, &w.sink, NULL),
						 0);
		}
		assert_int_equal(sampler_disable(w.sampler, NULL), 0);
		w.before_read = NULL;
		w.on_read = NULL;
		pass(&w, 1);
		assert_all_accounted(&w);
		world_deinit(&w);
	}
}

static void test_sampler_books_stay_as_they_were_read(void **state)
{
	struct world w;

	(void)state;
	begin(&w, PERIOD);
	world_put(&w, 0, 10);
	pass(&w, 1);
	world_put(&w, 0, RING_SAMPLES + 90);
	assert_false(sampler_drain_cpu(w.sampler, 0, UINT64_MAX, &w.sink));
	world_put(&w, 0, 10);
	assert_false(sampler_drain_cpu(w.sampler, 0, UINT64_MAX, &w.sink));
	/* the figures of now are ahead of the books, and those do not mind */
	assert_int_equal(world_cpu(&w, 0).n_samples, w.n_written);
	assert_int_equal(world_result(&w, NULL).n_taken, 10);
	world_read(&w);
	assert_all_accounted(&w);
	world_deinit(&w);
}

static void test_sampler_books_of_an_older_kernel_are_a_lower_bound(void **state)
{
	struct perf_event_attr attr = virtual_cpus_attr(PERIOD);
	struct conservation_result result;
	struct world w;

	(void)state;
	attr.read_format &= ~(uint64_t)PERF_FORMAT_LOST;
	world_init(&w, PERIOD);
	world_set_attrs(&w, &attr);
	world_start(&w);
	assert_int_equal(world_online(&w, "0", NULL, NULL), 0);
	assert_int_equal(sampler_enable(w.sampler, w.now_ns, NULL), 0);
	world_put(&w, 0, RING_SAMPLES + 50);
	pass(&w, 1);
	result = world_result(&w, NULL);
	assert_true(result.is_lower_bound);
	assert_int_equal(result.n_lost, 0);
	world_put(&w, 0, 1);
	pass(&w, 1);
	assert_int_equal(world_result(&w, NULL).n_lost, w.n_lost);
	assert_int_equal(world_cpu(&w, 0).n_lost, w.n_lost);
	world_deinit(&w);
}

/* cpu-clock counts what it may not sample */
static void test_sampler_books_of_a_software_clock_have_no_least(void **state)
{
	struct conservation sums;
	struct world w;

	(void)state;
	world_init(&w, PERIOD);
	w.events[0].form.attr.type = PERF_TYPE_SOFTWARE;
	w.source = w.inner;
	w.watch = (struct sampler_watch){ 0 };
	w.config.watch = NULL;
	world_start(&w);
	assert_int_equal(world_online(&w, "0", NULL, NULL), 0);
	assert_int_equal(sampler_enable(w.sampler, w.now_ns, NULL), 0);
	virtual_cpus_lose(w.cpus, 0, 1);
	world_put(&w, 0, 50);
	pass(&w, 1);
	(void)world_result(&w, &sums);
	assert_int_equal(sums.n_expected_min, 0);
	assert_true(sums.n_expected_max >= 50);
	world_deinit(&w);
}

/* breaks that must not go unseen */

static void count_double(struct world *w, unsigned int cpu, uint64_t *words)
{
	words[0] *= cpu == 1 ? 2 : 1;
}

static void lose_less(struct world *w, unsigned int cpu, uint64_t *words)
{
	words[3] = 0;
}

static void lose_more(struct world *w, unsigned int cpu, uint64_t *words)
{
	words[3] += 1;
}

static void run_longer(struct world *w, unsigned int cpu, uint64_t *words)
{
	words[2] = words[1] + 1;
}

static void live_longer(struct world *w, unsigned int cpu, uint64_t *words)
{
	words[1] += 10 * SECOND_NS;
}

static const struct {
	void (*on_read)(struct world *w, unsigned int cpu, uint64_t *words);
	const char *what;
} breaks[] = {
	{ count_double, "CPU 1: conservation: 300 samples are accounted for" },
	{ lose_less, "LOST records say" },
	{ lose_more, "but LOST records say only" },
	{ run_longer, "ran" },
	{ live_longer, "but watched for" },
};

static void test_sampler_books_show_each_break(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_size(breaks); i++) {
		struct world w;

		begin(&w, PERIOD);
		w.on_read = breaks[i].on_read;
		world_put(&w, 0, RING_SAMPLES + 20);
		world_put(&w, 1, 100);
		assert_false(sampler_sweep(w.sampler, UINT64_MAX, &w.sink));
		for (int pass_no = 0; pass_no < 2; pass_no++) {
			world_put(&w, 0, 100);
			world_put(&w, 1, 100);
			pass(&w, 1);
		}
		assert_broken(&w, SAMPLER_ALL_CPUS, breaks[i].what);
		world_deinit(&w);
	}
}

/* What one CPU has too much and another too little. */
static void run_for_the_other(struct world *w, unsigned int cpu, uint64_t *words)
{
	words[2] = cpu == 0 ? words[1] + 5 : words[1] - 5;
}

static void test_sampler_books_are_checked_cpu_by_cpu(void **state)
{
	struct world w;

	(void)state;
	begin(&w, PERIOD);
	w.on_read = run_for_the_other;
	pass(&w, 1);
	assert_broken(&w, SAMPLER_ALL_CPUS, "CPU 0: conservation: ran");
	world_deinit(&w);
}

static void test_sampler_books_are_read_in_the_order_of_the_format(void **state)
{
	struct perf_event_attr attr = virtual_cpus_attr(PERIOD);
	struct world w;

	(void)state;
	attr.read_format |= PERF_FORMAT_ID;
	world_init(&w, PERIOD);
	world_set_attrs(&w, &attr);
	world_start(&w);
	assert_int_equal(world_online(&w, "0", NULL, NULL), 0);
	assert_int_equal(sampler_enable(w.sampler, w.now_ns, NULL), 0);
	world_put(&w, 0, RING_SAMPLES + 20);
	pass(&w, 1);
	assert_all_accounted(&w);
	world_deinit(&w);
}

static void test_sampler_books_show_a_sink_that_does_not_say_what_became_of_a_sample(void **state)
{
	struct world w;

	(void)state;
	begin(&w, PERIOD);
	w.use = N_SAMPLER_USES;
	world_put(&w, 1, 10);
	pass(&w, 1);
	assert_broken(&w, SAMPLER_ALL_CPUS, "CPU 1: conservation: 10 samples were read, but 0");
	assert_broken(&w, 1, "CPU 1: ");
	assert_int_equal(sampler_conservation(w.sampler, 0, NULL, NULL, NULL), 0);
	world_deinit(&w);

	begin(&w, PERIOD);
	w.n_counted_more = 1;
	world_put(&w, 0, 10);
	pass(&w, 1);
	assert_broken(&w, SAMPLER_ALL_CPUS, "30 entries were read, but 40 counted and 0 rejected");
	world_deinit(&w);
}

/* readings that fail */

static void count_backwards(struct world *w, unsigned int cpu, uint64_t *words)
{
	words[0] = 0;
}

static void test_sampler_reading_that_fails_leaves_the_books(void **state)
{
	static const struct {
		int error;
		ssize_t n_bytes;
		void (*on_read)(struct world *w, unsigned int cpu, uint64_t *words);
		int result;
	} cases[] = {
		{ -EINTR, 0, NULL, -EINTR }, { 0, 24, NULL, -EBADMSG },
		{ 0, 40, NULL, -EBADMSG },   { 0, 31, NULL, -EBADMSG },
		{ 0, 4096, NULL, -EBADMSG }, { 0, 0, count_backwards, -EBADMSG },
	};
	struct problem problem;

	(void)state;
	for (size_t i = 0; i < array_size(cases); i++) {
		struct world w;

		begin(&w, PERIOD);
		world_put(&w, 1, 10);
		pass(&w, 1);
		world_put(&w, 1, 10);
		w.errors[CALL_READ][1] = cases[i].error;
		w.read_bytes = cases[i].n_bytes;
		w.on_read = cases[i].on_read;
		w.now_ns += SECOND_NS;
		problem.text[0] = '\0';
		assert_int_equal(sampler_read(w.sampler, w.now_ns, &w.sink, &problem),
				 cases[i].result);
		assert_non_null(strstr(problem.text, "read its event"));
		assert_int_equal(world_cpu(&w, 1).n_read_errors, 1);
		assert_int_equal(world_result(&w, NULL).n_taken, 10);
		w.errors[CALL_READ][1] = 0;
		w.read_bytes = 0;
		w.on_read = NULL;
		pass(&w, 1);
		assert_all_accounted(&w);
		world_deinit(&w);
	}
}

static void test_sampler_reading_that_fails_at_the_end_makes_a_lower_bound(void **state)
{
	struct conservation_result result;
	struct world w;

	(void)state;
	begin(&w, PERIOD);
	world_put(&w, 1, 10);
	pass(&w, 1);
	world_put(&w, 1, RING_SAMPLES);
	w.errors[CALL_READ][1] = -EIO;
	assert_int_equal(world_online(&w, "0", NULL, NULL), 0);
	result = world_result(&w, NULL);
	assert_int_equal(result.n_used, w.n_written);
	assert_true(result.is_lower_bound);
	world_deinit(&w);
}

static void fail_to_read(struct world *w, unsigned int cpu)
{
	w->errors[CALL_READ][cpu] = -EIO;
}

static void test_sampler_reading_that_fails_after_a_new_period_makes_a_lower_bound(void **state)
{
	struct conservation sums;
	struct world w;

	(void)state;
	begin(&w, PERIOD);
	world_put(&w, 1, 10);
	w.before_period = fail_to_read;
	assert_int_equal(sampler_set_period(w.sampler, 2 * PERIOD, w.now_ns, &w.sink, NULL), 0);
	assert_int_equal(world_cpu(&w, 1).n_read_errors, 1);
	w.errors[CALL_READ][0] = w.errors[CALL_READ][1] = 0;
	world_put(&w, 1, 10);
	pass(&w, 1);
	(void)world_result(&w, &sums);
	assert_true(sums.is_loss_inexact);
	assert_int_equal(sums.n_used, 20);
	world_deinit(&w);
}

static void test_sampler_event_in_error_is_opened_anew(void **state)
{
	struct sampler_change change;
	struct world w;

	(void)state;
	begin(&w, PERIOD);
	w.now_ns += SECOND_NS;
	w.read_bytes = -1;
	assert_int_equal(sampler_read_cpu(w.sampler, 1, w.now_ns, &w.sink, NULL), -EIO);
	w.read_bytes = 0;
	assert_int_equal(sampler_retry_ns(w.sampler), 0);
	assert_int_equal(world_online(&w, "0-1", &change, NULL), 0);
	assert_int_equal(change.n_opened, 1);
	assert_null(world_cpu(&w, 1).problem);
	/* and a CPU that has none is no error */
	assert_int_equal(sampler_read_cpu(w.sampler, 5, w.now_ns, &w.sink, NULL), 0);
	assert_int_equal(sampler_read_cpu(w.sampler, CPUS_MAX, w.now_ns, &w.sink, NULL), 0);
	world_deinit(&w);
}

/* everything at once */

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void set_online(struct world *w, unsigned int cpu, bool is_online, struct cpus *online)
{
	virtual_cpus_set_online(w->cpus, cpu, is_online);
	if (is_online)
		cpus_add(online, cpu);
	else
		cpus_remove(online, cpu);
}

static void step(struct world *w, uint64_t random, struct cpus *online)
{
	unsigned int cpu = random >> 8 & 3;
	uint64_t n = random >> 16 & 0xff;
	struct sampler_change change;
	struct problem problem = { "" };
	int r = 0;

	w->now_ns += n * SECOND_NS / 100;
	w->use = (enum sampler_use)(n % N_SAMPLER_USES);
	switch (random % 13) {
	case 0:
		set_online(w, cpu, n & 1, online);
		break;
	case 1:
		r = sampler_set_online(w->sampler, online, w->now_ns, &w->sink, &change, &problem);
		break;
	case 2:
		r = sampler_enable(w->sampler, w->now_ns, &problem);
		break;
	case 3:
		if (n % 4 == 0)
			r = sampler_disable(w->sampler, &problem);
		break;
	case 4:
		r = sampler_set_period(w->sampler, PERIOD + n % 3 * 1000, w->now_ns, &w->sink,
				       &problem);
		break;
	case 5:
		world_read(w);
		(void)world_result(w, NULL);
		break;
	case 6:
		(void)sampler_sweep(w->sampler, n * 200, &w->sink);
		break;
	case 7:
		virtual_cpus_throttle(w->cpus, cpu, n & 1, w->now_ns);
		break;
	case 8:
		virtual_cpus_share(w->cpus, cpu, (unsigned int)n * 1000 / 256);
		break;
	default:
		world_put(w, cpu, (unsigned int)n);
		break;
	}
	if (r != 0)
		fail_msg("%s", problem.text);
}

static void test_sampler_books_balance_whatever_happens(void **state)
{
	uint64_t seed = 0x5eed;

	(void)state;
	for (int run = 0; run < 40; run++) {
		struct cpus online = cpus_of("0-3");
		struct conservation_result result;
		uint64_t n_taken = 0;
		struct world w;

		world_init(&w, PERIOD);
		world_start(&w);
		for (int i = 0; i < 1000; i++)
			step(&w, next_random(&seed), &online);
		assert_int_equal(world_online(&w, "", NULL, NULL), 0);
		result = world_result(&w, NULL);
		for (unsigned int cpu = 0; cpu < N_CPUS; cpu++)
			n_taken += w.n_taken[cpu];
		assert_true(w.n_written > 1000);
		assert_int_equal(n_taken, w.n_written);
		assert_int_equal(result.n_used + result.n_rejected, w.n_written);
		/* throttle records that found no room are lost, too */
		assert_in_range(result.n_lost, w.n_lost, w.n_lost + w.n_lost / 50 + 20);
		world_deinit(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sampler_books_count_each_use),
		cmocka_unit_test(test_sampler_books_balance_with_loss),
		cmocka_unit_test(test_sampler_books_balance_with_loss_in_hardware),
		cmocka_unit_test(test_sampler_books_balance_with_throttling_and_turns),
		cmocka_unit_test(test_sampler_books_allow_for_each_start),
		cmocka_unit_test(test_sampler_books_balance_across_the_gate),
		cmocka_unit_test(test_sampler_books_balance_across_periods),
		cmocka_unit_test(test_sampler_books_balance_for_a_slow_cpu_that_is_read_often),
		cmocka_unit_test(test_sampler_books_balance_while_the_cpu_goes_on),
		cmocka_unit_test(test_sampler_books_stay_as_they_were_read),
		cmocka_unit_test(test_sampler_books_of_an_older_kernel_are_a_lower_bound),
		cmocka_unit_test(test_sampler_books_of_a_software_clock_have_no_least),
		cmocka_unit_test(test_sampler_books_show_each_break),
		cmocka_unit_test(test_sampler_books_are_checked_cpu_by_cpu),
		cmocka_unit_test(test_sampler_books_are_read_in_the_order_of_the_format),
		cmocka_unit_test(
			test_sampler_books_show_a_sink_that_does_not_say_what_became_of_a_sample),
		cmocka_unit_test(test_sampler_reading_that_fails_leaves_the_books),
		cmocka_unit_test(test_sampler_reading_that_fails_at_the_end_makes_a_lower_bound),
		cmocka_unit_test(
			test_sampler_reading_that_fails_after_a_new_period_makes_a_lower_bound),
		cmocka_unit_test(test_sampler_event_in_error_is_opened_anew),
		cmocka_unit_test(test_sampler_books_balance_whatever_happens),
	};

	return cmocka_run_group_tests_name("collect/sampler_books", tests, NULL, NULL);
}
