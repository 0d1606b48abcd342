/* SPDX-License-Identifier: Apache-2.0 */
#include "dwarf.h"

#include <dwarf.h>
#include <errno.h>
#include <inttypes.h>
#include "base/array.h"

#define N_UNITS_MAX (4u << 20)
#define N_RANGES_MAX (4u << 20)

/* Work that a pass may do: so many times the debug sections, and so much however small they are. */
#define WORK_FACTOR 64
#define WORK_BYTES_MIN (64u << 20)

/* DIEs in a skeleton or a type unit describe no code of their own. */
static bool is_wanted_unit(uint8_t type)
{
	return type == DW_UT_compile || type == DW_UT_partial;
}

/* Header (DWARF 5, 7.5.1); the cursor stands on it and is moved behind the unit. */
static bool read_unit_header(struct bytes *b, struct dwarf_unit *unit, uint8_t *ret_type)
{
	uint64_t length;

	*unit = (struct dwarf_unit){ .off = bytes_off(b), .encoding.off_bytes = 4 };
	length = bytes_u32(b);
	if (length == UINT32_MAX) {
		unit->encoding.off_bytes = 8;
		length = bytes_u64(b);
	}
	if (b->failed || length > bytes_left(b)) {
		bytes_fail(b);
		return false;
	}
	unit->end_off = bytes_off(b) + length;
	unit->encoding.version = bytes_u16(b);
	*ret_type = DW_UT_compile;
	if (unit->encoding.version >= 5) {
		*ret_type = bytes_u8(b);
		unit->encoding.addr_bytes = bytes_u8(b);
		unit->abbrev_off = bytes_uint(b, unit->encoding.off_bytes);
	} else {
		unit->abbrev_off = bytes_uint(b, unit->encoding.off_bytes);
		unit->encoding.addr_bytes = bytes_u8(b);
	}
	unit->dies_off = bytes_off(b);
	return !b->failed && unit->dies_off <= unit->end_off;
}

static bool is_known_encoding(struct dwarf_encoding e)
{
	return e.version >= 2 && e.version <= 5 && (e.addr_bytes == 4 || e.addr_bytes == 8);
}

/* What dwarf_init() needs again and again. */
struct scratch {
	struct dwarf_abbrevs abbrevs;
	struct dwarf_ranges ranges;
};

static int add_unit_ranges(struct dwarf *dwarf, const struct dwarf_ranges *ranges)
{
	for (size_t i = 0; i < ranges->n; i++) {
		int r = array_push_room(dwarf->unit_ranges, dwarf->n_unit_ranges,
					dwarf->unit_ranges_capacity, N_RANGES_MAX);

		if (r < 0)
			return r;
		dwarf->unit_ranges[dwarf->n_unit_ranges++] =
			(struct dwarf_unit_range){ ranges->items[i].lo_vaddr,
						   ranges->items[i].hi_vaddr,
						   (uint32_t)dwarf->n_units };
	}
	return 0;
}

/* The code, the bases and the line table of the unit, all in its first DIE. */
static int read_unit_die(struct dwarf *dwarf, struct dwarf_unit *unit, struct scratch *scratch)
{
	struct dwarf_values v;
	struct dwarf_cursor cursor;
	struct dwarf_die die;
	int r;

	r = dwarf_unit_abbrevs(dwarf, unit, &scratch->abbrevs);
	if (r == -EBADMSG)
		return 0; /* whoever reads the unit counts it as damaged */
	if (r < 0)
		return r;
	cursor = dwarf_cursor(dwarf, unit, &scratch->abbrevs);
	if (!dwarf_next(&cursor, &die))
		return 0;
	dwarf_read(&cursor, &die, &v);
	unit->str_offsets_base = v.slots[SLOT_STR_OFFSETS_BASE].u;
	unit->addr_base = v.slots[SLOT_ADDR_BASE].u;
	unit->rnglists_base = v.slots[SLOT_RNGLISTS_BASE].u;
	unit->stmt_list = v.slots[SLOT_STMT_LIST].u;
	unit->has_stmt_list = v.slots[SLOT_STMT_LIST].form != 0;
	/* needs addr_base where it is an index */
	unit->has_low_pc = dwarf_value_address(dwarf, unit, &v.slots[SLOT_LOW_PC], &unit->low_pc);
	if (unit->is_alt)
		return 0; /* code is never shared */
	r = dwarf_die_ranges(dwarf, unit, &v, &scratch->ranges);
	return r < 0 ? r : add_unit_ranges(dwarf, &scratch->ranges);
}

/* Adds the unit whose header the cursor stands on, if it can be read and is wanted. */
static int add_unit(struct dwarf *dwarf, struct bytes *b, bool is_alt, struct scratch *scratch)
{
	size_t n = dwarf->n_units + dwarf->n_alt_units;
	struct dwarf_unit unit;
	uint8_t type;
	bool is_whole = read_unit_header(b, &unit, &type);
	int r;

	unit.is_alt = is_alt;
	dwarf->stats.n_units += !is_alt;
	if (b->failed) {
		dwarf_count_damage(dwarf, &unit, "length runs behind the section");
		return 0;
	}
	bytes_seek(b, unit.end_off);
	if (!is_whole || !is_known_encoding(unit.encoding)) {
		dwarf_count_damage(dwarf, &unit, "unknown version or address size");
		return 0;
	}
	if (!is_wanted_unit(type)) {
		dwarf->stats.n_units_skipped += !is_alt;
		return 0;
	}
	r = array_push_room(dwarf->units, n, dwarf->units_capacity, N_UNITS_MAX);
	if (r == 0)
		r = read_unit_die(dwarf, &unit, scratch);
	if (r < 0)
		return r;
	dwarf->units[n] = unit;
	*(is_alt ? &dwarf->n_alt_units : &dwarf->n_units) += 1;
	dwarf_walked(dwarf, unit.end_off - unit.off);
	return 0;
}

static int add_units(struct dwarf *dwarf, struct bytes info, bool is_alt, struct scratch *scratch)
{
	int r = 0;

	while (r == 0 && bytes_left(&info))
		r = add_unit(dwarf, &info, is_alt, scratch);
	return r;
}

int dwarf_init(struct dwarf *dwarf, const struct image *image)
{
	struct scratch scratch = { 0 };
	int r;

	*dwarf = (struct dwarf){ .image = image };
	dwarf_begin_pass(dwarf);
	r = add_units(dwarf, image->debug[IMAGE_DEBUG_INFO], false, &scratch);
	if (r == 0)
		r = add_units(dwarf, image->alt[IMAGE_DEBUG_INFO], true, &scratch);
	dwarf_abbrevs_deinit(&scratch.abbrevs);
	free(scratch.ranges.items);
	if (r < 0)
		dwarf_deinit(dwarf);
	return r;
}

void dwarf_deinit(struct dwarf *dwarf)
{
	free(dwarf->units);
	free(dwarf->unit_ranges);
	*dwarf = (struct dwarf){ 0 };
}

void dwarf_begin_pass(struct dwarf *dwarf)
{
	dwarf->work_left = WORK_BYTES_MIN;
	for (int i = 0; i < N_IMAGE_DEBUG; i++)
		dwarf->work_left += WORK_FACTOR * (bytes_left(&dwarf->image->debug[i]) +
						   bytes_left(&dwarf->image->alt[i]));
}

int dwarf_spend(struct dwarf *dwarf, uint64_t n_bytes)
{
	if (n_bytes >= dwarf->work_left) {
		dwarf->work_left = 0;
		return -E2BIG;
	}
	dwarf->work_left -= n_bytes;
	return 0;
}

#define WALK_BYTES (1u << 20)

void dwarf_walked(struct dwarf *dwarf, uint64_t n_bytes)
{
	dwarf->walked_bytes += n_bytes;
	if (dwarf->walked_bytes < WALK_BYTES)
		return;
	image_forget(dwarf->image);
	dwarf->walked_bytes = 0;
}

void dwarf_count_damage(struct dwarf *dwarf, const struct dwarf_unit *unit, const char *what)
{
	if (dwarf->stats.n_units_damaged++ == 0)
		problem_set(&dwarf->first_damage, 0, "dwarf: unit at 0x%" PRIx64 "%s: %s",
			    unit->off, unit->is_alt ? " of the shared debug file" : "", what);
}

size_t dwarf_unit_at(const struct dwarf *dwarf, uint64_t off)
{
	size_t lo = 0, hi = dwarf->n_units, end;

	if (off & DWARF_IN_ALT) {
		lo = hi;
		hi += dwarf->n_alt_units;
		off &= ~DWARF_IN_ALT;
	}
	end = hi;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (dwarf->units[mid].end_off <= off)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < end && off >= dwarf->units[lo].dies_off ? lo : DWARF_NO_UNIT;
}

/* values */

bool dwarf_read_indexed(struct bytes section, uint64_t base, uint64_t index, unsigned int n_bytes,
			uint64_t *ret)
{
	uint64_t off;

	if (__builtin_mul_overflow(index, (uint64_t)n_bytes, &off) ||
	    __builtin_add_overflow(off, base, &off))
		return false;
	bytes_seek(&section, off);
	*ret = bytes_uint(&section, n_bytes);
	return !section.failed;
}

bool dwarf_indexed_address(const struct dwarf *dwarf, const struct dwarf_unit *unit, uint64_t index,
			   uint64_t *ret_vaddr)
{
	return dwarf_read_indexed(dwarf_sections(dwarf, unit)[IMAGE_DEBUG_ADDR], unit->addr_base,
				  index, unit->encoding.addr_bytes, ret_vaddr);
}

bool dwarf_value_address(const struct dwarf *dwarf, const struct dwarf_unit *unit,
			 const struct dwarf_value *v, uint64_t *ret_vaddr)
{
	switch (v->form) {
	case DW_FORM_addr:
		*ret_vaddr = v->u;
		return true;
	case DW_FORM_addrx:
	case DW_FORM_addrx1:
	case DW_FORM_addrx2:
	case DW_FORM_addrx3:
	case DW_FORM_addrx4:
	case DW_FORM_GNU_addr_index:
		return dwarf_indexed_address(dwarf, unit, v->u, ret_vaddr);
	default:
		return false;
	}
}

bool dwarf_value_constant(const struct dwarf_value *v, uint64_t *ret)
{
	switch (v->form) {
	case DW_FORM_data1:
	case DW_FORM_data2:
	case DW_FORM_data4:
	case DW_FORM_data8:
	case DW_FORM_udata:
	case DW_FORM_implicit_const:
	case DW_FORM_flag:
	case DW_FORM_flag_present:
		*ret = v->u;
		return true;
	default: /* LLVM takes DW_FORM_sdata for no unsigned constant */
		return false;
	}
}

static const char *string_at(struct bytes section, uint64_t off)
{
	bytes_seek(&section, off);
	return bytes_cstr(&section);
}

const char *dwarf_value_string(const struct dwarf *dwarf, const struct dwarf_unit *unit,
			       const struct dwarf_value *v)
{
	const struct bytes *debug = dwarf_sections(dwarf, unit);
	uint64_t off;

	switch (v->form) {
	case DW_FORM_string:
		return v->string;
	case DW_FORM_strp:
		return string_at(debug[IMAGE_DEBUG_STR], v->u);
	case DW_FORM_line_strp:
		return string_at(debug[IMAGE_DEBUG_LINE_STR], v->u);
	case DW_FORM_GNU_strp_alt:
	case DW_FORM_strp_sup:
		return string_at(dwarf->image->alt[IMAGE_DEBUG_STR], v->u);
	case DW_FORM_strx:
	case DW_FORM_strx1:
	case DW_FORM_strx2:
	case DW_FORM_strx3:
	case DW_FORM_strx4:
	case DW_FORM_GNU_str_index:
		if (!dwarf_read_indexed(debug[IMAGE_DEBUG_STR_OFFSETS], unit->str_offsets_base,
					v->u, unit->encoding.off_bytes, &off))
			return NULL;
		return string_at(debug[IMAGE_DEBUG_STR], off);
	default:
		return NULL;
	}
}

bool dwarf_value_reference(const struct dwarf_unit *unit, const struct dwarf_value *v,
			   uint64_t *ret_off)
{
	uint64_t off = v->u, alt = unit->is_alt ? DWARF_IN_ALT : 0;

	switch (v->form) {
	case DW_FORM_ref1:
	case DW_FORM_ref2:
	case DW_FORM_ref4:
	case DW_FORM_ref8:
	case DW_FORM_ref_udata:
		if (__builtin_add_overflow(unit->off, v->u, &off))
			return false;
		break;
	case DW_FORM_ref_addr:
		break;
	case DW_FORM_GNU_ref_alt:
	case DW_FORM_ref_sup4:
	case DW_FORM_ref_sup8:
		alt = DWARF_IN_ALT;
		break;
	default:
		return false;
	}
	if (off & DWARF_IN_ALT)
		return false;
	*ret_off = off | alt;
	return true;
}

bool dwarf_value_is_alt(const struct dwarf_value *v)
{
	switch (v->form) {
	case DW_FORM_GNU_ref_alt:
	case DW_FORM_ref_sup4:
	case DW_FORM_ref_sup8:
	case DW_FORM_GNU_strp_alt:
	case DW_FORM_strp_sup:
		return true;
	default:
		return false;
	}
}

static struct dwarf_value read_value(struct bytes *b, uint16_t form, int64_t implicit_const,
				     struct dwarf_encoding e)
{
	struct dwarf_value v = { .form = form };
	const uint8_t *start;

	switch (form) {
	case DW_FORM_implicit_const:
		v.u = (uint64_t)implicit_const;
		return v;
	case DW_FORM_flag_present:
		v.u = 1;
		return v;
	case DW_FORM_udata:
	case DW_FORM_ref_udata:
	case DW_FORM_strx:
	case DW_FORM_addrx:
	case DW_FORM_rnglistx:
	case DW_FORM_GNU_addr_index:
	case DW_FORM_GNU_str_index:
		v.u = bytes_uleb(b);
		return v;
	case DW_FORM_sdata:
		v.u = (uint64_t)bytes_sleb(b);
		return v;
	case DW_FORM_string:
		v.string = bytes_cstr(b);
		return v;
	case DW_FORM_indirect: {
		uint64_t inner = bytes_uleb(b);

		if (inner == DW_FORM_indirect || inner == DW_FORM_implicit_const ||
		    inner > UINT16_MAX) {
			bytes_fail(b);
			return v;
		}
		return read_value(b, (uint16_t)inner, 0, e);
	}
	default:
		break;
	}
	start = b->pos;
	dwarf_skip_form(b, form, e);
	if (!b->failed && b->pos - start <= 8)
		memcpy(&v.u, start, (size_t)(b->pos - start));
	return v;
}

/* DIEs */

/* Link-time optimization leaves one table for all units. */
int dwarf_unit_abbrevs(struct dwarf *dwarf, const struct dwarf_unit *unit,
		       struct dwarf_abbrevs *abbrevs)
{
	struct bytes table = dwarf_sections(dwarf, unit)[IMAGE_DEBUG_ABBREV];
	struct dwarf_encoding e = abbrevs->encoding;
	int r;

	if (abbrevs->is_whole && abbrevs->off == unit->abbrev_off &&
	    abbrevs->is_alt == unit->is_alt && e.version == unit->encoding.version &&
	    e.addr_bytes == unit->encoding.addr_bytes && e.off_bytes == unit->encoding.off_bytes)
		return 0;
	bytes_seek(&table, unit->abbrev_off);
	r = dwarf_abbrevs_read(abbrevs, table, unit->encoding);
	if (r < 0 && r != -EBADMSG)
		return r;
	/* damage may be found at the end of the section only */
	if (dwarf_spend(dwarf, r == 0 ? abbrevs->n_bytes : bytes_left(&table)) < 0)
		return -E2BIG;
	abbrevs->off = unit->abbrev_off;
	abbrevs->is_alt = unit->is_alt;
	abbrevs->encoding = unit->encoding;
	return r;
}

struct dwarf_cursor dwarf_cursor(const struct dwarf *dwarf, const struct dwarf_unit *unit,
				 const struct dwarf_abbrevs *abbrevs)
{
	struct dwarf_cursor cursor = { .unit = unit, .abbrevs = abbrevs };
	const uint8_t *start = dwarf_sections(dwarf, unit)[IMAGE_DEBUG_INFO].start;

	cursor.b = bytes_of(start, unit->end_off);
	bytes_seek(&cursor.b, unit->dies_off);
	return cursor;
}

void dwarf_read(struct dwarf_cursor *cursor, const struct dwarf_die *die,
		struct dwarf_values *ret_values)
{
	uint32_t first = die->abbrev->first_spec;

	*ret_values = (struct dwarf_values){ 0 };
	for (uint32_t i = 0; i < die->abbrev->n_specs; i++) {
		const struct dwarf_spec *spec = &cursor->abbrevs->specs[first + i];
		struct dwarf_value v;

		if (spec->slot == SLOT_NONE) {
			dwarf_skip_form(&cursor->b, spec->form, cursor->unit->encoding);
			continue;
		}
		v = read_value(&cursor->b, spec->form, spec->implicit_const,
			       cursor->unit->encoding);
		/* of an attribute given twice the first counts */
		if (!ret_values->slots[spec->slot].form)
			ret_values->slots[spec->slot] = v;
	}
}
