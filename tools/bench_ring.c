/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast are rings drained?
 *
 * Samples of 32 branches (bench_stacks.h), as the kernel writes them for IP, TIME and BRANCH_STACK,
 * stand in a number of rings of the usual size, which together are larger than the caches that a
 * core has to itself. A round drains each ring once, in turn, and counts what is in it: the way of
 * the daemon, from the bytes to the tables. Beside it: the same without counting, and the plain sum
 * over all bytes of the same rings (bench_measure.h).
 */
#include <errno.h>
#include <getopt.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "aggregate/counters.h"
#include "base/macros.h"
#include "bench_measure.h"
#include "bench_options.h"
#include "bench_stacks.h"
#include "collect/ring_reader.h"
#include "collect/ring_writer.h"

#define N_ROUNDS_MAX 10000u
#define START_STEP 808u /* bytes that each ring begins later, so that each wraps elsewhere */
#define SAMPLE_BYTES (32u + STACK_DEPTH * sizeof(struct branch_entry))

struct options {
	size_t n_edges, n_rings, n_ring_bytes;
	double seconds;
	bool json;
};

struct rings {
	uint8_t *memory; /* n * n_bytes, aligned to a page */
	struct ring_reader *readers;
	struct ring_bounce *bounce;
	size_t n, n_bytes, n_data_bytes;
	size_t n_samples; /* in all of them */
};

struct result {
	double drain_rate, count_rate; /* samples a second */
	double read_rate;	       /* bytes a second */
	size_t n_rounds;
};

static void rings_deinit(struct rings *rings)
{
	free(rings->memory);
	free(rings->readers);
	free(rings->bounce);
}

/* As many of the stacks as there is room for, from number first on. */
static size_t fill_ring(struct ring_writer *writer, const struct stacks *stacks, size_t first)
{
	struct {
		struct perf_event_header header;
		uint64_t ip, time_ns, nr;
		struct branch_entry entries[STACK_DEPTH];
	} sample = {
		.header = { .type = PERF_RECORD_SAMPLE, .misc = 1, .size = sizeof(sample) },
		.nr = STACK_DEPTH,
	};
	size_t n = 0;

	_Static_assert(sizeof(sample) == SAMPLE_BYTES, "no padding");
	do {
		const struct branch_entry *entries =
			stacks->entries + (first + n) % stacks->n * STACK_DEPTH;

		memcpy(sample.entries, entries, sizeof(sample.entries));
		sample.ip = entries[0].to_ip;
		sample.time_ns = n;
		n++;
	} while (ring_writer_put(writer, &sample, sizeof(sample)));
	return n - 1;
}

static int ring_make(struct rings *rings, size_t i, const struct stacks *stacks)
{
	const struct record_format format = {
		.sample = { .sample_type =
				    PERF_SAMPLE_IP | PERF_SAMPLE_TIME | PERF_SAMPLE_BRANCH_STACK },
		.n_depth = STACK_DEPTH,
	};
	struct ring_reader *reader = &rings->readers[i];
	uint8_t *memory = rings->memory + i * rings->n_bytes;
	struct ring_writer writer;

	ring_writer_init(&writer, memory, rings->n_data_bytes, i * START_STEP);
	rings->n_samples += fill_ring(&writer, stacks, rings->n_samples);
	if (ring_init(&reader->ring, memory, rings->n_bytes, rings->bounce) != 0 ||
	    record_layout_of(&format, &reader->layout) != 0)
		return -EINVAL;
	return 0;
}

static int rings_init(struct rings *rings, const struct options *options,
		      const struct stacks *stacks)
{
	size_t n_bytes = ring_writer_bytes(options->n_ring_bytes);
	int r = 0;

	*rings = (struct rings){
		.memory = aligned_alloc(4096, options->n_rings * n_bytes),
		.readers = calloc(options->n_rings, sizeof(*rings->readers)),
		.bounce = malloc(sizeof(*rings->bounce)),
		.n = options->n_rings,
		.n_bytes = n_bytes,
		.n_data_bytes = options->n_ring_bytes,
	};
	if (!rings->memory || !rings->readers || !rings->bounce)
		return -ENOMEM;
	memset(rings->memory, 0, rings->n * n_bytes);
	for (size_t i = 0; i < rings->n && r == 0; i++)
		r = ring_make(rings, i, stacks);
	return r;
}

/* Drains all, and counts if there are counters. */
static double time_draining(struct rings *rings, struct counters *counters, uint64_t *ret_n)
{
	double start = cpu_seconds();
	struct record record;

	for (size_t i = 0; i < rings->n; i++) {
		struct ring_reader *reader = &rings->readers[i];

		ring_begin(&reader->ring, UINT64_MAX);
		while (ring_reader_next(reader, &record)) {
			if (counters)
				counters_add_stack(counters, STACKS_WINDOW_IP,
						   record.sample.entries, record.sample.n_entries,
						   1);
			++*ret_n;
		}
		ring_end(&reader->ring);
	}
	return cpu_seconds() - start;
}

/* Back to before the drain. */
static void rewind_rings(struct rings *rings)
{
	for (size_t i = 0; i < rings->n; i++)
		rings->readers[i].ring.tail = i * START_STEP;
}

static int measure(struct rings *rings, struct counters *counters, double seconds,
		   struct result *ret)
{
	cleanup(free_cleanup) double *draining = calloc(N_ROUNDS_MAX, sizeof(double));
	cleanup(free_cleanup) double *counting = calloc(N_ROUNDS_MAX, sizeof(double));
	cleanup(free_cleanup) double *reading = calloc(N_ROUNDS_MAX, sizeof(double));
	const size_t n_bytes = rings->n * rings->n_bytes;
	volatile uint64_t keep;
	uint64_t sum = 0, n_read = 0;
	double spent = 0;
	size_t n = 0;

	if (!draining || !counting || !reading)
		return -ENOMEM;
	time_draining(rings, counters, &n_read);
	while (n < N_ROUNDS_MAX && (spent < seconds || n < 5)) {
		rewind_rings(rings);
		draining[n] = time_draining(rings, NULL, &n_read);
		rewind_rings(rings);
		counting[n] = time_draining(rings, counters, &n_read);
		reading[n] = time_reading(rings->memory, n_bytes, &sum);
		spent += draining[n] + counting[n] + reading[n];
		n++;
	}
	keep = sum;
	(void)keep;
	*ret = (struct result){
		.drain_rate = (double)rings->n_samples / median(draining, n),
		.count_rate = (double)rings->n_samples / median(counting, n),
		.read_rate = (double)n_bytes / median(reading, n),
		.n_rounds = n,
	};
	return n_read == (2 * n + 1) * rings->n_samples ? 0 : -EBADMSG;
}

static int run(const struct options *options, struct result *ret)
{
	cleanup(counters_cleanup) struct counters *counters = NULL;
	cleanup(stacks_deinit) struct stacks stacks = { 0 };
	cleanup(rings_deinit) struct rings rings = { 0 };
	const struct counters_config config = {
		.n_edge_slots = options->n_edges * 4,
		.n_range_slots = options->n_edges * 8,
		.chain = CHAIN_CUT,
		.classify = stacks_classify,
	};
	const char *what;
	int r;

	r = counters_new(&config, &counters);
	if (r == 0)
		r = stacks_init(&stacks, N_STACKS_DEFAULT, options->n_edges, false);
	if (r == 0)
		r = rings_init(&rings, options, &stacks);
	if (r == 0)
		r = measure(&rings, counters, options->seconds, ret);
	return r < 0 ? r : counters_check(counters, &what);
}

static void print(const struct options *options, const struct result *r)
{
	double ratio = r->count_rate * SAMPLE_BYTES / r->read_rate;

	if (options->json) {
		printf("{\"edges\":%zu,\"rings\":%zu,\"ring_bytes\":%zu,\"rounds\":%zu,",
		       options->n_edges, options->n_rings, options->n_ring_bytes, r->n_rounds);
		printf("\"drained_samples_per_second\":%.0f,\"counted_samples_per_second\":%.0f,",
		       r->drain_rate, r->count_rate);
		printf("\"read_bytes_per_second\":%.0f,\"ratio\":%.3f}\n", r->read_rate, ratio);
		return;
	}
	printf("%zu rings of %zu KiB, %zu edges, samples of %zu bytes, %zu rounds\n",
	       options->n_rings, options->n_ring_bytes >> 10, options->n_edges,
	       (size_t)SAMPLE_BYTES, r->n_rounds);
	printf("drained              %6.2f M samples/s (%.1f GB/s)\n", r->drain_rate / 1e6,
	       r->drain_rate * SAMPLE_BYTES / 1e9);
	printf("drained and counted  %6.2f M samples/s (%.1f GB/s), ratio %.3f\n",
	       r->count_rate / 1e6, r->count_rate * SAMPLE_BYTES / 1e9, ratio);
	printf("plainly read         %6.2f GB/s\n", r->read_rate / 1e9);
}

static int parse_options(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
		{ "edges", required_argument, NULL, 'e' },
		{ "rings", required_argument, NULL, 'r' },
		{ "kib", required_argument, NULL, 'b' },
		{ "seconds", required_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ 0 },
	};
	size_t n_kib = 64;
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) >= 0) {
		bool ok = true;

		if (c == 'e')
			ok = bench_parse_size(optarg, 1u << 24, &options->n_edges);
		else if (c == 'r')
			ok = bench_parse_size(optarg, 1u << 12, &options->n_rings);
		else if (c == 'b')
			ok = bench_parse_size(optarg, 1u << 16, &n_kib) &&
			     (n_kib & (n_kib - 1)) == 0;
		else if (c == 's')
			options->seconds = strtod(optarg, NULL);
		else if (c == 'j')
			options->json = true;
		else
			ok = false;
		if (!ok)
			return -EINVAL;
	}
	options->n_ring_bytes = n_kib << 10;
	return optind == argc ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
	struct options options = { .n_edges = 10000, .n_rings = 256, .seconds = 2 };
	struct result result = { 0 };
	int r;

	if (parse_options(argc, argv, &options) < 0) {
		fprintf(stderr, "usage: bench-ring [--edges N] [--rings N] [--kib N] [--seconds S] "
				"[--json]\n");
		return 2;
	}
	r = run(&options, &result);
	if (r < 0) {
		fprintf(stderr, "bench-ring: %s\n", strerror(-r));
		return 1;
	}
	print(&options, &result);
	return 0;
}
