/* SPDX-License-Identifier: Apache-2.0 */
#include "functions.h"

#include <dwarf.h>
#include <errno.h>
#include <string.h>
#include "base/array.h"
#include "dwarf_reader.h"
#include "index_view.h"

#define N_FUNCTION_RANGES_MAX (16u << 20)

/* Adds the ranges of one subprogram. */
static int add_subprogram(struct functions *f, struct dwarf_reader *reader, uint64_t off,
			  const struct dwarf_values *values, struct dwarf_ranges *ranges)
{
	const struct dwarf_unit *unit = &reader->dwarf->units[reader->unit];
	const char *text;
	uint32_t name;
	int r = dwarf_die_ranges(reader->dwarf, unit, values, ranges);

	if (r < 0 || ranges->n == 0)
		return r;
	text = dwarf_reader_name(reader, off, values);
	if (!text)
		return 0;
	r = dwarf_spend(reader->dwarf, strlen(text));
	if (r == 0)
		r = names_add(f->names, text, strlen(text), &name);
	for (size_t i = 0; r == 0 && i < ranges->n; i++) {
		struct dwarf_range range = ranges->items[i];

		if (range.hi_vaddr <= range.lo_vaddr || range.lo_vaddr < f->image->preferred_base)
			continue;
		r = array_push_room(f->ranges, f->n_ranges, f->ranges_capacity,
				    N_FUNCTION_RANGES_MAX);
		if (r == 0)
			f->ranges[f->n_ranges++] =
				(struct function_range){ range.lo_vaddr, range.hi_vaddr, name,
							 FUNCTION_NONE, FUNCTION_NONE };
	}
	return r;
}

static int scan_unit(struct functions *f, struct dwarf_reader *reader, size_t unit,
		     struct dwarf_ranges *ranges)
{
	struct dwarf_cursor cursor;
	struct dwarf_die die;
	int r = dwarf_reader_load(reader, unit);

	if (r == -EBADMSG)
		return 0; /* counted; the others go on */
	if (r < 0)
		return r;
	cursor = dwarf_reader_cursor(reader);
	while (r == 0 && dwarf_next(&cursor, &die)) {
		struct dwarf_values values;

		reader->dwarf->stats.n_dies++;
		if (die.abbrev->tag != DW_TAG_subprogram || !die.abbrev->has_code) {
			dwarf_skip(&cursor, &die);
			continue;
		}
		dwarf_read(&cursor, &die, &values);
		if (!cursor.b.failed)
			r = add_subprogram(f, reader, die.off, &values, ranges);
	}
	if (cursor.b.failed)
		dwarf_count_damage(reader->dwarf, cursor.unit, "damaged entries");
	dwarf_walked(reader->dwarf, cursor.unit->end_off - cursor.unit->off);
	return r;
}

/* Chains the ranges of each name in their order. */
static int chain_names(struct functions *f)
{
	size_t n_bytes = ((size_t)names_count(f->names) + 1) * sizeof(uint32_t);
	cleanup(free_cleanup) uint32_t *last = malloc(n_bytes);

	if (!last)
		return -ENOMEM;
	memset(last, 0xff, n_bytes);
	for (uint32_t i = 0; i < f->n_ranges; i++) {
		struct function_range *range = &f->ranges[i];
		uint32_t before = last[range->name];

		range->first = before == FUNCTION_NONE ? i : f->ranges[before].first;
		if (before != FUNCTION_NONE)
			f->ranges[before].next = i;
		last[range->name] = i;
	}
	return 0;
}

struct start {
	uint64_t lo_vaddr;
	uint32_t range;
};

static int compare_starts(const void *a, const void *b)
{
	const struct start *x = a, *y = b;

	if (x->lo_vaddr != y->lo_vaddr)
		return x->lo_vaddr < y->lo_vaddr ? -1 : 1;
	return (x->range > y->range) - (x->range < y->range);
}

/* Of ranges that start at one address the first counts. */
static int index_starts(struct functions *f)
{
	struct start *starts = malloc((f->n_ranges + 1) * sizeof(*starts));

	f->starts = malloc((f->n_ranges + 1) * sizeof(*f->starts));
	if (!starts || !f->starts) {
		free(starts);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < f->n_ranges; i++)
		starts[i] = (struct start){ f->ranges[i].lo_vaddr, i };
	qsort(starts, f->n_ranges, sizeof(*starts), compare_starts);
	for (size_t i = 0; i < f->n_ranges; i++)
		if (i == 0 || starts[i].lo_vaddr != starts[i - 1].lo_vaddr)
			f->starts[f->n_starts++] = starts[i].range;
	free(starts);
	f->entry_answers = calloc(f->n_starts + 1, 1);
	return f->entry_answers ? 0 : -ENOMEM;
}

int functions_load(struct functions *functions, struct dwarf *dwarf, struct names *names)
{
	struct dwarf_reader reader;
	struct dwarf_ranges ranges = { 0 };
	int r = 0;

	*functions = (struct functions){ .image = dwarf->image, .names = names };
	dwarf_reader_init(&reader, dwarf);
	dwarf_begin_pass(dwarf);
	for (size_t i = 0; r == 0 && i < dwarf->n_units; i++)
		r = scan_unit(functions, &reader, i, &ranges);
	dwarf_reader_deinit(&reader);
	free(ranges.items);
	if (r == 0)
		r = chain_names(functions);
	if (r == 0)
		r = index_starts(functions);
	if (r < 0)
		functions_deinit(functions);
	return r;
}

void functions_deinit(struct functions *functions)
{
	free(functions->ranges);
	free(functions->starts);
	free(functions->entry_answers);
	free(functions->index_names);
	*functions = (struct functions){ 0 };
}

/* Index in starts of the greatest start at or below vaddr; SIZE_MAX if all are above. */
static size_t find_start(const struct functions *f, uint64_t vaddr)
{
	size_t lo = 0, hi = f->n_starts;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (f->ranges[f->starts[mid]].lo_vaddr <= vaddr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo - 1;
}

/* The range, with its name; NULL if that cannot be had: the index knows why. */
static const struct function_range *named(const struct functions *f, uint32_t i)
{
	struct function_range *range = &f->ranges[i];

	if (f->view && range->name == NAME_NONE)
		range->name = index_view_name(f->view, f->index_names[i]);
	return range->name == NAME_NONE ? NULL : range;
}

const struct function_range *functions_find(const struct functions *functions, uint64_t vaddr)
{
	size_t i = find_start(functions, vaddr);
	const struct function_range *range;

	if (i == SIZE_MAX)
		return NULL;
	range = &functions->ranges[functions->starts[i]];
	return vaddr < range->hi_vaddr ? named(functions, functions->starts[i]) : NULL;
}

/* Some symbol in [lo, hi) is called like the range's function, or anything if any name will do. */
static bool has_symbol(const struct functions *f, uint64_t lo, uint64_t hi, uint32_t name,
		       bool is_any_name)
{
	const struct image *image = f->image;
	struct name wanted = names_get(f->names, name);

	for (size_t s = 0; s < image->n_text; s++) {
		const struct image_section *section = &image->text[s];
		size_t end = (size_t)section->first_symbol + section->n_symbols;

		for (size_t i = image_find_symbol(image, section, lo);
		     i < end && image->symbols[i].vaddr < hi; i++) {
			const char *text = image_symbol_name(image, &image->symbols[i]);

			if (is_any_name ||
			    (strncmp(text, wanted.text, wanted.n_bytes) == 0 &&
			     function_canonical_bytes(text, strlen(text)) == wanted.n_bytes))
				return true;
		}
	}
	return false;
}

/* A symbol belongs to the range with the greatest start below it. */
static bool is_entry(const struct functions *f, size_t start)
{
	const struct function_range *range = &f->ranges[f->starts[start]];
	uint64_t hi = range->hi_vaddr;

	if (start + 1 < f->n_starts && f->ranges[f->starts[start + 1]].lo_vaddr < hi)
		hi = f->ranges[f->starts[start + 1]].lo_vaddr;
	return has_symbol(f, range->lo_vaddr, hi, range->name,
			  functions_first(f, range)->next == FUNCTION_NONE);
}

const struct function_range *functions_entry_at(struct functions *functions, uint64_t vaddr)
{
	size_t i = find_start(functions, vaddr);
	const struct function_range *range;
	uint8_t *answer;

	if (i == SIZE_MAX)
		return NULL;
	range = &functions->ranges[functions->starts[i]];
	if (range->lo_vaddr != vaddr)
		return NULL;
	answer = &functions->entry_answers[i];
	if (*answer == FUNCTION_NOT_ASKED)
		*answer = is_entry(functions, i) ? FUNCTION_IS_ENTRY : FUNCTION_IS_NO_ENTRY;
	return *answer == FUNCTION_IS_ENTRY ? named(functions, functions->starts[i]) : NULL;
}

size_t function_canonical_bytes(const char *name, size_t n_bytes)
{
	static const char *const suffixes[] = { ".llvm.", ".part." };

	for (size_t i = 0; i < array_size(suffixes); i++) {
		size_t n = strlen(suffixes[i]);
		const char *dot = memrchr(name, '.', n_bytes);
		size_t last = dot ? (size_t)(dot - name) : 0;

		/* the last '.' of the name must be the one that ends the suffix */
		if (dot && last + 1 >= n && memcmp(dot + 1 - n, suffixes[i], n) == 0)
			n_bytes = last + 1 - n;
	}
	return n_bytes;
}
