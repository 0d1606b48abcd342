/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring between guard pages. Whatever stands in it: no byte outside is read, everything that head
 * moved over is in the statistics, and what is written afterwards is found.
 *
 *   input   u8 log2 of the ring's bytes, u8 selection of fields, u16 position, u32 head behind it,
 *           the bytes of the ring from that position on
 */
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "base/bytes.h"
#include "collect/ring_reader.h"
#include "collect/ring_writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

#define PAGE ((size_t)4096)
#define RING_BYTES_MAX ((size_t)128 << 10)
#define GUARDED_BYTES (PAGE + PAGE + RING_BYTES_MAX + PAGE)

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

/* The ring's end is at a guard page; its start is there, too, if it is as large as can be. */
static uint8_t *guarded_ring(size_t n_bytes)
{
	static uint8_t *memory;
	uint8_t *end;

	if (!memory) {
		memory = mmap(NULL, GUARDED_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		must(memory != MAP_FAILED);
		must(mprotect(memory + PAGE, GUARDED_BYTES - 2 * PAGE, PROT_READ | PROT_WRITE) ==
		     0);
	}
	end = memory + GUARDED_BYTES - PAGE;
	memset(end - n_bytes, 0, n_bytes);
	return end - n_bytes;
}

static uint64_t touch(const struct record *record)
{
	const struct record_sample *sample = &record->sample;
	const struct record_text_poke *poke = &record->text_poke;
	uint64_t sum = 0;

	if (record->kind == RECORD_SAMPLE)
		for (uint32_t i = 0; i < sample->n_entries; i++)
			sum += sample->entries[i].from_ip ^ sample->entries[i].flags;
	if (record->kind == RECORD_KSYMBOL)
		sum += strlen(record->ksymbol.name);
	if (record->kind == RECORD_BPF_EVENT)
		sum += record->bpf_event.tag[0] + record->bpf_event.tag[7];
	if (record->kind == RECORD_TEXT_POKE && poke->n_new_bytes)
		sum += poke->old_bytes[0] + poke->new_bytes[poke->n_new_bytes - 1];
	return sum;
}

static uint64_t drain(struct ring_reader *reader, uint64_t n_budget)
{
	volatile uint64_t sum = 0;
	struct record record;
	uint64_t n = 0;

	ring_begin(&reader->ring, n_budget);
	for (; ring_reader_next(reader, &record); n++)
		sum += touch(&record);
	ring_end(&reader->ring);
	return n;
}

static void assert_accounted(const struct ring *ring, uint64_t start)
{
	const struct ring_stats *stats = &ring->stats;
	const char *what;

	must(ring_stats_check(stats, &what) == 0);
	must(stats->n_record_bytes + stats->n_given_up_bytes == ring->tail - start);
	must(ring->control->data_tail == ring->tail);
}

/* The writer begins anew where the head is, at the next whole word. */
static void assert_finds_next(struct ring_reader *reader, struct ring_writer *writer)
{
	const uint64_t lost[] = { 24ull << 48 | PERF_RECORD_MMAP, 1, 2 };
	uint64_t n_before;

	writer->head = (reader->ring.tail + 7) & ~7ull;
	writer->control->data_head = writer->head;
	must(drain(reader, UINT64_MAX) == 0);
	n_before = reader->ring.stats.n_unknown[PERF_RECORD_MMAP];
	must(ring_writer_put(writer, lost, sizeof(lost)));
	must(drain(reader, UINT64_MAX) == 0);
	must(reader->ring.stats.n_unknown[PERF_RECORD_MMAP] == n_before + 1);
}

static void fill(struct ring_writer *writer, uint64_t start, const struct bytes *b)
{
	size_t n = bytes_left(b) < writer->data_bytes ? bytes_left(b) : writer->data_bytes;

	for (size_t i = 0; i < n; i++)
		writer->data[(start + i) & (writer->data_bytes - 1)] = b->pos[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	static struct ring_bounce bounce;
	struct bytes b = bytes_of(data, n_bytes);
	size_t n_ring_bytes = (size_t)32 << bytes_u8(&b) % 13;
	uint8_t fields = bytes_u8(&b);
	uint64_t start = bytes_u16(&b) * 8ull - (64 << 10), ahead = bytes_u32(&b);
	struct record_format format = {
		.sample = { .sample_type = PERF_SAMPLE_BRANCH_STACK | PERF_SAMPLE_IP },
		.n_depth = fields & 1 ? 32 : 0,
	};
	size_t n_memory_bytes = ring_writer_bytes(n_ring_bytes);
	uint8_t *memory = guarded_ring(n_memory_bytes);
	struct ring_reader reader;
	struct ring_writer writer;

	format.sample.sample_type |= fields & 2 ? PERF_SAMPLE_TIME : 0;
	format.sample.sample_type |= fields & 4 ? PERF_SAMPLE_PERIOD | PERF_SAMPLE_IDENTIFIER : 0;
	format.sample.sample_type ^= fields & 8 ? PERF_SAMPLE_BRANCH_STACK : 0;
	format.sample.branch_sample_type = fields & 16 ? 1u << 17 : 0; /* HW_INDEX */
	ring_writer_init(&writer, memory, n_ring_bytes, start);
	fill(&writer, start, &b);
	/* an input of all its bytes and no more is the rule */
	writer.control->data_head = start + (ahead ? ahead : bytes_left(&b) & ~7ull);
	must(record_layout_of(&format, &reader.layout) == 0);
	must(ring_init(&reader.ring, memory, n_memory_bytes, &bounce) == 0);
	drain(&reader, fields & 32 ? 100 : UINT64_MAX);
	drain(&reader, UINT64_MAX);
	assert_accounted(&reader.ring, start);
	assert_finds_next(&reader, &writer);
	assert_accounted(&reader.ring, start);
	return 0;
}
