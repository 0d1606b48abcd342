/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * From the bytes of a ring's record to what it says. Pure: nothing is kept, nothing is copied.
 */

#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "branch.h"
#include "recording_sample.h"

struct ring_record;

/* What the events of a ring asked for; all events of a ring agree in it. */
struct record_format {
	struct sample_format sample;
	uint32_t n_depth; /* entries that the PMU records at most; 0: unknown, any number */
};

/* Where things are in the records of such events; words are counted from behind the header. */
struct record_layout {
	struct sample_layout sample;
	uint8_t time_word;	   /* of a sample; SAMPLE_NO_WORD: not recorded */
	uint8_t n_trailer_words;   /* at the end of all records but samples: sample_id_all */
	uint8_t trailer_time_word; /* from the trailer's start */
	uint32_t n_depth;
};

enum record_kind {
	RECORD_SAMPLE,
	RECORD_LOST,
	RECORD_HW_LOST, /* LOST_SAMPLES */
	RECORD_THROTTLE,
	RECORD_UNTHROTTLE,
	RECORD_KSYMBOL,
	RECORD_BPF_EVENT,
	RECORD_TEXT_POKE,
};

struct record_sample {
	uint64_t ip;	 /* run-time address; of the interrupted context, skid included */
	uint64_t period; /* branches since the sample before */
	const struct branch_entry *entries; /* newest first */
	uint32_t n_entries;		    /* 0: the PMU had none, or the event takes no stacks */
};

/* Text that came or went: a BPF program, a trampoline, a kprobe's slot. */
struct record_ksymbol {
	uint64_t ip;
	uint32_t n_bytes;
	uint16_t type;	  /* PERF_RECORD_KSYMBOL_TYPE_* */
	uint16_t flags;	  /* PERF_RECORD_KSYMBOL_FLAGS_UNREGISTER: it went */
	const char *name; /* NUL-terminated */
};

struct record_bpf_event {
	uint16_t type, flags;
	uint32_t id;
	const uint8_t *tag; /* 8 bytes */
};

/* Instructions that were replaced in place. */
struct record_text_poke {
	uint64_t ip;
	uint16_t n_old_bytes, n_new_bytes;
	const uint8_t *old_bytes, *new_bytes;
};

/* All pointers are into the ring's record and good as long as that is. */
struct record {
	enum record_kind kind;
	uint16_t misc;
	uint64_t time_ns; /* of the perf clock; 0: not recorded */
	union {
		struct record_sample sample;
		uint64_t n_lost; /* RECORD_LOST: records, RECORD_HW_LOST: samples */
		struct record_ksymbol ksymbol;
		struct record_bpf_event bpf_event;
		struct record_text_poke text_poke;
	};
};

#define RECORD_E_UNSUPPORTED 1
/*
 * 0; RECORD_E_UNSUPPORTED: a sample would have fields that we never ask for in the daemon (a bug
 * of the caller, not of the kernel).
 */
must_check int record_layout_of(const struct record_format *format,
				struct record_layout *ret_layout);

#define RECORD_E_MALFORMED 1
#define RECORD_E_TOO_DEEP 2
#define RECORD_E_UNKNOWN 3
/*
 * 0; RECORD_E_MALFORMED: a size or count in it does not fit its own size; RECORD_E_TOO_DEEP: a
 * sample of more entries than the PMU has; RECORD_E_UNKNOWN: a type that we do not know.
 */
must_check int record_decode(const struct record_layout *layout, const struct ring_record *raw,
			     struct record *ret_record);
