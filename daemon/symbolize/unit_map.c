/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All intervals of all units become end points; a sweep over them keeps the multiset of units that
 * are open, as a count per unit, and a heap of them for the smallest. A unit that was closed stays
 * in the heap until it comes to the top.
 */
#include "unit_map.h"

#include <errno.h>
#include "base/array.h"

#define N_POINTS_MAX (32u << 20)

struct point {
	uint64_t vaddr;
	uint32_t unit;
	uint32_t is_end;
};

struct sweep {
	struct point *points;
	size_t n_points, points_capacity;
	uint32_t *n_open; /* by unit: how many of its intervals are open */
	size_t n_all_open;
	uint32_t *heap; /* of units, the smallest on top; all open ones are in it */
	size_t n_heap, heap_capacity;
};

static int add_interval(struct sweep *s, uint64_t lo, uint64_t hi, uint32_t unit)
{
	int r;

	if (lo >= hi)
		return 0;
	r = array_reserve((void **)&s->points, &s->points_capacity, s->n_points + 2,
			  sizeof(*s->points), N_POINTS_MAX);
	if (r < 0)
		return r;
	s->points[s->n_points++] = (struct point){ lo, unit, 0 };
	s->points[s->n_points++] = (struct point){ hi, unit, 1 };
	return 0;
}

static size_t unit_with_header_at(const struct dwarf *dwarf, uint64_t off)
{
	size_t lo = 0, hi = dwarf->n_units;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (dwarf->units[mid].off < off)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < dwarf->n_units && dwarf->units[lo].off == off ? lo : DWARF_NO_UNIT;
}

/* One set of .debug_aranges (DWARF 5, 6.1.2) behind its length; the cursor holds just that set. */
static int read_set(struct sweep *s, const struct dwarf *dwarf, struct bytes b,
		    size_t n_header_bytes, unsigned int off_bytes, uint8_t *has_set)
{
	uint16_t version = bytes_u16(&b);
	size_t unit = unit_with_header_at(dwarf, bytes_uint(&b, off_bytes));
	uint8_t addr_bytes = bytes_u8(&b), segment_bytes = bytes_u8(&b);
	size_t tuple_bytes = 2u * addr_bytes, n_before;

	if (b.failed || version < 2 || segment_bytes != 0 || unit == DWARF_NO_UNIT ||
	    (addr_bytes != 4 && addr_bytes != 8))
		return 0;
	has_set[unit] = 1;
	/* tuples are aligned to their own size from the start of the set */
	n_before = n_header_bytes + bytes_off(&b);
	bytes_skip(&b, (tuple_bytes - n_before % tuple_bytes) % tuple_bytes);
	while (bytes_left(&b) >= tuple_bytes) {
		uint64_t lo = bytes_uint(&b, addr_bytes), n = bytes_uint(&b, addr_bytes);
		int r;

		if (lo == 0 && n == 0)
			break;
		r = add_interval(s, lo, lo + n, (uint32_t)unit);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_aranges(struct sweep *s, const struct dwarf *dwarf, uint8_t *has_set)
{
	struct bytes b = dwarf->image->debug[IMAGE_DEBUG_ARANGES];
	int r = 0;

	while (r == 0 && bytes_left(&b)) {
		uint64_t length = bytes_u32(&b);
		unsigned int off_bytes = 4;
		struct bytes set;

		if (length == UINT32_MAX) {
			off_bytes = 8;
			length = bytes_u64(&b);
		}
		set = bytes_sub(&b, length);
		if (b.failed)
			break;
		r = read_set(s, dwarf, set, off_bytes == 4 ? 4 : 12, off_bytes, has_set);
	}
	return r;
}

static int collect(struct sweep *s, const struct dwarf *dwarf)
{
	uint8_t *has_set = calloc(dwarf->n_units + 1, 1);
	int r;

	if (!has_set)
		return -ENOMEM;
	r = read_aranges(s, dwarf, has_set);
	for (size_t i = 0; r == 0 && i < dwarf->n_unit_ranges; i++) {
		const struct dwarf_unit_range *range = &dwarf->unit_ranges[i];

		if (!has_set[range->unit])
			r = add_interval(s, range->lo_vaddr, range->hi_vaddr, range->unit);
	}
	free(has_set);
	return r;
}

static int compare_points(const void *a, const void *b)
{
	const struct point *x = a, *y = b;

	return (x->vaddr > y->vaddr) - (x->vaddr < y->vaddr);
}

static int heap_push(struct sweep *s, uint32_t unit)
{
	size_t i = s->n_heap;
	int r = array_push_room(s->heap, s->n_heap, s->heap_capacity, N_POINTS_MAX);

	if (r < 0)
		return r;
	for (s->n_heap++; i > 0 && s->heap[(i - 1) / 2] > unit; i = (i - 1) / 2)
		s->heap[i] = s->heap[(i - 1) / 2];
	s->heap[i] = unit;
	return 0;
}

static void heap_pop(struct sweep *s)
{
	uint32_t unit = s->heap[--s->n_heap];
	size_t i = 0;

	for (size_t child = 1; child < s->n_heap; child = 2 * i + 1) {
		if (child + 1 < s->n_heap && s->heap[child + 1] < s->heap[child])
			child++;
		if (s->heap[child] >= unit)
			break;
		s->heap[i] = s->heap[child];
		i = child;
	}
	s->heap[i] = unit;
}

/* Some unit is open. */
static uint32_t smallest_open(struct sweep *s)
{
	while (!s->n_open[s->heap[0]])
		heap_pop(s);
	return s->heap[0];
}

/* An end comes behind its beginning, as intervals are not empty. */
static int open_or_close(struct sweep *s, const struct point *point)
{
	if (point->is_end) {
		s->n_open[point->unit]--;
		s->n_all_open--;
		return 0;
	}
	s->n_all_open++;
	return s->n_open[point->unit]++ ? 0 : heap_push(s, point->unit);
}

/* [lo, hi) between two neighbouring end points, with at least one unit open. */
static int emit(struct unit_map *map, struct sweep *s, uint64_t lo, uint64_t hi)
{
	struct unit_interval *last = map->n ? &map->items[map->n - 1] : NULL;
	int r;

	if (last && last->hi_vaddr == lo && s->n_open[last->unit]) {
		last->hi_vaddr = hi;
		return 0;
	}
	r = array_push_room(map->items, map->n, map->capacity, N_POINTS_MAX);
	if (r == 0)
		map->items[map->n++] = (struct unit_interval){ lo, hi, smallest_open(s) };
	return r;
}

static int run_sweep(struct unit_map *map, struct sweep *s)
{
	int r = 0;

	if (s->n_points)
		qsort(s->points, s->n_points, sizeof(*s->points), compare_points);
	for (size_t i = 0; r == 0 && i < s->n_points; i++) {
		if (i && s->points[i - 1].vaddr < s->points[i].vaddr && s->n_all_open)
			r = emit(map, s, s->points[i - 1].vaddr, s->points[i].vaddr);
		if (r == 0)
			r = open_or_close(s, &s->points[i]);
	}
	return r;
}

int unit_map_load(struct unit_map *map, const struct dwarf *dwarf)
{
	struct sweep s = { .n_open = calloc(dwarf->n_units + 1, sizeof(*s.n_open)) };
	int r = s.n_open ? collect(&s, dwarf) : -ENOMEM;

	*map = (struct unit_map){ .n_units = dwarf->n_units };
	if (r == 0)
		r = run_sweep(map, &s);
	free(s.points);
	free(s.n_open);
	free(s.heap);
	if (r < 0)
		unit_map_deinit(map);
	return r;
}

void unit_map_deinit(struct unit_map *map)
{
	free(map->items);
	*map = (struct unit_map){ 0 };
}

size_t unit_map_find(const struct unit_map *map, uint64_t vaddr, uint64_t *ret_hi_vaddr)
{
	size_t lo = 0, hi = map->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (map->items[mid].hi_vaddr <= vaddr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == map->n) {
		*ret_hi_vaddr = UINT64_MAX;
		return DWARF_NO_UNIT;
	}
	if (vaddr < map->items[lo].lo_vaddr) {
		*ret_hi_vaddr = map->items[lo].lo_vaddr;
		return DWARF_NO_UNIT;
	}
	*ret_hi_vaddr = map->items[lo].hi_vaddr;
	return map->items[lo].unit;
}
