/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A slot for each possible CPU, whether it is there or not: CPUs are numbered sparsely, and come
 * and go. A slot outlives the events that it had, so that nothing they counted is forgotten.
 *
 *   set_online   which CPUs have an event         sampler_event.c   open, control, close one
 *   drain        from rings to the sink           sampler_drain.c
 *   read         what the kernel counted          sampler_books.c   and whether it adds up
 *   figures      for people                       sampler_figures.c
 */
#include "sampler.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "pmu.h"
#include "sampler_inside.h"

/* sources */

static int open_in_kernel(void *context, size_t i_event, unsigned int cpu, int *ret_fd,
			  struct problem *problem)
{
	const struct sampler_kernel *kernel = context;

	if (i_event >= kernel->n_events)
		return problem_set(problem, -EINVAL, "there is no event %zu", i_event);
	return open_on_cpu(kernel->calls, &kernel->events[i_event].form, cpu, kernel->facts, ret_fd,
			   problem);
}

struct sampler_source sampler_source_kernel(struct sampler_kernel *kernel)
{
	return (struct sampler_source){
		.context = kernel,
		.open = open_in_kernel,
		.calls = kernel->calls,
	};
}

struct cpus sampler_default_cpus(const struct machine *machine)
{
	struct cpus cpus = cpus_subtract(&machine->possible, &machine->isolated);
	struct cpus online;

	cpus = cpus_subtract(&cpus, &machine->nohz_full);
	online = cpus_intersect(&cpus, &machine->online);
	return cpus_count(&online) > 0 ? cpus : machine->possible;
}

/* lifecycle */

static int check_event(const struct sampler_event *event, struct problem *problem)
{
	const struct perf_event_attr *attr = &event->form.attr;

	if (attr->freq || attr->sample_period == 0)
		return problem_set(problem, -EINVAL, "sampler: an event without a fixed period");
	if (!attr->sample_id_all)
		return problem_set(problem, -EINVAL, "sampler: an event without sample_id_all");
	if (attr->read_format & PERF_FORMAT_GROUP)
		return problem_set(problem, -EINVAL, "sampler: an event that is read as a group");
	return 0;
}

static int lay_out(struct sampler *sampler, struct problem *problem)
{
	for (size_t i = 0; i < sampler->n_events; i++) {
		const struct perf_event_attr *attr = &sampler->events[i].form.attr;
		const struct record_format format = {
			.sample = { .sample_type = attr->sample_type,
				    .read_format = attr->read_format,
				    .branch_sample_type = attr->branch_sample_type,
				    .period = attr->sample_period },
			.n_depth = sampler->events[i].n_depth,
		};
		int r = check_event(&sampler->events[i], problem);

		if (r < 0)
			return r;
		if (record_layout_of(&format, &sampler->layouts[i]) != 0)
			return problem_set(problem, -EINVAL,
					   "sampler: samples with fields that are not read "
					   "(sample_type 0x%" PRIx64 ")",
					   (uint64_t)attr->sample_type);
	}
	return 0;
}

static int allocate(struct sampler *sampler, const struct sampler_config *config)
{
	/* one at least: calloc() of nothing may give NULL */
	size_t n_events = config->n_events > 0 ? config->n_events : 1;
	size_t n_cpus = config->n_cpus > 0 ? config->n_cpus : 1;

	sampler->events = calloc(n_events, sizeof(*sampler->events));
	sampler->layouts = calloc(n_events, sizeof(*sampler->layouts));
	sampler->slots = calloc(n_cpus, sizeof(*sampler->slots));
	if (!sampler->events || !sampler->layouts || !sampler->slots)
		return -ENOMEM;
	if (config->n_events > 0)
		memcpy(sampler->events, config->events, config->n_events * sizeof(*config->events));
	return 0;
}

int sampler_new(const struct sampler_config *config, struct sampler **ret_sampler,
		struct problem *problem)
{
	cleanup(sampler_cleanup) struct sampler *sampler = NULL;
	int r;

	if (config->n_cpus > CPUS_MAX)
		return problem_set(problem, -EINVAL, "sampler: %u CPUs, above %u", config->n_cpus,
				   CPUS_MAX);
	sampler = calloc(1, sizeof(*sampler));
	if (!sampler)
		return problem_set(problem, -ENOMEM, "sampler: out of memory");
	sampler->source = config->source;
	sampler->watch = config->watch;
	sampler->n_events = config->n_events;
	sampler->wanted = config->wanted;
	sampler->n_cpus = config->n_cpus;
	sampler->n_ring_pages = config->n_ring_pages;
	sampler->n_ring_pages_min = config->n_ring_pages_min;
	sampler->facts = config->facts;
	sampler->retry_ns = UINT64_MAX;
	r = allocate(sampler, config);
	if (r < 0)
		return problem_set(problem, r, "sampler: out of memory");
	r = lay_out(sampler, problem);
	if (r < 0)
		return r;
	*ret_sampler = steal_ptr(sampler);
	return 0;
}

void sampler_free(struct sampler *sampler)
{
	if (!sampler)
		return;
	for_each_open_cpu(sampler, cpu) slot_close(sampler, cpu, 0, NULL);
	free(sampler->slots);
	free(sampler->layouts);
	free(sampler->events);
	free(sampler);
}

/* CPUs that come and go */

/* Keeps the first error, and its sentence, of several. */
static int first_error(int error, const struct slot *slot, int r, struct problem *problem)
{
	if (r >= 0 || error < 0)
		return error;
	if (problem)
		*problem = slot->problem;
	return r;
}

static void forget_refusal(struct slot *slot)
{
	slot->state = SAMPLER_OFFLINE;
	slot->n_tries = 0;
	slot->error = 0;
	slot->problem.text[0] = '\0';
}

/* The event of a CPU that went, or that the kernel let go of. */
static void leave(struct sampler *sampler, unsigned int cpu, uint64_t now_ns,
		  const struct sampler_sink *sink, struct sampler_change *change)
{
	struct slot *slot = &sampler->slots[cpu];

	slot->n_let_go += slot->is_let_go;
	slot_close(sampler, cpu, now_ns, sink);
	cpus_add(&change->closed, cpu);
	change->n_closed++;
}

static bool is_due(const struct slot *slot, uint64_t now_ns)
{
	switch (slot->state) {
	case SAMPLER_OFFLINE:
		return true;
	case SAMPLER_WAITING:
		return now_ns >= slot->retry_ns;
	case SAMPLER_EXCLUDED:
	case SAMPLER_NO_EVENT:
	case SAMPLER_SAMPLING:
	case SAMPLER_DISABLED:
	case SAMPLER_REFUSED:
	case N_SAMPLER_STATES:
		break;
	}
	return false;
}

static int enter(struct sampler *sampler, unsigned int cpu, uint64_t now_ns,
		 struct sampler_change *change)
{
	struct slot *slot = &sampler->slots[cpu];
	int r;

	if (!cpus_has(&sampler->wanted, cpu)) {
		slot->state = SAMPLER_EXCLUDED;
		return 0;
	}
	if (!is_due(slot, now_ns))
		return 0;
	r = slot_open(sampler, cpu, now_ns);
	change->n_failed += r != 0;
	if (!slot_is_open(slot))
		return r;
	cpus_add(&change->opened, cpu);
	change->n_opened++;
	return 0;
}

static int update(struct sampler *sampler, unsigned int cpu, bool is_online, uint64_t now_ns,
		  const struct sampler_sink *sink, struct sampler_change *change)
{
	struct slot *slot = &sampler->slots[cpu];

	if (slot_is_open(slot) && (!is_online || slot->is_let_go))
		leave(sampler, cpu, now_ns, sink, change);
	if (is_online)
		return enter(sampler, cpu, now_ns, change);
	if (slot->state != SAMPLER_OFFLINE)
		forget_refusal(slot);
	return 0;
}

static bool has_event(const struct sampler *sampler, unsigned int cpu)
{
	for (size_t i = 0; i < sampler->n_events; i++)
		if (cpus_has(&sampler->events[i].cpus, cpu))
			return true;
	return false;
}

/* Rings that will share the budget of locked memory, which in turn grows with the CPUs. */
static void plan_rings(struct sampler *sampler, const struct cpus *online)
{
	struct cpus sampled = cpus_intersect(online, &sampler->wanted);

	sampler->n_rings = 0;
	for (unsigned int cpu = 0; cpu < sampler->n_cpus; cpu++)
		sampler->n_rings += cpus_has(&sampled, cpu) && has_event(sampler, cpu);
	sampler->facts.n_online = cpus_count(online);
}

int sampler_set_online(struct sampler *sampler, const struct cpus *online, uint64_t now_ns,
		       const struct sampler_sink *sink, struct sampler_change *ret_change,
		       struct problem *problem)
{
	struct sampler_change change = { 0 };
	int r = 0;

	plan_rings(sampler, online);
	sampler->retry_ns = UINT64_MAX;
	for (unsigned int cpu = 0; cpu < sampler->n_cpus; cpu++) {
		struct slot *slot = &sampler->slots[cpu];

		r = first_error(r, slot,
				update(sampler, cpu, cpus_has(online, cpu), now_ns, sink, &change),
				problem);
		if (slot->state == SAMPLER_WAITING && slot->retry_ns < sampler->retry_ns)
			sampler->retry_ns = slot->retry_ns;
	}
	*ret_change = change;
	return r;
}

uint64_t sampler_retry_ns(const struct sampler *sampler)
{
	return sampler->retry_ns;
}

int sampler_fd(const struct sampler *sampler, unsigned int cpu)
{
	return cpus_has(&sampler->open, cpu) ? sampler->slots[cpu].fd : -1;
}

const struct cpus *sampler_open_cpus(const struct sampler *sampler)
{
	return &sampler->open;
}

/* control */

int sampler_enable(struct sampler *sampler, uint64_t now_ns, struct problem *problem)
{
	int r = 0;

	sampler->is_enabled = true;
	for_each_open_cpu(sampler, cpu) r =
		first_error(r, &sampler->slots[cpu], slot_enable(sampler, cpu, now_ns), problem);
	return r;
}

int sampler_disable(struct sampler *sampler, struct problem *problem)
{
	int r = 0;

	sampler->is_enabled = false;
	for_each_open_cpu(sampler, cpu) r =
		first_error(r, &sampler->slots[cpu], slot_disable(sampler, cpu), problem);
	return r;
}

bool sampler_is_enabled(const struct sampler *sampler)
{
	return sampler->is_enabled;
}

int sampler_set_period(struct sampler *sampler, uint64_t period, uint64_t now_ns,
		       const struct sampler_sink *sink, struct problem *problem)
{
	int r = 0;

	if (period == 0 || period >> 63)
		return problem_set(problem, -EINVAL, "sampler: a period of %" PRIu64, period);
	sampler->period = period;
	for_each_open_cpu(sampler, cpu) r =
		first_error(r, &sampler->slots[cpu],
			    slot_set_period(sampler, cpu, period, now_ns, sink), problem);
	return r;
}

uint64_t sampler_period(const struct sampler *sampler)
{
	return sampler->period;
}

/* the books of all */

int sampler_read_cpu(struct sampler *sampler, unsigned int cpu, uint64_t now_ns,
		     const struct sampler_sink *sink, struct problem *problem)
{
	struct slot *slot;
	int r;

	if (!cpus_has(&sampler->open, cpu))
		return 0;
	slot = &sampler->slots[cpu];
	r = first_error(0, slot, slot_read(sampler, cpu, now_ns, sink), problem);
	if (slot->is_let_go)
		sampler->retry_ns = 0;
	return r;
}

int sampler_read(struct sampler *sampler, uint64_t now_ns, const struct sampler_sink *sink,
		 struct problem *problem)
{
	struct problem first;
	int r = 0;

	for_each_open_cpu(sampler, cpu)
	{
		int r_cpu = sampler_read_cpu(sampler, cpu, now_ns, sink, &first);

		r = first_error(r, &sampler->slots[cpu], r_cpu, problem);
	}
	return r;
}
