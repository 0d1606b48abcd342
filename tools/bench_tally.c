/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long does a tally keep the daemon from its rings, and what does a worker need to look at it?
 *
 * Two intervals of the same stacks are closed and merged, first into an empty total, then into one
 * that knows every key; then all is taken up as by the next process, and looked at from a child.
 * Printed is the longest call of each kind, in CPU time of this thread: the machine may be busy
 * with other things.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "aggregate/branch_counts.h"
#include "aggregate/tally.h"
#include "base/macros.h"
#include "bench_measure.h"
#include "bench_options.h"
#include "bench_stacks.h"

struct options {
	size_t n_edges; /* twice as many ranges */
	size_t n_slots; /* of each table of an interval; 0: as the daemon's */
	size_t n_stacks;
	size_t n_slice_slots;
};

struct calls {
	size_t n;
	double longest_s, total_s;
};

static void add_call(struct calls *calls, double start)
{
	double seconds = cpu_seconds() - start;

	calls->n++;
	calls->total_s += seconds;
	if (seconds > calls->longest_s)
		calls->longest_s = seconds;
}

static void print_calls(const char *what, const struct calls *calls)
{
	printf("  %-22s %8.3f ms the longest of %zu, %.1f ms in all\n", what,
	       calls->longest_s * 1e3, calls->n, calls->total_s * 1e3);
}

static struct tally_config config_of(const struct options *options)
{
	struct tally_config config = {
		.counters = {
			.n_edge_slots = TALLY_N_EDGE_SLOTS,
			.n_range_slots = TALLY_N_RANGE_SLOTS,
			.chain = CHAIN_CUT,
			.classify = stacks_classify,
		},
		.accumulates = true,
		.n_total_edge_slots = TALLY_N_TOTAL_EDGE_SLOTS,
		.n_total_range_slots = TALLY_N_TOTAL_RANGE_SLOTS,
	};

	if (options->n_slots) {
		config.counters.n_edge_slots = config.counters.n_range_slots = options->n_slots;
		config.n_total_edge_slots = config.n_total_range_slots = 2 * options->n_slots;
	}
	return config;
}

static void count(struct tally *tally, const struct stacks *stacks)
{
	struct calls calls = { 0 };
	double start = cpu_seconds();

	for (size_t i = 0; i < stacks->n; i++)
		counters_add_stack(tally_live(tally), STACKS_WINDOW_IP,
				   stacks->entries + i * STACK_DEPTH, STACK_DEPTH, 1);
	add_call(&calls, start);
	print_calls("count all stacks", &calls);
}

static int merge(struct tally *tally, size_t n_slice_slots)
{
	struct calls close = { 0 }, keys = { 0 }, counts = { 0 }, clear = { 0 };
	double start = cpu_seconds();
	int r;

	r = tally_close_interval(tally, 1);
	add_call(&close, start);
	while (r == 0 || r == TALLY_E_MORE) {
		struct calls *calls = tally_is_merging(tally) ? &counts
				      : counters_totals(tally_part(tally, TALLY_CLOSED))->n_stacks
					      ? &keys
					      : &clear;
		start = cpu_seconds();
		r = tally_work(tally, n_slice_slots);
		add_call(calls, start);
		if (r == 0)
			break;
	}
	print_calls("close", &close);
	print_calls("merge keys", &keys);
	print_calls("merge counts", &counts);
	print_calls("clear", &clear);
	return r;
}

static void take_up(struct tally **tally, const struct tally_config *config)
{
	struct tally_offer offers[N_TALLY_PARTS];
	struct tally_fd fds[N_TALLY_PARTS];
	size_t n = tally_fds(*tally, fds);
	struct calls calls = { 0 };
	struct problem problem;
	struct tally *next;
	double start;

	for (size_t i = 0; i < n; i++)
		offers[i] = (struct tally_offer){ .fd = dup(fds[i].fd) };
	tally_free(*tally);
	*tally = NULL;
	start = cpu_seconds();
	if (tally_adopt(config, offers, n, &next, &problem) == 0)
		*tally = next;
	add_call(&calls, start);
	print_calls("take up", &calls);
	for (size_t i = 0; i < n; i++)
		close(offers[i].fd);
}

static long rss_max_kib(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

/* In a child, as in the worker. */
static int look(const struct tally_view *view)
{
	struct branch_counts counts;
	struct calls calls = { 0 };
	struct counters *counters;
	struct problem problem;
	long before_kib = rss_max_kib();
	double start = cpu_seconds();

	if (tally_view_open(view, &counters, &problem) != 0 ||
	    counters_snapshot(counters, STACKS_WINDOW_IP, &counts) != 0)
		return 1;
	add_call(&calls, start);
	print_calls("snapshot, in a child", &calls);
	printf("  %-22s %zu branches, %zu ranges; %.1f MiB resident, tables included\n", "",
	       counts.n_branches, counts.n_ranges, (double)(rss_max_kib() - before_kib) / 1024);
	fflush(stdout);
	return 0;
}

static int look_in_child(struct tally *tally)
{
	struct tally_view view;
	int status = 1;
	pid_t child;

	tally_hold(tally);
	view = tally_view(tally, TALLY_TOTAL);
	fflush(stdout);
	child = fork();
	if (child == 0)
		_exit(look(&view));
	waitpid(child, &status, 0);
	tally_release(tally);
	return status == 0 ? 0 : -EIO;
}

static void reset(struct tally *tally)
{
	struct calls calls = { 0 };
	double start = cpu_seconds();

	tally_reset(tally, 1);
	add_call(&calls, start);
	print_calls("reset", &calls);
}

static int run(const struct options *options)
{
	const struct tally_config config = config_of(options);
	cleanup(stacks_deinit) struct stacks stacks = { 0 };
	cleanup(tally_cleanup) struct tally *tally = NULL;
	struct counters_fill fill;
	int r;

	r = stacks_init(&stacks, options->n_stacks, options->n_edges, false);
	if (r == 0)
		r = tally_new(&config, &tally, NULL);
	for (int i = 0; i < 2 && r == 0; i++) {
		printf("interval %d\n", i + 1);
		count(tally, &stacks);
		fill = counters_fill(tally_part(tally, TALLY_LIVE));
		printf("  %-22s %zu edges in %zu slots, %zu ranges in %zu\n", "", fill.n_edges,
		       fill.n_edge_slots, fill.n_ranges, fill.n_range_slots);
		r = merge(tally, options->n_slice_slots);
	}
	if (r != 0)
		return r < 0 ? r : -EOVERFLOW;
	printf("%.1f MiB of tables\n", (double)tally_bytes(&config) / (1 << 20));
	count(tally, &stacks);
	take_up(&tally, &config);
	if (!tally)
		return -EBADMSG;
	r = look_in_child(tally);
	reset(tally);
	return r;
}

static int parse_options(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
		{ "edges", required_argument, NULL, 'e' },
		{ "slots", required_argument, NULL, 'n' },
		{ "stacks", required_argument, NULL, 'k' },
		{ "slice", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) >= 0) {
		bool ok = false;

		if (c == 'e')
			ok = bench_parse_size(optarg, 1u << 24, &options->n_edges);
		else if (c == 'n')
			ok = bench_parse_size(optarg, N_SLOTS_MAX / 2, &options->n_slots);
		else if (c == 'k')
			ok = bench_parse_size(optarg, 1u << 20, &options->n_stacks);
		else if (c == 's')
			ok = bench_parse_size(optarg, 1u << 30, &options->n_slice_slots);
		if (!ok)
			return -EINVAL;
	}
	return optind == argc ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
	struct options options = {
		.n_edges = 48000,
		.n_stacks = N_STACKS_DEFAULT,
		.n_slice_slots = TALLY_SLICE_SLOTS,
	};
	int r;

	if (parse_options(argc, argv, &options) < 0) {
		fprintf(stderr, "usage: bench-tally [--edges N] [--slots N] [--stacks N]"
				" [--slice SLOTS]\n");
		return 2;
	}
	r = run(&options);
	if (r < 0)
		fprintf(stderr, "bench-tally: %s\n", strerror(-r));
	return r < 0;
}
