/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "publish/manifest_read.h"

#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define FILES                                                                                      \
	"\"files\": [{\"name\": \"a.afdo\", \"format\": \"extbinary\", \"bytes\": 3, "             \
	"\"sha256\": \"" ABC "\"}]"

static const char example[] =
	"{\"schema\": 1, \"version\": \"9\", \"later\": [{}],\n"
	"\"kernel\": {\"release\": \"6.12\", \"machine\": \"x86_64\", \"buildId\": \"abcd\", "
	"\"builtUsec\": 7},\n"
	"\"interval\": {\"beginUsec\": 5, \"endUsec\": 18446744073709551615, "
	"\"isAccumulated\": true},\n"
	"\"samples\": {\"taken\": 10, \"used\": 6, \"lost\": 4},\n"
	"\"profile\": {\"verdict\": \"thin\", \"reason\": \"so\", \"isThere\": true, "
	"\"isIpOnly\": false, \"overlap\": 0.75, \"previous\": \"b.afdo\", "
	"\"ranges\": {\"pairs\": 110, \"external\": 10, \"bogus\": 1, \"droppedCross\": 2, "
	"\"tooLong\": 3}},\n" FILES "}\n";

static int read_text(const char *text, struct manifest_read *m, struct problem *problem)
{
	/* of its own, so that a read beyond its end is seen */
	size_t n = strlen(text);
	char *copy = malloc(n + 1);
	int r;

	memcpy(copy, text, n);
	r = manifest_read(copy, n, m, problem);
	free(copy);
	return r;
}

static void test_manifest_read_has_what_was_written(void **state)
{
	struct problem problem;
	struct manifest_read m;

	assert_int_equal(read_text(example, &m, &problem), 0);
	assert_string_equal(m.release, "6.12");
	assert_string_equal(m.machine, "x86_64");
	assert_string_equal(m.build_id, "abcd");
	assert_int_equal(m.built_usec, 7);
	assert_int_equal(m.begin_usec, 5);
	assert_true(m.end_usec == UINT64_MAX);
	assert_true(m.is_accumulated && m.has_profile && !m.is_ip_only);
	assert_true(m.lost_share == 0.4);
	assert_true(m.invalid_share == 0.06);
	assert_true(m.overlap == 0.75);
	assert_int_equal(m.n_used, 6);
	assert_string_equal(m.previous, "b.afdo");
	assert_string_equal(m.verdict, "thin");
	assert_string_equal(m.reason, "so");
	assert_int_equal(m.n_files, 1);
	assert_string_equal(manifest_find_format(&m, "extbinary")->name, "a.afdo");
	assert_null(manifest_find_format(&m, "text"));
}

static void test_manifest_finds_its_files_by_their_bytes(void **state)
{
	struct problem problem;
	struct manifest_read m;

	assert_int_equal(read_text(example, &m, &problem), 0);
	assert_ptr_equal(manifest_find_bytes(&m, "abc", 3), &m.files[0]);
	assert_null(manifest_find_bytes(&m, "abd", 3));
	m.files[0].n_bytes = 4;
	assert_null(manifest_find_bytes(&m, "abc", 3));
}

/* As older daemons wrote it, and as one without a vmlinux does. */
static void test_manifest_that_says_little_is_not_known(void **state)
{
	static const char *const texts[] = {
		"{\"schema\": 1}",
		" {\"schema\": 1, \"kernel\": null, \"profile\": {\"overlap\": null}}\r\n\t ",
		"{\"schema\": 1, \"samples\": {\"taken\": 0}, \"profile\": {\"ranges\": {}}}",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct problem problem;
		struct manifest_read m;

		assert_int_equal(read_text(texts[i], &m, &problem), 0);
		assert_true(m.lost_share == SHARE_UNKNOWN && m.invalid_share == SHARE_UNKNOWN &&
			    m.overlap == SHARE_UNKNOWN);
		assert_false(m.has_profile);
		assert_int_equal(m.n_files, 0);
		assert_int_equal(m.end_usec, 0);
	}
}

static void refused(const char *text, int error, const char *why)
{
	struct problem problem = { "" };
	struct manifest_read m = { .n_files = 77 };

	if (read_text(text, &m, &problem) != error)
		fail_msg("not refused as it should be: %s (%s)", text, problem.text);
	if (!strstr(problem.text, why))
		fail_msg("'%s' does not say '%s'", problem.text, why);
	assert_int_equal(m.n_files, 77);
}

#define ONE(inside) "{\"schema\": 1, " inside "}"
#define FILE_OF(name, hash)                                                                        \
	ONE("\"files\": [{\"name\": \"" name "\", \"bytes\": 1, \"sha256\": \"" hash "\"}]")

static void test_manifest_that_cannot_be_is_refused(void **state)
{
	refused("", -EBADMSG, "cut");
	refused("x", -EBADMSG, "offset 0");
	refused("[]", -EBADMSG, "no object");
	refused("null ", -EBADMSG, "no object");
	refused("{}", -EBADMSG, "no schema");
	refused("{\"schema\": 1} x", -EBADMSG, "something follows");
	refused("{\"schema\": 1", -EBADMSG, "cut");
	refused("{\"schema\": 2}", -ENOTSUP, "schema 2, we know 1");
	refused("{\"schema\": \"1\"}", -EBADMSG, "'schema'");
	refused("{\"schema\": -1}", -EBADMSG, "'schema'");
	refused(ONE("\"kernel\": 1"), -EBADMSG, "'kernel'");
	refused(ONE("\"kernel\": {\"release\": 5}"), -EBADMSG, "'release'");
	refused(ONE("\"kernel\": {\"release\": \"a\\u001b[31m\"}"), -EBADMSG, "'release'");
	refused(ONE("\"kernel\": {\"release\": \"a\\u0000b\"}"), -EBADMSG, "'release'");
	refused(ONE("\"kernel\": {\"buildId\": \"xyz\"}"), -EBADMSG, "'buildId'");
	refused(ONE("\"interval\": {\"endUsec\": -5}"), -EBADMSG, "'endUsec'");
	refused(ONE("\"interval\": {\"endUsec\": 1.5}"), -EBADMSG, "'endUsec'");
	refused(ONE("\"samples\": {\"taken\": 5, \"lost\": 6}"), -EBADMSG, "'taken'");
	refused(ONE("\"samples\": {\"taken\": 5, \"lost\": 3, \"used\": 3}"), -EBADMSG, "'taken'");
	refused(ONE("\"profile\": {\"overlap\": 1.01}"), -EBADMSG, "'overlap'");
	refused(ONE("\"profile\": {\"overlap\": \"1\"}"), -EBADMSG, "'overlap'");
	refused(ONE("\"profile\": {\"overlap\": NaN}"), -EBADMSG, "'overlap'");
	refused(ONE("\"profile\": {\"overlap\": []}"), -EBADMSG, "'overlap'");
	refused(ONE("\"profile\": {\"overlap\": true}"), -EBADMSG, "'overlap'");
	refused(ONE("\"profile\": {\"isThere\": 1}"), -EBADMSG, "'isThere'");
	refused(ONE("\"profile\": {\"ranges\": []}"), -EBADMSG, "'ranges'");
	refused(ONE("\"files\": {}"), -EBADMSG, "'files'");
	refused(ONE("\"files\": [3]"), -EBADMSG, "'files'");
	refused(ONE("\"files\": [null]"), -EBADMSG, "'files'");
	refused(ONE("\"files\": [{}, {}, {}, {}, {}, {}, {}, {}, {}]"), -EBADMSG, "'files'");
	refused(FILE_OF("", ABC), -EBADMSG, "'name'");
	refused(FILE_OF("../a.afdo", ABC), -EBADMSG, "'name'");
	refused(FILE_OF("a/b", ABC), -EBADMSG, "'name'");
	refused(FILE_OF(".a", ABC), -EBADMSG, "'name'");
	refused(FILE_OF("a", "00"), -EBADMSG, "'sha256'");
	refused(FILE_OF("a", "zz7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
		-EBADMSG, "'sha256'");
}

static void test_manifest_cut_anywhere_is_refused(void **state)
{
	for (size_t n = 0; n < strlen(example) - 1; n++) {
		struct problem problem;
		struct manifest_read m;
		char *copy = malloc(n + 1);

		memcpy(copy, example, n);
		assert_int_equal(manifest_read(copy, n, &m, &problem), -EBADMSG);
		free(copy);
	}
}

/* Nor does it cost more than its length. */
static void test_manifest_that_is_long_or_deep_is_refused(void **state)
{
	char *text = malloc(MANIFEST_READ_BYTES_MAX + 1);
	struct problem problem;
	struct manifest_read m;

	memset(text, ' ', MANIFEST_READ_BYTES_MAX + 1);
	assert_int_equal(manifest_read(text, MANIFEST_READ_BYTES_MAX + 1, &m, &problem), -E2BIG);
	memset(text, '[', MANIFEST_READ_BYTES_MAX);
	assert_int_equal(manifest_read(text, MANIFEST_READ_BYTES_MAX, &m, &problem), -EBADMSG);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_manifest_read_has_what_was_written),
		cmocka_unit_test(test_manifest_finds_its_files_by_their_bytes),
		cmocka_unit_test(test_manifest_that_says_little_is_not_known),
		cmocka_unit_test(test_manifest_that_cannot_be_is_refused),
		cmocka_unit_test(test_manifest_cut_anywhere_is_refused),
		cmocka_unit_test(test_manifest_that_is_long_or_deep_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
