/* SPDX-License-Identifier: Apache-2.0 */
#include "counters_pages.h"

#include "counters_inside.h"

/* Of x86-64, the longest; arm64 has 4. */
#define INSN_BYTES_MAX 15u

/*
 * Pairs whose ends are further apart are mostly none that ran: a call to elsewhere was missed in
 * between. Code of that length without a taken branch is rare, and then only its ends are known.
 */
#define SPAN_BYTES_MAX (1u << 16)

static void mark(uint64_t *pages, uint32_t off)
{
	uint32_t page = off / COUNTERS_PAGE_BYTES;

	pages[page / 64] |= 1ull << (page % 64);
}

static void mark_insn(uint64_t *pages, uint32_t off)
{
	mark(pages, off);
	if (off <= UINT32_MAX - INSN_BYTES_MAX)
		mark(pages, off + INSN_BYTES_MAX - 1);
}

static void mark_span(uint64_t *pages, uint32_t start_off, uint32_t end_off)
{
	if (start_off >= end_off || end_off - start_off > SPAN_BYTES_MAX)
		return;
	for (uint32_t page = start_off / COUNTERS_PAGE_BYTES; page < end_off / COUNTERS_PAGE_BYTES;
	     page++)
		mark(pages, page * COUNTERS_PAGE_BYTES);
}

/* External halves are in page 0, which is no code and is left out at the end. */
static void mark_edge(uint64_t *pages, uint64_t key)
{
	mark_insn(pages, key_first(key));
	mark_insn(pages, key_second(key));
}

static void mark_range(uint64_t *pages, uint64_t key)
{
	mark_edge(pages, key);
	if (key_first(key) != OFF_EXTERNAL)
		mark_span(pages, key_first(key), key_second(key));
}

bool counters_mark_pages(const struct counters *counters, size_t *pos, size_t n_slots,
			 uint64_t pages[COUNTERS_PAGE_WORDS])
{
	size_t n_edge_slots = counters->edges.n_slots, n = counters_n_slots(counters);
	size_t end = n - *pos < n_slots ? n : *pos + n_slots;

	for (size_t i = *pos; i < end; i++) {
		bool is_edge = i < n_edge_slots;
		const struct slot slot = is_edge ? counters->edges.slots[i]
						 : counters->ranges.slots[i - n_edge_slots];

		if (!slot.key || !(slot.value & COUNT_MAX))
			continue;
		if (is_edge)
			mark_edge(pages, key_as_counted(slot.key, slot.value));
		else
			mark_range(pages, slot.key);
	}
	*pos = end;
	pages[0] &= ~1ull;
	return end == n;
}

size_t counters_list_pages(const uint64_t pages[COUNTERS_PAGE_WORDS], uint32_t *numbers,
			   size_t n_max)
{
	size_t n = 0;

	for (size_t word = 0; word < COUNTERS_PAGE_WORDS; word++)
		for (uint64_t bits = pages[word]; bits; bits &= bits - 1, n++)
			if (n < n_max)
				numbers[n] =
					(uint32_t)(word * 64) + (uint32_t)__builtin_ctzll(bits);
	return n;
}
