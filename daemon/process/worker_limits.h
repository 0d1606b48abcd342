/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a worker does to its own process for the good of others, whoever started it.
 */

#include <stdint.h>
#include "base/macros.h"

struct worker_config;

/* Lowest priority, unless urgent, and the first to go without memory. WORKER_WITHOUT_*. */
uint32_t worker_step_back(const struct worker_config *config);
/* Memory, size of files, CPU time, no core. For good. 0; -errno. */
must_check int worker_limit(const struct worker_config *config);
