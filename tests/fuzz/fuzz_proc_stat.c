/* SPDX-License-Identifier: Apache-2.0 */
/* Two readings of /proc/stat, parted by a NUL. Whatever they hold, the share is one. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "gate/cpu_stat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static void check_reading(const struct cpu_stat *stat, int r)
{
	must((r == 0) == (stat->n_cpus > 0) && stat->n_cpus <= stat->capacity);
	for (uint32_t i = 1; i < stat->n_cpus; i++)
		must(stat->cpus[i - 1].cpu < stat->cpus[i].cpu);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	const uint8_t *nul = n_bytes ? memchr(data, 0, n_bytes) : NULL;
	size_t n_first = nul ? (size_t)(nul - data) : n_bytes;
	const uint8_t *second = nul ? nul + 1 : data;
	size_t n_second = nul ? n_bytes - n_first - 1 : n_bytes;
	struct cpu_stat before, after;
	struct cpu_load load;

	must(cpu_stat_init(&before, 8) == 0 && cpu_stat_init(&after, 16) == 0);
	check_reading(&before, cpu_stat_parse(&before, data, n_first, NULL));
	check_reading(&after, cpu_stat_parse(&after, second, n_second, NULL));
	for (uint64_t elapsed_ns = 0; elapsed_ns <= 1000000000; elapsed_ns += 1000000000)
		if (cpu_stat_compare(&before, &after, elapsed_ns, 100, &load) == 0) {
			must(load.utilization >= 0 && load.utilization <= 1);
			must(load.total_ticks > 0 && load.busy_ticks <= load.total_ticks);
			must(load.n_cpus + load.n_cpus_went + load.n_cpus_backwards +
				     load.n_cpus_implausible ==
			     before.n_cpus);
		}
	cpu_stat_deinit(&before);
	cpu_stat_deinit(&after);
	return 0;
}
