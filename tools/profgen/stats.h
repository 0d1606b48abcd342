/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What `convert --stats` tells: where every sample, branch and pair went, and how good the result
 * is.
 */

#include <stdbool.h>
#include "base/buf.h"
#include "count.h"
#include "profile/accumulate.h"
#include "profile/object_facts.h"
#include "profile/ranges.h"
#include "profile/show.h"
#include "symbolize/live_text.h"

struct convert_stats {
	bool has_recordings; /* else the input was an unsymbolized dump: no totals, no health */
	struct count_totals totals;
	struct range_health health;
	struct branch_health branches;
	enum text_rule text_rule;
	struct live_text_stats live; /* of text_rule TEXT_RULE_LIVE */
	size_t n_branches, n_ranges; /* distinct, used */
	bool has_profile;	     /* a profile was made, not just a dump */
	struct accumulate_stats accumulate;
	struct show_figures figures;
	struct text_stats text;
	struct dwarf_stats dwarf;
	size_t n_functions_known;
	bool is_llvm;		      /* then nothing is said of objects */
	struct object_facts *objects; /* owned by who fills it in; n_objects */
	size_t n_objects;
};

void stats_text(const struct convert_stats *stats, struct buf *buf);
void stats_json(const struct convert_stats *stats, struct buf *buf);
/* By how much more samples would make the profile dense enough; 0: it is, or it is empty. */
double stats_more_samples(const struct convert_stats *stats);
