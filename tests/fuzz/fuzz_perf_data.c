/* SPDX-License-Identifier: Apache-2.0 */
/* Recordings. Every record must end in one counter, and every entry must be there. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/problem.h"
#include "collect/recording.h"
#include "collect/recording_places.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

/* Looks at all that an event points to. */
static uint64_t touch(const struct recording_event *e)
{
	uint64_t sum = 0;

	if (e->kind == RECORDING_MAP)
		return strlen(e->map.filename) + recording_is_kernel_name(e->map.filename);
	if (e->kind == RECORDING_SAMPLE)
		for (uint32_t i = 0; i < e->sample.n_entries; i++)
			sum += e->sample.entries[i].from_ip + e->sample.entries[i].flags;
	return sum;
}

/* What was taken is no news any more. */
static void take_place(struct recorded_places *places, const struct recording_event *event)
{
	uint64_t n_dropped = places->n_dropped;
	bool is_new = recorded_places_differ(places, event);

	must(recorded_places_take(places, event) == 0);
	if (is_new && places->n_dropped == n_dropped)
		must(!recorded_places_differ(places, event));
}

static void check_places(const struct recorded_places *places)
{
	for (size_t i = 0; i < places->n; i++) {
		const struct recorded_place *p = &places->items[i];

		must(p->lo_ip < p->hi_ip && (i == 0 || p[-1].hi_ip <= p->lo_ip));
		must((p->module == PLACES_NO_MODULE) == (p->kind != PLACE_MODULE));
		must(p->module == PLACES_NO_MODULE || p->module < places->n_modules);
		must(recorded_places_find(places, p->hi_ip - 1) == p);
	}
}

/* Returns how many events it has. */
static uint64_t read_all(const uint8_t *data, size_t n_bytes, bool is_mapped)
{
	struct recording_options options = { .buffer_bytes = 1,
					     .zstd_window_max = 1 << 20,
					     .n_ids_max = 1000,
					     .is_mapped = is_mapped };
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	volatile uint64_t sum = 0;
	uint64_t n_events = 0;
	struct recording_event event;
	struct recording_stats stats;
	struct recorded_places places = { 0 };
	struct recording *rec;
	struct problem problem;

	must(fd >= 0 && write(fd, data, n_bytes) == (ssize_t)n_bytes &&
	     lseek(fd, 0, SEEK_SET) == 0);
	if (recording_open(fd, &options, &rec, &problem) == 0) {
		for (; recording_next(rec, &event, &problem) == 0; n_events++) {
			sum += touch(&event);
			take_place(&places, &event);
		}
		check_places(&places);
		recorded_places_deinit(&places);
		recording_stats(rec, &stats);
		must(n_events == stats.n_samples + stats.n_maps + stats.n_ksymbols +
					 stats.n_lost_records + stats.n_lost_samples_records);
		must(stats.n_records >= n_events && stats.n_bytes <= n_bytes);
		recording_build_id(rec, "[kernel.kallsyms]");
		recording_close(rec);
	}
	close(fd);
	return n_events;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	must(read_all(data, n_bytes, false) == read_all(data, n_bytes, true));
	return 0;
}
