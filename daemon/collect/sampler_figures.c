/* SPDX-License-Identifier: Apache-2.0 */
#include "sampler.h"

#include "sampler_inside.h"

const char *sampler_use_name(enum sampler_use use)
{
	switch (use) {
	case SAMPLER_USED:
		return "used";
	case SAMPLER_REJECTED_EMPTY:
		return "empty";
	case SAMPLER_REJECTED_IDLE:
		return "idle";
	case SAMPLER_REJECTED_VOID:
		return "void";
	case SAMPLER_REJECTED_OUTSIDE:
		return "outside";
	case SAMPLER_REJECTED_FULL:
		return "full";
	case SAMPLER_REJECTED_OFF:
		return "off";
	case N_SAMPLER_USES:
		break;
	}
	return "unknown";
}

const char *sampler_state_name(enum sampler_state state)
{
	switch (state) {
	case SAMPLER_OFFLINE:
		return "offline";
	case SAMPLER_EXCLUDED:
		return "excluded";
	case SAMPLER_NO_EVENT:
		return "no-event";
	case SAMPLER_SAMPLING:
		return "sampling";
	case SAMPLER_DISABLED:
		return "disabled";
	case SAMPLER_WAITING:
		return "waiting";
	case SAMPLER_REFUSED:
		return "refused";
	case N_SAMPLER_STATES:
		break;
	}
	return "unknown";
}

static uint64_t lost_of(const struct conservation *figures, const struct ring_stats *ring)
{
	return (figures->is_loss_inexact ? ring->n_lost : figures->n_lost_read) + ring->n_hw_lost;
}

/* What was read of the CPU's rings up to now; the books may be of a while ago. */
static struct ring_stats ring_of(const struct slot *slot)
{
	struct ring_stats stats = slot->ended.ring;

	/* of a ring that was unmapped, they are zero */
	ring_stats_add(&stats, &slot->reader.ring.stats);
	return stats;
}

static void tell_ring(const struct slot *slot, struct sampler_cpu *ret)
{
	const struct ring *ring = &slot->reader.ring;
	uint64_t n_fill;

	if (!slot_is_open(slot))
		return;
	n_fill = ring_head(ring) - ring->tail;
	ret->n_fill_bytes = n_fill < ring->data_bytes ? n_fill : ring->data_bytes;
	ret->ring_bytes = (size_t)ring->data_bytes;
	ret->n_halved = slot->memory.n_halved;
}

void sampler_cpu(const struct sampler *sampler, unsigned int cpu, struct sampler_cpu *ret)
{
	const struct slot *slot = &sampler->slots[cpu];
	const struct ring_stats ring = ring_of(slot);
	bool is_disabled = slot->state == SAMPLER_SAMPLING && !slot->is_enabled;

	*ret = (struct sampler_cpu){
		.state = is_disabled ? SAMPLER_DISABLED : slot->state,
		.error = slot->error,
		.problem = slot->error ? &slot->problem : NULL,
		.retry_ns = slot->state == SAMPLER_WAITING ? slot->retry_ns : UINT64_MAX,
		.i_event = slot->i_event,
		.period = slot->period,
		.n_samples = ring.n_good_samples,
		.n_lost = lost_of(&slot->figures, &ring),
		.n_unreadable = ring.n_malformed_samples + ring.n_too_deep_samples,
		.n_throttles = ring.n_throttles,
		.time_enabled_ns = slot->figures.time_enabled_ns,
		.time_running_ns = slot->figures.time_running_ns,
		.n_opens = slot->n_opens,
		.n_control_errors = slot->n_control_errors,
		.n_read_errors = slot->n_read_errors,
		.n_let_go = slot->n_let_go,
	};
	for (size_t i = 0; i < N_SAMPLER_USES; i++)
		ret->n_uses[i] = slot->n_uses[i];
	tell_ring(slot, ret);
}

static void add_cpu(const struct sampler_cpu *cpu, struct sampler_figures *sum)
{
	sum->n_samples += cpu->n_samples;
	for (size_t i = 0; i < N_SAMPLER_USES; i++)
		sum->n_uses[i] += cpu->n_uses[i];
	sum->n_lost += cpu->n_lost;
	sum->n_unreadable += cpu->n_unreadable;
	sum->n_throttles += cpu->n_throttles;
	sum->time_enabled_ns += cpu->time_enabled_ns;
	sum->time_running_ns += cpu->time_running_ns;
	sum->n_opens += cpu->n_opens;
	sum->n_control_errors += cpu->n_control_errors;
	sum->n_read_errors += cpu->n_read_errors;
	sum->n_let_go += cpu->n_let_go;
}

static void add_ring(const struct sampler *sampler, const struct open_ring *memory,
		     struct sampler_figures *sum)
{
	size_t n_pages = memory->n_data_pages;

	sum->ring_bytes += memory->n_bytes;
	sum->n_rings_shrunk += n_pages < sampler->n_ring_pages;
	if (sum->n_ring_pages_smallest == 0 || n_pages < sum->n_ring_pages_smallest)
		sum->n_ring_pages_smallest = n_pages;
}

static void add_problem(unsigned int cpu, const struct sampler_cpu *one,
			struct sampler_figures *sum)
{
	if (!one->problem)
		return;
	if (sum->n_problems == 0) {
		sum->problem_cpu = cpu;
		sum->problem = one->problem;
	}
	sum->n_problems++;
}

void sampler_figures(const struct sampler *sampler, struct sampler_figures *ret)
{
	*ret = (struct sampler_figures){ 0 };
	for (unsigned int cpu = 0; cpu < sampler->n_cpus; cpu++) {
		const struct slot *slot = &sampler->slots[cpu];
		struct sampler_cpu one;

		sampler_cpu(sampler, cpu, &one);
		ret->n_cpus[one.state]++;
		add_cpu(&one, ret);
		add_problem(cpu, &one, ret);
		if (slot_is_open(slot))
			add_ring(sampler, &slot->memory, ret);
	}
}

/* the books of one, and of all */

static int check(unsigned int cpu, const struct conservation *sums,
		 struct conservation_result *ret_result, struct problem *problem)
{
	struct problem which;
	int r = conservation_check(sums, ret_result, &which);

	if (r == 0)
		return 0;
	if (cpu == SAMPLER_ALL_CPUS)
		return problem_set(problem, r, "all CPUs: %s", which.text);
	return problem_set(problem, r, "CPU %u: %s", cpu, which.text);
}

/* Those that never had an event have no books. */
static struct conservation sum_up(const struct sampler *sampler, unsigned int cpu)
{
	struct conservation sums = { .is_settled = true };

	for (unsigned int i = 0; i < sampler->n_cpus; i++)
		if ((cpu == SAMPLER_ALL_CPUS || cpu == i) && sampler->slots[i].has_figures)
			conservation_add(&sums, &sampler->slots[i].figures);
	return sums;
}

static int check_each(const struct sampler *sampler, struct problem *problem)
{
	for (unsigned int cpu = 0; cpu < sampler->n_cpus; cpu++) {
		struct conservation_result result;
		int r = check(cpu, &sampler->slots[cpu].figures, &result, problem);

		if (r != 0)
			return r;
	}
	return 0;
}

int sampler_conservation(const struct sampler *sampler, unsigned int cpu,
			 struct conservation *ret_sums, struct conservation_result *ret_result,
			 struct problem *problem)
{
	struct conservation sums = sum_up(sampler, cpu);
	struct conservation_result result;
	int r = check(cpu, &sums, &result, problem);

	/* one CPU says more than all of them */
	if (cpu == SAMPLER_ALL_CPUS) {
		int r_cpu = check_each(sampler, problem);

		r = r_cpu != 0 ? r_cpu : r;
	}
	if (ret_sums)
		*ret_sums = sums;
	if (ret_result)
		*ret_result = result;
	return r;
}
