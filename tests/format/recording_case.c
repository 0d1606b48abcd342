/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recording_case CASE: writes a recording that lacks something to standard output.
 */
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include "perf_data_writer.h"

#define KERNEL 0xffffffff81000000 /* where synthetic/build puts it */
#define N_SAMPLES 10

struct situation {
	const char *name;
	bool is_stream, has_no_samples, has_no_map, has_no_stacks, has_empty_stacks;
	uint64_t code;		/* where the branches are */
	uint8_t build_id_first; /* 0: the recording has no build id; 0x11: synthetic/build's */
	const char *map;
};

static const struct situation situations[] = {
	{ .name = "no-samples", .has_no_samples = true },
	{ "no-stacks", .has_no_stacks = true },
	{ "empty-stacks", .has_empty_stacks = true },
	{ "no-map", .has_no_map = true },
	{ "module-map", .map = "[some_module]" },
	{ "outside", .code = 0x7f0000000000 },
	{ "no-code", .code = 0xffffffff8f000000 },
	{ "other-kernel", .build_id_first = 0x55 },
	{ "other-kernel-stream", .build_id_first = 0x55, .is_stream = true },
	{ "same-kernel", .build_id_first = 0x11 },
	{ .name = "unknown-kernel" },
};

static void write_samples(struct writer *w, const struct situation *s,
			  const struct writer_event *event)
{
	uint64_t code = s->code ? s->code : KERNEL;
	const struct writer_entry entries[] = { { code, code, 0 }, { code, code, 0 } };

	for (size_t i = 0; i < N_SAMPLES && !s->has_no_samples; i++) {
		const struct writer_sample sample = {
			.event = event,
			.misc = PERF_RECORD_MISC_KERNEL,
			.ip = code,
			.entries = entries,
			.n_entries = s->has_empty_stacks ? 0 : array_size(entries),
		};

		writer_sample(w, &sample);
	}
}

static void write_recording(struct writer *w, const struct situation *s)
{
	const struct writer_event event = {
		.sample_type = PERF_SAMPLE_IP | (s->has_no_stacks ? 0 : PERF_SAMPLE_BRANCH_STACK),
		.branch_sample_type = s->has_no_stacks ? 0 : PERF_SAMPLE_BRANCH_ANY,
		.period = 1,
	};
	const struct writer_build_id kernel = { "[kernel.kallsyms]", 20, s->build_id_first,
						PERF_RECORD_MISC_KERNEL };
	const struct writer_options options = {
		.is_stream = s->is_stream,
		.events = &event,
		.n_events = 1,
		.build_ids = &kernel,
		.n_build_ids = s->build_id_first && !s->is_stream,
	};

	writer_begin(w, &options);
	if (!s->has_no_map)
		writer_mmap(w, PERF_RECORD_MISC_KERNEL, KERNEL, 0x1000000, KERNEL,
			    s->map ? s->map : "[kernel.kallsyms]_text", 0);
	write_samples(w, s, &event);
	if (s->build_id_first && s->is_stream)
		writer_build_id(w, &kernel);
	writer_end(w);
}

int main(int argc, char **argv)
{
	struct writer w;
	bool is_written;

	for (size_t i = 0; argc == 2 && i < array_size(situations); i++) {
		if (strcmp(situations[i].name, argv[1]) != 0)
			continue;
		write_recording(&w, &situations[i]);
		is_written = fwrite(w.out.data, 1, w.out.n_bytes, stdout) == w.out.n_bytes;
		writer_deinit(&w);
		return !is_written;
	}
	return 2;
}
