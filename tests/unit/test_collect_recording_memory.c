/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every allocation of the reader fails once: nothing leaks or crashes, and the error is -ENOMEM.
 * The linker puts the functions below in place of the library's (--wrap).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include "base/problem.h"
#include "collect/recording.h"
#include "perf_data_writer.h"

static size_t n_allocations, fail_at; /* counted from 1; 0: none fails */

static bool fails(void)
{
	return ++n_allocations == fail_at;
}

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t n);
void *__wrap_aligned_alloc(size_t alignment, size_t n);

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return fails() ? NULL : __real_reallocarray(p, n, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t n)
{
	return fails() ? NULL : __real_aligned_alloc(alignment, n);
}

static const struct writer_event events[] = {
	{ .sample_type = PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP | PERF_SAMPLE_BRANCH_STACK,
	  .ids = { 1, 2, 3, 4 } },
	{ .sample_type = PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP, .ids = { 5, 6, 7, 8 } },
};

static void write_some(struct writer *w, bool is_stream)
{
	struct writer_options o = { .is_stream = is_stream, .events = events, .n_events = 2 };
	struct writer_sample s = { .event = &events[0], .id = 3 };

	writer_begin(w, &o);
	for (unsigned int i = 0; i < 40; i++) {
		struct writer_build_id id = { .n_bytes = 20, .cpumode = PERF_RECORD_MISC_KERNEL };
		char name[16];

		snprintf(name, sizeof(name), "[module%u]", i);
		id.name = name;
		writer_build_id(w, &id);
	}
	writer_pack(w);
	writer_sample(w, &s);
	writer_unpack(w, 1000);
	writer_end(w);
}

/* How the recording ends when the n-th allocation fails. */
static int read_with_failure(const struct writer *w, size_t n)
{
	int fd = writer_fd(w, SIZE_MAX), r;
	struct recording_event e;
	struct problem problem = {};
	struct recording *rec;

	n_allocations = 0;
	fail_at = n;
	r = recording_open(fd, NULL, &rec, &problem);
	if (r == 0) {
		while ((r = recording_next(rec, &e, &problem)) == 0)
			;
		recording_close(rec);
	}
	fail_at = 0;
	close(fd);
	if (r < 0)
		assert_true(problem.text[0]);
	return r;
}

static void test_recording_any_failed_allocation_is_told(void **state)
{
	for (int is_stream = 0; is_stream < 2; is_stream++) {
		struct writer w;
		size_t n_all;

		write_some(&w, is_stream);
		assert_int_equal(read_with_failure(&w, 0), RECORDING_E_END);
		n_all = n_allocations;
		assert_true(n_all >= 10);
		for (size_t n = 1; n <= n_all; n++)
			assert_int_equal(read_with_failure(&w, n), -ENOMEM);
		assert_int_equal(read_with_failure(&w, n_all + 1), RECORDING_E_END);
		writer_deinit(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recording_any_failed_allocation_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
