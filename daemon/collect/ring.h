/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The reader's end of one perf ring: from bytes that the kernel writes to whole records, one after
 * the other, in place. What is in a record is record.h's to say.
 *
 * A ring is memory that looks like what mmap(2) of a perf event gives: a control page and a data
 * area. Whose it is does not matter, so tests and recordings are read from a memfd the same way.
 * Nothing in that memory is trusted; what stands between tail and head is not changed by the
 *writer.
 *
 *	ring_begin(&ring, budget);
 *	while (ring_next(&ring, &record))
 *		...
 *	ring_end(&ring);
 *
 * Reading allocates nothing, locks nothing and calls nothing of the system.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "ring_stats.h"

struct perf_event_mmap_page;

/* Holds any record: their size is a u16. */
#define RING_BOUNCE_BYTES ((size_t)64 << 10)

/* Where a record that wraps around the end of the ring is put together. */
struct ring_bounce {
	uint64_t words[RING_BOUNCE_BYTES / sizeof(uint64_t)];
};

struct ring {
	struct perf_event_mmap_page *control; /* borrowed */
	const uint8_t *data;		      /* borrowed; data_bytes, a power of two */
	uint64_t data_bytes;
	struct ring_bounce *bounce; /* borrowed */
	uint64_t tail;		    /* up to here all is read; free-running, as is the kernel's */
	uint64_t n_ahead;	    /* bytes from tail to the head that ring_begin() saw */
	uint64_t n_budget;	    /* of them, those that this pass may still look at */
	struct ring_stats stats;
};

/* A record of the ring. Its words are good until the next ring_next() or ring_end(). */
struct ring_record {
	uint32_t type; /* PERF_RECORD_*, or anything else */
	uint16_t misc;
	uint16_t n_words; /* behind the header */
	const uint64_t *words;
};

#define RING_E_SHAPE 1
/*
 * A ring in n_bytes of memory, 8-aligned, whose control page says where its data is. All is
 * borrowed; one bounce buffer serves any number of rings that are read in turn.
 * 0; RING_E_SHAPE: the data area is not a power of two, not aligned or not within the memory.
 */
must_check int ring_init(struct ring *ring, void *memory, size_t n_bytes,
			 struct ring_bounce *bounce);

/*
 * Begins a pass over what was written up to now: records that start within the next n_bytes_max
 * bytes, so that a flood in one ring does not keep the loop from its other work.
 */
void ring_begin(struct ring *ring, uint64_t n_bytes_max);

/* The next record of the pass, or false: there is none. */
must_check bool ring_next(struct ring *ring, struct ring_record *ret_record);

/* Gives what was read back to the writer, whether it was of use or not. */
void ring_end(struct ring *ring);

/* Where the writer is now: any number, as all that stands in the memory. */
uint64_t ring_head(const struct ring *ring);

/* True if the last pass left something that it had seen. */
static inline bool ring_has_more(const struct ring *ring)
{
	return ring->n_ahead > 0;
}
