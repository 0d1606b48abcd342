/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the worker gives back of a kernel's functions, by address: three lists of the same length.
 * A function without a name stands for a gap.
 */

enum hot_section {
	HOT_STARTS = 1, /* uint32_t: offsets of the counters */
	HOT_NAMES_AT,	/* uint32_t: where in the names */
	HOT_NAMES,	/* "function\0", "function\tmodule\0" */
};

/* More than any kernel has with all of its modules; names of 64 bytes. */
#define HOT_FUNCTIONS_MAX ((size_t)1 << 20)
#define HOT_RESULT_BYTES_MAX (72 * HOT_FUNCTIONS_MAX + 4096)
