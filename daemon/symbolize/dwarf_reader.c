/* SPDX-License-Identifier: Apache-2.0 */
#include "dwarf_reader.h"

#include <errno.h>

/* References form chains of one to three DIEs; a longer one is a loop or made to harm. */
#define N_CHAIN_MAX 32

void dwarf_reader_init(struct dwarf_reader *reader, struct dwarf *dwarf)
{
	*reader = (struct dwarf_reader){
		.dwarf = dwarf,
		.unit = DWARF_NO_UNIT,
		.other_unit = DWARF_NO_UNIT,
	};
}

void dwarf_reader_deinit(struct dwarf_reader *reader)
{
	dwarf_abbrevs_deinit(&reader->abbrevs);
	dwarf_abbrevs_deinit(&reader->other_abbrevs);
}

int dwarf_reader_load(struct dwarf_reader *reader, size_t unit)
{
	const struct dwarf_unit *u = &reader->dwarf->units[unit];
	int r;

	if (reader->unit == unit)
		return 0;
	reader->unit = DWARF_NO_UNIT;
	r = dwarf_unit_abbrevs(reader->dwarf, u, &reader->abbrevs);
	if (r == -EBADMSG)
		dwarf_count_damage(reader->dwarf, u, "unreadable abbreviations");
	if (r == 0)
		reader->unit = unit;
	return r;
}

struct dwarf_cursor dwarf_reader_cursor(const struct dwarf_reader *reader)
{
	return dwarf_cursor(reader->dwarf, &reader->dwarf->units[reader->unit], &reader->abbrevs);
}

static const struct dwarf_abbrevs *abbrevs_of(struct dwarf_reader *reader, size_t unit)
{
	if (unit == reader->unit)
		return &reader->abbrevs;
	if (unit != reader->other_unit) {
		reader->other_unit = DWARF_NO_UNIT;
		if (dwarf_unit_abbrevs(reader->dwarf, &reader->dwarf->units[unit],
				       &reader->other_abbrevs) < 0)
			return NULL;
		reader->other_unit = unit;
	}
	return &reader->other_abbrevs;
}

/* A DIE somewhere in .debug_info. */
struct place {
	uint64_t off; /* perhaps DWARF_IN_ALT */
	const struct dwarf_unit *unit;
	struct dwarf_values values;
};

static bool read_place(struct dwarf_reader *reader, uint64_t off, struct place *ret_place)
{
	size_t unit = dwarf_unit_at(reader->dwarf, off);
	const struct dwarf_abbrevs *abbrevs =
		unit == DWARF_NO_UNIT ? NULL : abbrevs_of(reader, unit);
	struct dwarf_cursor cursor;
	struct dwarf_die die;
	uint64_t code;

	if (!abbrevs)
		return false;
	ret_place->off = off;
	ret_place->unit = &reader->dwarf->units[unit];
	cursor = dwarf_cursor(reader->dwarf, ret_place->unit, abbrevs);
	bytes_seek(&cursor.b, off & ~DWARF_IN_ALT);
	code = bytes_uleb(&cursor.b);
	die = (struct dwarf_die){ .off = off, .abbrev = dwarf_abbrevs_find(abbrevs, code) };
	if (code == 0 || !die.abbrev)
		return false;
	dwarf_read(&cursor, &die, &ret_place->values);
	return !cursor.b.failed;
}

/* Finds the first DIE of the chain that has one of the slots; its value and unit. */
static bool find_along(struct dwarf_reader *reader, uint64_t off, const struct dwarf_values *values,
		       const enum dwarf_slot *slots, size_t n_slots,
		       const struct dwarf_unit **ret_unit, struct dwarf_value *ret_value)
{
	static const enum dwarf_slot references[] = { SLOT_ABSTRACT_ORIGIN, SLOT_SPECIFICATION };
	uint64_t todo[2 * N_CHAIN_MAX], seen[N_CHAIN_MAX];
	struct place place = { off, &reader->dwarf->units[reader->unit], *values };
	size_t n_todo = 0, n_seen = 0;

	for (;;) {
		for (size_t i = 0; i < n_slots; i++) {
			if (place.values.slots[slots[i]].form) {
				*ret_unit = place.unit;
				*ret_value = place.values.slots[slots[i]];
				return true;
			}
		}
		if (n_seen == N_CHAIN_MAX)
			return false;
		seen[n_seen++] = place.off;
		/* a stack: the specification, pushed last, is followed first */
		for (size_t i = 0; i < array_size(references); i++) {
			const struct dwarf_value *v = &place.values.slots[references[i]];

			reader->needs_alt |= dwarf_value_is_alt(v);
			if (v->form && dwarf_value_reference(place.unit, v, &todo[n_todo]))
				n_todo++;
		}
		do {
			if (n_todo == 0)
				return false;
			off = todo[--n_todo];
			for (size_t i = 0; i < n_seen; i++)
				if (seen[i] == off)
					off = UINT64_MAX;
		} while (off == UINT64_MAX || !read_place(reader, off, &place));
	}
}

static const char *string_of(struct dwarf_reader *reader, const struct dwarf_unit *unit,
			     const struct dwarf_value *v)
{
	reader->needs_alt |= dwarf_value_is_alt(v);
	return dwarf_value_string(reader->dwarf, unit, v);
}

const char *dwarf_reader_name(struct dwarf_reader *reader, uint64_t off,
			      const struct dwarf_values *values)
{
	static const enum dwarf_slot linkage[] = { SLOT_MIPS_LINKAGE_NAME, SLOT_LINKAGE_NAME };
	static const enum dwarf_slot plain[] = { SLOT_NAME };
	const struct dwarf_unit *unit;
	struct dwarf_value v;
	const char *name = NULL;

	reader->needs_alt = false;
	if (find_along(reader, off, values, linkage, array_size(linkage), &unit, &v))
		name = string_of(reader, unit, &v);
	if (!name && find_along(reader, off, values, plain, array_size(plain), &unit, &v))
		name = string_of(reader, unit, &v);
	if (!name && reader->needs_alt && reader->dwarf->image->lacks_alt)
		reader->dwarf->stats.n_names_lacking++;
	return name;
}

uint64_t dwarf_reader_decl_line(struct dwarf_reader *reader, uint64_t off,
				const struct dwarf_values *values)
{
	static const enum dwarf_slot slots[] = { SLOT_DECL_LINE };
	const struct dwarf_unit *unit;
	struct dwarf_value v;
	uint64_t line;

	if (!find_along(reader, off, values, slots, array_size(slots), &unit, &v) ||
	    !dwarf_value_constant(&v, &line))
		return 0;
	return line;
}
