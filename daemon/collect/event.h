/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * From a PMU to the perf_event_attr that samples the kernel on it. Pure: nothing is opened here, so
 * every machine's event can be made, and compared, on any machine (open.h opens).
 *
 * The fields follow one recipe; only type, config, the branch filter and the period differ. What
 * the kernel at hand cannot do is taken back while opening, not here.
 */

#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/macros.h"

struct machine;
struct pmu;
struct problem;

enum event_mode {
	EVENT_MODE_BRANCH, /* branch stacks; never given up for something weaker */
	EVENT_MODE_IP,	   /* instruction pointers only: a weaker profile */
};

/* Where type and config come from. */
enum event_origin {
	EVENT_ORIGIN_LIBPFM,
	EVENT_ORIGIN_SYSFS,
	EVENT_ORIGIN_TABLE,
	EVENT_ORIGIN_CONFIGURED, /* Event=, held against nothing */
	EVENT_ORIGIN_GENERIC,	 /* the kernel's own cycles or cpu-clock */
};

/* What makes the samples worse than they should be; EVENT_DEGRADED_*. */
#define EVENT_DEGRADED_NO_FREEZE (1u << 0) /* newest entries are those of the interrupt itself */
#define EVENT_DEGRADED_IP_ONLY (1u << 1)   /* no branch stacks: Mode=ip */

struct event_config {
	enum event_mode mode;
	const char *event;     /* of Event=; NULL or "auto": the right one */
	uint64_t period;       /* events between two samples; nanoseconds for cpu-clock */
	uint32_t wakeup_bytes; /* watermark; 0: half the ring */
	bool period_changes;   /* at run time: then each sample says its own */
	bool allow_degraded;   /* sample with EVENT_DEGRADED_NO_FREEZE rather than not at all */
};

struct event {
	struct perf_event_attr attr;
	enum event_origin origin;
	uint32_t degraded;
	char name[104]; /* for people: "BR_INST_RETIRED.NEAR_TAKEN", "cpu/event=0xc4/" */
};

/* None is an OPEN_E_* (open.h) of another meaning: a preflight keeps both in one number. */
enum {
	EVENT_E_UNSUPPORTED = 1, /* no (known) event for what was asked on this PMU */
	EVENT_E_BAD_CONFIG = 16, /* Event= or the period cannot be what was meant */
	EVENT_E_OTHER_PMU,	 /* Event= names PMUs, this one not among them */
};

/*
 * The event for the CPUs of pmu. pmu is NULL for cpu-clock in EVENT_MODE_IP, on all CPUs, and for a
 * machine without a PMU. event_pfm_start() must have been called; without it, libpfm4 knows nothing
 * and the other sources serve. 0; EVENT_E_*, each with its sentence and remedy in problem.
 */
must_check int event_choose(const struct machine *machine, const struct pmu *pmu,
			    const struct event_config *config, struct event *ret_event,
			    struct problem *problem);
const char *event_origin_name(enum event_origin origin);
