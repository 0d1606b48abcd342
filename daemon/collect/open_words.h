/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What an errno of perf_event_open(2) or of mapping its ring means here, and what would help.
 */

#include <stdint.h>
#include "base/macros.h"

struct open_facts;
struct perf_event_attr;
struct problem;

/* For -error of opening attr, the last of all tries: OPEN_E_* with its sentence, or error. */
int open_words_refusal(int error, const struct perf_event_attr *attr, unsigned int cpu,
		       const struct open_facts *facts, struct problem *problem);
/* For -error of mapping n_bytes, the smallest that was tried: likewise. */
int open_words_no_ring(int error, uint64_t n_bytes, const struct open_facts *facts,
		       struct problem *problem);
