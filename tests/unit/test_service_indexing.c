/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the daemon makes of a worker's word about indexes, which may be that of one that was taken
 * over, and how often it starts others for it. That indexes are made: tests/daemon/indexes.
 */
#include "service/indexing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "kernel/placement.h"
#include "service/clock.h"
#include "service/daemon.h"
#include "service/host.h"
#include "service/options.h"

#define KERNEL_ID 1u
#define N_MODULES 4u /* of ids KERNEL_ID + 1 … */

struct fixture {
	struct host host;
	struct daemon_options options;
	struct daemon d;
	char folder[32];
};

static struct build_id id_of(unsigned int number)
{
	struct build_id id = { .n_bytes = 20 };

	memcpy(id.bytes, &number, sizeof(number));
	return id;
}

static void place_modules(struct fixture *f)
{
	struct placed kernel = { .kind = PLACED_KERNEL,
				 .name = "vmlinux",
				 .build_id = id_of(KERNEL_ID),
				 .lo_off = 0x100000,
				 .hi_off = 0x1fffff };

	assert_int_equal(placement_new(1, &kernel, &f->d.modules.placement), 0);
	for (unsigned int i = 1; i <= N_MODULES; i++) {
		const struct build_id id = id_of(KERNEL_ID + i);
		char name[8];
		uint32_t off;

		snprintf(name, sizeof(name), "m%u", i);
		assert_int_equal(placement_place(f->d.modules.placement, name, &id,
						 0x200000 + i * 0x10000, 0x200fff + i * 0x10000,
						 &off),
				 0);
	}
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	options_set_defaults(&f->options);
	strcpy(f->folder, "/tmp/test-indexing.XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	strcpy(f->options.cache_directory, f->folder);
	f->options.worker_socket[0] = '\0';
	f->host.identity.build_id = id_of(KERNEL_ID);
	f->d.host = &f->host;
	f->d.options = &f->options;
	f->d.indexing.dir_fd = -1;
	f->d.publication.symbolizer.socket = f->options.worker_socket;
	assert_true(sd_event_new(&f->d.event) >= 0);
	place_modules(f);
	indexing_init(&f->d);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	indexing_deinit(&f->d);
	placement_free(f->d.modules.placement);
	sd_event_unref(f->d.event);
	rmdir(f->folder);
	free(f);
	return 0;
}

static void note(struct fixture *f, unsigned int first, unsigned int n, const char *name)
{
	struct job_builds_head head = { .n_symbolized = n, .n_items = n };
	struct job_build *items = calloc(n, sizeof(*items));

	for (unsigned int i = 0; i < n; i++) {
		const struct build_id id = id_of(first + i);

		snprintf(items[i].name, sizeof(items[i].name), "%s", name);
		items[i].has_symbols = 1;
		items[i].n_build_id_bytes = (uint32_t)id.n_bytes;
		memcpy(items[i].build_id, id.bytes, id.n_bytes);
	}
	indexing_note(&f->d, &head, items);
	free(items);
}

/* Else each publication could have 256 workers started, for nothing. */
static void test_indexing_objects_that_are_not_here_are_passed_over(void **state)
{
	struct fixture *f = *state;

	for (unsigned int round = 1; round <= 8; round++)
		note(f, round * 1000, JOB_BUILDS_MAX, "invented");
	assert_int_equal(indexing_n_waiting(&f->d.indexing), 0);
	assert_int_equal(f->d.indexing.n_builds, 0);
	note(f, KERNEL_ID, 1 + N_MODULES + 3, "vmlinux");
	assert_int_equal(indexing_n_waiting(&f->d.indexing), 1 + N_MODULES);
}

/* A worker's name is what files are looked for by. */
static void test_indexing_name_is_not_the_workers(void **state)
{
	struct fixture *f = *state;

	note(f, KERNEL_ID, 2, "..");
	assert_int_equal(f->d.indexing.n_builds, 2);
	assert_string_equal(f->d.indexing.builds[0].name, "vmlinux");
	assert_string_equal(f->d.indexing.builds[1].name, "m1");
}

/*
 * Where no worker lives long they fail one after the other, and none is tried twice; but in no
 * hurry, as the service manager closes a socket that is asked too often.
 */
static void test_indexing_failures_follow_each_other_slowly(void **state)
{
	struct fixture *f = *state;
	uint64_t began_ns = clock_monotonic_ns();

	note(f, KERNEL_ID, 1 + N_MODULES, "vmlinux");
	indexing_start(&f->d);
	while (f->d.indexing.n_failed < 1 + N_MODULES)
		assert_true(sd_event_run(f->d.event, 60000000) > 0);
	assert_true(clock_monotonic_ns() - began_ns >= N_MODULES * 100 * NS_PER_MS);
	assert_int_equal(f->d.indexing.n_made, 0);
	note(f, KERNEL_ID, 1 + N_MODULES, "vmlinux");
	assert_int_equal(indexing_n_waiting(&f->d.indexing), 0);
}

/* Nobody tried it: when there is a worker again it is its turn, and not hours later. */
static void test_indexing_object_is_not_to_blame_for_the_worker(void **state)
{
	struct fixture *f = *state;

	f->d.publication.symbolizer.socket = "/tmp/autofdod-test-nowhere";
	f->d.publication.symbolizer.has_unit = true;
	note(f, KERNEL_ID, 1, "vmlinux");
	indexing_start(&f->d);
	assert_int_equal(f->d.indexing.n_failed, 1);
	note(f, KERNEL_ID, 1, "vmlinux");
	assert_int_equal(indexing_n_waiting(&f->d.indexing), 1);
	/* but not at once */
	indexing_start(&f->d);
	assert_int_equal(f->d.indexing.n_failed, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_indexing_objects_that_are_not_here_are_passed_over),
		TEST(test_indexing_name_is_not_the_workers),
		TEST(test_indexing_failures_follow_each_other_slowly),
		TEST(test_indexing_object_is_not_to_blame_for_the_worker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
