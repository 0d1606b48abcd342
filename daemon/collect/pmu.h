/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What this machine has to count and record branches with: its processor and the core PMUs that the
 * kernel shows in sysfs. Facts only; which event suits which PMU is event.h's matter.
 *
 * Read once: nothing here changes while a kernel runs, except which CPUs are online.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "pmu_cpus.h"

struct problem;

enum cpu_vendor {
	CPU_VENDOR_UNKNOWN,
	CPU_VENDOR_INTEL,
	CPU_VENDOR_AMD,
	CPU_VENDOR_ARM,
};

/* Who records branches, with the manners that perf-branch-stacks knows of each. */
enum branch_unit {
	BRANCH_UNIT_NONE,
	BRANCH_UNIT_LBR,       /* Intel, model-specific registers, up to Ice Lake */
	BRANCH_UNIT_ARCH_LBR,  /* Intel, Alder Lake and Sapphire Rapids on */
	BRANCH_UNIT_BRS,       /* AMD Zen 3 */
	BRANCH_UNIT_LBREXT_V2, /* AMD Zen 4 on */
	BRANCH_UNIT_BRBE,      /* Arm */
	BRANCH_UNIT_OTHER,     /* a PMU with caps/branches that we know nothing else of */
};

/* A file of format/ or events/: its name and its one line. */
struct pmu_term {
	char name[40];
	char text[88]; /* "config:0-7,32-35", "event=0xc4" */
};

struct pmu {
	char name[40];
	uint32_t type;	  /* perf_event_attr.type */
	struct cpus cpus; /* CPUs it counts on; all possible ones if it does not say */
	enum branch_unit unit;
	unsigned int n_branches;  /* entries of a stack; 0: no branch stacks */
	struct pmu_term *formats; /* owned, n_formats */
	size_t n_formats;
	struct pmu_term *events; /* owned, n_events */
	size_t n_events;
};

struct machine {
	enum cpu_vendor vendor;
	char vendor_name[16];
	unsigned int family, model, stepping; /* 0 where cpuinfo has none (Arm) */
	bool has_arch_lbr;
	bool has_brs; /* of the processor; the kernel may be built without */
	bool has_amd_lbr_v2;
	bool has_amd_lbr_freeze; /* records stop changing when the interrupt is raised */
	bool is_guest;		 /* x86: the hypervisor flag */
	struct cpus possible, online, isolated, nohz_full;
	struct pmu *pmus; /* owned; core PMUs and others with branch stacks, sorted by name */
	size_t n_pmus;
	unsigned int
		n_skipped; /* PMU directories and terms that could not be read or were too long */
};

/* lifecycle */

/*
 * Reads sysfs below sysfs_root ("/sys") and cpuinfo, the text of /proc/cpuinfo (its first processor
 * is enough, and all that is looked at). amd_freeze_cpuid: bit 2 of CPUID 8000_0022H EAX, for
 * kernels before 6.9, which freeze but do not say so in cpuinfo; false if not asked. 0; -errno of
 * opening sysfs_root; -EBADMSG: the lists of CPUs are missing or malformed; -ENOMEM.
 */
must_check int machine_read(const char *sysfs_root, const char *cpuinfo, bool amd_freeze_cpuid,
			    struct machine *ret_machine, struct problem *problem);
void machine_deinit(struct machine *machine); /* accepts a null-initialised one */

/* use */

/* PMU by its name; NULL. */
const struct pmu *machine_find_pmu(const struct machine *machine, const char *name);
/* Number of PMUs that count on cores (all but BRANCH_UNIT_OTHER). */
size_t machine_count_core_pmus(const struct machine *machine);
/* Text of a format or event of that name; NULL. */
const char *pmu_find_format(const struct pmu *pmu, const char *name);
const char *pmu_find_event(const struct pmu *pmu, const char *name);
