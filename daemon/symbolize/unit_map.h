/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Which unit describes an address.
 *
 * From .debug_aranges for the units that have a set there, from the unit DIE for all others (clang
 * writes no sets for C by default); where units overlap the one with the smallest offset wins,
 * except that the unit before goes on as long as it may. Rules: LLVM 19.1,
 * llvm/lib/DebugInfo/DWARF/DWARFDebugAranges.cpp.
 */

#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "dwarf.h"

struct unit_interval {
	uint64_t lo_vaddr, hi_vaddr; /* [lo, hi) */
	uint32_t unit;
};

struct unit_map {
	struct unit_interval *items; /* n, by address, disjoint */
	size_t n, capacity;
	size_t n_units; /* units are numbered below this */
};

must_check int unit_map_load(struct unit_map *map, const struct dwarf *dwarf);
void unit_map_deinit(struct unit_map *map);
/*
 * The unit at vaddr, or DWARF_NO_UNIT; *ret_hi_vaddr is where that answer ends (UINT64_MAX: never).
 */
size_t unit_map_find(const struct unit_map *map, uint64_t vaddr, uint64_t *ret_hi_vaddr);
