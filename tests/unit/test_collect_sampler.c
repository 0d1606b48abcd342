/* SPDX-License-Identifier: Apache-2.0 */
/* Events that follow their CPUs, whatever the kernel answers. */
#include "sampler_example.h"

static enum sampler_state world_state(const struct world *w, unsigned int cpu)
{
	return world_cpu(w, cpu).state;
}

/* which CPUs have an event, and in what order things are done: sampler_example.h asserts that */

static void test_sampler_online_cpus_are_opened(void **state)
{
	struct sampler_change change;
	struct world w;

	(void)state;
	world_init(&w, PERIOD);
	w.config.wanted = cpus_of("0-3,6-7");
	world_start(&w);
	assert_int_equal(world_online(&w, "0-2,5-7", &change, NULL), 0);
	assert_int_equal(change.n_opened, 4);
	assert_int_equal(change.n_failed, 0);
	assert_true(cpus_has(&change.opened, 6));
	assert_int_equal(world_state(&w, 0), SAMPLER_DISABLED);
	assert_int_equal(world_state(&w, 3), SAMPLER_OFFLINE);
	assert_int_equal(world_state(&w, 5), SAMPLER_EXCLUDED);
	assert_int_equal(world_state(&w, 7), SAMPLER_NO_EVENT);
	assert_int_equal(world_cpu(&w, 6).i_event, 1);
	assert_int_equal(sampler_fd(w.sampler, 0), w.seen[0].fd);
	assert_int_equal(sampler_fd(w.sampler, 3), -1);
	assert_int_equal(sampler_fd(w.sampler, CPUS_MAX), -1);
	/* again, and nothing happens */
	assert_int_equal(world_online(&w, "0-2,5-7", &change, NULL), 0);
	assert_int_equal(change.n_opened + change.n_closed, 0);
	world_deinit(&w);
}

static void test_sampler_cpu_that_goes_is_drained_and_remembered(void **state)
{
	struct sampler_change change;
	struct world w;

	(void)state;
	world_init(&w, PERIOD);
	world_start(&w);
	assert_int_equal(world_online(&w, "0-1", NULL, NULL), 0);
	assert_int_equal(sampler_enable(w.sampler, w.now_ns, NULL), 0);
	world_put(&w, 1, 30);
	w.now_ns += SECOND_NS;
	virtual_cpus_set_online(w.cpus, 1, false);
	assert_int_equal(world_online(&w, "0", &change, NULL), 0);
	assert_int_equal(change.n_closed, 1);
	assert_true(cpus_has(&change.closed, 1));
	assert_int_equal(w.n_taken[1], 30);
	assert_int_equal(world_state(&w, 1), SAMPLER_OFFLINE);
	assert_int_equal(world_cpu(&w, 1).time_enabled_ns, SECOND_NS);
	assert_int_equal(world_cpu(&w, 1).ring_bytes, 0);
	assert_int_equal(world_cpu(&w, 1).n_samples, 30);

	/* it comes back, and samples at once, as the others do */
	virtual_cpus_set_online(w.cpus, 1, true);
	w.now_ns += SECOND_NS;
	assert_int_equal(world_online(&w, "0-1", &change, NULL), 0);
	assert_int_equal(world_state(&w, 1), SAMPLER_SAMPLING);
	world_put(&w, 1, 12);
	w.now_ns += SECOND_NS;
	world_read(&w);
	assert_int_equal(w.n_taken[1], 42);
	assert_int_equal(world_result(&w, NULL).n_used, 42);
	assert_int_equal(world_cpu(&w, 1).time_enabled_ns, 2 * SECOND_NS);
	assert_int_equal(world_cpu(&w, 1).n_opens, 2);
	world_deinit(&w);
}

static void put_some(struct world *w, unsigned int cpu)
{
	world_put(w, cpu, 20);
}

static void test_sampler_closes_what_runs_only_after_a_last_look(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, PERIOD);
	world_start(&w);
	assert_int_equal(world_online(&w, "0-1", NULL, NULL), 0);
	assert_int_equal(sampler_enable(w.sampler, w.now_ns, NULL), 0);
	world_put(&w, 0, 7);
	/* it goes on until the end, but not behind it */
	w.before_read = put_some;
	assert_int_equal(world_online(&w, "", NULL, NULL), 0);
	assert_int_equal(cpus_count(sampler_open_cpus(w.sampler)), 0);
	assert_int_equal(w.n_written, 7);
	assert_int_equal(world_result(&w, NULL).n_taken, 7);
	assert_true(sampler_is_enabled(w.sampler));
	world_deinit(&w);
}

/* Event of a CPU that went and came back between two looks at the online CPUs. */
static void test_sampler_event_that_was_let_go_is_noticed_and_opened_anew(void **state)
{
	struct sampler_change change;
	struct world w;

	(void)state;
	world_init(&w, PERIOD);
	world_start(&w);
	assert_int_equal(world_online(&w, "0-1", NULL, NULL), 0);
	assert_int_equal(sampler_enable(w.sampler, w.now_ns, NULL), 0);
	w.now_ns += 10 * SECOND_NS;
	world_put(&w, 1, 5);
	virtual_cpus_set_online(w.cpus, 1, false);
	virtual_cpus_set_online(w.cpus, 1, true);
	world_read(&w);
	assert_int_equal(sampler_retry_ns(w.sampler), UINT64_MAX);
	w.now_ns += 2 * SECOND_NS;
	world_read(&w);
	assert_int_equal(sampler_retry_ns(w.sampler), 0);
	assert_int_equal(world_online(&w, "0-1", &change, NULL), 0);
	assert_int_equal(change.n_closed, 1);
	assert_int_equal(change.n_opened, 1);
	assert_true(cpus_has(&change.opened, 1));
	assert_int_equal(sampler_retry_ns(w.sampler), UINT64_MAX);
	world_put(&w, 1, 5);
	w.now_ns += 2 * SECOND_NS;
	world_read(&w);
	assert_int_equal(w.n_taken[1], 10);
	assert_int_equal(world_cpu(&w, 1).n_let_go, 1);
	assert_int_equal(world_cpu(&w, 0).n_let_go, 0);
	assert_int_equal(world_result(&w, NULL).n_used, 10);
	world_deinit(&w);
}

static void live_a_bit(struct world *w, unsigned int cpu, uint64_t *words)
{
	words[1] -= SECOND_NS * 4 / 10;
	words[2] = words[1];
}

static void live_beside_a_guest(struct world *w, unsigned int cpu, uint64_t *words)
{
	words[1] = words[2] = words[1] / 1000 + ++w->n_changes;
}

static void test_sampler_event_that_lives_beside_a_guest_is_not_taken_for_dead(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, PERIOD);
	world_start(&w);
	assert_int_equal(world_online(&w, "0", NULL, NULL), 0);
	assert_int_equal(sampler_enable(w.sampler, w.now_ns, NULL), 0);
	w.now_ns += 100 * SECOND_NS;
	w.on_read = live_beside_a_guest;
	world_read(&w);
	assert_int_equal(sampler_retry_ns(w.sampler), UINT64_MAX);
	world_deinit(&w);
}

static void test_sampler_event_that_is_looked_at_late_is_not_taken_for_dead(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, PERIOD);
	world_start(&w);
	assert_int_equal(world_online(&w, "0", NULL, NULL), 0);
	assert_int_equal(sampler_enable(w.sampler, w.now_ns, NULL), 0);
	w.now_ns += SECOND_NS / 2;
	w.on_read = live_a_bit;
	world_read(&w);
	assert_int_equal(sampler_retry_ns(w.sampler), UINT64_MAX);
	world_deinit(&w);
}

static void test_sampler_disabled_event_is_not_taken_for_dead(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, PERIOD);
	world_start(&w);
	assert_int_equal(world_online(&w, "0", NULL, NULL), 0);
	assert_int_equal(sampler_enable(w.sampler, w.now_ns, NULL), 0);
	w.now_ns += 3 * SECOND_NS;
	world_read(&w);
	assert_int_equal(sampler_disable(w.sampler, NULL), 0);
	w.now_ns += 100 * SECOND_NS;
	world_read(&w);
	assert_int_equal(sampler_enable(w.sampler, w.now_ns, NULL), 0);
	w.now_ns += 3 * SECOND_NS;
	world_read(&w);
	assert_int_equal(sampler_retry_ns(w.sampler), UINT64_MAX);
	world_result(&w, NULL);
	world_deinit(&w);
}

/* what the kernel answers to open and map, on CPU 1 of three */

static const struct {
	enum call call;
	int error;
	enum sampler_state state;
	int slot_error;
	uint64_t retry_ns; /* after the first time */
	bool goes_up;
} answers[] = {
	{ CALL_OPEN, -EACCES, SAMPLER_REFUSED, OPEN_E_PERMISSION, 0, false },
	{ CALL_OPEN, -EPERM, SAMPLER_REFUSED, OPEN_E_PERMISSION, 0, false },
	{ CALL_OPEN, -ENOENT, SAMPLER_REFUSED, OPEN_E_UNSUPPORTED, 0, false },
	{ CALL_OPEN, -EOPNOTSUPP, SAMPLER_REFUSED, OPEN_E_UNSUPPORTED, 0, false },
	{ CALL_OPEN, -EINVAL, SAMPLER_REFUSED, OPEN_E_UNSUPPORTED, 0, false },
	{ CALL_OPEN, -E2BIG, SAMPLER_REFUSED, OPEN_E_UNSUPPORTED, 0, false },
	{ CALL_OPEN, -ENOSYS, SAMPLER_REFUSED, OPEN_E_UNSUPPORTED, 0, false },
	{ CALL_OPEN, -EMFILE, SAMPLER_REFUSED, OPEN_E_LIMIT, 0, false },
	{ CALL_OPEN, -ENFILE, SAMPLER_REFUSED, OPEN_E_LIMIT, 0, false },
	{ CALL_OPEN, -EBUSY, SAMPLER_WAITING, OPEN_E_BUSY, 10 * SECOND_NS, false },
	{ CALL_OPEN, -ENOMEM, SAMPLER_WAITING, OPEN_E_MEMORY, 10 * SECOND_NS, false },
	{ CALL_OPEN, -ENODEV, SAMPLER_WAITING, OPEN_E_OFFLINE, SECOND_NS, false },
	{ CALL_OPEN, -EPIPE, SAMPLER_WAITING, -EPIPE, 10 * SECOND_NS, true },
	{ CALL_MAP, -EPERM, SAMPLER_REFUSED, OPEN_E_LIMIT, 0, false },
	{ CALL_MAP, -ENOMEM, SAMPLER_WAITING, OPEN_E_MEMORY, 10 * SECOND_NS, false },
	{ CALL_MAP, -EIO, SAMPLER_WAITING, -EIO, 10 * SECOND_NS, true },
};

static void check_answer(size_t i)
{
	struct problem problem = { "" };
	struct sampler_change change;
	struct sampler_cpu one;
	struct world w;
	int r;

	world_init(&w, PERIOD);
	world_start(&w);
	w.errors[answers[i].call][1] = answers[i].error;
	assert_int_equal(sampler_enable(w.sampler, w.now_ns, NULL), 0);
	r = world_online(&w, "0-2", &change, &problem);
	one = world_cpu(&w, 1);
	if (r != (answers[i].goes_up ? answers[i].error : 0) || one.state != answers[i].state ||
	    one.error != answers[i].slot_error)
		fail_msg("%s: %d, state %d, error %d", strerror(-answers[i].error), r,
			 (int)one.state, one.error);
	assert_int_equal(change.n_failed, 1);
	assert_int_equal(change.n_opened, 2);
	assert_int_equal(r != 0, problem.text[0] != '\0');
	assert_non_null(one.problem);
	assert_true(one.problem->text[0] != '\0');
	assert_false(w.seen[1].is_open);
	assert_int_equal(world_state(&w, 2), SAMPLER_SAMPLING);
	assert_int_equal(sampler_retry_ns(w.sampler),
			 answers[i].retry_ns ? w.now_ns + answers[i].retry_ns : UINT64_MAX);
	world_deinit(&w);
}

static void test_sampler_each_answer_of_the_kernel_is_of_its_cpu_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_size(answers); i++)
		check_answer(i);
}

static void test_sampler_busy_cpu_is_tried_ever_more_rarely(void **state)
{
	const uint64_t waits_s[] = { 10, 20, 40, 80, 160, 300, 300 };
	struct sampler_change change;
	struct world w;

	(void)state;
	world_init(&w, PERIOD);
	world_start(&w);
	w.errors[CALL_OPEN][0] = -EBUSY;
	for (size_t i = 0; i < array_size(waits_s); i++) {
		assert_int_equal(world_online(&w, "0", &change, NULL), 0);
		assert_int_equal(change.n_failed, 1);
		assert_int_equal(sampler_retry_ns(w.sampler), w.now_ns + waits_s[i] * SECOND_NS);
		/* not before its time */
		w.now_ns += waits_s[i] * SECOND_NS - 1;
		assert_int_equal(world_online(&w, "0", &change, NULL), 0);
		assert_int_equal(change.n_failed, 0);
		w.now_ns += 1;
	}
	w.errors[CALL_OPEN][0] = 0;
	assert_int_equal(world_online(&w, "0", &change, NULL), 0);
	assert_int_equal(change.n_opened, 1);
	assert_null(world_cpu(&w, 0).problem);
	world_deinit(&w);
}

static void test_sampler_busy_cpu_begins_anew_with_its_patience(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, PERIOD);
	world_start(&w);
	/* once it was open: let go, and then busy */
	w.errors[CALL_OPEN][0] = -EBUSY;
	assert_int_equal(world_online(&w, "0", NULL, NULL), 0);
	w.errors[CALL_OPEN][0] = 0;
	w.now_ns += 10 * SECOND_NS;
	assert_int_equal(world_online(&w, "0", NULL, NULL), 0);
	w.errors[CALL_OPEN][0] = -EBUSY;
	w.read_bytes = -1;
	assert_int_equal(sampler_read_cpu(w.sampler, 0, w.now_ns, &w.sink, NULL), -EIO);
	w.read_bytes = 0;
	assert_int_equal(world_online(&w, "0", NULL, NULL), 0);
	assert_int_equal(sampler_retry_ns(w.sampler), w.now_ns + 10 * SECOND_NS);
	/* once it was offline */
	assert_int_equal(world_online(&w, "", NULL, NULL), 0);
	assert_int_equal(world_online(&w, "0", NULL, NULL), 0);
	assert_int_equal(sampler_retry_ns(w.sampler), w.now_ns + 10 * SECOND_NS);
	/* the first of two that wait */
	w.errors[CALL_OPEN][1] = -ENODEV;
	w.errors[CALL_OPEN][2] = -EBUSY;
	assert_int_equal(world_online(&w, "0-2", NULL, NULL), 0);
	assert_int_equal(sampler_retry_ns(w.sampler), w.now_ns + SECOND_NS);
	world_deinit(&w);
}

static void test_sampler_refused_cpu_is_tried_when_it_comes_anew(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, PERIOD);
	world_start(&w);
	w.errors[CALL_OPEN][0] = -EMFILE;
	assert_int_equal(world_online(&w, "0", NULL, NULL), 0);
	w.errors[CALL_OPEN][0] = 0;
	w.now_ns += 100000 * SECOND_NS;
	assert_int_equal(world_online(&w, "0", NULL, NULL), 0);
	assert_int_equal(world_state(&w, 0), SAMPLER_REFUSED);
	assert_int_equal(world_online(&w, "", NULL, NULL), 0);
	assert_int_equal(world_state(&w, 0), SAMPLER_OFFLINE);
	assert_null(world_cpu(&w, 0).problem);
	assert_int_equal(world_online(&w, "0", NULL, NULL), 0);
	assert_int_equal(world_state(&w, 0), SAMPLER_DISABLED);
	world_deinit(&w);
}

static void test_sampler_rings_shrink_rather_than_fail(void **state)
{
	struct sampler_figures figures;
	struct world w;

	(void)state;
	world_init(&w, PERIOD);
	world_start(&w);
	w.map_bytes_max = 3 * 4096;
	assert_int_equal(world_online(&w, "0-1", NULL, NULL), 0);
	assert_int_equal(world_cpu(&w, 0).n_halved, 1);
	assert_int_equal(world_cpu(&w, 0).ring_bytes, 2 * 4096);
	sampler_figures(w.sampler, &figures);
	assert_int_equal(figures.n_rings_shrunk, 2);
	assert_int_equal(figures.n_ring_pages_smallest, 2);
	assert_int_equal(figures.ring_bytes, 2 * 3 * 4096);
	world_deinit(&w);
}

static void test_sampler_rings_fit_into_the_budget_of_locked_memory(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, PERIOD);
	/* 5 pages a CPU: 4 of data and one of control */
	w.config.facts.mlock_kib = 20;
	w.config.facts.n_online = 1; /* it was, once */
	w.config.n_ring_pages = 16;
	world_start(&w);
	assert_int_equal(world_online(&w, "0-5", NULL, NULL), 0);
	assert_int_equal(world_cpu(&w, 5).ring_bytes, 4 * 4096);
	assert_int_equal(world_cpu(&w, 5).n_halved, 0);
	sampler_free(w.sampler);
	/* below the least, it is left to the kernel */
	w.config.n_ring_pages_min = 8;
	world_start(&w);
	assert_int_equal(world_online(&w, "0-5", NULL, NULL), 0);
	assert_int_equal(world_cpu(&w, 5).ring_bytes, 8 * 4096);
	world_deinit(&w);
}

static void test_sampler_ring_of_another_shape_is_refused(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, PERIOD);
	world_start(&w);
	w.is_shapeless = true;
	assert_int_equal(world_online(&w, "0", NULL, NULL), 0);
	assert_int_equal(world_state(&w, 0), SAMPLER_REFUSED);
	assert_false(w.seen[0].is_open);
	world_deinit(&w);
}

static void test_sampler_cpu_that_cannot_be_watched_is_closed_again(void **state)
{
	struct problem problem = { "" };
	struct world w;

	(void)state;
	world_init(&w, PERIOD);
	world_start(&w);
	w.watch_errors[1] = -ENOSPC;
	assert_int_equal(world_online(&w, "0-1", NULL, &problem), -ENOSPC);
	assert_non_null(strstr(problem.text, "CPU 1"));
	assert_int_equal(world_state(&w, 0), SAMPLER_DISABLED);
	assert_int_equal(world_state(&w, 1), SAMPLER_WAITING);
	assert_int_equal(w.seen[1].n_closes, 1);
	w.watch_errors[1] = 0;
	w.now_ns += 10 * SECOND_NS;
	assert_int_equal(world_online(&w, "0-1", NULL, NULL), 0);
	assert_int_equal(world_state(&w, 1), SAMPLER_DISABLED);
	world_deinit(&w);
}

/* control */

static void test_sampler_enable_that_fails_on_one_cpu_is_told(void **state)
{
	struct problem problem = { "" };
	struct sampler_figures figures;
	struct world w;

	(void)state;
	world_init(&w, PERIOD);
	world_start(&w);
	assert_int_equal(world_online(&w, "0-2", NULL, NULL), 0);
	w.errors[CALL_ENABLE][0] = -EIO;
	w.errors[CALL_ENABLE][1] = -EINVAL;
	assert_int_equal(sampler_enable(w.sampler, w.now_ns, &problem), -EIO);
	assert_non_null(strstr(problem.text, "CPU 0: enable"));
	assert_int_equal(world_state(&w, 1), SAMPLER_DISABLED);
	assert_int_equal(world_state(&w, 2), SAMPLER_SAMPLING);
	sampler_figures(w.sampler, &figures);
	assert_int_equal(figures.n_control_errors, 2);
	assert_int_equal(figures.n_problems, 2);
	assert_int_equal(figures.problem_cpu, 0);
	w.errors[CALL_ENABLE][0] = w.errors[CALL_ENABLE][1] = 0;
	assert_int_equal(sampler_enable(w.sampler, w.now_ns, &problem), 0);
	assert_int_equal(world_state(&w, 1), SAMPLER_SAMPLING);
	assert_null(world_cpu(&w, 1).problem);

	w.errors[CALL_DISABLE][2] = -EIO;
	assert_int_equal(sampler_disable(w.sampler, &problem), -EIO);
	assert_int_equal(world_state(&w, 1), SAMPLER_DISABLED);
	assert_int_equal(world_state(&w, 2), SAMPLER_SAMPLING);
	/* one that comes now is not enabled */
	assert_false(sampler_is_enabled(w.sampler));
	assert_int_equal(world_online(&w, "0-3", NULL, NULL), 0);
	assert_int_equal(world_state(&w, 3), SAMPLER_DISABLED);
	/* and one that goes has no problem any more */
	assert_int_equal(world_online(&w, "0-1,3", NULL, NULL), 0);
	assert_null(world_cpu(&w, 2).problem);
	assert_int_equal(world_cpu(&w, 2).n_control_errors, 2);
	world_deinit(&w);
}

static void test_sampler_disabled_takes_no_samples_and_keeps_those_it_has(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, PERIOD);
	world_start(&w);
	assert_int_equal(world_online(&w, "0", NULL, NULL), 0);
	world_put(&w, 0, 3);
	assert_int_equal(w.n_written, 0);
	assert_int_equal(sampler_enable(w.sampler, w.now_ns, NULL), 0);
	world_put(&w, 0, 3);
	assert_int_equal(sampler_disable(w.sampler, NULL), 0);
	world_put(&w, 0, 3);
	assert_int_equal(world_cpu(&w, 0).n_fill_bytes, 3 * (40 + 3 * 24));
	assert_false(sampler_drain_cpu(w.sampler, 0, UINT64_MAX, &w.sink));
	assert_int_equal(w.n_taken[0], 3);
	assert_int_equal(world_cpu(&w, 0).n_fill_bytes, 0);
	world_deinit(&w);
}

/* samples that come after the ring was looked at, and before the period is set */
static void put_last_ones(struct world *w, unsigned int cpu)
{
	if (cpu == 0)
		world_put(w, cpu, 7);
}

static void check_period(bool is_said)
{
	struct perf_event_attr attr = virtual_cpus_attr(PERIOD);
	struct world w;

	if (!is_said)
		attr.sample_type &= ~(uint64_t)PERF_SAMPLE_PERIOD;
	world_init(&w, PERIOD);
	world_set_attrs(&w, &attr);
	world_start(&w);
	w.before_period = put_last_ones;
	assert_int_equal(world_online(&w, "0-1", NULL, NULL), 0);
	assert_int_equal(sampler_enable(w.sampler, w.now_ns, NULL), 0);
	world_put(&w, 0, 10);
	assert_int_equal(sampler_set_period(w.sampler, 2 * PERIOD, w.now_ns, &w.sink, NULL), 0);
	assert_int_equal(w.weight[0], 10 * PERIOD);
	assert_true(w.seen[0].is_enabled);
	assert_int_equal(sampler_period(w.sampler), 2 * PERIOD);
	assert_int_equal(world_cpu(&w, 0).period, 2 * PERIOD);
	/* what would have the wrong weight is not taken in the first place */
	assert_int_equal(w.n_written, is_said ? 17 : 10);
	w.before_period = NULL;
	world_put(&w, 0, 10);
	/* a CPU that comes later has it, too */
	assert_int_equal(world_online(&w, "0-2", NULL, NULL), 0);
	world_put(&w, 2, 1);
	world_read(&w);
	assert_int_equal(w.weight[0], (w.n_written - 11) * PERIOD + 10 * 2 * PERIOD);
	assert_int_equal(w.weight[2], 2 * PERIOD);
	assert_int_equal(world_cpu(&w, 0).n_control_errors, 0);
	world_deinit(&w);
}

static void test_sampler_period_is_of_the_samples_it_was_set_for(void **state)
{
	(void)state;
	check_period(true);
	check_period(false);
}

static void test_sampler_period_that_one_cpu_does_not_take_is_told(void **state)
{
	struct problem problem = { "" };
	struct world w;

	(void)state;
	world_init(&w, PERIOD);
	world_start(&w);
	assert_int_equal(world_online(&w, "0-1", NULL, NULL), 0);
	assert_int_equal(sampler_enable(w.sampler, w.now_ns, NULL), 0);
	assert_int_equal(sampler_set_period(w.sampler, 0, w.now_ns, &w.sink, NULL), -EINVAL);
	assert_int_equal(sampler_set_period(w.sampler, 1ull << 63, w.now_ns, &w.sink, NULL),
			 -EINVAL);
	assert_int_equal(sampler_period(w.sampler), 0);
	w.errors[CALL_PERIOD][0] = -EINVAL;
	assert_int_equal(sampler_set_period(w.sampler, 17, w.now_ns, &w.sink, &problem), -EINVAL);
	assert_non_null(strstr(problem.text, "CPU 0"));
	assert_int_equal(world_cpu(&w, 0).period, PERIOD);
	assert_int_equal(world_cpu(&w, 1).period, 17);
	assert_int_equal(world_cpu(&w, 0).n_control_errors, 1);
	world_put(&w, 0, 1000 / 3);
	world_put(&w, 1, 1000 / 3);
	world_read(&w);
	world_result(&w, NULL);
	world_deinit(&w);
}

/* rings */

static void test_sampler_drain_keeps_to_its_portion(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, PERIOD);
	world_start(&w);
	assert_int_equal(world_online(&w, "0", NULL, NULL), 0);
	assert_int_equal(sampler_enable(w.sampler, w.now_ns, NULL), 0);
	world_put(&w, 0, 20);
	/* a sample has 112 bytes: the fourth starts within 400 */
	assert_true(sampler_drain_cpu(w.sampler, 0, 400, &w.sink));
	assert_int_equal(w.n_taken[0], 4);
	assert_true(sampler_drain_cpu(w.sampler, 0, 112 * 15, &w.sink));
	assert_int_equal(w.n_taken[0], 19);
	assert_false(sampler_drain_cpu(w.sampler, 0, 112, &w.sink));
	assert_int_equal(w.n_taken[0], 20);
	assert_false(sampler_drain_cpu(w.sampler, 1, 112, &w.sink));
	assert_false(sampler_drain_cpu(w.sampler, CPUS_MAX, 112, &w.sink));
	world_deinit(&w);
}

static void test_sampler_fill_of_a_ring_that_lies_is_not_more_than_the_ring(void **state)
{
	struct perf_event_mmap_page *control;
	struct world w;

	(void)state;
	world_init(&w, PERIOD);
	world_start(&w);
	assert_int_equal(world_online(&w, "0", NULL, NULL), 0);
	control = w.seen[0].memory;
	control->data_head = 1ull << 40;
	assert_int_equal(world_cpu(&w, 0).n_fill_bytes, PAGES * 4096);
	assert_false(sampler_drain_cpu(w.sampler, 0, UINT64_MAX, &w.sink));
	assert_int_equal(world_cpu(&w, 0).n_fill_bytes, 0);
	world_deinit(&w);
}

static void test_sampler_sweep_gives_each_ring_its_turn(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, PERIOD);
	world_start(&w);
	assert_false(sampler_sweep(w.sampler, 1000, &w.sink));
	assert_int_equal(world_online(&w, "0-2", NULL, NULL), 0);
	assert_int_equal(sampler_enable(w.sampler, w.now_ns, NULL), 0);
	world_put(&w, 0, 100);
	world_put(&w, 1, 5);
	world_put(&w, 2, 5);
	assert_true(sampler_sweep(w.sampler, 112 * 10, &w.sink));
	assert_int_equal(w.n_taken[0], 10);
	/* the flooded one is not in the way of the others */
	assert_true(sampler_sweep(w.sampler, 112 * 20, &w.sink));
	assert_int_equal(w.n_taken[1], 5);
	assert_int_equal(w.n_taken[2], 5);
	assert_int_equal(w.n_taken[0], 20);
	assert_false(sampler_sweep(w.sampler, UINT64_MAX, &w.sink));
	assert_int_equal(w.n_taken[0], 100);
	assert_false(sampler_sweep(w.sampler, UINT64_MAX, &w.sink));
	/* to the byte */
	for (unsigned int cpu = 0; cpu < 3; cpu++)
		world_put(&w, cpu, 5);
	assert_true(sampler_sweep(w.sampler, 112 * 10, &w.sink));
	assert_false(sampler_sweep(w.sampler, UINT64_MAX, &w.sink));
	for (unsigned int cpu = 0; cpu < 3; cpu++)
		world_put(&w, cpu, 5);
	assert_false(sampler_sweep(w.sampler, 112 * 15, &w.sink));
	assert_int_equal(w.n_taken[0] + w.n_taken[1] + w.n_taken[2], w.n_written);
	world_deinit(&w);
}

static void test_sampler_change_of_text_is_handed_on(void **state)
{
	const uint64_t ksymbol[] = { 0xffffffffc0000000, 64, 0x6d616e };
	struct world w;

	(void)state;
	world_init(&w, PERIOD);
	world_start(&w);
	assert_int_equal(world_online(&w, "0", NULL, NULL), 0);
	assert_int_equal(sampler_enable(w.sampler, w.now_ns, NULL), 0);
	assert_true(virtual_cpus_put_record(w.cpus, 0, PERF_RECORD_KSYMBOL, ksymbol,
					    sizeof(ksymbol), 1));
	assert_false(sampler_drain_cpu(w.sampler, 0, UINT64_MAX, &w.sink));
	assert_int_equal(w.n_changes, 1);
	w.sink.change = NULL;
	assert_true(virtual_cpus_put_record(w.cpus, 0, PERF_RECORD_KSYMBOL, ksymbol,
					    sizeof(ksymbol), 1));
	world_put(&w, 0, 1);
	assert_false(sampler_drain_cpu(w.sampler, 0, UINT64_MAX, &w.sink));
	assert_int_equal(w.n_taken[0], 1);
	world_deinit(&w);
}

static void test_sampler_ip_mode_hands_on_the_address(void **state)
{
	struct perf_event_attr attr = virtual_cpus_attr(PERIOD);
	const struct virtual_stack stack = { .ip = 0xffffffff81234567, .n_branches = UINT64_MAX };
	struct world w;

	(void)state;
	attr.sample_type &= ~(uint64_t)PERF_SAMPLE_BRANCH_STACK;
	attr.branch_sample_type = 0;
	world_init(&w, PERIOD);
	world_set_attrs(&w, &attr);
	w.events[0].mode = EVENT_MODE_IP;
	world_start(&w);
	assert_int_equal(world_online(&w, "0", NULL, NULL), 0);
	assert_int_equal(sampler_enable(w.sampler, w.now_ns, NULL), 0);
	assert_int_equal(virtual_cpus_put(w.cpus, 0, &stack), VIRTUAL_WRITTEN);
	world_read(&w);
	assert_int_equal(w.last_ip, stack.ip);
	assert_int_equal(world_result(&w, NULL).n_used, 1);
	world_deinit(&w);
}

/* what cannot be sampled at all, and what can be of any size */

static void test_sampler_events_that_cannot_be_read_are_refused(void **state)
{
	struct problem problem;
	struct world w;

	(void)state;
	for (int i = 0; i < 5; i++) {
		struct perf_event_attr *attr;

		world_init(&w, PERIOD);
		attr = &w.events[1].form.attr;
		switch (i) {
		case 0:
			attr->freq = 1;
			break;
		case 1:
			attr->sample_period = 0;
			break;
		case 2:
			attr->sample_id_all = 0;
			break;
		case 3:
			attr->sample_type |= PERF_SAMPLE_RAW;
			break;
		case 4:
			attr->read_format |= PERF_FORMAT_GROUP;
			break;
		}
		problem.text[0] = '\0';
		assert_int_equal(sampler_new(&w.config, &w.sampler, &problem), -EINVAL);
		assert_true(problem.text[0] != '\0');
		world_deinit(&w);
	}
	world_init(&w, PERIOD);
	w.config.n_cpus = CPUS_MAX + 1;
	assert_int_equal(sampler_new(&w.config, &w.sampler, &problem), -EINVAL);
	world_deinit(&w);
}

static void test_sampler_largest_machine_has_room(void **state)
{
	struct sampler_figures figures;
	struct conservation_result result;
	struct world w;

	(void)state;
	world_init(&w, PERIOD);
	w.config.n_cpus = CPUS_MAX;
	world_start(&w);
	assert_int_equal(world_online(&w, "0-2,8191", NULL, NULL), 0);
	assert_int_equal(world_state(&w, 8191), SAMPLER_EXCLUDED);
	sampler_figures(w.sampler, &figures);
	assert_int_equal(figures.n_cpus[SAMPLER_DISABLED], 3);
	assert_int_equal(figures.n_cpus[SAMPLER_OFFLINE], CPUS_MAX - 4);
	assert_int_equal(sampler_conservation(w.sampler, SAMPLER_ALL_CPUS, NULL, &result, NULL), 0);
	world_deinit(&w);
	/* and what is beyond is passed over */
	world_init(&w, PERIOD);
	world_start(&w);
	assert_int_equal(world_online(&w, "0,8-8191", NULL, NULL), 0);
	assert_int_equal(cpus_count(sampler_open_cpus(w.sampler)), 1);
	world_deinit(&w);
}

static void test_sampler_without_events_or_cpus_does_nothing(void **state)
{
	struct sampler_figures figures;
	struct world w;

	(void)state;
	world_init(&w, PERIOD);
	w.config.n_events = 0;
	w.config.watch = NULL;
	world_start(&w);
	assert_int_equal(world_online(&w, "0-7", NULL, NULL), 0);
	sampler_figures(w.sampler, &figures);
	assert_int_equal(figures.n_cpus[SAMPLER_NO_EVENT], 8);
	world_read(&w);
	assert_int_equal(world_result(&w, NULL).n_taken, 0);
	sampler_free(w.sampler);
	w.config.n_cpus = 0;
	world_start(&w);
	assert_int_equal(world_online(&w, "0-7", NULL, NULL), 0);
	assert_int_equal(sampler_enable(w.sampler, w.now_ns, NULL), 0);
	world_deinit(&w);
}

static void test_sampler_default_spares_isolated_and_nohz_cpus(void **state)
{
	struct machine machine = {
		.possible = cpus_of("0-7"),
		.online = cpus_of("0-3"),
		.isolated = cpus_of("2"),
		.nohz_full = cpus_of("3-4"),
	};
	struct cpus cpus = sampler_default_cpus(&machine), expected = cpus_of("0-1,5-7");

	(void)state;
	assert_memory_equal(&cpus, &expected, sizeof(cpus));
	/* rather all than none */
	machine.nohz_full = cpus_of("0-1,3");
	cpus = sampler_default_cpus(&machine);
	assert_memory_equal(&cpus, &machine.possible, sizeof(cpus));
}

static void test_sampler_names_are_all_there(void **state)
{
	(void)state;
	for (int i = 0; i < N_SAMPLER_USES; i++)
		assert_string_not_equal(sampler_use_name((enum sampler_use)i), "unknown");
	for (int i = 0; i < N_SAMPLER_STATES; i++)
		assert_string_not_equal(sampler_state_name((enum sampler_state)i), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sampler_online_cpus_are_opened),
		cmocka_unit_test(test_sampler_cpu_that_goes_is_drained_and_remembered),
		cmocka_unit_test(test_sampler_closes_what_runs_only_after_a_last_look),
		cmocka_unit_test(test_sampler_event_that_was_let_go_is_noticed_and_opened_anew),
		cmocka_unit_test(
			test_sampler_event_that_lives_beside_a_guest_is_not_taken_for_dead),
		cmocka_unit_test(test_sampler_event_that_is_looked_at_late_is_not_taken_for_dead),
		cmocka_unit_test(test_sampler_disabled_event_is_not_taken_for_dead),
		cmocka_unit_test(test_sampler_each_answer_of_the_kernel_is_of_its_cpu_alone),
		cmocka_unit_test(test_sampler_busy_cpu_is_tried_ever_more_rarely),
		cmocka_unit_test(test_sampler_busy_cpu_begins_anew_with_its_patience),
		cmocka_unit_test(test_sampler_refused_cpu_is_tried_when_it_comes_anew),
		cmocka_unit_test(test_sampler_rings_shrink_rather_than_fail),
		cmocka_unit_test(test_sampler_rings_fit_into_the_budget_of_locked_memory),
		cmocka_unit_test(test_sampler_ring_of_another_shape_is_refused),
		cmocka_unit_test(test_sampler_cpu_that_cannot_be_watched_is_closed_again),
		cmocka_unit_test(test_sampler_enable_that_fails_on_one_cpu_is_told),
		cmocka_unit_test(test_sampler_disabled_takes_no_samples_and_keeps_those_it_has),
		cmocka_unit_test(test_sampler_period_is_of_the_samples_it_was_set_for),
		cmocka_unit_test(test_sampler_period_that_one_cpu_does_not_take_is_told),
		cmocka_unit_test(test_sampler_drain_keeps_to_its_portion),
		cmocka_unit_test(test_sampler_fill_of_a_ring_that_lies_is_not_more_than_the_ring),
		cmocka_unit_test(test_sampler_sweep_gives_each_ring_its_turn),
		cmocka_unit_test(test_sampler_change_of_text_is_handed_on),
		cmocka_unit_test(test_sampler_ip_mode_hands_on_the_address),
		cmocka_unit_test(test_sampler_events_that_cannot_be_read_are_refused),
		cmocka_unit_test(test_sampler_largest_machine_has_room),
		cmocka_unit_test(test_sampler_without_events_or_cpus_does_nothing),
		cmocka_unit_test(test_sampler_default_spares_isolated_and_nohz_cpus),
		cmocka_unit_test(test_sampler_names_are_all_there),
	};

	return cmocka_run_group_tests_name("collect/sampler", tests, NULL, NULL);
}
