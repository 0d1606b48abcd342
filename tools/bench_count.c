/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast are branch stacks counted?
 *
 * A made-up kernel: n branches at ascending addresses. Branch i jumps to a little before branch
 * next[i], a permutation; what runs from there takes that branch, or falls through it to the
 * following one. So each branch is equally hot, and there are two distinct ranges for each. Every
 * 64th branch leaves for user space and comes back. With --zipf, the permutation stays within
 * clusters of 64 branches and the cluster that a stack runs in is drawn by Zipf's law.
 *
 * The yardstick is the plain sum over all words of the same stacks, in the same run, in alternating
 * rounds: the machine may be busy with other things, the ratio of the two says more than either.
 * Times are CPU time of this thread; printed are medians over the rounds, with --json as one object
 * a line.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "aggregate/counters.h"
#include "base/hash.h"
#include "base/macros.h"
#include "collect/branch.h"

#define STACK_DEPTH 32u
/* 50 MB: more than the caches that a core has to itself, so stacks come from as far as a ring's. */
#define N_STACKS_DEFAULT (1u << 16)
#define N_ROUNDS_MAX 10000u
#define CLUSTER 64u
#define EXIT_SPACING 64u

#define WINDOW_IP 0xffffffff01000000ull
#define TEXT_OFF 0x80000000u
#define USER_IP 0x7f1234560000ull

struct options {
	size_t n_edges; /* 0: 10,000, 100,000 and 1,000,000 */
	size_t n_slots; /* of the edge table, ranges have twice as many; 0: four times n_edges */
	size_t n_stacks;
	double seconds; /* each */
	enum chain_rule chain;
	bool zipf, json;
};

struct stacks {
	struct branch_entry *entries; /* n * STACK_DEPTH, aligned to a cache line */
	size_t n;
};

struct kernel {
	size_t n;
	uint64_t *from_ip; /* ascending */
	uint64_t *to_ip;
	uint32_t *next;
	double *cluster_share; /* cumulated, ends in 1; NULL without --zipf */
	size_t n_clusters;
};

struct result {
	struct counters_fill fill;
	size_t n_rounds;
	double first_rate; /* branches a second while the tables fill */
	double rate;	   /* branches a second, median */
	double read_rate;  /* branches a second that are only summed up, median */
};

static uint64_t random_below(uint64_t *rng, uint64_t n)
{
	return (uint64_t)((unsigned __int128)hash_u64((*rng)++) * n >> 64);
}

static void kernel_deinit(struct kernel *kernel)
{
	free(kernel->from_ip);
	free(kernel->to_ip);
	free(kernel->next);
	free(kernel->cluster_share);
}

static void shuffle(uint32_t *items, size_t n, uint64_t *rng)
{
	for (size_t i = n; i > 1; i--) {
		size_t k = random_below(rng, i);
		uint32_t other = items[k];

		items[k] = items[i - 1];
		items[i - 1] = other;
	}
}

static int share_out(struct kernel *kernel)
{
	double sum = 0;

	kernel->n_clusters = (kernel->n + CLUSTER - 1) / CLUSTER;
	kernel->cluster_share = calloc(kernel->n_clusters, sizeof(double));
	if (!kernel->cluster_share)
		return -ENOMEM;
	for (size_t i = 0; i < kernel->n_clusters; i++)
		kernel->cluster_share[i] = sum += 1.0 / (double)(i + 1);
	for (size_t i = 0; i < kernel->n_clusters; i++)
		kernel->cluster_share[i] /= sum;
	return 0;
}

static int kernel_init(struct kernel *kernel, size_t n, bool zipf, uint64_t *rng)
{
	size_t stretch = zipf ? CLUSTER : n;
	uint64_t ip = WINDOW_IP + TEXT_OFF;

	*kernel = (struct kernel){ .n = n };
	kernel->from_ip = calloc(n, sizeof(*kernel->from_ip));
	kernel->to_ip = calloc(n, sizeof(*kernel->to_ip));
	kernel->next = calloc(n, sizeof(*kernel->next));
	if (!kernel->from_ip || !kernel->to_ip || !kernel->next || (zipf && share_out(kernel)))
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		ip += 16 + random_below(rng, 100);
		kernel->from_ip[i] = ip;
		kernel->next[i] = (uint32_t)i;
	}
	for (size_t i = 0; i < n; i += stretch)
		shuffle(kernel->next + i, n - i < stretch ? n - i : stretch, rng);
	for (size_t i = 0; i < n; i++)
		kernel->to_ip[i] = kernel->from_ip[kernel->next[i]] - random_below(rng, 16);
	return 0;
}

static size_t pick_first(const struct kernel *kernel, uint64_t *rng)
{
	size_t low = 0, high = kernel->n_clusters - 1, first;
	double at = (double)random_below(rng, 1u << 30) / (1u << 30);

	if (!kernel->cluster_share)
		return random_below(rng, kernel->n);
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (kernel->cluster_share[middle] < at)
			low = middle + 1;
		else
			high = middle;
	}
	first = low * CLUSTER + random_below(rng, CLUSTER);
	return first < kernel->n ? first : low * CLUSTER;
}

/* Runs through the kernel; the newest branch is entries[0]. */
static void run_stack(const struct kernel *kernel, struct branch_entry *entries, uint64_t *rng)
{
	size_t at = pick_first(kernel, rng);

	for (size_t k = STACK_DEPTH; k-- > 0;) {
		entries[k] = (struct branch_entry){
			.from_ip = kernel->from_ip[at],
			.to_ip = kernel->to_ip[at],
			.flags = BRANCH_PREDICTED | random_below(rng, 200) << 4, /* cycles */
		};
		if (k && at % EXIT_SPACING == 0) {
			entries[k - 1] = entries[k];
			entries[k].to_ip = USER_IP + random_below(rng, 1u << 30);
			entries[--k].from_ip = USER_IP + random_below(rng, 1u << 30);
		}
		at = kernel->next[at];
		if (random_below(rng, 10) < 3 && at + 1 < kernel->n)
			at++;
	}
}

static uint8_t classify(void *context, uint32_t from_off, uint32_t to_off)
{
	(void)context;
	return (from_off >= TEXT_OFF ? FROM_GOOD : 0) | (to_off >= TEXT_OFF ? TO_GOOD : 0);
}

static double cpu_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double time_counting(struct counters *counters, const struct stacks *stacks)
{
	double start = cpu_seconds();

	for (size_t i = 0; i < stacks->n; i++)
		counters_add_stack(counters, WINDOW_IP, stacks->entries + i * STACK_DEPTH,
				   STACK_DEPTH, 1);
	return cpu_seconds() - start;
}

typedef uint64_t words __attribute__((vector_size(32)));

/* Several sums, so that reading is what it waits for. */
static double time_reading(const struct stacks *stacks, uint64_t *ret_sum)
{
	const words *items = (const words *)stacks->entries;
	size_t n_items = stacks->n * STACK_DEPTH * sizeof(*stacks->entries) / sizeof(*items);
	words a = { 0 }, b = { 0 }, c = { 0 }, d = { 0 };
	double start = cpu_seconds();

	for (size_t i = 0; i < n_items; i += 4) {
		a += items[i];
		b += items[i + 1];
		c += items[i + 2];
		d += items[i + 3];
	}
	a += b + c + d;
	*ret_sum += a[0] + a[1] + a[2] + a[3];
	return cpu_seconds() - start;
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *items, size_t n)
{
	qsort(items, n, sizeof(*items), compare_doubles);
	return items[n / 2];
}

static int measure(struct counters *counters, const struct stacks *stacks, double seconds,
		   struct result *ret)
{
	cleanup(free_cleanup) double *counting = calloc(N_ROUNDS_MAX, sizeof(double));
	cleanup(free_cleanup) double *reading = calloc(N_ROUNDS_MAX, sizeof(double));
	const double n_branches = (double)(stacks->n * STACK_DEPTH);
	volatile uint64_t keep;
	uint64_t sum = 0;
	double first, spent = 0;
	size_t n = 0;

	if (!counting || !reading)
		return -ENOMEM;
	first = time_counting(counters, stacks);
	while (n < N_ROUNDS_MAX && (spent < seconds || n < 5)) {
		counting[n] = time_counting(counters, stacks);
		reading[n] = time_reading(stacks, &sum);
		spent += counting[n] + reading[n];
		n++;
	}
	keep = sum;
	(void)keep;
	*ret = (struct result){
		.fill = counters_fill(counters),
		.n_rounds = n,
		.first_rate = n_branches / first,
		.rate = n_branches / median(counting, n),
		.read_rate = n_branches / median(reading, n),
	};
	return 0;
}

static int stacks_init(struct stacks *stacks, size_t n, const struct kernel *kernel, uint64_t *rng)
{
	stacks->n = n;
	stacks->entries = aligned_alloc(64, n * STACK_DEPTH * sizeof(*stacks->entries));
	if (!stacks->entries)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		run_stack(kernel, stacks->entries + i * STACK_DEPTH, rng);
	return 0;
}

static void stacks_deinit(struct stacks *stacks)
{
	free(stacks->entries);
}

static int run(const struct options *options, size_t n_edges, struct result *ret)
{
	cleanup(counters_cleanup) struct counters *counters = NULL;
	cleanup(stacks_deinit) struct stacks stacks = { 0 };
	cleanup(kernel_deinit) struct kernel kernel = { 0 };
	struct counters_config config = { .chain = options->chain, .classify = classify };
	const char *what;
	uint64_t rng = 1;
	int r;

	config.n_edge_slots = options->n_slots ? options->n_slots : n_edges * 4;
	config.n_range_slots = config.n_edge_slots * 2;
	r = counters_new(&config, &counters);
	if (r == 0)
		r = kernel_init(&kernel, n_edges, options->zipf, &rng);
	if (r == 0)
		r = stacks_init(&stacks, options->n_stacks, &kernel, &rng);
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

static bool parse_size(const char *text, size_t max, size_t *ret)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (*end || !v || v > max)
		return false;
	*ret = v;
	return true;
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
			ok = parse_size(optarg, 1u << 24, &options->n_edges);
		else if (c == 'n')
			ok = parse_size(optarg, N_SLOTS_MAX / 2, &options->n_slots);
		else if (c == 'k')
			ok = parse_size(optarg, 1u << 20, &options->n_stacks);
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
