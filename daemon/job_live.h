/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * In the worker: the pages of live text that the daemon has read for a job.
 */

#include <stddef.h>
#include "base/macros.h"

struct live_text;
struct problem;
struct snapshot_piece;

/*
 * Of fd, a sealed memfd in the form of kernel/text_pages.h, whose offsets are in the counters'
 * window: n pieces of it, by address, disjoint, have link-time addresses; what is in none is left
 * out. 0; -EBADMSG: no such file, with a sentence; -errno.
 */
must_check int job_live_read(int fd, const struct snapshot_piece *pieces, size_t n_pieces,
			     struct live_text **ret_live, struct problem *problem);
