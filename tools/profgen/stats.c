/* SPDX-License-Identifier: Apache-2.0 */
#include "stats.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>
#include "profile/density.h"
#include "stats_objects.h"

/* One figure; the share is of `of`, where that says something. */
struct figure {
	const char *key;  /* in JSON */
	const char *text; /* for people */
	uint64_t n;
	uint64_t of; /* 0: no share */
};

struct group {
	const char *key;
	const char *text;
	struct figure figures[32];
	size_t n_figures;
};

#define N_GROUPS 5

static void add(struct group *g, const char *key, const char *text, uint64_t n, uint64_t of)
{
	if (g->n_figures < sizeof(g->figures) / sizeof(g->figures[0]))
		g->figures[g->n_figures++] = (struct figure){ key, text, n, of };
}

static void collect_samples(const struct convert_stats *s, struct group *g)
{
	const struct recording_stats *r = &s->totals.recordings;
	uint64_t all = r->n_samples + r->n_samples_unknown_event + r->n_malformed;

	*g = (struct group){ .key = "samples", .text = "samples" };
	add(g, "taken", "in the recording", all, 0);
	add(g, "used", "with a branch stack in use",
	    s->totals.counters.n_stacks - s->totals.counters.n_empty_stacks -
		    s->totals.counters.n_void_stacks,
	    all);
	add(g, "all_external", "rejected: every address outside the kernel",
	    s->totals.counters.n_void_stacks, all);
	add(g, "without_stack", "rejected: the event records no branch stacks",
	    r->n_samples_without_stack, all);
	add(g, "empty_stack", "rejected: empty branch stack", r->n_samples_empty_stack, all);
	add(g, "unknown_event", "rejected: of an event that is not described",
	    r->n_samples_unknown_event, all);
	add(g, "malformed", "rejected: malformed record", r->n_malformed, all);
	add(g, "lost", "lost for want of room in a ring (LOST)", r->n_lost, 0);
	add(g, "lost_samples", "lost as counted per event (LOST_SAMPLES)", r->n_lost_samples, 0);
	add(g, "throttled", "times that the kernel throttled", r->n_throttle, 0);
}

/* Their source alone is known, where a range ends. Weights are 1 here. */
static uint64_t n_leaving(const struct convert_stats *s)
{
	uint64_t n_kept = s->totals.counters.n_kept;

	return n_kept > s->branches.n_branches ? n_kept - s->branches.n_branches : 0;
}

static void collect_branches(const struct convert_stats *s, struct group *g)
{
	const struct counters_totals *c = &s->totals.counters;

	*g = (struct group){ .key = "branches", .text = "branches" };
	add(g, "recorded", "in the stacks", c->n_entries, 0);
	add(g, "kept", "kept", c->n_kept, c->n_entries);
	add(g, "external", "rejected: neither end in the kernel", c->n_removed[REMOVED_EXTERNAL],
	    c->n_entries);
	add(g, "wrong_path", "rejected: wrong path, never retired",
	    c->n_removed[REMOVED_WRONG_PATH], c->n_entries);
	add(g, "transaction", "rejected: in a transaction", c->n_removed[REMOVED_TRANSACTION],
	    c->n_entries);
	add(g, "repeated", "rejected: newest one, recorded twice", c->n_removed[REMOVED_REPEATED],
	    c->n_entries);
	add(g, "table_full", "rejected: no room in the table", c->n_removed[REMOVED_TABLE_FULL],
	    c->n_entries);
	add(g, "overflow", "rejected: more than counters hold", c->n_removed[REMOVED_OVERFLOW],
	    c->n_entries);
	add(g, "used", "of the kept: used", s->branches.n_branches - s->branches.n_no_target,
	    c->n_kept);
	add(g, "no_target", "of the kept: to what is no instruction of the files",
	    s->branches.n_no_target, c->n_kept);
	add(g, "leaving", "of the kept: out of the kernel and its modules", n_leaving(s),
	    c->n_kept);
	add(g, "external_source", "from outside the kernel", s->branches.n_external_source,
	    s->branches.n_branches);
	add(g, "no_symbols", "of these: in a module without symbols", s->branches.n_no_symbols,
	    s->branches.n_branches);
	add(g, "between", "from one object into another", s->branches.n_between,
	    s->branches.n_branches);
	add(g, "patched", "in text that the kernel rewrites", s->branches.n_patched,
	    s->branches.n_branches);
	add(g, "distinct", "distinct, used", s->n_branches, 0);
}

static void collect_ranges(const struct convert_stats *s, struct group *g)
{
	const struct range_health *h = &s->health;
	const struct counters_totals *c = &s->totals.counters;

	*g = (struct group){ .key = "ranges", .text = "ranges between branches" };
	add(g, "pairs", "in the stacks", h->n_pairs, 0);
	add(g, "used", "used", h->n_used, h->n_pairs);
	add(g, "external", "rejected: an end outside the kernel", h->n_external, h->n_pairs);
	add(g, "no_symbols", "of these: in a module without symbols", h->n_no_symbols, h->n_pairs);
	add(g, "not_on_boundary", "not on instruction boundary", h->n_not_on_boundary, h->n_pairs);
	add(g, "no_function", "in no function", h->n_no_function, h->n_pairs);
	add(g, "cross_function", "across the end of a function", h->n_cross_function, h->n_pairs);
	add(g, "bogus", "rejected: across an unconditional jump, or backwards", h->n_bogus,
	    h->n_pairs);
	add(g, "bogus_no_function", "of these in no function", h->n_bogus_no_function, h->n_pairs);
	add(g, "between", "of these from one object into another", h->n_between, h->n_pairs);
	add(g, "dropped_cross", "rejected: across functions", h->n_dropped_cross, h->n_pairs);
	add(g, "too_long", "rejected: longer than 1 MiB", h->n_too_long, h->n_pairs);
	add(g, "emptied", "rejected: began where it was interrupted", h->n_emptied, h->n_pairs);
	add(g, "interrupted", "ended by an interrupt: shortened, if not rejected", h->n_interrupted,
	    h->n_pairs);
	add(g, "patched_end", "ending in text that the kernel rewrites", h->n_patched_end,
	    h->n_pairs);
	add(g, "patched_barrier", "saved: across a jump that the kernel rewrites",
	    h->n_patched_barrier, h->n_pairs);
	add(g, "live", "in live text", h->n_live, h->n_pairs);
	add(g, "live_barrier", "saved: across a jump that live text does not have",
	    h->n_live_barrier, h->n_pairs);
	add(g, "live_bogus", "of the rejected: across a jump that only live text has",
	    h->n_live_bogus, h->n_pairs);
	add(g, "newest", "not formed: the newest branch of its stack", c->n_cut[CUT_NEWEST], 0);
	add(g, "cut_external", "not formed: a rejected branch between",
	    c->n_cut[CUT_EXTERNAL] + c->n_cut[CUT_WRONG_PATH] + c->n_cut[CUT_TRANSACTION] +
		    c->n_cut[CUT_EDGE_LOST],
	    0);
	add(g, "table_full", "not formed: no room in the table", c->n_cut[CUT_RANGE_LOST], 0);
	add(g, "distinct", "distinct, used", s->n_ranges, 0);
}

static void collect_text(const struct convert_stats *s, struct group *g)
{
	const struct count_totals *t = &s->totals;

	*g = (struct group){ .key = "live_text", .text = "live text" };
	add(g, "recordings", "recordings with text of their kernel", t->n_texts, t->n_recordings);
	add(g, "recordings_unlike", "with that of another one, not used", t->n_texts_unlike,
	    t->n_recordings);
	add(g, "pages_wanted", "pages with code that was counted", t->text.n_wanted, 0);
	add(g, "pages_absent", "not in the text", t->text.n_absent, t->text.n_wanted);
	add(g, "pages_elsewhere", "of modules that were elsewhere then, not used",
	    t->text.n_elsewhere, t->text.n_wanted);
	add(g, "pages_unchecked", "of modules, of which it does not say where they were",
	    t->text.n_unchecked, t->text.n_wanted);
	add(g, "pages_unlike", "unlike the kernel's file", t->text.n_unlike, t->text.n_wanted);
	add(g, "pages", "used", s->live.n_pages, 0);
	add(g, "pages_conflicting", "different in two recordings: the first counts",
	    s->live.n_conflicts, s->live.n_pages);
	add(g, "pages_no_room", "left out: no room", s->live.n_no_room, 0);
	add(g, "parts_apart", "parts of pages left out: a gap before them", s->live.n_apart, 0);
}

static void collect_work(const struct convert_stats *s, struct group *g)
{
	*g = (struct group){ .key = "work", .text = "what was read of the vmlinux" };
	add(g, "units", "units", s->dwarf.n_units, 0);
	add(g, "units_used", "units in use", s->accumulate.n_units, s->dwarf.n_units);
	add(g, "units_damaged", "units damaged", s->dwarf.n_units_damaged, s->dwarf.n_units);
	add(g, "intervals", "stretches of code between symbols", s->text.n_intervals, 0);
	add(g, "intervals_decoded", "decoded", s->text.n_decoded, s->text.n_intervals);
	add(g, "locations", "source locations looked up", s->accumulate.n_locations, 0);
	add(g, "locations_no_frames", "without debug information", s->accumulate.n_no_frames,
	    s->accumulate.n_locations);
	add(g, "locations_line_zero", "with line 0", s->accumulate.n_line_zero,
	    s->accumulate.n_locations);
	add(g, "locations_too_deep", "with too many inlined frames", s->accumulate.n_too_deep,
	    s->accumulate.n_locations);
}

static size_t collect(const struct convert_stats *s, struct group *groups)
{
	size_t n = 0;

	if (s->has_recordings) {
		collect_samples(s, &groups[n++]);
		collect_branches(s, &groups[n++]);
		collect_ranges(s, &groups[n++]);
		collect_text(s, &groups[n++]);
	}
	if (s->has_profile)
		collect_work(s, &groups[n++]);
	return n;
}

double stats_more_samples(const struct convert_stats *stats)
{
	double density = stats->figures.density;

	if (!stats->has_profile || density <= 0 || density >= DENSITY_ENOUGH)
		return 0;
	return DENSITY_ENOUGH / density;
}

static void figure_text(const struct figure *f, struct buf *buf)
{
	if (f->of)
		buf_printf(buf, "  %12" PRIu64 " %7.2f%%  %s\n", f->n,
			   100.0 * (double)f->n / (double)f->of, f->text);
	else
		buf_printf(buf, "  %12" PRIu64 " %8s  %s\n", f->n, "", f->text);
}

static const char *text_rule_words(enum text_rule rule)
{
	switch (rule) {
	case TEXT_RULE_FILE:
		return "the files alone";
	case TEXT_RULE_SITES:
		return "the files and the sites that they list as rewritten";
	case TEXT_RULE_LIVE:
		return "live text";
	}
	return "";
}

void stats_text(const struct convert_stats *stats, struct buf *buf)
{
	struct group groups[N_GROUPS];
	size_t n = collect(stats, groups);

	for (size_t i = 0; i < n; i++) {
		buf_printf(buf, "%s:\n", groups[i].text);
		for (size_t k = 0; k < groups[i].n_figures; k++)
			figure_text(&groups[i].figures[k], buf);
	}
	stats_objects_text(stats, buf);
	buf_printf(buf, "instructions: by %s\n", text_rule_words(stats->text_rule));
	if (!stats->has_profile)
		return;
	buf_printf(buf, "density: %.1f (enough from %.0f)", stats->figures.density,
		   (double)DENSITY_ENOUGH);
	if (stats_more_samples(stats) > 0)
		buf_printf(buf, "; %.1f times as many samples would help",
			   stats_more_samples(stats));
	buf_printf(buf, "\nverdict: %s, %s\n", verdict_name(stats->figures.verdict.verdict),
		   stats->figures.verdict.reason);
}

static void put(struct json_object *o, const char *key, uint64_t n)
{
	json_object_object_add(o, key, json_object_new_uint64(n));
}

void stats_json(const struct convert_stats *stats, struct buf *buf)
{
	struct json_object *root = json_object_new_object();
	struct group groups[N_GROUPS];
	size_t n = collect(stats, groups);

	for (size_t i = 0; i < n; i++) {
		struct json_object *o = json_object_new_object();

		for (size_t k = 0; k < groups[i].n_figures; k++)
			put(o, groups[i].figures[k].key, groups[i].figures[k].n);
		json_object_object_add(root, groups[i].key, o);
	}
	if (!stats->is_llvm)
		stats_objects_json(stats, root);
	json_object_object_add(root, "text_rule",
			       json_object_new_string(text_rule_name(stats->text_rule)));
	put(root, "recordings", stats->totals.n_recordings);
	put(root, "recordings_truncated", stats->totals.n_truncated);
	if (stats->has_profile) {
		json_object_object_add(root, "density",
				       json_object_new_double(stats->figures.density));
		json_object_object_add(root, "more_samples_factor",
				       json_object_new_double(stats_more_samples(stats)));
		json_object_object_add(
			root, "verdict",
			json_object_new_string(verdict_name(stats->figures.verdict.verdict)));
		json_object_object_add(root, "reason",
				       json_object_new_string(stats->figures.verdict.reason));
	}
	buf_str(buf, json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY |
								  JSON_C_TO_STRING_SPACED));
	buf_str(buf, "\n");
	json_object_put(root);
}
