/* SPDX-License-Identifier: Apache-2.0 */
#include "peer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

bool peer_may_change(const struct control_rights *rights, uid_t uid, gid_t gid, const gid_t *groups,
		     size_t n_groups)
{
	if (uid == 0 || uid == rights->uid)
		return true;
	if (!rights->has_group)
		return false;
	if (gid == rights->group)
		return true;
	for (size_t i = 0; i < n_groups; i++)
		if (groups[i] == rights->group)
			return true;
	return false;
}

/* The kernel says how many bytes it wants; at most NGROUPS_MAX groups, 256 KiB. */
static int read_groups(int fd, gid_t **ret_groups, size_t *ret_n)
{
	socklen_t n_bytes = 0;
	gid_t none, *groups;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, &none, &n_bytes) < 0 && errno != ERANGE)
		return -errno;
	groups = malloc(n_bytes ? n_bytes : 1);
	if (!groups)
		return -ENOMEM;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &n_bytes) < 0) {
		free(groups);
		return -errno;
	}
	*ret_groups = groups;
	*ret_n = n_bytes / sizeof(*groups);
	return 0;
}

int peer_read(int fd, const struct control_rights *rights, struct peer *ret_peer)
{
	struct ucred cred;
	socklen_t n_bytes = sizeof(cred);
	gid_t *groups = NULL;
	size_t n_groups = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n_bytes) < 0)
		return -errno;
	/* a kernel that does not tell them leaves the primary group */
	if (read_groups(fd, &groups, &n_groups) < 0)
		n_groups = 0;
	*ret_peer = (struct peer){
		.uid = cred.uid,
		.may_change = peer_may_change(rights, cred.uid, cred.gid, groups, n_groups),
	};
	free(groups);
	return 0;
}
