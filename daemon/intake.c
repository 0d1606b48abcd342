/* SPDX-License-Identifier: Apache-2.0 */
#include "intake.h"

#include <string.h>
#include "collect/branch.h"
#include "collect/record.h"
#include "hot.h"
#include "kernel/map.h"

uint64_t intake_window_ip(const struct kernel_text *text)
{
	return text->text_ip - MAP_WINDOW_BELOW_BYTES;
}

static bool is_code(const struct kernel_text *text, uint64_t ip)
{
	return ip >= text->stext_ip && ip < text->etext_ip;
}

uint8_t intake_classify(void *context, uint32_t from_off, uint32_t to_off)
{
	const struct kernel_text *text = context;
	uint64_t window_ip = intake_window_ip(text);
	uint8_t good = 0;

	if (from_off && is_code(text, window_ip + from_off))
		good |= FROM_GOOD;
	if (to_off && is_code(text, window_ip + to_off))
		good |= TO_GOOD;
	return good;
}

uint8_t intake_classify_placed(void *context, uint32_t from_off, uint32_t to_off)
{
	(void)context;
	return (from_off ? FROM_GOOD : 0) | (to_off ? TO_GOOD : 0);
}

/*
 * Where the CPU was: the target of its last branch, which is exact, while the interrupt's ip comes
 * late by some instructions or, on BRS, by many branches.
 */
static uint64_t where(const struct sampler_sample *sample)
{
	const struct record_sample *record = sample->record;

	return record->n_entries ? record->entries[0].to_ip : record->ip;
}

static uint64_t weight_of(const struct intake *intake, uint64_t period)
{
	uint64_t weight = 0;

	if (!intake->budget)
		return 1;
	if (period)
		weight = budget_weight_of(intake->budget, period);
	return weight ? weight : intake->weight;
}

/* An address where its object was placed; 0, which is in no window: external. */
static uint64_t place_ip(const struct intake *intake, uint64_t window_ip, uint64_t ip,
			 enum place_kind *ret_kind)
{
	uint64_t off = ip - window_ip;
	uint32_t placed_off;

	if (off > UINT32_MAX || ip < window_ip) {
		*ret_kind = PLACE_OUTSIDE;
		return 0;
	}
	placed_off = translation_off(intake->translation, (uint32_t)off, ret_kind);
	return placed_off ? window_ip + placed_off : 0;
}

/* The entries with each half where it was placed, in intake->placed. */
static void place_entries(struct intake *intake, const struct branch_entry *entries, size_t n)
{
	const uint64_t window_ip = intake_window_ip(&intake->text);

	for (size_t i = 0; i < n; i++) {
		enum place_kind from, to;

		intake->placed[i] = (struct branch_entry){
			.from_ip = place_ip(intake, window_ip, entries[i].from_ip, &from),
			.to_ip = place_ip(intake, window_ip, entries[i].to_ip, &to),
			.flags = entries[i].flags,
		};
		intake->n_targets[to]++;
	}
}

static uint64_t place_sample_ip(struct intake *intake, uint64_t ip)
{
	enum place_kind kind;
	uint64_t placed_ip;

	if (!intake->translation)
		return is_code(&intake->text, ip) ? ip : 0;
	placed_ip = place_ip(intake, intake_window_ip(&intake->text), ip, &kind);
	intake->n_targets[kind]++;
	return placed_ip;
}

static struct sampler_verdict take_ip(struct intake *intake, const struct record_sample *record,
				      uint64_t weight)
{
	struct counters *counters = tally_live(intake->tally);
	uint64_t n_pairs = counters_totals(counters)->n_pairs;
	uint64_t ip = place_sample_ip(intake, record->ip);

	if (ip == 0)
		return (struct sampler_verdict){ SAMPLER_REJECTED_OUTSIDE, 0 };
	counters_add_ip(counters, intake_window_ip(&intake->text), ip, weight);
	if (counters_totals(counters)->n_pairs == n_pairs)
		return (struct sampler_verdict){ SAMPLER_REJECTED_FULL, 0 };
	return (struct sampler_verdict){ SAMPLER_USED, 0 };
}

static struct sampler_verdict take_stack(struct intake *intake, const struct record_sample *record,
					 uint64_t weight)
{
	struct counters *counters = tally_live(intake->tally);
	const struct counters_totals *totals = counters_totals(counters);
	uint64_t n_kept = totals->n_kept, n_full = totals->n_removed[REMOVED_TABLE_FULL];
	struct sampler_verdict verdict = { SAMPLER_USED, 0 };
	const struct branch_entry *entries = record->entries;

	if (intake->translation) {
		place_entries(intake, entries, record->n_entries);
		entries = intake->placed;
	}
	counters_add_stack(counters, intake_window_ip(&intake->text), entries, record->n_entries,
			   weight);
	verdict.n_counted = (uint32_t)(totals->n_kept - n_kept);
	if (verdict.n_counted == 0)
		verdict.use = totals->n_removed[REMOVED_TABLE_FULL] > n_full
				      ? SAMPLER_REJECTED_FULL
				      : SAMPLER_REJECTED_VOID;
	return verdict;
}

/* Offset 0: outside of the window. */
static uint32_t off_of(const struct intake *intake, uint64_t ip)
{
	uint64_t distance = ip - intake_window_ip(&intake->text);

	return distance <= UINT32_MAX ? (uint32_t)distance : 0;
}

/* Where the kernel is left, the branch that leaves it is its last place. */
static void show(const struct intake *intake, const struct sampler_sample *sample)
{
	const struct record_sample *record = sample->record;
	uint32_t off_before = record->n_entries ? off_of(intake, record->entries[0].from_ip) : 0;

	hot_add(intake->hot, off_of(intake, where(sample)), off_before);
}

struct sampler_verdict intake_take(void *context, const struct sampler_sample *sample)
{
	struct intake *intake = context;
	const struct record_sample *record = sample->record;
	struct sampler_verdict verdict;
	uint64_t weight;

	intake->n_samples++;
	if (sample->mode == EVENT_MODE_BRANCH && record->n_entries == 0)
		return (struct sampler_verdict){ SAMPLER_REJECTED_EMPTY, 0 };
	if (intake->n_idle && ip_ranges_has(intake->idle, intake->n_idle, where(sample)))
		return (struct sampler_verdict){ SAMPLER_REJECTED_IDLE, 0 };
	weight = weight_of(intake, record->period);
	verdict = sample->mode == EVENT_MODE_IP ? take_ip(intake, record, weight)
						: take_stack(intake, record, weight);
	if (verdict.use == SAMPLER_USED) {
		intake->weight_sum += weight;
		intake->weight_squares_sum += weight * weight;
		if (intake->hot)
			show(intake, sample);
	}
	return verdict;
}
