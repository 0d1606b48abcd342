/* SPDX-License-Identifier: Apache-2.0 */
#include "ring_producer.h"

#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BRANCH_HW_INDEX (1u << 17)

/* The largest record, being put together. */
struct draft {
	uint64_t words[8192];
	size_t n;
};

static void must(bool is_so, const char *what)
{
	if (is_so)
		return;
	perror(what);
	abort();
}

void ring_producer_init(struct ring_producer *producer, size_t n_data_bytes, uint64_t start,
			const struct producer_format *format)
{
	size_t n_bytes = ring_writer_bytes(n_data_bytes);
	int fd = memfd_create("ring", MFD_CLOEXEC);
	void *memory;

	must(fd >= 0 && ftruncate(fd, (off_t)n_bytes) == 0, "memfd");
	memory = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	must(memory != MAP_FAILED, "mmap");
	*producer = (struct ring_producer){
		.fd = fd,
		.memory = memory,
		.n_bytes = n_bytes,
		.format = *format,
		.time_ns = 1000,
		.id = 0x1d,
	};
	ring_writer_init(&producer->writer, memory, n_data_bytes, start);
	producer->writer.event_id = producer->id;
}

void ring_producer_deinit(struct ring_producer *producer)
{
	munmap(producer->memory, producer->n_bytes);
	close(producer->fd);
}

static void put(struct draft *draft, uint64_t word)
{
	must(draft->n < sizeof(draft->words) / sizeof(draft->words[0]), "record too large");
	draft->words[draft->n++] = word;
}

static void put_if(struct draft *draft, bool is_selected, uint64_t word)
{
	if (is_selected)
		put(draft, word);
}

static void put_bytes(struct draft *draft, const void *bytes, size_t n)
{
	size_t n_words = (n + 7) / 8;

	for (size_t i = 0; i < n_words; i++)
		put(draft, 0);
	memcpy(draft->words + draft->n - n_words, bytes, n);
}

static uint64_t pid_tid(const struct ring_producer *p)
{
	return (uint64_t)p->tid << 32 | p->pid;
}

static void put_trailer(struct ring_producer *p, struct draft *draft)
{
	uint64_t type = p->format.sample_type;

	put_if(draft, type & PERF_SAMPLE_TID, pid_tid(p));
	put_if(draft, type & PERF_SAMPLE_TIME, p->time_ns);
	put_if(draft, type & PERF_SAMPLE_ID, p->id);
	put_if(draft, type & PERF_SAMPLE_STREAM_ID, p->id);
	put_if(draft, type & PERF_SAMPLE_CPU, p->cpu);
	put_if(draft, type & PERF_SAMPLE_IDENTIFIER, p->id);
}

static void put_header(struct draft *draft, uint32_t type, uint16_t misc, size_t n_bytes)
{
	struct perf_event_header header = { .type = type, .misc = misc, .size = (uint16_t)n_bytes };

	memcpy(draft->words, &header, sizeof(header));
}

static bool write_out(struct ring_producer *p, struct draft *draft, uint32_t type, uint16_t misc)
{
	struct draft trailer = { .n = 0 };
	bool is_written;

	put_header(draft, type, misc, draft->n * 8);
	/* should one be due: a LOST record has the time of the record that it precedes */
	put_trailer(p, &trailer);
	p->writer.n_trailer_words = (uint32_t)trailer.n;
	memcpy(p->writer.trailer, trailer.words, trailer.n * 8);
	is_written = ring_writer_put(&p->writer, draft->words, draft->n * 8);
	p->time_ns++;
	return is_written;
}

bool produce_sample(struct ring_producer *p, const struct producer_sample *sample)
{
	uint64_t type = p->format.sample_type;
	struct draft draft = { .n = 1 };

	put_if(&draft, type & PERF_SAMPLE_IDENTIFIER, p->id);
	put_if(&draft, type & PERF_SAMPLE_IP, sample->ip);
	put_if(&draft, type & PERF_SAMPLE_TID, pid_tid(p));
	put_if(&draft, type & PERF_SAMPLE_TIME, p->time_ns);
	put_if(&draft, type & PERF_SAMPLE_ID, p->id);
	put_if(&draft, type & PERF_SAMPLE_STREAM_ID, p->id);
	put_if(&draft, type & PERF_SAMPLE_CPU, p->cpu);
	put_if(&draft, type & PERF_SAMPLE_PERIOD, sample->period);
	if (type & PERF_SAMPLE_BRANCH_STACK) {
		put(&draft, sample->n_entries);
		put_if(&draft,
		       sample->n_entries && (p->format.branch_sample_type & BRANCH_HW_INDEX), 7);
		put_bytes(&draft, sample->entries, sample->n_entries * sizeof(*sample->entries));
	}
	return write_out(p, &draft, PERF_RECORD_SAMPLE, sample->misc);
}

bool produce_hw_lost(struct ring_producer *p, uint64_t n_lost)
{
	struct draft draft = { .n = 1 };

	put(&draft, n_lost);
	put_trailer(p, &draft);
	return write_out(p, &draft, PERF_RECORD_LOST_SAMPLES, 0);
}

bool produce_throttle(struct ring_producer *p, uint32_t type)
{
	struct draft draft = { .n = 1 };

	put(&draft, p->time_ns);
	put(&draft, p->id);
	put(&draft, p->id);
	put_trailer(p, &draft);
	return write_out(p, &draft, type, 0);
}

bool produce_ksymbol(struct ring_producer *p, uint64_t ip, uint32_t n_bytes, uint16_t type,
		     uint16_t flags, const char *name)
{
	struct draft draft = { .n = 1 };

	put(&draft, ip);
	put(&draft, (uint64_t)flags << 48 | (uint64_t)type << 32 | n_bytes);
	put_bytes(&draft, name, strlen(name) + 1);
	put_trailer(p, &draft);
	return write_out(p, &draft, PERF_RECORD_KSYMBOL, 0);
}

bool produce_bpf_event(struct ring_producer *p, uint16_t type, uint16_t flags, uint32_t id,
		       const uint8_t tag[8])
{
	struct draft draft = { .n = 1 };

	put(&draft, (uint64_t)id << 32 | (uint32_t)flags << 16 | type);
	put_bytes(&draft, tag, 8);
	put_trailer(p, &draft);
	return write_out(p, &draft, PERF_RECORD_BPF_EVENT, 0);
}

bool produce_text_poke(struct ring_producer *p, uint64_t ip, const void *old_bytes, uint16_t n_old,
		       const void *new_bytes, uint16_t n_new)
{
	struct draft draft = { .n = 1 };
	uint8_t poke[4 + 2 * 65536] = { 0 };
	uint16_t lengths[] = { n_old, n_new };

	put(&draft, ip);
	memcpy(poke, lengths, 4);
	memcpy(poke + 4, old_bytes, n_old);
	memcpy(poke + 4 + n_old, new_bytes, n_new);
	put_bytes(&draft, poke, 4u + n_old + n_new);
	put_trailer(p, &draft);
	return write_out(p, &draft, PERF_RECORD_TEXT_POKE, 0);
}

bool produce_other(struct ring_producer *p, uint32_t type, const void *body, size_t n_body)
{
	struct draft draft = { .n = 1 };

	put_bytes(&draft, body, n_body);
	return write_out(p, &draft, type, 0);
}

void produce_broken(struct ring_producer *p, uint32_t type, uint16_t n_bytes_said, const void *body,
		    size_t n_body)
{
	struct draft draft = { .n = 1 };

	put_bytes(&draft, body, n_body);
	put_header(&draft, type, 0, n_bytes_said);
	for (size_t i = 0; i < draft.n; i++) {
		uint64_t pos = p->writer.head & (p->writer.data_bytes - 1);

		memcpy(p->writer.data + pos, &draft.words[i], 8);
		p->writer.head += 8;
	}
	produce_head(p, p->writer.head);
}

void produce_head(struct ring_producer *p, uint64_t head)
{
	p->writer.head = head;
	__atomic_store_n(&p->writer.control->data_head, head, __ATOMIC_RELEASE);
}
