/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How benchmarks measure: CPU time of this thread, against the yardstick of plainly reading the
 * same bytes in the same run, in alternating rounds. The machine may be busy with other things; the
 * ratio of the two says more than either. Of the rounds, the median counts.
 */

#include <stddef.h>
#include <stdint.h>

double cpu_seconds(void);

/* Sums up n_bytes, a multiple of 128 and aligned to 32. Adds to *ret_sum; seconds that it took. */
double time_reading(const void *memory, size_t n_bytes, uint64_t *ret_sum);

/* Sorts them. */
double median(double *items, size_t n);
