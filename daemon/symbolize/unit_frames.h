/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Address → frames within one unit: its tree of subprograms and inlined calls, and its lines.
 *
 * A unit is loaded, asked about all addresses that matter in it, and replaced by the next, so that
 * each is parsed once and only one is in memory.
 * Rules: LLVM 19.1, DWARFUnit::updateAddressDieMap(), getInlinedChainForAddress(), and
 * DWARFContext::getInliningInfoForAddress().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "base/names.h"
#include "dwarf_reader.h"
#include "frame.h"
#include "lines.h"

#define NODE_NONE UINT32_MAX

/* A subprogram or an inlined call of one. */
struct frame_node {
	uint64_t off;		       /* of its DIE; of an index the number of its origin */
	uint32_t parent;	       /* nearest enclosing node, or NODE_NONE */
	uint32_t call_line, call_disc; /* 0 for a subprogram */
	uint32_t name;		       /* NAME_NONE: has none; valid if is_resolved */
	uint32_t decl_line;	       /* valid if is_resolved */
	bool is_subprogram;
	bool is_resolved;
};

/* The innermost node of an interval of addresses. */
struct frame_interval {
	uint64_t lo_vaddr, hi_vaddr;
	uint32_t node;
};

struct index_piece;
struct index_view;

struct unit_frames {
	struct dwarf_reader reader; /* has the loaded unit */
	struct names *names;	    /* borrowed */
	struct frame_node *nodes;
	size_t n_nodes, nodes_capacity;
	struct frame_interval *intervals; /* n_intervals, by lo_vaddr; disjoint if the tree nests */
	size_t n_intervals, intervals_capacity;
	struct lines lines;
	/* of an index, instead of reader, intervals and lines */
	struct index_view *view;    /* borrowed; NULL: from DWARF */
	struct index_piece *pieces; /* n_pieces, by address, without gaps, up to hi_vaddr */
	size_t n_pieces, pieces_capacity;
	uint64_t hi_vaddr;
	size_t last_piece;   /* of the last question: the next one is mostly near */
	size_t n_chain;	     /* frames of the last chain, with those without a name */
	uint64_t n_too_deep; /* locations with more than N_FRAMES_MAX frames: they get none */
	struct dwarf_ranges ranges; /* scratch */
	uint32_t *open;		    /* scratch: node by depth */
	size_t open_capacity;
};

/* Addresses from the one that was asked for up to hi_vaddr have all these frames. */
struct location {
	uint32_t node; /* innermost, or NODE_NONE */
	uint32_t line, disc;
	uint64_t hi_vaddr;
};

/* lifecycle */

/* dwarf and names are borrowed. */
void unit_frames_init(struct unit_frames *uf, struct dwarf *dwarf, struct names *names);
/* The same with the stretches of an index as units; view and names are borrowed. */
void unit_frames_init_index(struct unit_frames *uf, struct index_view *view, struct names *names);
void unit_frames_deinit(struct unit_frames *uf);

/* use */

/* Loads a unit. Damage is counted in dwarf and leaves what was read before it. 0; -ENOMEM; -E2BIG.
 */
must_check int unit_frames_load(struct unit_frames *uf, size_t unit);
struct location unit_frames_find(struct unit_frames *uf, uint64_t vaddr);
/* Node number `node` of the loaded unit, resolved; valid until the next unit. As below. */
must_check int unit_frames_node(struct unit_frames *uf, uint32_t node,
				const struct frame_node **ret_node);
/*
 * The frames of a location, root first, into frames[N_FRAMES_MAX]; names are added to uf's. Frames
 * from the first one without a name on are left out; a chain that is too deep has none. 0; -ENOMEM;
 * -E2BIG.
 */
must_check int unit_frames_chain(struct unit_frames *uf, const struct location *location,
				 struct frame *frames, size_t *ret_n_frames);
/*
 * The same for a location in the node of the last one that unit_frames_chain() was asked for, whose
 * n_frames are in frames: only the place in the innermost function is another.
 */
void unit_frames_move(const struct unit_frames *uf, const struct location *location,
		      struct frame *frames, size_t n_frames);
