/* SPDX-License-Identifier: Apache-2.0 */
#include "counters.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include "counters_inside.h"

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

int block_shape_of(const struct counters_config *config, struct block_shape *ret_shape)
{
	struct block_shape shape;

	if (!is_slot_number(config->n_edge_slots) || !is_slot_number(config->n_range_slots) ||
	    config->n_step_slots > N_SLOTS_MAX)
		return -EINVAL;
	shape.n_edge_slots = round_up_slots(config->n_edge_slots);
	shape.n_range_slots = round_up_slots(config->n_range_slots);
	shape.n_bytes = block_bytes(shape.n_edge_slots + shape.n_range_slots);
	*ret_shape = shape;
	return 0;
}

void block_advise(void *block, size_t n_bytes)
{
	if (n_bytes >= HUGE_PAGE_BYTES)
		(void)madvise(block, n_bytes, MADV_HUGEPAGE);
}

void block_init(struct block *block, const struct block_shape *shape, enum chain_rule chain)
{
	*block = (struct block){
		.magic = BLOCK_MAGIC,
		.version = BLOCK_VERSION,
		.n_header_bytes = sizeof(*block),
		.n_bytes = shape->n_bytes,
		.chain = chain,
		.n_edge_slots = shape->n_edge_slots,
		.n_range_slots = shape->n_range_slots,
	};
}

int counters_wrap(struct block *block, const struct block_shape *shape,
		  const struct counters_config *config, struct counters **ret_counters)
{
	struct slot *slots = (struct slot *)((char *)block + HEADER_BYTES);
	struct counters *counters = calloc(1, sizeof(*counters));

	if (!counters)
		return -ENOMEM;
	*counters = (struct counters){
		.block = block,
		.n_bytes = shape->n_bytes,
		.edges = table_of(slots, shape->n_edge_slots, &block->n_edges),
		.ranges = table_of(slots + shape->n_edge_slots, shape->n_range_slots,
				   &block->n_ranges),
		.chain = config->chain,
		.classify = config->classify,
		.context = config->context,
	};
	*ret_counters = counters;
	return 0;
}

int counters_new(const struct counters_config *config, struct counters **ret_counters)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	struct counters *counters;
	struct block_shape shape;
	void *block;
	int r;

	r = block_shape_of(config, &shape);
	if (r < 0)
		return r;
	block = mmap(NULL, shape.n_bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (block == MAP_FAILED)
		return -ENOMEM;
	block_advise(block, shape.n_bytes);
	block_init(block, &shape, config->chain);
	r = counters_wrap(block, &shape, config, &counters);
	if (r < 0) {
		munmap(block, shape.n_bytes);
		return r;
	}
	r = config->n_step_slots ? steps_new(&counters->steps, config->n_step_slots) : 0;
	if (r < 0) {
		counters_free(counters);
		return r;
	}
	*ret_counters = counters;
	return 0;
}

void counters_free(struct counters *counters)
{
	if (!counters)
		return;
	steps_free(counters->steps);
	munmap(counters->block, counters->n_bytes);
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
		.n_edge_slots = counters->edges.n_slots,
		.n_ranges = block->n_ranges,
		.n_range_slots = counters->ranges.n_slots,
	};
}

const struct counters_totals *counters_totals(const struct counters *counters)
{
	return &counters->block->totals;
}

void *counters_note(struct counters *counters)
{
	return counters->block->note;
}

/* The staged note is whole, so it can be copied again after a kill. */
void block_settle_note(struct block *block)
{
	if (!block->is_note_staged)
		return;
	memcpy(block->note, block->staged_note, sizeof(block->note));
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	block->is_note_staged = false;
}

void counters_write_note(struct counters *counters, const void *note)
{
	struct block *block = counters->block;

	memcpy(block->staged_note, note, sizeof(block->staged_note));
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	block->is_note_staged = true;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	block_settle_note(block);
}

static void clear_table(const struct table *table)
{
	memset(table->slots, 0, table->n_slots * sizeof(struct slot));
	*table->n_used = 0;
}

void counters_settle(struct counters *counters)
{
	if (counters->steps)
		steps_settle(counters->steps, &counters->edges, &counters->ranges);
}

void counters_reset(struct counters *counters)
{
	if (counters->steps)
		steps_clear(counters->steps);
	block_begin(counters->block, TASK_RESET);
	clear_table(&counters->edges);
	clear_table(&counters->ranges);
	counters->block->totals = (struct counters_totals){ 0 };
	block_end(counters->block);
}
