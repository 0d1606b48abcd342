/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Head and tail run freely; a position in the ring is the value modulo its size.
 *
 *   data    | old | tail … unread … head | free |      never full: one byte at least is free
 *   record  | u32 type, u16 misc, u16 size | size - 8 bytes |     size a multiple of 8
 *
 * So a header never wraps, a record may. How writer and reader order their accesses:
 *
 *   kernel                            reader
 *   data_tail: load                   data_head: load, acquire            (A)
 *   ctrl dependency (D)               records: load
 *   records: store                    data_tail: store, release           (D)
 *   data_head: store after wmb (A)
 *
 * Head is published by the outermost writer of nested ones only: all below it is complete. One load
 * of it serves a pass.
 *
 * After a size that cannot be, nothing says where the next record is: all up to head is given up,
 * and reading goes on with what is written from then on.
 *
 * Source: kernel/events/ring_buffer.c, perf_output_put_handle() and __perf_output_begin(),
 * tools/include/linux/ring_buffer.h, Linux 6.12.
 */
#include "ring.h"

#include <linux/perf_event.h>
#include <string.h>

#define WORD_BYTES sizeof(uint64_t)

int ring_init(struct ring *ring, void *memory, size_t n_bytes, struct ring_bounce *bounce)
{
	struct perf_event_mmap_page *control = memory;
	uint64_t offset, data_bytes;

	if (n_bytes < sizeof(*control))
		return RING_E_SHAPE;
	offset = control->data_offset;
	data_bytes = control->data_size;
	if (data_bytes < WORD_BYTES || (data_bytes & (data_bytes - 1)) != 0)
		return RING_E_SHAPE;
	if (offset % WORD_BYTES != 0 || offset < sizeof(*control))
		return RING_E_SHAPE;
	if (offset > n_bytes || data_bytes > n_bytes - offset)
		return RING_E_SHAPE;
	*ring = (struct ring){
		.control = control,
		.data = (const uint8_t *)memory + offset,
		.data_bytes = data_bytes,
		.bounce = bounce,
		.tail = control->data_tail,
	};
	return 0;
}

static void move_tail(struct ring *ring, uint64_t n_bytes)
{
	ring->tail += n_bytes;
	ring->n_ahead -= n_bytes;
	ring->n_budget -= n_bytes < ring->n_budget ? n_bytes : ring->n_budget;
}

static void give_up(struct ring *ring)
{
	ring->stats.n_given_up_bytes += ring->n_ahead;
	move_tail(ring, ring->n_ahead);
}

uint64_t ring_head(const struct ring *ring)
{
	return __atomic_load_n(&ring->control->data_head, __ATOMIC_ACQUIRE);
}

void ring_begin(struct ring *ring, uint64_t n_bytes_max)
{
	uint64_t head = ring_head(ring);

	ring->n_ahead = head - ring->tail;
	if (unlikely(ring->n_ahead > ring->data_bytes || (head | ring->tail) % WORD_BYTES != 0)) {
		ring->stats.n_corrupt_heads += ring->n_ahead != 0;
		give_up(ring);
	}
	ring->n_budget = n_bytes_max < ring->n_ahead ? n_bytes_max : ring->n_ahead;
}

void ring_end(struct ring *ring)
{
	__atomic_store_n(&ring->control->data_tail, ring->tail, __ATOMIC_RELEASE);
}

/* The record at pos, of which only the first n_first bytes are before the ring's end. */
static const uint64_t *unwrap(struct ring *ring, uint64_t pos, size_t n_bytes)
{
	size_t n_first = (size_t)(ring->data_bytes - pos);
	uint8_t *bounce = (uint8_t *)ring->bounce->words;

	memcpy(bounce, ring->data + pos, n_first);
	memcpy(bounce + n_first, ring->data, n_bytes - n_first);
	ring->stats.n_wrapped++;
	return ring->bounce->words;
}

bool ring_next(struct ring *ring, struct ring_record *ret_record)
{
	uint64_t pos = ring->tail & (ring->data_bytes - 1);
	struct perf_event_header header;
	const uint64_t *words;

	if (ring->n_budget == 0)
		return false;
	memcpy(&header, ring->data + pos, sizeof(header));
	if (unlikely(header.size < sizeof(header) || header.size % WORD_BYTES != 0 ||
		     header.size > ring->n_ahead)) {
		ring->stats.n_corrupt_sizes++;
		give_up(ring);
		return false;
	}
	if (unlikely(header.size > ring->data_bytes - pos))
		words = unwrap(ring, pos, header.size);
	else
		words = (const uint64_t *)(ring->data + pos);
	*ret_record = (struct ring_record){
		.type = header.type,
		.misc = header.misc,
		.n_words = (uint16_t)(header.size / WORD_BYTES - 1),
		.words = words + 1,
	};
	ring->stats.n_records++;
	ring->stats.n_record_bytes += header.size;
	move_tail(ring, header.size);
	return true;
}
