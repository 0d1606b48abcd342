/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recording_write FORM N [LONG]: writes a recording of N samples of 32 entries to standard output,
 * in one of the forms below; with LONG, with samples of all the fields that can precede a stack.
 */
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include "perf_data_writer.h"

#define N_ENTRIES 32
#define ATTR_BYTES 128 /* of Linux 6.1: perf refuses what is younger than it */

static const struct {
	const char *name;
	bool is_stream, is_pack2, is_packed, is_big_endian;
} forms[] = {
	{ "file", false, false, false, false },
	{ "stream", true, false, false, false },
	{ "file-zstd", false, false, true, false },
	{ "stream-zstd", true, false, true, false },
	{ "file-zstd2", false, true, true, false },
	{ "file-big-endian", false, false, false, true },
};

static const struct writer_event events[2][2] = {
	{
		{ .sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TIME | PERF_SAMPLE_BRANCH_STACK,
		  .branch_sample_type = PERF_SAMPLE_BRANCH_ANY | PERF_SAMPLE_BRANCH_KERNEL,
		  .period = 500009,
		  .attr_bytes = ATTR_BYTES },
	},
	{
		{ .sample_type = PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP | PERF_SAMPLE_TID |
				 PERF_SAMPLE_TIME | PERF_SAMPLE_ADDR | PERF_SAMPLE_CPU |
				 PERF_SAMPLE_PERIOD | PERF_SAMPLE_READ | PERF_SAMPLE_CALLCHAIN |
				 PERF_SAMPLE_BRANCH_STACK,
		  .read_format = PERF_FORMAT_GROUP | PERF_FORMAT_ID | WRITER_FORMAT_LOST |
				 PERF_FORMAT_TOTAL_TIME_ENABLED,
		  .branch_sample_type = PERF_SAMPLE_BRANCH_ANY | WRITER_BRANCH_HW_INDEX,
		  .sample_id_all = true,
		  .attr_bytes = ATTR_BYTES,
		  .ids = { 11, 12 } },
		{ .sample_type = PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP | PERF_SAMPLE_TIME |
				 PERF_SAMPLE_STREAM_ID | PERF_SAMPLE_READ |
				 PERF_SAMPLE_BRANCH_STACK,
		  .read_format = PERF_FORMAT_ID,
		  .branch_sample_type = PERF_SAMPLE_BRANCH_ANY,
		  .period = 17,
		  .sample_id_all = true,
		  .attr_bytes = ATTR_BYTES,
		  .ids = { 21, 22 } },
	},
};

static void write_samples(struct writer *w, const struct writer_event *e, size_t n, bool is_long)
{
	struct writer_entry entries[N_ENTRIES] = {};
	uint64_t ip = 0x9e3779b97f4a7c15;

	for (size_t i = 0; i < n; i++) {
		struct writer_sample s = {
			.event = &e[is_long ? i % 2 : 0],
			.misc = PERF_RECORD_MISC_KERNEL,
			.period = i,
			.entries = entries,
			.n_entries = i % 64 ? N_ENTRIES : 0,
			.n_values = 3,
			.n_callchain = (uint32_t)(i % 7),
		};

		ip = ip * 6364136223846793005 + 1442695040888963407;
		s.ip = 0xffffffff81000000 | (ip >> 40);
		s.id = s.event->ids[i / 2 % 2];
		for (size_t j = 0; j < N_ENTRIES; j++)
			entries[j] = (struct writer_entry){
				0xffffffff81000000 + (ip >> 44) + j * 16,
				0xffffffff81000000 + (ip >> 42) + j * 16,
				(i + j) % 3 | (ip >> 50) << 4,
			};
		writer_sample(w, &s);
	}
}

int main(int argc, char **argv)
{
	static const struct writer_build_id kernel = { "[kernel.kallsyms]", 20, 0x11,
						       PERF_RECORD_MISC_KERNEL };
	struct writer_options o = {
		.os_release = "6.12.0", .arch = "x86_64", .build_ids = &kernel, .n_build_ids = 1
	};
	bool is_long = argc > 3;
	struct writer w;
	size_t form = 0, n;

	while (argc > 2 && form < array_size(forms) && strcmp(forms[form].name, argv[1]) != 0)
		form++;
	if (argc < 3 || form == array_size(forms))
		return 2;
	n = strtoul(argv[2], NULL, 10);
	o.is_stream = forms[form].is_stream;
	o.is_pack2 = forms[form].is_pack2;
	o.is_big_endian = forms[form].is_big_endian;
	o.pack_ring_bytes = forms[form].is_packed ? 4 << 20 : 0;
	o.events = events[is_long];
	o.n_events = is_long ? 2 : 1;
	writer_begin(&w, &o);
	writer_mmap(&w, PERF_RECORD_MISC_KERNEL, 0xffffffff81000000, 0x1000000, 0xffffffff81000000,
		    "[kernel.kallsyms]_text", is_long ? 4 : 0);
	while (n) {
		size_t n_now = n < 1000 ? n : 1000;

		if (forms[form].is_packed)
			writer_pack(&w);
		write_samples(&w, o.events, n_now, is_long);
		if (forms[form].is_packed)
			writer_unpack(&w, 60000);
		n -= n_now;
	}
	writer_end(&w);
	n = fwrite(w.out.data, 1, w.out.n_bytes, stdout) == w.out.n_bytes;
	writer_deinit(&w);
	return !n;
}
