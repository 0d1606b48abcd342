/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Workers that were taken over, or are none: each does one thing to the daemon that asked for work
 * over a connection.
 */

#include <stddef.h>

struct fake_worker {
	const char *name;
	/* what the daemon is to make of it, worker_outcome_name(), and a part of its sentence */
	const char *outcome, *says;
	/* fds came along with the request, the result's first */
	void (*answer)(int connection_fd, const int *fds, size_t n_fds);
};

/* The last one has no name. */
extern const struct fake_worker fake_workers[];
/* NULL: there is none of that name. */
const struct fake_worker *fake_worker_find(const char *name);
/* Receives a request and answers in this way. */
void fake_worker_run(const struct fake_worker *fake, int connection_fd);
