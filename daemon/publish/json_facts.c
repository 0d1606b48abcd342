/* SPDX-License-Identifier: Apache-2.0 */
#include "json_facts.h"

#include <json-c/json.h>
#include <math.h>
#include <linux/perf_event.h>
#include "aggregate/counters.h"
#include "aggregate/tally.h"
#include "base/problem.h"
#include "collect/conservation.h"
#include "collect/open.h"
#include "collect/sampler.h"
#include "json_build.h"
#include "kernel/identity.h"
#include "profile/facts.h"
#include "kernel/translation.h"
#include "profile/object_facts.h"

/* Gives the object up if something is missing in it. */
static struct json_object *finish(struct json_object *object, bool ok)
{
	if (ok)
		return object;
	json_object_put(object);
	return NULL;
}

/* SHARE_UNKNOWN is null. */
static void add_share(struct json_object *object, const char *key, double share, bool *ok)
{
	json_add_double(object, key, share == SHARE_UNKNOWN ? NAN : share, ok);
}

/* A number and its key; the key of a table is by enum. */
static struct json_object *of_numbers(const char *const *keys, const uint64_t *numbers, size_t n)
{
	struct json_object *object = json_object_new_object();
	bool ok = true;

	for (size_t i = 0; i < n; i++)
		json_add_u64(object, keys[i], numbers[i], &ok);
	return finish(object, ok);
}

/* kernel and event */

struct json_object *json_of_kernel(const struct kernel_identity *kernel, const char *vmlinux)
{
	struct json_object *object = json_object_new_object();
	char hex[BUILD_ID_HEX_SIZE];
	bool ok = true;

	build_id_to_hex(&kernel->build_id, hex);
	json_add_text(object, "release", kernel->release, &ok);
	json_add_text(object, "machine", kernel->machine, &ok);
	json_add_text(object, "buildId", hex, &ok);
	json_add_utc(object, "built", kernel->built_s * 1000000, &ok);
	json_add_u64(object, "builtUsec", kernel->built_s * 1000000, &ok);
	json_add_u64(object, "livepatches", kernel->n_livepatches, &ok);
	json_add_text(object, "vmlinux", vmlinux, &ok);
	return finish(object, ok);
}

static struct json_object *of_degraded(uint32_t degraded)
{
	struct json_object *array = json_object_new_array();
	bool ok = true;

	if (degraded & EVENT_DEGRADED_NO_FREEZE)
		json_push(array, json_object_new_string("no-freeze"), &ok);
	if (degraded & EVENT_DEGRADED_IP_ONLY)
		json_push(array, json_object_new_string("ip-only"), &ok);
	return finish(array, ok);
}

struct json_object *json_of_event(const struct json_event *event)
{
	const struct perf_event_attr *attr = event->attr;
	struct json_object *object = json_object_new_object();
	char words[256];
	bool ok = true;

	json_add_text(object, "pmu", event->pmu, &ok);
	json_add_text(object, "name", event->name, &ok);
	json_add_text(object, "origin", event_origin_name(event->origin), &ok);
	json_add_u64(object, "type", attr->type, &ok);
	json_add_u64(object, "config", attr->config, &ok);
	json_add_u64(object, "config1", attr->config1, &ok);
	json_add_u64(object, "config2", attr->config2, &ok);
	json_add_u64(object, "branchSampleType", attr->branch_sample_type, &ok);
	json_add_u64(object, "period", event->period ? event->period : attr->sample_period, &ok);
	json_add_u64(object, "stackEntries", event->n_stack_entries, &ok);
	json_add_u64(object, "cpus", event->n_cpus, &ok);
	json_add_text(object, "without", open_words_given_up(event->given_up, words, sizeof(words)),
		      &ok);
	json_add(object, "degraded", of_degraded(event->degraded), &ok);
	return finish(object, ok);
}

/* samples */

_Static_assert(N_SAMPLER_USES <= TALLY_N_REASONS, "each reason has its place");

static struct json_object *of_rejected(const struct tally_sums *sums,
				       const struct conservation_result *result)
{
	const struct ring_stats *ring = &sums->conservation.ring;
	struct json_object *object = json_object_new_object();
	bool ok = true;

	json_add_u64(object, "total", result->n_rejected, &ok);
	for (unsigned int use = SAMPLER_USED + 1; use < N_SAMPLER_USES; use++)
		json_add_u64(object, sampler_use_name(use), sums->n_rejected[use], &ok);
	json_add_u64(object, "malformed", ring->n_malformed_samples, &ok);
	json_add_u64(object, "tooDeep", ring->n_too_deep_samples, &ok);
	return finish(object, ok);
}

static struct json_object *of_ring(const struct ring_stats *ring)
{
	struct json_object *object = json_object_new_object();
	uint64_t n_unknown = 0;
	bool ok = true;

	for (unsigned int i = 0; i < RING_N_TYPES; i++)
		n_unknown += ring->n_unknown[i];
	json_add_u64(object, "bytes", ring->n_record_bytes, &ok);
	json_add_u64(object, "records", ring->n_records, &ok);
	json_add_u64(object, "givenUpBytes", ring->n_given_up_bytes, &ok);
	json_add_u64(object, "corruptHeads", ring->n_corrupt_heads, &ok);
	json_add_u64(object, "corruptSizes", ring->n_corrupt_sizes, &ok);
	json_add_u64(object, "malformedRecords", ring->n_malformed, &ok);
	json_add_u64(object, "unknownRecords", n_unknown, &ok);
	return finish(object, ok);
}

struct json_object *json_of_samples(const struct tally_sums *sums)
{
	const struct conservation *c = &sums->conservation;
	struct json_object *object = json_object_new_object();
	struct conservation unsettled = *c;
	struct conservation_result result;
	struct problem problem = { "" };
	bool is_balanced, ok = true;

	/* a part begins and ends while LOST records are outstanding */
	unsettled.is_settled = false;
	is_balanced = conservation_check(&unsettled, &result, &problem) == 0;
	json_add_u64(object, "taken", result.n_taken, &ok);
	json_add_u64(object, "used", result.n_used, &ok);
	json_add(object, "rejected", of_rejected(sums, &result), &ok);
	json_add_u64(object, "lost", result.n_lost, &ok);
	add_share(object, "lostShare",
		  result.n_taken ? (double)result.n_lost / (double)result.n_taken : SHARE_UNKNOWN,
		  &ok);
	json_add_u64(object, "lostInHardware", c->ring.n_hw_lost, &ok);
	json_add_bool(object, "lostIsLowerBound", result.is_lower_bound, &ok);
	json_add_bool(object, "isBalanced", is_balanced, &ok);
	json_add_text(object, "imbalance", is_balanced ? NULL : problem.text, &ok);
	json_add_u64(object, "expectedMin", c->n_expected_min, &ok);
	json_add_u64(object, "expectedMax", c->n_expected_max, &ok);
	json_add_u64(object, "throttles", c->ring.n_throttles, &ok);
	json_add_u64(object, "enabledNs", c->time_enabled_ns, &ok);
	json_add_u64(object, "runningNs", c->time_running_ns, &ok);
	json_add_u64(object, "watchedNs", c->wall_ns, &ok);
	json_add_u64(object, "entriesCounted", c->n_counted_entries, &ok);
	json_add_u64(object, "entriesRejected", c->n_rejected_entries, &ok);
	json_add(object, "ring", of_ring(&c->ring), &ok);
	return finish(object, ok);
}

struct json_object *json_of_counters(const struct counters_totals *totals)
{
	static const char *const removed[N_REMOVED] = {
		[REMOVED_EXTERNAL] = "external",       [REMOVED_WRONG_PATH] = "wrongPath",
		[REMOVED_TRANSACTION] = "transaction", [REMOVED_REPEATED] = "repeated",
		[REMOVED_TABLE_FULL] = "tableFull",    [REMOVED_OVERFLOW] = "overflow",
	};
	static const char *const removed_ips[N_IP_REMOVED] = {
		[IP_REMOVED_EXTERNAL] = "external",
		[IP_REMOVED_TABLE_FULL] = "tableFull",
		[IP_REMOVED_OVERFLOW] = "overflow",
	};
	static const char *const cut[N_CUT] = {
		[CUT_NEWEST] = "newest",	[CUT_EXTERNAL] = "external",
		[CUT_WRONG_PATH] = "wrongPath", [CUT_TRANSACTION] = "transaction",
		[CUT_EDGE_LOST] = "edgeLost",	[CUT_RANGE_LOST] = "rangeLost",
	};
	struct json_object *object = json_object_new_object();
	bool ok = true;

	json_add_u64(object, "stacks", totals->n_stacks, &ok);
	json_add_u64(object, "emptyStacks", totals->n_empty_stacks, &ok);
	json_add_u64(object, "voidStacks", totals->n_void_stacks, &ok);
	json_add_u64(object, "entries", totals->n_entries, &ok);
	json_add_u64(object, "kept", totals->n_kept, &ok);
	json_add(object, "removed", of_numbers(removed, totals->n_removed, N_REMOVED), &ok);
	json_add_u64(object, "ips", totals->n_ips, &ok);
	json_add_u64(object, "keptIps", totals->n_kept_ips, &ok);
	json_add(object, "removedIps", of_numbers(removed_ips, totals->n_ip_removed, N_IP_REMOVED),
		 &ok);
	json_add_u64(object, "pairs", totals->n_pairs, &ok);
	json_add(object, "cut", of_numbers(cut, totals->n_cut, N_CUT), &ok);
	json_add_u64(object, "keptWeight", totals->kept_weight, &ok);
	json_add_u64(object, "pairsWeight", totals->pairs_weight, &ok);
	return finish(object, ok);
}

/* gate and budget */

struct json_object *json_of_gate(const struct gate_options *options,
				 const struct gate_decision *now, uint64_t open_ns,
				 uint64_t closed_ns, uint64_t n_openings)
{
	struct json_object *object = json_object_new_object();
	uint64_t watched_ns = open_ns + closed_ns;
	bool ok = true;

	json_add_double(object, "openUtilization", options->open_utilization, &ok);
	json_add_double(object, "closeUtilization", options->close_utilization, &ok);
	json_add_u64(object, "windowNs", options->window_ns, &ok);
	json_add_u64(object, "minOpenNs", options->min_open_ns, &ok);
	if (now) {
		json_add_bool(object, "isOpen", now->is_open, &ok);
		json_add_text(object, "reason", gate_reason_name(now->reason), &ok);
	}
	if (now && now->has_mean)
		json_add_double(object, "utilization", now->mean, &ok);
	json_add_u64(object, "openNs", open_ns, &ok);
	json_add_u64(object, "closedNs", closed_ns, &ok);
	json_add_u64(object, "openings", n_openings, &ok);
	json_add_double(object, "openShare", watched_ns ? (double)open_ns / (double)watched_ns : 0,
			&ok);
	return finish(object, ok);
}

/* Of the CPU time that the machine had since the budget began. */
static struct json_object *of_costs(const struct budget_totals *totals)
{
	struct json_object *object = json_object_new_object();
	double sum = 0, capacity_ns = totals->capacity_ns > 0 ? totals->capacity_ns : 1;
	bool ok = true;

	for (unsigned int i = 0; i < BUDGET_N_ACCOUNTS; i++) {
		json_add_double(object, budget_account_name(i), totals->cost_ns[i] / capacity_ns,
				&ok);
		sum += totals->cost_ns[i];
	}
	json_add_double(object, "total", sum / capacity_ns, &ok);
	return finish(object, ok);
}

struct json_object *json_of_budget(const struct budget *budget)
{
	const struct budget_decision *d = &budget->decision;
	struct json_object *object = json_object_new_object();
	bool ok = true;

	json_add_double(object, "maxOverhead", budget->options.max_overhead, &ok);
	json_add_double(object, "recentOverhead", budget_overhead(budget), &ok);
	json_add(object, "overhead", of_costs(&budget->totals), &ok);
	json_add_u64(object, "targetSamplesPerHour", budget->options.target_samples_per_hour, &ok);
	json_add_u64(object, "configuredPeriod", budget->options.period, &ok);
	json_add_bool(object, "isSampling", d->is_sampling, &ok);
	json_add_text(object, "reason", budget_reason_name(d->reason), &ok);
	if (d->reason == BUDGET_STOPPED)
		json_add_text(object, "stoppedBy", budget_account_name(d->stopped_by), &ok);
	json_add_u64(object, "period", d->period, &ok);
	json_add_double(object, "duty", 1.0 / (double)(1u << d->duty_shift), &ok);
	json_add_u64(object, "weight", d->weight, &ok);
	json_add_u64(object, "periodChanges", budget->totals.n_period_changes, &ok);
	json_add_u64(object, "dutyChanges", budget->totals.n_duty_changes, &ok);
	json_add_u64(object, "stops", budget->totals.n_stops, &ok);
	return finish(object, ok);
}

/* profile */

static struct json_object *of_ranges(const struct range_health *h)
{
	struct json_object *object = json_object_new_object();
	bool ok = true;

	json_add_u64(object, "pairs", h->n_pairs, &ok);
	json_add_u64(object, "used", h->n_used, &ok);
	json_add_u64(object, "external", h->n_external, &ok);
	json_add_u64(object, "notOnBoundary", h->n_not_on_boundary, &ok);
	json_add_u64(object, "noFunction", h->n_no_function, &ok);
	json_add_u64(object, "crossFunction", h->n_cross_function, &ok);
	json_add_u64(object, "bogus", h->n_bogus, &ok);
	json_add_u64(object, "bogusNoFunction", h->n_bogus_no_function, &ok);
	json_add_u64(object, "droppedCross", h->n_dropped_cross, &ok);
	json_add_u64(object, "tooLong", h->n_too_long, &ok);
	json_add_u64(object, "emptied", h->n_emptied, &ok);
	json_add_u64(object, "interrupted", h->n_interrupted, &ok);
	json_add_u64(object, "patchedEnd", h->n_patched_end, &ok);
	json_add_u64(object, "patchedBarrier", h->n_patched_barrier, &ok);
	json_add_u64(object, "live", h->n_live, &ok);
	json_add_u64(object, "liveBarrier", h->n_live_barrier, &ok);
	json_add_u64(object, "liveBogus", h->n_live_bogus, &ok);
	json_add_u64(object, "noSymbols", h->n_no_symbols, &ok);
	json_add_u64(object, "betweenObjects", h->n_between, &ok);
	return finish(object, ok);
}

static struct json_object *of_branches(const struct branch_health *h)
{
	struct json_object *object = json_object_new_object();
	bool ok = true;

	json_add_u64(object, "branches", h->n_branches, &ok);
	json_add_u64(object, "noTarget", h->n_no_target, &ok);
	json_add_u64(object, "externalSource", h->n_external_source, &ok);
	json_add_u64(object, "patched", h->n_patched, &ok);
	json_add_u64(object, "noSymbols", h->n_no_symbols, &ok);
	json_add_u64(object, "betweenObjects", h->n_between, &ok);
	return finish(object, ok);
}

static struct json_object *of_locations(const struct accumulate_stats *s)
{
	struct json_object *object = json_object_new_object();
	bool ok = true;

	json_add_u64(object, "units", s->n_units, &ok);
	json_add_u64(object, "locations", s->n_locations, &ok);
	json_add_u64(object, "noFrames", s->n_no_frames, &ok);
	json_add_u64(object, "lineZero", s->n_line_zero, &ok);
	json_add_u64(object, "tooDeep", s->n_too_deep, &ok);
	return finish(object, ok);
}

static void add_figures(struct json_object *object, const struct profile_facts *facts, bool *ok)
{
	json_add_double(object, "density", facts->density, ok);
	add_share(object, "overlap", facts->overlap, ok);
	json_add_u64(object, "functions", facts->n_functions, ok);
	json_add_u64(object, "inlinees", facts->n_inlinees, ok);
	json_add_u64(object, "records", facts->n_records, ok);
	json_add_u64(object, "samples", facts->total_samples, ok);
	json_add_u64(object, "maxSamples", facts->max_samples, ok);
	json_add_u64(object, "maxHead", facts->max_head, ok);
	json_add_bool(object, "isFlowSensitive", facts->is_fs, ok);
	json_add(object, "lookups", of_locations(&facts->accumulate), ok);
	json_add_u64(object, "damagedUnits", facts->n_units_damaged, ok);
}

static double named_share(uint64_t n_named, uint64_t n_arrived)
{
	return n_arrived ? (double)n_named / (double)n_arrived : SHARE_UNKNOWN;
}

struct json_object *json_of_facts(const struct profile_facts *facts)
{
	struct json_object *object = json_object_new_object();
	bool ok = true;

	json_add_text(object, "verdict", verdict_name(facts->verdict), &ok);
	json_add_text(object, "reason", facts->reason, &ok);
	json_add_bool(object, "isThere", facts->has_profile, &ok);
	json_add_bool(object, "isIpOnly", facts->is_ip_only, &ok);
	if (facts->has_profile)
		add_figures(object, facts, &ok);
	json_add_u64(object, "distinctBranches", facts->n_branches, &ok);
	json_add_u64(object, "distinctRanges", facts->n_ranges, &ok);
	json_add_u64(object, "objects", facts->n_objects, &ok);
	json_add_u64(object, "objectsSymbolized", facts->n_objects_symbolized, &ok);
	add_share(object, "namedShare", named_share(facts->n_named, facts->n_arrived), &ok);
	json_add_bool(object, "isSelected", facts->is_selected, &ok);
	if (facts->is_selected) {
		json_add_text(object, "text", text_rule_name((enum text_rule)facts->text_rule),
			      &ok);
		add_share(object, "invalidShare", ranges_invalid_share(&facts->ranges), &ok);
		json_add(object, "ranges", of_ranges(&facts->ranges), &ok);
		json_add(object, "branches", of_branches(&facts->branches), &ok);
	}
	return finish(object, ok);
}

/* objects */

struct json_object *json_of_object(const struct object_facts *facts, bool is_ip_only)
{
	const struct object_figures *f = &facts->figures;
	struct json_object *object = json_object_new_object();
	struct build_id id = { .n_bytes = facts->n_build_id_bytes };
	bool is_symbolized = facts->state == OBJECT_STATE_SYMBOLIZED, ok = true;
	char hex[BUILD_ID_HEX_SIZE];

	memcpy(id.bytes, facts->build_id, sizeof(id.bytes));
	build_id_to_hex(&id, hex);
	json_add_text(object, "name", facts->name, &ok);
	json_add_text(object, "buildId", hex[0] ? hex : NULL, &ok);
	json_add_text(object, "state", object_state_name((enum object_state)facts->state), &ok);
	json_add_text(object, "file", is_symbolized && facts->source[0] ? facts->source : NULL,
		      &ok);
	json_add_text(object, "problem", !is_symbolized && facts->source[0] ? facts->source : NULL,
		      &ok);
	json_add_u64(object, "arrived", is_ip_only ? f->ranges.n_pairs : f->branches.n_branches,
		     &ok);
	json_add_u64(object, "named", f->n_named, &ok);
	json_add_u64(object, "pairs", f->ranges.n_pairs, &ok);
	json_add_u64(object, "usedPairs", f->ranges.n_used, &ok);
	add_share(object, "invalidShare", ranges_invalid_share(&f->ranges), &ok);
	return finish(object, ok);
}

struct json_object *json_of_targets(const uint64_t *n_targets)
{
	static const char *const keys[N_PLACE_KINDS] = {
		[PLACE_KERNEL] = "kernel",  [PLACE_MODULE] = "module", [PLACE_OUTSIDE] = "outside",
		[PLACE_BPF] = "bpf",	    [PLACE_FTRACE] = "ftrace", [PLACE_KPROBE] = "kprobe",
		[PLACE_NO_ROOM] = "noRoom", [PLACE_DOUBT] = "inDoubt", [PLACE_OTHER] = "other",
	};
	struct json_object *object = json_object_new_object();
	bool ok = true;

	for (size_t i = 0; i < N_PLACE_KINDS; i++)
		json_add_u64(object, keys[i], n_targets[i], &ok);
	return finish(object, ok);
}
