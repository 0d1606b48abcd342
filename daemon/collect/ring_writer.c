/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is due is told late: a LOST record takes its room together with the record that follows, so
 * a ring that stays full never tells. One byte of the ring at least stays free.
 *
 * Source: kernel/events/ring_buffer.c, __perf_output_begin() and ring_buffer_has_space(), Linux
 * 6.12.
 */
#include "ring_writer.h"

#include <linux/perf_event.h>
#include <string.h>

#define CONTROL_BYTES ((size_t)4096)
#define LOST_WORDS 3u /* header, id, lost */

size_t ring_writer_bytes(size_t n_data_bytes)
{
	return CONTROL_BYTES + n_data_bytes;
}

void ring_writer_init(struct ring_writer *writer, void *memory, size_t n_data_bytes, uint64_t start)
{
	struct perf_event_mmap_page *control = memory;

	control->data_offset = CONTROL_BYTES;
	control->data_size = n_data_bytes;
	control->data_head = control->data_tail = start;
	*writer = (struct ring_writer){
		.control = control,
		.data = (uint8_t *)memory + CONTROL_BYTES,
		.data_bytes = n_data_bytes,
		.head = start,
	};
}

static void copy_in(struct ring_writer *writer, const void *bytes, size_t n_bytes)
{
	size_t pos = (size_t)(writer->head & (writer->data_bytes - 1));
	size_t n_first = (size_t)writer->data_bytes - pos;

	if (n_first > n_bytes)
		n_first = n_bytes;
	memcpy(writer->data + pos, bytes, n_first);
	memcpy(writer->data, (const uint8_t *)bytes + n_first, n_bytes - n_first);
	writer->head += n_bytes;
}

static bool has_room(const struct ring_writer *writer, size_t n_bytes)
{
	uint64_t tail = __atomic_load_n(&writer->control->data_tail, __ATOMIC_ACQUIRE);

	return ((tail - writer->head - 1) & (writer->data_bytes - 1)) >= n_bytes;
}

static size_t lost_bytes(const struct ring_writer *writer)
{
	return (LOST_WORDS + writer->n_trailer_words) * sizeof(uint64_t);
}

static void put_lost(struct ring_writer *writer)
{
	struct perf_event_header header = {
		.type = PERF_RECORD_LOST,
		.size = (uint16_t)lost_bytes(writer),
	};
	uint64_t words[LOST_WORDS + RING_WRITER_TRAILER_WORDS_MAX] = { 0 };

	memcpy(words, &header, sizeof(header));
	words[1] = writer->event_id;
	words[2] = writer->n_untold;
	memcpy(words + LOST_WORDS, writer->trailer, writer->n_trailer_words * sizeof(uint64_t));
	copy_in(writer, words, header.size);
	writer->n_untold = 0;
}

/* With the LOST record that is due before it. */
static size_t needed_bytes(const struct ring_writer *writer, size_t n_bytes)
{
	return n_bytes + (writer->n_untold ? lost_bytes(writer) : 0);
}

bool ring_writer_has_room(const struct ring_writer *writer, size_t n_bytes)
{
	return has_room(writer, needed_bytes(writer, n_bytes));
}

bool ring_writer_can_have_room(const struct ring_writer *writer, size_t n_bytes)
{
	return needed_bytes(writer, n_bytes) < writer->data_bytes;
}

void ring_writer_lose(struct ring_writer *writer, uint64_t n)
{
	writer->n_untold += n;
	writer->n_lost += n;
}

bool ring_writer_put_parts(struct ring_writer *writer, const void *head, size_t n_head_bytes,
			   const void *body, size_t n_body_bytes)
{
	if (!ring_writer_has_room(writer, n_head_bytes + n_body_bytes)) {
		ring_writer_lose(writer, 1);
		return false;
	}
	if (writer->n_untold)
		put_lost(writer);
	copy_in(writer, head, n_head_bytes);
	if (n_body_bytes)
		copy_in(writer, body, n_body_bytes);
	__atomic_store_n(&writer->control->data_head, writer->head, __ATOMIC_RELEASE);
	return true;
}

bool ring_writer_put(struct ring_writer *writer, const void *record, size_t n_bytes)
{
	return ring_writer_put_parts(writer, record, n_bytes, NULL, 0);
}
