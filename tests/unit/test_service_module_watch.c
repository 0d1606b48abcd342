/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modules that come and go under a daemon that samples them. The world is this file's: what is
 * loaded where, what the kernel would show of it, and when. The last test plays at random and holds
 * every count against who really ran.
 */
#include "service/module_watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "aggregate/branch_counts.h"
#include "collect/branch.h"
/* profile/tree.h, which comes with the daemon, has another one of that name */
#define record record_of_a_ring
#include "collect/record.h"
#undef record
#include "collect/sampler.h"
#include "kernel/map.h"
#include "service/clock.h"
#include "service/daemon.h"
#include "service/host.h"
#include "service/log.h"

#define TEXT_IP 0xffffffff81000000ull
#define TEXT_BYTES 0x100000u
#define WINDOW_IP (TEXT_IP - MAP_WINDOW_BELOW_BYTES)
#define ZONE_IP 0xffffffffc0000000ull
#define PAGE 4096u

#define N_MODULES 6u

struct world {
	bool is_loaded[N_MODULES];
	uint64_t ip[N_MODULES]; /* of those that are loaded */
	uint64_t id[N_MODULES]; /* of the folder */
	uint64_t next_id, number;
	unsigned int n_pieces; /* of a map, all but the last */
	unsigned int n_read;   /* of them, those that were */
	unsigned int n_listed; /* how often what is loaded was looked at */
	bool is_hidden, is_passing;
};

struct fixture {
	struct world world;
	struct host host;
	struct host_calls calls;
	struct daemon d;
	struct tally_config config;
	struct placed kernel;
	struct ring_of *ring;
};

/* the world */

static const char *name_of(unsigned int module, char name[16])
{
	/* two builds of each name */
	snprintf(name, 16, "m%u", module / 2);
	return name;
}

static uint32_t pages_of(unsigned int module)
{
	return 1 + module % 3;
}

static uint32_t size_of_module(unsigned int module)
{
	return PAGE * pages_of(module);
}

static void load(struct world *w, unsigned int module, uint64_t ip)
{
	w->is_loaded[module] = true;
	w->ip[module] = ip;
	w->id[module] = ++w->next_id;
	w->number++;
}

static void unload(struct world *w, unsigned int module)
{
	w->is_loaded[module] = false;
	w->number++;
}

static int modules_number(void *context, uint64_t *ret_number)
{
	struct fixture *f = context;

	*ret_number = f->world.number;
	return 0;
}

static int list_modules(void *context, struct loaded_modules *ret)
{
	struct fixture *f = context;

	f->world.n_listed++;
	*ret = (struct loaded_modules){ calloc(N_MODULES, sizeof(struct loaded_module)), 0 };
	for (unsigned int i = 0; i < N_MODULES; i++) {
		char name[16];

		if (!f->world.is_loaded[i])
			continue;
		ret->items[ret->n].id = f->world.id[i];
		strcpy(ret->items[ret->n++].name, name_of(i, name));
	}
	return 0;
}

static struct map_object object_of(const struct world *w, unsigned int module)
{
	struct map_object object = {
		.build_id = { .n_bytes = 20, .bytes = { 1 + (uint8_t)module } },
		.base_ip = w->ip[module],
		.start_ip = w->ip[module],
		.end_ip = w->ip[module] + size_of_module(module),
	};
	char name[16];

	strcpy(object.name, name_of(module, name));
	return object;
}

static int compare_objects(const void *a, const void *b)
{
	const struct map_object *x = a, *y = b;

	return x->start_ip < y->start_ip ? -1 : 1;
}

static struct address_map *map_of(const struct world *w)
{
	struct address_map *map = calloc(1, sizeof(*map));

	map->objects = calloc(N_MODULES + 1, sizeof(*map->objects));
	map->window_ip = WINDOW_IP;
	map->objects[map->n_objects++] = (struct map_object){
		.name = "vmlinux",
		.base_ip = TEXT_IP,
		.start_ip = TEXT_IP,
		.end_ip = TEXT_IP + TEXT_BYTES,
	};
	for (unsigned int i = 0; i < N_MODULES; i++)
		if (w->is_loaded[i])
			map->objects[map->n_objects++] = object_of(w, i);
	qsort(map->objects, map->n_objects, sizeof(*map->objects), compare_objects);
	return map;
}

static int read_map(void *context, struct host_map *ret, struct problem *problem)
{
	struct fixture *f = context;

	if (f->world.is_hidden)
		return problem_set(problem, -EACCES, "kallsyms: hidden");
	if (f->world.n_read++ < f->world.n_pieces)
		return HOST_E_MORE;
	f->world.n_read = 0;
	*ret = (struct host_map){ .map = map_of(&f->world), .is_passing = f->world.is_passing };
	return list_modules(f, &ret->loaded);
}

/* the daemon, as far as it is needed */

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct problem problem = { "" };

	f->calls = (struct host_calls){ .modules_number = modules_number,
					.list_modules = list_modules,
					.read_map = read_map };
	f->host = (struct host){ .calls = &f->calls, .context = f };
	f->host.text = (struct kernel_text){ .text_ip = TEXT_IP,
					     .stext_ip = TEXT_IP,
					     .etext_ip = TEXT_IP + TEXT_BYTES };
	f->d.host = &f->host;
	f->d.intake = (struct intake){ .text = f->host.text, .weight = 1 };
	f->config = (struct tally_config){
		.counters = { .n_edge_slots = 4096,
			      .n_range_slots = 4096,
			      .chain = CHAIN_CUT,
			      .classify = intake_classify_placed },
	};
	assert_int_equal(tally_new(&f->config, &f->d.tally, &problem), 0);
	f->d.intake.tally = f->d.tally;
	assert_true(sd_event_new(&f->d.event) >= 0);
	f->kernel = (struct placed){ .kind = PLACED_KERNEL,
				     .name = "vmlinux",
				     .lo_off = (uint32_t)(TEXT_IP - WINDOW_IP),
				     .hi_off = (uint32_t)(TEXT_IP - WINDOW_IP) + TEXT_BYTES - 1 };
	assert_int_equal(placement_new(1, &f->kernel, &f->d.modules.placement), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	module_watch_deinit(&f->d);
	tally_free(f->d.tally);
	sd_event_unref(f->d.event);
	free(f);
	return 0;
}

static void start(struct fixture *f)
{
	struct problem problem = { "" };

	assert_int_equal(module_watch_init(&f->d, &problem), 0);
}

/* All passes of the loop that are due. */
static void run(struct fixture *f)
{
	while (sd_event_run(f->d.event, 0) > 0)
		;
}

/* When nothing is too soon any more. */
static void run_later(struct fixture *f)
{
	module_watch_look(&f->d, clock_monotonic_ns() + 60 * NS_PER_S);
	run(f);
}

static enum place_kind kind_at(const struct fixture *f, uint64_t ip, uint32_t *ret_off)
{
	enum place_kind kind;

	*ret_off = translation_off(f->d.intake.translation, (uint32_t)(ip - WINDOW_IP), &kind);
	return kind;
}

static void assert_kind(const struct fixture *f, uint64_t ip, enum place_kind kind)
{
	uint32_t off;

	assert_string_equal(place_kind_name(kind_at(f, ip, &off)), place_kind_name(kind));
}

/* tests */

static void test_module_watch_first_map_is_there_at_once(void **state)
{
	struct fixture *f = *state;

	load(&f->world, 0, ZONE_IP);
	start(f);
	assert_kind(f, ZONE_IP, PLACE_MODULE);
	assert_kind(f, TEXT_IP, PLACE_KERNEL);
	assert_int_equal(f->d.modules.n_maps, 1);
}

static void test_module_watch_map_is_read_a_piece_at_a_time(void **state)
{
	struct fixture *f = *state;

	load(&f->world, 0, ZONE_IP);
	f->world.n_pieces = 3;
	start(f);
	assert_kind(f, ZONE_IP, PLACE_OTHER);
	assert_true(sd_event_run(f->d.event, 0) > 0);
	assert_kind(f, ZONE_IP, PLACE_OTHER);
	run(f);
	assert_kind(f, ZONE_IP, PLACE_MODULE);
}

/* As often as rings are emptied. */
static void test_module_watch_same_number_is_not_looked_behind(void **state)
{
	struct fixture *f = *state;
	unsigned int n_listed;

	start(f);
	f->d.modules.settle_ns = 0;
	n_listed = f->world.n_listed;
	for (int i = 0; i < 100; i++)
		module_watch_check(&f->d);
	assert_int_equal(f->world.n_listed, n_listed);
}

static void test_module_watch_module_that_goes_is_in_doubt_at_once(void **state)
{
	struct fixture *f = *state;

	load(&f->world, 0, ZONE_IP);
	load(&f->world, 2, ZONE_IP + 0x10000);
	start(f);
	unload(&f->world, 0);
	module_watch_check(&f->d);
	assert_kind(f, ZONE_IP, PLACE_DOUBT);
	assert_kind(f, ZONE_IP + 0x10000, PLACE_MODULE);
	assert_int_equal(f->d.modules.n_gone, 1);
	run_later(f);
	assert_kind(f, ZONE_IP, PLACE_OTHER);
}

/* The event comes a moment before the folder goes. */
static void test_module_watch_event_before_the_folder_is_waited_for(void **state)
{
	struct fixture *f = *state;

	load(&f->world, 0, ZONE_IP);
	start(f);
	f->world.number++;
	module_watch_check(&f->d);
	assert_kind(f, ZONE_IP, PLACE_MODULE);
	f->world.is_loaded[0] = false;
	module_watch_check(&f->d);
	assert_kind(f, ZONE_IP, PLACE_DOUBT);
}

static void test_module_watch_module_that_comes_is_nobodys_until_it_is_mapped(void **state)
{
	struct fixture *f = *state;

	start(f);
	load(&f->world, 0, ZONE_IP);
	module_watch_check(&f->d);
	assert_kind(f, ZONE_IP, PLACE_OTHER);
	/* a reading costs too much to do it for each */
	run(f);
	assert_int_equal(f->d.modules.n_maps, 1);
	run_later(f);
	assert_kind(f, ZONE_IP, PLACE_MODULE);
	assert_int_equal(f->d.modules.n_maps, 2);
}

static void test_module_watch_another_at_the_same_place_has_another_key(void **state)
{
	struct fixture *f = *state;
	uint32_t first, second;

	load(&f->world, 0, ZONE_IP);
	start(f);
	assert_int_equal(kind_at(f, ZONE_IP, &first), PLACE_MODULE);
	unload(&f->world, 0);
	load(&f->world, 1, ZONE_IP);
	module_watch_check(&f->d);
	assert_kind(f, ZONE_IP, PLACE_DOUBT);
	run_later(f);
	assert_int_equal(kind_at(f, ZONE_IP, &second), PLACE_MODULE);
	assert_int_not_equal(first, second);
	assert_int_equal(translation_figures(f->d.intake.translation)->n_moved, 1);
}

/* Its name, its build and its place are what they were. */
static void test_module_watch_module_that_was_loaded_anew_is_counted_on(void **state)
{
	struct fixture *f = *state;
	uint32_t first, second;

	load(&f->world, 0, ZONE_IP);
	start(f);
	assert_int_equal(kind_at(f, ZONE_IP, &first), PLACE_MODULE);
	unload(&f->world, 0);
	load(&f->world, 0, ZONE_IP);
	module_watch_check(&f->d);
	assert_kind(f, ZONE_IP, PLACE_DOUBT);
	run_later(f);
	assert_int_equal(kind_at(f, ZONE_IP, &second), PLACE_MODULE);
	assert_int_equal(first, second);
}

static void test_module_watch_failure_keeps_what_is_known_and_is_tried_again(void **state)
{
	struct fixture *f = *state;

	load(&f->world, 0, ZONE_IP);
	start(f);
	load(&f->world, 2, ZONE_IP + 0x10000);
	f->world.is_hidden = true;
	module_watch_check(&f->d);
	run_later(f);
	assert_string_equal(f->d.modules.problem.text, "kallsyms: hidden");
	assert_kind(f, ZONE_IP, PLACE_MODULE);
	f->world.is_hidden = false;
	run_later(f);
	assert_string_equal(f->d.modules.problem.text, "");
	assert_kind(f, ZONE_IP + 0x10000, PLACE_MODULE);
}

static void test_module_watch_module_on_its_way_is_read_again_when_it_has_arrived(void **state)
{
	struct fixture *f = *state;

	f->world.is_passing = true;
	start(f);
	f->world.is_passing = false;
	module_watch_check(&f->d);
	assert_int_equal(f->d.modules.n_maps, 1);
	f->world.number++;
	module_watch_check(&f->d);
	run_later(f);
	assert_int_equal(f->d.modules.n_maps, 2);
	run_later(f);
	assert_int_equal(f->d.modules.n_maps, 2);
}

/* no mixing */

/* Where in its pages a module's code runs says which it is. */
#define MARK_BYTES 64u

/* Samples that wait. */
#define RING_MAX 64u

struct ring_of {
	struct branch_entry entries[RING_MAX];
	size_t n;
};

struct book {
	uint64_t n_put, n_kernel, n_ran[N_MODULES];
};

static void sample(struct fixture *f, struct ring_of *ring, struct book *book)
{
	unsigned int module = (unsigned int)rand() % (N_MODULES + 1);
	uint64_t to_ip = TEXT_IP + 4 * ((unsigned int)rand() % 256);

	if (ring->n == RING_MAX || (module < N_MODULES && !f->world.is_loaded[module]))
		return;
	if (module < N_MODULES)
		to_ip = f->world.ip[module] + PAGE * ((unsigned int)rand() % pages_of(module)) +
			MARK_BYTES * module;
	ring->entries[ring->n++] = (struct branch_entry){ TEXT_IP + 8, to_ip, 0 };
	book->n_put++;
	if (module < N_MODULES)
		book->n_ran[module]++;
	else
		book->n_kernel++;
}

/* What is in the ring when its head is read; what comes later waits. */
static void drain(struct fixture *f, struct ring_of *ring)
{
	module_watch_check(&f->d);
	for (size_t i = 0; i < ring->n; i++) {
		const struct record_sample record = { .entries = &ring->entries[i],
						      .n_entries = 1 };
		const struct sampler_sample sampled = { .mode = EVENT_MODE_BRANCH,
							.record = &record };

		(void)intake_take(&f->d.intake, &sampled);
	}
	ring->n = 0;
}

static void drain_ring(struct daemon *d)
{
	struct fixture *f = d->host->context;

	drain(f, f->ring);
}

static bool is_free_place(const struct world *w, uint64_t ip, uint32_t n_bytes)
{
	for (unsigned int i = 0; i < N_MODULES; i++)
		if (w->is_loaded[i] && ip < w->ip[i] + size_of_module(i) && w->ip[i] < ip + n_bytes)
			return false;
	return true;
}

static void change(struct world *w)
{
	unsigned int module = (unsigned int)rand() % N_MODULES;
	uint64_t ip = ZONE_IP + PAGE * ((unsigned int)rand() % 5);

	if (w->is_loaded[module])
		unload(w, module);
	/* not both builds of a name */
	else if (!w->is_loaded[module ^ 1] && is_free_place(w, ip, size_of_module(module)))
		load(w, module, ip);
}

static void check_counts(struct fixture *f, const struct book *book)
{
	struct branch_counts counts;
	uint64_t n_of[N_MODULES] = { 0 }, n_kernel = 0, n_sum = 0;
	const uint64_t *n = f->d.intake.n_targets;

	assert_int_equal(counters_snapshot(tally_live(f->d.tally), 0, &counts), 0);
	for (size_t i = 0; i < counts.n_branches; i++) {
		const struct branch_count *branch = &counts.branches[i];
		const struct placed *placed =
			placement_find(f->d.modules.placement, (uint32_t)branch->to_vaddr);

		unsigned int module;

		assert_non_null(placed);
		module = placed->build_id.bytes[0] - 1;
		if (placed->kind == PLACED_KERNEL) {
			n_kernel += branch->n;
			continue;
		}
		/* nothing of another */
		assert_int_equal(branch->to_vaddr % PAGE, MARK_BYTES * module);
		n_of[module] += branch->n;
	}
	branch_counts_deinit(&counts);
	assert_int_equal(n_kernel, book->n_kernel);
	for (unsigned int i = 0; i < N_MODULES; i++) {
		assert_true(n_of[i] <= book->n_ran[i]);
		n_sum += n_of[i];
	}
	assert_int_equal(n[PLACE_KERNEL], n_kernel);
	assert_int_equal(n[PLACE_MODULE], n_sum);
	assert_int_equal(n[PLACE_KERNEL] + n[PLACE_MODULE] + n[PLACE_OTHER] + n[PLACE_DOUBT],
			 book->n_put);
	/* something has to come of it: most */
	assert_true(n_sum > 1000);
}

static void test_module_watch_random_world_is_never_mixed(void **state)
{
	struct fixture *f = *state;
	struct ring_of ring = { .n = 0 };
	struct book book = { 0 };

	srand(2);
	f->world.n_pieces = 2;
	f->ring = &ring;
	f->d.modules.drain = drain_ring;
	start(f);
	for (int step = 0; step < 200000; step++) {
		switch (rand() % 64) {
		case 0:
			change(&f->world);
			break;
		case 1:
		case 2:
			drain(f, &ring);
			break;
		case 3:
			if (rand() % 8 == 0)
				run_later(f);
			else
				(void)!sd_event_run(f->d.event, 0);
			break;
		default:
			sample(f, &ring, &book);
		}
	}
	drain(f, &ring);
	check_counts(f, &book);
}

/* room */

/* Of modules that were here, and of which nothing is counted any more. */
static void fill_list(struct fixture *f)
{
	struct build_id id = { .n_bytes = 20 };
	uint32_t lo_off = 0x10000000, off;
	int r = 0;

	for (unsigned int i = 0; r == 0; i++, lo_off += 2 * PAGE) {
		char name[16];

		snprintf(name, sizeof(name), "gone%u", i);
		r = placement_place(f->d.modules.placement, name, &id, lo_off, lo_off + PAGE - 1,
				    &off);
	}
	assert_int_equal(r, PLACEMENT_E_FULL);
}

/* Before the fix no module was counted any more until the next boot. */
static void test_module_watch_places_without_counts_are_had_again(void **state)
{
	struct fixture *f = *state;
	uint32_t off;
	size_t n;

	load(&f->world, 0, ZONE_IP);
	start(f);
	kind_at(f, ZONE_IP, &off);
	counters_add_stack(tally_live(f->d.tally), WINDOW_IP,
			   &(struct branch_entry){ TEXT_IP, WINDOW_IP + off + 4, 0 }, 1, 1);
	fill_list(f);
	/* not while a worker may read by the list */
	f->d.publication.state = PUBLICATION_WORKING;
	load(&f->world, 2, ZONE_IP + 0x10000);
	module_watch_check(&f->d);
	run_later(f);
	assert_kind(f, ZONE_IP + 0x10000, PLACE_NO_ROOM);
	assert_kind(f, ZONE_IP, PLACE_MODULE);
	/* but then, though nothing has changed since */
	f->d.publication.state = PUBLICATION_IDLE;
	run_later(f);
	assert_kind(f, ZONE_IP + 0x10000, PLACE_MODULE);
	assert_int_equal(kind_at(f, ZONE_IP, &off), PLACE_MODULE);
	assert_string_equal(placement_find(f->d.modules.placement, off)->name, "m0");
	(void)placement_items(f->d.modules.placement, &n);
	assert_int_equal(n, 3);
}

static void check_marks(const struct fixture *f)
{
	struct branch_counts counts;

	assert_int_equal(counters_snapshot(tally_live(f->d.tally), 0, &counts), 0);
	for (size_t i = 0; i < counts.n_branches; i++) {
		uint64_t to = counts.branches[i].to_vaddr;
		const struct placed *placed = placement_find(f->d.modules.placement, (uint32_t)to);

		assert_non_null(placed);
		if (placed->kind == PLACED_MODULE)
			assert_int_equal(to % PAGE, MARK_BYTES * (placed->build_id.bytes[0] - 1u));
	}
	branch_counts_deinit(&counts);
}

/* Counts are cleared now and then, and the list is full nearly always. */
static void test_module_watch_random_world_with_no_room_is_never_mixed(void **state)
{
	struct fixture *f = *state;
	struct ring_of ring = { .n = 0 };
	struct book book = { 0 };

	srand(3);
	f->ring = &ring;
	f->d.modules.drain = drain_ring;
	start(f);
	for (int step = 0; step < 60000; step++) {
		switch (rand() % 64) {
		case 0:
		case 1:
			change(&f->world);
			break;
		case 2:
		case 3:
			drain(f, &ring);
			break;
		case 4:
		case 5:
			run_later(f);
			break;
		default:
			sample(f, &ring, &book);
		}
		if (step % 2000)
			continue;
		drain(f, &ring);
		check_marks(f);
		if (step % 4000)
			tally_reset(f->d.tally, 1);
		fill_list(f);
	}
	drain(f, &ring);
	check_marks(f);
	assert_true(f->d.intake.n_targets[PLACE_MODULE] > 1000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_module_watch_first_map_is_there_at_once),
		TEST(test_module_watch_map_is_read_a_piece_at_a_time),
		TEST(test_module_watch_same_number_is_not_looked_behind),
		TEST(test_module_watch_module_that_goes_is_in_doubt_at_once),
		TEST(test_module_watch_event_before_the_folder_is_waited_for),
		TEST(test_module_watch_module_that_comes_is_nobodys_until_it_is_mapped),
		TEST(test_module_watch_another_at_the_same_place_has_another_key),
		TEST(test_module_watch_module_that_was_loaded_anew_is_counted_on),
		TEST(test_module_watch_failure_keeps_what_is_known_and_is_tried_again),
		TEST(test_module_watch_module_on_its_way_is_read_again_when_it_has_arrived),
		TEST(test_module_watch_random_world_is_never_mixed),
		TEST(test_module_watch_places_without_counts_are_had_again),
		TEST(test_module_watch_random_world_with_no_room_is_never_mixed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
