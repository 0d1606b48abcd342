/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A kernel of memory behind a door that looks at everything that passes: it fails what it is told
 * to fail, and does not let pass what perf would punish (a descriptor watched without a ring, an
 * event enabled before its ring is mapped). For the tests of the sampler.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/ioctl.h>
#include "base/problem.h"
#include "collect/pmu.h"
#include "collect/record.h"
#include "collect/sampler.h"
#include "collect/virtual_cpus.h"

#define N_CPUS 8u
#define N_FDS 1024
#define SECOND_NS 1000000000ull
#define PERIOD 1009ull
#define PAGES 4u

enum call {
	CALL_OPEN,
	CALL_MAP,
	CALL_ENABLE,
	CALL_DISABLE,
	CALL_PERIOD,
	CALL_READ,
	N_CALLS,
};

/* What is known of a CPU's event from what passed. */
struct seen {
	bool is_open, is_mapped, is_watched, is_enabled;
	int fd;
	void *memory;
	unsigned int n_opens, n_closes;
	size_t map_bytes; /* of the last map that worked */
};

struct world {
	uint64_t now_ns;
	struct virtual_cpus *cpus;
	struct sampler_source inner;
	struct open_calls calls;
	struct sampler_event events[2];
	struct open_facts facts;
	struct sampler_kernel kernel;
	struct sampler_source source;
	struct sampler_watch watch;
	struct sampler_sink sink;
	struct sampler_config config;
	struct sampler *sampler;

	int errors[N_CALLS][N_CPUS]; /* -errno; 0: it passes */
	int watch_errors[N_CPUS];
	ssize_t read_bytes; /* if it is not 0, what a read says it gave; -1: nothing at all */
	/* what happens just before a call, and to what a read gives */
	void (*before_read)(struct world *world, unsigned int cpu);
	void (*before_period)(struct world *world, unsigned int cpu);
	void (*on_read)(struct world *world, unsigned int cpu, uint64_t *words);
	size_t map_bytes_max; /* more is EPERM */
	bool is_shapeless;    /* the control page says nothing of the data */
	struct seen seen[N_CPUS];
	unsigned int cpu_of_fd[N_FDS];

	/* what the sink got, and answers */
	uint64_t n_taken[N_CPUS], weight[N_CPUS], n_changes;
	uint64_t last_ip;
	enum sampler_use use;
	int32_t n_counted_more; /* than there are */

	uint64_t n_written, n_lost; /* by the kernel, as world_put() was told */
};

static int door_open(void *context, struct perf_event_attr *attr, int cpu)
{
	struct world *w = context;
	struct seen *seen = &w->seen[cpu];
	size_t i_event = w->kernel.n_events > 1 && cpus_has(&w->events[1].cpus, (unsigned int)cpu);
	int fd;

	if (w->errors[CALL_OPEN][cpu])
		return w->errors[CALL_OPEN][cpu];
	if (w->inner.open(w->inner.context, i_event, (unsigned int)cpu, &fd, NULL) != 0)
		return -ENODEV;
	assert_true(fd < N_FDS);
	assert_false(seen->is_open);
	assert_memory_equal(attr, &w->events[i_event].form.attr, sizeof(*attr));
	seen->is_open = true;
	seen->fd = fd;
	seen->n_opens++;
	w->cpu_of_fd[fd] = (unsigned int)cpu;
	return fd;
}

static struct seen *see(struct world *w, int fd)
{
	struct seen *seen = &w->seen[w->cpu_of_fd[fd]];

	assert_true(seen->is_open);
	assert_int_equal(seen->fd, fd);
	return seen;
}

static int door_map(void *context, int fd, size_t n_bytes, void **ret_memory)
{
	struct world *w = context;
	struct seen *seen = see(w, fd);
	int r;

	assert_false(seen->is_mapped);
	if (w->errors[CALL_MAP][w->cpu_of_fd[fd]])
		return w->errors[CALL_MAP][w->cpu_of_fd[fd]];
	if (n_bytes > w->map_bytes_max)
		return -EPERM;
	r = w->inner.calls->map(w->inner.calls->context, fd, n_bytes, ret_memory);
	assert_int_equal(r, 0);
	if (w->is_shapeless)
		((struct perf_event_mmap_page *)*ret_memory)->data_size = 0;
	seen->is_mapped = true;
	seen->memory = *ret_memory;
	seen->map_bytes = n_bytes;
	return r;
}

static int door_unmap(void *context, void *memory, size_t n_bytes)
{
	struct world *w = context;

	for (unsigned int cpu = 0; cpu < N_CPUS; cpu++) {
		struct seen *seen = &w->seen[cpu];

		if (!seen->is_mapped || seen->memory != memory)
			continue;
		assert_false(seen->is_watched);
		assert_int_equal(n_bytes, seen->map_bytes);
		seen->is_mapped = false;
	}
	return w->inner.calls->unmap(w->inner.calls->context, memory, n_bytes);
}

static int door_control(void *context, int fd, unsigned long request, unsigned long argument)
{
	struct world *w = context;
	struct seen *seen = see(w, fd);
	enum call call = request == PERF_EVENT_IOC_ENABLE    ? CALL_ENABLE
			 : request == PERF_EVENT_IOC_DISABLE ? CALL_DISABLE
							     : CALL_PERIOD;

	assert_true(call != CALL_PERIOD || request == PERF_EVENT_IOC_PERIOD);
	assert_true(seen->is_mapped);
	assert_true(seen->is_watched || !w->config.watch);
	if (w->errors[call][w->cpu_of_fd[fd]])
		return w->errors[call][w->cpu_of_fd[fd]];
	if (call == CALL_PERIOD && w->before_period)
		w->before_period(w, w->cpu_of_fd[fd]);
	if (call != CALL_PERIOD)
		seen->is_enabled = call == CALL_ENABLE;
	return w->inner.calls->control(w->inner.calls->context, fd, request, argument);
}

static ssize_t door_read(void *context, int fd, void *data, size_t n_bytes)
{
	struct world *w = context;
	unsigned int cpu = w->cpu_of_fd[fd];
	ssize_t n;

	see(w, fd);
	if (w->errors[CALL_READ][cpu])
		return w->errors[CALL_READ][cpu];
	if (w->before_read)
		w->before_read(w, cpu);
	n = w->inner.calls->read(w->inner.calls->context, fd, data, n_bytes);
	if (w->on_read)
		w->on_read(w, cpu, data);
	return w->read_bytes < 0 ? 0 : w->read_bytes ? w->read_bytes : n;
}

static void door_close(void *context, int fd)
{
	struct world *w = context;
	struct seen *seen = see(w, fd);

	assert_false(seen->is_mapped);
	assert_false(seen->is_watched);
	seen->is_open = seen->is_enabled = false;
	seen->n_closes++;
	w->inner.calls->close(w->inner.calls->context, fd);
}

static int door_add(void *context, unsigned int cpu, int fd)
{
	struct world *w = context;

	assert_true(see(w, fd)->is_mapped);
	assert_false(see(w, fd)->is_watched);
	assert_int_equal(w->cpu_of_fd[fd], cpu);
	if (w->watch_errors[cpu])
		return w->watch_errors[cpu];
	see(w, fd)->is_watched = true;
	return 0;
}

static void door_remove(void *context, unsigned int cpu, int fd)
{
	struct world *w = context;

	assert_true(see(w, fd)->is_mapped);
	assert_true(see(w, fd)->is_watched);
	assert_int_equal(w->cpu_of_fd[fd], cpu);
	see(w, fd)->is_watched = false;
}

static struct sampler_verdict take(void *context, const struct sampler_sample *sample)
{
	struct world *w = context;
	uint32_t n = sample->record->n_entries;
	uint32_t n_counted = w->use == SAMPLER_USED ? n : 0;

	w->n_taken[sample->cpu]++;
	w->weight[sample->cpu] += sample->record->period;
	w->last_ip = sample->record->ip;
	return (struct sampler_verdict){ w->use, n_counted + (uint32_t)w->n_counted_more };
}

static void note_change(void *context, unsigned int cpu, const struct record *record)
{
	struct world *w = context;

	assert_int_equal(record->kind, RECORD_KSYMBOL);
	w->n_changes++;
}

static uint64_t world_clock(void *context)
{
	return ((struct world *)context)->now_ns;
}

/* The kernel of memory anew, with these attrs. */
static void world_set_attrs(struct world *w, const struct perf_event_attr *attr)
{
	const struct perf_event_attr attrs[] = { *attr, *attr };
	const struct virtual_cpus_config config = { N_CPUS, attrs, 2, world_clock, w };

	virtual_cpus_free(w->cpus);
	assert_int_equal(virtual_cpus_new(&config, &w->cpus), 0);
	w->inner = virtual_cpus_source(w->cpus);
	w->events[0].form.attr = w->events[1].form.attr = *attr;
}

static struct cpus cpus_of(const char *list)
{
	struct cpus cpus;

	assert_int_equal(cpus_parse(list, &cpus, NULL), 0);
	return cpus;
}

/* Two events, of CPUs 0-5 and 6; CPU 7 is of no PMU. What a test wants otherwise it changes. */
static void world_init(struct world *w, uint64_t period)
{
	struct perf_event_attr attr = virtual_cpus_attr(period);

	memset(w, 0, sizeof(*w));
	w->now_ns = 5 * SECOND_NS;
	world_set_attrs(w, &attr);
	w->calls = (struct open_calls){
		.context = w,
		.open_event = door_open,
		.map = door_map,
		.unmap = door_unmap,
		.control = door_control,
		.read = door_read,
		.close = door_close,
	};
	w->events[0].cpus = cpus_of("0-5");
	w->events[1].cpus = cpus_of("6");
	w->events[0].n_depth = w->events[1].n_depth = 32;
	w->facts = (struct open_facts){
		.pmu_name = "cpu",
		.paranoid = 2,
		.mlock_kib = 516,
		.page_bytes = 4096,
		.n_fds_limit = 1024,
		.n_online = N_CPUS,
	};
	w->kernel = (struct sampler_kernel){ &w->calls, w->events, 2, &w->facts };
	w->source = sampler_source_kernel(&w->kernel);
	w->watch = (struct sampler_watch){ w, door_add, door_remove };
	w->sink = (struct sampler_sink){ .context = w, .take = take, .change = note_change };
	w->map_bytes_max = SIZE_MAX;
	w->config = (struct sampler_config){
		.source = &w->source,
		.events = w->events,
		.n_events = 2,
		.wanted = cpus_of("0-7"),
		.n_cpus = N_CPUS,
		.n_ring_pages = PAGES,
		.n_ring_pages_min = 1,
		.facts = w->facts,
		.watch = &w->watch,
	};
}

static void world_start(struct world *w)
{
	struct problem problem = { "" };

	if (sampler_new(&w->config, &w->sampler, &problem) != 0)
		fail_msg("%s", problem.text);
}

static void world_deinit(struct world *w)
{
	struct virtual_cpus_stats stats;

	sampler_free(w->sampler);
	virtual_cpus_stats(w->cpus, &stats);
	assert_int_equal(stats.n_open, 0);
	assert_int_equal(stats.n_mapped, 0);
	assert_int_equal(stats.n_opens, stats.n_closes);
	virtual_cpus_free(w->cpus);
}

static int world_online(struct world *w, const char *list, struct sampler_change *ret,
			struct problem *problem)
{
	struct cpus online = cpus_of(list);
	struct sampler_change change;
	int r;

	r = sampler_set_online(w->sampler, &online, w->now_ns, &w->sink, &change, problem);
	if (ret)
		*ret = change;
	return r;
}

/* A branch stack of one entry in three, as of a CPU that ran one period. */
static void world_put(struct world *w, unsigned int cpu, unsigned int n)
{
	static const struct branch_entry entries[3] = { { 0x1000, 0x2000, 0 } };

	for (unsigned int i = 0; i < n; i++) {
		const struct virtual_stack stack = {
			.ip = 0xffffffff81000000 + w->n_written,
			.time_ns = w->now_ns,
			.n_branches = UINT64_MAX,
			.entries = entries,
			.n_entries = 3,
		};
		enum virtual_put put = virtual_cpus_put(w->cpus, cpu, &stack);

		w->n_written += put == VIRTUAL_WRITTEN;
		w->n_lost += put == VIRTUAL_LOST;
	}
}

static struct sampler_cpu world_cpu(const struct world *w, unsigned int cpu)
{
	struct sampler_cpu one;

	sampler_cpu(w->sampler, cpu, &one);
	return one;
}

static void world_read(struct world *w)
{
	struct problem problem = { "" };

	if (sampler_read(w->sampler, w->now_ns, &w->sink, &problem) != 0)
		fail_msg("%s", problem.text);
}

/* That the books balance, and what they say. */
static struct conservation_result world_result(const struct world *w, struct conservation *ret_sums)
{
	struct problem problem = { "" };
	struct conservation_result result;
	struct conservation sums;

	if (sampler_conservation(w->sampler, SAMPLER_ALL_CPUS, &sums, &result, &problem) != 0)
		fail_msg("%s", problem.text);
	if (ret_sums)
		*ret_sums = sums;
	return result;
}
