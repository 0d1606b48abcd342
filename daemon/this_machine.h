/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The machine that this process runs on, as collect wants to know it: sysfs, cpuinfo, one question
 * to the processor itself, and what the kernel lets us do.
 */

#include "base/macros.h"

struct machine;
struct open_facts;
struct problem;

/*
 * Of /sys and /proc; the caller deinits *ret_machine. Of the facts, all but pmu_name and
 * n_fds_needed are set. 0; -errno and a sentence, as machine_read() and open_facts_read().
 */
must_check int this_machine_read(struct machine *ret_machine, struct open_facts *ret_facts,
				 struct problem *problem);
