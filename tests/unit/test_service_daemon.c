/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon on a machine of two CPUs made of memory, whose load and presence the test says. The
 * loop does not turn: the test looks in its place.
 */
#include "service/daemon.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>
#include "collect/virtual_cpus.h"
#include "service/clock.h"
#include "service/host.h"
#include "service/log.h"
#include "service/metrics.h"
#include "service/metrics_view.h"
#include "service/options.h"
#include "service/service.h"

#define N_CPUS 2u
#define TEXT_IP 0xffffffff81000000ull
#define PERIOD 500009u

struct fixture {
	struct daemon_options options;
	struct log log;
	struct host host;
	struct host_event description;
	struct sampler_event event;
	struct virtual_cpus *cpus;
	int read_online_error;
	struct daemon *daemon;
	int log_fd;
};

static uint64_t now_ns(void *context)
{
	(void)context;
	return clock_monotonic_ns();
}

static int read_online(void *context, struct cpus *ret_online)
{
	struct fixture *f = context;

	if (f->read_online_error)
		return f->read_online_error;
	*ret_online = virtual_cpus_online(f->cpus);
	return 0;
}

static ssize_t read_stat(void *context, char *text, size_t size)
{
	uint64_t ticks = clock_boottime_ns() / (NS_PER_S / 100);

	(void)context;
	return snprintf(text, size,
			"cpu %" PRIu64 " 0 0 0 0 0 0 0 0 0\ncpu0 %" PRIu64 " 0 0 0 0 0 0 0 0 0\n"
			"cpu1 %" PRIu64 " 0 0 0 0 0 0 0 0 0\n",
			2 * ticks, ticks, ticks);
}

static const struct host_calls calls = { .read_online = read_online, .read_stat = read_stat };

static void make_host(struct fixture *f)
{
	struct perf_event_attr attr = virtual_cpus_attr(PERIOD);
	const struct virtual_cpus_config config = {
		.n_cpus = N_CPUS, .attrs = &attr, .n_events = 1, .now_ns = now_ns
	};

	assert_int_equal(virtual_cpus_new(&config, &f->cpus), 0);
	f->event = (struct sampler_event){ .form = { .attr = attr },
					   .cpus = virtual_cpus_online(f->cpus),
					   .mode = EVENT_MODE_BRANCH,
					   .n_depth = 32 };
	f->host = (struct host){
		.calls = &calls,
		.context = f,
		.source = virtual_cpus_source(f->cpus),
		.events = &f->event,
		.descriptions = &f->description,
		.n_events = 1,
		.source_name = "test",
		.mode = EVENT_MODE_BRANCH,
		.is_paced = true,
		.facts = { .has_ipc_lock = true,
			   .n_fds_limit = UINT64_MAX,
			   .memlock_bytes = UINT64_MAX,
			   .page_bytes = (uint64_t)sysconf(_SC_PAGESIZE),
			   .n_online = N_CPUS },
		.possible = virtual_cpus_online(f->cpus),
		.wanted = virtual_cpus_online(f->cpus),
		.identity = { .build_id = { .n_bytes = 20, .bytes = "test" } },
		.text = { .text_ip = TEXT_IP, .stext_ip = TEXT_IP, .etext_ip = TEXT_IP + 0x100000 },
	};
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct log_config config = { .level = LOG_LEVEL_ERROR };

	assert_non_null(f);
	options_set_defaults(&f->options);
	/* always open, from the first look on */
	f->options.gate_open = f->options.gate_close = 0;
	f->options.cache_directory[0] = '\0';
	strcpy(f->options.directory, "/tmp/autofdod-daemon.XXXXXX");
	assert_non_null(mkdtemp(f->options.directory));
	f->log_fd = config.fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	log_init(&f->log, &config);
	make_host(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	daemon_free(f->daemon);
	virtual_cpus_free(f->cpus);
	(void)rmdir(f->options.directory);
	close(f->log_fd);
	free(f);
	return 0;
}

static void start(struct fixture *f)
{
	struct problem problem = { "" };

	assert_int_equal(daemon_new(&f->options, &f->log, &f->host, &f->daemon, &problem), 0);
	assert_int_equal(sampling_start(f->daemon, &problem), 0);
	assert_true(sampler_is_enabled(f->daemon->sampler));
}

static void wait_ms(unsigned int ms)
{
	usleep(1000 * ms);
}

/* Before the fix what was not there yet was closed as descriptor 0. */
static void test_daemon_bad_options_close_nothing(void **state)
{
	struct fixture *f = *state;
	struct problem problem = { "" };
	int saved = dup(STDIN_FILENO);

	assert_true(dup2(f->log_fd, STDIN_FILENO) == STDIN_FILENO);
	f->options.gate_window_ns = 1;
	assert_int_equal(daemon_new(&f->options, &f->log, &f->host, &f->daemon, &problem), -EINVAL);
	assert_true(problem.text[0] != '\0');
	assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0);
	if (saved >= 0) {
		(void)dup2(saved, STDIN_FILENO);
		close(saved);
	}
}

/* Before the fix the whole time since they were enabled was that of the CPUs of now. */
static void test_daemon_cpu_goes_and_the_time_enabled_stays(void **state)
{
	struct fixture *f = *state;
	uint64_t before_ns, after_ns;
	char line[300];

	start(f);
	wait_ms(50);
	sampling_look(f->daemon);
	before_ns = sampling_enabled_ns(f->daemon, clock_monotonic_ns());
	virtual_cpus_set_online(f->cpus, 1, false);
	sampling_look(f->daemon);
	status_line(f->daemon, line, sizeof(line));
	assert_non_null(strstr(line, ", 1 of 1 CPUs, "));
	after_ns = sampling_enabled_ns(f->daemon, clock_monotonic_ns());
	assert_true(before_ns >= 2 * 50 * NS_PER_MS);
	assert_true(after_ns >= before_ns);
	virtual_cpus_set_online(f->cpus, 1, true);
	sampling_look(f->daemon);
	assert_true(sampling_enabled_ns(f->daemon, clock_monotonic_ns()) - after_ns <
		    50 * NS_PER_MS);
}

/* All CPUs gone is a time without any to be sampled, and no end. */
static void test_daemon_without_cpus_waits(void **state)
{
	struct fixture *f = *state;

	start(f);
	virtual_cpus_set_online(f->cpus, 0, false);
	virtual_cpus_set_online(f->cpus, 1, false);
	for (int i = 0; i < 3; i++) {
		wait_ms(20);
		sampling_look(f->daemon);
	}
	assert_string_equal(sampling_state(f->daemon), "waiting");
	virtual_cpus_set_online(f->cpus, 0, true);
	sampling_look(f->daemon);
	assert_string_equal(sampling_state(f->daemon), "sampling");
}

/* Whoever cannot read which CPUs are online goes on with those that were. */
static void test_daemon_online_unreadable_goes_on(void **state)
{
	struct fixture *f = *state;

	start(f);
	f->read_online_error = -EIO;
	sampling_look(f->daemon);
	assert_int_equal(cpus_count(sampler_open_cpus(f->daemon->sampler)), N_CPUS);
	assert_string_equal(sampling_state(f->daemon), "sampling");
}

/* … but for a start it is a failure that a restart may cure: before the fix it was none. */
static void test_daemon_online_unreadable_at_the_start_is_told(void **state)
{
	struct fixture *f = *state;
	struct problem problem = { "" };

	f->read_online_error = -EIO;
	assert_int_equal(daemon_new(&f->options, &f->log, &f->host, &f->daemon, &problem), 0);
	assert_int_equal(daemon_run(f->daemon), SERVICE_FAILED);
	daemon_free(f->daemon);
	f->daemon = NULL;
	f->read_online_error = 0;
	virtual_cpus_set_online(f->cpus, 0, false);
	virtual_cpus_set_online(f->cpus, 1, false);
	assert_int_equal(daemon_new(&f->options, &f->log, &f->host, &f->daemon, &problem), 0);
	assert_int_equal(daemon_run(f->daemon), SERVICE_UNAVAILABLE);
}

/* Before the fix only the time until the gate closed was noted, as long as it stayed closed. */
static void test_daemon_interval_notes_what_was_not_sampled(void **state)
{
	struct fixture *f = *state;
	struct tally_sums sums;

	start(f);
	sampling_stop(f->daemon);
	f->daemon->paused_ns = 7;
	publication_start(f->daemon, PUBLICATION_INTERVAL);
	sums = tally_sums(f->daemon->tally, TALLY_LIVE);
	assert_int_equal(sums.paused_ns, 7);
	/* nothing was counted, nothing is published */
	assert_true(publication_is_idle(&f->daemon->publication));
	assert_int_equal(f->daemon->publication.n_skipped, 1);
}

/* Nothing runs on its own once it is told to stop, not even where a look comes in between. */
static void test_daemon_stopping_does_not_sample_again(void **state)
{
	struct fixture *f = *state;

	start(f);
	f->daemon->is_stopping = true;
	sampling_stop(f->daemon);
	sampling_look(f->daemon);
	assert_false(sampler_is_enabled(f->daemon->sampler));
	f->daemon->is_stopping = false;
	f->daemon->has_played = true;
	sampling_look(f->daemon);
	assert_false(sampler_is_enabled(f->daemon->sampler));
}

/* By hand goes before what gate, budget and CPUs that come would have. */
static void test_daemon_paused_does_not_sample_until_it_is_resumed(void **state)
{
	struct fixture *f = *state;
	uint64_t enabled_ns;

	start(f);
	sampling_pause(f->daemon, true);
	assert_false(sampler_is_enabled(f->daemon->sampler));
	assert_string_equal(sampling_state(f->daemon), "paused");
	enabled_ns = sampling_enabled_ns(f->daemon, clock_monotonic_ns());
	wait_ms(20);
	virtual_cpus_set_online(f->cpus, 1, false);
	sampling_look(f->daemon);
	virtual_cpus_set_online(f->cpus, 1, true);
	sampling_look(f->daemon);
	assert_false(sampler_is_enabled(f->daemon->sampler));
	assert_int_equal(sampling_enabled_ns(f->daemon, clock_monotonic_ns()), enabled_ns);
	assert_true(f->daemon->paused_ns >= 20 * NS_PER_MS);
	sampling_pause(f->daemon, false);
	assert_true(sampler_is_enabled(f->daemon->sampler));
	assert_string_equal(sampling_state(f->daemon), "sampling");
}

/* The tables are cleared by the chain's own steps, and nothing is owed to anybody. */
static void test_daemon_reset_begins_anew(void **state)
{
	struct fixture *f = *state;
	struct tally_sums sums;

	start(f);
	f->daemon->publication.is_owed = true;
	f->daemon->publication.n_total_published = 100;
	f->daemon->paused_ns = 7;
	assert_int_equal(publication_forget(f->daemon), 0);
	assert_false(f->daemon->publication.is_owed);
	/* of a total that is no more: else it were taken off what is unpublished of the next one */
	assert_int_equal(f->daemon->publication.n_total_published, 0);
	assert_false(publication_is_idle(&f->daemon->publication));
	sums = tally_sums(f->daemon->tally, TALLY_LIVE);
	assert_int_equal(sums.paused_ns, 0);
	/* what is noted from now on is what came from now on */
	f->daemon->paused_ns = 9;
	sampling_read_books(f->daemon);
	sums = tally_sums(f->daemon->tally, TALLY_LIVE);
	assert_int_equal(sums.paused_ns, 2);
}

/* Gate and budget take what the settings say now, without a pause. */
static void test_daemon_other_limits_hold_at_once(void **state)
{
	struct fixture *f = *state;

	start(f);
	f->options.gate_open = 0.5;
	f->options.gate_close = 0.25;
	f->options.max_overhead = 0.01;
	daemon_follow_pace_options(f->daemon);
	assert_true(f->daemon->pace.gate.options.open_utilization == 0.5);
	assert_true(f->daemon->pace.budget.options.max_overhead == 0.01);
	/* what cannot be is not taken, and nothing of what came with it */
	f->options.gate_open = 0.1;
	f->options.max_overhead = 0.02;
	daemon_follow_pace_options(f->daemon);
	assert_true(f->daemon->pace.gate.options.open_utilization == 0.5);
	assert_true(f->daemon->pace.budget.options.max_overhead == 0.01);
	f->options.gate_open = 0.5;
	f->options.max_overhead = 0;
	daemon_follow_pace_options(f->daemon);
	assert_true(f->daemon->pace.budget.options.max_overhead == 0.01);
}

/* Runs each CPU to a stack: two branches within the text, or none at all. */
static void put(struct fixture *f, unsigned int cpu, bool is_empty)
{
	static const struct branch_entry entries[] = {
		{ .from_ip = TEXT_IP + 0x200, .to_ip = TEXT_IP + 0x300 },
		{ .from_ip = TEXT_IP + 0x180, .to_ip = TEXT_IP + 0x1f0 },
	};
	const struct virtual_stack stack = { .ip = TEXT_IP + 0x300,
					     .n_branches = UINT64_MAX,
					     .entries = entries,
					     .n_entries = is_empty ? 0 : array_size(entries),
					     .misc = PERF_RECORD_MISC_KERNEL };

	assert_int_equal(virtual_cpus_put(f->cpus, cpu, &stack), VIRTUAL_WRITTEN);
}

static struct metrics_view view(struct fixture *f)
{
	struct metrics_view v;

	sampling_sweep(f->daemon);
	sampling_read_books(f->daemon);
	metrics_view(f->daemon, &v);
	assert_true(v.taken == v.used + v.rejected[SAMPLER_REJECTED_EMPTY - 1] +
				       v.lost[METRICS_LOST_RING] + v.lost[METRICS_LOST_HARDWARE]);
	return v;
}

/* No counter is less than before, and none is unknown that was known. */
static void expect_growth(const struct metrics_view *before, const struct metrics_view *now)
{
	size_t n;
	const struct metric *table = metrics_table(&n);

	for (size_t i = 0; i < n; i++) {
		const double *x = (const double *)((const char *)before + table[i].offset);
		const double *y = (const double *)((const char *)now + table[i].offset);

		for (size_t k = 0; table[i].is_counter && k < table[i].n_values; k++)
			if (isnan(x[k]) != isnan(y[k]) || y[k] < x[k])
				fail_msg("%s goes from %g to %g", table[i].name, x[k], y[k]);
	}
}

static void test_daemon_metrics_are_of_all_samples(void **state)
{
	struct fixture *f = *state;
	struct metrics_view v;

	start(f);
	v = view(f);
	assert_true(v.taken == 0 && v.is_balanced == 1 && v.cpus_online == N_CPUS);
	assert_true(v.cpus[SAMPLER_SAMPLING] == N_CPUS);
	assert_true(v.states[METRICS_SAMPLING] == 1 && v.states[METRICS_OTHER_STATE] == 0);
	assert_true(v.gate_is_open == 1 && v.duty == 1 && v.overhead_max == 0.001);
	assert_true(v.overhead >= 0 && v.ring_bytes > 0 && v.resident_bytes > 0);
	/* nothing was published, nobody can call */
	assert_true(isnan(v.density) && isnan(v.published_at) && isnan(v.clients));
	for (int i = 0; i < 5; i++)
		put(f, 0, false);
	put(f, 1, true);
	put(f, 1, true);
	virtual_cpus_lose(f->cpus, 0, 3);
	assert_true(virtual_cpus_lose_in_hardware(f->cpus, 1, 4, now_ns(NULL)));
	v = view(f);
	assert_true(v.taken == 14 && v.used == 5 && v.unpublished == 5);
	assert_true(v.rejected[SAMPLER_REJECTED_EMPTY - 1] == 2);
	assert_true(v.lost[METRICS_LOST_RING] == 3 && v.lost[METRICS_LOST_HARDWARE] == 4);
	assert_true(v.fill[METRICS_EDGES] > 0 && v.fill[METRICS_RANGES] > 0);
	sampling_pause(f->daemon, true);
	v = view(f);
	assert_true(v.states[METRICS_PAUSED] == 1 && v.states[METRICS_SAMPLING] == 0);
	assert_true(v.cpus[SAMPLER_DISABLED] == N_CPUS);
}

/* CPUs that go take nothing with them, pausing and forgetting neither. */
static void test_daemon_metrics_never_go_back(void **state)
{
	struct fixture *f = *state;
	struct metrics_view before, now;

	start(f);
	before = view(f);
	for (int round = 0; round < 12; round++) {
		unsigned int cpu = (unsigned int)round % N_CPUS;

		put(f, cpu, round % 3 == 0);
		virtual_cpus_lose(f->cpus, cpu, 2);
		(void)virtual_cpus_lose_in_hardware(f->cpus, cpu, 1, now_ns(NULL));
		/* the last of it is in the ring, and the books are of before */
		metrics_view(f->daemon, &now);
		expect_growth(&before, &now);
		before = now;
		virtual_cpus_set_online(f->cpus, cpu, false);
		sampling_look(f->daemon);
		metrics_view(f->daemon, &now);
		expect_growth(&before, &now);
		assert_true(now.cpus_online == N_CPUS - 1 && now.cpus[SAMPLER_OFFLINE] == 1);
		before = now;
		virtual_cpus_set_online(f->cpus, cpu, true);
		sampling_look(f->daemon);
		sampling_pause(f->daemon, true);
		sampling_pause(f->daemon, false);
		now = view(f);
		expect_growth(&before, &now);
		before = now;
	}
	assert_true(now.taken == 12 + 24 + 12);
	publication_forget(f->daemon);
	now = view(f);
	expect_growth(&before, &now);
	assert_true(now.forgotten == 8 && now.unpublished == 0);
}

static int open_kallsyms(void *context, int *ret_fd, struct problem *problem)
{
	static const char text[] = "ffffffff81000100 T first\nffffffff81000200 T second\n";
	int fd = memfd_create("kallsyms", MFD_CLOEXEC);

	(void)context, (void)problem;
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	*ret_fd = fd;
	return 0;
}

/* Who looked on has hung up before it was known what functions there are. */
static void test_daemon_nobody_looks_on_and_nothing_is_counted_for_him(void **state)
{
	const struct host_calls with_kallsyms = { .read_online = read_online,
						  .read_stat = read_stat,
						  .open_kallsyms = open_kallsyms };
	struct fixture *f = *state;
	struct json_object *none = json_object_new_object();
	struct control_call *call = (struct control_call *)f; /* is not answered */
	struct monitors *monitors;

	f->host.calls = &with_kallsyms;
	start(f);
	monitors = &f->daemon->commands.monitors;
	assert_int_equal(monitors_init(f->daemon), 0);
	monitors_call(f->daemon, none, call);
	assert_non_null(monitors->worker);
	monitors_gone(f->daemon, call);
	for (int i = 0; i < 6000 && monitors->worker; i++)
		assert_true(sd_event_run(f->daemon->event, 10000) >= 0);
	assert_null(monitors->worker);
	assert_int_equal(monitors->hot.n, 0);
	assert_null(f->daemon->intake.hot);
	json_object_put(none);
}

static int write_for_long(void *context, struct worker_out *out, struct problem *problem)
{
	(void)context, (void)out, (void)problem;
	wait_ms(60000);
	return 0;
}

/* A writer takes his time: reloads that follow each other do not hold that against him. */
static void test_daemon_reload_does_not_hurry_the_metrics(void **state)
{
	const struct worker_config config = { .is_own_work = true, .result_bytes = 4096 };
	struct fixture *f = *state;
	struct metrics_file *file;
	struct problem problem = { "" };

	strcpy(f->options.metrics_file, "/proc/no/such/file");
	start(f);
	file = &f->daemon->metrics_file;
	strcpy(file->path, f->options.metrics_file);
	assert_int_equal(worker_start(&config, write_for_long, NULL, &file->writer, &problem), 0);
	metrics_file_follow(f->daemon);
	/* longer than what the timer may be late */
	for (uint64_t end_ns = now_ns(NULL) + 2 * NS_PER_S; now_ns(NULL) < end_ns;)
		assert_true(sd_event_run(f->daemon->event, 100000) >= 0);
	assert_int_equal(file->n_failed, 0);
	worker_free(file->writer);
	file->writer = NULL;
}

int main(void)
{
#define DAEMON_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		DAEMON_TEST(test_daemon_bad_options_close_nothing),
		DAEMON_TEST(test_daemon_cpu_goes_and_the_time_enabled_stays),
		DAEMON_TEST(test_daemon_without_cpus_waits),
		DAEMON_TEST(test_daemon_online_unreadable_goes_on),
		DAEMON_TEST(test_daemon_online_unreadable_at_the_start_is_told),
		DAEMON_TEST(test_daemon_interval_notes_what_was_not_sampled),
		DAEMON_TEST(test_daemon_stopping_does_not_sample_again),
		DAEMON_TEST(test_daemon_paused_does_not_sample_until_it_is_resumed),
		DAEMON_TEST(test_daemon_reset_begins_anew),
		DAEMON_TEST(test_daemon_other_limits_hold_at_once),
		DAEMON_TEST(test_daemon_metrics_are_of_all_samples),
		DAEMON_TEST(test_daemon_metrics_never_go_back),
		DAEMON_TEST(test_daemon_nobody_looks_on_and_nothing_is_counted_for_him),
		DAEMON_TEST(test_daemon_reload_does_not_hurry_the_metrics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
