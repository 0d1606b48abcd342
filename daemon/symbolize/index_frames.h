/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What unit_frames.c calls where the frames come from an index.
 */

#include "index_view.h"
#include "unit_frames.h"

/* Damage is noted in the index and leaves nothing. 0; -ENOMEM; -E2BIG. */
must_check int index_frames_load(struct unit_frames *uf, size_t stretch);
struct location index_frames_find(struct unit_frames *uf, uint64_t vaddr);
/* Name and declaration line of a node. */
void index_frames_resolve(struct unit_frames *uf, struct frame_node *node);
