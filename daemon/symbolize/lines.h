/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The line table of one unit: address → (line, discriminator).
 *
 * Our own reader because flow-sensitive discriminators use 32 bits and libdw's rows hold 24: its
 * dwarf_getsrclines() fails for the whole unit (elfutils 0.188, 0.189).
 * Format: DWARF 5, 6.2. Lookup: LLVM 19.1, DWARFDebugLine.cpp, LineTable::lookupAddressImpl().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/bytes.h"
#include "base/macros.h"
#include "dwarf.h"

struct line_row {
	uint64_t vaddr;
	uint32_t line; /* line and disc are 0 where the row names a file that is not in the table */
	uint32_t disc;
};

struct line_sequence {
	uint64_t lo_vaddr, hi_vaddr; /* [lo, hi), lo < hi */
	uint32_t first_row, n_rows;  /* in order of the program, normally ascending */
};

struct lines {
	struct line_row *rows;
	size_t n_rows, rows_capacity;
	struct line_sequence *sequences; /* n_sequences, by hi_vaddr */
	size_t n_sequences, sequences_capacity;
};

void lines_deinit(struct lines *lines);
/*
 * Reads the unit's table into lines, replacing what was there. A unit without one, and a damaged
 * one from the damage on, have no rows. 0; -ENOMEM; -E2BIG; -EBADMSG: damaged (the rows before
 * are there and sorted).
 */
must_check int lines_load(struct lines *lines, struct dwarf *dwarf, const struct dwarf_unit *unit);
/* The row at vaddr (zeros if none) and where that answer ends. */
void lines_find(const struct lines *lines, uint64_t vaddr, uint32_t *ret_line, uint32_t *ret_disc,
		uint64_t *ret_hi_vaddr);
