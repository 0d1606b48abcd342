/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which events this machine is sampled with. They are chosen before there is an opener, from sysfs
 * and the options alone; whether they can be opened is known when the opener has tried: then some
 * PMUs may be out, and all must say why.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "collect/open.h"
#include "collect/sampler.h"
#include "host_machine.h"
#include "log.h"
#include "options.h"
#include "service.h"
#include "this_machine.h"

/* cpu-clock counts nanoseconds: the default for branches would be 2,000 samples/s a CPU. */
#define CLOCK_PERIOD_NS 10000019u

/* choosing */

int host_machine_read(struct host_machine *m, struct problem *problem)
{
	struct host *host = m->host;
	int r = this_machine_read(&m->machine, &host->facts, problem);

	if (r < 0)
		return r;
	host->possible = m->machine.possible;
	switch (m->options->cpus.kind) {
	case OPTIONS_CPUS_ALL:
		host->wanted = m->machine.possible;
		break;
	case OPTIONS_CPUS_LIST:
		host->wanted = cpus_intersect(&m->machine.possible, &m->options->cpus.list);
		break;
	case OPTIONS_CPUS_DEFAULT:
		host->wanted = sampler_default_cpus(&m->machine);
		host->left_out = cpus_subtract(&m->machine.online, &host->wanted);
		break;
	}
	return 0;
}

static struct event_config event_config_of(const struct daemon_options *options, bool is_clock)
{
	struct daemon_options defaults;

	options_set_defaults(&defaults);
	return (struct event_config){
		.mode = options->mode == OPTIONS_MODE_IP ? EVENT_MODE_IP : EVENT_MODE_BRANCH,
		.event = options->event,
		.period = is_clock && options->period == defaults.period ? CLOCK_PERIOD_NS
									 : options->period,
		.period_changes = true,
		.allow_degraded = options->allow_degraded,
	};
}

/* The first refusal is the one that is told; later ones are of lesser PMUs. */
static void refuse(struct host *host, int r, const struct problem *why)
{
	if (host->why.text[0])
		return;
	host->why = *why;
	host->why_status = r == OPEN_E_PERMISSION ? SERVICE_NO_PERMISSION : SERVICE_UNAVAILABLE;
	if (r == EVENT_E_BAD_CONFIG)
		host->why_status = SERVICE_BAD_CONFIG;
}

static void log_refusal(struct host_machine *m, const struct pmu *pmu, const struct problem *why)
{
	log_event(m->log, LOG_EVENT_REFUSED, LOG_TEXT("pmu", pmu ? pmu->name : "none"),
		  LOG_TEXT("reason", why->text));
}

static void choose(struct host_machine *m, const struct pmu *pmu)
{
	struct event_config config = event_config_of(m->options, pmu == NULL);
	struct problem why = { "" };
	int r;

	if (m->n_events == OPENER_EVENTS_MAX)
		return;
	r = event_choose(&m->machine, pmu, &config, &m->events[m->n_events], &why);
	if (r == 0) {
		m->pmus[m->n_events++] = pmu;
		return;
	}
	refuse(m->host, r, &why);
	if (r != EVENT_E_OTHER_PMU)
		log_refusal(m, pmu, &why);
}

/* One event a PMU; the clock, or the sentence that there is no PMU, if none has one. */
void host_machine_choose(struct host_machine *m)
{
	for (size_t i = 0; i < m->machine.n_pmus; i++)
		choose(m, &m->machine.pmus[i]);
	if (m->n_events == 0 && (m->machine.n_pmus == 0 || m->options->mode == OPTIONS_MODE_IP))
		choose(m, NULL);
}

/* what the opener finds */

static void log_chosen(struct host_machine *m, size_t i, const struct open_form *form)
{
	char given_up[200];

	open_words_given_up(form->given_up, given_up, sizeof(given_up));
	log_event(m->log, LOG_EVENT_CHOSEN, LOG_TEXT("pmu", m->pmus[i] ? m->pmus[i]->name : "none"),
		  LOG_TEXT("pmu-event", m->events[i].name),
		  LOG_TEXT("origin", event_origin_name(m->events[i].origin)),
		  LOG_U64("period", form->attr.sample_period),
		  LOG_TEXT("given-up", given_up[0] ? given_up : NULL));
}

static enum budget_unit cost_of(const struct pmu *pmu)
{
	enum branch_unit unit = pmu ? pmu->unit : BRANCH_UNIT_NONE;

	switch (unit) {
	case BRANCH_UNIT_NONE:
		return BUDGET_UNIT_CLOCK;
	case BRANCH_UNIT_ARCH_LBR:
		return BUDGET_UNIT_ARCH_LBR;
	case BRANCH_UNIT_BRS:
		return BUDGET_UNIT_BRS;
	case BRANCH_UNIT_LBREXT_V2:
		return BUDGET_UNIT_LBR_EXT_V2;
	case BRANCH_UNIT_BRBE:
		return BUDGET_UNIT_BRBE;
	case BRANCH_UNIT_LBR:
	case BRANCH_UNIT_OTHER: /* the dearest, to be careful */
		return BUDGET_UNIT_LBR;
	}
	return BUDGET_UNIT_LBR;
}

static void describe(const struct host_machine *m, size_t i, struct host_event *description)
{
	const struct pmu *pmu = m->pmus[i];

	snprintf(description->pmu, sizeof(description->pmu), "%s", pmu ? pmu->name : "");
	snprintf(description->name, sizeof(description->name), "%s", m->events[i].name);
	description->origin = m->events[i].origin;
	description->degraded = m->events[i].degraded;
	description->cost = m->host->mode == EVENT_MODE_IP ? BUDGET_UNIT_CLOCK : cost_of(pmu);
}

static void probe(struct host_machine *m, size_t i)
{
	struct host *host = m->host;
	const struct pmu *pmu = m->pmus[i];
	struct cpus cpus = cpus_intersect(pmu ? &pmu->cpus : &m->machine.possible, &host->wanted);
	struct cpus online = cpus_intersect(&cpus, &m->machine.online);
	struct problem why = { "" };
	struct open_form form;
	int r;

	if (cpus_count(&online) == 0)
		return;
	r = opener_probe(m->opener, i, cpus_next(&online, 0), &form, &why);
	if (r != 0) {
		refuse(host, r, &why);
		log_refusal(m, pmu, &why);
		return;
	}
	log_chosen(m, i, &form);
	describe(m, i, &host->descriptions[host->n_events]);
	m->opener_index[host->n_events] = i;
	host->events[host->n_events++] = (struct sampler_event){
		.form = form,
		.cpus = cpus,
		.mode = host->mode,
		.n_depth = pmu ? pmu->n_branches : 0,
		.skid_max = pmu && pmu->unit == BRANCH_UNIT_BRS ? pmu->n_branches : 0,
	};
}

int host_machine_probe(struct host_machine *m)
{
	struct host *host = m->host;

	host->events = calloc(m->n_events + 1, sizeof(*host->events));
	host->descriptions = calloc(m->n_events + 1, sizeof(*host->descriptions));
	if (!host->events || !host->descriptions)
		return -ENOMEM;
	for (size_t i = 0; i < m->n_events; i++)
		probe(m, i);
	if (host->n_events == 0 && !host->why.text[0]) {
		problem_set(&host->why, 0, "none of the CPUs to be sampled is online");
		host->why_status = SERVICE_UNAVAILABLE;
	}
	return 0;
}
