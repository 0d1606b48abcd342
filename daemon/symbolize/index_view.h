/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One object of an open index, at its place among the addresses: what the indexed back ends of
 * text, functions, units and frames read. For them, and nobody above symbolize/.
 */

#include "base/bytes.h"
#include "index_format.h"
#include "patches.h"

struct functions;
struct unit_map;
struct text_fill;

/* A location: addresses from one lo_vaddr to the next one's have the same frames. */
struct index_piece {
	uint64_t lo_vaddr;
	uint32_t node; /* innermost, or NODE_NONE */
	uint32_t line, disc;
};

struct index_view {
	struct index *index; /* a reference */
	size_t object;
	uint64_t base_vaddr; /* what offsets of the index are added to */
	struct names *names; /* borrowed */
	uint32_t *numbers; /* by name of the index: its number in names + 1, or 0: not asked for */
	size_t n_names;
	struct bytes text_offs; /* of u32, one more than there are blocks */
	struct bytes lengths;
	struct bytes stretches;
	uint32_t *first_blocks; /* by section of the image */
	uint64_t n_read_bytes;	/* of locations, since index_forget() */
	struct image *image;	/* borrowed: whose sections these are */
};

/* reading */

/* n_bytes of a part from off on, checked; a failed cursor if they are damaged or not there. */
struct bytes index_slice(struct index *index, size_t object, enum index_part part, uint64_t off,
			 uint64_t n_bytes);
/* A whole part. */
struct bytes index_part(struct index *index, size_t object, enum index_part part);
uint64_t index_part_bytes(const struct index *index, size_t object, enum index_part part);
/*
 * Says that what was read of an object is not needed for now: its memory is given back, and what is
 * asked for again is read, and checked, again. Cursors over parts that are read in passing end
 * here: all but those of sections, their names, named symbols, text_offs, lengths and stretches.
 */
void index_forget(struct index *index, size_t object);
/* Notes, once and for all, that the index cannot be trusted; what in it, and why. */
void index_note_damage(struct index *index, size_t object, const char *what);
/* Notes that memory ran out where no error can be given: index_damage() will say so. */
void index_note_error(struct index *index, int error);
/* The counts of .debug_info that the object was made of. */
struct dwarf_stats;
void index_dwarf_stats(const struct index *index, size_t object, struct dwarf_stats *ret_stats);
/* Extent of the text that stays in memory, relative to the base. */
void index_text_extent(const struct index *index, size_t object, uint64_t *ret_lo_off,
		       uint64_t *ret_hi_off);

/* a view */

/* 0; -ENOMEM; -EBADMSG. */
must_check int index_view_new(struct index *index, size_t object, uint64_t base_vaddr,
			      struct names *names, struct index_view **ret_view);
void index_view_free(struct index_view *view);
/* The number in names of a name of the index; NAME_NONE if there is none, or it cannot be had. */
uint32_t index_view_name(struct index_view *view, uint32_t name);

/* back ends */

/* An image without a file, to be freed with image_free(). 0; -ENOMEM; -EBADMSG. */
must_check int index_view_image(struct index_view *view, struct image **ret_image);
/* For struct text_origin; context is the view. */
void index_view_fill(void *context, struct text_fill *fill);
must_check int index_view_functions(struct index_view *view, struct functions *functions);
/* Its "units" are the stretches of the index. */
must_check int index_view_units(struct index_view *view, struct unit_map *map);
must_check int index_view_patches(struct index_view *view, struct patches *patches);
