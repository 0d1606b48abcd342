/* SPDX-License-Identifier: Apache-2.0 */
#include "counters.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include "counters_inside.h"

#define BLOCK_MAGIC 0x31746e756f436641ull /* "AfCount1" */
#define HUGE_PAGE_BYTES ((size_t)2 << 20)

static bool is_slot_number(size_t n)
{
	return n >= N_SLOTS_MIN && n <= N_SLOTS_MAX;
}

static size_t round_up_slots(size_t n)
{
	size_t n_slots = N_SLOTS_MIN;

	while (n_slots < n)
		n_slots *= 2;
	return n_slots;
}

/* A large block is a whole number of huge pages: only such are placed at a multiple of them. */
static size_t block_bytes(size_t n_slots)
{
	size_t n_bytes = HEADER_BYTES + n_slots * sizeof(struct slot);

	if (n_bytes < HUGE_PAGE_BYTES)
		return n_bytes;
	return (n_bytes + HUGE_PAGE_BYTES - 1) & ~(HUGE_PAGE_BYTES - 1);
}

/* Private zeroed memory, in huge pages where the kernel gives them: slots are hit at random. */
static struct block *map_block(size_t n_bytes)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	void *block = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, flags, -1, 0);

	if (block == MAP_FAILED)
		return NULL;
	if (n_bytes >= HUGE_PAGE_BYTES)
		(void)madvise(block, n_bytes, MADV_HUGEPAGE);
	return block;
}

static void view_block(struct counters *counters, struct block *block)
{
	struct slot *slots = (struct slot *)((char *)block + HEADER_BYTES);

	counters->block = block;
	counters->edges = table_of(slots, block->n_edge_slots, &block->n_edges);
	counters->ranges =
		table_of(slots + block->n_edge_slots, block->n_range_slots, &block->n_ranges);
}

int counters_new(const struct counters_config *config, struct counters **ret_counters)
{
	size_t n_edge_slots, n_range_slots, n_bytes;
	struct counters *counters;
	struct block *block;

	if (!is_slot_number(config->n_edge_slots) || !is_slot_number(config->n_range_slots))
		return -EINVAL;
	n_edge_slots = round_up_slots(config->n_edge_slots);
	n_range_slots = round_up_slots(config->n_range_slots);
	n_bytes = block_bytes(n_edge_slots + n_range_slots);
	counters = calloc(1, sizeof(*counters));
	if (!counters)
		return -ENOMEM;
	block = map_block(n_bytes);
	if (!block) {
		free(counters);
		return -ENOMEM;
	}
	*block = (struct block){
		.magic = BLOCK_MAGIC,
		.n_bytes = n_bytes,
		.chain = config->chain,
		.n_edge_slots = n_edge_slots,
		.n_range_slots = n_range_slots,
	};
	*counters = (struct counters){
		.chain = config->chain,
		.classify = config->classify,
		.context = config->context,
	};
	view_block(counters, block);
	*ret_counters = counters;
	return 0;
}

void counters_free(struct counters *counters)
{
	if (!counters)
		return;
	munmap(counters->block, counters->block->n_bytes);
	free(counters);
}

static bool is_table_nearly_full(const struct table *table)
{
	return *table->n_used >= table->n_slots / 4 * 3;
}

bool counters_is_nearly_full(const struct counters *counters)
{
	return is_table_nearly_full(&counters->edges) || is_table_nearly_full(&counters->ranges);
}

struct counters_fill counters_fill(const struct counters *counters)
{
	const struct block *block = counters->block;

	return (struct counters_fill){
		.n_edges = block->n_edges,
		.n_edge_slots = block->n_edge_slots,
		.n_ranges = block->n_ranges,
		.n_range_slots = block->n_range_slots,
	};
}

const struct counters_totals *counters_totals(const struct counters *counters)
{
	return &counters->block->totals;
}

void counters_reset(struct counters *counters)
{
	struct block *block = counters->block;

	memset(counters->edges.slots, 0, block->n_edge_slots * sizeof(struct slot));
	memset(counters->ranges.slots, 0, block->n_range_slots * sizeof(struct slot));
	block->n_edges = 0;
	block->n_ranges = 0;
	block->totals = (struct counters_totals){ 0 };
}
