/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Writes the records of a sampling event into a ring in a memfd, byte for byte as the kernel lays
 * them out, and, on request, bytes that no kernel writes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "collect/branch.h"
#include "collect/ring_writer.h"

/* As in struct perf_event_attr; sample_id_all is set. */
struct producer_format {
	uint64_t sample_type, branch_sample_type;
};

struct ring_producer {
	int fd;
	void *memory;
	size_t n_bytes;
	struct producer_format format;
	struct ring_writer writer;
	uint64_t time_ns; /* of the next record; counts up */
	/* for the fields that a format selects */
	uint64_t id;
	uint32_t pid, tid, cpu;
};

struct producer_sample {
	uint64_t ip, period;
	const struct branch_entry *entries;
	uint32_t n_entries;
	uint16_t misc;
};

/* A ring of n_data_bytes, a power of two, that begins at position start. Fails the test. */
void ring_producer_init(struct ring_producer *producer, size_t n_data_bytes, uint64_t start,
			const struct producer_format *format);
void ring_producer_deinit(struct ring_producer *producer);

/* Each of these is false if the record found no room. */

bool produce_sample(struct ring_producer *producer, const struct producer_sample *sample);
bool produce_hw_lost(struct ring_producer *producer, uint64_t n_lost);
/* PERF_RECORD_THROTTLE or UNTHROTTLE */
bool produce_throttle(struct ring_producer *producer, uint32_t type);
bool produce_ksymbol(struct ring_producer *producer, uint64_t ip, uint32_t n_bytes, uint16_t type,
		     uint16_t flags, const char *name);
bool produce_bpf_event(struct ring_producer *producer, uint16_t type, uint16_t flags, uint32_t id,
		       const uint8_t tag[8]);
bool produce_text_poke(struct ring_producer *producer, uint64_t ip, const void *old_bytes,
		       uint16_t n_old, const void *new_bytes, uint16_t n_new);
/* Any type; n_body is a multiple of 8. */
bool produce_other(struct ring_producer *producer, uint32_t type, const void *body, size_t n_body);

/*
 * Puts a header that says n_bytes_said before n_body bytes (a multiple of 8), and moves head behind
 * them, whether there is room or not.
 */
void produce_broken(struct ring_producer *producer, uint32_t type, uint16_t n_bytes_said,
		    const void *body, size_t n_body);
/* A head of the test's choice, with nothing written. The writer goes on from there. */
void produce_head(struct ring_producer *producer, uint64_t head);
