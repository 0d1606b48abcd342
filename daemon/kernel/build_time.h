/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * When a kernel was built, from what it says of itself.
 */

#include <stdint.h>

/*
 * Of the version that uname(2) and /proc/version give, such as
 *
 *	#1 SMP PREEMPT_DYNAMIC Thu Nov 20 16:30:32 UTC 2025
 *	#1 SMP PREEMPT_DYNAMIC Debian 6.1.158-1 (2025-11-09)
 *
 * in seconds since 1970, by a day or so: time zones are passed over. 0: it does not say so. The
 * kernel cuts the text at 64 characters, so a long one has lost its year; distributions that build
 * reproducibly write a constant of long ago, which is passed over, too.
 */
uint64_t kernel_build_time_s(const char *version);
