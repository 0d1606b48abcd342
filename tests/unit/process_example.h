/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What tests of processes share.
 */

#include <stdbool.h>
#include <stdio.h>

#if defined(__has_feature) /* clang; gcc has the macro */
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

#ifdef __SANITIZE_ADDRESS__
#define HAS_SANITIZER true
#else
#define HAS_SANITIZER false
#endif

/* why, after which the test ends as skipped. */
#define skip_because(why)                                                                          \
	do {                                                                                       \
		printf("skipped: %s\n", (why));                                                    \
		skip();                                                                            \
	} while (0)

#define skip_with_sanitizer(why)                                                                   \
	do {                                                                                       \
		if (HAS_SANITIZER)                                                                 \
			skip_because(why);                                                         \
	} while (0)
