/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The kernel's end of a ring, for rings that no kernel writes: a recording that is played to the
 * daemon, and tests. Keeps to the kernel's manners, above all in what is lost and when it is told.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"

struct perf_event_mmap_page;

#define RING_WRITER_TRAILER_WORDS_MAX 6u

struct ring_writer {
	struct perf_event_mmap_page *control; /* borrowed */
	uint8_t *data;
	uint64_t data_bytes;
	uint64_t head;
	uint64_t n_untold;	  /* records lost since the last LOST record */
	uint64_t n_lost;	  /* … since the start: what PERF_FORMAT_LOST says */
	uint64_t event_id;	  /* for LOST records */
	uint32_t n_trailer_words; /* of sample_id_all */
	uint64_t trailer[RING_WRITER_TRAILER_WORDS_MAX]; /* the caller's, for LOST records */
};

/*
 * Lays a ring out in zeroed memory: one page of control, then n_data_bytes, a power of two. Writing
 * and reading begin at position start, a multiple of 8. The memory is borrowed.
 */
void ring_writer_init(struct ring_writer *writer, void *memory, size_t n_data_bytes,
		      uint64_t start);
/* What memory ring_writer_init() needs. */
size_t ring_writer_bytes(size_t n_data_bytes);

/*
 * Writes one record, header first; n_bytes is a multiple of 8. A LOST record precedes it if one is
 * due. False: there was no room for both, and the record is lost and counted.
 */
bool ring_writer_put(struct ring_writer *writer, const void *record, size_t n_bytes);
/* The same for a record in two parts, each a multiple of 8; one copy of either. */
bool ring_writer_put_parts(struct ring_writer *writer, const void *head, size_t n_head_bytes,
			   const void *body, size_t n_body_bytes);
/* Whether a record of n_bytes would be written now. */
bool ring_writer_has_room(const struct ring_writer *writer, size_t n_bytes);
/* … or once all is read. */
bool ring_writer_can_have_room(const struct ring_writer *writer, size_t n_bytes);
/* n records find no room, whether there is any or not. */
void ring_writer_lose(struct ring_writer *writer, uint64_t n);
