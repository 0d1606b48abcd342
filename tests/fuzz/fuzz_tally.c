/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tally whose memfds somebody changed: before they are adopted, in whatever state the former
 * process left them, and behind our back afterwards. What is adopted balances and merges; whatever
 * happens then stays within the blocks.
 *
 *   input   u8 calls before, u8 changes before adoption, calls: u8, changes: u8 part, u16 offset in
 *           the block, in words, u64 what is xored; what is left are changes afterwards
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "aggregate/branch_counts.h"
#include "aggregate/tally.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "collect/branch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

#define WINDOW_IP 0xffffffff01000000ull

static const struct tally_config config = {
	.counters = { .n_edge_slots = 64, .n_range_slots = 64, .chain = CHAIN_CUT },
	.identity = { .n_build_id_bytes = 20 },
	.accumulates = true,
};

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static uint8_t classify(void *context, uint32_t from_off, uint32_t to_off)
{
	(void)context;
	return (from_off & 16 ? FROM_GOOD : 0) | (to_off & 32 ? TO_GOOD : 0);
}

static void add_stack(struct counters *counters, uint64_t seed)
{
	struct branch_entry entries[4];

	for (size_t i = 0; i < 4; i++) {
		uint64_t v = hash_u64(seed * 4 + i);

		entries[i] =
			(struct branch_entry){ WINDOW_IP + v % 64, WINDOW_IP + v / 64 % 64, 0 };
	}
	counters_add_stack(counters, WINDOW_IP, entries, 4, 1 + seed % 2);
}

static void call(struct tally *tally, uint8_t choice)
{
	const struct tally_sums sums = { .n_wakeups = choice };

	switch (choice % 8) {
	case 0:
		(void)!tally_close_interval(tally, choice);
		break;
	case 1:
	case 2:
	case 3:
		(void)!tally_work(tally, choice);
		break;
	case 4:
		if (!tally_is_merging(tally))
			tally_discard(tally, choice & 8 ? TALLY_TOTAL : TALLY_CLOSED);
		break;
	case 5:
		tally_note(tally, &sums);
		break;
	case 6:
		if (choice == 254)
			tally_reset(tally, 1);
		break;
	default:
		for (uint64_t i = 0; i < choice / 8u; i++)
			add_stack(tally_live(tally), choice + i);
	}
}

/* All that a daemon does, to the end. */
static void use(struct tally *tally)
{
	for (uint8_t choice = 255; choice > 0; choice -= 15)
		call(tally, choice);
	for (int i = 0; i < 100 && tally_work(tally, 50) == TALLY_E_MORE; i++)
		;
	for (unsigned int i = 0; i < N_TALLY_PARTS; i++) {
		struct branch_counts counts;

		must(counters_snapshot(tally_part(tally, i), WINDOW_IP, &counts) == 0);
		branch_counts_deinit(&counts);
	}
}

struct blocks {
	uint64_t *words[N_TALLY_PARTS];
	size_t n_words;
};

static void change(const struct blocks *blocks, struct bytes *b, size_t n)
{
	for (; n > 0 && bytes_left(b) > 0; n--) {
		uint64_t *words = blocks->words[bytes_u8(b) % N_TALLY_PARTS];
		size_t at = bytes_u16(b) % blocks->n_words;

		words[at] ^= bytes_u64(b);
	}
}

static void check(const struct tally *tally)
{
	const char *what;

	for (unsigned int i = 0; i < N_TALLY_PARTS; i++)
		must(counters_check(tally_part(tally, i), &what) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	struct bytes b = bytes_of(data, n_bytes);
	uint8_t n_calls = bytes_u8(&b), n_changes = bytes_u8(&b);
	struct tally_offer offers[N_TALLY_PARTS];
	struct tally_config wanted = config;
	struct tally_fd fds[N_TALLY_PARTS];
	struct blocks blocks = { .n_words = 0 };
	struct tally *tally;

	wanted.counters.classify = classify;
	must(tally_new(&wanted, &tally, NULL) == 0);
	for (; n_calls > 0 && bytes_left(&b) > 0; n_calls--)
		call(tally, bytes_u8(&b));
	must(tally_fds(tally, fds) == N_TALLY_PARTS);
	for (size_t i = 0; i < N_TALLY_PARTS; i++) {
		offers[i].fd = dup(fds[i].fd);
		blocks.n_words = (size_t)lseek(fds[i].fd, 0, SEEK_END) / 8;
		blocks.words[i] = mmap(NULL, blocks.n_words * 8, PROT_READ | PROT_WRITE, MAP_SHARED,
				       fds[i].fd, 0);
		must(blocks.words[i] != MAP_FAILED);
	}
	tally_free(tally);
	change(&blocks, &b, n_changes);
	must(tally_adopt(&wanted, offers, N_TALLY_PARTS, &tally, NULL) == 0);
	check(tally);
	if (!bytes_left(&b)) {
		use(tally);
		check(tally);
	}
	change(&blocks, &b, SIZE_MAX);
	use(tally);
	tally_free(tally);
	for (size_t i = 0; i < N_TALLY_PARTS; i++) {
		munmap(blocks.words[i], blocks.n_words * 8);
		close(offers[i].fd);
	}
	return 0;
}
