/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One publication's files: what the worker gave back is checked, its manifest is made, and all of
 * it is written.
 */

#include "base/macros.h"
#include "base/problem.h"
#include "process/worker.h"
#include "profile/facts.h"
#include "publish/store.h"

#define EDITION_NAMES_SIZE 400u

/* What the writer tells of it. */
struct edition_written {
	char path[256]; /* of the profile, below the directory */
	/* modules that were counted and are not in the profile, those with most counts first */
	uint64_t n_unresolved;
	char unresolved[EDITION_NAMES_SIZE];
	struct profile_facts facts;
	struct store_kept kept;
};

/*
 * A worker_job of the writer, whose context is the daemon as it was at the fork. -errno and a
 * sentence: then no file is there.
 */
int edition_write(void *context, struct worker_out *out, struct problem *problem);
/* In the daemon, from the writer's result. 0; -EBADMSG and a sentence. */
must_check int edition_read_written(const struct worker_result *result,
				    struct edition_written *ret_written, struct problem *problem);
