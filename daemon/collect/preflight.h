/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Can this machine sample branches, and if not, why not and what would help: each PMU's event is
 * chosen and tried on one of its CPUs, and so are instruction pointers alone. Nothing stays open.
 */

#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "base/problem.h"
#include "event.h"

struct buf;
struct json_object;
struct machine;
struct open_calls;
struct open_facts;
struct pmu;

/* Weakest first. */
enum preflight_verdict {
	PREFLIGHT_NOTHING,	 /* neither branches nor instruction pointers */
	PREFLIGHT_IP,		 /* Mode=ip works, branches nowhere */
	PREFLIGHT_SOME_BRANCHES, /* on some of the online CPUs */
	PREFLIGHT_BRANCHES,	 /* on all of them */
};

/* One try. */
struct preflight_try {
	const struct pmu *pmu; /* borrowed of the machine; NULL: of none */
	unsigned int n_cpus;   /* online ones that it stands for */
	int result;	       /* 0: works; else EVENT_E_*, OPEN_E_* or -errno, problem says why */
	struct event event;    /* if it works */
	uint32_t given_up;     /* OPEN_WITHOUT_* */
	struct problem problem;
};

struct preflight {
	enum preflight_verdict verdict;
	struct preflight_try
		*branches; /* owned; one a PMU with CPUs online, or one for no PMU at all */
	size_t n_branches;
	struct preflight_try ip; /* the first PMU's cycles, or else cpu-clock */
	unsigned int n_online, n_branch_cpus;
};

/* lifecycle */

/*
 * Tries everything, with the period and watermark of config and the event that it names; its mode
 * is not looked at. Neither are pmu_name and is_guest of facts. 0, -ENOMEM.
 */
must_check int preflight_run(const struct machine *machine, const struct open_calls *calls,
			     const struct open_facts *facts, const struct event_config *config,
			     struct preflight *ret_preflight);
void preflight_deinit(struct preflight *preflight); /* accepts a null-initialised one */

/* use */

const char *preflight_verdict_name(enum preflight_verdict verdict); /* "branches", … of the JSON */
/* A line of verdict, one a PMU, one on instruction pointers, one on what this process may. */
void preflight_text(const struct preflight *preflight, const struct open_facts *facts,
		    struct buf *text);
/* The same as an object, the caller's to json_object_put(). 0, -ENOMEM. */
must_check int preflight_json(const struct preflight *preflight, const struct open_facts *facts,
			      struct json_object **ret_object);
