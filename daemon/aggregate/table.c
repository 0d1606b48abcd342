/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

/*
 * Longest search, 8 KiB of slots. Probing fills aligned blocks of this size one by one; with 3/4 of
 * a large table in use a block of 512 is 6 standard deviations away from being full.
 */
#define N_PROBES_MAX 512u

struct table table_of(struct slot *slots, size_t n_slots, uint64_t *n_used)
{
	return (struct table){
		.slots = slots,
		.n_slots = n_slots,
		.shift = 64 - (unsigned int)__builtin_ctzll(n_slots),
		.n_used = n_used,
	};
}

struct slot *table_probe(const struct table *table, uint64_t key)
{
	size_t home = table_home(table, key);
	size_t n_probes = table->n_slots < N_PROBES_MAX ? table->n_slots : N_PROBES_MAX;

	if (!key)
		return &table->slots[0];
	for (size_t n = 0; n < n_probes; n++) {
		struct slot *slot = &table->slots[home ^ n];

		if (slot->key == key || (!slot->key && slot != table->slots))
			return slot;
	}
	return NULL;
}

void table_insert(const struct table *table, struct slot *slot, uint64_t key, uint64_t bits)
{
	*slot = (struct slot){ .key = key, .value = bits };
	++*table->n_used;
}

static uint64_t add_saturated(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

struct table_audit table_audit(const struct table *table)
{
	struct table_audit audit = {
		.is_findable = !table->slots[0].key,
		.is_clean = !(table->slots[0].value & VALUE_BITS),
	};

	for (size_t i = 0; i < table->n_slots; i++) {
		const struct slot *slot = &table->slots[i];
		uint64_t count = slot->value & COUNT_MAX;

		audit.counted = add_saturated(audit.counted, count);
		audit.bits |= slot->value & VALUE_BITS;
		if (!slot->key) {
			audit.is_clean &= i == 0 || !slot->value;
			continue;
		}
		audit.n_used++;
		if (key_as_counted(slot->key, slot->value))
			audit.kept = add_saturated(audit.kept, count);
		if (table_probe(table, slot->key) != slot)
			audit.is_findable = false;
	}
	return audit;
}
