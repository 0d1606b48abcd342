/* SPDX-License-Identifier: Apache-2.0 */
/* The readers and hostile files: what is wrong is refused with its place, what is odd is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <zlib.h>
#include "profile/extbinary.h"
#include "profile/read.h"
#include "profile/textual.h"
#include "profile_example.h"

#define CEILING (1u << 20)

/* Reads and writes again as text: that, or the problem's sentence behind a '!'. */
static char *text_of(const void *data, size_t n_bytes, int *ret_code, bool *ret_is_fs)
{
	struct buf b = BUF_INIT(16u << 20);
	struct problem problem = { 0 };
	struct names *names;
	struct profile *p;
	size_t n;

	assert_int_equal(names_new(&names, CEILING), 0);
	*ret_code = profile_read(data, n_bytes, names, CEILING, &problem, &p);
	if (*ret_code == 0) {
		profile_sort(p);
		textual_encode(p, &b);
		*ret_is_fs = p->is_fs;
		profile_free(p);
	} else {
		assert_true(*ret_code < 0);
		buf_u8(&b, '!');
		buf_str(&b, problem.text);
	}
	buf_u8(&b, 0);
	assert_int_equal(b.error, 0);
	names_free(names);
	return (char *)buf_steal(&b, &n);
}

static void expect_text(const void *data, size_t n_bytes, const char *want)
{
	bool is_fs;
	int code;
	char *got = text_of(data, n_bytes, &code, &is_fs);

	assert_string_equal(got, want);
	free(got);
}

static void expect_problem(const void *data, size_t n_bytes, int code, const char *words)
{
	bool is_fs;
	int got_code;
	char *got = text_of(data, n_bytes, &got_code, &is_fs);

	if (got_code != code || !strstr(got, words))
		fail_msg("code %d, \"%s\" lacks \"%s\"", got_code, got, words);
	free(got);
}

/* text */

static void test_textual_odd_but_legal_text_is_read(void **state)
{
	static const struct {
		const char *text, *same_as;
	} cases[] = {
		{ "", "" },
		{ EXAMPLE_TEXT, EXAMPLE_TEXT },
		{ "# comment\n\nf:1:2\n   \n 1: 3\n  # another\n", "f:1:2\n 1: 3\n" },
		{ "f:1:2\r\n 1: 3\r\n", "f:1:2\n 1: 3\n" },
		{ "f:1:2\n 1: 3", "f:1:2\n 1: 3\n" },
		{ "f:1:2\n 1: 3 g:4\nf:10:20\n 1: 30 g:40\n", "f:11:22\n 1: 33 g:44\n" },
		{ "a::b(int):1:2\n", "a::b(int):1:2\n" },
		{ "f:1:2\n 1: 3 _M<char *>:1000 g:h::i:437 \n",
		  "f:1:2\n 1: 3 _M<char *>:1000 g:h::i:437\n" },
		{ "f:1:2\n 3: a::b:4\n  1: 2\n 1: 1\n", "f:1:2\n 1: 1\n 3: a::b:4\n  1: 2\n" },
		{ "f:18446744073709551615:0\nf:1:0\n", "f:18446744073709551615:0\n" },
		{ "f:1:2\n 65535.4294967295: 3\n", "f:1:2\n 65535.4294967295: 3\n" },
		{ "f:1:2\n 1: 3\n !Attributes: 1\n", "f:1:2\n 1: 3\n" },
	};

	for (size_t i = 0; i < array_size(cases); i++)
		expect_text(cases[i].text, strlen(cases[i].text), cases[i].same_as);
}

static void test_textual_malformed_text_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *text, *words;
		int code;
	} cases[] = {
		{ "f\n", "line 1: expected 'name:total:head'", -EBADMSG },
		{ "f:1\n", "line 1: expected 'name:total:head'", -EBADMSG },
		{ "f:1:x\n", "line 1: expected 'name:total:head'", -EBADMSG },
		{ "f:1:18446744073709551616\n", "line 1: expected", -EBADMSG },
		{ " 1: 2\n", "line 1: indented deeper", -EBADMSG },
		{ "f:1:2\n  1: 2\n", "line 2: indented deeper", -EBADMSG },
		{ "f:1:2\n 1: 2\n  1: 2\n", "line 3: indented deeper", -EBADMSG },
		{ "f:1:2\n 1:2\n", "line 2: expected 'line: '", -EBADMSG },
		{ "f:1:2\n 1: \n", "line 2: expected 'line: '", -EBADMSG },
		{ "f:1:2\n x: 2\n", "line 2: expected 'line: '", -EBADMSG },
		{ "f:1:2\n 65536: 2\n", "line 2: expected 'line: '", -EBADMSG },
		{ "f:1:2\n 65536.1: 2\n", "line 2: expected 'line: '", -EBADMSG },
		{ "f:1:2\n 1.: 2\n", "line 2: expected 'line: '", -EBADMSG },
		{ "f:1:2\n 1.4294967296: 2\n", "line 2: expected 'line: '", -EBADMSG },
		{ "f:1:2\n 1: 2x\n", "line 2: expected a count", -EBADMSG },
		{ "f:1:2\n 1: 2 g\n", "line 2: expected a call target", -EBADMSG },
		{ "f:1:2\n 1: 2 :3\n", "line 2: expected a call target", -EBADMSG },
		{ "f:1:2\n 1: 2 g:x\n", "line 2: expected a call target", -EBADMSG },
		{ "f:1:2\n 1: g\n", "line 2: expected an inlined", -EBADMSG },
		{ "f:1:2\n 1: g:\n", "line 2: expected an inlined", -EBADMSG },
		{ "[main:3 @ f]:1:2\n", "line 1: the profile is context-sensitive", -ENOTSUP },
		{ "f:1:2\n 1: 3\n !CFGChecksum: 7\n", "line 3: the profile is one of", -ENOTSUP },
	};

	for (size_t i = 0; i < array_size(cases); i++)
		expect_problem(cases[i].text, strlen(cases[i].text), cases[i].code, cases[i].words);
}

static void test_textual_chain_deeper_than_the_tree_is_refused(void **state)
{
	struct buf b = BUF_INIT(CEILING);

	buf_str(&b, "f:1:1\n");
	for (size_t depth = 1; depth <= PROFILE_DEPTH_MAX; depth++) {
		buf_spaces(&b, depth);
		buf_str(&b, "1: f:1\n");
	}
	expect_problem(b.data, b.n_bytes, -EBADMSG, "line 513: inlined deeper than 512");
	buf_deinit(&b);
}

/* The binary forms end names with a NUL: one within a name would come back as two names. */
static void test_textual_nul_byte_is_refused(void **state)
{
	struct buf b = BUF_INIT(CEILING);

	for (unsigned int i = 0; i < 1000; i++)
		buf_str(&b, "f:1:1\n");
	buf_append(&b, "f\0g:1:1\n", 8);
	expect_problem(b.data, b.n_bytes, -EBADMSG, "line 1001: a NUL byte");
	buf_deinit(&b);
}

static void test_textual_memory_is_bounded(void **state)
{
	struct buf b = BUF_INIT(16u << 20);

	buf_str(&b, "f:1:1\n");
	for (unsigned int i = 0; i < 100000; i++)
		buf_printf(&b, " 1.%u: 1\n", i);
	expect_problem(b.data, b.n_bytes, -E2BIG, "needs more than 1048576 bytes");
	buf_deinit(&b);
}

static void test_read_what_is_no_profile_is_refused(void **state)
{
	expect_problem("PERFILE2h\0\0\0", 12, -EBADMSG, "neither extbinary");
	expect_problem("\x84\xe4\xd0\xb1\xf4\xc9\x94\xa8\x53", 9, -EBADMSG, "not a binary");
	expect_problem("\x84\xe4\xd0\xb1\xf4\xc9\x94\xa8\x53\x68", 10, -ENOTSUP, "version 104");
}

/* extbinary, section by section */

struct part {
	uint64_t type, flags;
	const void *data;
	size_t n_bytes;
};

/* NUL-terminated literals with NULs inside */
#define PART(type, flags, literal) { type, flags, literal, sizeof(literal) - 1 }
#define NAMES PART(2, 0, "\2f\0g\0")
/* f: head 1, total 2, no records, g inlined at 3.1 with total 4 */
#define FUNCTIONS PART(32, 0, "\1\0\2\0\1\3\1\1\4\0\0")
#define FUNCTIONS_TEXT "f:2:1\n 3.1: g:4\n"

static struct buf file_of(const struct part *parts, size_t n)
{
	struct buf b = BUF_INIT(16u << 20);
	size_t off = 18 + n * 32;

	buf_uleb(&b, EXTBINARY_MAGIC);
	buf_uleb(&b, EXTBINARY_VERSION);
	buf_u64(&b, n);
	for (size_t i = 0; i < n; i++) {
		buf_u64(&b, parts[i].type);
		buf_u64(&b, parts[i].flags);
		buf_u64(&b, off);
		buf_u64(&b, parts[i].n_bytes);
		off += parts[i].n_bytes;
	}
	for (size_t i = 0; i < n; i++)
		buf_append(&b, parts[i].data, parts[i].n_bytes);
	assert_int_equal(b.error, 0);
	return b;
}

static void expect_parts(const struct part *parts, size_t n, int code, const char *words)
{
	struct buf b = file_of(parts, n);

	if (code == 0)
		expect_text(b.data, b.n_bytes, words);
	else
		expect_problem(b.data, b.n_bytes, code, words);
	buf_deinit(&b);
}

#define EXPECT(code, words, ...)                                                                   \
	do {                                                                                       \
		const struct part parts_[] = { __VA_ARGS__ };                                      \
		expect_parts(parts_, array_size(parts_), code, words);                             \
	} while (0)

static void test_extbinary_sections_are_found_wherever_they_stand(void **state)
{
	EXPECT(0, FUNCTIONS_TEXT, NAMES, FUNCTIONS);
	EXPECT(0, FUNCTIONS_TEXT, FUNCTIONS, NAMES);
	EXPECT(0, FUNCTIONS_TEXT, PART(77, 1, "whatever"), NAMES, PART(3, 0, "cold\0"), FUNCTIONS);
	EXPECT(0, "g:9:8\nf:2:1\n 3.1: g:4\n", NAMES, FUNCTIONS,
	       PART(32, EXTBINARY_FLAT, "\10\1\11\0\0"));
	EXPECT(0, "f:4:2\n 3.1: g:8\n", NAMES, FUNCTIONS, FUNCTIONS);
	EXPECT(0, "", PART(2, EXTBINARY_COMPRESSED, ""), PART(32, EXTBINARY_COMPRESSED, ""));
}

static void test_extbinary_hashed_names_are_decimal_numbers(void **state)
{
	EXPECT(0, "300:2:1\n 3.1: 72623859790382856:4\n",
	       PART(2, 3ull << 32, "\2\x2c\1\0\0\0\0\0\0\x08\x07\x06\x05\x04\x03\x02\x01"),
	       FUNCTIONS);
	EXPECT(0, "300:2:1\n 3.1: 5:4\n", PART(2, 1ull << 32, "\2\xac\2\5"), FUNCTIONS);
}

static void test_extbinary_fs_flag_comes_through(void **state)
{
	const struct part parts[] = { PART(1, EXTBINARY_SUMMARY_FS, ""), NAMES, FUNCTIONS };
	struct buf b = file_of(parts, 3);
	bool is_fs = false;
	int code;

	free(text_of(b.data, b.n_bytes, &code, &is_fs));
	assert_int_equal(code, 0);
	assert_true(is_fs);
	buf_deinit(&b);
}

static void test_extbinary_mangled_files_are_refused_with_their_place(void **state)
{
	/* harmless first: the base of all that follows */
	EXPECT(0, FUNCTIONS_TEXT, NAMES, FUNCTIONS);

	EXPECT(-EBADMSG, "name table, offset 0x5: the names are cut", PART(2, 0, "\3f\0g\0"),
	       FUNCTIONS);
	EXPECT(-EBADMSG, "name table, offset 0x1: the names are cut", PART(2, 3ull << 32, "\1abc"));
	EXPECT(-EBADMSG, "a second name table", NAMES, NAMES, FUNCTIONS);
	EXPECT(-EBADMSG, "profile section, offset 0x0: the function is cut", FUNCTIONS);
	EXPECT(-EBADMSG, "profile section, offset 0x0: the function is cut", NAMES,
	       PART(32, 0, "\1\2\2\0\0"));
	EXPECT(-EBADMSG, "offset 0x5: the inlined function is cut", NAMES,
	       PART(32, 0, "\1\0\2\0\1\3\1\2\4\0\0"));
	EXPECT(-EBADMSG, "offset 0x5: the inlined function is cut, or out of range", NAMES,
	       PART(32, 0, "\1\0\2\0\1\x80\x80\x04\1\1\4\0\0"));
	EXPECT(-EBADMSG, "offset 0x5: the function is cut", NAMES,
	       PART(32, 0, "\1\0\2\0\1\3\1\1\4\0"));
	/* a record at line 65536; one of discriminator 2^32; one cut in its targets */
	EXPECT(-EBADMSG, "offset 0x4: the record is cut or its line", NAMES,
	       PART(32, 0, "\1\0\2\1\x80\x80\x04\0\5\0\0"));
	EXPECT(-EBADMSG, "offset 0x4: the record is cut or its line", NAMES,
	       PART(32, 0, "\1\0\2\1\1\x80\x80\x80\x80\x10\5\0\0"));
	EXPECT(-EBADMSG, "offset 0x4: the call targets", NAMES,
	       PART(32, 0, "\1\0\2\1\1\0\5\2\0\1"));
	EXPECT(-EBADMSG, "offset 0x4: the call targets", NAMES,
	       PART(32, 0, "\1\0\2\1\1\0\5\1\7\1\0"));
	EXPECT(-EBADMSG, "the record is cut", NAMES,
	       PART(32, 0, "\1\0\2\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"));
	EXPECT(-ENOTSUP, "context-sensitive", PART(1, 1ull << 33, ""), NAMES, FUNCTIONS);
	EXPECT(-ENOTSUP, "pseudo probes", NAMES, FUNCTIONS, PART(5, 1ull << 32, ""));
}

static void test_extbinary_section_table_lies_are_refused(void **state)
{
	const struct part parts[] = { NAMES, FUNCTIONS };
	static const struct {
		size_t at;
		uint64_t value;
		const char *words;
	} cases[] = {
		{ 10, 3, "section table, offset 0x12: it is cut" },
		{ 10, UINT64_MAX, "section table, offset 0x12: it is cut" },
		{ 18 + 16, 1000, "offset 0x12: a section is not within the file" },
		{ 18 + 16, UINT64_MAX, "a section is not within the file" },
		{ 50 + 24, 12, "offset 0x32: a section is not within the file" },
		{ 50 + 24, UINT64_MAX - 4, "a section is not within the file" },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		struct buf b = file_of(parts, 2);

		memcpy(b.data + cases[i].at, &cases[i].value, 8);
		expect_problem(b.data, b.n_bytes, -EBADMSG, cases[i].words);
		buf_deinit(&b);
	}
}

/* The same megabyte as often as the table says would be an hour's work for a small file. */
static void test_extbinary_sections_that_overlap_are_refused(void **state)
{
	const struct part parts[] = {
		NAMES, FUNCTIONS, FUNCTIONS, FUNCTIONS, FUNCTIONS, FUNCTIONS
	};
	struct buf b = file_of(parts, 6);
	uint64_t off = 18, size = b.n_bytes - off;

	for (size_t i = 1; i < 6; i++) {
		memcpy(b.data + 18 + i * 32 + 16, &off, 8);
		memcpy(b.data + 18 + i * 32 + 24, &size, 8);
	}
	expect_problem(b.data, b.n_bytes, -EBADMSG, "overlaps another");
	buf_deinit(&b);
}

static struct buf compressed(const char *data, size_t n_bytes, uint64_t claimed)
{
	struct buf b = BUF_INIT(CEILING);
	uint8_t packed[4096];
	uLongf n = sizeof(packed);

	assert_int_equal(compress2(packed, &n, (const Bytef *)data, n_bytes, 9), Z_OK);
	buf_uleb(&b, claimed);
	buf_uleb(&b, n);
	buf_append(&b, packed, n);
	return b;
}

static void test_extbinary_compressed_section_lies_are_refused(void **state)
{
	static const char names[] = "\2f\0g\0";
	static const struct {
		uint64_t claimed;
		int code;
		const char *words;
	} cases[] = {
		{ 5, 0, FUNCTIONS_TEXT },
		{ 4, -EBADMSG, "name table, offset 0x0: the section does not unpack" },
		{ 6, -EBADMSG, "the section does not unpack" },
		{ UINT64_MAX, -EBADMSG, "sizes of the compressed section are impossible" },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		struct buf b = compressed(names, 5, cases[i].claimed);

		EXPECT(cases[i].code, cases[i].words,
		       { 2, EXTBINARY_COMPRESSED, b.data, b.n_bytes }, FUNCTIONS);
		EXPECT(-EBADMSG, "sizes of the compressed section are impossible",
		       { 2, EXTBINARY_COMPRESSED, b.data, b.n_bytes - 1 }, FUNCTIONS);
		buf_deinit(&b);
	}
}

static void test_extbinary_bomb_is_refused_before_it_unpacks(void **state)
{
	static const char zeros[2u << 20];
	struct buf b = compressed(zeros, sizeof(zeros), sizeof(zeros));

	EXPECT(-E2BIG, "unpacks to 2097152 bytes", { 2, EXTBINARY_COMPRESSED, b.data, b.n_bytes },
	       FUNCTIONS);
	buf_deinit(&b);
}

static void test_extbinary_chain_deeper_than_the_tree_is_refused(void **state)
{
	struct buf b = BUF_INIT(CEILING);

	buf_append(&b, "\0\0\0\0\1", 5);
	for (size_t depth = 1; depth <= PROFILE_DEPTH_MAX; depth++)
		buf_append(&b, "\1\0\0\0\0\1", 6);
	EXPECT(-EBADMSG, "inlined deeper than 512", NAMES, { 32, 0, b.data, b.n_bytes });
	buf_deinit(&b);
}

static void test_extbinary_memory_is_bounded(void **state)
{
	struct buf b = BUF_INIT(CEILING);

	buf_append(&b, "\0\0\0", 3);
	buf_uleb(&b, 60000);
	for (unsigned int i = 0; i < 60000; i++) {
		buf_uleb(&b, i);
		buf_append(&b, "\0\1\0", 3);
	}
	EXPECT(-E2BIG, "needs more than 1048576 bytes", NAMES, { 32, 0, b.data, b.n_bytes });
	buf_deinit(&b);
}

static void test_rawbinary_is_read_and_bounded(void **state)
{
	struct buf b = BUF_INIT(CEILING);

	buf_uleb(&b, RAWBINARY_MAGIC);
	buf_uleb(&b, EXTBINARY_VERSION);
	buf_append(&b, "\1\2\3\4\5\1\6\7\x08", 9);
	buf_append(&b, "\2f\0g\0", 5);
	buf_append(&b, "\1\0\2\0\1\3\1\1\4\0\0", 11);
	expect_text(b.data, b.n_bytes, FUNCTIONS_TEXT);
	for (size_t n = 10; n < b.n_bytes; n++)
		if (n != b.n_bytes - 11) /* all functions gone: an empty profile */
			expect_problem(b.data, n, -EBADMSG, "raw binary, offset");
	buf_deinit(&b);
}

static struct buf example_file(void)
{
	struct buf b = BUF_INIT(1000);
	struct names *names;
	struct profile *p;

	assert_int_equal(names_new(&names, CEILING), 0);
	p = example_profile(names);
	assert_int_equal(extbinary_encode(p, &(struct extbinary_options){ 0 }, &b), 0);
	profile_free(p);
	names_free(names);
	return b;
}

/* Each place that can run out of room does so once, and says so. */
static void test_read_fails_cleanly_at_every_ceiling(void **state)
{
	struct buf files[] = { example_file(), BUF_INIT(1000) };
	bool was_read = false;

	buf_str(&files[1], EXAMPLE_TEXT);
	for (size_t i = 0; i < array_size(files); i++)
		for (size_t n_names = 0; n_names <= 20; n_names++)
			for (size_t ceiling = 0; ceiling <= 128 << 10; ceiling += 4 << 10) {
				struct problem problem = { 0 };
				struct names *names;
				struct profile *p;
				int code;

				assert_int_equal(names_new(&names, n_names), 0);
				code = profile_read(files[i].data, files[i].n_bytes, names, ceiling,
						    &problem, &p);
				assert_true(code == 0 || code == -E2BIG);
				assert_true(code == 0 || problem.text[0]);
				was_read |= code == 0;
				if (code == 0)
					profile_free(p);
				names_free(names);
			}
	assert_true(was_read);
	buf_deinit(&files[0]);
	buf_deinit(&files[1]);
}

/* Only a sanitizer sees the worst of it; in any build the outcome is a profile or a sentence. */
static void test_extbinary_any_cut_or_changed_byte_is_survived(void **state)
{
	struct buf b = example_file();
	unsigned int n_refused = 0;
	bool is_fs;
	int code;

	expect_text(b.data, b.n_bytes, EXAMPLE_TEXT);
	for (size_t n = 1; n < b.n_bytes; n++) {
		free(text_of(b.data, n, &code, &is_fs));
		assert_true(code == -EBADMSG);
	}
	for (size_t i = 0; i < b.n_bytes; i++)
		for (unsigned int bit = 0; bit < 8; bit++) {
			b.data[i] ^= 1u << bit;
			free(text_of(b.data, b.n_bytes, &code, &is_fs));
			n_refused += code != 0;
			b.data[i] ^= 1u << bit;
		}
	assert_in_range(n_refused, 500, 8 * 398);
	buf_deinit(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_textual_odd_but_legal_text_is_read),
		cmocka_unit_test(test_textual_malformed_text_is_refused_with_its_line),
		cmocka_unit_test(test_textual_chain_deeper_than_the_tree_is_refused),
		cmocka_unit_test(test_textual_nul_byte_is_refused),
		cmocka_unit_test(test_textual_memory_is_bounded),
		cmocka_unit_test(test_read_what_is_no_profile_is_refused),
		cmocka_unit_test(test_extbinary_sections_are_found_wherever_they_stand),
		cmocka_unit_test(test_extbinary_hashed_names_are_decimal_numbers),
		cmocka_unit_test(test_extbinary_fs_flag_comes_through),
		cmocka_unit_test(test_extbinary_mangled_files_are_refused_with_their_place),
		cmocka_unit_test(test_extbinary_section_table_lies_are_refused),
		cmocka_unit_test(test_extbinary_sections_that_overlap_are_refused),
		cmocka_unit_test(test_extbinary_compressed_section_lies_are_refused),
		cmocka_unit_test(test_extbinary_bomb_is_refused_before_it_unpacks),
		cmocka_unit_test(test_extbinary_chain_deeper_than_the_tree_is_refused),
		cmocka_unit_test(test_extbinary_memory_is_bounded),
		cmocka_unit_test(test_rawbinary_is_read_and_bounded),
		cmocka_unit_test(test_read_fails_cleanly_at_every_ceiling),
		cmocka_unit_test(test_extbinary_any_cut_or_changed_byte_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
