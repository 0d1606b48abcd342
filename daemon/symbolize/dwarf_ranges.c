/* SPDX-License-Identifier: Apache-2.0 */
/* Where the code of a DIE is: one range, or a list in .debug_ranges or .debug_rnglists. */
#include <dwarf.h>
#include "base/array.h"
#include "dwarf.h"

#define N_RANGES_MAX (4u << 20)

static int add_range(struct dwarf_ranges *ranges, uint64_t lo, uint64_t hi)
{
	int r = array_push_room(ranges->items, ranges->n, ranges->capacity, N_RANGES_MAX);

	if (r == 0)
		ranges->items[ranges->n++] = (struct dwarf_range){ lo, hi };
	return r;
}

/* What linkers write for code that they discarded: all ones. */
static uint64_t tombstone(const struct dwarf_unit *unit)
{
	return unit->encoding.addr_bytes == 8 ? UINT64_MAX : UINT32_MAX;
}

/* .debug_ranges (DWARF 4, 2.17.3): pairs; (0,0) ends; (all ones, x) sets the base. */
static int old_ranges(const struct dwarf_unit *unit, struct bytes *b, struct dwarf_ranges *ranges)
{
	uint64_t base = unit->low_pc, dead = tombstone(unit) - 1;
	int r = 0;

	while (r == 0) {
		uint64_t lo = bytes_uint(b, unit->encoding.addr_bytes);
		uint64_t hi = bytes_uint(b, unit->encoding.addr_bytes);

		if (b->failed || (lo == 0 && hi == 0))
			break;
		if (lo == tombstone(unit))
			base = hi;
		else if (lo != dead && base != dead)
			r = add_range(ranges, base + lo, base + hi);
	}
	return r;
}

/*
 * One entry of .debug_rnglists (DWARF 5, 7.25). Indices that point nowhere count as address 0,
 * which no image has code at.
 */
static bool read_rnglist_entry(const struct dwarf *dwarf, const struct dwarf_unit *unit,
			       struct bytes *b, uint64_t *base, struct dwarf_range *ret_range,
			       bool *ret_is_range)
{
	uint8_t kind = bytes_u8(b);
	unsigned int n = unit->encoding.addr_bytes;
	uint64_t x = 0, y = 0;
	bool is_dead = false;

	*ret_is_range = true;
	switch (kind) {
	case DW_RLE_base_addressx:
		*base = 0;
		(void)dwarf_indexed_address(dwarf, unit, bytes_uleb(b), base);
		*ret_is_range = false;
		break;
	case DW_RLE_base_address:
		*base = bytes_uint(b, n);
		*ret_is_range = false;
		break;
	case DW_RLE_startx_endx:
		(void)dwarf_indexed_address(dwarf, unit, bytes_uleb(b), &x);
		(void)dwarf_indexed_address(dwarf, unit, bytes_uleb(b), &y);
		break;
	case DW_RLE_startx_length:
		(void)dwarf_indexed_address(dwarf, unit, bytes_uleb(b), &x);
		y = x + bytes_uleb(b);
		break;
	case DW_RLE_offset_pair:
		is_dead = *base == tombstone(unit);
		x = *base + bytes_uleb(b);
		y = *base + bytes_uleb(b);
		break;
	case DW_RLE_start_end:
		x = bytes_uint(b, n);
		y = bytes_uint(b, n);
		break;
	case DW_RLE_start_length:
		x = bytes_uint(b, n);
		y = x + bytes_uleb(b);
		break;
	case DW_RLE_end_of_list:
		return false;
	default: /* damaged; the position stays and tells how much was read */
		b->failed = true;
		return false;
	}
	*ret_is_range = *ret_is_range && !is_dead && x != tombstone(unit);
	*ret_range = (struct dwarf_range){ x, y };
	return !b->failed;
}

static int new_ranges(const struct dwarf *dwarf, const struct dwarf_unit *unit, struct bytes *b,
		      struct dwarf_ranges *ranges)
{
	uint64_t base = unit->low_pc;
	struct dwarf_range range;
	bool is_range;
	int r = 0;

	while (r == 0 && read_rnglist_entry(dwarf, unit, b, &base, &range, &is_range))
		if (is_range)
			r = add_range(ranges, range.lo_vaddr, range.hi_vaddr);
	return r;
}

static int listed_ranges(struct dwarf *dwarf, const struct dwarf_unit *unit,
			 const struct dwarf_value *v, struct dwarf_ranges *ranges)
{
	bool is_new = unit->encoding.version >= 5;
	struct bytes b =
		dwarf_sections(dwarf, unit)[is_new ? IMAGE_DEBUG_RNGLISTS : IMAGE_DEBUG_RANGES];
	uint64_t off = v->u, n_read, n_made;
	int r;

	switch (v->form) {
	case DW_FORM_rnglistx:
		/* the table holds offsets from itself */
		if (!dwarf_read_indexed(dwarf_sections(dwarf, unit)[IMAGE_DEBUG_RNGLISTS],
					unit->rnglists_base, v->u, unit->encoding.off_bytes,
					&off) ||
		    __builtin_add_overflow(off, unit->rnglists_base, &off))
			return 0;
		break;
	case DW_FORM_sec_offset:
	case DW_FORM_data4:
	case DW_FORM_data8:
		break;
	default:
		return 0;
	}
	bytes_seek(&b, off);
	r = is_new ? new_ranges(dwarf, unit, &b, ranges) : old_ranges(unit, &b, ranges);
	if (r < 0)
		return r;
	n_made = ranges->n * sizeof(*ranges->items);
	n_read = bytes_off(&b) > off ? bytes_off(&b) - off : 0;
	if (b.failed)
		ranges->n = 0;
	return dwarf_spend(dwarf, n_made > n_read ? n_made : n_read);
}

int dwarf_die_ranges(struct dwarf *dwarf, const struct dwarf_unit *unit,
		     const struct dwarf_values *values, struct dwarf_ranges *ranges)
{
	const struct dwarf_value *high = &values->slots[SLOT_HIGH_PC];
	uint64_t lo, hi;

	ranges->n = 0;
	if (dwarf_value_address(dwarf, unit, &values->slots[SLOT_LOW_PC], &lo) &&
	    lo != tombstone(unit)) {
		if (dwarf_value_address(dwarf, unit, high, &hi))
			return add_range(ranges, lo, hi);
		if (dwarf_value_constant(high, &hi))
			return add_range(ranges, lo, lo + hi);
	}
	return listed_ranges(dwarf, unit, &values->slots[SLOT_RANGES], ranges);
}
