/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Numbers on the benchmarks' command lines.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

/* A decimal number from 1 to max, and nothing behind it; *ret stays untouched otherwise. */
static inline bool bench_parse_size(const char *text, size_t max, size_t *ret)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*end || !v || v > max)
		return false;
	*ret = v;
	return true;
}
