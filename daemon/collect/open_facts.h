/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What decides whether this process may open events and map rings: sysctls, capabilities, limits.
 * Read from /proc, given as a directory.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"

struct problem;

#define OPEN_PARANOID_UNKNOWN INT32_MIN

struct open_facts {
	const char *pmu_name; /* borrowed; for sentences, NULL: not said */
	bool is_guest;
	int32_t paranoid;   /* kernel.perf_event_paranoid, or OPEN_PARANOID_UNKNOWN */
	uint64_t mlock_kib; /* kernel.perf_event_mlock_kb, a CPU */
	bool has_sys_admin, has_perfmon, has_ipc_lock; /* effective capabilities */
	uint64_t n_fds_limit;			       /* RLIMIT_NOFILE, soft; UINT64_MAX: none */
	uint64_t n_fds_needed;			       /* of the whole plan; 0: not known */
	uint64_t memlock_bytes;			       /* RLIMIT_MEMLOCK, soft; UINT64_MAX: none */
	uint64_t page_bytes;
	unsigned int n_online; /* CPUs */
};

/*
 * Reads paranoid, mlock_kib, the capabilities and both limits below proc_root ("/proc"); what
 * cannot be read stays at what is unknown or worst (no capability, limits of 0 or none). The other
 * fields are the caller's. 0; -errno of opening proc_root.
 */
must_check int open_facts_read(const char *proc_root, struct open_facts *ret_facts,
			       struct problem *problem);
