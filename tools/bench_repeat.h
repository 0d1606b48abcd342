/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A longer recording: the data of a perf.data file several times over, as if the machine had run
 * the same again.
 */

#include <stdint.h>
#include "base/macros.h"

/* Copies from into to, its data n times. 0; -EBADMSG: not such a file; -errno. */
must_check int bench_repeat(const char *from, const char *to, uint64_t n);
