/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <bzlib.h>
#include <errno.h>
#include <lzma.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <zlib.h>
#include <zstd.h>
#include "base/unpack.h"

#define CONTENTS_BYTES 1000000u
#define PACKED_BYTES_MAX 2000000u

static uint8_t contents[CONTENTS_BYTES];
static uint8_t packed[PACKED_BYTES_MAX];

static const enum packing all[] = { PACKING_GZIP, PACKING_BZIP2, PACKING_XZ, PACKING_ZSTD };

/* Hardly compressible, so that every codec needs many rounds of input and of output. */
static int fill_contents(void **state)
{
	uint32_t x = 1;

	for (size_t i = 0; i < CONTENTS_BYTES; i++) {
		x = x * 1664525 + 1013904223;
		contents[i] = i % 3 ? (uint8_t)(x >> 24) : (uint8_t)'a';
	}
	return 0;
}

static size_t pack_gzip(const void *from, size_t n)
{
	z_stream s = { .next_in = (uint8_t *)(uintptr_t)from,
		       .avail_in = (uInt)n,
		       .next_out = packed,
		       .avail_out = PACKED_BYTES_MAX };

	assert_int_equal(deflateInit2(&s, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&s, Z_FINISH), Z_STREAM_END);
	deflateEnd(&s);
	return PACKED_BYTES_MAX - s.avail_out;
}

/* How many bytes of `packed` the first n_bytes of the contents take. */
static size_t pack(enum packing packing, size_t n_bytes)
{
	unsigned int n_bzip2 = PACKED_BYTES_MAX;
	size_t n = 0;

	switch (packing) {
	case PACKING_NONE:
		break;
	case PACKING_GZIP:
		return pack_gzip(contents, n_bytes);
	case PACKING_BZIP2:
		assert_int_equal(BZ2_bzBuffToBuffCompress((char *)packed, &n_bzip2,
							  (char *)contents, (unsigned int)n_bytes,
							  9, 0, 0),
				 BZ_OK);
		return n_bzip2;
	case PACKING_XZ:
		assert_int_equal(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC32, NULL, contents,
							 n_bytes, packed, &n, PACKED_BYTES_MAX),
				 LZMA_OK);
		return n;
	case PACKING_ZSTD:
		return ZSTD_compress(packed, PACKED_BYTES_MAX, contents, n_bytes, 3);
	}
	return n;
}

static int file_of(const void *bytes, size_t n_bytes)
{
	int fd = memfd_create("packed", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n_bytes), n_bytes);
	return fd;
}

struct unpacked {
	void *bytes;
	size_t n_bytes, n_mapped;
	struct problem problem;
};

static int unpack(const void *bytes, size_t n_bytes, uint64_t max_bytes, struct unpacked *u)
{
	int fd = file_of(bytes, n_bytes), r;

	*u = (struct unpacked){ 0 };
	r = unpack_to_memory(fd, unpack_recognize(bytes, n_bytes), max_bytes, &u->bytes,
			     &u->n_bytes, &u->n_mapped, &u->problem);
	close(fd);
	return r;
}

static void discard(struct unpacked *u)
{
	assert_int_equal(munmap(u->bytes, u->n_mapped), 0);
}

static void test_unpack_what_was_packed_comes_out(void **state)
{
	for (size_t i = 0; i < array_size(all); i++) {
		size_t n = pack(all[i], CONTENTS_BYTES);
		struct unpacked u;

		assert_int_equal(unpack_recognize(packed, n), all[i]);
		assert_int_equal(unpack(packed, n, CONTENTS_BYTES, &u), 0);
		assert_int_equal(u.n_bytes, CONTENTS_BYTES);
		assert_memory_equal(u.bytes, contents, CONTENTS_BYTES);
		discard(&u);
	}
}

static void test_unpack_contents_above_the_limit_are_refused(void **state)
{
	for (size_t i = 0; i < array_size(all); i++) {
		size_t n = pack(all[i], CONTENTS_BYTES);
		char expected[100];
		struct unpacked u;

		assert_int_equal(unpack(packed, n, CONTENTS_BYTES - 1, &u), -EFBIG);
		snprintf(expected, sizeof(expected),
			 "%s: contents are above the limit of 999999 bytes", packing_name(all[i]));
		assert_string_equal(u.problem.text, expected);
	}
}

static void test_unpack_several_streams_are_one_file(void **state)
{
	for (size_t i = 0; i < array_size(all); i++) {
		size_t n = pack(all[i], 5);
		struct unpacked u;

		memcpy(packed + n, packed, n);
		memcpy(packed + 2 * n, "padding", 7);
		assert_int_equal(unpack(packed, 2 * n + 7, 100, &u), 0);
		assert_int_equal(u.n_bytes, 10);
		assert_memory_equal((char *)u.bytes + 5, contents, 5);
		discard(&u);
	}
}

static void test_unpack_a_file_cut_anywhere_is_damaged(void **state)
{
	for (size_t i = 0; i < array_size(all); i++) {
		size_t n = pack(all[i], 300);
		struct unpacked u;

		for (size_t cut = 6; cut < n; cut++) {
			assert_int_equal(unpack(packed, cut, CONTENTS_BYTES, &u), -EBADMSG);
			assert_non_null(strstr(u.problem.text, packing_name(all[i])));
		}
	}
}

static void test_unpack_flipped_bytes_are_no_harm(void **state)
{
	for (size_t i = 0; i < array_size(all); i++) {
		size_t n = pack(all[i], 300);
		struct unpacked u;

		for (size_t at = 0; at < n; at++) {
			packed[at] ^= 0x55;
			if (unpack(packed, n, CONTENTS_BYTES, &u) == 0)
				discard(&u);
			packed[at] ^= 0x55;
		}
	}
}

static void test_unpack_nothing_and_what_is_not_packed_are_refused(void **state)
{
	struct unpacked u;

	for (size_t i = 0; i < array_size(all); i++)
		assert_int_equal(unpack(packed, pack(all[i], 0), 100, &u), -EBADMSG);
	assert_int_equal(unpack_recognize("\177ELF\2\1", 6), PACKING_NONE);
	assert_int_equal(unpack_recognize("BZ", 2), PACKING_NONE);
	assert_int_equal(unpack("\177ELF\2\1", 6, 100, &u), -EINVAL);
}

static int refuse(void *context, const void *bytes, size_t n_bytes)
{
	(*(int *)context)++;
	return -ENOSPC;
}

static void test_unpack_error_of_the_sink_ends_it(void **state)
{
	size_t n = pack(PACKING_GZIP, CONTENTS_BYTES);
	int fd = file_of(packed, n), n_calls = 0;
	struct problem problem;

	assert_int_equal(unpack_fd(fd, PACKING_GZIP, CONTENTS_BYTES, refuse, &n_calls, &problem),
			 -ENOSPC);
	assert_int_equal(n_calls, 1);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unpack_what_was_packed_comes_out),
		cmocka_unit_test(test_unpack_contents_above_the_limit_are_refused),
		cmocka_unit_test(test_unpack_several_streams_are_one_file),
		cmocka_unit_test(test_unpack_a_file_cut_anywhere_is_damaged),
		cmocka_unit_test(test_unpack_flipped_bytes_are_no_harm),
		cmocka_unit_test(test_unpack_nothing_and_what_is_not_packed_are_refused),
		cmocka_unit_test(test_unpack_error_of_the_sink_ends_it),
	};

	return cmocka_run_group_tests(tests, fill_contents, NULL);
}
