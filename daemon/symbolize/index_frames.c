/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The locations of one stretch: what unit_frames has of a unit, already cut into pieces.
 */
#include <errno.h>
#include "base/array.h"
#include "index_frames.h"

#define N_NODES_MAX (16u << 20)
#define N_PIECES_MAX (16u << 20)
#define NODE_BYTES_MIN 2
#define PIECE_BYTES_MIN 1

static int read_node(struct bytes *b, struct unit_frames *uf)
{
	uint64_t head = bytes_uleb(b), up = head >> 1;
	struct frame_node node = {
		.off = bytes_uleb(b),
		.parent = NODE_NONE,
		.is_subprogram = head & 1,
	};

	if (up > uf->n_nodes)
		return -EBADMSG;
	if (up) {
		node.parent = (uint32_t)(uf->n_nodes - up);
		node.call_line = (uint32_t)bytes_uleb(b);
		node.call_disc = (uint32_t)bytes_uleb(b);
	}
	uf->nodes[uf->n_nodes++] = node;
	return 0;
}

static int read_nodes(struct bytes *b, struct unit_frames *uf, size_t n)
{
	int r = 0;

	if (n > bytes_left(b) / NODE_BYTES_MIN)
		return -EBADMSG;
	r = array_reserve((void **)&uf->nodes, &uf->nodes_capacity, n, sizeof(*uf->nodes),
			  N_NODES_MAX);
	if (r == 0)
		r = array_reserve((void **)&uf->open, &uf->open_capacity, n, sizeof(*uf->open),
				  N_NODES_MAX);
	for (size_t i = 0; r == 0 && i < n; i++) {
		uf->open[i] = 0;
		r = read_node(b, uf);
	}
	return r;
}

/* lines[node] is the line of the node's last piece. */
static int read_location(struct bytes *b, const struct unit_frames *uf, uint32_t *lines,
			 unsigned int head, struct index_piece *piece)
{
	if (head & INDEX_PIECE_NODE)
		piece->node += (uint32_t)index_unzigzag(bytes_uleb(b));
	if (piece->node >= uf->n_nodes)
		return -EBADMSG;
	if (head & INDEX_PIECE_LINE)
		lines[piece->node] += (uint32_t)index_unzigzag(bytes_uleb(b));
	if (head & INDEX_PIECE_DISC)
		piece->disc = (uint32_t)bytes_uleb(b);
	piece->line = lines[piece->node];
	return 0;
}

static int read_pieces(struct bytes *b, struct unit_frames *uf, size_t n, uint64_t lo, uint64_t hi)
{
	struct index_piece now = { 0 };
	int r;

	if (n > bytes_left(b) / PIECE_BYTES_MIN)
		return -EBADMSG;
	r = array_reserve((void **)&uf->pieces, &uf->pieces_capacity, n, sizeof(*uf->pieces),
			  N_PIECES_MAX);
	for (size_t i = 0; r == 0 && i < n; i++) {
		unsigned int head = bytes_u8(b);
		uint64_t n_bytes = head >> 4;

		if (n_bytes == INDEX_PIECE_LONG)
			n_bytes += bytes_uleb(b);
		if (n_bytes == 0 || n_bytes > hi - lo)
			return -EBADMSG;
		if (!(head & INDEX_PIECE_NONE))
			r = read_location(b, uf, uf->open, head, &now);
		now.lo_vaddr = lo;
		uf->pieces[i] = now;
		if (head & INDEX_PIECE_NONE)
			uf->pieces[i].node = NODE_NONE;
		lo += n_bytes;
	}
	if (r < 0)
		return r;
	uf->n_pieces = n;
	return lo == hi ? 0 : -EBADMSG;
}

/* Questions come in order of addresses: what was read is hardly read again. */
#define READ_BYTES_MAX (256u << 10)

static void forget_read(struct index_view *view, uint64_t n_bytes)
{
	view->n_read_bytes += n_bytes;
	if (view->n_read_bytes < READ_BYTES_MAX)
		return;
	index_forget(view->index, view->object);
	view->n_read_bytes = 0;
}

static int read_stretch(struct index_view *view, struct unit_frames *uf, size_t stretch)
{
	struct bytes records = view->stretches, b;
	uint64_t lo, data_off, data_end_off;
	size_t n_nodes, n_pieces;
	int r;

	bytes_seek(&records, stretch * (uint64_t)INDEX_STRETCH_BYTES);
	lo = view->base_vaddr + bytes_u32(&records);
	uf->hi_vaddr = lo + bytes_u32(&records);
	data_off = bytes_u32(&records);
	bytes_skip(&records, 2 * sizeof(uint32_t));
	data_end_off = bytes_u32(&records);
	if (records.failed || data_end_off < data_off)
		return -EBADMSG;
	forget_read(view, data_end_off - data_off);
	b = index_slice(view->index, view->object, INDEX_LOCATIONS, data_off,
			data_end_off - data_off);
	n_nodes = bytes_uleb(&b);
	n_pieces = bytes_uleb(&b);
	r = read_nodes(&b, uf, n_nodes);
	if (r == 0)
		r = read_pieces(&b, uf, n_pieces, lo, uf->hi_vaddr);
	return r == 0 && (b.failed || bytes_left(&b)) ? -EBADMSG : r;
}

int index_frames_load(struct unit_frames *uf, size_t stretch)
{
	int r;

	uf->n_nodes = uf->n_pieces = uf->last_piece = 0;
	uf->hi_vaddr = 0;
	r = read_stretch(uf->view, uf, stretch);
	if (r == 0)
		return 0;
	uf->n_nodes = uf->n_pieces = 0;
	if (r != -EBADMSG)
		return r;
	index_note_damage(uf->view->index, uf->view->object, "locations");
	return 0;
}

/* Questions come by address: more pieces than these are passed over by halving what is left. */
#define N_STEPS 8

/* The number of the first piece that begins above vaddr, or n_pieces. */
static size_t upper_piece(struct unit_frames *uf, uint64_t vaddr)
{
	size_t lo = uf->last_piece, hi = uf->n_pieces;

	if (lo < hi && uf->pieces[lo].lo_vaddr <= vaddr)
		for (size_t i = 0; i < N_STEPS; i++) {
			lo++;
			if (lo == hi || uf->pieces[lo].lo_vaddr > vaddr)
				return lo;
		}
	if (lo >= hi || uf->pieces[lo].lo_vaddr > vaddr)
		lo = 0;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (uf->pieces[mid].lo_vaddr <= vaddr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct location index_frames_find(struct unit_frames *uf, uint64_t vaddr)
{
	struct location location = { .node = NODE_NONE, .hi_vaddr = UINT64_MAX };
	size_t lo = upper_piece(uf, vaddr);

	if (lo == 0 || vaddr >= uf->hi_vaddr)
		return location;
	uf->last_piece = lo - 1;
	location.hi_vaddr = lo < uf->n_pieces ? uf->pieces[lo].lo_vaddr : uf->hi_vaddr;
	location.node = uf->pieces[lo - 1].node;
	location.line = uf->pieces[lo - 1].line;
	location.disc = uf->pieces[lo - 1].disc;
	return location;
}

void index_frames_resolve(struct unit_frames *uf, struct frame_node *node)
{
	struct bytes b = index_slice(uf->view->index, uf->view->object, INDEX_ORIGINS,
				     node->off * INDEX_ORIGIN_BYTES, INDEX_ORIGIN_BYTES);
	uint32_t name = bytes_u32(&b);

	node->decl_line = bytes_u32(&b);
	node->name = b.failed || name == NAME_NONE ? NAME_NONE : index_view_name(uf->view, name);
	node->is_resolved = true;
}
