/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From rings to the sink: the way of every sample. Nothing here allocates, locks or calls the
 * system; a sample lives in its ring until the next one is asked for.
 */
#include "sampler.h"

#include "sampler_inside.h"

static void hand_sample(struct sampler *sampler, struct slot *slot, unsigned int cpu,
			const struct record *record, const struct sampler_sink *sink)
{
	const struct sampler_sample sample = {
		.cpu = cpu,
		.i_event = slot->i_event,
		.mode = slot_event(sampler, slot)->mode,
		.misc = record->misc,
		.time_ns = record->time_ns,
		.record = &record->sample,
	};
	struct sampler_verdict verdict = sink->take(sink->context, &sample);
	uint32_t n_entries = record->sample.n_entries;

	/* a verdict that cannot be does no harm, and the equations will not hold */
	if (likely((unsigned int)verdict.use < N_SAMPLER_USES))
		slot->n_uses[verdict.use]++;
	slot->n_counted_entries += verdict.n_counted;
	slot->n_rejected_entries +=
		n_entries > verdict.n_counted ? n_entries - verdict.n_counted : 0;
}

bool sampler_drain_cpu(struct sampler *sampler, unsigned int cpu, uint64_t n_bytes_max,
		       const struct sampler_sink *sink)
{
	struct record record;
	struct slot *slot;

	if (!cpus_has(&sampler->open, cpu))
		return false;
	slot = &sampler->slots[cpu];
	ring_begin(&slot->reader.ring, n_bytes_max);
	if (sink->before && slot->reader.ring.n_budget > 0)
		sink->before(sink->context);
	while (ring_reader_next(&slot->reader, &record)) {
		if (likely(record.kind == RECORD_SAMPLE))
			hand_sample(sampler, slot, cpu, &record, sink);
		else if (sink->change)
			sink->change(sink->context, cpu, &record);
	}
	ring_end(&slot->reader.ring);
	return ring_has_more(&slot->reader.ring);
}

/* The next open CPU after cpu, beginning anew behind the last; there is one. */
static unsigned int next_in_turn(const struct sampler *sampler, unsigned int from)
{
	unsigned int cpu = cpus_next(&sampler->open, from);

	return cpu < CPUS_MAX ? cpu : cpus_next(&sampler->open, 0);
}

bool sampler_sweep(struct sampler *sampler, uint64_t n_bytes_max, const struct sampler_sink *sink)
{
	unsigned int n_left = cpus_count(&sampler->open);

	while (n_left > 0) {
		unsigned int cpu = next_in_turn(sampler, sampler->sweep_cpu);
		struct ring *ring = &sampler->slots[cpu].reader.ring;
		uint64_t before = ring->tail;
		bool has_more = sampler_drain_cpu(sampler, cpu, n_bytes_max, sink);
		uint64_t n_bytes = ring->tail - before;

		/* one that is flooded has its turn again after the others */
		sampler->sweep_cpu = cpu + 1;
		if (has_more)
			return true;
		n_left--;
		n_bytes_max -= n_bytes < n_bytes_max ? n_bytes : n_bytes_max;
		if (n_bytes_max == 0)
			return n_left > 0;
	}
	return false;
}
