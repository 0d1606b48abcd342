/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A perf.data recording, read once from front to back in constant memory.
 *
 * Takes what `perf record` writes: a file, or the stream of `perf record -o -` (from a pipe or
 * saved in a file); records compressed with -z; several events; recordings of machines of the other
 * byte order. Hands out samples with their branch stacks, mappings and losses in the order of the
 * file (perf itself sorts them by time). It symbolizes nothing and judges no address.
 *
 * What is not handed out is counted: every record ends in exactly one counter of struct
 * recording_stats. Nothing in a recording is trusted.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "branch.h"

struct problem;
struct recording;

enum {
	RECORDING_E_END = 1,	   /* all was read */
	RECORDING_E_TRUNCATED = 2, /* all that is there was read, but the recording was longer */
};

/* Zero means the default. */
struct recording_options {
	size_t buffer_bytes; /* for reading, and again for decompressing; default 256 KiB */
	uint64_t
		zstd_window_max; /* the most a compressed recording may make us remember, in bytes;
				    default 128 MiB: perf record -z22. -z (level 1) takes 512 KiB */
	size_t n_ids_max;	 /* event ids: events times CPUs; default 2^20, of 16 to 64 bytes */
	size_t names_bytes_max;	 /* names in the table of build ids; default 4 MiB */
};

struct recording_build_id {
	uint8_t n_bytes; /* 0: none; at most 20 */
	uint8_t bytes[20];
};

enum recording_event_kind {
	RECORDING_SAMPLE,
	RECORDING_MAP,
	RECORDING_LOST,
	RECORDING_LOST_SAMPLES,
};

/* PERF_RECORD_MISC_CPUMODE_MASK: what the CPU executed. Source: include/uapi/linux/perf_event.h. */
enum {
	RECORDING_CPUMODE_UNKNOWN = 0,
	RECORDING_CPUMODE_KERNEL = 1,
	RECORDING_CPUMODE_USER = 2,
	RECORDING_CPUMODE_HYPERVISOR = 3,
	RECORDING_CPUMODE_GUEST_KERNEL = 4,
	RECORDING_CPUMODE_GUEST_USER = 5,
};

struct recording_sample {
	uint64_t ip;	 /* 0 if the event does not record it */
	uint64_t period; /* of this sample, else the event's fixed one, else 0 */
	uint32_t event;	 /* which of the recording's events, from 0 */
	uint32_t n_entries;
	/* newest first, 8-aligned, borrowed until the next call; NULL: the event takes no stacks */
	const struct branch_entry *entries;
	uint8_t cpumode; /* of ip; it says nothing about the entries */
};

/*
 * MMAP and MMAP2. The running kernel appears as `[kernel.kallsyms]_text` (or `_stext`): start and
 * n_bytes are those of the kernel's map, and pgoff is not an offset but the run-time address of the
 * symbol that the name ends in. Source: tools/perf/util/synthetic-events.c,
 * __perf_event__synthesize_kernel_mmap(), and machine.c, machine__get_running_kernel_start(),
 * Linux 6.12.
 */
struct recording_map {
	uint32_t pid, tid; /* UINT32_MAX: the kernel and its modules */
	uint64_t start, n_bytes, pgoff;
	uint32_t prot; /* PROT_*; 0 from an MMAP, which has none */
	uint8_t cpumode;
	struct recording_build_id build_id; /* from perf record --buildid-mmap */
	const char *filename;		    /* borrowed until the next call */
};

struct recording_event {
	enum recording_event_kind kind;
	union {
		struct recording_sample sample;
		struct recording_map map;
		/*
		 * RECORDING_LOST: records that found no room in a ring. RECORDING_LOST_SAMPLES:
		 * samples that the hardware lost; from perf 6.2 on also, as a sum per event at the
		 * end, those that found no room, which are in RECORDING_LOST already: the two must
		 * not be added. Source: tools/perf/builtin-record.c, record__read_lost_samples(),
		 * Linux 6.12.
		 */
		uint64_t n_lost;
	};
};

#define RECORDING_N_TYPES 128

struct recording_stats {
	uint64_t n_records; /* the sum of this block, with those inside of compressed ones */

	uint64_t n_samples;		  /* handed out */
	uint64_t n_samples_unknown_event; /* of an event that the recording does not describe */
	uint64_t n_malformed;		  /* of any type: its size or a count in it cannot be */
	uint64_t n_maps;		  /* handed out */
	uint64_t n_lost_records;	  /* handed out */
	uint64_t n_lost_samples_records;  /* handed out */
	uint64_t n_filtered_records; /* LOST_SAMPLES that say what perf's BPF filter took out */
	uint64_t n_throttle, n_unthrottle;
	uint64_t n_control;	 /* attributes, features, build ids, compressed ones: taken in */
	uint64_t n_skipped;	 /* known types that say nothing to us */
	uint64_t n_unknown_type; /* types that Linux 6.18 does not know */

	uint64_t n_samples_without_stack; /* of n_samples: the event takes none */
	uint64_t n_samples_empty_stack;	  /* of n_samples: no entry in it */
	uint64_t n_lost;		  /* sum over RECORDING_LOST */
	uint64_t n_lost_samples;	  /* sum over RECORDING_LOST_SAMPLES */
	uint64_t n_filtered;	      /* samples that perf's own BPF filter took out: not lost */
	uint64_t n_build_ids_dropped; /* no room, see names_bytes_max */
	uint64_t n_bytes; /* of the stream, or of the file's data, up to the last record */
	uint64_t n_compressed_bytes, n_decompressed_bytes;
	uint64_t n_by_type[RECORDING_N_TYPES]; /* PERF_RECORD_*; higher ones are only in the sums */
};

/* lifecycle */

/*
 * Reads the header and, of a file, events and build ids. fd is borrowed until recording_close(); a
 * file is read by offset, from its start, a stream from where fd stands. options may be NULL.
 * 0; -EBADMSG: not a recording, or a broken one; -ENOTSUP: a kind that we do not read; -EISDIR;
 * -ESPIPE: a file that fd cannot seek in; -ENOMEM; -E2BIG: more than the options allow; or what
 * read(2) gave. The problem says which and where.
 */
must_check int recording_open(int fd, const struct recording_options *options,
			      struct recording **ret_rec, struct problem *problem);
void recording_close(struct recording *rec);
DEFINE_CLEANUP(struct recording, recording, recording_close)

/* use */

/*
 * The next event. 0; RECORDING_E_TRUNCATED, once, with a problem that names the offset, then
 * RECORDING_E_END; -EBADMSG when a record is such that its successor cannot be found; -ENOMEM,
 * -E2BIG, or what read(2) gave. After an error the same error comes again.
 */
must_check int recording_next(struct recording *rec, struct recording_event *ret_event,
			      struct problem *problem);

/* What was read so far. */
void recording_stats(const struct recording *rec, struct recording_stats *ret_stats);

/*
 * Build id of a kernel or module by the name in perf's table, "[kernel.kallsyms]" for the kernel;
 * NULL if unknown. A file's are there from the start, a stream's as they come; a kernel's mapping
 * that has one is filed under that name too. Borrowed until the next recording_next().
 */
const struct recording_build_id *recording_build_id(const struct recording *rec, const char *name);

/* Of the recorded machine (uname -r, -m); "" if not said, or not yet in a stream. */
const char *recording_os_release(const struct recording *rec);
const char *recording_arch(const struct recording *rec);
uint32_t recording_n_events(const struct recording *rec);

/*
 * Whether a mapping's file name is the kernel's: its last path component is [kernel.kallsyms], with
 * nothing, _text or _stext behind. Source: llvm-profgen, PerfReader.cpp and ProfiledBinary.cpp,
 * LLVM 19.
 */
bool recording_is_kernel_name(const char *filename);
