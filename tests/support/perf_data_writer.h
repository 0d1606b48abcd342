/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Writes perf.data for tests: a file or a stream, in memory, record by record, in either byte
 * order, records compressed or not. Fields stand where the kernel and perf put them; a test breaks
 * the bytes afterwards, at the offsets that are told.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"

/* Bits that older headers lack. */
#define WRITER_FORMAT_LOST (1u << 4)
#define WRITER_BRANCH_HW_INDEX (1u << 17)
#define WRITER_BRANCH_COUNTERS (1u << 19)

struct writer_event {
	uint64_t sample_type, read_format, branch_sample_type, period;
	bool is_freq, sample_id_all;
	uint32_t attr_bytes; /* 0: 136; only what fits is written */
	uint64_t ids[4];     /* up to the first 0 */
};

struct writer_build_id {
	const char *name;
	uint8_t n_bytes;    /* 0: 20, without the size that older ones lack */
	uint8_t first_byte; /* the others count up from it */
	uint16_t cpumode;
};

struct writer_options {
	bool is_stream, is_big_endian;
	bool is_killed;	    /* a file whose header says nothing about its data */
	bool is_dir_format; /* has the feature of perf record --threads */
	bool is_pack2;	    /* compress into COMPRESSED2, not COMPRESSED */
	const struct writer_event *events;
	size_t n_events;
	const struct writer_build_id *build_ids; /* a file's */
	size_t n_build_ids;
	const char *os_release, *arch; /* NULL: no such feature */
	/* 0: no such feature; perf decompresses no more at once than a ring and wants to know */
	uint32_t pack_ring_bytes;
};

struct writer_entry {
	uint64_t from, to, flags; /* flags as a little-endian machine has them */
};

struct writer_sample {
	const struct writer_event *event;
	uint16_t misc;
	uint64_t id, ip, period;
	const struct writer_entry *entries;
	uint32_t n_entries;
	bool has_no_stack; /* the PMU gave none: nr is 0 and no hw_index is there */
	uint32_t n_values; /* READ of a GROUP */
	uint32_t n_callchain;
	uint32_t n_raw_bytes; /* 4 less than a multiple of 8 */
	uint32_t n_tail_words;
};

struct writer {
	struct writer_options options;
	struct buf out;	   /* the recording */
	struct buf packed; /* records between writer_pack() and writer_unpack() */
	bool is_packing;
	size_t record_start, data_start;
	void *zstd; /* ZSTD_CCtx */
};

/* options and what they point to are borrowed until the end. */
void writer_begin(struct writer *w, const struct writer_options *options);
void writer_end(struct writer *w); /* a file: its features, and its size into the header */
void writer_deinit(struct writer *w);
/* Where the next record will start; in the recording, or in what is to be packed. */
size_t writer_offset(const struct writer *w);

/* A record by hand: its fields with writer_u…(), its size is filled in at the end. */
void writer_record(struct writer *w, uint32_t type, uint16_t misc);
void writer_u16(struct writer *w, uint16_t v);
void writer_u32(struct writer *w, uint32_t v);
void writer_u64(struct writer *w, uint64_t v);
void writer_bytes(struct writer *w, const void *data, size_t n_bytes);
void writer_name(struct writer *w, const char *name); /* with its NUL, padded to 8 */
void writer_record_end(struct writer *w);

void writer_event(struct writer *w, const struct writer_event *event); /* a stream's */
void writer_sample(struct writer *w, const struct writer_sample *sample);
/* n_trailer_words of sample_id_all follow. */
void writer_mmap(struct writer *w, uint16_t misc, uint64_t start, uint64_t length, uint64_t pgoff,
		 const char *name, size_t n_trailer_words);
/* build_id: NULL, or one (name and cpumode unused) in place of device and inode. */
void writer_mmap2(struct writer *w, uint16_t misc, uint64_t start, uint64_t length, uint64_t pgoff,
		  const char *name, const struct writer_build_id *build_id);
void writer_lost(struct writer *w, uint64_t n, size_t n_trailer_words);
void writer_lost_samples(struct writer *w, uint16_t misc, uint64_t n, size_t n_trailer_words);
void writer_build_id(struct writer *w, const struct writer_build_id *build_id);
void writer_string_feature(struct writer *w, uint64_t feature, const char *text); /* a stream's */
void writer_auxtrace(struct writer *w, uint64_t n_payload_bytes);
void writer_tracing_data(struct writer *w, uint32_t n_payload_bytes);

/* What is written between the two comes out compressed, in records of at most n_bytes each. */
void writer_pack(struct writer *w);
void writer_unpack(struct writer *w, size_t n_bytes);

/* A memfd of the first n_bytes of it (SIZE_MAX: all), at its start. */
int writer_fd(const struct writer *w, size_t n_bytes);
