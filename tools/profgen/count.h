/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Recordings → counters: the drain and count steps of the pipeline, from files.
 */

#include <stdbool.h>
#include <stdint.h>
#include "aggregate/branch_counts.h"
#include "aggregate/counters.h"
#include "base/problem.h"
#include "collect/recording.h"
#include "collect/recording_places.h"
#include "live_pages.h"
#include "symbolize/objects.h"

struct count_options {
	bool is_llvm;	      /* count as llvm-profgen does, which knows no modules */
	bool without_modules; /* their code counts as foreign */
	bool allow_mismatch;  /* of build ids */
};

/* Sums over all recordings. */
struct count_totals {
	struct counters_totals counters;
	struct recording_stats recordings;
	uint64_t n_kernel_maps;
	uint64_t n_recordings;
	uint64_t n_truncated;
	uint64_t n_without_build_id; /* recordings that do not say which kernel they are of */
	uint64_t n_without_map;	     /* recordings with branches but no mapping of the kernel */
	/*
	 * Branches by what they arrived at, rejected ones included; the two of objects are of all
	 * their places, and PLACE_NO_ROOM is of modules beyond every ceiling. Not of is_llvm.
	 */
	uint64_t n_arrived[N_PLACE_KINDS];
	uint64_t n_modules;	   /* that recordings map, each once a recording */
	uint64_t n_places_dropped; /* mappings and KSYMBOLs that cannot be, or beyond a ceiling */
	uint64_t n_texts;	   /* recordings whose text is known */
	uint64_t n_texts_unlike;   /* of these with text that is not theirs, and not used */
	struct live_pages_stats text; /* of the others, too: an unlike page is in both */
	struct problem first_text_unlike;
	char release[72]; /* uname -r of the recorded machine; empty: not said */
	struct problem first_truncation;
	struct problem first_without_map;
};

struct count;

/* objects, with the kernel, are borrowed as long as the count lives. 0, -ENOMEM. */
must_check int count_new(struct count **ret_count, struct objects *objects,
			 const struct count_options *options);
void count_free(struct count *count);
DEFINE_CLEANUP(struct count, count, count_free)

/* The recording is of another kernel than the image; problem names both build ids. */
#define COUNT_E_MISMATCH 1

/*
 * Says what text the recordings had that are added from now on, at their own run-time addresses
 * (NULL: it is not known), and what modules were where then (NULL: nobody says). The pages of it
 * that are counted go to live. All are borrowed. Not of is_llvm.
 */
void count_set_text(struct count *count, const struct kcore *kcore, const struct modules *modules,
		    struct live_text *live);
/*
 * Adds the recording that fd is open on; name is for messages. A recording that is cut off counts
 * as far as it goes, which totals say. 0; COUNT_E_MISMATCH; or what recording_open() and
 * recording_next() return; -E2BIG: more distinct branches than tables may have slots.
 */
must_check int count_add(struct count *count, int fd, const char *name, struct problem *problem);
/* All pairs and branches in link-time addresses; the caller deinits *ret_counts. 0, -ENOMEM. */
must_check int count_finish(struct count *count, struct branch_counts *ret_counts);
const struct count_totals *count_totals(const struct count *count);
