/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is offered to a tally at its start: what fits is counted on, the rest is named, and neither
 * hinders the other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "aggregate/tally.h"
#include "aggregate/tally_inside.h"
#include "tally_example.h"

#define N_OFFERS 20u

/* 70 stacks in total, 20 in closed, 10 in live; each with as many used ones noted. */
enum { N_TOTAL = 70, N_CLOSED = 20, N_LIVE = 10 };

static struct tally_offer offers[N_OFFERS];
static size_t n_offers;

static void offer(int fd)
{
	assert_true(n_offers < N_OFFERS);
	offers[n_offers++] = (struct tally_offer){ .fd = fd };
}

static void close_offers(void)
{
	for (size_t i = 0; i < n_offers; i++)
		close(offers[i].fd);
	n_offers = 0;
}

static void count(struct tally *tally, uint64_t first, uint64_t n, struct tally_sums *now)
{
	for (uint64_t i = first; i < first + n; i++)
		add_stack(tally_live(tally), i, 20);
	now->conservation.n_used += n;
	tally_note(tally, now);
}

static struct tally *filled_tally(const struct tally_config *wanted)
{
	struct tally *tally = new_tally(wanted);
	struct tally_sums now = { 0 };

	tally_begin(tally, 100);
	count(tally, 0, N_TOTAL, &now);
	assert_int_equal(tally_close_interval(tally, 200), 0);
	if (wanted->accumulates)
		do_all_work(tally);
	else
		tally_discard(tally, TALLY_CLOSED);
	do_all_work(tally);
	count(tally, N_TOTAL, N_CLOSED, &now);
	assert_int_equal(tally_close_interval(tally, 300), 0);
	count(tally, N_TOTAL + N_CLOSED, N_LIVE, &now);
	return tally;
}

/* Descriptors of a tally that goes, the total last; the caller closes them. */
static void fds_of(struct tally *tally, int fds[N_TALLY_PARTS])
{
	struct tally_fd own[N_TALLY_PARTS];
	size_t n = tally_fds(tally, own);

	for (size_t i = 0; i < n; i++)
		fds[i] = dup(own[i].fd);
	tally_free(tally);
}

static struct tally *adopt_as(const struct tally_config *wanted)
{
	struct problem problem = { "" };
	struct tally *tally = NULL;

	if (tally_adopt(wanted, offers, n_offers, &tally, &problem) != 0)
		fail_msg("%s", problem.text);
	return tally;
}

static struct tally *adopt(void)
{
	return adopt_as(&config);
}

static void assert_fate(size_t i, enum tally_fate fate, const char *why)
{
	if (offers[i].ret_fate != fate || !strstr(offers[i].problem.text, why))
		fail_msg("offer %zu: fate %d, %s", i, offers[i].ret_fate, offers[i].problem.text);
}

static uint64_t n_stacks_of(const struct tally *tally, enum tally_part part)
{
	const struct counters *counters = tally_part(tally, part);

	return counters ? counters_totals(counters)->n_stacks : 0;
}

static uint64_t n_stacks_in_all(const struct tally *tally)
{
	return n_stacks_of(tally, TALLY_LIVE) + n_stacks_of(tally, TALLY_CLOSED) +
	       n_stacks_of(tally, TALLY_TOTAL);
}

/* Each part balances, and has noted as much as it has counted. */
static void assert_sound(const struct tally *tally)
{
	for (unsigned int i = 0; i < N_TALLY_PARTS; i++) {
		const struct counters *counters = tally_part(tally, i);
		const char *what = "";

		if (!counters)
			continue;
		if (counters_check(counters, &what) != 0)
			fail_msg("part %u: %s", i, what);
		assert_int_equal(tally_sums(tally, i).conservation.n_used, n_stacks_of(tally, i));
	}
}

/* It closes, merges, clears as any other. */
static void assert_goes_on(struct tally *tally)
{
	const uint64_t n_before = n_stacks_in_all(tally);
	struct tally_sums now = { 0 };

	assert_sound(tally);
	count(tally, 1000, 3, &now);
	do_all_work(tally);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(tally_close_interval(tally, 400), 0);
		do_all_work(tally);
	}
	assert_int_equal(n_stacks_of(tally, TALLY_TOTAL), n_before + 3);
	assert_sound(tally);
}

static void test_tally_adopt_any_subset_in_any_order(void **state)
{
	static const uint64_t n_stacks[] = { N_CLOSED, N_LIVE, N_TOTAL };

	(void)state;
	/* each of 27 sequences of three of the descriptors, doubles included */
	for (unsigned int choice = 0; choice < 27 * 8; choice++) {
		const size_t picks[] = { choice % 3, choice / 3 % 3, choice / 9 % 3 };
		struct tally *tally = filled_tally(&config);
		uint64_t n_expected = 0;
		int fds[N_TALLY_PARTS];
		bool is_in[3] = { false };

		/* the first closed interval left b as live, so the second left a */
		assert_ptr_equal(tally->intervals[1].counters, tally_live(tally));
		fds_of(tally, fds);
		for (size_t i = 0; i < 3; i++) {
			if (!(choice / 27 >> i & 1))
				continue;
			offer(dup(fds[picks[i]]));
			n_expected += is_in[picks[i]] ? 0 : n_stacks[picks[i]];
			offers[n_offers - 1].ret_fate =
				is_in[picks[i]] ? TALLY_DUPLICATE : TALLY_ADOPTED;
			is_in[picks[i]] = true;
		}
		tally = adopt();
		assert_int_equal(n_stacks_in_all(tally), n_expected);
		assert_int_equal(n_stacks_of(tally, TALLY_TOTAL), is_in[2] ? N_TOTAL : 0);
		if (is_in[0] && is_in[1])
			assert_int_equal(n_stacks_of(tally, TALLY_LIVE), N_LIVE);
		assert_goes_on(tally);
		tally_free(tally);
		close_offers();
		for (size_t i = 0; i < N_TALLY_PARTS; i++)
			close(fds[i]);
	}
}

static void test_tally_adopt_says_what_was_a_double(void **state)
{
	struct tally_fd own[N_TALLY_PARTS];
	struct tally *tally = filled_tally(&config);
	int fds[N_TALLY_PARTS];

	(void)state;
	fds_of(tally, fds);
	offer(fds[2]);
	offer(dup(fds[2]));
	offer(fds[0]);
	close(fds[1]);
	tally = adopt();
	assert_fate(0, TALLY_ADOPTED, "");
	assert_fate(1, TALLY_DUPLICATE, "again");
	assert_fate(2, TALLY_ADOPTED, "");
	assert_int_equal(tally_fds(tally, own), 3);
	/* b is new */
	assert_true(own[0].is_adopted && !own[1].is_adopted && own[2].is_adopted);
	assert_string_equal(own[2].name, "counters-total");
	assert_int_equal(tally_began_usec(tally, TALLY_TOTAL), 100);
	assert_int_equal(tally_began_usec(tally, TALLY_LIVE), 200);
	tally_free(tally);
	close_offers();
}

static int unsealed_copy(int fd)
{
	char bytes[4096];
	int copy = memfd_create("copy", MFD_CLOEXEC);

	assert_int_equal(pread(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
	assert_int_equal(write(copy, bytes, sizeof(bytes)), sizeof(bytes));
	return copy;
}

static void test_tally_adopt_passes_over_what_is_not_ours(void **state)
{
	struct tally *tally = filled_tally(&config);
	int fds[N_TALLY_PARTS], pipe_fds[2];

	(void)state;
	fds_of(tally, fds);
	assert_int_equal(pipe(pipe_fds), 0);
	offer(-1);
	offer(pipe_fds[0]);
	offer(fds[1]);
	offer(open("/dev/null", O_RDWR | O_CLOEXEC));
	offer(memfd_create("empty", MFD_CLOEXEC));
	offer(unsealed_copy(fds[0]));
	offer(fds[2]);
	offer(9999);
	offer(fds[0]);
	close(pipe_fds[1]);
	for (int i = 0; i < 9; i++)
		offer(memfd_create("empty", MFD_CLOEXEC));
	tally = adopt();
	for (size_t i = 0; i < n_offers; i++)
		if (i == 2 || i == 6 || i == 8)
			assert_fate(i, TALLY_ADOPTED, "");
		else if (i < 16)
			assert_fate(i, TALLY_BROKEN, "not a memory file of fixed size");
		else
			assert_fate(i, TALLY_SURPLUS, "too many");
	assert_int_equal(n_stacks_in_all(tally), N_TOTAL + N_CLOSED + N_LIVE);
	assert_goes_on(tally);
	tally_free(tally);
	close_offers();
}

/* Another config than that of the former process. */
static void offer_to_another(const struct tally_config *wanted, enum tally_fate fate,
			     const char *why)
{
	struct tally *tally = filled_tally(&config);
	int fds[N_TALLY_PARTS];

	fds_of(tally, fds);
	for (size_t i = 0; i < N_TALLY_PARTS; i++)
		offer(fds[i]);
	tally = adopt_as(wanted);
	for (size_t i = 0; i < N_TALLY_PARTS; i++)
		assert_fate(i, fate, why);
	assert_int_equal(n_stacks_in_all(tally), 0);
	assert_goes_on(tally);
	tally_free(tally);
	close_offers();
}

static void test_tally_adopt_names_what_is_of_another_kernel(void **state)
{
	struct tally_config other = config;

	(void)state;
	other.identity.build_id[1]++;
	offer_to_another(&other, TALLY_OTHER, "another kernel");
	other = config;
	other.identity.boot_id[0]++;
	offer_to_another(&other, TALLY_OTHER, "started anew");
	other = config;
	other.identity.source++;
	offer_to_another(&other, TALLY_OTHER, "another event");
	other = config;
	other.counters.chain = CHAIN_LLVM;
	offer_to_another(&other, TALLY_OTHER, "chain rule");
}

static void test_tally_adopt_of_a_smaller_config_is_refused(void **state)
{
	struct tally_config smaller = config;
	struct tally *tally = filled_tally(&config);
	int fds[N_TALLY_PARTS];

	(void)state;
	fds_of(tally, fds);
	for (size_t i = 0; i < N_TALLY_PARTS; i++)
		offer(fds[i]);
	smaller.counters.n_edge_slots /= 2;
	tally = adopt_as(&smaller);
	assert_fate(0, TALLY_BROKEN, "larger than configured");
	assert_fate(1, TALLY_BROKEN, "larger than configured");
	assert_fate(2, TALLY_ADOPTED, "");
	assert_goes_on(tally);
	tally_free(tally);
	close_offers();
}

static void test_tally_adopt_of_a_larger_config_counts_on_in_what_there_is(void **state)
{
	struct tally_config larger = config;
	struct tally *tally = filled_tally(&config);
	int fds[N_TALLY_PARTS];

	(void)state;
	fds_of(tally, fds);
	offer(fds[0]);
	offer(fds[2]);
	close(fds[1]);
	larger.counters.n_edge_slots *= 4;
	larger.counters.n_range_slots *= 4;
	larger.n_total_edge_slots *= 4;
	tally = adopt_as(&larger);
	assert_fate(0, TALLY_ADOPTED, "");
	assert_fate(1, TALLY_ADOPTED, "");
	assert_int_equal(counters_fill(tally_live(tally)).n_edge_slots, 1024);
	assert_int_equal(counters_fill(tally_part(tally, TALLY_TOTAL)).n_edge_slots, 2048);
	/* the new interval must fit into the old total */
	assert_int_equal(counters_fill(tally_part(tally, TALLY_CLOSED)).n_edge_slots, 2048);
	assert_int_equal(counters_fill(tally_part(tally, TALLY_CLOSED)).n_range_slots, 2048);
	assert_goes_on(tally);
	tally_free(tally);
	close_offers();
}

static void test_tally_adopt_has_no_use_for_a_total_or_a_third_interval(void **state)
{
	struct tally_config single = config;
	int first[N_TALLY_PARTS], second[N_TALLY_PARTS];
	struct tally *tally;

	(void)state;
	single.accumulates = false;
	fds_of(filled_tally(&config), first);
	fds_of(filled_tally(&config), second);
	for (size_t i = 0; i < N_TALLY_PARTS; i++)
		offer(first[i]);
	for (size_t i = 0; i < N_TALLY_PARTS; i++)
		offer(second[i]);
	tally = adopt();
	assert_fate(2, TALLY_ADOPTED, "");
	assert_fate(3, TALLY_SURPLUS, "third");
	assert_fate(4, TALLY_SURPLUS, "third");
	assert_fate(5, TALLY_SURPLUS, "second total");
	assert_goes_on(tally);
	tally_free(tally);
	tally = adopt_as(&single);
	assert_fate(0, TALLY_ADOPTED, "");
	assert_fate(2, TALLY_SURPLUS, "not accumulated");
	assert_null(tally_part(tally, TALLY_TOTAL));
	tally_free(tally);
	close_offers();
}

/* Two that were live in different tallies: their sequences are both odd. */
static void test_tally_adopt_of_two_tallies_mixed_counts_both(void **state)
{
	int first[N_TALLY_PARTS], second[N_TALLY_PARTS];
	struct tally *tally;

	(void)state;
	fds_of(filled_tally(&config), first);
	fds_of(filled_tally(&config), second);
	offer(first[1]);
	offer(second[1]);
	tally = adopt();
	assert_fate(0, TALLY_ADOPTED, "");
	assert_fate(1, TALLY_ADOPTED, "");
	assert_int_equal(n_stacks_in_all(tally), 2 * N_LIVE);
	assert_goes_on(tally);
	tally_free(tally);
	close_offers();
	close(first[0]);
	close(first[2]);
	close(second[0]);
	close(second[2]);
}

static void test_tally_adopt_refuses_a_total_that_an_interval_may_not_fit_into(void **state)
{
	struct tally_config small = config;
	int first[N_TALLY_PARTS], second[N_TALLY_PARTS];
	struct tally *tally;

	(void)state;
	small.n_total_edge_slots = 0;
	small.counters.n_edge_slots /= 2;
	fds_of(filled_tally(&config), first);
	fds_of(filled_tally(&small), second);
	offer(second[2]);
	offer(first[0]);
	offer(first[1]);
	tally = adopt();
	assert_fate(0, TALLY_BROKEN, "smaller than an interval");
	assert_fate(1, TALLY_ADOPTED, "");
	assert_fate(2, TALLY_ADOPTED, "");
	assert_goes_on(tally);
	tally_free(tally);
	close_offers();
	close(first[2]);
	close(second[0]);
	close(second[1]);
}

/* What is done to one of the sound blocks, and what becomes of it then. */

#define MANGLE(name, statement)                                                                    \
	static void name(struct block *b)                                                          \
	{                                                                                          \
		statement;                                                                         \
	}

MANGLE(harmless, b->note[90]++)
MANGLE(alone, b->role = ROLE_ALONE)
MANGLE(unknown_role, b->role = 77)
MANGLE(high_sequence, b->sequence = UINT64_MAX)
MANGLE(sequence_0, b->sequence = 0)
MANGLE(other_note, b->note[0]++)
MANGLE(more_stacks, b->totals.n_stacks++)
MANGLE(moving_in, b->task = TASK_MOVE_IN)
MANGLE(moving_out, b->task = TASK_MOVE_OUT)
MANGLE(moving_nowhere, b->task = TASK_MOVE_IN; b->move.is_armed = 1; b->move.to_at = 1 << 20)
MANGLE(moving_too_much, b->task = TASK_MOVE_OUT; b->totals.kept_weight--)
MANGLE(moving_too_little, b->task = TASK_MOVE_IN; b->totals.kept_weight++)
MANGLE(making_keys, b->task = TASK_KEYS; b->n_edges = 3)

static const struct {
	void (*mangle)(struct block *);
	size_t i; /* of fds_of() */
	enum tally_fate fate;
	const char *why;
} mangles[] = {
	{ harmless, 0, TALLY_ADOPTED, "" },
	{ alone, 0, TALLY_BROKEN, "no part of a tally" },
	{ unknown_role, 2, TALLY_BROKEN, "no part of a tally" },
	{ high_sequence, 0, TALLY_BROKEN, "sequence" },
	{ sequence_0, 0, TALLY_ADOPTED, "" },
	{ sequence_0, 1, TALLY_ADOPTED, "" },
	{ other_note, 0, TALLY_BROKEN, "another version" },
	{ other_note, 2, TALLY_BROKEN, "another version" },
	{ more_stacks, 2, TALLY_BROKEN, "stacks are not" },
	{ moving_in, 2, TALLY_ADOPTED, "merged an interval, settled" },
	{ moving_out, 0, TALLY_ADOPTED, "merged an interval, settled" },
	{ moving_nowhere, 2, TALLY_BROKEN, "slots that there are not" },
	{ moving_too_much, 0, TALLY_BROKEN, "does not add up" },
	{ moving_too_little, 2, TALLY_BROKEN, "does not add up" },
	{ making_keys, 2, TALLY_ADOPTED, "merged an interval, settled" },
};

static void mangle_fd(int fd, void (*mangle)(struct block *))
{
	struct block *block = mmap(NULL, HEADER_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	assert_true(block != MAP_FAILED);
	mangle(block);
	munmap(block, HEADER_BYTES);
}

static void test_tally_adopt_refuses_a_mangled_part_and_keeps_the_others(void **state)
{
	static const uint64_t n_stacks[] = { N_CLOSED, N_LIVE, N_TOTAL };

	(void)state;
	for (size_t i = 0; i < array_size(mangles); i++) {
		uint64_t n_expected = N_TOTAL + N_CLOSED + N_LIVE;
		int fds[N_TALLY_PARTS];
		struct tally *tally;

		fds_of(filled_tally(&config), fds);
		mangle_fd(fds[mangles[i].i], mangles[i].mangle);
		offer(fds[mangles[i].i]);
		offer(fds[(mangles[i].i + 1) % 3]);
		offer(fds[(mangles[i].i + 2) % 3]);
		tally = adopt();
		assert_fate(0, mangles[i].fate, mangles[i].why);
		assert_fate(1, TALLY_ADOPTED, "");
		assert_fate(2, TALLY_ADOPTED, "");
		if (mangles[i].fate != TALLY_ADOPTED)
			n_expected -= n_stacks[mangles[i].i];
		assert_int_equal(n_stacks_in_all(tally), n_expected);
		assert_goes_on(tally);
		tally_free(tally);
		close_offers();
	}
}

/* a merge that was cut short */

static uint64_t kept_weight_of(const struct tally *tally, enum tally_part part)
{
	return counters_totals(tally_part(tally, part))->kept_weight;
}

/* A tally in the middle of its second merge. */
static struct tally *merging_tally(void)
{
	struct tally *tally = filled_tally(&config);

	while (!tally_is_merging(tally))
		assert_int_equal(tally_work(tally, 1000), TALLY_E_MORE);
	assert_int_equal(tally_work(tally, 600), TALLY_E_MORE);
	assert_true(tally_is_merging(tally));
	return tally;
}

static void test_tally_adopt_ends_a_merge(void **state)
{
	int fds[N_TALLY_PARTS];
	struct tally *tally;

	(void)state;
	fds_of(merging_tally(), fds);
	for (size_t i = 0; i < N_TALLY_PARTS; i++)
		offer(fds[i]);
	tally = adopt();
	assert_fate(0, TALLY_ADOPTED, "merged");
	assert_fate(1, TALLY_ADOPTED, "");
	assert_fate(2, TALLY_ADOPTED, "merged");
	assert_int_equal(n_stacks_of(tally, TALLY_TOTAL), N_TOTAL + N_CLOSED);
	assert_int_equal(n_stacks_of(tally, TALLY_LIVE), N_LIVE);
	assert_true(tally_is_closed_free(tally));
	assert_goes_on(tally);
	tally_free(tally);
	close_offers();
}

/* Either half of it alone keeps the weights it had by then; together they are all. */
static void test_tally_adopt_of_half_a_merge_keeps_that_half(void **state)
{
	struct tally *tally = filled_tally(&config);
	uint64_t weight = kept_weight_of(tally, TALLY_TOTAL) + kept_weight_of(tally, TALLY_CLOSED);
	uint64_t total_weight;
	int fds[N_TALLY_PARTS];

	(void)state;
	tally_free(tally);
	fds_of(merging_tally(), fds);
	offer(fds[2]);
	tally = adopt();
	assert_fate(0, TALLY_ADOPTED, "merged");
	total_weight = kept_weight_of(tally, TALLY_TOTAL);
	assert_int_equal(n_stacks_of(tally, TALLY_TOTAL), N_TOTAL);
	assert_goes_on(tally);
	tally_free(tally);
	close_offers();
	offer(fds[0]);
	tally = adopt();
	assert_fate(0, TALLY_ADOPTED, "merged");
	assert_in_range(kept_weight_of(tally, TALLY_LIVE), 1, weight - 1);
	assert_int_equal(kept_weight_of(tally, TALLY_LIVE) + total_weight, weight);
	assert_int_equal(n_stacks_of(tally, TALLY_LIVE), N_CLOSED);
	assert_goes_on(tally);
	tally_free(tally);
	close_offers();
	close(fds[1]);
}

MANGLE(more_kept, b->totals.kept_weight++)
MANGLE(more_pairs, b->totals.pairs_weight++)
MANGLE(armed_nowhere, b->move.is_armed = 1; b->move.from_at = 1 << 20)

static void test_tally_adopt_refuses_a_merge_that_does_not_add_up(void **state)
{
	static void (*const ways[])(struct block *) = { more_kept, more_pairs, armed_nowhere };

	(void)state;
	for (size_t i = 0; i < array_size(ways); i++) {
		int fds[N_TALLY_PARTS];
		struct tally *tally;

		fds_of(merging_tally(), fds);
		mangle_fd(fds[2], ways[i]);
		for (size_t k = 0; k < N_TALLY_PARTS; k++)
			offer(fds[k]);
		tally = adopt();
		assert_fate(0, TALLY_BROKEN, "cut short in a move");
		assert_fate(1, TALLY_ADOPTED, "");
		assert_fate(2, TALLY_BROKEN, "cut short in a move");
		assert_int_equal(n_stacks_in_all(tally), N_LIVE);
		assert_goes_on(tally);
		tally_free(tally);
		close_offers();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tally_adopt_any_subset_in_any_order),
		cmocka_unit_test(test_tally_adopt_says_what_was_a_double),
		cmocka_unit_test(test_tally_adopt_passes_over_what_is_not_ours),
		cmocka_unit_test(test_tally_adopt_names_what_is_of_another_kernel),
		cmocka_unit_test(test_tally_adopt_of_a_smaller_config_is_refused),
		cmocka_unit_test(test_tally_adopt_of_a_larger_config_counts_on_in_what_there_is),
		cmocka_unit_test(test_tally_adopt_has_no_use_for_a_total_or_a_third_interval),
		cmocka_unit_test(test_tally_adopt_of_two_tallies_mixed_counts_both),
		cmocka_unit_test(
			test_tally_adopt_refuses_a_total_that_an_interval_may_not_fit_into),
		cmocka_unit_test(test_tally_adopt_refuses_a_mangled_part_and_keeps_the_others),
		cmocka_unit_test(test_tally_adopt_ends_a_merge),
		cmocka_unit_test(test_tally_adopt_of_half_a_merge_keeps_that_half),
		cmocka_unit_test(test_tally_adopt_refuses_a_merge_that_does_not_add_up),
	};

	return cmocka_run_group_tests_name("aggregate/tally_adopt", tests, NULL, NULL);
}
