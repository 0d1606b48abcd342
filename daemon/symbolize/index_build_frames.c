/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locations: every unit is loaded once, and every interval that the map of units gives it is walked
 * from location to location. Neighbours that are the same are one piece.
 *
 * Pieces are gathered in stretches, each with the few nodes that its pieces need, so that a reader
 * decodes little more than what it asks about: a stretch ends where another function begins, once
 * it has some pieces. Nodes are instances of origins (name and declaration line); all is kept until
 * the end, since the origins that are used most get the small numbers.
 */
#include <errno.h>
#include <string.h>
#include "base/array.h"
#include "base/hash.h"
#include "index_build.h"
#include "unit_frames.h"

#define N_ITEMS_MAX (64u << 20)
#define STRETCH_PIECES_MIN 64

struct piece {
	uint32_t n_bytes;
	uint32_t node; /* of the stretch, or NODE_NONE */
	uint32_t line, disc;
};

struct node {
	uint32_t parent; /* of the stretch, or NODE_NONE */
	uint32_t origin;
	uint32_t call_line, call_disc;
	bool is_subprogram;
};

struct stretch {
	uint32_t lo_off, n_bytes;
	size_t first_node, n_nodes;
	size_t first_piece, n_pieces;
};

struct origin {
	uint32_t name; /* of symbols->names, or NAME_NONE */
	uint32_t decl_line;
	uint32_t n_uses;
	uint32_t number; /* in the file */
};

struct writer {
	struct index_parts *parts;
	struct unit_frames uf;
	struct piece *pieces;
	size_t n_pieces, pieces_capacity;
	struct node *nodes;
	size_t n_nodes, nodes_capacity;
	struct stretch *stretches;
	size_t n_stretches, stretches_capacity;
	struct origin *origins;
	size_t n_origins, origins_capacity;
	uint32_t *slots; /* origin + 1, or 0; n_slots is a power of two */
	size_t n_slots;
	/* of the loaded unit, by its nodes: stretch that has the node + 1, and as which of its own
	 */
	uint32_t *in_stretch, *as_node;
	size_t in_capacity, as_capacity;
	/* the stretch that is made, the last one */
	uint32_t last_root;
	bool is_open;
};

/* origins */

static size_t origin_slot(const struct writer *w, uint32_t name, uint32_t decl_line)
{
	size_t mask = w->n_slots - 1;
	size_t i = hash_u64((uint64_t)name << 32 | decl_line) & mask;

	for (; w->slots[i]; i = (i + 1) & mask) {
		const struct origin *o = &w->origins[w->slots[i] - 1];

		if (o->name == name && o->decl_line == decl_line)
			break;
	}
	return i;
}

static int double_slots(struct writer *w)
{
	size_t n_slots = w->n_slots ? 2 * w->n_slots : 1024;
	uint32_t *slots = calloc(n_slots, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	free(w->slots);
	w->slots = slots;
	w->n_slots = n_slots;
	for (uint32_t i = 0; i < w->n_origins; i++)
		slots[origin_slot(w, w->origins[i].name, w->origins[i].decl_line)] = i + 1;
	return 0;
}

static int find_origin(struct writer *w, uint32_t name, uint32_t decl_line, uint32_t *ret_origin)
{
	size_t slot;
	int r = 0;

	if (2 * (w->n_origins + 1) > w->n_slots)
		r = double_slots(w);
	if (r == 0)
		r = array_push_room(w->origins, w->n_origins, w->origins_capacity, N_ITEMS_MAX);
	if (r < 0)
		return r;
	slot = origin_slot(w, name, decl_line);
	if (!w->slots[slot]) {
		w->origins[w->n_origins++] = (struct origin){ name, decl_line, 0, 0 };
		w->slots[slot] = (uint32_t)w->n_origins;
	}
	*ret_origin = w->slots[slot] - 1;
	w->origins[*ret_origin].n_uses++;
	return 0;
}

/* gathering */

static int begin_stretch(struct writer *w, uint64_t lo)
{
	int r = array_push_room(w->stretches, w->n_stretches, w->stretches_capacity, N_ITEMS_MAX);

	if (r == 0)
		w->stretches[w->n_stretches++] = (struct stretch){
			.lo_off = (uint32_t)(lo - w->parts->base_vaddr),
			.first_node = w->n_nodes,
			.first_piece = w->n_pieces,
		};
	w->is_open = r == 0;
	return r;
}

static struct stretch *last_stretch(const struct writer *w)
{
	return &w->stretches[w->n_stretches - 1];
}

/* The node of the unit as one of the stretch; its parent is there before it. */
static int add_node(struct writer *w, uint32_t node, uint32_t *ret_node)
{
	struct stretch *s = last_stretch(w);
	const struct frame_node *n;
	struct node new = { .parent = NODE_NONE };
	int r = unit_frames_node(&w->uf, node, &n);

	if (r == 0)
		r = find_origin(w, n->name, n->decl_line, &new.origin);
	if (r == 0)
		r = array_push_room(w->nodes, w->n_nodes, w->nodes_capacity, N_ITEMS_MAX);
	if (r < 0)
		return r;
	new.is_subprogram = n->is_subprogram;
	new.call_line = n->call_line;
	new.call_disc = n->call_disc;
	if (!n->is_subprogram && n->parent != NODE_NONE)
		new.parent = w->as_node[n->parent];
	w->nodes[w->n_nodes++] = new;
	w->in_stretch[node] = (uint32_t)w->n_stretches;
	w->as_node[node] = (uint32_t)s->n_nodes;
	*ret_node = (uint32_t)s->n_nodes++;
	return 0;
}

/* The nodes from the root down to this one, which is what the chain of frames needs. */
static int add_chain(struct writer *w, uint32_t node, uint32_t *ret_node)
{
	*ret_node = w->as_node[node];
	while (w->in_stretch[node] != w->n_stretches) {
		uint32_t missing = node, added;
		int r;

		for (;;) {
			const struct frame_node *n = &w->uf.nodes[missing];

			if (n->is_subprogram || n->parent == NODE_NONE ||
			    w->in_stretch[n->parent] == w->n_stretches)
				break;
			missing = n->parent;
		}
		r = add_node(w, missing, &added);
		if (r < 0)
			return r;
		*ret_node = added;
	}
	return 0;
}

static uint32_t root_of(const struct writer *w, uint32_t node)
{
	while (!w->uf.nodes[node].is_subprogram && w->uf.nodes[node].parent != NODE_NONE)
		node = w->uf.nodes[node].parent;
	return node;
}

static int add_piece(struct writer *w, uint64_t lo, uint64_t hi, const struct location *location)
{
	struct piece piece = { .n_bytes = (uint32_t)(hi - lo), .node = NODE_NONE };
	struct stretch *s;
	int r = 0;

	if (location->node != NODE_NONE) {
		uint32_t root = root_of(w, location->node);

		if (w->is_open && root != w->last_root &&
		    last_stretch(w)->n_pieces >= STRETCH_PIECES_MIN)
			w->is_open = false;
		w->last_root = root;
	}
	if (!w->is_open)
		r = begin_stretch(w, lo);
	if (r == 0 && location->node != NODE_NONE) {
		piece.line = location->line;
		piece.disc = location->disc;
		r = add_chain(w, location->node, &piece.node);
	}
	if (r == 0)
		r = array_push_room(w->pieces, w->n_pieces, w->pieces_capacity, N_ITEMS_MAX);
	if (r < 0)
		return r;
	s = last_stretch(w);
	w->pieces[w->n_pieces++] = piece;
	s->n_pieces++;
	s->n_bytes += piece.n_bytes;
	return 0;
}

static bool is_same(const struct location *a, const struct location *b)
{
	if (a->node != b->node)
		return false;
	return a->node == NODE_NONE || (a->line == b->line && a->disc == b->disc);
}

static int add_interval(struct writer *w, uint64_t lo, uint64_t hi)
{
	struct location now = unit_frames_find(&w->uf, lo);
	int r = 0;

	w->is_open = false;
	w->last_root = NODE_NONE;
	for (uint64_t at = lo; r == 0 && at < hi;) {
		struct location next = { .node = NODE_NONE };
		uint64_t to = now.hi_vaddr < hi ? now.hi_vaddr : hi;

		while (to < hi) {
			next = unit_frames_find(&w->uf, to);
			if (!is_same(&now, &next))
				break;
			to = next.hi_vaddr < hi ? next.hi_vaddr : hi;
		}
		r = add_piece(w, at, to, &now);
		now = next;
		at = to;
	}
	return r;
}

/* What lies beyond the reach of offsets is left out: no code that is counted is there. */
static bool clip(const struct writer *w, const struct unit_interval *item, uint64_t *ret_lo,
		 uint64_t *ret_hi)
{
	uint64_t base = w->parts->base_vaddr;
	uint64_t end = base > UINT64_MAX - UINT32_MAX ? UINT64_MAX : base + UINT32_MAX;

	*ret_lo = item->lo_vaddr > base ? item->lo_vaddr : base;
	*ret_hi = item->hi_vaddr < end ? item->hi_vaddr : end;
	return *ret_lo < *ret_hi;
}

static int load_unit(struct writer *w, size_t unit)
{
	int r = unit_frames_load(&w->uf, unit);

	if (r == 0)
		r = array_reserve((void **)&w->in_stretch, &w->in_capacity, w->uf.n_nodes + 1,
				  sizeof(*w->in_stretch), N_ITEMS_MAX);
	if (r == 0)
		r = array_reserve((void **)&w->as_node, &w->as_capacity, w->uf.n_nodes + 1,
				  sizeof(*w->as_node), N_ITEMS_MAX);
	if (r < 0)
		return r;
	memset(w->in_stretch, 0, (w->uf.n_nodes + 1) * sizeof(*w->in_stretch));
	memset(w->as_node, 0, (w->uf.n_nodes + 1) * sizeof(*w->as_node));
	return 0;
}

static int compare_by_unit(const void *a, const void *b)
{
	const struct unit_interval *x = a, *y = b;

	if (x->unit != y->unit)
		return x->unit < y->unit ? -1 : 1;
	return (x->lo_vaddr > y->lo_vaddr) - (x->lo_vaddr < y->lo_vaddr);
}

static int gather(struct writer *w)
{
	const struct unit_map *map = &w->parts->symbols->units;
	cleanup(free_cleanup) struct unit_interval *items =
		malloc((map->n + 1) * sizeof(*map->items));
	size_t unit = DWARF_NO_UNIT;
	int r = items ? 0 : -ENOMEM;

	if (r == 0 && map->n) {
		memcpy(items, map->items, map->n * sizeof(*items));
		qsort(items, map->n, sizeof(*items), compare_by_unit);
	}
	for (size_t i = 0; r == 0 && i < map->n; i++) {
		uint64_t lo, hi;

		if (!clip(w, &items[i], &lo, &hi))
			continue;
		if (items[i].unit != unit)
			r = load_unit(w, items[i].unit);
		unit = items[i].unit;
		if (r == 0)
			r = add_interval(w, lo, hi);
	}
	return r;
}

/* writing */

static int compare_stretches(const void *a, const void *b)
{
	const struct stretch *x = a, *y = b;

	return (x->lo_off > y->lo_off) - (x->lo_off < y->lo_off);
}

struct rank {
	uint32_t n_uses, origin;
};

static int compare_ranks(const void *a, const void *b)
{
	const struct rank *x = a, *y = b;

	if (x->n_uses != y->n_uses)
		return x->n_uses > y->n_uses ? -1 : 1;
	return (x->origin > y->origin) - (x->origin < y->origin);
}

static int write_origin(struct writer *w, const struct origin *origin)
{
	struct buf *buf = &w->parts->bufs[INDEX_ORIGINS];
	uint32_t name = NAME_NONE;
	int r = 0;

	if (origin->name != NAME_NONE)
		r = index_parts_name(w->parts, origin->name, &name);
	buf_u32(buf, name);
	buf_u32(buf, origin->decl_line);
	return r;
}

static int write_origins(struct writer *w)
{
	struct rank *ranks = malloc((w->n_origins + 1) * sizeof(*ranks));
	int r = ranks ? 0 : -ENOMEM;

	for (uint32_t i = 0; ranks && i < w->n_origins; i++)
		ranks[i] = (struct rank){ w->origins[i].n_uses, i };
	if (ranks && w->n_origins)
		qsort(ranks, w->n_origins, sizeof(*ranks), compare_ranks);
	for (uint32_t i = 0; r == 0 && i < w->n_origins; i++) {
		struct origin *origin = &w->origins[ranks[i].origin];

		origin->number = i;
		r = write_origin(w, origin);
	}
	free(ranks);
	return r;
}

static void write_node(struct writer *w, const struct node *node, uint32_t i)
{
	struct buf *buf = &w->parts->bufs[INDEX_LOCATIONS];
	uint64_t up = node->parent == NODE_NONE ? 0 : i - node->parent;

	buf_uleb(buf, up << 1 | node->is_subprogram);
	buf_uleb(buf, w->origins[node->origin].number);
	if (!up)
		return;
	buf_uleb(buf, node->call_line);
	buf_uleb(buf, node->call_disc);
}

static void put_head(struct buf *buf, uint32_t n_bytes, unsigned int flags)
{
	unsigned int length = n_bytes < INDEX_PIECE_LONG ? n_bytes : INDEX_PIECE_LONG;

	buf_u8(buf, (uint8_t)(length << 4 | flags));
	if (length == INDEX_PIECE_LONG)
		buf_uleb(buf, n_bytes - INDEX_PIECE_LONG);
}

/* lines[node] is the line of the node's last piece. */
static void write_piece(struct buf *buf, const struct piece *piece, uint32_t *lines, uint32_t *node,
			uint32_t *disc)
{
	int64_t by_node, by_line;
	unsigned int flags = 0;

	if (piece->node == NODE_NONE) {
		put_head(buf, piece->n_bytes, INDEX_PIECE_NONE);
		return;
	}
	/* differences are modulo 2^32, as they are added */
	by_node = (int32_t)(piece->node - *node);
	by_line = (int32_t)(piece->line - lines[piece->node]);
	flags |= by_node ? INDEX_PIECE_NODE : 0;
	flags |= by_line ? INDEX_PIECE_LINE : 0;
	flags |= piece->disc != *disc ? INDEX_PIECE_DISC : 0;
	put_head(buf, piece->n_bytes, flags);
	if (by_node)
		buf_uleb(buf, index_zigzag(by_node));
	if (by_line)
		buf_uleb(buf, index_zigzag(by_line));
	if (piece->disc != *disc)
		buf_uleb(buf, piece->disc);
	*node = piece->node;
	*disc = piece->disc;
	lines[piece->node] = piece->line;
}

static int write_stretch(struct writer *w, const struct stretch *s)
{
	struct buf *records = &w->parts->bufs[INDEX_STRETCHES];
	struct buf *buf = &w->parts->bufs[INDEX_LOCATIONS];
	cleanup(free_cleanup) uint32_t *lines = calloc(s->n_nodes + 1, sizeof(*lines));
	uint32_t node = 0, disc = 0;

	if (!lines)
		return -ENOMEM;
	buf_u32(records, s->lo_off);
	buf_u32(records, s->n_bytes);
	buf_u32(records, (uint32_t)buf->n_bytes);
	buf_uleb(buf, s->n_nodes);
	buf_uleb(buf, s->n_pieces);
	for (uint32_t i = 0; i < s->n_nodes; i++)
		write_node(w, &w->nodes[s->first_node + i], i);
	for (size_t i = 0; i < s->n_pieces; i++)
		write_piece(buf, &w->pieces[s->first_piece + i], lines, &node, &disc);
	return 0;
}

static int write_all(struct writer *w)
{
	struct buf *records = &w->parts->bufs[INDEX_STRETCHES];
	int r = write_origins(w);

	if (w->n_stretches)
		qsort(w->stretches, w->n_stretches, sizeof(*w->stretches), compare_stretches);
	for (size_t i = 0; r == 0 && i < w->n_stretches; i++)
		r = write_stretch(w, &w->stretches[i]);
	/* one more, which says where the last one ends */
	buf_u32(records, 0);
	buf_u32(records, 0);
	buf_u32(records, (uint32_t)w->parts->bufs[INDEX_LOCATIONS].n_bytes);
	if (r == 0 && w->parts->bufs[INDEX_LOCATIONS].n_bytes > UINT32_MAX)
		r = -E2BIG;
	return r;
}

int index_build_frames(struct index_parts *parts)
{
	struct writer w = { .parts = parts };
	int r;

	symbols_init_frames(parts->symbols, parts->symbols->names, &w.uf);
	r = gather(&w);
	if (r == 0)
		r = write_all(&w);
	unit_frames_deinit(&w.uf);
	free(w.pieces);
	free(w.nodes);
	free(w.stretches);
	free(w.origins);
	free(w.slots);
	free(w.in_stretch);
	free(w.as_node);
	return r;
}
