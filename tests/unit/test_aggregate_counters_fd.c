/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters that change hands: what a sound descriptor gives back, what each broken one is refused
 * for, and what is left when a process is killed in the middle of its work.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
#include "aggregate/branch_counts.h"
#include "aggregate/counters.h"
#include "aggregate/counters_fd.h"
#include "aggregate/counters_inside.h"
#include "base/hash.h"
#include "base/problem.h"
#include "collect/branch.h"

#define WINDOW_IP 0xffffffff01000000ull
#define TEXT_IP (WINDOW_IP + 0x80000000u)
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW)

static uint8_t classify(void *context, uint32_t from_off, uint32_t to_off)
{
	const uint32_t *end_off = context;

	return (from_off < *end_off ? FROM_GOOD : 0) | (to_off < *end_off ? TO_GOOD : 0);
}

static uint32_t text_end_off = 0x80000400u;

static const struct counters_config config = {
	.n_edge_slots = 64,
	.n_range_slots = 128,
	.chain = CHAIN_CUT,
	.classify = classify,
	.context = &text_end_off,
};

static const struct counters_identity identity = {
	.build_id = { 1, 2, 3, 4 },
	.n_build_id_bytes = 20,
	.boot_id = { 5, 6, 7 },
	.source = 4711,
};

/* 1 to 12 entries among some 30 edges; a quarter of the halves are not text. */
static size_t make_stack(uint64_t seed, struct branch_entry entries[12])
{
	uint64_t rng = hash_u64(seed);
	size_t n = 1 + rng % 12;

	for (size_t i = 0; i < n; i++) {
		uint64_t v = hash_u64(++rng);

		entries[i] = (struct branch_entry){
			.from_ip = TEXT_IP + (v % 5 + 1) * 0x100,
			.to_ip = TEXT_IP + (v >> 8) % 6 * 0x100,
			.flags = (v >> 16) % 16 == 0 ? BRANCH_SPEC_WRONG_PATH : 0,
		};
	}
	return n;
}

/* Stacks, and an address after each. */
static void add_stacks(struct counters *counters, uint64_t first, uint64_t n)
{
	struct branch_entry entries[12];

	for (uint64_t i = first; i < first + n; i++) {
		size_t n_entries = make_stack(i, entries);

		counters_add_stack(counters, WINDOW_IP, entries, n_entries, 1 + i % 3);
		/* two of six are not text */
		counters_add_ip(counters, WINDOW_IP, TEXT_IP + hash_u64(i) % 6 * 0x100, 1 + i % 3);
	}
}

static int new_in_fd(struct counters **ret)
{
	int fd = -1;

	assert_int_equal(counters_new_in_fd(&config, &identity, ret, &fd), 0);
	return fd;
}

static void assert_same(const struct counters *a, const struct counters *b)
{
	struct branch_counts x, y;

	assert_memory_equal(counters_totals(a), counters_totals(b), sizeof(struct counters_totals));
	assert_int_equal(counters_snapshot(a, TEXT_IP, &x), 0);
	assert_int_equal(counters_snapshot(b, TEXT_IP, &y), 0);
	assert_int_equal(x.n_branches, y.n_branches);
	assert_int_equal(x.n_ranges, y.n_ranges);
	assert_memory_equal(x.branches, y.branches, x.n_branches * sizeof(*x.branches));
	assert_memory_equal(x.ranges, y.ranges, x.n_ranges * sizeof(*x.ranges));
	branch_counts_deinit(&x);
	branch_counts_deinit(&y);
}

static void assert_balanced(const struct counters *counters)
{
	const char *what = "";

	if (counters_check(counters, &what))
		fail_msg("%s", what);
}

static void test_counters_fd_next_process_counts_on(void **state)
{
	struct counters *first, *second, *whole;
	struct problem problem = { "" };
	int fd = new_in_fd(&first);

	(void)state;
	add_stacks(first, 0, 100);
	strcpy(counters_note(first), "lost 7");
	counters_free(first);
	assert_int_equal(counters_adopt(fd, &config, &identity, &second, &problem), 0);
	close(fd);
	assert_string_equal(counters_note(second), "lost 7");
	add_stacks(second, 100, 100);
	assert_int_equal(counters_new(&config, &whole), 0);
	add_stacks(whole, 0, 200);
	assert_same(second, whole);
	assert_balanced(second);
	counters_reset(second);
	assert_int_equal(counters_totals(second)->n_stacks, 0);
	assert_string_equal(counters_note(second), "lost 7");
	counters_free(second);
	counters_free(whole);
}

static void test_counters_fd_cannot_be_resized(void **state)
{
	struct counters *counters;
	int fd = new_in_fd(&counters);

	(void)state;
	assert_int_equal(fcntl(fd, F_GET_SEALS) & SEALS, SEALS);
	assert_int_equal(ftruncate(fd, 4096), -1);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	counters_free(counters);
	close(fd);
}

static void test_counters_fd_smaller_tables_are_adopted_and_merge(void **state)
{
	struct counters_config larger = config;
	struct counters *small, *adopted, *large;
	struct problem problem;
	int fd = new_in_fd(&small);

	(void)state;
	larger.n_edge_slots *= 4;
	larger.n_range_slots *= 4;
	add_stacks(small, 0, 50);
	assert_int_equal(counters_adopt(fd, &larger, &identity, &adopted, &problem), 0);
	assert_int_equal(counters_fill(adopted).n_edge_slots, 64);
	assert_int_equal(counters_new(&larger, &large), 0);
	assert_int_equal(counters_merge(large, adopted), 0);
	assert_same(large, small);
	counters_free(small);
	counters_free(adopted);
	counters_free(large);
	close(fd);
}

/* What is done to a sound block, and what adopting it says then. */

static struct slot *used_slot(struct block *block, bool is_range, bool is_used)
{
	struct slot *slot = (struct slot *)((char *)block + HEADER_BYTES);

	if (is_range)
		slot += block->n_edge_slots;
	for (slot++; (slot->key != 0) != is_used; slot++)
		;
	return slot;
}

#define MANGLE(name, statement)                                                                    \
	static void name(struct block *b)                                                          \
	{                                                                                          \
		statement;                                                                         \
	}

MANGLE(harmless, b->note[0] = 1)
MANGLE(bad_magic, b->magic ^= 1)
MANGLE(next_version, b->version++)
MANGLE(longer_header, b->n_header_bytes += 8)
MANGLE(one_byte_more, b->n_bytes++)
MANGLE(no_edge_slots, b->n_edge_slots = 0)
MANGLE(odd_edge_slots, b->n_edge_slots = 65)
MANGLE(huge_edge_slots, b->n_edge_slots = 1ull << 40)
MANGLE(wrapping_edge_slots, b->n_edge_slots = (1ull << 60) + 64)
MANGLE(more_edge_slots, b->n_edge_slots = 128)
MANGLE(more_range_slots, b->n_range_slots = 256)
MANGLE(swapped_slots, b->n_edge_slots = 128; b->n_range_slots = 64)
MANGLE(fewer_range_slots, b->n_range_slots = 64)
MANGLE(other_build_id, b->identity.build_id[3]++)
MANGLE(longer_build_id, b->identity.n_build_id_bytes++)
MANGLE(other_boot, b->identity.boot_id[15]++)
MANGLE(other_source, b->identity.source++)
MANGLE(other_chain, b->chain = CHAIN_LLVM)
MANGLE(no_chain, b->chain = 77)
MANGLE(more_edges, b->n_edges++)
MANGLE(more_ranges, b->n_ranges++)
MANGLE(more_stacks, b->totals.n_stacks++)
MANGLE(more_entries, b->totals.n_entries++)
MANGLE(more_kept, b->totals.n_kept++)
MANGLE(more_kept_weight, b->totals.kept_weight++)
MANGLE(more_pairs_weight, b->totals.pairs_weight++)
MANGLE(huge_added_weight, b->totals.added_weight = 1ull << 63)
MANGLE(no_added_weight, b->totals.added_weight = 0)
MANGLE(more_of_an_edge, used_slot(b, false, true)->value++)
MANGLE(more_of_a_range, used_slot(b, true, true)->value++)
MANGLE(bits_of_a_range, used_slot(b, true, true)->value |= VALUE_FIRST_STANDS)
MANGLE(other_class, used_slot(b, false, true)->value ^= VALUE_BITS)
MANGLE(empty_edge_counts, used_slot(b, false, false)->value = 1)
MANGLE(empty_range_counts, used_slot(b, true, false)->value = 1)
MANGLE(empty_edge_has_class, used_slot(b, false, false)->value = VALUE_BITS)
MANGLE(misplaced_key, used_slot(b, false, true)->key ^= 1ull << 40)
MANGLE(key_in_slot_0, ((struct slot *)((char *)b + HEADER_BYTES))->key = 5)
MANGLE(class_in_slot_0, ((struct slot *)((char *)b + HEADER_BYTES))->value |= VALUE_BITS)
MANGLE(unknown_task, b->task = 9)
MANGLE(in_a_merge, b->task = TASK_MERGE)
MANGLE(in_a_reset, b->task = TASK_RESET)
MANGLE(in_a_stack_but_damaged, b->task = TASK_STACK; used_slot(b, true, true)->value += 1000)
MANGLE(in_a_large_stack, b->task = TASK_STACK; used_slot(b, true, true)->value += 3000)
MANGLE(in_a_stack_but_less, b->task = TASK_STACK; used_slot(b, true, true)->value--)
MANGLE(in_a_stack_edge_damaged, b->task = TASK_STACK; used_slot(b, false, true)->value += 1000)

static const struct {
	void (*mangle)(struct block *);
	int result;
	const char *why; /* a part of the sentence */
} mangles[] = {
	{ harmless, 0, "" },
	{ bad_magic, COUNTERS_E_BROKEN, "no header" },
	{ next_version, COUNTERS_E_BROKEN, "another version" },
	{ longer_header, COUNTERS_E_BROKEN, "another version" },
	{ one_byte_more, COUNTERS_E_BROKEN, "the size is not" },
	{ no_edge_slots, COUNTERS_E_BROKEN, "impossible number" },
	{ odd_edge_slots, COUNTERS_E_BROKEN, "impossible number" },
	{ huge_edge_slots, COUNTERS_E_BROKEN, "impossible number" },
	{ wrapping_edge_slots, COUNTERS_E_BROKEN, "impossible number" },
	{ more_edge_slots, COUNTERS_E_BROKEN, "larger than configured" },
	{ more_range_slots, COUNTERS_E_BROKEN, "larger than configured" },
	{ swapped_slots, COUNTERS_E_BROKEN, "larger than configured" },
	{ fewer_range_slots, COUNTERS_E_BROKEN, "the size is not" },
	{ other_build_id, COUNTERS_E_OTHER, "another kernel" },
	{ longer_build_id, COUNTERS_E_OTHER, "another kernel" },
	{ other_boot, COUNTERS_E_OTHER, "started anew" },
	{ other_source, COUNTERS_E_OTHER, "another event" },
	{ other_chain, COUNTERS_E_OTHER, "chain rule" },
	{ no_chain, COUNTERS_E_OTHER, "chain rule" },
	{ more_edges, COUNTERS_E_BROKEN, "number of keys" },
	{ more_ranges, COUNTERS_E_BROKEN, "number of keys" },
	{ more_stacks, COUNTERS_E_BROKEN, "stacks are not" },
	{ more_entries, COUNTERS_E_BROKEN, "entries are not" },
	{ more_kept, COUNTERS_E_BROKEN, "are not" },
	{ more_kept_weight, COUNTERS_E_BROKEN, "edge table counts" },
	{ more_pairs_weight, COUNTERS_E_BROKEN, "range table counts" },
	{ huge_added_weight, COUNTERS_E_BROKEN, "more was added" },
	{ no_added_weight, COUNTERS_E_BROKEN, "counts more than was added" },
	{ more_of_an_edge, COUNTERS_E_BROKEN, "edge table counts" },
	{ more_of_a_range, COUNTERS_E_BROKEN, "range table counts" },
	{ bits_of_a_range, COUNTERS_E_BROKEN, "range table counts" },
	{ empty_edge_counts, COUNTERS_E_BROKEN, "empty slot" },
	{ empty_range_counts, COUNTERS_E_BROKEN, "range table counts" },
	{ empty_edge_has_class, COUNTERS_E_BROKEN, "empty slot" },
	{ misplaced_key, COUNTERS_E_BROKEN, "" },
	{ key_in_slot_0, COUNTERS_E_BROKEN, "" },
	{ class_in_slot_0, COUNTERS_E_BROKEN, "empty slot" },
	{ unknown_task, COUNTERS_E_BROKEN, "unknown task" },
	{ in_a_merge, COUNTERS_E_BROKEN, "in a merge" },
	{ in_a_reset, 0, "" },
	{ in_a_stack_but_damaged, COUNTERS_E_BROKEN, "more than a stack" },
	{ in_a_large_stack, COUNTERS_E_BROKEN, "more than a stack" },
	{ in_a_stack_but_less, COUNTERS_E_BROKEN, "more than a stack" },
	{ in_a_stack_edge_damaged, COUNTERS_E_BROKEN, "more than a stack" },
	/* the sum of kept entries is what finds it, or the classifier */
	{ other_class, COUNTERS_E_BROKEN, "edge table counts" },
};

static void test_counters_fd_mangled_block_is_refused_with_a_sentence(void **state)
{
	(void)state;
	for (size_t i = 0; i < array_size(mangles); i++) {
		struct counters *counters, *adopted = NULL;
		struct problem problem = { "" };
		int fd = new_in_fd(&counters), r;

		add_stacks(counters, 0, 60);
		mangles[i].mangle(counters->block);
		r = counters_adopt(fd, &config, &identity, &adopted, &problem);
		if (r != mangles[i].result || !strstr(problem.text, mangles[i].why))
			fail_msg("mangle %zu: %d, %s", i, r, problem.text);
		if (r == 0)
			assert_balanced(adopted);
		assert_int_equal(r == 0, adopted != NULL);
		counters_free(adopted);
		counters_free(counters);
		close(fd);
	}
}

static void test_counters_fd_edges_classified_differently_are_refused(void **state)
{
	struct counters *counters, *adopted;
	struct problem problem;
	int fd = new_in_fd(&counters);

	(void)state;
	add_stacks(counters, 0, 60);
	text_end_off += 0x100;
	assert_int_equal(counters_adopt(fd, &config, &identity, &adopted, &problem),
			 COUNTERS_E_OTHER);
	text_end_off -= 0x100;
	assert_non_null(strstr(problem.text, "classified differently"));
	counters_free(counters);
	close(fd);
}

/* A copy of the block in a descriptor of this size and with these seals. */
static int copy_block(const struct block *block, size_t n_bytes, int seals)
{
	int fd = memfd_create("copy", MFD_ALLOW_SEALING);
	size_t n = n_bytes < block->n_bytes ? n_bytes : block->n_bytes;

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)n_bytes), 0);
	assert_int_equal(write(fd, block, n), n);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static void test_counters_fd_of_the_wrong_kind_is_refused(void **state)
{
	struct counters *counters, *adopted;
	struct problem problem;
	int own = new_in_fd(&counters);
	const size_t n_bytes = counters->n_bytes;
	const struct {
		int fd, result;
		const char *why;
	} cases[] = {
		{ copy_block(counters->block, n_bytes, SEALS), 0, "" },
		{ copy_block(counters->block, n_bytes, 0), COUNTERS_E_BROKEN, "not a memory file" },
		{ copy_block(counters->block, n_bytes, F_SEAL_GROW), COUNTERS_E_BROKEN,
		  "not a memory file" },
		{ copy_block(counters->block, n_bytes, F_SEAL_SHRINK), COUNTERS_E_BROKEN,
		  "not a memory file" },
		{ copy_block(counters->block, n_bytes, SEALS | F_SEAL_WRITE), COUNTERS_E_BROKEN,
		  "mapped" },
		{ copy_block(counters->block, n_bytes - 1, SEALS), COUNTERS_E_BROKEN,
		  "the size is not" },
		{ copy_block(counters->block, n_bytes + 1, SEALS), COUNTERS_E_BROKEN,
		  "are more than" },
		{ copy_block(counters->block, 1ull << 40, SEALS), COUNTERS_E_BROKEN,
		  "are more than" },
		{ copy_block(counters->block, HEADER_BYTES, SEALS), COUNTERS_E_BROKEN,
		  "the size is not" },
		{ copy_block(counters->block, HEADER_BYTES - 1, SEALS), COUNTERS_E_BROKEN,
		  "smaller than" },
		{ copy_block(counters->block, 0, SEALS), COUNTERS_E_BROKEN, "smaller than" },
		{ open("/dev/null", O_RDWR), COUNTERS_E_BROKEN, "not a memory file" },
		{ open("/proc/self/exe", O_RDONLY), COUNTERS_E_BROKEN, "not a memory file" },
		{ -1, COUNTERS_E_BROKEN, "not a memory file" },
	};

	(void)state;
	for (size_t i = 0; i < array_size(cases); i++) {
		int r = counters_adopt(cases[i].fd, &config, &identity, &adopted, &problem);

		if (r != cases[i].result || (r && !strstr(problem.text, cases[i].why)))
			fail_msg("case %zu: %d, %s", i, r, problem.text);
		if (r == 0)
			counters_free(adopted);
		if (cases[i].fd >= 0)
			close(cases[i].fd);
	}
	counters_free(counters);
	close(own);
}

static void test_counters_fd_bad_config_is_refused(void **state)
{
	struct counters_identity long_id = identity;
	struct counters_config tiny = config;
	struct counters *counters;
	struct problem problem;
	int fd;

	(void)state;
	tiny.n_edge_slots = 1;
	long_id.n_build_id_bytes = BUILD_ID_BYTES_MAX + 1;
	assert_int_equal(counters_new_in_fd(&tiny, &identity, &counters, &fd), -EINVAL);
	assert_int_equal(counters_new_in_fd(&config, &long_id, &counters, &fd), -EINVAL);
	assert_int_equal(counters_adopt(0, &tiny, &identity, &counters, &problem), -EINVAL);
}

#define N_STEPPED 6u

/* What a child does, one instruction at a time, and what its totals are in between. */
struct stepped {
	struct counters *counters;		     /* in a memfd */
	struct counters *other;			     /* to be merged */
	struct counters_totals after[N_STEPPED + 1]; /* so many stacks */
	uint64_t n_looks[TASK_MERGE + 1];	     /* by the task in which it was looked at */
	uint64_t n_stacks_max;
};

static void assert_between(uint64_t low, uint64_t n, uint64_t high)
{
	assert_true(low <= n && n <= high);
}

/* So many stacks were begun or done: the numbers are those of the ones before, and of a part. */
static void assert_plausible(const struct stepped *s, const struct counters *adopted)
{
	const struct counters_totals *t = counters_totals(adopted);
	const struct counters_totals *low = &s->after[t->n_stacks ? t->n_stacks - 1 : 0];
	const struct counters_totals *high =
		&s->after[t->n_stacks < N_STEPPED ? t->n_stacks + 1 : N_STEPPED];

	assert_between(low->n_entries, t->n_entries, high->n_entries);
	assert_between(low->n_kept, t->n_kept, high->n_kept);
	assert_between(low->n_pairs, t->n_pairs, high->n_pairs);
	assert_between(low->kept_weight, t->kept_weight, high->kept_weight);
	assert_between(low->pairs_weight, t->pairs_weight, high->pairs_weight);
	assert_between(low->n_ips, t->n_ips, high->n_ips);
	assert_between(low->n_kept_ips, t->n_kept_ips, high->n_kept_ips);
}

/* Adopts a copy, so that what is stepped through stays as it is. */
static void look(struct stepped *s)
{
	const uint64_t task = s->counters->block->task;
	int fd = copy_block(s->counters->block, s->counters->n_bytes, SEALS), r;
	struct problem problem = { "" };
	struct counters *adopted = NULL;

	s->n_looks[task]++;
	r = counters_adopt(fd, &config, &identity, &adopted, &problem);
	if (r != (task == TASK_MERGE ? COUNTERS_E_BROKEN : 0))
		fail_msg("task %d: %s", (int)task, problem.text);
	if (r == 0) {
		uint64_t n_stacks = counters_totals(adopted)->n_stacks;

		s->n_stacks_max = n_stacks > s->n_stacks_max ? n_stacks : s->n_stacks_max;
		assert_plausible(s, adopted);
		assert_int_equal(adopted->block->task, TASK_NONE);
		/* and it counts on */
		add_stacks(adopted, 1000, 1);
		assert_balanced(adopted);
	}
	counters_free(adopted);
	close(fd);
}

/* In a child, under the eyes of its parent. */
static void __attribute__((noreturn)) work_and_exit(const struct stepped *s)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
		_exit(77); /* not allowed here */
	raise(SIGSTOP);
	add_stacks(s->counters, 0, N_STEPPED);
	counters_reset(s->counters);
	_exit(counters_merge(s->counters, s->other));
}

static void set_up_stepped(struct stepped *s, int *ret_fd)
{
	*s = (struct stepped){ 0 };
	assert_int_equal(counters_new(&config, &s->other), 0);
	for (uint64_t i = 0; i < N_STEPPED; i++) {
		add_stacks(s->other, i, 1);
		s->after[i + 1] = *counters_totals(s->other);
	}
	*ret_fd = new_in_fd(&s->counters);
}

static void test_counters_fd_killed_at_any_instruction_can_be_adopted(void **state)
{
	struct stepped s;
	int fd, status;
	pid_t child;

	(void)state;
	set_up_stepped(&s, &fd);
	child = fork();
	if (child == 0)
		work_and_exit(&s);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (!WIFSTOPPED(status))
		skip();
	while (WIFSTOPPED(status)) {
		assert_int_equal(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		/* the block says when it is worth a look */
		if (s.counters->block->task != TASK_NONE)
			look(&s);
	}
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_true(s.n_looks[TASK_STACK] > 100 * N_STEPPED);
	assert_true(s.n_looks[TASK_IP] > 10 * N_STEPPED);
	assert_true(s.n_looks[TASK_RESET] > 10 && s.n_looks[TASK_MERGE] > 100);
	assert_int_equal(s.n_stacks_max, N_STEPPED);
	assert_same(s.counters, s.other);
	counters_free(s.counters);
	counters_free(s.other);
	close(fd);
}

static void test_counters_fd_killed_process_loses_at_most_its_last_stack(void **state)
{
	uint64_t *n_done =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_true(n_done != MAP_FAILED);
	for (unsigned int round = 0; round < 100; round++) {
		struct counters *counters, *adopted;
		struct problem problem = { "" };
		int fd = new_in_fd(&counters), status;
		uint64_t n_stacks;
		pid_t child;

		*n_done = 0;
		child = fork();
		if (child == 0)
			for (;; __atomic_add_fetch(n_done, 1, __ATOMIC_SEQ_CST))
				add_stacks(counters, *n_done % 50, 1);
		usleep(round * 10);
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
		if (counters_adopt(fd, &config, &identity, &adopted, &problem))
			fail_msg("%s", problem.text);
		n_stacks = counters_totals(adopted)->n_stacks;
		assert_in_range(n_stacks, *n_done, *n_done + 1);
		counters_free(adopted);
		counters_free(counters);
		close(fd);
	}
	munmap(n_done, 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counters_fd_next_process_counts_on),
		cmocka_unit_test(test_counters_fd_cannot_be_resized),
		cmocka_unit_test(test_counters_fd_smaller_tables_are_adopted_and_merge),
		cmocka_unit_test(test_counters_fd_mangled_block_is_refused_with_a_sentence),
		cmocka_unit_test(test_counters_fd_edges_classified_differently_are_refused),
		cmocka_unit_test(test_counters_fd_of_the_wrong_kind_is_refused),
		cmocka_unit_test(test_counters_fd_bad_config_is_refused),
		cmocka_unit_test(test_counters_fd_killed_at_any_instruction_can_be_adopted),
		cmocka_unit_test(test_counters_fd_killed_process_loses_at_most_its_last_stack),
	};

	return cmocka_run_group_tests_name("aggregate/counters_fd", tests, NULL, NULL);
}
