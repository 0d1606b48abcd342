/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Text as it stood in the memory of a running kernel, by link-time address, where it is known: the
 * bytes that struct text decodes instead of the file's.
 *
 * Kept by pages of LIVE_TEXT_PAGE_BYTES, each of which may be known in part: one stretch of it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"

#define LIVE_TEXT_PAGE_BYTES 4096

struct live_text;

struct live_text_stats {
	uint64_t n_pages;     /* known, wholly or in part */
	uint64_t n_bytes;     /* known */
	uint64_t n_conflicts; /* pages that came again with other bytes: the first ones stay */
	uint64_t n_no_room;   /* pages left out: beyond the ceiling */
	uint64_t n_apart;     /* stretches left out: a gap to what is known of their page */
};

/* lifecycle */

/* max_bytes is the ceiling of all memory. 0, -ENOMEM. */
must_check int live_text_new(struct live_text **ret_live, size_t max_bytes);
void live_text_free(struct live_text *live);
DEFINE_CLEANUP(struct live_text, live_text, live_text_free)

/* fill */

/*
 * Copies n_bytes of text from vaddr on. Where bytes are known already they stay. What does not fit
 * is left out and counted (struct live_text_stats). 0; -ENOMEM; -EINVAL: it wraps around.
 */
must_check int live_text_add(struct live_text *live, uint64_t vaddr, const void *bytes,
			     size_t n_bytes);

/* use */

/* Copies what is known from vaddr on, up to n_bytes or the first that is not; how many bytes. */
size_t live_text_read(const struct live_text *live, uint64_t vaddr, void *buf, size_t n_bytes);
bool live_text_has(const struct live_text *live, uint64_t vaddr);
/*
 * The first stretch of known bytes within [lo, hi), as long as nothing in between is unknown.
 * False: nothing of it is known.
 */
bool live_text_next(const struct live_text *live, uint64_t lo_vaddr, uint64_t hi_vaddr,
		    uint64_t *ret_lo_vaddr, uint64_t *ret_hi_vaddr);
struct live_text_stats live_text_stats(const struct live_text *live);
