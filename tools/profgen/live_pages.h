/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Of the text that came with a recording, the pages that were counted in it: from run-time
 * addresses, which mean something for this recording alone, to link-time ones.
 */

#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"

struct counters;
struct image;
struct kcore;
struct live_text;
struct modules;
struct objects;
struct snapshot_piece;

/* Where a recording's addresses are. */
struct live_places {
	uint64_t window_ip;		     /* of the counters' offset 0 */
	const struct snapshot_piece *pieces; /* n_pieces, by offset, disjoint */
	size_t n_pieces;
	const struct image *image; /* the kernel's: text that is not alike is another kernel's */
	const struct objects *objects; /* whose the pieces are */
	/*
	 * What was loaded where when the text was saved; NULL, or addresses hidden: nobody says.
	 * The text of a module is used if it was where the recording had it: a small one could not
	 * be told from another by its bytes.
	 */
	const struct modules *modules;
};

struct live_pages_stats {
	uint64_t n_wanted; /* pages with code that was counted */
	uint64_t n_absent; /* of these the recorded text has nothing */
	uint64_t n_unlike; /* of these it is too different from the kernel's file */
	/* of modules that were not there, or elsewhere, when the text was saved: not used */
	uint64_t n_elsewhere;
	uint64_t n_unchecked; /* of modules, of which the text does not say where they were */
};

/*
 * Most pages are unlike, or there is none of the kernel's: the text is not of this recording.
 * Nothing was added.
 */
#define LIVE_PAGES_E_UNLIKE 1

/* 0; LIVE_PAGES_E_UNLIKE; -errno: reading failed. Adds to *stats. */
must_check int live_pages_add(struct live_text *live, const struct kcore *kcore,
			      const struct live_places *places, const struct counters *counters,
			      struct live_pages_stats *stats);
