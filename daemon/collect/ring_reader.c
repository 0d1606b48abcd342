/* SPDX-License-Identifier: Apache-2.0 */
#include "ring_reader.h"

#include <linux/perf_event.h>

static void count_sample(struct ring_stats *stats, const struct record_sample *sample)
{
	stats->n_samples++;
	stats->n_good_samples++;
	stats->n_empty_samples += sample->n_entries == 0;
	stats->n_entries += sample->n_entries;
}

/* Counts a good record; true if it is to be handed out. */
static bool count_record(struct ring_stats *stats, const struct record *record)
{
	switch (record->kind) {
	case RECORD_SAMPLE:
		count_sample(stats, &record->sample);
		return true;
	case RECORD_LOST:
		stats->n_lost_records++;
		stats->n_lost += record->n_lost;
		return false;
	case RECORD_HW_LOST:
		stats->n_hw_lost_records++;
		stats->n_hw_lost += record->n_lost;
		return false;
	case RECORD_THROTTLE:
		stats->n_throttles++;
		return false;
	case RECORD_UNTHROTTLE:
		stats->n_unthrottles++;
		return false;
	case RECORD_KSYMBOL:
		stats->n_ksymbols++;
		return true;
	case RECORD_BPF_EVENT:
		stats->n_bpf_events++;
		return true;
	case RECORD_TEXT_POKE:
		stats->n_text_pokes++;
		return true;
	}
	return false;
}

static void count_bad(struct ring_stats *stats, uint32_t type, int why)
{
	if (why == RECORD_E_UNKNOWN) {
		stats->n_unknown[type < RING_N_TYPES ? type : RING_N_TYPES - 1]++;
	} else if (type != PERF_RECORD_SAMPLE) {
		stats->n_malformed++;
	} else {
		stats->n_samples++;
		if (why == RECORD_E_TOO_DEEP)
			stats->n_too_deep_samples++;
		else
			stats->n_malformed_samples++;
	}
}

bool ring_reader_next(struct ring_reader *reader, struct record *ret_record)
{
	struct ring_record raw;

	while (ring_next(&reader->ring, &raw)) {
		int why = record_decode(&reader->layout, &raw, ret_record);

		if (unlikely(why != 0))
			count_bad(&reader->ring.stats, raw.type, why);
		else if (likely(count_record(&reader->ring.stats, ret_record)))
			return true;
	}
	return false;
}
