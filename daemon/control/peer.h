/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Who is at the other end of a socket, as the kernel noted it when he connected. */

#include <stdbool.h>
#include "control.h"

struct peer {
	uid_t uid;
	bool may_change; /* by the rights of then */
};

/* By SO_PEERCRED and, for supplementary groups, SO_PEERGROUPS (Linux 4.13). 0; -errno. */
must_check int peer_read(int fd, const struct control_rights *rights, struct peer *ret_peer);
/* The rule itself: groups are n_groups, the primary one among them or not. */
bool peer_may_change(const struct control_rights *rights, uid_t uid, gid_t gid, const gid_t *groups,
		     size_t n_groups);
