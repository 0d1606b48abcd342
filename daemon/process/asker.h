/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Who asks a process that a service manager starts for a connection.
 */

#include <sys/types.h>
#include "base/macros.h"

struct problem;

/*
 * Whether the peer may ask: root, this process's own user, or peer_uid ((uid_t)-1: nobody else).
 * name is of this process, for the sentence. 0; -EACCES; -errno; with a sentence.
 */
must_check int asker_check(int connection_fd, uid_t peer_uid, const char *name,
			   struct problem *problem);
