/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Attributes and the two idioms of ownership.
 *
 * Errors, everywhere: 0 is success; a negative value is -errno, unexpected, and goes up untouched;
 * a positive value is MODULE_E_X, a documented condition of that one function which its caller
 * handles and never forwards. Out parameters come last, are named ret_* and stay untouched on
 * failure.
 */

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#define must_check __attribute__((warn_unused_result))
#define printf_like(fmt, first) __attribute__((format(printf, fmt, first)))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define array_size(a) (sizeof(a) / sizeof((a)[0]))

/* Runs fn(&variable) when the variable leaves its scope. */
#define cleanup(fn) __attribute__((cleanup(fn)))

/* Defines name##_cleanup() for a pointer that fn frees; fn accepts NULL. */
#define DEFINE_CLEANUP(type, name, fn)                                                             \
	static inline void name##_cleanup(type **p)                                                \
	{                                                                                          \
		fn(*p);                                                                            \
	}

/* Takes the pointer out of a variable, which no longer owns it. */
#define steal_ptr(p)                                                                               \
	({                                                                                         \
		__auto_type steal_ptr_ = (p);                                                      \
		(p) = NULL;                                                                        \
		steal_ptr_;                                                                        \
	})

static inline void free_cleanup(void *p)
{
	free(*(void **)p);
}

static inline void close_cleanup(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
