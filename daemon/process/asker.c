/* SPDX-License-Identifier: Apache-2.0 */
#include "asker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/problem.h"
#include "base/small_file.h"

/*
 * In a user namespace that does not know the peer's user, as PrivateUsers= makes one, that user
 * reads as this one (/proc/sys/kernel/overflowuid), which tells nothing: then the socket's mode has
 * to do.
 */
#define OVERFLOW_UID 65534u

static bool has_all_users(void)
{
	unsigned long inside, outside, n;
	char text[256];

	if (small_file_read_text(AT_FDCWD, "/proc/self/uid_map", text, sizeof(text)) < 0)
		return true;
	return sscanf(text, "%lu %lu %lu", &inside, &outside, &n) == 3 && inside == 0 &&
	       n >= UINT32_MAX;
}

int asker_check(int fd, uid_t peer_uid, const char *name, struct problem *problem)
{
	struct ucred peer;
	socklen_t n_bytes = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n_bytes) < 0)
		return problem_set(problem, -errno, "%s: ask for its peer: %s", name,
				   strerror(errno));
	if (peer.uid == 0 || peer.uid == geteuid() ||
	    (peer_uid != (uid_t)-1 && peer.uid == peer_uid) ||
	    (peer.uid == OVERFLOW_UID && !has_all_users()))
		return 0;
	return problem_set(problem, -EACCES, "%s: user %u may not ask it", name,
			   (unsigned int)peer.uid);
}
