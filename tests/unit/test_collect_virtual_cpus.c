/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel made of memory, held against what perf does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/problem.h"
#include "collect/ring_reader.h"
#include "collect/ring_writer.h"
#include "collect/virtual_cpus.h"

#define PERIOD 1000u
#define DEPTH 4u
/* header, ip, time, period, nr, entries */
#define SAMPLE_BYTES (5 * 8 + DEPTH * sizeof(struct branch_entry))

struct fixture {
	uint64_t now_ns;
	size_t n_ring_bytes;
	struct perf_event_attr attr;
	struct virtual_cpus *cpus;
	struct sampler_source source;
	int fd;
	void *memory;
	struct ring_reader reader;
	struct ring_bounce bounce;
};

static uint64_t read_clock(void *context)
{
	return ((struct fixture *)context)->now_ns;
}

static void make_kernel(struct fixture *f, unsigned int n_cpus)
{
	const struct virtual_cpus_config config = {
		.n_cpus = n_cpus,
		.attrs = &f->attr,
		.n_events = 1,
		.now_ns = read_clock,
		.context = f,
	};

	assert_int_equal(virtual_cpus_new(&config, &f->cpus), 0);
	f->source = virtual_cpus_source(f->cpus);
}

static void open_cpu(struct fixture *f, unsigned int cpu)
{
	struct problem problem;

	assert_int_equal(f->source.open(f->source.context, 0, cpu, &f->fd, &problem), 0);
}

static void map_ring(struct fixture *f)
{
	const struct record_format format = {
		.sample = { .sample_type = f->attr.sample_type,
			    .branch_sample_type = f->attr.branch_sample_type,
			    .period = f->attr.sample_period },
	};
	const struct open_calls *calls = f->source.calls;
	size_t n_bytes = f->n_ring_bytes + (size_t)sysconf(_SC_PAGESIZE);

	assert_int_equal(calls->map(calls->context, f->fd, n_bytes, &f->memory), 0);
	assert_int_equal(record_layout_of(&format, &f->reader.layout), 0);
	assert_int_equal(ring_init(&f->reader.ring, f->memory, n_bytes, &f->bounce), 0);
}

static int control(struct fixture *f, unsigned long request, const void *argument)
{
	const struct open_calls *calls = f->source.calls;

	return calls->control(calls->context, f->fd, request, (unsigned long)argument);
}

/* One CPU more than needed, and CPU 1 sampling. */
static void set_up(struct fixture *f, uint64_t period)
{
	*f = (struct fixture){
		.now_ns = 5000,
		.n_ring_bytes = (size_t)sysconf(_SC_PAGESIZE),
		.attr = virtual_cpus_attr(period),
	};
	make_kernel(f, 2);
	open_cpu(f, 1);
	map_ring(f);
	assert_int_equal(control(f, PERF_EVENT_IOC_ENABLE, NULL), 0);
}

static void tear_down(struct fixture *f)
{
	const struct open_calls *calls = f->source.calls;
	const char *what = "";
	size_t n_bytes = f->n_ring_bytes + (size_t)sysconf(_SC_PAGESIZE);

	if (ring_stats_check(&f->reader.ring.stats, &what) != 0)
		fail_msg("%s", what);
	calls->close(calls->context, f->fd);
	assert_int_equal(calls->unmap(calls->context, f->memory, n_bytes), 0);
	virtual_cpus_free(f->cpus);
}

static enum virtual_put put(struct fixture *f, uint64_t number, uint64_t n_branches)
{
	struct branch_entry entries[DEPTH];
	struct virtual_stack stack = {
		.ip = number,
		.time_ns = 2 * number,
		.n_branches = n_branches,
		.entries = entries,
		.n_entries = DEPTH,
		.misc = PERF_RECORD_MISC_KERNEL,
	};

	for (unsigned int i = 0; i < DEPTH; i++)
		entries[i] = (struct branch_entry){ number, number + i, i };
	return virtual_cpus_put(f->cpus, 1, &stack);
}

static void assert_reads(struct fixture *f, uint64_t first, uint64_t last, uint64_t period)
{
	struct record record;

	ring_begin(&f->reader.ring, UINT64_MAX);
	for (uint64_t number = first; number <= last; number++) {
		const struct record_sample *sample = &record.sample;

		assert_true(ring_reader_next(&f->reader, &record));
		assert_int_equal(record.kind, RECORD_SAMPLE);
		assert_int_equal(record.misc, PERF_RECORD_MISC_KERNEL);
		assert_int_equal(record.time_ns, 2 * number);
		assert_int_equal(sample->ip, number);
		assert_int_equal(sample->period, period);
		assert_int_equal(sample->n_entries, DEPTH);
		for (unsigned int i = 0; i < DEPTH; i++) {
			assert_int_equal(sample->entries[i].from_ip, number);
			assert_int_equal(sample->entries[i].to_ip, number + i);
			assert_int_equal(sample->entries[i].flags, i);
		}
	}
	assert_false(ring_reader_next(&f->reader, &record));
	ring_end(&f->reader.ring);
}

static struct event_reading read_counts(struct fixture *f)
{
	const struct open_calls *calls = f->source.calls;
	uint64_t words[4];

	assert_int_equal(calls->read(calls->context, f->fd, words, sizeof(words)), sizeof(words));
	return (struct event_reading){ words[0], words[1], words[2], words[3] };
}

static void test_virtual_cpus_stack_of_a_period_is_a_sample(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f, PERIOD);
	for (uint64_t i = 1; i <= 10; i++)
		assert_int_equal(put(&f, i, UINT64_MAX), VIRTUAL_WRITTEN);
	assert_reads(&f, 1, 10, PERIOD);
	assert_int_equal(read_counts(&f).count, 10 * PERIOD);
	tear_down(&f);
}

static void test_virtual_cpus_every_record_of_the_format_can_be_read(void **state)
{
	static const uint64_t types[] = {
		PERF_SAMPLE_BRANCH_STACK,
		PERF_SAMPLE_IP | PERF_SAMPLE_TIME,
		PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME |
			PERF_SAMPLE_ID | PERF_SAMPLE_STREAM_ID | PERF_SAMPLE_CPU |
			PERF_SAMPLE_PERIOD | PERF_SAMPLE_BRANCH_STACK,
	};

	(void)state;
	for (size_t i = 0; i < array_size(types) * 2; i++) {
		struct fixture f = {
			.n_ring_bytes = (size_t)sysconf(_SC_PAGESIZE),
			.attr = virtual_cpus_attr(PERIOD),
		};
		uint64_t type = types[i / 2];
		struct record record;

		f.attr.sample_type = type;
		if (i % 2) /* HW_INDEX */
			f.attr.branch_sample_type |= 1u << 17;
		make_kernel(&f, 2);
		open_cpu(&f, 1);
		map_ring(&f);
		assert_int_equal(control(&f, PERF_EVENT_IOC_ENABLE, NULL), 0);
		virtual_cpus_lose(f.cpus, 1, 3);
		assert_int_equal(put(&f, 7, UINT64_MAX), VIRTUAL_WRITTEN);
		assert_true(virtual_cpus_lose_in_hardware(f.cpus, 1, 5, 99));
		ring_begin(&f.reader.ring, UINT64_MAX);
		assert_true(ring_reader_next(&f.reader, &record));
		assert_int_equal(record.sample.n_entries,
				 type & PERF_SAMPLE_BRANCH_STACK ? DEPTH : 0);
		assert_int_equal(record.sample.ip, type & PERF_SAMPLE_IP ? 7 : 0);
		assert_int_equal(record.time_ns, type & PERF_SAMPLE_TIME ? 14 : 0);
		assert_false(ring_reader_next(&f.reader, &record));
		ring_end(&f.reader.ring);
		assert_int_equal(f.reader.ring.stats.n_lost, 3);
		assert_int_equal(f.reader.ring.stats.n_hw_lost, 5);
		assert_int_equal(f.reader.ring.stats.n_records, 3);
		assert_int_equal(read_counts(&f).count, 9 * PERIOD);
		tear_down(&f);
	}
}

static void test_virtual_cpus_counts_down_over_several_stacks(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f, PERIOD);
	assert_int_equal(put(&f, 1, 400), VIRTUAL_NOT_DUE);
	assert_int_equal(put(&f, 2, 400), VIRTUAL_NOT_DUE);
	assert_int_equal(put(&f, 3, 400), VIRTUAL_WRITTEN);
	assert_int_equal(put(&f, 4, 400), VIRTUAL_NOT_DUE);
	assert_int_equal(put(&f, 5, 400), VIRTUAL_WRITTEN); /* 2000 */
	assert_int_equal(put(&f, 6, 999), VIRTUAL_NOT_DUE);
	assert_int_equal(put(&f, 7, 1), VIRTUAL_WRITTEN);
	assert_int_equal(read_counts(&f).count, 3000);
	tear_down(&f);
}

static void test_virtual_cpus_another_period_begins_anew(void **state)
{
	struct fixture f;
	uint64_t period = 300, none = 0, too_long = 1ull << 63;

	(void)state;
	set_up(&f, PERIOD);
	assert_int_equal(put(&f, 1, 900), VIRTUAL_NOT_DUE);
	assert_int_equal(control(&f, PERF_EVENT_IOC_PERIOD, &period), 0);
	assert_int_equal(put(&f, 2, 200), VIRTUAL_NOT_DUE);
	assert_int_equal(put(&f, 3, 100), VIRTUAL_WRITTEN);
	assert_int_equal(put(&f, 4, UINT64_MAX), VIRTUAL_WRITTEN);
	assert_reads(&f, 3, 4, 300);
	assert_int_equal(read_counts(&f).count, 1500);
	assert_int_equal(control(&f, PERF_EVENT_IOC_PERIOD, &none), -EINVAL);
	assert_int_equal(control(&f, PERF_EVENT_IOC_PERIOD, &too_long), -EINVAL);
	assert_int_equal(control(&f, PERF_EVENT_IOC_REFRESH, NULL), -ENOTTY);
	tear_down(&f);
}

static void test_virtual_cpus_disabled_event_counts_nothing_and_keeps_what_was_left(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f, PERIOD);
	f.now_ns += 70;
	assert_int_equal(put(&f, 1, 900), VIRTUAL_NOT_DUE);
	assert_int_equal(control(&f, PERF_EVENT_IOC_DISABLE, NULL), 0);
	f.now_ns += 1000;
	assert_false(virtual_cpus_is_on(f.cpus, 1));
	assert_false(virtual_cpus_has_room(f.cpus, 1, 1));
	assert_int_equal(put(&f, 2, UINT64_MAX), VIRTUAL_OFF);
	virtual_cpus_lose(f.cpus, 1, 4);
	assert_int_equal(control(&f, PERF_EVENT_IOC_ENABLE, NULL), 0);
	f.now_ns += 30;
	assert_int_equal(put(&f, 3, 100), VIRTUAL_WRITTEN);
	assert_int_equal(read_counts(&f).count, 1000);
	assert_int_equal(read_counts(&f).n_lost, 0);
	assert_int_equal(read_counts(&f).time_enabled_ns, 100);
	assert_int_equal(read_counts(&f).time_running_ns, 100);
	tear_down(&f);
}

static void test_virtual_cpus_event_that_takes_turns_runs_less_than_it_is_enabled(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f, PERIOD);
	f.now_ns += 1000;
	virtual_cpus_share(f.cpus, 1, 250);
	f.now_ns += 4000;
	assert_int_equal(read_counts(&f).time_enabled_ns, 5000);
	assert_int_equal(read_counts(&f).time_running_ns, 2000);
	tear_down(&f);
}

static void test_virtual_cpus_full_ring_loses_and_tells_with_the_next_that_fits(void **state)
{
	struct fixture f;
	uint64_t n_fit;

	(void)state;
	set_up(&f, PERIOD);
	n_fit = (f.n_ring_bytes - 1) / SAMPLE_BYTES;
	for (uint64_t i = 1; i <= n_fit; i++) {
		assert_true(virtual_cpus_has_room(f.cpus, 1, DEPTH));
		assert_int_equal(put(&f, i, UINT64_MAX), VIRTUAL_WRITTEN);
	}
	assert_false(virtual_cpus_has_room(f.cpus, 1, DEPTH));
	assert_int_equal(put(&f, 1000, UINT64_MAX), VIRTUAL_LOST);
	assert_int_equal(put(&f, 1000, UINT64_MAX), VIRTUAL_LOST);
	assert_reads(&f, 1, n_fit, PERIOD);
	assert_true(virtual_cpus_has_room(f.cpus, 1, DEPTH));
	assert_int_equal(f.reader.ring.stats.n_lost, 0);
	assert_int_equal(put(&f, n_fit + 1, UINT64_MAX), VIRTUAL_WRITTEN);
	assert_reads(&f, n_fit + 1, n_fit + 1, PERIOD);
	assert_int_equal(f.reader.ring.stats.n_lost, 2);
	assert_int_equal(read_counts(&f).n_lost, 2);
	assert_int_equal(read_counts(&f).count, (n_fit + 3) * PERIOD);
	tear_down(&f);
}

/* What has room is written, however little there is. */
static void test_virtual_cpus_room_is_told_rightly_at_every_fill(void **state)
{
	struct branch_entry entries[100] = { { 0 } };
	struct fixture f;
	uint64_t n_waits = 0;

	(void)state;
	set_up(&f, PERIOD);
	for (uint32_t i = 0; i < 5000; i++) {
		struct virtual_stack stack = {
			.n_branches = UINT64_MAX,
			.entries = entries,
			.n_entries = i * 7 % array_size(entries),
		};
		struct record record;

		if (virtual_cpus_has_room(f.cpus, 1, stack.n_entries)) {
			assert_int_equal(virtual_cpus_put(f.cpus, 1, &stack), VIRTUAL_WRITTEN);
			continue;
		}
		n_waits++;
		if (i % 3 == 0)
			virtual_cpus_lose(f.cpus, 1, 1);
		ring_begin(&f.reader.ring, 2000);
		while (ring_reader_next(&f.reader, &record))
			;
		ring_end(&f.reader.ring);
	}
	assert_in_range(n_waits, 100, 4900);
	tear_down(&f);
}

static bool is_woken(int epoll)
{
	struct epoll_event event;

	return epoll_wait(epoll, &event, 1, 0) == 1;
}

static int watch(int fd)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	assert_true(epoll >= 0);
	assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
	return epoll;
}

static void test_virtual_cpus_wakes_once_each_watermark(void **state)
{
	struct fixture f;
	uint64_t n_half, n_woken = 0;
	int epoll;

	(void)state;
	set_up(&f, PERIOD);
	n_half = f.n_ring_bytes / 2 / SAMPLE_BYTES;
	epoll = watch(f.fd);
	assert_false(is_woken(epoll));
	for (uint64_t i = 1; i <= n_half; i++) {
		put(&f, i, UINT64_MAX);
		assert_false(is_woken(epoll));
	}
	put(&f, n_half + 1, UINT64_MAX);
	assert_true(is_woken(epoll));
	assert_false(is_woken(epoll));
	assert_reads(&f, 1, n_half + 1, PERIOD);
	for (uint64_t i = 0; i < 1000; i++) {
		uint64_t number = n_half + 2 + i;

		put(&f, number, UINT64_MAX);
		n_woken += is_woken(epoll);
		assert_reads(&f, number, number, PERIOD);
	}
	assert_in_range(n_woken, 1000 * SAMPLE_BYTES / (f.n_ring_bytes / 2) - 1,
			1000 * SAMPLE_BYTES / (f.n_ring_bytes / 2) + 1);
	close(epoll);
	tear_down(&f);
}

static void test_virtual_cpus_watermark_of_the_attr_is_kept(void **state)
{
	struct fixture f = {
		.n_ring_bytes = (size_t)sysconf(_SC_PAGESIZE),
		.attr = virtual_cpus_attr(PERIOD),
	};
	int epoll;

	(void)state;
	f.attr.wakeup_watermark = 2 * SAMPLE_BYTES;
	make_kernel(&f, 2);
	open_cpu(&f, 1);
	map_ring(&f);
	assert_int_equal(control(&f, PERF_EVENT_IOC_ENABLE, NULL), 0);
	epoll = watch(f.fd);
	for (uint64_t i = 1; i <= 9; i++) {
		put(&f, i, UINT64_MAX);
		assert_int_equal(is_woken(epoll), i > 2 && i % 2 == 1);
	}
	close(epoll);
	tear_down(&f);
}

static void test_virtual_cpus_cpu_that_goes_takes_its_event_along(void **state)
{
	struct fixture f;
	struct cpus online;
	struct problem problem;
	int fd = -1;

	(void)state;
	set_up(&f, PERIOD);
	put(&f, 1, UINT64_MAX);
	f.now_ns += 10;
	virtual_cpus_set_online(f.cpus, 1, false);
	online = virtual_cpus_online(f.cpus);
	assert_true(cpus_has(&online, 0));
	assert_false(cpus_has(&online, 1));
	f.now_ns += 10;
	assert_int_equal(put(&f, 2, UINT64_MAX), VIRTUAL_OFF);
	assert_int_equal(f.source.open(f.source.context, 0, 1, &fd, &problem), OPEN_E_OFFLINE);
	virtual_cpus_set_online(f.cpus, 1, true);
	assert_int_equal(control(&f, PERF_EVENT_IOC_ENABLE, NULL), 0);
	assert_int_equal(put(&f, 3, UINT64_MAX), VIRTUAL_OFF);
	assert_int_equal(read_counts(&f).count, PERIOD);
	assert_int_equal(read_counts(&f).time_enabled_ns, 10);
	assert_reads(&f, 1, 1, PERIOD);
	tear_down(&f);
}

static void test_virtual_cpus_open_answers_for_every_cpu(void **state)
{
	struct fixture f;
	struct problem problem;
	int fd = -1;

	(void)state;
	set_up(&f, PERIOD);
	assert_int_equal(f.source.open(f.source.context, 0, 2, &fd, &problem), OPEN_E_OFFLINE);
	assert_int_equal(f.source.open(f.source.context, 1, 0, &fd, &problem), OPEN_E_UNSUPPORTED);
	assert_int_equal(f.source.open(f.source.context, 0, 1, &fd, &problem), OPEN_E_BUSY);
	virtual_cpus_refuse(f.cpus, 0, OPEN_E_MEMORY);
	assert_int_equal(f.source.open(f.source.context, 0, 0, &fd, &problem), OPEN_E_MEMORY);
	assert_string_equal(problem.text, "virtual cpu 0: refused");
	virtual_cpus_refuse(f.cpus, 0, 0);
	assert_int_equal(f.source.open(f.source.context, 0, 0, &fd, &problem), 0);
	assert_true(fd >= 0 && fd != f.fd);
	f.source.calls->close(f.source.calls->context, fd);
	assert_int_equal(
		f.source.calls->control(f.source.calls->context, fd, PERF_EVENT_IOC_ENABLE, 0),
		-EBADF);
	tear_down(&f);
}

static void test_virtual_cpus_event_closed_and_opened_is_a_new_one(void **state)
{
	struct fixture f;
	uint64_t id = 0, next_id = 0;
	void *memory, *second;
	const struct open_calls *calls;
	size_t n_bytes;

	(void)state;
	set_up(&f, PERIOD);
	calls = f.source.calls;
	n_bytes = f.n_ring_bytes + (size_t)sysconf(_SC_PAGESIZE);
	put(&f, 1, UINT64_MAX);
	assert_int_equal(control(&f, PERF_EVENT_IOC_ID, &id), 0);
	memory = f.memory;
	calls->close(calls->context, f.fd);
	assert_int_equal(put(&f, 2, UINT64_MAX), VIRTUAL_OFF);
	open_cpu(&f, 1);
	assert_int_equal(control(&f, PERF_EVENT_IOC_ENABLE, NULL), 0);
	assert_int_equal(put(&f, 2, UINT64_MAX), VIRTUAL_OFF); /* no ring */
	map_ring(&f);
	assert_int_equal(calls->map(calls->context, f.fd, n_bytes, &second), -EBUSY);
	assert_int_equal(put(&f, 3, UINT64_MAX), VIRTUAL_WRITTEN);
	assert_int_equal(control(&f, PERF_EVENT_IOC_ID, &next_id), 0);
	assert_int_not_equal(id, next_id);
	/* the old one's ring is still there, and unmapping it leaves the new one alone */
	assert_int_equal(calls->unmap(calls->context, memory, n_bytes), 0);
	assert_int_equal(put(&f, 4, UINT64_MAX), VIRTUAL_WRITTEN);
	assert_reads(&f, 3, 4, PERIOD);
	assert_int_equal(read_counts(&f).count, 2 * PERIOD);
	tear_down(&f);
}

static void test_virtual_cpus_throttled_event_tells_and_stands_still(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f, PERIOD);
	assert_true(virtual_cpus_throttle(f.cpus, 1, true, 1));
	assert_int_equal(put(&f, 1, UINT64_MAX), VIRTUAL_OFF);
	assert_true(virtual_cpus_throttle(f.cpus, 1, false, 2));
	assert_int_equal(put(&f, 2, UINT64_MAX), VIRTUAL_WRITTEN);
	assert_reads(&f, 2, 2, PERIOD);
	assert_int_equal(f.reader.ring.stats.n_throttles, 1);
	assert_int_equal(f.reader.ring.stats.n_unthrottles, 1);
	assert_int_equal(f.reader.ring.stats.n_malformed, 0);
	tear_down(&f);
}

static void test_virtual_cpus_stack_that_no_record_holds_counts_nothing(void **state)
{
	static struct branch_entry entries[2800];
	struct virtual_stack stack = { .n_branches = UINT64_MAX, .entries = entries };
	struct fixture f = {
		.n_ring_bytes = 128 << 10,
		.attr = virtual_cpus_attr(PERIOD),
	};
	struct record record;

	(void)state;
	make_kernel(&f, 2);
	open_cpu(&f, 1);
	map_ring(&f);
	assert_int_equal(control(&f, PERF_EVENT_IOC_ENABLE, NULL), 0);
	stack.n_entries = 2726;
	assert_true(virtual_cpus_has_room(f.cpus, 1, stack.n_entries));
	assert_int_equal(virtual_cpus_put(f.cpus, 1, &stack), VIRTUAL_WRITTEN);
	stack.n_entries = 2727;
	assert_int_equal(virtual_cpus_put(f.cpus, 1, &stack), VIRTUAL_TOO_LARGE);
	assert_false(virtual_cpus_has_room(f.cpus, 1, 2727));
	ring_begin(&f.reader.ring, UINT64_MAX);
	assert_true(ring_reader_next(&f.reader, &record));
	assert_int_equal(record.sample.n_entries, 2726);
	assert_false(ring_reader_next(&f.reader, &record));
	ring_end(&f.reader.ring);
	assert_int_equal(read_counts(&f).count, PERIOD);
	tear_down(&f);
}

static void test_virtual_cpus_child_puts_while_the_parent_reads(void **state)
{
	const uint64_t n = 5000;
	struct record record;
	struct fixture f;
	uint64_t n_read = 0;
	int status = 0;
	pid_t pid;

	(void)state;
	set_up(&f, PERIOD);
	pid = fork();
	if (pid == 0) {
		for (uint64_t i = 1; i <= n; i++) {
			while (!virtual_cpus_has_room(f.cpus, 1, DEPTH))
				usleep(50);
			put(&f, i, UINT64_MAX);
		}
		_exit(0);
	}
	while (n_read < n) {
		ring_begin(&f.reader.ring, UINT64_MAX);
		while (ring_reader_next(&f.reader, &record))
			assert_int_equal(record.sample.ip, ++n_read);
		ring_end(&f.reader.ring);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(read_counts(&f).count, n * PERIOD);
	tear_down(&f);
}

static void test_virtual_cpus_attr_that_cannot_be_written_is_refused(void **state)
{
	struct perf_event_attr attr = virtual_cpus_attr(PERIOD);
	struct virtual_cpus_config config = {
		.n_cpus = 1, .attrs = &attr, .n_events = 1, .now_ns = read_clock
	};
	struct virtual_cpus *cpus = NULL;

	(void)state;
	attr.sample_type |= PERF_SAMPLE_CALLCHAIN;
	assert_int_equal(virtual_cpus_new(&config, &cpus), -EINVAL);
	attr = virtual_cpus_attr(0);
	assert_int_equal(virtual_cpus_new(&config, &cpus), -EINVAL);
	attr = virtual_cpus_attr(PERIOD);
	attr.freq = 1;
	assert_int_equal(virtual_cpus_new(&config, &cpus), -EINVAL);
	attr = virtual_cpus_attr(PERIOD);
	attr.read_format |= PERF_FORMAT_GROUP;
	assert_int_equal(virtual_cpus_new(&config, &cpus), -EINVAL);
	attr = virtual_cpus_attr(PERIOD);
	config.n_cpus = 0;
	assert_int_equal(virtual_cpus_new(&config, &cpus), -EINVAL);
	config.n_cpus = CPUS_MAX + 1;
	assert_int_equal(virtual_cpus_new(&config, &cpus), -EINVAL);
	assert_null(cpus);
}

static void test_virtual_cpus_wait_is_of_use_only_for_what_can_fit(void **state)
{
	struct fixture f;
	uint32_t n_largest;

	(void)state;
	set_up(&f, PERIOD);
	n_largest = (uint32_t)((f.n_ring_bytes - 8 - 40) / sizeof(struct branch_entry));
	assert_true(virtual_cpus_has_room(f.cpus, 1, n_largest));
	assert_false(virtual_cpus_is_full(f.cpus, 1, n_largest));
	put(&f, 1, UINT64_MAX);
	assert_false(virtual_cpus_has_room(f.cpus, 1, n_largest));
	assert_true(virtual_cpus_is_full(f.cpus, 1, n_largest));
	assert_false(virtual_cpus_is_full(f.cpus, 1, n_largest + 1));
	assert_false(virtual_cpus_is_full(f.cpus, 1, DEPTH));
	assert_false(virtual_cpus_is_full(f.cpus, 1, 2727));
	assert_int_equal(control(&f, PERF_EVENT_IOC_DISABLE, NULL), 0);
	assert_false(virtual_cpus_is_full(f.cpus, 1, n_largest));
	tear_down(&f);
}

static void test_virtual_cpus_writer_never_fills_its_ring_whole(void **state)
{
	uint64_t memory[8192 / 8] = { 0 }, record[4096 / 8] = { 0 };
	struct ring_writer writer;

	(void)state;
	ring_writer_init(&writer, memory, 4096, 0);
	assert_true(ring_writer_can_have_room(&writer, 4088));
	assert_true(ring_writer_has_room(&writer, 4088));
	assert_false(ring_writer_can_have_room(&writer, 4096));
	assert_false(ring_writer_put(&writer, record, 4096));
	/* a LOST record of 24 bytes is due now */
	assert_true(ring_writer_can_have_room(&writer, 4064));
	assert_false(ring_writer_can_have_room(&writer, 4072));
	assert_true(ring_writer_put(&writer, record, 4064));
}

static void test_virtual_cpus_other_records_are_put_if_they_can_be(void **state)
{
	static uint64_t body[65528 / 8];
	struct fixture f = { .n_ring_bytes = 256 << 10, .attr = virtual_cpus_attr(PERIOD) };
	struct record record;

	(void)state;
	make_kernel(&f, 2);
	assert_false(virtual_cpus_put_record(f.cpus, 1, 99, body, 8, 1));
	open_cpu(&f, 1);
	assert_false(virtual_cpus_put_record(f.cpus, 1, 99, body, 8, 1));
	map_ring(&f);
	/* with its header and a trailer of the time */
	assert_true(virtual_cpus_put_record(f.cpus, 1, 99, body, 65528 - 16, 1));
	assert_false(virtual_cpus_put_record(f.cpus, 1, 99, body, 65528 - 8, 1));
	ring_begin(&f.reader.ring, UINT64_MAX);
	assert_false(ring_reader_next(&f.reader, &record));
	ring_end(&f.reader.ring);
	assert_int_equal(f.reader.ring.stats.n_record_bytes, 65528);
	virtual_cpus_set_online(f.cpus, 1, false);
	assert_false(virtual_cpus_put_record(f.cpus, 1, 99, body, 8, 1));
	tear_down(&f);
}

static void test_virtual_cpus_reading_is_of_the_words_asked_for(void **state)
{
	struct fixture f = {
		.now_ns = 7,
		.n_ring_bytes = (size_t)sysconf(_SC_PAGESIZE),
		.attr = virtual_cpus_attr(PERIOD),
	};
	const struct open_calls *calls;
	uint64_t words[6] = { 0 }, id = 0;

	(void)state;
	f.attr.read_format = PERF_FORMAT_ID | 16; /* LOST */
	make_kernel(&f, 2);
	calls = f.source.calls;
	open_cpu(&f, 1);
	map_ring(&f);
	assert_int_equal(control(&f, PERF_EVENT_IOC_ENABLE, NULL), 0);
	assert_int_equal(control(&f, PERF_EVENT_IOC_ID, &id), 0);
	virtual_cpus_lose(f.cpus, 1, 2);
	assert_int_equal(calls->read(calls->context, f.fd, words, sizeof(words)), 24);
	assert_int_equal(words[0], 2 * PERIOD);
	assert_int_equal(words[1], id);
	assert_int_equal(words[2], 2);
	assert_int_equal(calls->read(calls->context, f.fd, words, 23), -ENOSPC);
	tear_down(&f);
}

static void test_virtual_cpus_only_rings_of_whole_powers_of_two_are_mapped(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const size_t sizes[] = { 0, 100, page, page + 100, 2 * page + 2048, 4 * page };
	struct fixture f = { .n_ring_bytes = page, .attr = virtual_cpus_attr(PERIOD) };
	const struct open_calls *calls;

	(void)state;
	make_kernel(&f, 2);
	calls = f.source.calls;
	open_cpu(&f, 1);
	for (size_t i = 0; i < array_size(sizes); i++)
		assert_int_equal(calls->map(calls->context, f.fd, sizes[i], &f.memory), -EINVAL);
	map_ring(&f);
	tear_down(&f);
}

static void test_virtual_cpus_descriptors_are_told_apart(void **state)
{
	struct fixture f = { .attr = virtual_cpus_attr(PERIOD) };
	const struct open_calls *calls;
	struct virtual_cpus_stats stats;
	struct problem problem;
	int fds[200], highest = 0;

	(void)state;
	make_kernel(&f, 200);
	calls = f.source.calls;
	for (unsigned int i = 0; i < 200; i++) {
		assert_int_equal(f.source.open(f.source.context, 0, i, &fds[i], &problem), 0);
		highest = fds[i] > highest ? fds[i] : highest;
	}
	for (unsigned int i = 0; i < 200; i += 2)
		assert_int_equal(calls->control(calls->context, fds[i], PERF_EVENT_IOC_ENABLE, 0),
				 0);
	/* descriptors that are not of events */
	for (int fd = -1; fd < 3; fd++)
		assert_int_equal(calls->control(calls->context, fd, PERF_EVENT_IOC_ENABLE, 0),
				 -EBADF);
	for (int fd = highest + 1; fd < highest + 1000; fd++)
		assert_int_equal(calls->control(calls->context, fd, PERF_EVENT_IOC_ENABLE, 0),
				 -EBADF);
	virtual_cpus_stats(f.cpus, &stats);
	assert_int_equal(stats.n_opens, 200);
	assert_int_equal(stats.n_open, 200);
	assert_int_equal(stats.n_enabled, 100);
	assert_int_equal(stats.n_mapped, 0);
	for (unsigned int i = 0; i < 150; i++)
		calls->close(calls->context, fds[i]);
	virtual_cpus_stats(f.cpus, &stats);
	assert_int_equal(stats.n_open, 50);
	assert_int_equal(stats.n_enabled, 25);
	assert_int_equal(stats.n_closes, 150);
	virtual_cpus_free(f.cpus);
}

static void test_virtual_cpus_out_of_descriptors_is_told_as_such(void **state)
{
	struct fixture f = { .attr = virtual_cpus_attr(PERIOD) };
	struct rlimit limit, none;
	struct problem problem;
	int fd = -1, r;

	(void)state;
	make_kernel(&f, 1);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){ .rlim_cur = 3, .rlim_max = limit.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	r = f.source.open(f.source.context, 0, 0, &fd, &problem);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(r, OPEN_E_LIMIT);
	assert_string_equal(problem.text, "virtual cpu 0: too few file descriptors");
	virtual_cpus_free(f.cpus);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_virtual_cpus_stack_of_a_period_is_a_sample),
		cmocka_unit_test(test_virtual_cpus_every_record_of_the_format_can_be_read),
		cmocka_unit_test(test_virtual_cpus_counts_down_over_several_stacks),
		cmocka_unit_test(test_virtual_cpus_another_period_begins_anew),
		cmocka_unit_test(
			test_virtual_cpus_disabled_event_counts_nothing_and_keeps_what_was_left),
		cmocka_unit_test(
			test_virtual_cpus_event_that_takes_turns_runs_less_than_it_is_enabled),
		cmocka_unit_test(
			test_virtual_cpus_full_ring_loses_and_tells_with_the_next_that_fits),
		cmocka_unit_test(test_virtual_cpus_room_is_told_rightly_at_every_fill),
		cmocka_unit_test(test_virtual_cpus_wakes_once_each_watermark),
		cmocka_unit_test(test_virtual_cpus_watermark_of_the_attr_is_kept),
		cmocka_unit_test(test_virtual_cpus_cpu_that_goes_takes_its_event_along),
		cmocka_unit_test(test_virtual_cpus_open_answers_for_every_cpu),
		cmocka_unit_test(test_virtual_cpus_event_closed_and_opened_is_a_new_one),
		cmocka_unit_test(test_virtual_cpus_throttled_event_tells_and_stands_still),
		cmocka_unit_test(test_virtual_cpus_stack_that_no_record_holds_counts_nothing),
		cmocka_unit_test(test_virtual_cpus_child_puts_while_the_parent_reads),
		cmocka_unit_test(test_virtual_cpus_attr_that_cannot_be_written_is_refused),
		cmocka_unit_test(test_virtual_cpus_wait_is_of_use_only_for_what_can_fit),
		cmocka_unit_test(test_virtual_cpus_writer_never_fills_its_ring_whole),
		cmocka_unit_test(test_virtual_cpus_other_records_are_put_if_they_can_be),
		cmocka_unit_test(test_virtual_cpus_reading_is_of_the_words_asked_for),
		cmocka_unit_test(test_virtual_cpus_only_rings_of_whole_powers_of_two_are_mapped),
		cmocka_unit_test(test_virtual_cpus_descriptors_are_told_apart),
		cmocka_unit_test(test_virtual_cpus_out_of_descriptors_is_told_as_such),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
