/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * DIEs by offset, and what is only found by following references: names and declaration lines.
 */

#include "dwarf.h"

/* A unit with its abbreviations, and a second one for references that leave it. */
struct dwarf_reader {
	struct dwarf *dwarf; /* borrowed */
	size_t unit;	     /* DWARF_NO_UNIT before the first load */
	struct dwarf_abbrevs abbrevs;
	size_t other_unit;
	struct dwarf_abbrevs other_abbrevs;
	bool needs_alt; /* the name that was looked for last is, or may be, in image.alt */
};

/* lifecycle */

void dwarf_reader_init(struct dwarf_reader *reader, struct dwarf *dwarf);
void dwarf_reader_deinit(struct dwarf_reader *reader);

/* use */

/* Makes unit number `unit` the reader's. 0; -EBADMSG (counted as damage); -ENOMEM; -E2BIG. */
must_check int dwarf_reader_load(struct dwarf_reader *reader, size_t unit);
struct dwarf_cursor dwarf_reader_cursor(const struct dwarf_reader *reader);

/*
 * Name and declaration line of the DIE at off, whose values are given: looked up on the DIE, then
 * along DW_AT_specification and DW_AT_abstract_origin; a linkage name anywhere on the way goes
 * before a plain one (DWARFDie::findRecursively(), getName()). NULL and 0 where there is none. The
 * name is borrowed from the image.
 */
const char *dwarf_reader_name(struct dwarf_reader *reader, uint64_t off,
			      const struct dwarf_values *values);
uint64_t dwarf_reader_decl_line(struct dwarf_reader *reader, uint64_t off,
				const struct dwarf_values *values);
