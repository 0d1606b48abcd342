/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A result as it is written, then broken in one way a line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/hash.h"
#include "base/problem.h"
#include "process/worker_result.h"

#define SIZE 4096u
#define HEADER WORKER_RESULT_HEADER_BYTES

/* Bytes as they would stand in the memfd. */
struct image {
	uint8_t bytes[SIZE];
};

static struct worker_out open_out(void)
{
	struct worker_out out = { .fd = memfd_create("test", 0), .n_bytes_max = SIZE - HEADER };

	assert_true(out.fd >= 0);
	assert_int_equal(ftruncate(out.fd, SIZE), 0);
	return out;
}

static struct image close_out(struct worker_out *out, int code, const char *text)
{
	struct image image;

	assert_int_equal(worker_out_finish(out, code, 5, text), 0);
	assert_int_equal(pread(out->fd, image.bytes, SIZE, 0), SIZE);
	close(out->fd);
	return image;
}

static struct image two_sections(void)
{
	struct worker_out out = open_out();

	assert_int_equal(worker_out_put(&out, 3, "thirteen byte", 13), 0);
	assert_int_equal(worker_out_put(&out, 4, "eight by", 8), 0);
	return close_out(&out, 0, NULL);
}

static int parse(const struct image *image, size_t n_bytes, struct worker_result *result,
		 struct problem *problem)
{
	struct problem text;

	return worker_result_parse(image->bytes, n_bytes, result, &text, problem);
}

static void test_worker_result_is_read_as_it_was_written(void **state)
{
	struct image image = two_sections();
	struct worker_result result;
	struct problem problem = { 0 };

	assert_int_equal(parse(&image, SIZE, &result, &problem), 0);
	assert_int_equal(result.n_sections, 2);
	assert_int_equal(result.code, 0);
	assert_int_equal(result.without, 5);
	assert_int_equal(result.sections[0].kind, 3);
	assert_int_equal(result.sections[0].n_bytes, 13);
	assert_memory_equal(result.sections[0].bytes, "thirteen byte", 13);
	assert_ptr_equal(result.sections[1].bytes, worker_result_find(&result, 4)->bytes);
	assert_memory_equal(result.sections[1].bytes, "eight by", 8);
	assert_true((uintptr_t)result.sections[1].bytes % 8 == (uintptr_t)image.bytes % 8);
	worker_result_deinit(&result);
	/* no byte behind the last section is needed */
	assert_int_equal(parse(&image, HEADER + 16 + 16 + 16 + 8, &result, &problem), 0);
	assert_int_equal(parse(&image, HEADER + 16 + 16 + 16 + 7, &result, &problem), -EBADMSG);
}

static void test_worker_result_of_a_failure_has_text_and_no_sections(void **state)
{
	struct worker_out out = open_out();
	struct worker_result result;
	struct problem text, problem = { 0 };
	struct image image;

	assert_int_equal(worker_out_put(&out, 3, "x", 1), 0);
	image = close_out(&out, -EIO, "why\x07");
	assert_int_equal(worker_result_parse(image.bytes, SIZE, &result, &text, &problem), 0);
	assert_int_equal(result.code, -EIO);
	assert_int_equal(result.n_sections, 0);
	assert_string_equal(text.text, "why?");
}

static void test_worker_result_writer_has_bounds(void **state)
{
	struct worker_out out = open_out();
	static uint8_t bytes[SIZE];
	struct worker_result result;
	struct image image;

	for (uint32_t i = 0; i < WORKER_SECTIONS_MAX; i++)
		assert_int_equal(worker_out_put(&out, i, NULL, 0), 0);
	assert_int_equal(worker_out_put(&out, 99, NULL, 0), -E2BIG);
	assert_int_equal(worker_out_finish(&out, 0, 0, NULL), -E2BIG); /* it sticks */
	close(out.fd);
	out = open_out();
	assert_int_equal(worker_out_put(&out, 1, bytes, SIZE - HEADER - 16), 0);
	image = close_out(&out, 0, NULL);
	assert_int_equal(parse(&image, SIZE, &result, NULL), 0);
	out = open_out();
	assert_int_equal(worker_out_put(&out, 1, bytes, SIZE - HEADER - 15), -EFBIG);
	assert_int_equal(worker_out_put(&out, 1, bytes, SIZE_MAX), -EFBIG);
	assert_int_equal(worker_out_put(&out, 1, bytes, 1), -EFBIG);
	close(out.fd);
	assert_int_equal(worker_result_file_bytes(UINT64_MAX), 0);
	assert_int_equal(worker_result_file_bytes(INT64_MAX - 100), 0);
	assert_true(worker_result_file_bytes(100) >= HEADER + 100 + 16);
}

/* Makes the checksums right again, so that the fields behind them are looked at. */
static void mend(struct image *image)
{
	uint64_t checksum =
		hash_u64(hash_bytes(image->bytes, 40) ^ hash_bytes(image->bytes + 48, 400));

	memcpy(image->bytes + 40, &checksum, 8);
}

struct mangle {
	size_t off;
	uint64_t value;
	size_t n_bytes;
	bool is_mended;
	const char *says;
};

static const struct mangle mangles[] = {
	{ 0, 0, 8, false, "left no result" },
	{ 0, 0x316b726f77646662, 8, true, "is no result" },
	{ 8, 55, 8, false, "is no result" },
	{ 8, 55, 8, true, "section 1 of its result does not fit" },
	{ 8, 64, 8, true, "8 bytes too many" },
	{ 8, SIZE - HEADER + 1, 8, true, "3649 bytes in a result with room for 3648" },
	{ 8, UINT64_MAX, 8, true, "bytes in a result with room" },
	{ 16, 0, 8, true, "0 bytes too many" }, /* its checksum */
	{ 24, 1, 4, true, "24 bytes too many" },
	{ 24, 3, 4, true, "section 2 of its result does not fit" },
	{ 24, WORKER_SECTIONS_MAX + 1, 4, true, "17 sections" },
	{ 24, UINT32_MAX, 4, true, "4294967295 sections" },
	{ 28, 1, 4, true, "2 sections" }, /* of a job that failed */
	{ 36, 401, 4, true, "a text of 401 bytes" },
	{ 36, UINT32_MAX, 4, true, "a text of 4294967295 bytes" },
	{ 40, 0, 8, false, "is no result" },
	{ 100, 1, 1, false, "is no result" }, /* text */
	{ HEADER, 9, 4, true, "0 bytes too many" },
	{ HEADER + 4, 1, 4, true, "section 0 of its result does not fit or is none" },
	{ HEADER + 8, 14, 8, true, "0 bytes too many" },
	{ HEADER + 8, 57, 8, true, "section 0 of its result does not fit" },
	{ HEADER + 8, UINT64_MAX, 8, true, "section 0 of its result does not fit" },
	{ HEADER + 8, UINT64_MAX - 15, 8, true, "section 0 of its result does not fit" },
	{ HEADER + 16, 1, 1, true, "0 bytes too many" },
};

static void test_worker_result_broken_in_one_place_is_refused(void **state)
{
	for (size_t i = 0; i < array_size(mangles); i++) {
		const struct mangle *mangle = &mangles[i];
		struct image image = two_sections();
		struct worker_result result = { .code = 77 };
		struct problem problem = { 0 };

		memcpy(image.bytes + mangle->off, &mangle->value, mangle->n_bytes);
		if (mangle->is_mended)
			mend(&image);
		assert_int_equal(parse(&image, SIZE, &result, &problem), -EBADMSG);
		assert_int_equal(result.code, 77);
		if (!strstr(problem.text, mangle->says))
			fail_msg("mangle %zu: %s", i, problem.text);
	}
}

static void test_worker_result_cut_anywhere_is_refused(void **state)
{
	struct image image = two_sections();
	struct worker_result result;
	const size_t n_all = HEADER + 16 + 16 + 16 + 8;

	for (size_t n = 0; n < n_all; n++) {
		uint8_t *exact = malloc(n + 1);

		memcpy(exact, image.bytes, n);
		assert_int_equal(worker_result_parse(n ? exact : NULL, n, &result, NULL, NULL),
				 -EBADMSG);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_worker_result_is_read_as_it_was_written),
		cmocka_unit_test(test_worker_result_of_a_failure_has_text_and_no_sections),
		cmocka_unit_test(test_worker_result_writer_has_bounds),
		cmocka_unit_test(test_worker_result_broken_in_one_place_is_refused),
		cmocka_unit_test(test_worker_result_cut_anywhere_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
