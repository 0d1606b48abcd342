/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the kernel lets this process do, as far as that can be read: for the preflight, and for
 * sentences that name the remedy instead of an errno. Nothing is decided by it: the only proof that
 * a system call is allowed is to call it.
 */

#include <stdbool.h>
#include <stdint.h>

struct problem;

enum fact {
	FACT_UNKNOWN,
	FACT_NO,
	FACT_YES,
};

enum lockdown {
	LOCKDOWN_UNKNOWN, /* no such file: kernel without it, or securityfs is not mounted */
	LOCKDOWN_NONE,
	LOCKDOWN_INTEGRITY,
	LOCKDOWN_CONFIDENTIALITY, /* /proc/kcore cannot be opened */
};

/* A number from proc/sys; value only counts if is_known. */
struct sysctl_fact {
	bool is_known;
	int64_t value;
};

struct privileges {
	struct sysctl_fact perf_event_paranoid;
	struct sysctl_fact
		perf_event_mlock_kb; /* KiB for each user and CPU, beside RLIMIT_MEMLOCK */
	struct sysctl_fact perf_event_max_sample_rate; /* samples/s of one CPU; falls by itself */
	struct sysctl_fact kptr_restrict;
	enum lockdown lockdown;
	enum fact is_guest;		/* x86's hypervisor flag; unknown elsewhere */
	enum fact is_initial_namespace; /* of users: capabilities count in no other */
	bool has_caps;
	uint64_t effective_caps; /* 1 << CAP_…; only if has_caps */
};

/* use */

/* Reads what there is below root_fd; what cannot be read or understood is unknown. */
void privileges_read(int root_fd, struct privileges *ret);
/* cap is a CAP_… of linux/capability.h; only in the initial namespace is it worth something. */
enum fact privileges_has_cap(const struct privileges *privileges, unsigned int cap);

/*
 * Whether kallsyms will show addresses to a file opened by this process. If not (FACT_NO), problem
 * says what would help.
 */
enum fact privileges_may_see_addresses(const struct privileges *privileges,
				       struct problem *problem);
/*
 * Whether this process may open per-CPU events of the kernel. Unknown above paranoid level 2
 * without CAP_SYS_ADMIN: mainline knows no such level, kernels of Debian and Ubuntu refuse there.
 * If not FACT_YES, problem says what would help.
 */
enum fact privileges_may_open_events(const struct privileges *privileges, struct problem *problem);
