/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * libpfm4 behind four numbers. Only its source sees pfmlib_perf_event.h, whose perf_event_attr is
 * older than, and clashes with, the kernel's own header.
 */

#include <stdbool.h>
#include <stdint.h>
#include "base/macros.h"

struct problem;

/* What an event string asks for, before the rules of sampling the kernel are laid over it. */
struct event_pfm_code {
	uint32_t type; /* PERF_TYPE_*; 4 also for cores whose PMU has another number */
	uint64_t config, config1, config2;
	bool excludes_kernel; /* ":u" */
	bool is_frequency;    /* ":freq=" */
	bool is_core;	      /* not an event of an uncore PMU */
};

/*
 * Starts libpfm4, which keeps its tables and what it thinks of the processor in globals of its own;
 * once a process, more does no harm. The environment variable LIBPFM_ENCODE_INACTIVE=1 makes it
 * encode for PMUs that are not present. 0, -ENOTSUP: libpfm4 knows no PMU here at all.
 */
must_check int event_pfm_start(struct problem *problem);

enum {
	EVENT_PFM_E_UNKNOWN =
		1, /* no such event, or not on an active PMU; problem has libpfm4's word */
};

/* Encodes any string of libpfm4 ("skx::BR_INST_RETIRED:NEAR_TAKEN"). 0, EVENT_PFM_E_UNKNOWN. */
must_check int event_pfm_encode(const char *string, struct event_pfm_code *ret_code,
				struct problem *problem);
