/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The other kind of job (job.h): the index of one object (symbolize/index.h), of the files that its
 * build id leads to. In the worker, as whoever makes one reads foreign files.
 */

#include "base/macros.h"
#include "job.h"

/* Of what a worker gives back. Of Debian's kernel with all its modules it would be 12 MB. */
#define JOB_INDEX_BYTES_MAX ((uint64_t)128 << 20)

/*
 * Puts JOB_INDEX; nothing, if there is a good index of it already. 0; -ENOENT: no files; -errno;
 * with a sentence.
 */
must_check int job_index_run(const struct job *job, struct worker_out *out,
			     struct problem *problem);
