/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The other side of worker_connect(): a process that a service manager started for one connection
 * runs the job that the daemon asks for over it, answers, and has nothing else to do.
 */

#include <stddef.h>
#include <sys/types.h>
#include "base/macros.h"
#include "base/problem.h"
#include "worker.h"

struct worker_service {
	/* May ask for work beside root and this process's own user; (uid_t)-1: nobody. */
	uid_t peer_uid;
	/*
	 * Makes the job's context of a request: bytes and descriptors are foreign, and stay as
	 * long as the process. 0; -errno and a sentence.
	 */
	int (*take)(void *context, const void *bytes, size_t n_bytes, const int *fds, size_t n_fds,
		    struct problem *problem);
	worker_job job;
	void *context; /* of both */
};

/*
 * Serves one request. From when it is known what is to be done the process dies if the connection
 * ends, and has the limits, rights and filter of a forked worker: for good, so there is nothing to
 * be done afterwards but to exit. 0: an answer was given, whatever it was; -EACCES: the peer may
 * not ask; -EBADMSG, -ETIMEDOUT: no request came that can be followed; -errno; with a sentence.
 */
must_check int worker_serve(int connection_fd, const struct worker_service *service,
			    struct problem *problem);
