/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three sources are asked in turn for the code of the taken-branch event: libpfm4, which is what
 * people look events up in; the kernel's events/; our table. The table is also the judge of the
 * first two.
 *
 * Every core type is asked for by itself: a hybrid machine has two codes, and one of them, given
 * to the wrong cores, counts something else without a word.
 */
#include "event.h"

#include <stdio.h>
#include <string.h>
#include "base/problem.h"
#include "event_pfm.h"
#include "event_table.h"
#include "event_terms.h"
#include "pmu.h"

/* Since Linux 6.0; the headers to build with are as new. */
_Static_assert(PERF_FORMAT_LOST == 16, "include/uapi/linux/perf_event.h");

/* Since 5.13, config of generic events may name a PMU (include/uapi/linux/perf_event.h). */
#define EXTENDED_TYPE_SHIFT 32

static void set_name(struct event *event, const char *name, size_t n_bytes)
{
	snprintf(event->name, sizeof(event->name), "%.*s", n_bytes < 100 ? (int)n_bytes : 100,
		 name);
}

/* sentences */

static int refuse_unit(const struct machine *machine, const struct pmu *pmu,
		       struct problem *problem)
{
	if (machine->is_guest)
		return problem_set(
			problem, EVENT_E_UNSUPPORTED,
			"no branch records in this virtual machine: its host does not hand "
			"them on; sample on the host, or set Mode=ip");
	if (!pmu)
		return problem_set(
			problem, EVENT_E_UNSUPPORTED,
			"no PMU: the kernel has no driver for this processor's; set Mode=ip");
	if (machine->has_brs)
		return problem_set(
			problem, EVENT_E_UNSUPPORTED,
			"PMU %s: no branch records: this processor has BRS, but the kernel is "
			"built without CONFIG_PERF_EVENTS_AMD_BRS; use one with it, or set "
			"Mode=ip",
			pmu->name);
	if (machine->vendor == CPU_VENDOR_ARM)
		return problem_set(
			problem, EVENT_E_UNSUPPORTED,
			"PMU %s: no branch records: they need BRBE, Linux 6.17 and firmware "
			"that permits it; set Mode=ip",
			pmu->name);
	return problem_set(
		problem, EVENT_E_UNSUPPORTED,
		"PMU %s: no branch records on this processor, or its kernel does not show "
		"them (caps/branches); set Mode=ip",
		pmu->name);
}

static int refuse_model(const struct machine *machine, const struct pmu *pmu,
			struct problem *problem)
{
	return problem_set(
		problem, EVENT_E_UNSUPPORTED,
		"PMU %s: the taken-branch event of %s family 0x%x model 0x%x is not known; "
		"name it, Event=%s/event=N,umask=N/, or set Mode=ip",
		pmu->name, machine->vendor_name[0] ? machine->vendor_name : "this processor",
		machine->family, machine->model, pmu->name);
}

static int refuse_code(const struct pmu *pmu, const char *who, const struct event_row *row,
		       uint64_t config, struct problem *problem)
{
	return problem_set(
		problem, EVENT_E_UNSUPPORTED,
		"PMU %s: %s encodes %s as 0x%llx, which should be 0x%llx (%s); name the right "
		"one with Event=",
		pmu->name, who, row->name, (unsigned long long)config,
		(unsigned long long)row->config, row->source);
}

/* sources of the code */

/* Whether libpfm4 knows the row's event; then *ret_config is its code. */
static bool ask_libpfm(const struct event_row *row, uint64_t *ret_config)
{
	struct event_pfm_code code;
	char string[96];

	for (size_t i = 0; row->pfm_event && row->pfm_pmus[i]; i++) {
		snprintf(string, sizeof(string), "%s::%s", row->pfm_pmus[i], row->pfm_event);
		if (event_pfm_encode(string, &code, NULL) == 0) {
			*ret_config = code.config;
			return true;
		}
	}
	return false;
}

static bool ask_sysfs(const struct pmu *pmu, const char *name, uint64_t configs[EVENT_N_CONFIGS])
{
	const char *terms = name ? pmu_find_event(pmu, name) : NULL;

	return terms && event_terms_apply(pmu, terms, strlen(terms), configs, NULL) == 0;
}

static int choose_by_row(const struct pmu *pmu, const struct event_row *row, struct event *event,
			 struct problem *problem)
{
	uint64_t configs[EVENT_N_CONFIGS] = { 0 };
	const char *who = "table";

	event->origin = EVENT_ORIGIN_TABLE;
	if (ask_libpfm(row, &configs[0])) {
		event->origin = EVENT_ORIGIN_LIBPFM;
		who = "libpfm4";
	} else if (ask_sysfs(pmu, row->sysfs_event, configs)) {
		event->origin = EVENT_ORIGIN_SYSFS;
		who = "the kernel";
	} else {
		configs[0] = row->config;
	}
	if (configs[0] != row->config)
		return refuse_code(pmu, who, row, configs[0], problem);
	event->attr.type = pmu->type;
	event->attr.config = configs[0];
	set_name(event, row->name, strlen(row->name));
	return 0;
}

static int choose_unlisted(const struct machine *machine, const struct pmu *pmu,
			   struct event *event, struct problem *problem)
{
	for (const char *const *name = event_table_sysfs_names; *name; name++) {
		uint64_t configs[EVENT_N_CONFIGS] = { 0 };

		if (!ask_sysfs(pmu, *name, configs))
			continue;
		event->origin = EVENT_ORIGIN_SYSFS;
		event->attr.type = pmu->type;
		event->attr.config = configs[0];
		event->attr.config1 = configs[1];
		event->attr.config2 = configs[2];
		set_name(event, *name, strlen(*name));
		return 0;
	}
	return refuse_model(machine, pmu, problem);
}

/* Event= */

/*
 * "cpu_core/…/,cpu_atom/…/": the part for a PMU of this name, from its name on. White space and
 * commas separate; "/k" may follow the last slash, as perf writes it.
 */
struct part {
	const char *start, *terms;
	size_t n_bytes, n_terms;
};

static int bad_event(const char *string, const char *why, struct problem *problem)
{
	return problem_set(problem, EVENT_E_BAD_CONFIG, "Event=%.120s: %s", string, why);
}

/* The part at pos, which has at least one byte. */
static int take_part(const char *string, const char *pos, struct part *ret_part,
		     struct problem *problem)
{
	const char *open = strchr(pos, '/');
	const char *close = open ? strchr(open + 1, '/') : NULL;
	size_t n_modifiers;

	if (!close)
		return bad_event(string, "a PMU's event is written pmu/term=value,.../", problem);
	n_modifiers = strcspn(close + 1, ", \t");
	if (n_modifiers > 1 || (n_modifiers == 1 && close[1] != 'k'))
		return bad_event(string, "only the kernel is sampled: no modifier but k", problem);
	*ret_part = (struct part){
		.start = pos,
		.terms = open + 1,
		.n_terms = (size_t)(close - open - 1),
		.n_bytes = (size_t)(close + 1 - pos) + n_modifiers,
	};
	return 0;
}

static int choose_by_terms(const struct pmu *pmu, const char *string, struct event *event,
			   struct problem *problem)
{
	uint64_t configs[EVENT_N_CONFIGS] = { 0 };
	size_t n_name = strlen(pmu->name);
	struct part part = { 0 };
	int r;

	for (const char *pos = string; *(pos += strspn(pos, ", \t"));
	     pos = part.start + part.n_bytes) {
		r = take_part(string, pos, &part, problem);
		if (r != 0)
			return r;
		if ((size_t)(part.terms - 1 - part.start) != n_name ||
		    strncmp(part.start, pmu->name, n_name) != 0)
			continue;
		if (event_terms_apply(pmu, part.terms, part.n_terms, configs, problem) != 0)
			return EVENT_E_BAD_CONFIG;
		event->attr.type = pmu->type;
		event->attr.config = configs[0];
		event->attr.config1 = configs[1];
		event->attr.config2 = configs[2];
		set_name(event, part.start, part.n_bytes);
		return 0;
	}
	return problem_set(problem, EVENT_E_OTHER_PMU, "Event=%.120s: nothing for PMU %s", string,
			   pmu->name);
}

static int check_code(const struct machine *machine, const struct event_pfm_code *code,
		      const char *string, struct problem *problem)
{
	if (code->excludes_kernel || code->is_frequency)
		return bad_event(string,
				 "only the kernel is sampled, at a fixed period: no u, no freq",
				 problem);
	if (!code->is_core || (code->type != PERF_TYPE_RAW && code->type != PERF_TYPE_HARDWARE))
		return bad_event(string, "not an event of a core's PMU", problem);
	if (code->type == PERF_TYPE_RAW && machine_count_core_pmus(machine) > 1)
		return bad_event(
			string,
			"this machine has several core types, which need a code each: write "
			"cpu_core/event=N/,cpu_atom/event=N/",
			problem);
	return 0;
}

static int choose_by_libpfm(const struct machine *machine, const struct pmu *pmu,
			    const char *string, struct event *event, struct problem *problem)
{
	struct event_pfm_code code;
	int r;

	if (event_pfm_encode(string, &code, problem) != 0)
		return EVENT_E_BAD_CONFIG;
	r = check_code(machine, &code, string, problem);
	if (r != 0)
		return r;
	event->attr.type = code.type == PERF_TYPE_RAW ? pmu->type : code.type;
	event->attr.config = code.config;
	event->attr.config1 = code.config1;
	event->attr.config2 = code.config2;
	if (code.type == PERF_TYPE_HARDWARE && pmu->type != PERF_TYPE_RAW)
		event->attr.config |= (uint64_t)pmu->type << EXTENDED_TYPE_SHIFT;
	set_name(event, string, strlen(string));
	return 0;
}

static int choose_configured(const struct machine *machine, const struct pmu *pmu,
			     const char *string, struct event *event, struct problem *problem)
{
	event->origin = EVENT_ORIGIN_CONFIGURED;
	if (strchr(string, '/'))
		return choose_by_terms(pmu, string, event, problem);
	return choose_by_libpfm(machine, pmu, string, event, problem);
}

static bool is_auto(const struct event_config *config)
{
	return !config->event || !config->event[0] || strcmp(config->event, "auto") == 0;
}

/* branch stacks */

static int check_brs(const struct pmu *pmu, const struct event_config *config,
		     const struct event *event, struct problem *problem)
{
	if (event->attr.config != 0xc4)
		return problem_set(problem, EVENT_E_BAD_CONFIG,
				   "PMU %s: BRS samples taken branches only: Event=auto",
				   pmu->name);
	if (config->period <= pmu->n_branches)
		return problem_set(problem, EVENT_E_BAD_CONFIG,
				   "PMU %s: Period=%llu: BRS needs more than its %u entries",
				   pmu->name, (unsigned long long)config->period, pmu->n_branches);
	return 0;
}

/* Without the freeze, the interrupt's own branches push out the ones that it is about. */
static int check_freeze(const struct machine *machine, const struct event_config *config,
			struct event *event, struct problem *problem)
{
	if (machine->has_amd_lbr_freeze)
		return 0;
	if (!config->allow_degraded)
		return problem_set(
			problem, EVENT_E_UNSUPPORTED,
			"branch records do not freeze on this processor (no amd_lbr_pmc_freeze "
			"in /proc/cpuinfo): they would show the interrupt's own branches; set "
			"Mode=ip");
	event->degraded |= EVENT_DEGRADED_NO_FREEZE;
	return 0;
}

static int choose_branch(const struct machine *machine, const struct pmu *pmu,
			 const struct event_config *config, struct event *event,
			 struct problem *problem)
{
	const struct event_row *row;
	int r;

	if (!pmu || pmu->unit == BRANCH_UNIT_NONE)
		return refuse_unit(machine, pmu, problem);
	row = event_table_find(machine, pmu);
	if (!is_auto(config))
		r = choose_configured(machine, pmu, config->event, event, problem);
	else if (row)
		r = choose_by_row(pmu, row, event, problem);
	else
		r = choose_unlisted(machine, pmu, event, problem);
	if (r == 0 && pmu->unit == BRANCH_UNIT_BRS)
		r = check_brs(pmu, config, event, problem);
	if (r == 0 && pmu->unit == BRANCH_UNIT_LBREXT_V2)
		r = check_freeze(machine, config, event, problem);
	event->attr.sample_type = PERF_SAMPLE_BRANCH_STACK;
	event->attr.branch_sample_type = PERF_SAMPLE_BRANCH_ANY | PERF_SAMPLE_BRANCH_KERNEL;
	/* a third of the MSR reads less; Arch LBR does not care, AMD refuses */
	if (pmu->unit == BRANCH_UNIT_LBR)
		event->attr.branch_sample_type |=
			PERF_SAMPLE_BRANCH_NO_FLAGS | PERF_SAMPLE_BRANCH_NO_CYCLES;
	return r;
}

/* instruction pointers */

static void set_cpu_clock(struct event *event)
{
	event->origin = EVENT_ORIGIN_GENERIC;
	event->attr.type = PERF_TYPE_SOFTWARE;
	event->attr.config = PERF_COUNT_SW_CPU_CLOCK;
	strcpy(event->name, "cpu-clock");
}

/* Cycles interrupt even where interrupts are off (NMI), which cpu-clock's timer cannot. */
static void set_cycles(const struct pmu *pmu, struct event *event)
{
	event->origin = EVENT_ORIGIN_GENERIC;
	event->attr.type = PERF_TYPE_HARDWARE;
	event->attr.config = PERF_COUNT_HW_CPU_CYCLES;
	if (pmu->type != PERF_TYPE_RAW)
		event->attr.config |= (uint64_t)pmu->type << EXTENDED_TYPE_SHIFT;
	strcpy(event->name, "cycles");
}

static int choose_ip(const struct machine *machine, const struct pmu *pmu,
		     const struct event_config *config, struct event *event,
		     struct problem *problem)
{
	bool has_cycles = pmu && pmu->unit != BRANCH_UNIT_OTHER;

	event->degraded |= EVENT_DEGRADED_IP_ONLY;
	if (is_auto(config) ? !has_cycles : strcmp(config->event, "cpu-clock") == 0) {
		set_cpu_clock(event);
		return 0;
	}
	if (!pmu)
		return bad_event(config->event, "this machine has no PMU; use cpu-clock", problem);
	if (is_auto(config) || strcmp(config->event, "cycles") == 0) {
		set_cycles(pmu, event);
		return 0;
	}
	return choose_configured(machine, pmu, config->event, event, problem);
}

/* perf-branch-stacks, the recipe: what is not named is zero and has to be. */
static void set_recipe(const struct event_config *config, struct perf_event_attr *attr)
{
	attr->size = sizeof(*attr);
	attr->sample_period = config->period;
	attr->sample_type |= PERF_SAMPLE_IP | PERF_SAMPLE_TIME;
	if (config->period_changes)
		attr->sample_type |= PERF_SAMPLE_PERIOD;
	attr->read_format =
		PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING | PERF_FORMAT_LOST;
	attr->disabled = 1;
	attr->exclude_user = 1;
	attr->exclude_hv = 1;
	attr->exclude_guest = 1;
	attr->watermark = 1;
	attr->wakeup_watermark = config->wakeup_bytes;
	attr->sample_id_all = 1;
}

int event_choose(const struct machine *machine, const struct pmu *pmu,
		 const struct event_config *config, struct event *ret_event,
		 struct problem *problem)
{
	struct event event = { 0 };
	int r;

	/* bit 63: kernel/events/core.c perf_event_open */
	if (config->period == 0 || config->period >> 63)
		return problem_set(problem, EVENT_E_BAD_CONFIG, "Period=%llu: from 1 to 2^63 - 1",
				   (unsigned long long)config->period);
	if (config->mode == EVENT_MODE_BRANCH)
		r = choose_branch(machine, pmu, config, &event, problem);
	else
		r = choose_ip(machine, pmu, config, &event, problem);
	if (r != 0)
		return r;
	set_recipe(config, &event.attr);
	*ret_event = event;
	return 0;
}

const char *event_origin_name(enum event_origin origin)
{
	switch (origin) {
	case EVENT_ORIGIN_LIBPFM:
		return "libpfm4";
	case EVENT_ORIGIN_SYSFS:
		return "sysfs";
	case EVENT_ORIGIN_TABLE:
		return "table";
	case EVENT_ORIGIN_CONFIGURED:
		return "configuration";
	case EVENT_ORIGIN_GENERIC:
		return "kernel";
	}
	return "unknown";
}
