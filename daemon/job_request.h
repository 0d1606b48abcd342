/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A job as bytes and descriptors, for a worker that is no fork of the daemon and so cannot see it.
 *
 * Only the daemon's user may ask for one. The bytes are checked all the same: they decide which
 * file is opened and what is mapped.
 */

#include <limits.h>
#include <stdint.h>
#include "base/macros.h"
#include "base/problem.h"
#include "job.h"
#include "kernel/kallsyms.h" /* MODULE_NAME_SIZE */

#define JOB_REQUEST_BYTES 6656u

struct job_request {
	uint8_t bytes[JOB_REQUEST_BYTES];
	int fds[JOB_FDS_MAX]; /* borrowed from the job */
	size_t n_fds;
};

/* What was read, with room for what the job points to; so it is not to be copied or moved. */
struct job_taken {
	struct job job; /* its descriptors are those that came along */
	char release[72];
	char base_symbol[128];
	char vmlinux[PATH_MAX];
	char object[MODULE_NAME_SIZE];
	struct object_dirs debug_dirs, cache_dirs;
};

/* 0; -ENAMETOOLONG: a text of it is too long, with a sentence. */
must_check int job_request_write(const struct job *job, struct job_request *ret_request,
				 struct problem *problem);
/* From foreign bytes. 0; -EBADMSG and a sentence, after which *ret_taken is of no use. */
must_check int job_request_read(const void *bytes, size_t n_bytes, const int *fds, size_t n_fds,
				struct job_taken *ret_taken, struct problem *problem);
