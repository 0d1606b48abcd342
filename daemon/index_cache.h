/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The folder of symbol indexes (CacheDirectory=), one file for each build of an object:
 * BUILDID.index. Who symbolizes finds them there by that name (kernel/object_search.c).
 *
 * Nothing half-made has a name in it: a file is linked once it is whole and on disk. Folders and
 * files of other names are somebody else's.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "kernel/build_id.h"

struct problem;

struct index_cache_limits {
	const struct build_id *kept; /* n_kept: in use */
	size_t n_kept;
	bool keeps_others;    /* what is not in use stays, if there is room */
	uint64_t n_bytes_max; /* of all indexes */
};

/* What is there, and what went. */
struct index_cache_figures {
	uint64_t n_files, n_bytes;
	uint64_t n_removed, n_removed_bytes;
};

/*
 * Removes what is not in use, and what is beyond the limit, the oldest first; so that there is room
 * for one more of new_bytes, of the build new_id, whose former file does not count (NULL and 0:
 * none is to come). What is in use goes only if nothing is to come. dir_fd is open for reading.
 * 0; -EDQUOT: there is no room, with a sentence; -errno of reading the folder, likewise.
 */
must_check int index_cache_tidy(int dir_fd, const struct index_cache_limits *limits,
				const struct build_id *new_id, uint64_t new_bytes,
				struct index_cache_figures *ret_figures, struct problem *problem);
/*
 * Puts a whole index (it is checked: one object, of that build, nothing damaged) in the place of
 * the one that is there. Waits for the disk. 0; -EBADMSG: it is none; -errno; with a sentence.
 */
must_check int index_cache_put(int dir_fd, const struct build_id *id, const void *bytes,
			       size_t n_bytes, struct problem *problem);
/*
 * Removes what a writer left that ended before it had given its file a name: BUILDID.index.XXXXXX,
 * an hour old. How many.
 */
size_t index_cache_sweep(int dir_fd, uint64_t now_s);
