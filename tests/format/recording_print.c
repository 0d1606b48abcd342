/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints the recording on standard input: its mappings and samples, a branch entry as `perf script
 * -F brstack` does, then its counters, one a line. With --count, only those. Exits with 1 if the
 * recording cannot be read to its end.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/problem.h"
#include "collect/recording.h"

static void print_entry(const struct branch_entry *e)
{
	char predicted = e->flags & BRANCH_MISPRED ? 'M' : e->flags & BRANCH_PREDICTED ? 'P' : '-';

	printf(" 0x%" PRIx64 "/0x%" PRIx64 "/%c/%c/%c/%" PRIu64, e->from_ip, e->to_ip, predicted,
	       e->flags & BRANCH_IN_TX ? 'X' : '-', e->flags & BRANCH_ABORT ? 'A' : '-',
	       e->flags >> 4 & 0xffff);
}

static void print_event(const struct recording_event *e)
{
	if (e->kind == RECORDING_MAP)
		printf("map 0x%" PRIx64 " 0x%" PRIx64 " 0x%" PRIx64 " %s\n", e->map.start,
		       e->map.n_bytes, e->map.pgoff, e->map.filename);
	if (e->kind != RECORDING_SAMPLE)
		return;
	printf("sample 0x%" PRIx64 " period: %" PRIu64, e->sample.ip, e->sample.period);
	for (uint32_t i = 0; i < e->sample.n_entries; i++)
		print_entry(&e->sample.entries[i]);
	putchar('\n');
}

static void print_stats(const struct recording *rec)
{
	struct recording_stats s;

	recording_stats(rec, &s);
	printf("n_records %" PRIu64 "\nn_samples %" PRIu64 "\nn_samples_without_stack %" PRIu64
	       "\nn_malformed %" PRIu64 "\nn_unknown_type %" PRIu64
	       "\nn_samples_unknown_event %" PRIu64 "\nn_bytes %" PRIu64 "\n",
	       s.n_records, s.n_samples, s.n_samples_without_stack, s.n_malformed, s.n_unknown_type,
	       s.n_samples_unknown_event, s.n_bytes);
	for (unsigned int i = 0; i < RECORDING_N_TYPES; i++)
		if (s.n_by_type[i])
			printf("type %u %" PRIu64 "\n", i, s.n_by_type[i]);
	printf("os_release %s\narch %s\n", recording_os_release(rec), recording_arch(rec));
}

static void print_build_id(const struct recording *rec)
{
	const struct recording_build_id *id = recording_build_id(rec, "[kernel.kallsyms]");

	printf("build_id ");
	for (size_t i = 0; id && i < id->n_bytes; i++)
		printf("%02x", id->bytes[i]);
	putchar('\n');
}

int main(int argc, char **argv)
{
	bool only_counts = argc > 1 && strcmp(argv[1], "--count") == 0;
	struct problem problem = {};
	struct recording_event e;
	struct recording *rec;
	uint64_t n_entries = 0, sum = 0;
	int r = recording_open(STDIN_FILENO, NULL, &rec, &problem);

	if (r < 0) {
		fprintf(stderr, "%s\n", problem.text);
		return 1;
	}
	while ((r = recording_next(rec, &e, &problem)) == 0) {
		if (!only_counts)
			print_event(&e);
		if (e.kind != RECORDING_SAMPLE)
			continue;
		/* touches each entry, so that a measurement does */
		for (uint32_t i = 0; i < e.sample.n_entries; i++)
			sum += e.sample.entries[i].from_ip ^ e.sample.entries[i].to_ip;
		n_entries += e.sample.n_entries;
	}
	printf("n_entries %" PRIu64 "\nsum %" PRIx64 "\n", n_entries, sum);
	print_stats(rec);
	print_build_id(rec);
	if (r != RECORDING_E_END)
		fprintf(stderr, "%s\n", problem.text);
	recording_close(rec);
	return r != RECORDING_E_END;
}
