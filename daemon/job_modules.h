/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Modules in the worker: from places in the counters to objects, and their files.
 */

#include <stddef.h>
#include <stdint.h>
#include "aggregate/counters.h"
#include "base/macros.h"

struct branch_counts;
struct object_places;
struct objects;
struct problem;

/* What of the window is which object: for counters_snapshot_pieces(). */
struct job_pieces {
	struct snapshot_piece *items; /* owned; by address, disjoint */
	size_t n;
};

void job_pieces_deinit(struct job_pieces *pieces); /* accepts { 0 } */

/*
 * The kernel is at window_vaddr and the offset where it was placed; modules, of the list in
 * placement_fd, become objects and are where those are. Without objects (NULL) they are left out,
 * and so is what was lost. Without a list (-1) the whole window is the kernel's.
 * 0; -EBADMSG: no such list, with a sentence; -errno.
 */
must_check int job_pieces_make(int placement_fd, uint64_t window_vaddr, struct objects *objects,
			       struct job_pieces *ret_pieces, struct problem *problem);
/*
 * Opens the files of modules that have counts, those with most of them first, as long as half of
 * the memory that the process may have is free. What was not opened says why. 0; -errno.
 */
must_check int job_modules_open(const struct object_places *places,
				const struct branch_counts *counts, struct objects *objects);
