/* SPDX-License-Identifier: Apache-2.0 */
/*
 * thin-recording N IN OUT: a perf.data of N of the samples of another, spread
 * evenly over it: of M samples the i-th stays if i * N / M is less than
 * (i + 1) * N / M, both rounded down. So neighbours that look alike, as loops
 * make them, go first, and each part of the run keeps its share. All other
 * records stay, and so does the order.
 *
 * The form of the file is perf's own (tools/perf/util/header.h, Linux 6.1): a
 * header that names the data section, the data, a table with {offset, size} for
 * each bit of the header's features, the features. What is behind the data moves
 * to the front by what was taken out.
 */
#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct section {
	uint64_t offset;
	uint64_t size;
};

struct file_header {
	char magic[8];
	uint64_t size;
	uint64_t attr_size;
	struct section attrs;
	struct section data;
	struct section event_types;
	uint64_t features[4];
};

/* A record's size has 16 bits. */
static uint8_t record[1 << 16];

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "thin-recording: %s\n", what);
	exit(1);
}

static FILE *open_file(const char *path, const char *mode)
{
	FILE *file = fopen(path, mode);

	if (!file) {
		perror(path);
		exit(1);
	}
	return file;
}

static void get(FILE *file, void *bytes, size_t n_bytes)
{
	if (fread(bytes, 1, n_bytes, file) != n_bytes)
		die("the recording is cut short");
}

static void put(FILE *file, const void *bytes, size_t n_bytes)
{
	if (fwrite(bytes, 1, n_bytes, file) != n_bytes)
		die("cannot write: disk full?");
}

static void seek(FILE *file, uint64_t offset)
{
	if (fseeko(file, (off_t)offset, SEEK_SET))
		die("cannot seek: not a file?");
}

static void copy(FILE *in, FILE *out, uint64_t n_bytes)
{
	while (n_bytes) {
		size_t n = n_bytes < sizeof(record) ? n_bytes : sizeof(record);

		get(in, record, n);
		put(out, record, n);
		n_bytes -= n;
	}
}

/* The next record is in record[] then. */
static struct perf_event_header get_record(FILE *in, uint64_t n_left)
{
	struct perf_event_header header;

	if (n_left < sizeof(header))
		die("half a record at the end of the data");
	get(in, &header, sizeof(header));
	if (header.size < sizeof(header) || header.size > n_left)
		die("a record has an impossible size");
	memcpy(record, &header, sizeof(header));
	get(in, record + sizeof(header), header.size - sizeof(header));
	return header;
}

static uint64_t count_samples(FILE *in, const struct section *data)
{
	uint64_t n_samples = 0;

	seek(in, data->offset);
	for (uint64_t at = 0; at < data->size;) {
		struct perf_event_header header = get_record(in, data->size - at);

		n_samples += header.type == PERF_RECORD_SAMPLE;
		at += header.size;
	}
	return n_samples;
}

/* The bytes that it wrote. */
static uint64_t copy_data(FILE *in, FILE *out, const struct section *data, uint64_t n_wanted,
			  uint64_t n_samples)
{
	uint64_t n_bytes = 0, i = 0;

	seek(in, data->offset);
	for (uint64_t at = 0; at < data->size;) {
		struct perf_event_header header = get_record(in, data->size - at);
		bool is_kept = true;

		at += header.size;
		if (header.type == PERF_RECORD_SAMPLE) {
			is_kept = i * n_wanted / n_samples < (i + 1) * n_wanted / n_samples;
			i++;
		}
		if (!is_kept)
			continue;
		put(out, record, header.size);
		n_bytes += header.size;
	}
	return n_bytes;
}

static void copy_features(FILE *in, FILE *out, const struct file_header *header, uint64_t removed)
{
	struct section table[256];
	uint64_t n_features = 0, end, last = 0;

	for (size_t i = 0; i < 4; i++)
		n_features += __builtin_popcountll(header->features[i]);
	end = header->data.offset + header->data.size + n_features * sizeof(table[0]);
	last = end;
	seek(in, header->data.offset + header->data.size);
	get(in, table, n_features * sizeof(table[0]));
	for (uint64_t i = 0; i < n_features; i++) {
		if (table[i].offset < end)
			die("a feature lies before the table");
		if (table[i].offset + table[i].size > last)
			last = table[i].offset + table[i].size;
		table[i].offset -= removed;
	}
	put(out, table, n_features * sizeof(table[0]));
	copy(in, out, last - end);
}

int main(int argc, char **argv)
{
	struct file_header header;
	uint64_t n_samples, n_wanted, n_bytes;
	FILE *in, *out;

	if (argc != 4)
		die("usage: thin-recording N IN OUT");
	n_wanted = strtoull(argv[1], NULL, 10);
	in = open_file(argv[2], "rb");
	out = open_file(argv[3], "wb");
	get(in, &header, sizeof(header));
	if (memcmp(header.magic, "PERFILE2", 8) != 0 || header.size != sizeof(header))
		die("not a perf.data file");
	n_samples = count_samples(in, &header.data);
	if (n_wanted > n_samples)
		die("it has fewer samples");
	seek(in, 0);
	copy(in, out, header.data.offset);
	n_bytes = copy_data(in, out, &header.data, n_wanted, n_samples);
	copy_features(in, out, &header, header.data.size - n_bytes);
	header.data.size = n_bytes;
	seek(out, 0);
	put(out, &header, sizeof(header));
	if (fclose(out))
		die("cannot write: disk full?");
	printf("%llu\n", (unsigned long long)n_samples);
	return 0;
}
