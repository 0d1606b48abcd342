/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast are branch stacks counted?
 *
 * bench_stacks.h says what stacks they are. The yardstick is the plain sum over all words of the
 * same stacks, in the same run, in alternating rounds: the machine may be busy with other things,
 * the ratio of the two says more than either. Times are CPU time of this thread; printed are
 * medians over the rounds, with --json as one object a line.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "aggregate/counters.h"
#include "base/macros.h"
#include "bench_measure.h"
#include "bench_options.h"
#include "bench_stacks.h"

#define N_ROUNDS_MAX 10000u

struct options {
	size_t n_edges; /* 0: 10,000, 100,000 and 1,000,000 */
	size_t n_slots; /* of the edge table, ranges have twice as many; 0: four times n_edges */
	size_t n_stacks;
	double seconds; /* each */
	enum chain_rule chain;
	bool zipf, json;
};

struct result {
	struct counters_fill fill;
	size_t n_rounds;
	double first_rate; /* branches a second while the tables fill */
	double rate;	   /* branches a second, median */
	double read_rate;  /* branches a second that are only summed up, median */
};

static double time_counting(struct counters *counters, const struct stacks *stacks)
{
	double start = cpu_seconds();

	for (size_t i = 0; i < stacks->n; i++)
		counters_add_stack(counters, STACKS_WINDOW_IP, stacks->entries + i * STACK_DEPTH,
				   STACK_DEPTH, 1);
	return cpu_seconds() - start;
}

static int measure(struct counters *counters, const struct stacks *stacks, double seconds,
		   struct result *ret)
{
	cleanup(free_cleanup) double *counting = calloc(N_ROUNDS_MAX, sizeof(double));
	cleanup(free_cleanup) double *reading = calloc(N_ROUNDS_MAX, sizeof(double));
	const size_t n_branches = stacks->n * STACK_DEPTH;
	volatile uint64_t keep;
	uint64_t sum = 0;
	double first, spent = 0;
	size_t n = 0;

	if (!counting || !reading)
		return -ENOMEM;
	first = time_counting(counters, stacks);
	while (n < N_ROUNDS_MAX && (spent < seconds || n < 5)) {
		counting[n] = time_counting(counters, stacks);
		reading[n] =
			time_reading(stacks->entries, n_branches * sizeof(*stacks->entries), &sum);
		spent += counting[n] + reading[n];
		n++;
	}
	keep = sum;
	(void)keep;
	*ret = (struct result){
		.fill = counters_fill(counters),
		.n_rounds = n,
		.first_rate = (double)n_branches / first,
		.rate = (double)n_branches / median(counting, n),
		.read_rate = (double)n_branches / median(reading, n),
	};
	return 0;
}

static int run(const struct options *options, size_t n_edges, struct result *ret)
{
	cleanup(counters_cleanup) struct counters *counters = NULL;
	cleanup(stacks_deinit) struct stacks stacks = { 0 };
	struct counters_config config = { .chain = options->chain, .classify = stacks_classify };
	const char *what;
	int r;

	config.n_edge_slots = options->n_slots ? options->n_slots : n_edges * 4;
	config.n_range_slots = config.n_edge_slots * 2;
	r = counters_new(&config, &counters);
	if (r == 0)
		r = stacks_init(&stacks, options->n_stacks, n_edges, options->zipf);
	if (r == 0)
		r = measure(counters, &stacks, options->seconds, ret);
	return r < 0 ? r : counters_check(counters, &what);
}

static void print_json(const struct options *options, size_t n_edges, const struct result *r)
{
	printf("{\"edges\":%zu,\"popularity\":\"%s\",\"chain\":\"%s\",\"stacks\":%zu,", n_edges,
	       options->zipf ? "zipf" : "uniform", options->chain == CHAIN_CUT ? "cut" : "llvm",
	       options->n_stacks);
	printf("\"counted_edges\":%zu,\"edge_slots\":%zu,", r->fill.n_edges, r->fill.n_edge_slots);
	printf("\"counted_ranges\":%zu,\"range_slots\":%zu,", r->fill.n_ranges,
	       r->fill.n_range_slots);
	printf("\"rounds\":%zu,\"filling_branches_per_second\":%.0f,", r->n_rounds, r->first_rate);
	printf("\"branches_per_second\":%.0f,\"read_branches_per_second\":%.0f,", r->rate,
	       r->read_rate);
	printf("\"read_bytes_per_second\":%.0f,\"ratio\":%.3f}\n",
	       r->read_rate * sizeof(struct branch_entry), r->rate / r->read_rate);
}

static void print_text(size_t n_edges, const struct result *r)
{
	printf("%9zu edges: %zu in %zu slots, %zu ranges in %zu slots\n", n_edges, r->fill.n_edges,
	       r->fill.n_edge_slots, r->fill.n_ranges, r->fill.n_range_slots);
	printf("          counted %6.1f M branches/s (%.1f while filling)\n", r->rate / 1e6,
	       r->first_rate / 1e6);
	printf("          read    %6.1f M branches/s (%.1f GB/s), ratio %.3f, %zu rounds\n",
	       r->read_rate / 1e6, r->read_rate * sizeof(struct branch_entry) / 1e9,
	       r->rate / r->read_rate, r->n_rounds);
}

static int parse_options(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
		{ "edges", required_argument, NULL, 'e' },
		{ "slots", required_argument, NULL, 'n' },
		{ "stacks", required_argument, NULL, 'k' },
		{ "seconds", required_argument, NULL, 's' },
		{ "chain", required_argument, NULL, 'c' },
		{ "zipf", no_argument, NULL, 'z' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) >= 0) {
		bool ok = true;

		if (c == 'e')
			ok = bench_parse_size(optarg, 1u << 24, &options->n_edges);
		else if (c == 'n')
			ok = bench_parse_size(optarg, N_SLOTS_MAX / 2, &options->n_slots);
		else if (c == 'k')
			ok = bench_parse_size(optarg, 1u << 20, &options->n_stacks);
		else if (c == 's')
			options->seconds = strtod(optarg, NULL);
		else if (c == 'c' && strcmp(optarg, "cut") == 0)
			options->chain = CHAIN_CUT;
		else if (c == 'c' && strcmp(optarg, "llvm") == 0)
			options->chain = CHAIN_LLVM;
		else if (c == 'z')
			options->zipf = true;
		else if (c == 'j')
			options->json = true;
		else
			ok = false;
		if (!ok)
			return -EINVAL;
	}
	return optind == argc ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
	static const size_t sizes[] = { 10000, 100000, 1000000 };
	struct options options = { .seconds = 2, .n_stacks = N_STACKS_DEFAULT };

	if (parse_options(argc, argv, &options) < 0) {
		fprintf(stderr,
			"usage: bench-count [--edges N] [--slots N] [--stacks N] [--seconds S]\n"
			"                   [--chain llvm|cut] [--zipf] [--json]\n");
		return 2;
	}
	for (size_t i = 0; i < (options.n_edges ? 1 : array_size(sizes)); i++) {
		size_t n_edges = options.n_edges ? options.n_edges : sizes[i];
		struct result result = { 0 };
		int r = run(&options, n_edges, &result);

		if (r < 0) {
			fprintf(stderr, "bench-count: %zu edges: %s\n", n_edges, strerror(-r));
			return 1;
		}
		if (options.json)
			print_json(&options, n_edges, &result);
		else
			print_text(n_edges, &result);
	}
	return 0;
}
