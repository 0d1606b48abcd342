/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Reading .debug_info (DWARF 2 to 5, 32- and 64-bit, no split units): units, DIEs, and the values
 * of the few attributes that a profile needs.
 *
 * Why not libdw's DIE functions: a profile needs every subprogram of the image by name, that is one
 * pass over all of .debug_info, and libdw parses each attribute of each DIE on the way; and its
 * line tables cannot hold flow-sensitive discriminators (24 bits, elfutils 0.188). Damaged input
 * never fails a whole file: a unit that cannot be read is left out and counted.
 *
 * Meaning of attributes: as LLVM 19.1 reads them, llvm/lib/DebugInfo/DWARF/DWARFDie.cpp.
 */

#include <stdbool.h>
#include <stdint.h>
#include "base/bytes.h"
#include "base/macros.h"
#include "base/problem.h"
#include "dwarf_abbrev.h"
#include "image.h"

#define DWARF_NO_UNIT SIZE_MAX

/*
 * Set in offsets of DIEs that are in the file that several debug files share (image.alt, dwz(1)).
 * No section is that large.
 */
#define DWARF_IN_ALT (1ull << 63)

struct dwarf_value {
	uint16_t form;	    /* 0: the DIE has no such attribute */
	uint64_t u;	    /* constant, address, index or offset */
	const char *string; /* of DW_FORM_string */
};

struct dwarf_values {
	struct dwarf_value slots[N_SLOTS];
};

struct dwarf_unit {
	uint64_t off;	   /* of its header in .debug_info */
	uint64_t dies_off; /* of its first DIE */
	uint64_t end_off;
	uint64_t abbrev_off;
	struct dwarf_encoding encoding;
	/* from the unit DIE */
	uint64_t low_pc, stmt_list;
	uint64_t str_offsets_base, addr_base, rnglists_base;
	bool has_low_pc, has_stmt_list;
	bool is_alt; /* in image.alt; all its offsets are there */
};

struct dwarf_stats {
	uint64_t n_units;
	uint64_t n_units_damaged; /* left out in part or whole */
	uint64_t n_units_skipped; /* split, type or otherwise foreign units */
	uint64_t n_dies;	  /* walked over */
	uint64_t n_names_lacking; /* asked for, and in a file that is not there: image.lacks_alt */
};

/* Code that a unit claims in its unit DIE: [lo, hi). */
struct dwarf_unit_range {
	uint64_t lo_vaddr, hi_vaddr;
	uint32_t unit;
};

struct dwarf {
	const struct image *image; /* borrowed */
	struct dwarf_unit *units; /* n_units, by off; behind them n_alt_units that is_alt, by off */
	size_t n_units, n_alt_units, units_capacity;
	struct dwarf_unit_range *unit_ranges; /* n_unit_ranges, in order of units */
	size_t n_unit_ranges, unit_ranges_capacity;
	uint64_t work_left;    /* of the current pass, dwarf_spend() */
	uint64_t walked_bytes; /* since dwarf_walked() last let go */
	struct dwarf_stats stats;
	struct problem first_damage; /* of the first damaged unit */
};

/* A closed-open interval of link-time addresses. */
struct dwarf_range {
	uint64_t lo_vaddr, hi_vaddr;
};

struct dwarf_ranges {
	struct dwarf_range *items;
	size_t n, capacity;
};

/* lifecycle */

/*
 * Lists the units. 0; -ENOMEM; -E2BIG. An image without .debug_info has no units. Those that are
 * only there for others to refer to (n_alt_units) are not in stats.
 */
must_check int dwarf_init(struct dwarf *dwarf, const struct image *image);
void dwarf_deinit(struct dwarf *dwarf);

/* use: bounds */

/*
 * Units may share abbreviations, range lists and line tables, so a small file can describe no end
 * of work. What a pass over the units reads of such tables is limited to a multiple of the size of
 * the debug sections, which no compiler's output comes near.
 */
void dwarf_begin_pass(struct dwarf *dwarf);
/* Takes from what is left, in bytes read; -E2BIG from when nothing is left. */
must_check int dwarf_spend(struct dwarf *dwarf, uint64_t n_bytes);

/* use: values */

/* The sections that a unit's offsets and indices are of. */
static inline const struct bytes *dwarf_sections(const struct dwarf *dwarf,
						 const struct dwarf_unit *unit)
{
	return unit->is_alt ? dwarf->image->alt : dwarf->image->debug;
}
/* Entry number index of the unit's table of addresses. */
bool dwarf_indexed_address(const struct dwarf *dwarf, const struct dwarf_unit *unit, uint64_t index,
			   uint64_t *ret_vaddr);
/* Entry number index of a table of n_bytes-wide integers that begins at base in a section. */
bool dwarf_read_indexed(struct bytes section, uint64_t base, uint64_t index, unsigned int n_bytes,
			uint64_t *ret);

/* Each says whether the value is there and of a fitting form. */
bool dwarf_value_address(const struct dwarf *dwarf, const struct dwarf_unit *unit,
			 const struct dwarf_value *v, uint64_t *ret_vaddr);
bool dwarf_value_constant(const struct dwarf_value *v, uint64_t *ret);
/* NUL-terminated inside its section, borrowed; NULL if it is no string. */
const char *dwarf_value_string(const struct dwarf *dwarf, const struct dwarf_unit *unit,
			       const struct dwarf_value *v);
/* Offset in .debug_info of the DIE that is referred to, perhaps DWARF_IN_ALT. */
bool dwarf_value_reference(const struct dwarf_unit *unit, const struct dwarf_value *v,
			   uint64_t *ret_off);

/*
 * The code of a DIE: low_pc/high_pc, else DW_AT_ranges; empty if it has none. Replaces what is in
 * ranges. 0, -ENOMEM, -E2BIG; of a damaged list nothing is taken.
 */
must_check int dwarf_die_ranges(struct dwarf *dwarf, const struct dwarf_unit *unit,
				const struct dwarf_values *values, struct dwarf_ranges *ranges);

/* The value is in the file that several debug files share: a reference or a string. */
bool dwarf_value_is_alt(const struct dwarf_value *v);

/* The unit whose DIEs hold the offset, which may be DWARF_IN_ALT, or DWARF_NO_UNIT. */
size_t dwarf_unit_at(const struct dwarf *dwarf, uint64_t off);
/*
 * To be called while walking over units, with the bytes of the file that were passed: lets go of
 * them whenever there are enough, so that a walk over all units needs little memory.
 */
void dwarf_walked(struct dwarf *dwarf, uint64_t n_bytes);
/* Notes that a unit could not be read. */
void dwarf_count_damage(struct dwarf *dwarf, const struct dwarf_unit *unit, const char *what);

/* use: DIEs in file order */

struct dwarf_cursor {
	const struct dwarf_unit *unit;
	const struct dwarf_abbrevs *abbrevs; /* borrowed */
	struct bytes b; /* from the start of .debug_info to the end of the unit */
	uint32_t depth; /* of the DIE that dwarf_next() gave last; the unit DIE has 0 */
	uint32_t next_depth;
};

struct dwarf_die {
	uint64_t off; /* in .debug_info of its unit */
	uint32_t depth;
	const struct dwarf_abbrev *abbrev;
};

/* Reads the unit's abbreviations, unless they are those that are there. As dwarf_abbrevs_read(). */
must_check int dwarf_unit_abbrevs(struct dwarf *dwarf, const struct dwarf_unit *unit,
				  struct dwarf_abbrevs *abbrevs);
/* A cursor on the unit's first DIE; abbrevs is borrowed. */
struct dwarf_cursor dwarf_cursor(const struct dwarf *dwarf, const struct dwarf_unit *unit,
				 const struct dwarf_abbrevs *abbrevs);
void dwarf_read(struct dwarf_cursor *cursor, const struct dwarf_die *die,
		struct dwarf_values *ret_values);

/* inline helpers: the millions of DIEs that are only passed */

/*
 * The next DIE; the caller must then read or skip it. False at the end of the unit, and when it is
 * damaged: cursor->b.failed tells.
 */
static inline bool dwarf_next(struct dwarf_cursor *cursor, struct dwarf_die *ret_die)
{
	struct bytes *b = &cursor->b;

	while (bytes_left(b)) {
		uint64_t off = bytes_off(b), code = bytes_uleb(b);
		const struct dwarf_abbrev *abbrev;

		if (code == 0) {
			/* the end of a list of children; that of the unit DIE ends the unit */
			if (cursor->next_depth <= 1)
				return false;
			cursor->next_depth--;
			continue;
		}
		if (cursor->next_depth == 0 && off != cursor->unit->dies_off)
			return false; /* behind a unit DIE without children */
		abbrev = dwarf_abbrevs_find(cursor->abbrevs, code);
		if (unlikely(!abbrev)) {
			bytes_fail(b);
			return false;
		}
		*ret_die = (struct dwarf_die){ off, cursor->next_depth, abbrev };
		cursor->depth = cursor->next_depth;
		cursor->next_depth += abbrev->has_children;
		return true;
	}
	return false;
}

static inline void dwarf_skip(struct dwarf_cursor *cursor, const struct dwarf_die *die)
{
	uint32_t first = die->abbrev->first_step;

	for (uint32_t i = 0; i < die->abbrev->n_steps; i++) {
		const struct dwarf_step *step = &cursor->abbrevs->steps[first + i];

		if (step->kind == STEP_FIXED)
			bytes_skip(&cursor->b, step->n_bytes);
		else if (step->kind == STEP_LEB)
			bytes_skip_leb(&cursor->b);
		else
			dwarf_skip_form(&cursor->b, step->form, cursor->unit->encoding);
	}
}
