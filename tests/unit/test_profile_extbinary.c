/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include "base/buf.h"
#include "profile/extbinary.h"
#include "profile_example.h"

/* The payloads of the worked example, from 0xf2 on. */
static const uint8_t example_payload[] = {
	/* summary: 110 in 7 records, at most 25, head at most 12, 2 functions, 16 cutoffs */
	0x6e, 0x19, 0x0c, 0x07, 0x02, 0x10,
	0x90, 0x4e, 0x19, 0x03, 0xa0, 0x8d, 0x06, 0x19, 0x03, 0xc0, 0x9a, 0x0c, 0x19, 0x03,
	0xe0, 0xa7, 0x12, 0x19, 0x03, 0x80, 0xb5, 0x18, 0x19, 0x03, 0xa0, 0xc2, 0x1e, 0x19, 0x03,
	0xc0, 0xcf, 0x24, 0x19, 0x03, 0xe0, 0xdc, 0x2a, 0x0a, 0x06, 0x80, 0xea, 0x30, 0x0a, 0x06,
	0xa0, 0xf7, 0x36, 0x0a, 0x06, 0xf0, 0xfd, 0x39, 0x0a, 0x06, 0xb0, 0xb6, 0x3c, 0x05, 0x07,
	0xd8, 0xfc, 0x3c, 0x05, 0x07, 0xdc, 0x83, 0x3d, 0x05, 0x07, 0xb6, 0x84, 0x3d, 0x05, 0x07,
	0xbf, 0x84, 0x3d, 0x05, 0x07,
	/* names: caller, hot, step; no context names */
	3, 'c', 'a', 'l', 'l', 'e', 'r', 0, 'h', 'o', 't', 0, 's', 't', 'e', 'p', 0,
	0,
	/* hot: head, name, total, 4 records */
	0x0c, 1, 0xca, 0x02, 4,
	2, 0, 0x0a, 0, 3, 0, 0x19, 0, 3, 1, 0x19, 0, 5, 0, 5, 0,
	/* step inlined at (4, 0) */
	1, 4, 0, 2, 0x82, 1, 2, 1, 0, 0x19, 0, 2, 1, 0x0a, 0, 0,
	/* caller, one record with the target hot */
	0, 0, 0, 1, 1, 0, 0x0a, 1, 1, 0x0a, 0,
	/* offsets of the two */
	2, 1, 0, 0, 0x25,
};

static const uint64_t example_table[][4] = {
	{ 1, 0, 0xf2, 0x55 },	{ 2, 0, 0x147, 0x11 }, { 6, 0, 0x158, 1 }, { 4, 0, 0x189, 5 },
	{ 32, 0, 0x159, 0x30 }, { 3, 0, 0x189, 0 },    { 5, 0, 0x18e, 0 },
};

static void test_extbinary_worked_example_is_byte_for_byte(void **state)
{
	struct buf want = BUF_INIT(1000), got = BUF_INIT(1000);
	struct names *names;
	struct profile *p;

	buf_append(&want, "\x84\xe4\xd0\xb1\xf4\xc9\x94\xa8\x53\x67", 10);
	buf_u64(&want, 7);
	for (size_t i = 0; i < array_size(example_table); i++)
		for (size_t k = 0; k < 4; k++)
			buf_u64(&want, example_table[i][k]);
	buf_append(&want, example_payload, sizeof(example_payload));
	assert_int_equal(want.n_bytes, 398);

	assert_int_equal(names_new(&names, 1000), 0);
	p = example_profile(names);
	assert_int_equal(extbinary_encode(p, &(struct extbinary_options){ 0 }, &got), 0);
	assert_int_equal(got.n_bytes, 398);
	assert_memory_equal(got.data, want.data, 398);
	profile_free(p);
	names_free(names);
	buf_deinit(&want);
	buf_deinit(&got);
}

static uint64_t u64_at(const struct buf *b, size_t off)
{
	uint64_t v;

	assert_true(off + 8 <= b->n_bytes);
	memcpy(&v, b->data + off, 8);
	return v;
}

#define SUMMARY_FLAGS_AT (18 + 8)
#define NAMES_FLAGS_AT (18 + 32 + 8)

static void test_extbinary_flags_tell_fs_uniq_and_md5(void **state)
{
	struct buf b = BUF_INIT(2000);
	struct names *names;
	struct profile *p;

	assert_int_equal(names_new(&names, 1000), 0);
	p = example_profile(names);
	p->is_fs = true;
	assert_non_null(profile_function(p, example_name(names, "s.__uniq.123")));
	profile_sort(p);
	assert_int_equal(extbinary_encode(p, &(struct extbinary_options){ 0 }, &b), 0);
	assert_true(u64_at(&b, SUMMARY_FLAGS_AT) == 0x400000000);
	assert_true(u64_at(&b, NAMES_FLAGS_AT) == 0x400000000);
	buf_deinit(&b);
	assert_int_equal(
		extbinary_encode(p, &(struct extbinary_options){ .has_md5_names = true }, &b), 0);
	assert_true(u64_at(&b, NAMES_FLAGS_AT) == 0x300000000);
	assert_true(u64_at(&b, 18 + 32 + 24) == 1 + 4 * 8);
	/* md5("caller") starts with these bytes */
	assert_memory_equal(b.data + u64_at(&b, 18 + 32 + 16), "\x04", 1);
	buf_deinit(&b);
	profile_free(p);
	names_free(names);
}

static void test_extbinary_full_buffer_fails(void **state)
{
	struct names *names;
	struct profile *p;

	assert_int_equal(names_new(&names, 1000), 0);
	p = example_profile(names);
	for (size_t ceiling = 0; ceiling < 398; ceiling += 7) {
		struct buf b = BUF_INIT(ceiling);

		assert_int_equal(extbinary_encode(p, &(struct extbinary_options){ 0 }, &b),
				 -EFBIG);
		buf_deinit(&b);
	}
	profile_free(p);
	names_free(names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_extbinary_worked_example_is_byte_for_byte),
		cmocka_unit_test(test_extbinary_flags_tell_fs_uniq_and_md5),
		cmocka_unit_test(test_extbinary_full_buffer_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
