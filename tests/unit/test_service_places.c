/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of places that a former process left, or did not: counts of modules are told apart as
 * before, or stand for nothing; those of the kernel always stay.
 */
#include "service/places.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "aggregate/branch_counts.h"
#include "collect/branch.h"
#include "kernel/map.h"
#include "service/daemon.h"
#include "service/host.h"
#include "service/options.h"

#define TEXT_IP 0xffffffff81000000ull
#define TEXT_BYTES 0x100000u
#define WINDOW_IP (TEXT_IP - MAP_WINDOW_BELOW_BYTES)
#define MODULE_OFF 0xbf000000u
#define KEY 0x77u

struct fixture {
	struct host host;
	struct host_calls calls;
	struct daemon_options options;
	struct daemon d;
	struct tally_config config;
};

static int read_map(void *context, struct host_map *ret, struct problem *problem)
{
	(void)context, (void)ret, (void)problem;
	return -1;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct problem problem = { "" };

	options_set_defaults(&f->options);
	f->calls.read_map = read_map;
	f->host = (struct host){ .calls = &f->calls, .context = f };
	f->host.text = (struct kernel_text){ .text_ip = TEXT_IP,
					     .stext_ip = TEXT_IP,
					     .etext_ip = TEXT_IP + TEXT_BYTES };
	f->d.host = &f->host;
	f->d.options = &f->options;
	f->config = (struct tally_config){ .counters = { .n_edge_slots = 4096,
							 .n_range_slots = 4096,
							 .chain = CHAIN_CUT,
							 .classify = intake_classify_placed } };
	assert_int_equal(tally_new(&f->config, &f->d.tally, &problem), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	module_watch_deinit(&f->d);
	tally_free(f->d.tally);
	free(f);
	return 0;
}

static void count(struct fixture *f, uint32_t to_off, uint64_t weight)
{
	const struct branch_entry entry = { TEXT_IP + 8, WINDOW_IP + to_off, 0 };

	counters_add_stack(tally_live(f->d.tally), WINDOW_IP, &entry, 1, weight);
}

static void take(struct fixture *f, int fd)
{
	struct problem problem = { "" };

	placement_free(f->d.modules.placement);
	f->d.modules.placement = NULL;
	assert_int_equal(places_take(&f->d, KEY, fd, &problem), 0);
	assert_non_null(f->d.modules.placement);
}

static uint32_t place(struct fixture *f, uint32_t lo_off)
{
	const struct build_id id = { { 9 }, 20 };
	uint32_t off = 0;

	assert_int_equal(
		placement_place(f->d.modules.placement, "veth", &id, lo_off, lo_off + 0xfff, &off),
		0);
	return off;
}

static const struct placed *at(const struct fixture *f, uint32_t off)
{
	return placement_find(f->d.modules.placement, off);
}

/* What branches to the kernel weigh. */
static uint64_t kernel_weight(const struct fixture *f)
{
	struct branch_counts counts;
	uint64_t n = 0;

	assert_int_equal(counters_snapshot(tally_live(f->d.tally), 0, &counts), 0);
	for (size_t i = 0; i < counts.n_branches; i++) {
		const struct placed *placed = at(f, (uint32_t)counts.branches[i].to_vaddr);

		if (placed && placed->kind == PLACED_KERNEL)
			n += counts.branches[i].n;
	}
	branch_counts_deinit(&counts);
	return n;
}

static void test_places_list_of_a_former_process_is_gone_on_with(void **state)
{
	struct fixture *f = *state;
	int fd;

	take(f, -1);
	assert_int_equal(place(f, MODULE_OFF), MODULE_OFF);
	count(f, MODULE_OFF + 0x10, 3);
	fd = dup(placement_fd(f->d.modules.placement));
	take(f, fd);
	close(fd);
	assert_int_equal(at(f, MODULE_OFF + 0x10)->kind, PLACED_MODULE);
	assert_int_equal(place(f, 0xc0000000), MODULE_OFF);
}

static void expect_lost(struct fixture *f)
{
	assert_int_equal(at(f, MODULE_OFF + 0x10)->kind, PLACED_LOST);
	assert_int_equal(at(f, MODULE_OFF + 0x5000)->kind, PLACED_LOST);
	assert_null(at(f, MODULE_OFF + 0x4fff));
	/* what is there now is counted elsewhere */
	assert_int_not_equal(place(f, MODULE_OFF), MODULE_OFF);
	assert_int_equal(kernel_weight(f), 5);
}

static void count_three(struct fixture *f)
{
	count(f, (uint32_t)(TEXT_IP - WINDOW_IP) + 0x20, 5);
	count(f, MODULE_OFF + 0x10, 3);
	count(f, MODULE_OFF + 0x5000, 3);
}

static void test_places_counts_without_a_list_are_lost_and_the_kernels_stay(void **state)
{
	struct fixture *f = *state;

	count_three(f);
	take(f, -1);
	expect_lost(f);
}

static void test_places_damaged_list_is_none(void **state)
{
	struct fixture *f = *state;
	int fd = memfd_create("damaged", MFD_CLOEXEC);

	assert_int_equal(write(fd, "damaged", 7), 7);
	count_three(f);
	take(f, fd);
	close(fd);
	expect_lost(f);
}

/* Of another boot: the key is the caller's. */
static void test_places_list_of_another_is_none(void **state)
{
	struct fixture *f = *state;
	struct problem problem = { "" };
	int fd;

	take(f, -1);
	place(f, MODULE_OFF);
	fd = dup(placement_fd(f->d.modules.placement));
	placement_free(f->d.modules.placement);
	f->d.modules.placement = NULL;
	count_three(f);
	assert_int_equal(places_take(&f->d, KEY + 1, fd, &problem), 0);
	close(fd);
	expect_lost(f);
}

/* From user space, or after it: a half that is external is in no place, and not lost. */
static void test_places_external_halves_are_not_lost(void **state)
{
	struct fixture *f = *state;
	const struct branch_entry entries[] = {
		{ TEXT_IP + 8, TEXT_IP + 0x20, 0 },
		{ 0x7f0000001000, TEXT_IP + 4, 0 },
		{ TEXT_IP + 0x40, 0x7f0000001000, 0 },
	};
	size_t n;

	counters_add_stack(tally_live(f->d.tally), WINDOW_IP, entries, 3, 1);
	take(f, -1);
	(void)placement_items(f->d.modules.placement, &n);
	assert_int_equal(n, 1);
}

/* One that lacks what was counted last: all else is known. */
static void test_places_that_the_list_lacks_are_lost(void **state)
{
	struct fixture *f = *state;
	const uint64_t n = 1;

	take(f, -1);
	place(f, MODULE_OFF);
	count_three(f);
	assert_int_equal(pwrite(placement_fd(f->d.modules.placement), &n, sizeof(n), 24), 8);
	take(f, dup(placement_fd(f->d.modules.placement)));
	expect_lost(f);
}

/* More stretches than are worth to be listed: one, with all between. */
static void test_places_lost_in_many_stretches_are_lost_as_one(void **state)
{
	struct fixture *f = *state;
	size_t n;

	for (uint32_t i = 0; i < 300; i++)
		count(f, MODULE_OFF + i * 0x2000, 1);
	take(f, -1);
	(void)placement_items(f->d.modules.placement, &n);
	assert_int_equal(n, 2);
	assert_int_equal(at(f, MODULE_OFF + 0x1000)->kind, PLACED_LOST);
	assert_int_equal(at(f, MODULE_OFF + 299 * 0x2000 + 0xfff)->kind, PLACED_LOST);
	assert_null(at(f, MODULE_OFF + 299 * 0x2000 + 0x1000));
}

static uint32_t place_as(struct fixture *f, uint8_t id_byte, uint32_t lo_off)
{
	const struct build_id id = { { id_byte }, 20 };
	uint32_t off = 0;

	assert_int_equal(
		placement_place(f->d.modules.placement, "m", &id, lo_off, lo_off + 0x2fff, &off),
		0);
	return off;
}

/* What has counts in any of its pages, or in the last byte of one, stays where it is. */
static void test_places_without_counts_are_forgotten(void **state)
{
	struct fixture *f = *state;
	int before_fd, fd;

	count(f, MODULE_OFF + 0x9000, 1);
	take(f, -1);
	place_as(f, 1, MODULE_OFF);
	place_as(f, 2, MODULE_OFF + 0x10000);
	place_as(f, 3, MODULE_OFF + 0x20000);
	count(f, MODULE_OFF + 0x10000 + 0x2fff, 1);
	f->d.publication.state = PUBLICATION_MERGING;
	assert_int_equal(places_forget(&f->d), 0);
	f->d.publication.state = PUBLICATION_IDLE;
	before_fd = dup(placement_fd(f->d.modules.placement));
	assert_int_equal(places_forget(&f->d), 2);
	assert_int_equal(places_forget(&f->d), 0);
	assert_null(at(f, MODULE_OFF));
	assert_null(at(f, MODULE_OFF + 0x20000));
	assert_int_equal(at(f, MODULE_OFF + 0x11000)->build_id.bytes[0], 2);
	assert_int_equal(at(f, MODULE_OFF + 0x9000)->kind, PLACED_LOST);
	assert_int_equal(place_as(f, 4, MODULE_OFF), MODULE_OFF);
	/* the next process goes on with the new list; who has the old one has what it was */
	fd = dup(placement_fd(f->d.modules.placement));
	take(f, fd);
	assert_int_equal(at(f, MODULE_OFF)->build_id.bytes[0], 4);
	take(f, before_fd);
	assert_int_equal(at(f, MODULE_OFF)->build_id.bytes[0], 1);
	close(fd);
	close(before_fd);
}

static void test_places_are_none_where_modules_are_not_counted(void **state)
{
	struct fixture *f = *state;
	struct problem problem = { "" };

	f->options.modules = false;
	assert_int_equal(places_take(&f->d, KEY, -1, &problem), 0);
	assert_null(f->d.modules.placement);
	f->options.modules = true;
	f->calls.read_map = NULL;
	assert_false(places_are_wanted(&f->d));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_places_list_of_a_former_process_is_gone_on_with),
		TEST(test_places_counts_without_a_list_are_lost_and_the_kernels_stay),
		TEST(test_places_damaged_list_is_none),
		TEST(test_places_list_of_another_is_none),
		TEST(test_places_external_halves_are_not_lost),
		TEST(test_places_that_the_list_lacks_are_lost),
		TEST(test_places_lost_in_many_stretches_are_lost_as_one),
		TEST(test_places_without_counts_are_forgotten),
		TEST(test_places_are_none_where_modules_are_not_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
