/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Counts and the objects they are of, in; a profile, its figures and its verdict, out. One way for
 * the tool that converts files and for the daemon's worker.
 *
 * Three steps, each optional to the next: a dump of counts needs no profile, counts that were
 * selected before need no selection.
 */

#include <stdbool.h>
#include <stddef.h>
#include "accumulate.h"
#include "aggregate/branch_counts.h"
#include "base/buf.h"
#include "base/macros.h"
#include "ranges.h"
#include "show.h"
#include "symbolize/objects.h"
#include "verdict.h"

struct live_text;
struct profile_facts;

enum produce_format {
	PRODUCE_EXTBINARY,
	PRODUCE_TEXT,
	PRODUCE_UNSYMBOLIZED, /* what llvm-profgen reads: the kernel's counts */
	PRODUCE_COUNTS,	      /* the same with those of modules, unsymbolized.h */
	PRODUCE_BOLT,
};

struct produce_input {
	/* borrowed; NULL: nothing is known but the counts, of which a dump can be made */
	struct objects *objects;
	struct branch_counts *counts; /* borrowed; produce_select() replaces what is in it */
	/* text of the objects as it ran, borrowed; NULL: not known. Not of is_llvm. */
	const struct live_text *live;
	/*
	 * produce_select() was done once, perhaps with live text that is not at hand any more:
	 * doing it again only judges, and counts stay but for ranges that cannot be any.
	 */
	bool was_selected;
	bool is_llvm;	      /* compatible: what llvm-profgen makes of the same counts */
	bool is_ip_only;      /* Mode=ip: pairs (ip, ip) instead of stacks; branches are none */
	bool has_md5_names;   /* PRODUCE_EXTBINARY: hashes instead of names */
	bool without_figures; /* produce_profile() makes none, and gives no verdict */
	double lost_share;    /* of the samples taken, or SHARE_UNKNOWN */
	uint64_t n_samples;   /* counted, or SAMPLES_UNKNOWN */
	struct verdict_limits limits;
	size_t profile_bytes_max; /* of the tree of function samples */
};

#define PRODUCE_PROFILE_BYTES_MAX ((size_t)8 << 30)
/* The rest is 0: the accurate rules, from branch stacks. */
#define PRODUCE_INPUT_DEFAULT                                                                      \
	.lost_share = SHARE_UNKNOWN, .n_samples = SAMPLES_UNKNOWN,                                 \
	.limits = VERDICT_LIMITS_DEFAULT, .profile_bytes_max = PRODUCE_PROFILE_BYTES_MAX

/* Filled step by step, from { 0 }. */
struct produced {
	bool is_selected; /* else ranges and branches say nothing */
	enum text_rule text_rule;
	struct range_health ranges;
	struct branch_health branches;
	struct object_figures *figures_of; /* owned: as in struct selection; NULL: not selected */
	struct profile
		*profile; /* owned, sorted, as long as the objects live; NULL: none was made */
	struct accumulate_stats accumulate;
	bool has_figures;
	struct show_figures figures; /* with the verdict, by all that is known */
};

/* lifecycle */

void produced_deinit(struct produced *produced); /* accepts { 0 } */

/* steps, in this order; each returns 0 or -errno and fills in its part of *produced */

/*
 * Keeps of the counts, all pairs as counters_snapshot() and unsymbolized_read() give them, what
 * the image makes possible, by live text where there is some. -ENOMEM.
 */
must_check int produce_select(const struct produce_input *input, struct produced *produced);
/* Makes the profile of selected counts, and judges it. -ENOMEM; -E2BIG: beyond the ceiling. */
must_check int produce_profile(const struct produce_input *input, struct produced *produced);
/*
 * Appends the bytes; the first two formats need the profile. -ENOMEM; -EFBIG: beyond the buffer's
 * ceiling; -EINVAL: there is no profile.
 */
must_check int produce_encode(const struct produce_input *input, const struct produced *produced,
			      enum produce_format format, struct buf *buf);

/* Figures of all objects together, by what was selected; zeros if nothing was. */
struct object_figures produced_sum(const struct produce_input *input,
				   const struct produced *produced);

/* All that can be said of the result in a struct of fixed size (facts.h). */
void produce_facts(const struct produce_input *input, const struct produced *produced,
		   struct profile_facts *ret_facts);
