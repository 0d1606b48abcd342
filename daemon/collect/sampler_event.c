/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One CPU's event, from open(2) to close(2). The order is the kernel's demand: samples that are
 * taken while no ring is mapped vanish without being counted, and a descriptor without a ring
 * raises EPOLLHUP. So
 *
 *   open, map, watch, period, enable  …  disable, drain, read, unwatch, unmap, close
 */
#include "sampler.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>
#include "sampler_inside.h"

#define SECOND_NS 1000000000ull

/* A CPU that just came is there soon; whoever holds the unit, or the memory, has it for longer. */
#define RETRY_OFFLINE_NS SECOND_NS
#define RETRY_BUSY_NS (10 * SECOND_NS)
#define RETRY_NS_MAX (300 * SECOND_NS)

static void clear_problem(struct slot *slot)
{
	slot->error = 0;
	slot->problem.text[0] = '\0';
}

/* control */

static int control(struct sampler *sampler, unsigned int cpu, unsigned long request,
		   unsigned long argument, const char *verb)
{
	const struct open_calls *calls = sampler->source->calls;
	struct slot *slot = &sampler->slots[cpu];
	int r = calls->control(calls->context, slot->fd, request, argument);

	if (r == 0) {
		clear_problem(slot);
		return 0;
	}
	slot->n_control_errors++;
	slot->error = r;
	return problem_set(&slot->problem, r, "CPU %u: %s its event: %s", cpu, verb, strerror(-r));
}

int slot_enable(struct sampler *sampler, unsigned int cpu, uint64_t now_ns)
{
	struct slot *slot = &sampler->slots[cpu];
	int r;

	if (slot->is_enabled)
		return 0;
	r = control(sampler, cpu, PERF_EVENT_IOC_ENABLE, 0, "enable");
	if (r < 0)
		return r;
	slot->is_enabled = true;
	slot->watched_ns = now_ns;
	slot->span.n_starts++;
	return 0;
}

int slot_disable(struct sampler *sampler, unsigned int cpu)
{
	struct slot *slot = &sampler->slots[cpu];
	int r;

	if (!slot->is_enabled)
		return 0;
	r = control(sampler, cpu, PERF_EVENT_IOC_DISABLE, 0, "disable");
	if (r < 0)
		return r;
	slot->is_enabled = false;
	return 0;
}

static int apply_period(struct sampler *sampler, unsigned int cpu, uint64_t period)
{
	struct slot *slot = &sampler->slots[cpu];
	int r = control(sampler, cpu, PERF_EVENT_IOC_PERIOD, (unsigned long)&period,
			"set the period of");

	if (r < 0)
		return r;
	slot->period = period;
	slot->reader.layout.sample.period = period;
	return 0;
}

/* Samples that do not say their period must all be out of the ring while it is what it was. */
int slot_set_period(struct sampler *sampler, unsigned int cpu, uint64_t period, uint64_t now_ns,
		    const struct sampler_sink *sink)
{
	struct slot *slot = &sampler->slots[cpu];
	bool is_said = slot_event(sampler, slot)->form.attr.sample_type & PERF_SAMPLE_PERIOD;
	bool stops = slot->is_enabled && !is_said;
	uint64_t before = slot->period;
	int r = 0, r_enable = 0;

	if (before == period)
		return 0;
	if (stops)
		r = slot_disable(sampler, cpu);
	if (r < 0)
		return r;
	slot_end_span(sampler, slot, slot_read(sampler, cpu, now_ns, sink));
	r = apply_period(sampler, cpu, period);
	slot_begin_period(sampler, cpu, before);
	if (stops)
		r_enable = slot_enable(sampler, cpu, now_ns);
	return r < 0 ? r : r_enable;
}

/* opening */

static uint64_t retry_after_ns(int error, unsigned int n_tries)
{
	uint64_t wait_ns = error == OPEN_E_OFFLINE ? RETRY_OFFLINE_NS : RETRY_BUSY_NS;

	for (unsigned int i = 0; i < n_tries && wait_ns < RETRY_NS_MAX; i++)
		wait_ns *= 2;
	return wait_ns < RETRY_NS_MAX ? wait_ns : RETRY_NS_MAX;
}

static void refuse(struct slot *slot, int error, uint64_t now_ns)
{
	bool is_final =
		error == OPEN_E_UNSUPPORTED || error == OPEN_E_PERMISSION || error == OPEN_E_LIMIT;

	slot->error = error;
	slot->state = is_final ? SAMPLER_REFUSED : SAMPLER_WAITING;
	slot->retry_ns = is_final ? UINT64_MAX : now_ns + retry_after_ns(error, slot->n_tries);
	slot->n_tries++;
}

static bool find_event(const struct sampler *sampler, unsigned int cpu, size_t *ret_i_event)
{
	for (size_t i = 0; i < sampler->n_events; i++) {
		if (!cpus_has(&sampler->events[i].cpus, cpu))
			continue;
		*ret_i_event = i;
		return true;
	}
	return false;
}

/* The budget of locked memory is shared by all rings; it is an estimate: the least is tried. */
static size_t pages_affordable(const struct sampler *sampler)
{
	size_t n = open_ring_pages(&sampler->facts, sampler->n_ring_pages, sampler->n_rings);

	return n > sampler->n_ring_pages_min ? n : sampler->n_ring_pages_min;
}

static int map_ring(struct sampler *sampler, struct slot *slot)
{
	const struct open_calls *calls = sampler->source->calls;
	struct open_ring memory;
	int r;

	r = open_map_ring(calls, slot->fd, pages_affordable(sampler), sampler->n_ring_pages_min,
			  &sampler->facts, &memory, &slot->problem);
	if (r != 0)
		return r;
	slot->reader.layout = sampler->layouts[slot->i_event];
	if (ring_init(&slot->reader.ring, memory.memory, memory.n_bytes, &sampler->bounce) != 0) {
		open_unmap_ring(calls, &memory);
		return problem_set(&slot->problem, OPEN_E_UNSUPPORTED,
				   "its ring is not laid out as the kernel does");
	}
	slot->memory = memory;
	return 0;
}

static int watch(struct sampler *sampler, unsigned int cpu)
{
	struct slot *slot = &sampler->slots[cpu];
	int r;

	if (!sampler->watch)
		return 0;
	r = sampler->watch->add(sampler->watch->context, cpu, slot->fd);
	if (r < 0)
		return problem_set(&slot->problem, r, "CPU %u: wait for its event: %s", cpu,
				   strerror(-r));
	return 0;
}

static void close_memory(struct sampler *sampler, struct slot *slot)
{
	const struct open_calls *calls = sampler->source->calls;

	open_unmap_ring(calls, &slot->memory);
	calls->close(calls->context, slot->fd);
	slot->fd = -1;
}

/* On failure, nothing of it stays. */
static int open_and_map(struct sampler *sampler, unsigned int cpu)
{
	const struct sampler_source *source = sampler->source;
	struct slot *slot = &sampler->slots[cpu];
	int r;

	r = source->open(source->context, slot->i_event, cpu, &slot->fd, &slot->problem);
	if (r != 0)
		return r;
	r = map_ring(sampler, slot);
	if (r == 0)
		r = watch(sampler, cpu);
	if (r != 0)
		close_memory(sampler, slot);
	return r;
}

static void begin(struct sampler *sampler, unsigned int cpu, uint64_t now_ns)
{
	struct slot *slot = &sampler->slots[cpu];

	slot->state = SAMPLER_SAMPLING;
	slot->period = slot_event(sampler, slot)->form.attr.sample_period;
	slot->is_enabled = slot->is_let_go = false;
	slot->n_opens++;
	slot->n_tries = 0;
	clear_problem(slot);
	cpus_add(&sampler->open, cpu);
	slot_begin_books(slot, now_ns);
}

int slot_open(struct sampler *sampler, unsigned int cpu, uint64_t now_ns)
{
	struct slot *slot = &sampler->slots[cpu];
	int r;

	if (!find_event(sampler, cpu, &slot->i_event)) {
		slot->state = SAMPLER_NO_EVENT;
		return 0;
	}
	r = open_and_map(sampler, cpu);
	if (r != 0) {
		refuse(slot, r, now_ns);
		return r;
	}
	begin(sampler, cpu, now_ns);
	/* should that fail, it samples with what it has, and the slot says so */
	if (sampler->period && sampler->period != slot->period)
		(void)apply_period(sampler, cpu, sampler->period);
	if (sampler->is_enabled)
		(void)slot_enable(sampler, cpu, now_ns);
	return 0;
}

void slot_close(struct sampler *sampler, unsigned int cpu, uint64_t now_ns,
		const struct sampler_sink *sink)
{
	struct slot *slot = &sampler->slots[cpu];

	(void)slot_disable(sampler, cpu);
	if (sink)
		slot_end_books(sampler, slot, now_ns, slot_read(sampler, cpu, now_ns, sink));
	if (sampler->watch)
		sampler->watch->remove(sampler->watch->context, cpu, slot->fd);
	close_memory(sampler, slot);
	cpus_remove(&sampler->open, cpu);
	slot->is_enabled = slot->is_let_go = false;
	slot->state = SAMPLER_OFFLINE;
	clear_problem(slot);
}
