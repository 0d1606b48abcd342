/* SPDX-License-Identifier: Apache-2.0 */
/* Recordings. Every record must end in one counter, and every entry must be there. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/problem.h"
#include "collect/recording.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	struct recording_options options = { .buffer_bytes = 1,
					     .zstd_window_max = 1 << 20,
					     .n_ids_max = 1000 };
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	volatile uint64_t sum = 0;
	uint64_t n_events = 0;
	struct recording_event event;
	struct recording_stats stats;
	struct recording *rec;
	struct problem problem;

	must(fd >= 0 && write(fd, data, n_bytes) == (ssize_t)n_bytes &&
	     lseek(fd, 0, SEEK_SET) == 0);
	if (recording_open(fd, &options, &rec, &problem) == 0) {
		for (; recording_next(rec, &event, &problem) == 0; n_events++)
			sum += touch(&event);
		recording_stats(rec, &stats);
		must(n_events == stats.n_samples + stats.n_maps + stats.n_ksymbols +
					 stats.n_lost_records + stats.n_lost_samples_records);
		must(stats.n_records >= n_events && stats.n_bytes <= n_bytes);
		recording_build_id(rec, "[kernel.kallsyms]");
		recording_close(rec);
	}
	close(fd);
	return 0;
}
