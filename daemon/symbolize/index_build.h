/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One object while it is made into the parts of an index.
 */

#include "base/buf.h"
#include "index_format.h"
#include "symbols.h"

#define INDEX_NOT_NUMBERED UINT32_MAX

struct index_parts {
	struct symbols *symbols; /* borrowed */
	uint64_t base_vaddr;	 /* offsets count from here */
	struct buf bufs[N_INDEX_PARTS];
	uint32_t *numbers; /* by name in symbols->names: its number here, or INDEX_NOT_NUMBERED */
	size_t numbers_capacity;
	uint32_t n_names;
	size_t names_bytes;
	struct problem *problem;
};

/* Number of a name here, given when it is first asked for. 0; -ENOMEM; -E2BIG. */
must_check int index_parts_name(struct index_parts *parts, uint32_t name, uint32_t *ret_number);
/* Each fills its parts. 0; -ENOMEM; -E2BIG. */
must_check int index_build_text(struct index_parts *parts);   /* sections to lengths, named */
must_check int index_build_frames(struct index_parts *parts); /* stretches to origins */
