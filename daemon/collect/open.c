/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel answers an attr that it does not like with EINVAL or EOPNOTSUPP and no more, so what
 * it dislikes is found by leaving out one thing after the other, from the least valuable or most
 * likely. By then, things were left out that were not to blame: those are put back, as far as they
 * are taken.
 */
#include "open.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include "base/problem.h"
#include "open_facts.h"
#include "open_words.h"

/* What every sample must have: without it there is nothing to count. */
#define NEEDED_SAMPLE_TYPE (PERF_SAMPLE_IP | PERF_SAMPLE_TIME | PERF_SAMPLE_BRANCH_STACK)
#define UNUSED_BRANCH_FIELDS (PERF_SAMPLE_BRANCH_NO_FLAGS | PERF_SAMPLE_BRANCH_NO_CYCLES)

struct step {
	uint32_t what; /* OPEN_WITHOUT_* */
	bool on_einval, on_eopnotsupp;
};

/* Why this order: perf-branch-stacks, section 4; tools/perf/util/evsel.c has much the same. */
static const struct step ladder[] = {
	{ OPEN_WITHOUT_LOST, .on_einval = true },
	{ OPEN_WITHOUT_NO_FLAGS, .on_einval = true, .on_eopnotsupp = true },
	{ OPEN_WITHOUT_PRECISE, .on_eopnotsupp = true },
	{ OPEN_WITHOUT_PERIOD, .on_einval = true },
	{ OPEN_WITHOUT_TEXT_POKE, .on_einval = true },
	{ OPEN_WITHOUT_BPF_EVENT, .on_einval = true },
	{ OPEN_WITHOUT_KSYMBOL, .on_einval = true },
	{ OPEN_WITHOUT_EXCLUDE_GUEST, .on_einval = true },
};

static struct perf_event_attr attr_without(const struct perf_event_attr *wanted, uint32_t given_up)
{
	struct perf_event_attr attr = *wanted;

	if (given_up & OPEN_WITHOUT_LOST)
		attr.read_format &= ~(uint64_t)PERF_FORMAT_LOST;
	if (given_up & OPEN_WITHOUT_NO_FLAGS)
		attr.branch_sample_type &= ~(uint64_t)UNUSED_BRANCH_FIELDS;
	if (given_up & OPEN_WITHOUT_PRECISE)
		attr.precise_ip = 0;
	if (given_up & OPEN_WITHOUT_PERIOD)
		attr.sample_type &= NEEDED_SAMPLE_TYPE;
	if (given_up & OPEN_WITHOUT_TEXT_POKE)
		attr.text_poke = 0;
	if (given_up & OPEN_WITHOUT_BPF_EVENT)
		attr.bpf_event = 0;
	if (given_up & OPEN_WITHOUT_KSYMBOL)
		attr.ksymbol = 0;
	if (given_up & OPEN_WITHOUT_EXCLUDE_GUEST)
		attr.exclude_guest = 0;
	return attr;
}

/* The first thing that may be given up for this error and that wanted has; 0: nothing is left. */
static uint32_t next_step(const struct perf_event_attr *wanted, uint32_t given_up, int error)
{
	for (size_t i = 0; i < array_size(ladder); i++) {
		const struct step *step = &ladder[i];
		struct perf_event_attr poorer = attr_without(wanted, step->what);

		if ((given_up & step->what) || memcmp(&poorer, wanted, sizeof(poorer)) == 0)
			continue;
		if ((error == -EINVAL && step->on_einval) ||
		    (error == -EOPNOTSUPP && step->on_eopnotsupp))
			return step->what;
	}
	return 0;
}

/* The kernel may write to the attr (E2BIG): it is given a copy. */
static int try_attr(const struct open_calls *calls, struct perf_event_attr attr, unsigned int cpu)
{
	return calls->open_event(calls->context, &attr, (int)cpu);
}

static bool is_taken(const struct open_calls *calls, const struct perf_event_attr *wanted,
		     uint32_t given_up, unsigned int cpu)
{
	int fd = try_attr(calls, attr_without(wanted, given_up), cpu);

	if (fd >= 0)
		calls->close(calls->context, fd);
	return fd >= 0;
}

static uint32_t put_back(const struct open_calls *calls, const struct perf_event_attr *wanted,
			 uint32_t given_up, unsigned int cpu)
{
	for (size_t i = 0; i < array_size(ladder); i++)
		if ((given_up & ladder[i].what) && given_up != ladder[i].what &&
		    is_taken(calls, wanted, given_up & ~ladder[i].what, cpu))
			given_up &= ~ladder[i].what;
	return given_up;
}

int open_probe(const struct open_calls *calls, const struct perf_event_attr *wanted,
	       unsigned int cpu, const struct open_facts *facts, struct open_form *ret_form,
	       struct problem *problem)
{
	uint32_t given_up = 0;
	uint32_t step;
	int fd;

	while ((fd = try_attr(calls, attr_without(wanted, given_up), cpu)) < 0) {
		step = next_step(wanted, given_up, fd);
		if (!step)
			return open_words_refusal(fd, wanted, cpu, facts, problem);
		given_up |= step;
	}
	calls->close(calls->context, fd);
	given_up = put_back(calls, wanted, given_up, cpu);
	*ret_form = (struct open_form){ attr_without(wanted, given_up), given_up };
	return 0;
}

int open_on_cpu(const struct open_calls *calls, const struct open_form *form, unsigned int cpu,
		const struct open_facts *facts, int *ret_fd, struct problem *problem)
{
	int fd = try_attr(calls, form->attr, cpu);

	if (fd < 0)
		return open_words_refusal(fd, &form->attr, cpu, facts, problem);
	*ret_fd = fd;
	return 0;
}
