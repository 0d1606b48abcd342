/* SPDX-License-Identifier: Apache-2.0 */
#include "bench_stacks.h"

#include <errno.h>
#include <stdlib.h>
#include "aggregate/counters.h"
#include "base/hash.h"

#define CLUSTER 64u
#define EXIT_SPACING 64u

#define TEXT_OFF 0x80000000u
#define USER_IP 0x7f1234560000ull

struct kernel {
	size_t n;
	uint64_t *from_ip; /* ascending */
	uint64_t *to_ip;
	uint32_t *next;
	double *cluster_share; /* cumulated, ends in 1; NULL unless is_zipf */
	size_t n_clusters;
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
	uint64_t ip = STACKS_WINDOW_IP + TEXT_OFF;

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

static int run_stacks(struct stacks *stacks, const struct kernel *kernel, uint64_t *rng)
{
	stacks->entries = aligned_alloc(64, stacks->n * STACK_DEPTH * sizeof(*stacks->entries));
	if (!stacks->entries)
		return -ENOMEM;
	for (size_t i = 0; i < stacks->n; i++)
		run_stack(kernel, stacks->entries + i * STACK_DEPTH, rng);
	return 0;
}

int stacks_init(struct stacks *stacks, size_t n_stacks, size_t n_edges, bool is_zipf)
{
	cleanup(kernel_deinit) struct kernel kernel = { 0 };
	uint64_t rng = 1;
	int r;

	r = kernel_init(&kernel, n_edges, is_zipf, &rng);
	if (r < 0)
		return r;
	*stacks = (struct stacks){ .n = n_stacks };
	return run_stacks(stacks, &kernel, &rng);
}

void stacks_deinit(struct stacks *stacks)
{
	free(stacks->entries);
}

uint8_t stacks_classify(void *context, uint32_t from_off, uint32_t to_off)
{
	(void)context;
	return (from_off >= TEXT_OFF ? FROM_GOOD : 0) | (to_off >= TEXT_OFF ? TO_GOOD : 0);
}
