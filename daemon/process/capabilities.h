/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Capabilities of this process, by the system calls themselves. A set is 1 << CAP_….
 */

#include <stdint.h>
#include "base/macros.h"

struct problem;

/* The permitted ones. 0; -errno. */
must_check int capabilities_read(uint64_t *ret_permitted);
/* Lets the permitted ones survive a change from root to another user. 0; -errno. */
must_check int capabilities_hold(struct problem *problem);
/* Empties the bounding set, where CAP_SETPCAP allows it: best called early. 0; -errno. */
must_check int capabilities_drop_bounding(struct problem *problem);
/*
 * Those of kept that are permitted stay permitted and effective, all others go. None is left
 * inheritable, and so none is ambient. 0; -errno.
 */
must_check int capabilities_keep(uint64_t kept, struct problem *problem);
