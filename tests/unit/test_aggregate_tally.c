/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tally against a naive model: plain counters and sums for each part. Whatever is done in
 * whatever order, each part has what its model has, and all parts together have everything that was
 * counted and not discarded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "aggregate/branch_counts.h"
#include "aggregate/tally.h"
#include "aggregate/tally_inside.h"
#include "base/hash.h"
#include "tally_example.h"

/* Frees the tally as if the process had ended; what it kept, in this order, doubled or not. */
static struct tally *restart(struct tally *tally, const struct tally_config *wanted,
			     unsigned int order, struct tally_offer offers[N_TALLY_PARTS])
{
	struct tally_fd fds[N_TALLY_PARTS];
	size_t n = tally_fds(tally, fds);
	struct problem problem = { "" };
	struct tally *next = NULL;

	for (size_t i = 0; i < n; i++)
		offers[(i + order) % n].fd = dup(fds[order % 2 ? i : n - 1 - i].fd);
	tally_free(tally);
	if (tally_adopt(wanted, offers, n, &next, &problem) != 0)
		fail_msg("%s", problem.text);
	for (size_t i = 0; i < n; i++)
		close(offers[i].fd);
	return next;
}

static struct tally *restart_same(struct tally *tally)
{
	struct tally_offer offers[N_TALLY_PARTS];

	tally = restart(tally, &config, 0, offers);
	for (size_t i = 0; i < N_TALLY_PARTS; i++)
		if (offers[i].ret_fate != TALLY_ADOPTED)
			fail_msg("offer %zu: %s", i, offers[i].problem.text);
	return tally;
}

/* the model */

struct model {
	struct counters *parts[N_TALLY_PARTS];
	uint64_t n_used[N_TALLY_PARTS];
	uint64_t began[N_TALLY_PARTS];
	bool is_filled; /* closed */
	struct tally_sums now;
	uint64_t seed;
	uint64_t n_full; /* times that total was */
};

static void model_init(struct model *model, uint64_t seed)
{
	struct counters_config large = config.counters;

	large.n_edge_slots *= 8;
	large.n_range_slots *= 8;
	*model = (struct model){ .seed = seed };
	for (size_t i = 0; i < N_TALLY_PARTS; i++)
		assert_int_equal(counters_new(&large, &model->parts[i]), 0);
}

static void model_deinit(struct model *model)
{
	for (size_t i = 0; i < N_TALLY_PARTS; i++)
		counters_free(model->parts[i]);
}

static void model_clear(struct model *model, enum tally_part part)
{
	counters_reset(model->parts[part]);
	model->n_used[part] = 0;
	model->began[part] = 0;
}

static void model_merge(struct model *model, enum tally_part to, enum tally_part from)
{
	assert_int_equal(counters_merge(model->parts[to], model->parts[from]), 0);
	model->n_used[to] += model->n_used[from];
	if (!model->began[to])
		model->began[to] = model->began[from];
	model_clear(model, from);
}

static void model_count(struct model *model, struct tally *tally, uint64_t n_places)
{
	for (uint64_t n = model->seed % 40; n > 0 && !tally_is_nearly_full(tally); n--) {
		add_stack(tally_live(tally), ++model->seed, n_places);
		add_stack(model->parts[TALLY_LIVE], model->seed, n_places);
		model->now.conservation.n_used++;
		model->n_used[TALLY_LIVE]++;
	}
	model->now.conservation.is_loss_inexact |= model->seed % 64 == 0;
	tally_note(tally, &model->now);
}

static void model_close(struct model *model, struct tally *tally)
{
	uint64_t now = ++model->seed;
	int r = tally_close_interval(tally, now);

	if (r == TALLY_E_BUSY)
		return;
	assert_int_equal(r, 0);
	assert_false(model->is_filled);
	model_merge(model, TALLY_CLOSED, TALLY_LIVE);
	model->began[TALLY_LIVE] = now;
	model->is_filled = true;
}

static void assert_part(const struct model *model, const struct tally *tally, enum tally_part part)
{
	assert_same(tally_part(tally, part), model->parts[part]);
	assert_int_equal(tally_sums(tally, part).conservation.n_used, model->n_used[part]);
	assert_int_equal(tally_began_usec(tally, part), model->began[part]);
}

/* Once merging is over, or has not begun. */
static void model_compare(struct model *model, const struct tally *tally)
{
	if (tally_is_merging(tally))
		return;
	/* the tally merged closed, and told nobody */
	if (model->is_filled && !tally->is_filled) {
		model_merge(model, TALLY_TOTAL, TALLY_CLOSED);
		model->is_filled = false;
	}
	for (unsigned int i = 0; i < N_TALLY_PARTS; i++)
		if (tally_part(tally, i)->block->task == TASK_NONE)
			assert_part(model, tally, i);
}

static void model_discard(struct model *model, struct tally *tally, enum tally_part part)
{
	if (tally_is_merging(tally) || tally->n_holds)
		return;
	model_compare(model, tally);
	tally_discard(tally, part);
	model_clear(model, part);
	if (part == TALLY_CLOSED)
		model->is_filled = false;
}

static struct tally *model_restart(struct model *model, struct tally *tally)
{
	model->now = (struct tally_sums){ 0 };
	/* a hold is of a process; what was merged half is merged whole afterwards */
	tally = restart_same(tally);
	model_compare(model, tally);
	return tally;
}

static struct tally *model_step(struct model *model, struct tally *tally, uint64_t choice)
{
	int r;

	switch (choice % 16) {
	case 0:
		model_close(model, tally);
		break;
	case 1:
		if (choice / 16 % 4 == 0)
			return model_restart(model, tally);
		break;
	case 2:
		if (choice / 16 % 8 == 0)
			model_discard(model, tally, TALLY_TOTAL);
		break;
	case 3:
		if (choice / 16 % 8 == 0)
			model_discard(model, tally, TALLY_CLOSED);
		break;
	case 4:
		if (!tally->n_holds && !tally_is_merging(tally))
			tally_hold(tally);
		break;
	case 5:
	case 6:
		if (tally->n_holds)
			tally_release(tally);
		break;
	case 7:
	case 8:
		model_count(model, tally, 20);
		break;
	default:
		r = tally_work(tally, 1 + choice / 16 % 2000);
		assert_in_range(r, 0, TALLY_E_FULL);
		if (r == TALLY_E_FULL) {
			model->n_full++;
			model_discard(model, tally, TALLY_TOTAL);
		}
		break;
	}
	return tally;
}

static void test_tally_any_order_of_calls_agrees_with_the_model(void **state)
{
	uint64_t n_full = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		struct tally *tally = new_tally(&config);
		struct model model;

		model_init(&model, seed << 32);
		for (uint64_t i = 0; i < 400; i++) {
			tally = model_step(&model, tally, hash_u64(seed * 1000 + i));
			model_compare(&model, tally);
		}
		n_full += model.n_full;
		model_deinit(&model);
		tally_free(tally);
	}
	assert_true(n_full > 0);
}

/* single situations */

static void add_stacks(struct tally *tally, uint64_t first, uint64_t n, uint64_t n_places)
{
	for (uint64_t i = first; i < first + n; i++)
		add_stack(tally_live(tally), i, n_places);
}

static uint64_t n_stacks_of(const struct tally *tally, enum tally_part part)
{
	return counters_totals(tally_part(tally, part))->n_stacks;
}

static void test_tally_closed_interval_is_merged_and_freed(void **state)
{
	struct tally *tally = new_tally(&config);

	(void)state;
	tally_begin(tally, 5);
	tally_begin(tally, 6);
	add_stacks(tally, 0, 50, 36);
	assert_true(tally_is_closed_free(tally));
	assert_int_equal(tally_close_interval(tally, 10), 0);
	assert_int_equal(n_stacks_of(tally, TALLY_LIVE), 0);
	assert_int_equal(n_stacks_of(tally, TALLY_CLOSED), 50);
	add_stacks(tally, 50, 7, 36);
	assert_int_equal(tally_close_interval(tally, 20), TALLY_E_BUSY);
	assert_int_equal(n_stacks_of(tally, TALLY_LIVE), 7);
	do_all_work(tally);
	assert_true(tally_is_closed_free(tally));
	assert_int_equal(n_stacks_of(tally, TALLY_TOTAL), 50);
	assert_int_equal(n_stacks_of(tally, TALLY_CLOSED), 0);
	assert_int_equal(tally_began_usec(tally, TALLY_LIVE), 10);
	assert_int_equal(tally_began_usec(tally, TALLY_CLOSED), 0);
	assert_int_equal(tally_began_usec(tally, TALLY_TOTAL), 5);
	assert_int_equal(tally_close_interval(tally, 30), 0);
	do_all_work(tally);
	assert_int_equal(n_stacks_of(tally, TALLY_TOTAL), 57);
	assert_int_equal(tally_began_usec(tally, TALLY_TOTAL), 5);
	tally_free(tally);
}

static void test_tally_without_total_waits_for_discard(void **state)
{
	struct tally_config single = config;
	struct tally *tally;

	(void)state;
	single.accumulates = false;
	tally = new_tally(&single);
	assert_null(tally_part(tally, TALLY_TOTAL));
	add_stacks(tally, 0, 50, 36);
	assert_int_equal(tally_close_interval(tally, 1), 0);
	assert_int_equal(tally_work(tally, 100), 0);
	assert_false(tally_is_closed_free(tally));
	assert_int_equal(n_stacks_of(tally, TALLY_CLOSED), 50);
	tally_discard(tally, TALLY_CLOSED);
	tally_discard(tally, TALLY_TOTAL);
	do_all_work(tally);
	assert_true(tally_is_closed_free(tally));
	assert_int_equal(tally_began_usec(tally, TALLY_TOTAL), 0);
	/* one without a single sample, too */
	assert_int_equal(tally_close_interval(tally, 2), 0);
	tally_discard(tally, TALLY_CLOSED);
	do_all_work(tally);
	assert_int_equal(tally_close_interval(tally, 3), 0);
	tally_free(tally);
}

static void test_tally_hold_defers_merge_and_discard(void **state)
{
	struct tally *tally = new_tally(&config);

	(void)state;
	add_stacks(tally, 0, 50, 36);
	assert_int_equal(tally_close_interval(tally, 1), 0);
	tally_hold(tally);
	tally_hold(tally);
	assert_int_equal(tally_work(tally, 100), TALLY_E_HELD);
	tally_discard(tally, TALLY_CLOSED);
	assert_int_equal(tally_work(tally, 100), TALLY_E_HELD);
	assert_int_equal(n_stacks_of(tally, TALLY_CLOSED), 50);
	tally_release(tally);
	assert_int_equal(n_stacks_of(tally, TALLY_CLOSED), 50);
	tally_release(tally);
	do_all_work(tally);
	assert_int_equal(n_stacks_of(tally, TALLY_CLOSED), 0);
	assert_int_equal(n_stacks_of(tally, TALLY_TOTAL), 0);
	tally_free(tally);
}

static void test_tally_reset_forgets_all_but_what_is_looked_at(void **state)
{
	struct tally_sums now = { .conservation = { .n_used = 50 } };
	struct tally *tally = new_tally(&config);

	(void)state;
	add_stacks(tally, 0, 50, 36);
	assert_int_equal(tally_close_interval(tally, 1), 0);
	do_all_work(tally);
	add_stacks(tally, 50, 20, 36);
	assert_int_equal(tally_close_interval(tally, 2), 0);
	add_stacks(tally, 70, 10, 36);
	tally_note(tally, &now);
	tally_hold(tally);
	tally_reset(tally, 77);
	assert_int_equal(n_stacks_of(tally, TALLY_LIVE), 0);
	assert_int_equal(tally_sums(tally, TALLY_LIVE).conservation.n_used, 0);
	assert_int_equal(tally_began_usec(tally, TALLY_LIVE), 77);
	assert_int_equal(n_stacks_of(tally, TALLY_CLOSED), 20);
	assert_int_equal(n_stacks_of(tally, TALLY_TOTAL), 50);
	tally_release(tally);
	do_all_work(tally);
	assert_int_equal(n_stacks_of(tally, TALLY_CLOSED), 0);
	assert_int_equal(n_stacks_of(tally, TALLY_TOTAL), 0);
	assert_int_equal(counters_fill(tally_part(tally, TALLY_TOTAL)).n_edges, 0);
	/* and in the middle of a merge */
	add_stacks(tally, 0, 50, 36);
	assert_int_equal(tally_close_interval(tally, 78), 0);
	while (!tally_is_merging(tally))
		assert_int_equal(tally_work(tally, 1000), TALLY_E_MORE);
	assert_int_equal(tally_work(tally, 100), TALLY_E_MORE);
	tally_reset(tally, 79);
	do_all_work(tally);
	assert_int_equal(n_stacks_of(tally, TALLY_TOTAL), 0);
	assert_int_equal(counters_fill(tally_part(tally, TALLY_TOTAL)).n_ranges, 0);
	tally_free(tally);
}

/* Some 300 edges an interval, and room for 900. */
static void test_tally_full_total_is_left_as_it_was(void **state)
{
	struct tally_config same = config;
	struct counters *model;
	struct tally *tally;
	int r = 0;
	uint64_t n_intervals = 0, n_merged = 0;

	(void)state;
	same.n_total_edge_slots = 0;
	tally = new_tally(&same);
	for (; r != TALLY_E_FULL; n_intervals++) {
		assert_true(n_intervals < 100);
		n_merged = n_stacks_of(tally, TALLY_TOTAL);
		add_stacks(tally, n_intervals << 32, 60, 1000);
		assert_int_equal(tally_close_interval(tally, 1), 0);
		while ((r = tally_work(tally, 500)) == TALLY_E_MORE)
			;
	}
	assert_true(n_intervals > 2);
	/* nothing changes that by itself, and neither does a restart */
	assert_int_equal(tally_work(tally, SIZE_MAX), TALLY_E_FULL);
	assert_int_equal(counters_new(&config.counters, &model), 0);
	for (uint64_t i = 0; i < n_intervals - 1; i++)
		for (uint64_t n = 0; n < 60; n++)
			add_stack(model, (i << 32) + n, 1000);
	assert_int_equal(n_stacks_of(tally, TALLY_TOTAL), counters_totals(model)->n_stacks);
	assert_same(tally_part(tally, TALLY_TOTAL), model);
	assert_int_equal(n_stacks_of(tally, TALLY_CLOSED), 60);
	assert_true(n_merged > 0);
	/* in search of room for the last keys, too, it was not filled to the brim */
	assert_in_range(counters_fill(tally_part(tally, TALLY_TOTAL)).n_edges, 800, 1024 / 8 * 7);
	/* published */
	tally_discard(tally, TALLY_TOTAL);
	do_all_work(tally);
	assert_int_equal(n_stacks_of(tally, TALLY_TOTAL), 60);
	counters_free(model);
	tally_free(tally);
}

/* A live that is filled to the last slot goes into an empty total of the same size. */
static void test_tally_overfull_interval_fits_into_an_empty_total(void **state)
{
	struct tally_config same = config;
	struct counters_totals before;
	struct tally *tally;

	(void)state;
	same.n_total_edge_slots = 0;
	tally = new_tally(&same);
	assert_false(tally_is_nearly_full(tally));
	add_stacks(tally, 0, 2000, 1000);
	assert_true(tally_is_nearly_full(tally));
	before = *counters_totals(tally_live(tally));
	assert_true(before.n_removed[REMOVED_TABLE_FULL] > 0);
	assert_int_equal(tally_close_interval(tally, 1), 0);
	do_all_work(tally);
	assert_memory_equal(counters_totals(tally_part(tally, TALLY_TOTAL)), &before,
			    sizeof(before));
	tally_free(tally);
}

static void test_tally_keys_of_a_discarded_interval_take_no_room(void **state)
{
	struct tally_config same = config;
	struct tally *tally;

	(void)state;
	same.n_total_edge_slots = 0;
	tally = new_tally(&same);
	add_stacks(tally, 0, 2000, 1000);
	assert_int_equal(tally_close_interval(tally, 1), 0);
	/* half of the keys are in total by now */
	assert_int_equal(tally_work(tally, 1500), TALLY_E_MORE);
	assert_false(tally_is_merging(tally));
	tally_discard(tally, TALLY_CLOSED);
	do_all_work(tally);
	add_stacks(tally, 1u << 20, 2000, 1000);
	assert_int_equal(tally_close_interval(tally, 2), 0);
	do_all_work(tally);
	assert_int_equal(n_stacks_of(tally, TALLY_TOTAL), 2000);
	tally_free(tally);
}

static void test_tally_sum_that_would_overflow_is_full(void **state)
{
	struct branch_entry entry = { TEXT_IP + 0x100, TEXT_IP + 0x200, 0 };
	struct tally *tally = new_tally(&config);
	int r;

	(void)state;
	for (int i = 0; i < 2; i++) {
		counters_add_stack(tally_live(tally), WINDOW_IP, &entry, 1, COUNT_MAX / 2 + 1);
		assert_int_equal(tally_close_interval(tally, 1), 0);
		while ((r = tally_work(tally, 500)) == TALLY_E_MORE)
			;
		assert_int_equal(r, i == 0 ? 0 : TALLY_E_FULL);
	}
	tally_discard(tally, TALLY_TOTAL);
	do_all_work(tally);
	assert_int_equal(n_stacks_of(tally, TALLY_TOTAL), 1);
	tally_free(tally);
}

/* Modulo 2^64: products of small numbers with it all have their home in slot 0. */
#define INVERSE_HASH_FACTOR 0xf1de83e19937733dull

/* Who else has the memfd can spoil counts, but not the daemon. */
static void test_tally_that_somebody_wrote_to_says_so_and_can_be_reset(void **state)
{
	struct tally *tally = new_tally(&config);
	const struct counters *total = tally_part(tally, TALLY_TOTAL);

	(void)state;
	add_stacks(tally, 0, 50, 36);
	assert_int_equal(tally_close_interval(tally, 1), 0);
	while (!tally_is_merging(tally))
		assert_int_equal(tally_work(tally, SIZE_MAX), TALLY_E_MORE);
	memset(total->ranges.slots, 0, total->ranges.n_slots * sizeof(struct slot));
	assert_int_equal(tally_work(tally, SIZE_MAX), -EBADMSG);
	assert_int_equal(tally_work(tally, SIZE_MAX), -EBADMSG);
	tally_reset(tally, 2);
	do_all_work(tally);
	add_stacks(tally, 0, 50, 36);
	assert_int_equal(tally_close_interval(tally, 3), 0);
	/* keys with one home, more than have room there */
	for (uint64_t i = 0; i < 2048; i++)
		tally_part(tally, TALLY_CLOSED)->ranges.slots[i].key =
			(i + 1) * INVERSE_HASH_FACTOR;
	assert_int_equal(tally_work(tally, SIZE_MAX), -EBADMSG);
	tally_reset(tally, 4);
	do_all_work(tally);
	assert_same(tally_part(tally, TALLY_TOTAL), tally_live(tally));
	tally_free(tally);
}

static void test_tally_sums_are_of_their_interval(void **state)
{
	struct tally_sums now = { .conservation = { .n_used = 10, .wall_ns = 7 } }, got;
	struct tally *tally = new_tally(&config);

	(void)state;
	now.n_rejected[3] = 5;
	now.n_wakeups = 9;
	tally_note(tally, &now);
	tally_note(tally, &now);
	got = tally_sums(tally, TALLY_LIVE);
	assert_memory_equal(&got, &now, sizeof(now));
	assert_int_equal(tally_close_interval(tally, 1), 0);
	now.conservation.n_used = 30;
	now.conservation.is_loss_inexact = true;
	now.n_wakeups = 10;
	tally_note(tally, &now);
	got = tally_sums(tally, TALLY_LIVE);
	assert_int_equal(got.conservation.n_used, 20);
	assert_int_equal(got.conservation.wall_ns, 0);
	assert_int_equal(got.n_rejected[3], 0);
	assert_int_equal(got.n_wakeups, 1);
	assert_true(got.conservation.is_loss_inexact);
	assert_false(tally_sums(tally, TALLY_CLOSED).conservation.is_loss_inexact);
	do_all_work(tally);
	assert_int_equal(tally_sums(tally, TALLY_CLOSED).conservation.n_used, 0);
	assert_int_equal(tally_close_interval(tally, 1), 0);
	/* still so, as long as this process runs */
	tally_note(tally, &now);
	assert_true(tally_sums(tally, TALLY_LIVE).conservation.is_loss_inexact);
	do_all_work(tally);
	got = tally_sums(tally, TALLY_TOTAL);
	assert_memory_equal(&got, &now, sizeof(now));
	/* another process begins with nothing */
	tally = restart_same(tally);
	now = (struct tally_sums){ .n_wakeups = 1 };
	tally_note(tally, &now);
	assert_int_equal(tally_sums(tally, TALLY_LIVE).n_wakeups, 1);
	assert_int_equal(tally_sums(tally, TALLY_TOTAL).n_wakeups, 10);
	tally_free(tally);
}

static uint64_t resident_bytes(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

static void test_tally_cleared_part_gives_its_memory_back(void **state)
{
	struct tally_config large = config;
	struct tally_fd fds[N_TALLY_PARTS];
	struct tally *tally;

	(void)state;
	large.counters.n_edge_slots = large.n_total_edge_slots = 1 << 14;
	large.counters.n_range_slots = 1 << 14;
	assert_int_equal(tally_bytes(&large), 3 * (4096 + (2 << 14) * 16));
	tally = new_tally(&large);
	assert_int_equal(tally_fds(tally, fds), 3);
	/* an interval without samples takes none */
	assert_int_equal(tally_close_interval(tally, 1), 0);
	do_all_work(tally);
	assert_int_equal(tally_close_interval(tally, 1), 0);
	do_all_work(tally);
	for (int i = 0; i < 3; i++)
		assert_true(resident_bytes(fds[i].fd) < 20000);
	add_stacks(tally, 0, 3000, 1000);
	assert_true(resident_bytes(fds[1].fd) > 500000);
	assert_int_equal(tally_close_interval(tally, 1), 0);
	do_all_work(tally);
	assert_true(resident_bytes(fds[1].fd) < 20000);
	assert_true(resident_bytes(fds[2].fd) > 500000);
	tally_free(tally);
}

static void test_tally_impossible_sizes_are_refused(void **state)
{
	struct tally_config bad = config;
	struct problem problem = { "" };
	struct tally *tally;

	(void)state;
	bad.n_total_edge_slots = bad.counters.n_edge_slots / 2;
	assert_int_equal(tally_bytes(&bad), 0);
	assert_int_equal(tally_new(&bad, &tally, &problem), -EINVAL);
	assert_int_equal(tally_adopt(&bad, NULL, 0, &tally, &problem), -EINVAL);
	bad = config;
	bad.counters.n_edge_slots = 3;
	assert_int_equal(tally_bytes(&bad), 0);
	bad = config;
	bad.n_total_range_slots = (size_t)N_SLOTS_MAX + 1;
	assert_int_equal(tally_bytes(&bad), 0);
	bad = config;
	bad.identity.n_build_id_bytes = BUILD_ID_BYTES_MAX + 1;
	assert_int_equal(tally_new(&bad, &tally, &problem), -EINVAL);
	assert_int_equal(tally_adopt(&bad, NULL, 0, &tally, &problem), -EINVAL);
}

/* views */

/* Exit status of a child that looks at a part: 0 if all is as it should be. */
static int look(const struct tally *tally, const struct tally_view *view, uint64_t n_stacks)
{
	struct counters *counters;
	struct problem problem;
	struct branch_counts counts;
	unsigned char byte;

	/* not there any more: nothing of the tally is mapped */
	if (mincore(tally_part(tally, TALLY_TOTAL)->block, 4096, &byte) != -1 || errno != ENOMEM)
		return 1;
	if (tally_view_open(view, &counters, &problem) != 0)
		return 2;
	if (counters_totals(counters)->n_stacks != n_stacks)
		return 3;
	if (mprotect(counters->block, 4096, PROT_READ | PROT_WRITE) != 0)
		return 4;
	/* a private copy, if anything */
	counters->block->totals.n_stacks = 1000;
	if (mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, view->fd, 0) != MAP_FAILED)
		return 5;
	if (write(view->fd, &byte, 1) != -1 || ftruncate(view->fd, 0) != -1)
		return 6;
	if (counters_snapshot(counters, TEXT_IP, &counts) != 0 || counts.n_branches == 0)
		return 7;
	return 0;
}

static void assert_looks(const struct tally *tally, enum tally_part part, uint64_t n_stacks)
{
	const struct tally_view view = tally_view(tally, part);
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(look(tally, &view, n_stacks));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(n_stacks_of(tally, part), n_stacks);
}

static void test_tally_view_shows_a_part_to_a_child_and_cannot_change_it(void **state)
{
	struct tally *tally = new_tally(&config);

	(void)state;
	add_stacks(tally, 0, 50, 36);
	assert_int_equal(tally_close_interval(tally, 1), 0);
	do_all_work(tally);
	add_stacks(tally, 0, 20, 36);
	assert_int_equal(tally_close_interval(tally, 2), 0);
	tally_hold(tally);
	assert_looks(tally, TALLY_CLOSED, 20);
	assert_looks(tally, TALLY_TOTAL, 50);
	tally_release(tally);
	do_all_work(tally);
	/* what was adopted can be looked at, too */
	tally = restart_same(tally);
	tally_hold(tally);
	assert_looks(tally, TALLY_TOTAL, 70);
	tally_release(tally);
	tally_free(tally);
}

static void test_tally_view_of_a_part_that_is_being_cleared_is_refused(void **state)
{
	struct tally *tally = new_tally(&config);
	struct counters *counters;
	struct problem problem = { "" };
	struct tally_view view;

	(void)state;
	add_stacks(tally, 0, 50, 36);
	assert_int_equal(tally_close_interval(tally, 1), 0);
	tally_discard(tally, TALLY_CLOSED);
	tally_hold(tally);
	view = tally_view(tally, TALLY_CLOSED);
	assert_int_equal(tally_view_open(&view, &counters, &problem), COUNTERS_E_BROKEN);
	assert_non_null(strstr(problem.text, "not at rest"));
	tally_release(tally);
	tally_free(tally);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tally_any_order_of_calls_agrees_with_the_model),
		cmocka_unit_test(test_tally_closed_interval_is_merged_and_freed),
		cmocka_unit_test(test_tally_without_total_waits_for_discard),
		cmocka_unit_test(test_tally_hold_defers_merge_and_discard),
		cmocka_unit_test(test_tally_reset_forgets_all_but_what_is_looked_at),
		cmocka_unit_test(test_tally_full_total_is_left_as_it_was),
		cmocka_unit_test(test_tally_overfull_interval_fits_into_an_empty_total),
		cmocka_unit_test(test_tally_keys_of_a_discarded_interval_take_no_room),
		cmocka_unit_test(test_tally_sum_that_would_overflow_is_full),
		cmocka_unit_test(test_tally_that_somebody_wrote_to_says_so_and_can_be_reset),
		cmocka_unit_test(test_tally_sums_are_of_their_interval),
		cmocka_unit_test(test_tally_cleared_part_gives_its_memory_back),
		cmocka_unit_test(test_tally_impossible_sizes_are_refused),
		cmocka_unit_test(test_tally_view_shows_a_part_to_a_child_and_cannot_change_it),
		cmocka_unit_test(test_tally_view_of_a_part_that_is_being_cleared_is_refused),
	};

	return cmocka_run_group_tests_name("aggregate/tally", tests, NULL, NULL);
}
