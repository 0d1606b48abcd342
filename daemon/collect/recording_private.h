/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the files of the recording reader share: the reader itself, and the way through them.
 *
 *   recording_open.c    the header; a file's events and features
 *   recording_meta.c    what describes the recording: attributes, build ids, strings; from the
 *                       sections of a file and from the records of a stream alike
 *   recording_walk.c    which record is next, and how a recording ends
 *   recording.c         what a record says
 */

#include "base/names.h"
#include "base/problem.h"
#include "recording.h"
#include "recording_attrs.h"
#include "recording_records.h"
#include "recording_swap.h"
#include "recording_zstd.h"

/* PERF_RECORD_*. Source: include/uapi/linux/perf_event.h, tools/lib/perf/include/perf/event.h. */
enum {
	TYPE_MMAP = 1,
	TYPE_LOST = 2,
	TYPE_THROTTLE = 5,
	TYPE_UNTHROTTLE = 6,
	TYPE_SAMPLE = 9,
	TYPE_MMAP2 = 10,
	TYPE_LOST_SAMPLES = 13,
	TYPE_KSYMBOL = 17,
	TYPE_KERNEL_LAST = 22, /* CALLCHAIN_DEFERRED, Linux 6.18 */
	TYPE_HEADER_ATTR = 64, /* from here on perf's own */
	TYPE_TRACING_DATA = 66,
	TYPE_BUILD_ID = 67,
	TYPE_AUXTRACE = 71,
	TYPE_FEATURE = 80,
	TYPE_COMPRESSED = 81,
	TYPE_COMPRESSED2 = 83,
	TYPE_PERF_LAST = 86, /* SCHEDSTAT_DOMAIN, Linux 6.16 */
};

#define MISC_CPUMODE_MASK 7u
#define MISC_MMAP_BUILD_ID (1u << 14)	 /* in an MMAP2 */
#define MISC_BUILD_ID_SIZE (1u << 15)	 /* in a BUILD_ID */
#define KSYMBOL_UNREGISTER 1u		 /* PERF_RECORD_KSYMBOL_FLAGS_UNREGISTER */
#define MISC_LOST_SAMPLES_BPF (1u << 15) /* in a LOST_SAMPLES */

/* Bits of the file header's feature bitmap. Source: tools/perf/util/header.h, Linux 6.12. */
enum {
	FEATURE_BUILD_ID = 2,
	FEATURE_OS_RELEASE = 4,
	FEATURE_ARCH = 6,
	FEATURE_DIR_FORMAT = 24,
};

#define RECORD_HEADER_BYTES 8

struct record {
	const uint8_t *data; /* size bytes, header included */
	uint64_t offset;     /* in the recording; of the compressed record, if it came in one */
	uint32_t type;
	uint16_t misc;
	uint16_t size;
};

struct recording {
	struct recording_options options; /* no zeros left */
	bool is_swapped;
	bool is_unfinished;	      /* a file whose header does not say how long its data is */
	bool are_features_cut;	      /* some could not be read */
	bool is_ended;		      /* RECORDING_E_TRUNCATED was said, or RECORDING_E_END */
	int error;		      /* the negative errno that recording_next() keeps returning */
	struct problem problem;	      /* … with its sentence */
	uint64_t data_offset;	      /* of a file's data; 0 of a stream, header included */
	struct records file;	      /* the data section, or the stream */
	uint64_t n_payload_bytes;     /* behind the last record, still to be skipped */
	bool is_in_pack;	      /* the next record may be one that was compressed */
	size_t n_pack2_bytes;	      /* what the last COMPRESSED2 holds */
	uint64_t n_broken_pack_bytes; /* of COMPRESSED2 that must follow; top of recording_walk.c */
	struct unzstd unzstd;
	uint64_t pack_offset; /* of the compressed record that unzstd was given */
	struct attrs attrs;
	struct names *names;		      /* of what has a build id */
	struct recording_build_id *build_ids; /* by number in names */
	size_t n_build_ids, build_ids_capacity;
	char os_release[66], arch[66]; /* struct utsname has 65 bytes each */
	uint64_t *copy;		       /* 64 KiB: a sample that is unaligned or swapped */
	struct recording_stats stats;  /* n_records and n_bytes are made up when asked */
};

/* recording_meta.c: each 0, -EBADMSG (malformed; no sentence yet), -ENOMEM, or -E2BIG */

/* An attr of n_bytes, of which attr.size counts, if less; *ret_n_bytes is what counted. */
must_check int meta_take_attr(struct recording *rec, const uint8_t *attr, size_t n_bytes,
			      size_t *ret_n_bytes);
must_check int meta_take_ids(struct recording *rec, struct bytes *ids);
must_check int meta_take_attr_record(struct recording *rec, const struct record *record);
/* Ignores those of user space. What there is no room for is counted. */
must_check int meta_take_build_id_record(struct recording *rec, const struct record *record);
must_check int meta_add_build_id(struct recording *rec, const char *name, size_t n_name_bytes,
				 const struct recording_build_id *build_id);
/* The bytes of a feature section; those that we do not read are ignored. */
void meta_take_feature(struct recording *rec, unsigned int feature, struct bytes *b);

/* recording_walk.c */

/*
 * The next record; what was compressed comes in place of the compressed one. 0, RECORDING_E_END,
 * RECORDING_E_TRUNCATED, or -errno, with its sentence. The record is borrowed until the next call.
 */
must_check int walk_next(struct recording *rec, struct record *ret_record, struct problem *problem);

/* Ends the walk with an error, whose sentence is in rec->problem; both come again each time. */
static inline int walk_fail(struct recording *rec, int error, struct problem *problem)
{
	rec->error = error;
	if (problem)
		*problem = rec->problem;
	return error;
}

#define WALK_FAIL(rec, problem, code, ...)                                                         \
	walk_fail(rec, problem_set(&(rec)->problem, code, "recording: " __VA_ARGS__), problem)

/* The header of a record; data has at least RECORD_HEADER_BYTES. */
static inline struct record record_of(const uint8_t *data, uint64_t offset, bool is_swapped)
{
	struct record record = { .data = data, .offset = offset };

	memcpy(&record.type, data, 4);
	memcpy(&record.misc, data + 4, 2);
	memcpy(&record.size, data + 6, 2);
	if (unlikely(is_swapped)) {
		record.type = __builtin_bswap32(record.type);
		record.misc = __builtin_bswap16(record.misc);
		record.size = __builtin_bswap16(record.size);
	}
	return record;
}

/* What stands behind the header. */
static inline struct bytes record_body(const struct record *record)
{
	return bytes_of(record->data + RECORD_HEADER_BYTES, record->size - RECORD_HEADER_BYTES);
}
