/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters in a memfd that somebody changed: before they are adopted, and behind our back
 * afterwards. What is adopted balances; whatever happens then stays within the block.
 *
 *   input   u8 stacks counted before, u8 changes before adoption, changes:
 *           u16 offset in the block, in words, u64 what is xored
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "aggregate/branch_counts.h"
#include "aggregate/counters.h"
#include "aggregate/counters_fd.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "base/problem.h"
#include "collect/branch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

#define WINDOW_IP 0xffffffff01000000ull

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

static void add_stacks(struct counters *counters, size_t n)
{
	struct branch_entry entries[4];

	for (size_t i = 0; i < n * 4; i++) {
		uint64_t v = hash_u64(i);

		entries[i % 4] =
			(struct branch_entry){ WINDOW_IP + v % 64, WINDOW_IP + v / 64 % 64, 0 };
		if (i % 4 == 3)
			counters_add_stack(counters, WINDOW_IP, entries, 4, 1 + v % 2);
		if (i % 5 == 4)
			counters_add_ip(counters, WINDOW_IP, WINDOW_IP + v % 128, 1 + v % 2);
	}
}

static void change(uint64_t *words, size_t n_words, struct bytes *b, size_t n)
{
	for (; n > 0 && bytes_left(b) > 0; n--) {
		size_t at = bytes_u16(b) % n_words;

		words[at] ^= bytes_u64(b);
	}
}

/* All that a daemon does with counters. */
static void use(struct counters *counters, const struct counters_config *config)
{
	struct counters *merged;
	struct branch_counts counts;
	const char *what;

	(void)!counters_check(counters, &what);
	add_stacks(counters, 40);
	must(counters_snapshot(counters, WINDOW_IP, &counts) == 0);
	branch_counts_deinit(&counts);
	must(counters_new(config, &merged) == 0);
	(void)!counters_merge(merged, counters);
	(void)!counters_merge(counters, merged);
	counters_free(merged);
	counters_reset(counters);
	add_stacks(counters, 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	const struct counters_config config = {
		.n_edge_slots = 64, .n_range_slots = 64, .chain = CHAIN_CUT, .classify = classify
	};
	const struct counters_identity identity = { .n_build_id_bytes = 20 };
	struct bytes b = bytes_of(data, n_bytes);
	uint8_t n_stacks = bytes_u8(&b), n_changes = bytes_u8(&b);
	struct counters *counters, *adopted;
	struct problem problem;
	const char *what;
	uint64_t *words;
	size_t n_block;
	int fd;

	must(counters_new_in_fd(&config, &identity, &counters, &fd) == 0);
	add_stacks(counters, n_stacks % 32);
	counters_free(counters);
	n_block = (size_t)lseek(fd, 0, SEEK_END);
	words = mmap(NULL, n_block, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	must(words != MAP_FAILED);
	change(words, n_block / sizeof(*words), &b, n_changes);
	if (counters_adopt(fd, &config, &identity, &adopted, &problem) == 0) {
		must(counters_check(adopted, &what) == 0);
		change(words, n_block / sizeof(*words), &b, SIZE_MAX);
		use(adopted, &config);
		counters_free(adopted);
	}
	munmap(words, n_block);
	close(fd);
	return 0;
}
