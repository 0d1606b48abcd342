/* SPDX-License-Identifier: Apache-2.0 */
#include "preflight.h"

#include <errno.h>
#include <stdlib.h>
#include "open.h"
#include "open_facts.h"
#include "pmu.h"

void preflight_deinit(struct preflight *preflight)
{
	free(preflight->branches);
	*preflight = (struct preflight){ 0 };
}

/* Chooses the event and opens it on the first of the CPUs. */
static void try_event(const struct machine *machine, const struct open_calls *calls,
		      const struct open_facts *facts, const struct event_config *config,
		      const struct cpus *cpus, struct preflight_try *attempt)
{
	struct open_facts named = *facts;
	struct open_form form;
	int r;

	named.pmu_name = attempt->pmu ? attempt->pmu->name : NULL;
	named.is_guest = machine->is_guest;
	attempt->n_cpus = cpus_count(cpus);
	r = event_choose(machine, attempt->pmu, config, &attempt->event, &attempt->problem);
	if (r == 0)
		r = open_probe(calls, &attempt->event.attr, cpus_next(cpus, 0), &named, &form,
			       &attempt->problem);
	if (r == 0)
		attempt->given_up = form.given_up;
	attempt->result = r;
}

static void try_branches(const struct machine *machine, const struct open_calls *calls,
			 const struct open_facts *facts, const struct event_config *config,
			 struct preflight *preflight)
{
	struct event_config branches = *config;

	branches.mode = EVENT_MODE_BRANCH;
	for (size_t i = 0; i < machine->n_pmus; i++) {
		const struct pmu *pmu = &machine->pmus[i];
		struct cpus cpus = cpus_intersect(&pmu->cpus, &machine->online);
		struct preflight_try *attempt = &preflight->branches[preflight->n_branches];

		if (cpus_count(&cpus) == 0)
			continue;
		attempt->pmu = pmu;
		try_event(machine, calls, facts, &branches, &cpus, attempt);
		if (attempt->result == 0)
			preflight->n_branch_cpus += attempt->n_cpus;
		preflight->n_branches++;
	}
	if (preflight->n_branches == 0) {
		try_event(machine, calls, facts, &branches, &machine->online,
			  &preflight->branches[0]);
		preflight->n_branches = 1;
	}
}

/* Cycles where there are some; the clock is everywhere. Event= is about branches. */
static void try_ip(const struct machine *machine, const struct open_calls *calls,
		   const struct open_facts *facts, const struct event_config *config,
		   struct preflight *preflight)
{
	struct event_config ip = *config;
	const struct pmu *pmu = preflight->branches[0].pmu;
	struct preflight_try *attempt = &preflight->ip;

	ip.mode = EVENT_MODE_IP;
	ip.event = NULL;
	attempt->result = -ENOENT;
	if (pmu) {
		struct cpus cpus = cpus_intersect(&pmu->cpus, &machine->online);

		attempt->pmu = pmu;
		try_event(machine, calls, facts, &ip, &cpus, attempt);
	}
	if (attempt->result != 0) {
		*attempt = (struct preflight_try){ 0 };
		try_event(machine, calls, facts, &ip, &machine->online, attempt);
	}
}

static enum preflight_verdict judge(const struct preflight *preflight)
{
	if (preflight->n_branch_cpus >= preflight->n_online)
		return PREFLIGHT_BRANCHES;
	if (preflight->n_branch_cpus > 0)
		return PREFLIGHT_SOME_BRANCHES;
	return preflight->ip.result == 0 ? PREFLIGHT_IP : PREFLIGHT_NOTHING;
}

int preflight_run(const struct machine *machine, const struct open_calls *calls,
		  const struct open_facts *facts, const struct event_config *config,
		  struct preflight *ret_preflight)
{
	struct preflight preflight = { .n_online = cpus_count(&machine->online) };

	preflight.branches = calloc(machine->n_pmus + 1, sizeof(*preflight.branches));
	if (!preflight.branches)
		return -ENOMEM;
	try_branches(machine, calls, facts, config, &preflight);
	try_ip(machine, calls, facts, config, &preflight);
	preflight.verdict = judge(&preflight);
	*ret_preflight = preflight;
	return 0;
}
