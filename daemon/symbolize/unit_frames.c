/* SPDX-License-Identifier: Apache-2.0 */
#include "unit_frames.h"

#include <dwarf.h>
#include <errno.h>
#include <string.h>
#include "base/array.h"
#include "index_frames.h"

#define N_NODES_MAX (16u << 20)
#define N_INTERVALS_MAX (16u << 20)
#define DEPTH_MAX (1u << 16) /* of nested DIEs; deeper ones end the unit as damaged */

void unit_frames_init(struct unit_frames *uf, struct dwarf *dwarf, struct names *names)
{
	*uf = (struct unit_frames){ .names = names };
	dwarf_reader_init(&uf->reader, dwarf);
	dwarf_begin_pass(dwarf);
}

void unit_frames_init_index(struct unit_frames *uf, struct index_view *view, struct names *names)
{
	*uf = (struct unit_frames){ .names = names, .view = view };
}

void unit_frames_deinit(struct unit_frames *uf)
{
	dwarf_reader_deinit(&uf->reader);
	lines_deinit(&uf->lines);
	free(uf->nodes);
	free(uf->intervals);
	free(uf->pieces);
	free(uf->ranges.items);
	free(uf->open);
	*uf = (struct unit_frames){ 0 };
}

/* Index of the first interval that starts above vaddr. */
static size_t upper_bound(const struct unit_frames *uf, uint64_t vaddr)
{
	size_t lo = 0, hi = uf->n_intervals;

	/* DIEs come mostly in order of addresses */
	if (hi && uf->intervals[hi - 1].lo_vaddr <= vaddr)
		return hi;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (uf->intervals[mid].lo_vaddr <= vaddr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int insert_interval(struct unit_frames *uf, size_t at, struct frame_interval interval)
{
	int r = array_push_room(uf->intervals, uf->n_intervals, uf->intervals_capacity,
				N_INTERVALS_MAX);

	/* moving is cheap, but a million intervals in descending order are half a terabyte */
	if (r == 0)
		r = dwarf_spend(uf->reader.dwarf,
				(uf->n_intervals - at) * sizeof(*uf->intervals) / 64);
	if (r < 0)
		return r;
	memmove(&uf->intervals[at + 1], &uf->intervals[at],
		(uf->n_intervals - at) * sizeof(*uf->intervals));
	uf->intervals[at] = interval;
	uf->n_intervals++;
	return 0;
}

/*
 * Gives [lo, hi) to the node, out of the interval that holds lo: what that one had on the left
 * and on the right of it stays its own.
 */
static int claim(struct unit_frames *uf, uint64_t lo, uint64_t hi, uint32_t node)
{
	struct frame_interval interval = { lo, hi, node };
	size_t next = upper_bound(uf, lo), holder = next - 1;

	if (next && lo < uf->intervals[holder].hi_vaddr) {
		struct frame_interval right = uf->intervals[holder];

		if (hi < right.hi_vaddr) {
			size_t at = upper_bound(uf, hi);
			int r;

			right.lo_vaddr = hi;
			if (at && uf->intervals[at - 1].lo_vaddr == hi) {
				uf->intervals[at - 1] = right;
			} else {
				r = insert_interval(uf, at, right);
				if (r < 0)
					return r;
				/* one that runs backwards leaves its right part on the left */
				holder += at <= holder;
				next += hi < lo;
			}
		}
		if (lo > uf->intervals[holder].lo_vaddr)
			uf->intervals[holder].hi_vaddr = lo;
	}
	if (next && uf->intervals[holder].lo_vaddr == lo) {
		uf->intervals[holder] = interval;
		return 0;
	}
	return insert_interval(uf, next, interval);
}

/* Saturates: a line or discriminator beyond 32 bits is no real one. */
static uint32_t constant_of(const struct dwarf_values *values, enum dwarf_slot slot)
{
	uint64_t u;

	if (!dwarf_value_constant(&values->slots[slot], &u))
		return 0;
	return u > UINT32_MAX ? UINT32_MAX : (uint32_t)u;
}

static int add_node(struct unit_frames *uf, const struct dwarf_die *die,
		    const struct dwarf_values *values, uint32_t parent)
{
	const struct dwarf_unit *unit = &uf->reader.dwarf->units[uf->reader.unit];
	uint32_t node = (uint32_t)uf->n_nodes;
	int r = array_push_room(uf->nodes, uf->n_nodes, uf->nodes_capacity, N_NODES_MAX);

	if (r < 0)
		return r;
	uf->nodes[uf->n_nodes++] = (struct frame_node){
		.off = die->off,
		.parent = parent,
		.call_line = constant_of(values, SLOT_CALL_LINE),
		.call_disc = constant_of(values, SLOT_DISCRIMINATOR),
		.is_subprogram = die->abbrev->tag == DW_TAG_subprogram,
	};
	r = dwarf_die_ranges(uf->reader.dwarf, unit, values, &uf->ranges);
	/* one that runs backwards claims nothing, but takes it from who had it, as in LLVM */
	for (size_t i = 0; r == 0 && i < uf->ranges.n; i++)
		if (uf->ranges.items[i].lo_vaddr != uf->ranges.items[i].hi_vaddr)
			r = claim(uf, uf->ranges.items[i].lo_vaddr, uf->ranges.items[i].hi_vaddr,
				  node);
	return r;
}

static bool is_frame_tag(uint16_t tag)
{
	return tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine;
}

/* open[d] is the nearest node at depth d or above it, along the path to the current DIE. */
static int load_tree(struct unit_frames *uf)
{
	struct dwarf_cursor cursor = dwarf_reader_cursor(&uf->reader);
	struct dwarf_die die;
	int r = 0;

	while (r == 0 && dwarf_next(&cursor, &die)) {
		struct dwarf_values values;
		uint32_t parent;

		r = array_reserve((void **)&uf->open, &uf->open_capacity, die.depth + 1u,
				  sizeof(*uf->open), DEPTH_MAX);
		if (r == -E2BIG) {
			bytes_fail(&cursor.b);
			r = 0;
			break;
		}
		if (r < 0)
			return r;
		parent = die.depth ? uf->open[die.depth - 1] : NODE_NONE;
		uf->open[die.depth] = parent;
		if (!is_frame_tag(die.abbrev->tag)) {
			dwarf_skip(&cursor, &die);
			continue;
		}
		dwarf_read(&cursor, &die, &values);
		if (cursor.b.failed)
			break;
		uf->open[die.depth] = (uint32_t)uf->n_nodes;
		r = add_node(uf, &die, &values, parent);
	}
	if (cursor.b.failed)
		dwarf_count_damage(uf->reader.dwarf, cursor.unit, "damaged entries");
	return r;
}

int unit_frames_load(struct unit_frames *uf, size_t unit)
{
	struct dwarf *dwarf = uf->reader.dwarf;
	int r;

	if (uf->view)
		return index_frames_load(uf, unit);
	uf->n_nodes = uf->n_intervals = 0;
	uf->lines.n_rows = uf->lines.n_sequences = 0;
	dwarf_walked(dwarf, dwarf->units[unit].end_off - dwarf->units[unit].off);
	r = dwarf_reader_load(&uf->reader, unit);
	if (r == -EBADMSG)
		return 0;
	if (r == 0)
		r = load_tree(uf);
	if (r < 0)
		return r;
	r = lines_load(&uf->lines, dwarf, &dwarf->units[unit]);
	if (r == -EBADMSG) {
		dwarf_count_damage(dwarf, &dwarf->units[unit], "damaged line table");
		r = 0;
	}
	return r;
}

struct location unit_frames_find(struct unit_frames *uf, uint64_t vaddr)
{
	struct location location = { .node = NODE_NONE, .hi_vaddr = UINT64_MAX };
	uint64_t lines_hi;
	size_t next;

	if (uf->view)
		return index_frames_find(uf, vaddr);
	next = upper_bound(uf, vaddr);
	if (next < uf->n_intervals)
		location.hi_vaddr = uf->intervals[next].lo_vaddr;
	if (next && vaddr < uf->intervals[next - 1].hi_vaddr) {
		location.node = uf->intervals[next - 1].node;
		if (uf->intervals[next - 1].hi_vaddr < location.hi_vaddr)
			location.hi_vaddr = uf->intervals[next - 1].hi_vaddr;
	}
	lines_find(&uf->lines, vaddr, &location.line, &location.disc, &lines_hi);
	if (lines_hi < location.hi_vaddr)
		location.hi_vaddr = lines_hi;
	return location;
}

/* Looks up name and declaration line of a node, once. */
static int resolve(struct unit_frames *uf, struct frame_node *node)
{
	struct dwarf_cursor cursor;
	struct dwarf_die die;
	struct dwarf_values values;
	const char *text;
	uint64_t line;
	int r;

	if (node->is_resolved)
		return 0;
	if (uf->view) {
		index_frames_resolve(uf, node);
		return 0;
	}
	node->is_resolved = true;
	node->name = NAME_NONE;
	cursor = dwarf_reader_cursor(&uf->reader);
	bytes_seek(&cursor.b, node->off);
	die = (struct dwarf_die){ .off = node->off };
	die.abbrev = dwarf_abbrevs_find(cursor.abbrevs, bytes_uleb(&cursor.b));
	if (!die.abbrev)
		return 0;
	dwarf_read(&cursor, &die, &values);
	line = dwarf_reader_decl_line(&uf->reader, node->off, &values);
	node->decl_line = line > UINT32_MAX ? UINT32_MAX : (uint32_t)line;
	text = dwarf_reader_name(&uf->reader, node->off, &values);
	if (!text)
		return 0;
	r = dwarf_spend(uf->reader.dwarf, strlen(text));
	return r < 0 ? r : names_add(uf->names, text, strlen(text), &node->name);
}

int unit_frames_node(struct unit_frames *uf, uint32_t node, const struct frame_node **ret_node)
{
	int r = resolve(uf, &uf->nodes[node]);

	if (r == 0)
		*ret_node = &uf->nodes[node];
	return r;
}

int unit_frames_chain(struct unit_frames *uf, const struct location *location, struct frame *frames,
		      size_t *ret_n_frames)
{
	uint32_t chain[N_FRAMES_MAX];
	uint32_t line = location->line, disc = location->disc;
	size_t n = 0, n_named = 0;

	uf->n_chain = 0;
	for (uint32_t i = location->node; i != NODE_NONE; i = uf->nodes[i].parent) {
		if (n == N_FRAMES_MAX) {
			uf->n_too_deep++;
			*ret_n_frames = 0;
			return 0;
		}
		chain[n++] = i;
		if (uf->nodes[i].is_subprogram)
			break;
	}
	/* leaf first: each frame's position is in the function that is inlined there */
	for (size_t i = 0; i < n; i++) {
		struct frame_node *node = &uf->nodes[chain[i]];
		int r = resolve(uf, node);

		if (r < 0)
			return r;
		frames[n - 1 - i] = (struct frame){
			.name = node->name,
			.line_off = (line - node->decl_line) & 0xffff,
			.discriminator = disc,
		};
		line = node->call_line;
		disc = node->call_disc;
	}
	while (n_named < n && frames[n_named].name != NAME_NONE)
		n_named++;
	uf->n_chain = n;
	*ret_n_frames = n_named;
	return 0;
}

void unit_frames_move(const struct unit_frames *uf, const struct location *location,
		      struct frame *frames, size_t n_frames)
{
	struct frame *leaf;

	/* left out, as a caller has no name */
	if (n_frames == 0 || n_frames < uf->n_chain)
		return;
	leaf = &frames[n_frames - 1];
	leaf->line_off = (location->line - uf->nodes[location->node].decl_line) & 0xffff;
	leaf->discriminator = location->disc;
}
