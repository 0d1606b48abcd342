/* SPDX-License-Identifier: Apache-2.0 */
/*
 * write_recording <SCRIPT: writes a recording to standard output. A line of the script is one of
 *
 *	map START LENGTH PGOFF NAME [FIRST_BYTE]	a mapping of the kernel's; the build id is 20
 *							bytes that count up from FIRST_BYTE
 *	ksymbol START LENGTH TYPE NAME
 *	FROM/TO/… FROM/TO/…				a stack, newest first, as perf script has it
 *
 * All numbers are hexadecimal. What else is there, as the address before a stack, is passed over.
 */
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "perf_data_writer.h"

#define N_ENTRIES_MAX 64
#define KERNEL PERF_RECORD_MISC_KERNEL

static const struct writer_event event = {
	.sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_BRANCH_STACK,
	.branch_sample_type = PERF_SAMPLE_BRANCH_ANY,
	.period = 1,
};

static void write_map(struct writer *w, const char *line)
{
	unsigned long long start, length, pgoff;
	unsigned int first_byte;
	char name[256];
	int n = sscanf(line, "%llx %llx %llx %255s %x", &start, &length, &pgoff, name, &first_byte);
	struct writer_build_id id = { .n_bytes = 20 };

	if (n < 4)
		abort();
	if (n == 5) {
		id.first_byte = (uint8_t)first_byte;
		writer_mmap2(w, KERNEL, start, length, pgoff, name, &id);
	} else {
		writer_mmap(w, KERNEL, start, length, pgoff, name, 0);
	}
}

static void write_ksymbol(struct writer *w, const char *line)
{
	unsigned long long start;
	unsigned int length, type;
	char name[256];

	if (sscanf(line, "%llx %x %x %255s", &start, &length, &type, name) != 4)
		abort();
	writer_record(w, PERF_RECORD_KSYMBOL, KERNEL);
	writer_u64(w, start);
	writer_u32(w, length);
	writer_u16(w, (uint16_t)type);
	writer_u16(w, 0);
	writer_name(w, name);
	writer_record_end(w);
}

static void write_stack(struct writer *w, char *line)
{
	struct writer_entry entries[N_ENTRIES_MAX];
	struct writer_sample sample = { .event = &event, .misc = KERNEL, .entries = entries };
	char *rest = NULL;

	for (char *word = strtok_r(line, " \n", &rest); word && sample.n_entries < N_ENTRIES_MAX;
	     word = strtok_r(NULL, " \n", &rest)) {
		unsigned long long from, to;

		if (sscanf(word, "%llx/%llx", &from, &to) == 2)
			entries[sample.n_entries++] = (struct writer_entry){ from, to, 0 };
	}
	if (sample.n_entries)
		writer_sample(w, &sample);
}

int main(void)
{
	const struct writer_options options = { .events = &event, .n_events = 1 };
	struct writer w;
	char *line = NULL;
	size_t size = 0;

	writer_begin(&w, &options);
	while (getline(&line, &size, stdin) >= 0) {
		if (strncmp(line, "map ", 4) == 0)
			write_map(&w, line + 4);
		else if (strncmp(line, "ksymbol ", 8) == 0)
			write_ksymbol(&w, line + 8);
		else if (strncmp(line, "PERF_RECORD", 11) != 0)
			write_stack(&w, line);
	}
	free(line);
	writer_end(&w);
	if (fwrite(w.out.data, 1, w.out.n_bytes, stdout) != w.out.n_bytes)
		return 1;
	writer_deinit(&w);
	return 0;
}
