/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a person wants to know of a profile: its size, its density, its hottest functions.
 *
 * "total" of a function is LLVM's: each instruction's count times its length in bytes, inlined
 * code included. "samples" are the records' counts, and the summary is of these.
 */

#include <stdint.h>
#include "base/buf.h"
#include "base/macros.h"
#include "summary.h"
#include "verdict.h"

struct profile;

/* The figures of a whole profile. */
struct show_figures {
	struct summary summary;
	double density;		/* density.h */
	double total_of_totals; /* of the functions' totals: what shares are of; may pass 2^64 */
	uint32_t n_inlinees;	/* at every depth; stops at UINT32_MAX */
	/* by what the profile itself tells; who knows more about its making judges again */
	struct verdict_result verdict;
};

struct show_options {
	uint32_t n_top;	    /* functions to list, 0 for none */
	uint32_t n_columns; /* of the terminal, 0 for no limit; below 40 counts as 40 */
};

/* 0 or -ENOMEM. */
must_check int show_compute(const struct profile *profile, struct show_figures *ret_figures);

/*
 * Both append, from a sorted profile (profile_sort()), and leave their failure in buf->error. Bytes
 * of names that are not printable ASCII become '?', so that a file cannot write to a terminal.
 *
 * Text is UTF-8: a name that is too long for its line ends in an ellipsis. JSON is one object and a
 * newline; counts above 2^53 are exact in it, though not every reader keeps them.
 */
void show_text(const struct profile *profile, const struct show_figures *figures,
	       const struct show_options *options, struct buf *buf);
void show_json(const struct profile *profile, const struct show_figures *figures,
	       const struct show_options *options, struct buf *buf);
