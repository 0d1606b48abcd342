/* SPDX-License-Identifier: Apache-2.0 */
/* The forms of a recording that are text. */
#include <inttypes.h>
#include <stdlib.h>

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
	for (size_t i = 0; i < recording->n_modules; i++)
		fprintf(file, "PERF_RECORD_MMAP -1/0: [0x%" PRIx64 "(0x%" PRIx64 ") @ 0]: x %s\n",
			recording->modules[i].ip, recording->modules[i].n_bytes,
			recording->modules[i].path);
	for (uint64_t i = 0; i < recording->header.n_samples; i++) {
		fprintf(file, " %" PRIx64, sample_ip(sample));
		for (uint64_t j = 0; j < sample[1]; j++)
			fprintf(file, " 0x%" PRIx64 "/0x%" PRIx64 "/P/-/-/0",
				sample[2 + n_words * j], sample[3 + n_words * j]);
		fputc('\n', file);
		sample += sample_words(recording, sample);
	}
}

static void write_pairs(const struct raw_pair *pairs, uint64_t n_pairs, const char *between,
			FILE *file)
{
	fprintf(file, "%" PRIu64 "\n", n_pairs);
	for (uint64_t i = 0; i < n_pairs; i++)
		fprintf(file, "%" PRIx64 "%s%" PRIx64 ":%" PRIu64 "\n", pairs[i].first, between,
			pairs[i].second, pairs[i].count);
}

static int compare_pairs(const void *left, const void *right)
{
	const struct raw_pair *a = left;
	const struct raw_pair *b = right;

	if (a->first != b->first)
		return a->first < b->first ? -1 : 1;
	return (a->second > b->second) - (a->second < b->second);
}

/* Sorts, and adds up the rows of one pair. The number of rows that are left. */
static uint64_t merge_pairs(struct raw_pair *pairs, uint64_t n_pairs)
{
	uint64_t n = 0;

	qsort(pairs, n_pairs, sizeof(*pairs), compare_pairs);
	for (uint64_t i = 0; i < n_pairs; i++) {
		if (n && !compare_pairs(&pairs[n - 1], &pairs[i]))
			pairs[n - 1].count += pairs[i].count;
		else
			pairs[n++] = pairs[i];
	}
	return n;
}

/* A stretch of run-time addresses, and where it is to be. */
struct window {
	uint64_t ip;
	uint64_t n_bytes;
	uint64_t vaddr;
};

static bool is_in_window(const struct window *window, uint64_t ip)
{
	return ip - window->ip < window->n_bytes;
}

/*
 * What of the pairs is the window's: ranges that are in it, branches into it,
 * from anywhere else as from user space.
 */
static void write_window_pairs(const struct window *window, const struct raw_pair *pairs,
			       uint64_t n_pairs, const char *between, bool is_ranges, FILE *file)
{
	struct raw_pair *in = malloc((n_pairs + 1) * sizeof(*pairs));
	uint64_t n = 0;

	for (uint64_t i = 0; i < n_pairs; i++) {
		struct raw_pair pair = pairs[i];
		bool is_first_in = is_in_window(window, pair.first);

		if (!is_in_window(window, pair.second) || (is_ranges && !is_first_in))
			continue;
		pair.second += window->vaddr - window->ip;
		pair.first = is_first_in ? pair.first + window->vaddr - window->ip : RAW_EXTERNAL;
		in[n++] = pair;
	}
	write_pairs(in, merge_pairs(in, n), between, file);
	free(in);
}

static void write_window(const struct recording *recording, const struct window *window, FILE *file)
{
	write_window_pairs(window, recording->ranges, recording->header.n_ranges, "-", true, file);
	write_window_pairs(window, recording->branches, recording->header.n_branches, "->", false,
			   file);
}

/*
 * llvm-profgen's unsymbolized profile with absolute link-time addresses, that
 * is, for --use-offset=0. Exact counts, not samples. A source that is not in
 * the kernel's image is 1. Ranges are as they were executed: those that cross
 * an instruction that boot has patched are here although llvm-profgen would
 * reject them.
 */
void write_truth(const struct recording *recording, FILE *file)
{
	struct window window = {
		.ip = recording->text_vaddr + recording->header.slide,
		.n_bytes = recording->edata_vaddr - recording->text_vaddr,
		.vaddr = recording->text_vaddr,
	};

	write_window(recording, &window, file);
}

void write_module_truth(const struct recording *recording, const struct module *module, FILE *file)
{
	struct window window = { module->ip, module->n_text_bytes, MODULE_VADDR };

	write_window(recording, &window, file);
}

/* The same at run-time addresses, modules and generated code included. */
void write_truth_ip(const struct recording *recording, FILE *file)
{
	write_pairs(recording->ranges, recording->header.n_ranges, "-", file);
	write_pairs(recording->branches, recording->header.n_branches, "->", file);
}

static uint64_t count_branches(const struct recording *recording, bool is_in_module)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < recording->header.n_branches; i++) {
		uint64_t to = recording->branches[i].second;

		if (!is_in_image(recording, to) && !find_module(recording, to) == !is_in_module)
			n += recording->branches[i].count;
	}
	return n;
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
	if (recording->n_modules)
		fprintf(file,
			",\n  \"modules\": %zu,\n  \"branches_into_modules\": %" PRIu64
			",\n  \"branches_into_generated_code\": %" PRIu64,
			recording->n_modules, count_branches(recording, true),
			count_branches(recording, false));
	fprintf(file, "\n}\n");
}
