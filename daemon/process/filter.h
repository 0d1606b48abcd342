/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The filters of system calls (seccomp), one a process. Each also sets no_new_privs, holds for
 * children and can only be narrowed. Calls of another ABI than the program's kill.
 */

#include <stddef.h>
#include "base/macros.h"

struct problem;

enum filter {
	FILTER_OPENER, /* what it needs; anything else kills */
	FILTER_DAEMON, /* anything but what gives power over others; that is EPERM */
	FILTER_WORKER, /* what it needs; anything else is ENOSYS, or EPERM */
	FILTER_TEXT,   /* what it needs; anything else kills */
};

/* also: n_also more system calls (SYS_…) to allow. 0; -errno and a sentence. */
must_check int filter_load(enum filter filter, const int *also, size_t n_also,
			   struct problem *problem);
