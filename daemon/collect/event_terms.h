/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The kernel's own way to write an event, "event=0xc4,umask=0x20", with the PMU's format/ files
 * that say which bits of which config word each term sets (Documentation/ABI/testing/
 * sysfs-bus-event_source-devices-format).
 */

#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"

struct pmu;
struct problem;

#define EVENT_N_CONFIGS 3 /* config, config1, config2 of perf_event_attr */

enum {
	EVENT_TERMS_E_BAD = 1, /* a term that the PMU has not, or a value that does not fit */
};

/*
 * ORs the terms (n_bytes of them, as after the first '/' of "cpu/…/") into configs. A term without
 * value is the name of one of the PMU's events/, or else stands for 1; "config=", "config1=" and
 * "config2=" set a whole word. On failure configs are unspecified. 0, EVENT_TERMS_E_BAD.
 */
must_check int event_terms_apply(const struct pmu *pmu, const char *terms, size_t n_bytes,
				 uint64_t configs[EVENT_N_CONFIGS], struct problem *problem);
