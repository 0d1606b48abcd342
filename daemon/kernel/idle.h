/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The functions in which a CPU waits for work, by name. Samples in them say nothing of how the
 * kernel works, and there are many.
 */

#include <stddef.h>

/* *ret_n names, static, of x86-64 and arm64 together: a kernel has those of its own. */
const char *const *idle_function_names(size_t *ret_n);
