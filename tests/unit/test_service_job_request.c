/* SPDX-License-Identifier: Apache-2.0 */
#include "service/job_request.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "profile/verdict.h"

static const char *const debug_dirs[] = { "/srv/debug", "/var/cache" };

static struct job some_job(void)
{
	return (struct job){
		.view = {
			.fd = 11,
			.config = {
				.n_edge_slots = 1 << 17,
				.n_range_slots = 1 << 18,
				.chain = CHAIN_CUT,
			},
			.identity = {
				.build_id = { 1, 2, 3 },
				.n_build_id_bytes = 16,
				.boot_id = { 4, 5, 6 },
				.source = 0x123456789abcdefull,
			},
		},
		.places = {
			.root_fd = -1,
			.release = "6.12.0-test",
			.debug_dirs = debug_dirs,
			.n_debug_dirs = 2,
			.cache_dirs = debug_dirs + 1,
			.n_cache_dirs = 1,
		},
		.kernel = {
			.name = "vmlinux",
			.build_id = { { 0xab, 0xcd, 0xef }, 20 },
			.configured_path = "/usr/src/vmlinux",
		},
		.base_symbol = "_text",
		.is_ip_only = true,
		.previous_fd = 12,
		.live_fd = 13,
		.placement_fd = 14,
		.lost_share = 0.25,
	};
}

static void write_job(const struct job *job, struct job_request *request)
{
	struct problem problem = { "" };

	if (job_request_write(job, request, &problem) != 0)
		fail_msg("%s", problem.text);
}

static int read_job(const struct job_request *request, struct job_taken *taken,
		    struct problem *problem)
{
	return job_request_read(request->bytes, sizeof(request->bytes), request->fds,
				request->n_fds, taken, problem);
}

/* There and back; as it would be in another process. */
static void pass(const struct job *job, struct job_taken *taken)
{
	struct job_request request;
	struct problem problem = { "" };

	write_job(job, &request);
	memset(taken, 0x5a, sizeof(*taken));
	if (read_job(&request, taken, &problem) != 0)
		fail_msg("%s", problem.text);
}

static void assert_same_text(const char *a, const char *b)
{
	assert_int_equal(!a, !b);
	if (a)
		assert_string_equal(a, b);
}

static void assert_same(const struct job *a, const struct job *b)
{
	assert_int_equal(a->view.fd, b->view.fd);
	assert_int_equal(a->view.config.n_edge_slots, b->view.config.n_edge_slots);
	assert_int_equal(a->view.config.n_range_slots, b->view.config.n_range_slots);
	assert_int_equal(a->view.config.chain, b->view.config.chain);
	assert_memory_equal(&a->view.identity, &b->view.identity, sizeof(a->view.identity));
	assert_memory_equal(&a->kernel.build_id, &b->kernel.build_id, sizeof(a->kernel.build_id));
	assert_same_text(a->kernel.name, b->kernel.name);
	assert_same_text(a->kernel.configured_path, b->kernel.configured_path);
	assert_same_text(a->places.release, b->places.release);
	assert_int_equal(a->places.n_debug_dirs, b->places.n_debug_dirs);
	for (size_t i = 0; i < a->places.n_debug_dirs; i++)
		assert_string_equal(a->places.debug_dirs[i], b->places.debug_dirs[i]);
	assert_int_equal(a->places.n_cache_dirs, b->places.n_cache_dirs);
	for (size_t i = 0; i < a->places.n_cache_dirs; i++)
		assert_string_equal(a->places.cache_dirs[i], b->places.cache_dirs[i]);
	assert_same_text(a->base_symbol, b->base_symbol);
	assert_int_equal(a->is_ip_only, b->is_ip_only);
	assert_int_equal(a->previous_fd, b->previous_fd);
	assert_int_equal(a->live_fd, b->live_fd);
	assert_int_equal(a->placement_fd, b->placement_fd);
	assert_true(a->lost_share == b->lost_share);
	assert_null(b->without_vmlinux);
}

static void test_job_request_read_is_what_was_written(void **state)
{
	struct job job = some_job();
	struct job_taken taken;

	pass(&job, &taken);
	assert_same(&job, &taken.job);
	assert_null(taken.job.view.config.classify);
	assert_ptr_equal(taken.job.places.release, taken.release);
}

static void test_job_request_without_what_may_be_missing(void **state)
{
	struct job job = some_job();
	struct job_taken taken;

	job.kernel.configured_path = NULL;
	job.places.n_debug_dirs = job.places.n_cache_dirs = 0;
	job.base_symbol = NULL;
	job.is_ip_only = false;
	job.previous_fd = job.live_fd = job.placement_fd = -1;
	job.lost_share = SHARE_UNKNOWN;
	job.view.config.chain = CHAIN_LLVM;
	pass(&job, &taken);
	assert_same(&job, &taken.job);
}

/* Each descriptor is what it was, whichever others there are. */
static void test_job_request_with_any_of_its_descriptors(void **state)
{
	struct job_taken taken;

	for (unsigned int which = 0; which < 8; which++) {
		struct job job = some_job();

		job.previous_fd = which & 1 ? 12 : -1;
		job.live_fd = which & 2 ? 13 : -1;
		job.placement_fd = which & 4 ? 14 : -1;
		pass(&job, &taken);
		assert_same(&job, &taken.job);
	}
}

static void test_job_request_text_too_long_is_an_error(void **state)
{
	struct job job = some_job();
	struct job_request request;
	struct job_taken taken;
	struct problem problem = { "" };
	char *path = malloc(PATH_MAX + 1);

	memset(path, '/', PATH_MAX);
	path[PATH_MAX - 1] = '\0';
	job.kernel.configured_path = path;
	pass(&job, &taken);
	assert_same(&job, &taken.job);
	memcpy(path + PATH_MAX - 1, "/", 2);
	assert_int_equal(job_request_write(&job, &request, &problem), -ENAMETOOLONG);
	assert_true(problem.text[0]);
	free(path);
}

/* indexes */

static struct job some_index_job(const char *name)
{
	struct job job = some_job();

	return (struct job){
		.kind = JOB_OF_INDEX,
		.view.fd = -1,
		.places = job.places,
		.kernel = { .name = name, .build_id = job.kernel.build_id },
		.previous_fd = -1,
		.live_fd = -1,
		.placement_fd = -1,
	};
}

static void test_job_request_for_an_index_has_no_descriptors(void **state)
{
	static const char *const names[] = { JOB_KERNEL_NAME, "veth" };

	for (size_t i = 0; i < array_size(names); i++) {
		struct job job = some_index_job(names[i]);
		struct job_request request;
		struct job_taken taken;

		write_job(&job, &request);
		assert_int_equal(request.n_fds, 0);
		pass(&job, &taken);
		assert_int_equal(taken.job.kind, JOB_OF_INDEX);
		assert_same(&job, &taken.job);
	}
}

static void test_job_request_for_an_index_of_a_path_is_refused(void **state)
{
	struct job job = some_index_job("a/b");
	struct job_request request;
	struct job_taken taken;
	struct problem problem = { "" };

	write_job(&job, &request);
	assert_int_equal(read_job(&request, &taken, &problem), -EBADMSG);
	job.kernel.name = "a_name_that_is_longer_than_the_name_of_any_module_in_the_kernel";
	assert_int_equal(job_request_write(&job, &request, &problem), -ENAMETOOLONG);
}

/* An index is made of nothing else: no descriptors, no other flags. */
static void test_job_request_for_an_index_with_more_is_refused(void **state)
{
	struct job job = some_index_job("veth");
	struct job_request request;
	struct job_taken taken;
	struct problem problem = { "" };
	const int fd = 3;

	write_job(&job, &request);
	assert_int_equal(
		job_request_read(request.bytes, sizeof(request.bytes), &fd, 1, &taken, &problem),
		-EBADMSG);
	for (unsigned int bit = 0; bit < 4; bit++) {
		write_job(&job, &request);
		request.bytes[4] |= (uint8_t)(1u << bit);
		assert_int_equal(read_job(&request, &taken, &problem), -EBADMSG);
	}
}

/* foreign bytes */

struct mangled {
	const char *says;
	const char *text; /* what stands there, and … */
	int off;	  /* … which byte from it on is changed */
	char byte;
};

static const struct mangled mangled[] = {
	{ "name no files", "6.12.0-test", 1, '/' },
	{ "name no files", "6.12.0-test", 0, '.' },
	{ "name no files", "/usr/src/vmlinux", 0, 'x' },
	{ "a text without an end", "6.12.0-test", 12, 'x' },
	{ "a text without an end", "_text", 127, 'x' },
	{ "a text without an end", "/usr/src/vmlinux", PATH_MAX - 1, 'x' },
	{ "are no folders", "/srv/debug:/var", 0, 'x' },
	{ "are no folders", "/srv/debug:/var", 11, 'x' },
	{ "are no folders", "/srv/debug:/var", 11, ':' },
	{ "a text without an end", "/srv/debug:/var", OBJECT_DIRS_SIZE - 1, 'x' },
	{ "a number that cannot be", "\xab\xcd\xef", 20, 1 }, /* behind the build id's end */
	{ "a number that cannot be", "\xab\xcd\xef", 63, 1 },
	/* the object of an index, which this is not of */
	{ "name no files", "/srv/debug:/var", 2 * OBJECT_DIRS_SIZE, 'v' },
	{ "a text without an end", "/srv/debug:/var", 2 * OBJECT_DIRS_SIZE + MODULE_NAME_SIZE - 1,
	  'x' },
	{ "not a request", "/srv/debug:/var", 2 * OBJECT_DIRS_SIZE + MODULE_NAME_SIZE, 1 },
};

static void test_job_request_mangled_is_refused(void **state)
{
	struct job job = some_job();

	for (size_t i = 0; i < array_size(mangled); i++) {
		const struct mangled *m = &mangled[i];
		struct job_request request;
		struct job_taken taken;
		struct problem problem = { "" };
		uint8_t *at;

		write_job(&job, &request);
		at = memmem(request.bytes, sizeof(request.bytes), m->text, strlen(m->text));
		assert_non_null(at);
		at[m->off] = (uint8_t)m->byte;
		assert_int_equal(read_job(&request, &taken, &problem), -EBADMSG);
		if (!strstr(problem.text, m->says))
			fail_msg("%zu: %s", i, problem.text);
	}
}

static void expect_bad_share(double share)
{
	struct job job = some_job();
	struct job_request request;
	struct job_taken taken;
	struct problem problem = { "" };

	job.lost_share = share;
	write_job(&job, &request);
	assert_int_equal(read_job(&request, &taken, &problem), -EBADMSG);
}

static void test_job_request_share_that_is_none_is_refused(void **state)
{
	expect_bad_share(1.5);
	expect_bad_share(-0.5);
	expect_bad_share((double)NAN);
	expect_bad_share((double)INFINITY);
}

static void test_job_request_chain_that_is_none_is_refused(void **state)
{
	struct job job = some_job();
	struct job_request request;
	struct job_taken taken;
	struct problem problem = { "" };

	job.view.config.chain = (enum chain_rule)7;
	write_job(&job, &request);
	assert_int_equal(read_job(&request, &taken, &problem), -EBADMSG);
}

static void test_job_request_with_unknown_flag_is_refused(void **state)
{
	struct job job = some_job();
	struct job_request request;
	struct job_taken taken;
	struct problem problem = { "" };

	write_job(&job, &request);
	request.bytes[4] |= 128;
	assert_int_equal(read_job(&request, &taken, &problem), -EBADMSG);
}

static void test_job_request_of_another_size_is_refused(void **state)
{
	static const uint8_t none[JOB_REQUEST_BYTES];
	struct job job = some_job();
	struct job_request request;
	struct job_taken taken;
	struct problem problem = { "" };
	const int fds[5] = { 1, 2, 3, 4, 5 };

	write_job(&job, &request);
	for (size_t n = 0; n < 3; n++)
		assert_int_equal(job_request_read(request.bytes, sizeof(request.bytes) - n, fds,
						  n == 0 ? 1 : 2, &taken, &problem),
				 -EBADMSG);
	assert_int_equal(
		job_request_read(request.bytes, sizeof(request.bytes), fds, 5, &taken, &problem),
		-EBADMSG);
	assert_int_equal(job_request_read(none, 0, fds, 0, &taken, &problem), -EBADMSG);
	assert_int_equal(job_request_read(none, sizeof(none), fds, 1, &taken, &problem), -EBADMSG);
	job.previous_fd = -1;
	write_job(&job, &request);
	assert_int_equal(
		job_request_read(request.bytes, sizeof(request.bytes), fds, 4, &taken, &problem),
		-EBADMSG);
	assert_int_equal(
		job_request_read(request.bytes, sizeof(request.bytes), fds, 0, &taken, &problem),
		-EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_job_request_read_is_what_was_written),
		cmocka_unit_test(test_job_request_for_an_index_has_no_descriptors),
		cmocka_unit_test(test_job_request_for_an_index_of_a_path_is_refused),
		cmocka_unit_test(test_job_request_for_an_index_with_more_is_refused),
		cmocka_unit_test(test_job_request_without_what_may_be_missing),
		cmocka_unit_test(test_job_request_with_any_of_its_descriptors),
		cmocka_unit_test(test_job_request_text_too_long_is_an_error),
		cmocka_unit_test(test_job_request_mangled_is_refused),
		cmocka_unit_test(test_job_request_share_that_is_none_is_refused),
		cmocka_unit_test(test_job_request_chain_that_is_none_is_refused),
		cmocka_unit_test(test_job_request_with_unknown_flag_is_refused),
		cmocka_unit_test(test_job_request_of_another_size_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
