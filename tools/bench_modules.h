/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Modules of the made-up kernel: of the code of a hot set (bench_load.h) the kernel's own is the
 * first part, and what follows are modules, one behind the other. By Zipf's law that is a fifth of
 * all branches, as much as there is on a machine whose network goes through its modules.
 */

#include "base/macros.h"

struct host_map;
struct loaded_modules;
struct problem;

#define BENCH_MODULES_KERNEL_BYTES 0x35000u

/* For struct host_calls. */
must_check int bench_modules_read_map(void *context, struct host_map *ret, struct problem *problem);
int bench_modules_list(void *context, struct loaded_modules *ret);
