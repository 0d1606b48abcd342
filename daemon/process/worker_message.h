/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the daemon and a worker that it did not fork say to each other: packets (SOCK_SEQPACKET) in
 * this program's own layout, since both are of one version. Neither trusts the other's bytes.
 *
 *	daemon   request, the job's bytes behind it; descriptors (SCM_RIGHTS), the result's first
 *	worker   WORKER_BEGUN once it knows what to do, WORKER_ENDED when that is done
 *
 * A worker that will not do what it was asked for ends without having begun. The end of the
 * connection before that is the end of the worker.
 */

#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "base/problem.h"

#define WORKER_REQUEST_MAGIC 0x31727761u /* "awr1" */
#define WORKER_ANSWER_MAGIC 0x31617761u	 /* "awa1" */
#define WORKER_VERSION_SIZE 32u
/* Of the job; the whole request fits into any socket's buffer. */
#define WORKER_JOB_BYTES_MAX 16384u
/* Descriptors of a request. The kernel's own limit, SCM_MAX_FD, is 253. */
#define WORKER_FDS_MAX 16u

struct worker_request {
	uint32_t magic;
	uint32_t n_job_bytes;				   /* behind this */
	char version[WORKER_VERSION_SIZE];		   /* AUTOFDOD_VERSION, zeros behind */
	uint64_t memory_bytes, mapped_bytes, result_bytes; /* struct worker_config */
	uint32_t cpu_s_max;
	uint32_t n_fds; /* the result's among them */
	uint32_t is_urgent;
	uint32_t zero;
};

enum worker_answer_kind {
	WORKER_BEGUN = 1,
	WORKER_ENDED,
};

struct worker_answer {
	uint32_t magic;
	uint32_t kind;
	uint32_t has_result;			       /* ENDED: it is in its descriptor */
	int32_t code;				       /* ENDED without result: as of a job */
	uint64_t cpu_ns;			       /* ENDED: user and system */
	uint64_t rss_bytes_max;			       /* likewise */
	char text[sizeof((struct problem){ 0 }.text)]; /* ENDED without result: why */
};

/*
 * Whether n_bytes, which came with n_fds descriptors, are a request of this version. 0 and a copy,
 * with the job's bytes in place; -EBADMSG and a sentence.
 */
must_check int worker_request_read(const void *bytes, size_t n_bytes, size_t n_fds,
				   struct worker_request *ret_request, const void **ret_job,
				   struct problem *problem);
/* Likewise an answer, whose text is made a string. */
must_check int worker_answer_read(const void *bytes, size_t n_bytes,
				  struct worker_answer *ret_answer, struct problem *problem);
