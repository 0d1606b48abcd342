/* SPDX-License-Identifier: Apache-2.0 */
/* The three forms of a recording that are text. */
#include <inttypes.h>

#include "recording.h"

/*
 * What "perf script -F ip,brstack --show-mmap-events" prints, with the IP and
 * its stack on one line: llvm-profgen takes an IP that stands alone for a call
 * chain and then loses ranges.
 */
void write_perf_script(const struct recording *recording, FILE *file)
{
	uint64_t base = recording->text_vaddr + recording->header.slide;
	uint64_t n_words = recording->header.n_entry_words;
	const uint64_t *sample = recording->samples;

	fprintf(file,
		"PERF_RECORD_MMAP -1/0: [0x%" PRIx64 "(0x%" PRIx64 ") @ 0x%" PRIx64
		"]: x [kernel.kallsyms]_text\n",
		base, recording->edata_vaddr - recording->text_vaddr, base);
	for (uint64_t i = 0; i < recording->header.n_samples; i++) {
		fprintf(file, " %" PRIx64, sample_ip(sample));
		for (uint64_t j = 0; j < sample[1]; j++)
			fprintf(file, " 0x%" PRIx64 "/0x%" PRIx64 "/P/-/-/0", sample[2 + n_words * j],
				sample[3 + n_words * j]);
		fputc('\n', file);
		sample += sample_words(recording, sample);
	}
}

static uint64_t vaddr_of(const struct recording *recording, uint64_t ip)
{
	return ip == RAW_EXTERNAL ? ip : ip - recording->header.slide;
}

static void write_pairs(const struct recording *recording, const struct raw_pair *pairs,
			uint64_t n_pairs, const char *between, FILE *file)
{
	fprintf(file, "%" PRIu64 "\n", n_pairs);
	for (uint64_t i = 0; i < n_pairs; i++)
		fprintf(file, "%" PRIx64 "%s%" PRIx64 ":%" PRIu64 "\n",
			vaddr_of(recording, pairs[i].first), between,
			vaddr_of(recording, pairs[i].second), pairs[i].count);
}

/*
 * llvm-profgen's unsymbolized profile with absolute link-time addresses, that
 * is, for --use-offset=0. Exact counts, not samples. A source in user space
 * is 1. Ranges are as they were executed: those that cross an instruction
 * that boot has patched are here although llvm-profgen would reject them.
 */
void write_truth(const struct recording *recording, FILE *file)
{
	write_pairs(recording, recording->ranges, recording->header.n_ranges, "-", file);
	write_pairs(recording, recording->branches, recording->header.n_branches, "->", file);
}

void write_counts(const struct recording *recording, FILE *file)
{
	const struct raw_header *header = &recording->header;
	const struct {
		const char *key;
		uint64_t value;
	} numbers[] = {
		{ "period", header->period },
		{ "samples", header->n_samples },
		{ "distinct_branches", header->n_branches },
		{ "distinct_ranges", header->n_ranges },
		{ "taken_branches", header->n_taken },
		{ "kernel_instructions", header->n_kernel_insns },
		{ "user_instructions", header->n_user_insns },
		{ "kernel_l1i_fetches", header->n_kernel_l1i_fetches },
		{ "kernel_l1i_misses", header->n_kernel_l1i_misses },
		{ "interrupts", header->n_interrupts },
		{ "stack_cuts", header->n_cuts },
		{ "restarted_instructions", header->n_restarts },
		{ "unexplained_transitions", header->n_unexplained },
	};

	fprintf(file, "{\n");
	fprintf(file, "  \"build_id\": \"%s\",\n", recording->build_id_hex);
	fprintf(file, "  \"release\": \"%s\",\n", recording->release);
	fprintf(file, "  \"seed\": %s,\n", recording->seed);
	fprintf(file, "  \"mix\": \"%s\",\n", recording->mix);
	fprintf(file, "  \"amount\": %s,\n", recording->amount);
	fprintf(file, "  \"kaslr\": \"%s\",\n", recording->kaslr);
	fprintf(file, "  \"text_vaddr\": \"0x%" PRIx64 "\",\n", recording->text_vaddr);
	fprintf(file, "  \"text_ip\": \"0x%" PRIx64 "\"", recording->text_vaddr + header->slide);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		fprintf(file, ",\n  \"%s\": %" PRIu64, numbers[i].key, numbers[i].value);
	fprintf(file, "\n}\n");
}
