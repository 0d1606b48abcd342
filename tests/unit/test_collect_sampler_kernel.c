/* SPDX-License-Identifier: Apache-2.0 */
/* The sampler on the kernel that runs here, with the one event that every machine has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>
#include "base/problem.h"
#include "base/small_file.h"
#include "collect/record.h"
#include "collect/sampler.h"

#define PERIOD_NS 200000ull
#define RING_PAGES 1u

struct world {
	struct open_facts facts;
	struct sampler_event event;
	struct sampler_kernel kernel;
	struct sampler_source source;
	struct sampler_sink sink;
	struct sampler_watch watch;
	struct cpus online;
	struct sampler *sampler;
	int epoll_fd;
	unsigned int n_watched;
	uint64_t n_taken, weight;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void spin(uint64_t n_ms)
{
	uint64_t until = now_ns() + n_ms * 1000000;

	while (now_ns() < until)
		;
}

static struct sampler_verdict take(void *context, const struct sampler_sample *sample)
{
	struct world *w = context;

	assert_int_equal(sample->mode, EVENT_MODE_IP);
	assert_int_equal(sample->record->n_entries, 0);
	assert_true(sample->record->ip != 0 && sample->time_ns != 0);
	w->n_taken++;
	w->weight += sample->record->period;
	return (struct sampler_verdict){ .use = SAMPLER_USED };
}

static int add(void *context, unsigned int cpu, int fd)
{
	struct world *w = context;
	struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data = { .u32 = cpu } };

	w->n_watched++;
	return epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static void drop(void *context, unsigned int cpu, int fd)
{
	struct world *w = context;

	w->n_watched--;
	assert_int_equal(epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, fd, NULL), 0);
}

/* User code, too: there may be nothing in the kernel that runs long enough. */
static struct perf_event_attr clock_attr(void)
{
	return (struct perf_event_attr){
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(struct perf_event_attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = PERIOD_NS,
		.sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TIME | PERF_SAMPLE_PERIOD,
		.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING |
			       PERF_FORMAT_LOST,
		.disabled = 1,
		.exclude_hv = 1,
		.watermark = 1,
		.sample_id_all = 1,
	};
}

/* False: there is no sysfs. */
static bool read_online(struct cpus *ret_online)
{
	static const char path[] = "/sys/devices/system/cpu/online";
	char text[1024];

	if (small_file_read_text(AT_FDCWD, path, text, sizeof(text)) != 0) {
		print_message("skipped: %s cannot be read\n", path);
		return false;
	}
	assert_int_equal(cpus_parse(text, ret_online, NULL), 0);
	return true;
}

/* False: this process may not, or cannot. */
static bool world_init(struct world *w)
{
	const struct perf_event_attr attr = clock_attr();
	struct problem problem = { "" };

	memset(w, 0, sizeof(*w));
	if (!read_online(&w->online))
		return false;
	assert_int_equal(open_facts_read("/proc", &w->facts, &problem), 0);
	w->facts.page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	w->facts.n_online = cpus_count(&w->online);
	w->event.cpus = w->online;
	w->event.mode = EVENT_MODE_IP;
	if (open_probe(&open_calls_kernel, &attr, cpus_next(&w->online, 0), &w->facts,
		       &w->event.form, &problem) != 0) {
		print_message("skipped: %s\n", problem.text);
		return false;
	}
	w->kernel = (struct sampler_kernel){ &open_calls_kernel, &w->event, 1, &w->facts };
	w->source = sampler_source_kernel(&w->kernel);
	w->sink = (struct sampler_sink){ .context = w, .take = take };
	w->watch = (struct sampler_watch){ w, add, drop };
	w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return true;
}

static void world_start(struct world *w)
{
	const struct sampler_config config = {
		.source = &w->source,
		.events = &w->event,
		.n_events = 1,
		.wanted = w->online,
		.n_cpus = CPUS_MAX,
		.n_ring_pages = RING_PAGES,
		.n_ring_pages_min = 1,
		.facts = w->facts,
		.watch = &w->watch,
	};
	struct problem problem = { "" };
	struct sampler_change change;

	assert_int_equal(sampler_new(&config, &w->sampler, &problem), 0);
	if (sampler_set_online(w->sampler, &w->online, now_ns(), &w->sink, &change, &problem) != 0)
		fail_msg("%s", problem.text);
	assert_int_equal(change.n_opened, cpus_count(&w->online));
	assert_int_equal(w->n_watched, change.n_opened);
}

static struct conservation_result balance(const struct world *w, struct conservation *sums)
{
	struct problem problem = { "" };
	struct conservation_result result;

	if (sampler_conservation(w->sampler, SAMPLER_ALL_CPUS, sums, &result, &problem) != 0)
		fail_msg("%s", problem.text);
	return result;
}

static void read_all(struct world *w)
{
	struct problem problem = { "" };

	if (sampler_read(w->sampler, now_ns(), &w->sink, &problem) != 0)
		fail_msg("%s", problem.text);
}

static void test_sampler_kernel_samples_wake_and_balance(void **state)
{
	struct conservation sums;
	struct epoll_event event;
	uint64_t n_before;
	struct world w;

	(void)state;
	if (!world_init(&w))
		skip();
	world_start(&w);
	/* mapped, so there is no hang-up */
	assert_int_equal(epoll_wait(w.epoll_fd, &event, 1, 0), 0);
	assert_int_equal(sampler_enable(w.sampler, now_ns(), NULL), 0);
	spin(30);
	assert_int_equal(epoll_wait(w.epoll_fd, &event, 1, 1000), 1);
	assert_int_equal(event.events & (EPOLLIN | EPOLLHUP), EPOLLIN);
	assert_false(sampler_drain_cpu(w.sampler, event.data.u32, UINT64_MAX, &w.sink));
	assert_true(w.n_taken > 0);
	assert_int_equal(w.weight, w.n_taken * PERIOD_NS);
	read_all(&w);
	assert_true(balance(&w, &sums).n_taken > 50);
	assert_true(sums.time_enabled_ns > 0 && sums.time_enabled_ns == sums.time_running_ns);

	/* closed is closed */
	assert_int_equal(sampler_disable(w.sampler, NULL), 0);
	assert_false(sampler_sweep(w.sampler, UINT64_MAX, &w.sink));
	n_before = w.n_taken;
	spin(20);
	assert_false(sampler_sweep(w.sampler, UINT64_MAX, &w.sink));
	assert_int_equal(w.n_taken, n_before);
	sampler_free(w.sampler);
	assert_int_equal(w.n_watched, 0);
	close(w.epoll_fd);
}

/* A ring of a page holds some 100 samples: what comes in 100 ms does not fit. */
static void test_sampler_kernel_loses_and_tells(void **state)
{
	struct conservation_result result;
	struct conservation sums;
	struct world w;

	(void)state;
	if (!world_init(&w))
		skip();
	if (w.event.form.given_up & OPEN_WITHOUT_LOST)
		skip();
	world_start(&w);
	assert_int_equal(sampler_enable(w.sampler, now_ns(), NULL), 0);
	spin(100);
	read_all(&w);
	result = balance(&w, &sums);
	assert_true(result.n_lost > 0);
	/* room again: the LOST records come, and say the same as read(2) */
	for (int i = 0; i < 200 && !sums.is_settled; i++) {
		spin(5);
		read_all(&w);
		(void)balance(&w, &sums);
	}
	assert_true(sums.ring.n_lost_records > 0);
	assert_true(sums.ring.n_lost <= sums.n_lost_read);
	if (sums.is_settled)
		assert_int_equal(sums.ring.n_lost, sums.n_lost_read);
	sampler_free(w.sampler);
	close(w.epoll_fd);
}

static void test_sampler_kernel_period_and_reopening_balance(void **state)
{
	struct conservation_result result;
	struct sampler_change change;
	struct cpus none = { 0 };
	struct problem problem = { "" };
	struct conservation sums;
	struct world w;

	(void)state;
	if (!world_init(&w))
		skip();
	world_start(&w);
	assert_int_equal(sampler_enable(w.sampler, now_ns(), NULL), 0);
	for (uint64_t i = 0; i < 6; i++) {
		spin(10);
		if (sampler_set_period(w.sampler, PERIOD_NS * (2 + i % 3), now_ns(), &w.sink,
				       &problem) != 0)
			fail_msg("%s", problem.text);
		spin(10);
		assert_int_equal(
			sampler_set_online(w.sampler, &none, now_ns(), &w.sink, &change, &problem),
			0);
		assert_int_equal(w.n_watched, 0);
		result = balance(&w, &sums);
		assert_int_equal(result.n_used, w.n_taken);
		assert_int_equal(sampler_set_online(w.sampler, &w.online, now_ns(), &w.sink,
						    &change, &problem),
				 0);
		assert_int_equal(change.n_opened, cpus_count(&w.online));
	}
	read_all(&w);
	result = balance(&w, &sums);
	assert_true(w.n_taken > 50);
	assert_int_equal(result.n_used, w.n_taken);
	sampler_free(w.sampler);
	close(w.epoll_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sampler_kernel_samples_wake_and_balance),
		cmocka_unit_test(test_sampler_kernel_loses_and_tells),
		cmocka_unit_test(test_sampler_kernel_period_and_reopening_balance),
	};

	return cmocka_run_group_tests_name("collect/sampler_kernel", tests, NULL, NULL);
}
