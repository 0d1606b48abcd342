/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include "base/problem.h"
#include "profile/extbinary.h"
#include "profile/facts.h"
#include "profile/show.h"
#include "profile/tree.h"
#include "profile/unsymbolized.h"

#define CEILING (1u << 20)

/* Facts that could be. */
static struct profile_facts example(void)
{
	struct profile_facts f = PROFILE_FACTS_INIT;

	f.has_profile = f.is_selected = 1;
	f.verdict = VERDICT_FIT;
	memset(f.build_id, 1, 4);
	f.n_build_id_bytes = 4;
	f.density = 61.5;
	f.overlap = 1;
	f.n_functions = 10;
	f.n_records = 100;
	f.total_samples = 100000;
	f.max_samples = 5000;
	f.ranges = (struct range_health){ .n_pairs = 1000,
					  .n_external = 10,
					  .n_cross_function = 20,
					  .n_bogus = 30,
					  .n_bogus_no_function = 5,
					  .n_dropped_cross = 15,
					  .n_interrupted = 50,
					  .n_emptied = 5,
					  .n_used = 940 };
	f.branches = (struct branch_health){ .n_branches = 2000, .n_no_target = 3 };
	f.accumulate = (struct accumulate_stats){ .n_locations = 50, .n_line_zero = 4 };
	strcpy(f.reason, "density 61.5, 50 is enough");
	return f;
}

static int read_facts(const struct profile_facts *facts, struct problem *problem)
{
	struct profile_facts read;
	int r = profile_facts_read(facts, sizeof(*facts), &read, problem);

	if (r == 0)
		assert_memory_equal(&read, facts, sizeof(read));
	return r;
}

static void test_facts_that_could_be_are_read(void **state)
{
	struct profile_facts nothing = PROFILE_FACTS_INIT, facts = example();
	struct problem problem;

	assert_int_equal(read_facts(&facts, &problem), 0);
	assert_int_equal(read_facts(&nothing, &problem), 0);
	memset(facts.reason, 'x', sizeof(facts.reason) - 1);
	assert_int_equal(read_facts(&facts, &problem), 0);
	facts.is_ip_only = facts.is_fs = 1;
	memset(facts.build_id, 1, BUILD_ID_BYTES_MAX);
	facts.n_build_id_bytes = BUILD_ID_BYTES_MAX;
	assert_int_equal(read_facts(&facts, &problem), 0);
	strcpy(nothing.reason, " ~");
	assert_int_equal(read_facts(&nothing, &problem), 0);
}

static void test_facts_of_another_size_are_refused(void **state)
{
	struct profile_facts facts = example(), read;
	struct problem problem;
	char bytes[sizeof(facts) + 1] = { 0 };

	memcpy(bytes, &facts, sizeof(facts));
	for (size_t n = 0; n < sizeof(facts); n++)
		assert_int_equal(profile_facts_read(bytes, n, &read, &problem), -EBADMSG);
	assert_int_equal(profile_facts_read(bytes, sizeof(bytes), &read, &problem), -EBADMSG);
	assert_non_null(strstr(problem.text, "expected"));
}

#define REFUSED(change, words)                                                                     \
	do {                                                                                       \
		struct profile_facts f = example();                                                \
		struct problem problem = { "" };                                                   \
		change;                                                                            \
		assert_int_equal(read_facts(&f, &problem), -EBADMSG);                              \
		assert_non_null(strstr(problem.text, words));                                      \
	} while (0)

static void test_facts_that_cannot_be_are_refused(void **state)
{
	REFUSED(f.version++, "version");
	REFUSED(f.has_profile = 2, "flag");
	REFUSED(f.is_selected = 2, "flag");
	REFUSED(f.is_ip_only = UINT32_MAX, "flag");
	REFUSED(f.is_fs = 2, "flag");
	REFUSED(f.verdict = 4, "verdict");
	REFUSED(f.verdict = UINT32_MAX, "verdict");
	REFUSED(f.density = NAN, "density");
	REFUSED(f.density = INFINITY, "density");
	REFUSED(f.density = -0.5, "density");
	REFUSED(f.overlap = NAN, "overlap");
	REFUSED(f.overlap = -0.5, "overlap");
	REFUSED(f.overlap = 1.001, "overlap");
	REFUSED(f.overlap = INFINITY, "overlap");
	REFUSED(f.n_build_id_bytes = BUILD_ID_BYTES_MAX + 1, "build id");
	REFUSED(f.n_build_id_bytes = SIZE_MAX, "build id");
	REFUSED(f.build_id[4] = 1, "build id");
	REFUSED(memset(f.reason, 'x', sizeof(f.reason)), "reason does not end");
	REFUSED(f.reason[sizeof(f.reason) - 1] = 'x', "reason does not end");
	REFUSED(f.reason[3] = '\033', "reason is no text");
	REFUSED(f.reason[3] = (char)0xc3, "reason is no text");
	REFUSED(f.has_profile = 0, "not there");
	REFUSED(f.n_records = 0, "empty profile");
}

static void test_facts_part_above_its_whole_is_refused(void **state)
{
	REFUSED(f.ranges.n_external = 1001, "ranges.n_external");
	REFUSED(f.ranges.n_not_on_boundary = 1001, "ranges.n_not_on_boundary");
	REFUSED(f.ranges.n_no_function = 1001, "ranges.n_no_function");
	REFUSED(f.ranges.n_cross_function = 1001, "ranges.n_cross_function");
	REFUSED(f.ranges.n_bogus = 1001, "ranges.n_bogus");
	REFUSED(f.ranges.n_bogus_no_function = 31, "ranges.n_bogus_no_function");
	REFUSED(f.ranges.n_used = 1001, "ranges.n_used");
	REFUSED(f.ranges.n_too_long = 1001, "ranges.n_too_long");
	REFUSED(f.ranges.n_dropped_cross = 21, "ranges.n_dropped_cross");
	REFUSED(f.ranges.n_interrupted = 1001, "ranges.n_interrupted");
	REFUSED(f.ranges.n_emptied = 51, "ranges.n_emptied");
	REFUSED(f.ranges.n_used = 939, "ranges.n_pairs");
	REFUSED(f.ranges.n_pairs = 1001, "ranges.n_pairs");
	REFUSED(f.ranges.n_patched_end = 1001, "ranges.n_patched_end");
	REFUSED(f.ranges.n_patched_barrier = 1001, "ranges.n_patched_barrier");
	REFUSED(f.branches.n_no_target = 2001, "branches.n_no_target");
	REFUSED(f.branches.n_external_source = 2001, "branches.n_external_source");
	REFUSED(f.branches.n_patched = 2001, "branches.n_patched");
	REFUSED(f.accumulate.n_no_frames = 51, "accumulate.n_no_frames");
	REFUSED(f.accumulate.n_line_zero = 51, "accumulate.n_line_zero");
	REFUSED(f.accumulate.n_too_deep = 51, "accumulate.n_too_deep");
}

/* Each figure of a profile that is not there, alone. */
static void test_facts_of_no_profile_have_no_figures(void **state)
{
	static const size_t offsets[] = {
		offsetof(struct profile_facts, n_functions),
		offsetof(struct profile_facts, n_inlinees),
		offsetof(struct profile_facts, n_records),
		offsetof(struct profile_facts, total_samples),
		offsetof(struct profile_facts, max_samples),
		offsetof(struct profile_facts, max_head),
	};

	for (size_t i = 0; i < array_size(offsets); i++) {
		struct profile_facts f = PROFILE_FACTS_INIT;
		struct problem problem;

		*(uint64_t *)((char *)&f + offsets[i]) = 1;
		assert_int_equal(read_facts(&f, &problem), -EBADMSG);
	}
	REFUSED(f = (struct profile_facts)PROFILE_FACTS_INIT; f.density = 1, "not there");
	REFUSED(f = (struct profile_facts)PROFILE_FACTS_INIT; f.overlap = 0, "not there");
	REFUSED(f = (struct profile_facts)PROFILE_FACTS_INIT;
		f.verdict = VERDICT_THIN, "not there");
}

/* profiles */

struct fixture {
	struct names *names;
	struct profile *profile;
	struct profile_facts facts;
	struct buf bytes;
};

static void set_up(struct fixture *f)
{
	static const struct extbinary_options plain = { 0 };
	struct show_figures figures;
	struct function *function;
	uint32_t name;

	*f = (struct fixture){ .facts = PROFILE_FACTS_INIT, .bytes = BUF_INIT(CEILING) };
	assert_int_equal(names_new(&f->names, CEILING), 0);
	assert_int_equal(profile_new(&f->profile, f->names, CEILING), 0);
	assert_int_equal(names_add(f->names, "function", 8, &name), 0);
	function = profile_function(f->profile, name);
	function->total = 1000;
	function->head = 7;
	profile_record(f->profile, function, 1, 0)->samples = 200;
	profile_record(f->profile, function, 2, 3)->samples = 300;
	f->profile->is_fs = true;
	profile_sort(f->profile);
	assert_int_equal(extbinary_encode(f->profile, &plain, &f->bytes), 0);
	assert_int_equal(show_compute(f->profile, &figures), 0);
	f->facts.has_profile = f->facts.is_fs = 1;
	f->facts.n_functions = figures.summary.n_functions;
	f->facts.n_records = figures.summary.n_records;
	f->facts.total_samples = figures.summary.total;
	f->facts.max_samples = figures.summary.max;
	f->facts.max_head = figures.summary.max_head;
}

static void tear_down(struct fixture *f)
{
	profile_free(f->profile);
	names_free(f->names);
	buf_deinit(&f->bytes);
}

static int check(const struct fixture *f, struct problem *problem)
{
	return profile_check_extbinary(&f->facts, f->bytes.data, f->bytes.n_bytes, problem);
}

static void test_check_profile_with_its_facts_passes(void **state)
{
	struct problem problem;
	struct fixture f;

	set_up(&f);
	assert_int_equal(check(&f, &problem), 0);
	tear_down(&f);
}

static void test_check_cut_or_longer_profile_is_refused(void **state)
{
	struct problem problem;
	struct fixture f;

	set_up(&f);
	for (size_t n = 0; n < f.bytes.n_bytes; n++)
		assert_int_equal(profile_check_extbinary(&f.facts, f.bytes.data, n, &problem),
				 -EBADMSG);
	buf_u8(&f.bytes, 0);
	assert_int_equal(check(&f, &problem), -EBADMSG);
	assert_non_null(strstr(problem.text, "follow"));
	tear_down(&f);
}

static void test_check_facts_of_another_profile_are_refused(void **state)
{
	static const size_t offsets[] = {
		offsetof(struct profile_facts, n_functions),
		offsetof(struct profile_facts, n_records),
		offsetof(struct profile_facts, total_samples),
		offsetof(struct profile_facts, max_samples),
		offsetof(struct profile_facts, max_head),
	};
	struct problem problem;
	struct fixture f;

	set_up(&f);
	for (size_t i = 0; i < array_size(offsets); i++) {
		uint64_t *number = (uint64_t *)((char *)&f.facts + offsets[i]);

		(*number)++;
		assert_int_equal(check(&f, &problem), -EBADMSG);
		assert_non_null(strstr(problem.text, "another profile"));
		(*number)--;
	}
	f.facts.is_fs = 0;
	assert_int_equal(check(&f, &problem), -EBADMSG);
	f.facts.is_fs = 1;
	f.facts.has_profile = 0;
	assert_int_equal(check(&f, &problem), -EBADMSG);
	tear_down(&f);
}

/* The section table begins at 18, an entry is type, flags, offset and size, 8 bytes each. */
static void test_check_damaged_section_table_is_refused(void **state)
{
	static const struct {
		size_t off;
		uint8_t bits;
		const char *words;
	} damages[] = {
		{ 0, 1, "not extbinary" },
		{ 9, 1, "not extbinary" },
		{ 10, 0x20, "too long" },     /* 39 sections */
		{ 10, 7, "missing" },	      /* none */
		{ 18, 2, "missing" },	      /* a summary less */
		{ 18 + 32, 1, "missing" },    /* a name table less */
		{ 18 + 8, 1, "compressed" },  /* of the summary */
		{ 18 + 16 + 7, 1, "within" }, /* offset of the summary */
		{ 18 + 24 + 7, 0x80, "within" },
		{ 18 + 12, 2, "context" },     /* bit 33 of its flags */
		{ 18 + 4 * 32, 1, "missing" }, /* a profile section less */
	};
	struct problem problem;
	struct fixture f;

	set_up(&f);
	for (size_t i = 0; i < array_size(damages); i++) {
		f.bytes.data[damages[i].off] ^= damages[i].bits;
		problem.text[0] = '\0';
		assert_int_equal(check(&f, &problem), -EBADMSG);
		assert_non_null(strstr(problem.text, damages[i].words));
		f.bytes.data[damages[i].off] ^= damages[i].bits;
	}
	assert_int_equal(check(&f, &problem), 0);
	tear_down(&f);
}

/* dumps */

static int check_dump(const char *text, struct problem *problem)
{
	return profile_check_dump(text, strlen(text), problem);
}

static void test_check_dump_as_we_write_it_passes(void **state)
{
	struct range_count range = { 0x401000, 0x401008, UINT64_MAX };
	struct branch_count branches[] = { { 1, 0x401000, 1 }, { UINT64_MAX, 0, 7 } };
	struct branch_counts counts = { branches, 2, &range, 1 };
	struct buf buf = BUF_INIT(CEILING);
	struct problem problem;

	unsymbolized_encode(&counts, 0, &buf);
	assert_int_equal(profile_check_dump(buf.data, buf.n_bytes, &problem), 0);
	for (size_t n = 0; n < buf.n_bytes; n++)
		assert_int_equal(profile_check_dump(buf.data, n, &problem), -EBADMSG);
	assert_int_equal(check_dump("0\n0\n", &problem), 0);
	buf_deinit(&buf);
}

#define WITH_MODULES                                                                               \
	"1\n1-2:3\n0\n"                                                                            \
	"modules 2\next4 3000 4041424344\nx_y 10 -\n"                                              \
	"2\n0+10-0+2f:5\n1+0-ab:9\n1\n1->1+f:3\n"

/* Of more bytes than any module's has. */
#define LONG_NAME "a_name_that_has_as_many_bytes_as_no_module_could_ever_have"

static void test_check_dump_with_modules_passes_whole_only(void **state)
{
	static const char dump[] = WITH_MODULES;
	struct problem problem;
	size_t n_kernel = strlen("1\n1-2:3\n0\n");

	for (size_t n = 0; n <= strlen(dump); n++) {
		bool is_whole = n == n_kernel || n == strlen(dump);

		assert_int_equal(profile_check_dump(dump, n, &problem), is_whole ? 0 : -EBADMSG);
	}
}

static void test_check_dump_with_bad_modules_is_refused(void **state)
{
	static const char *const dumps[] = {
		WITH_MODULES "0\n0\n",
		WITH_MODULES "modules 1\na 1 -\n0\n0\n",
		"modules 1\na 1 -\n0\n0\n",
		"0\nmodules 1\na 1 -\n0\n0\n",
		"0\n0\nmodules 0\n0\n0\n",
		"0\n0\nmodules 16385\na 1 -\n0\n0\n",
		"0\n0\nmodules 18446744073709551615\na 1 -\n0\n0\n",
		"0\n0\nmodules  1\na 1 -\n0\n0\n",
		"0\n0\nmodules 1\n0\n0\n",
		"0\n0\nmodules 1\n 1 -\n0\n0\n",
		"0\n0\nmodules 1\na/b 1 -\n0\n0\n",
		"0\n0\nmodules 1\na\033 1 -\n0\n0\n",
		"0\n0\nmodules 1\n" LONG_NAME " 1 -\n0\n0\n",
		"0\n0\nmodules 1\na 0 -\n0\n0\n",
		"0\n0\nmodules 1\na 80000001 -\n0\n0\n",
		"0\n0\nmodules 1\na 1\n0\n0\n",
		"0\n0\nmodules 1\na 1 \n0\n0\n",
		"0\n0\nmodules 1\na 1 abc\n0\n0\n",
		"0\n0\nmodules 1\na 1 AB\n0\n0\n",
		"0\n0\nmodules 1\na 1 ab \n0\n0\n",
		"0\n0\nmodules 1\na 10 -\n1\n1+0-1:1\n0\n",
		"0\n0\nmodules 1\na 10 -\n1\n0+10-1:1\n0\n",
		"0\n0\nmodules 1\na 10 -\n1\n0+-1:1\n0\n",
		"0\n0\nmodules 1\na 10 -\n1\n+1-1:1\n0\n",
		"0\n0\nmodules 1\na 10 -\n1\n00000000000000000000000+1-1:x\n0\n",
		"1\n0+1-1:1\n0\n",
	};
	struct problem problem;

	for (size_t i = 0; i < array_size(dumps); i++)
		if (check_dump(dumps[i], &problem) != -EBADMSG)
			fail_msg("passed: %s", dumps[i]);
}

static void test_check_dump_with_anything_else_is_refused(void **state)
{
	static const char *const dumps[] = {
		"",
		"\n",
		"0",
		"0\n",
		"0\n0",
		"0\n\n",
		"0\n0\n\n",
		"0\n0\n0\n",
		"-0\n0\n",
		" 0\n0\n",
		"0x0\n0\n",
		"18446744073709551616\n0\n",
		"18446744073709551615\n0\n",
		"1\n0\n",
		"1\n1-2\n0\n",
		"1\n1-2:\n0\n",
		"1\n1-:3\n0\n",
		"1\n-2:3\n0\n",
		"1\n1:3\n0\n",
		"1\n1:2-3\n0\n",
		"1\n1->2:3\n0\n",
		"1\n1--2:3\n0\n",
		"1\n1-2:3:4\n0\n",
		"1\n1-2:3a\n0\n",
		"1\n1-2:-3\n0\n",
		"1\n1-2 :3\n0\n",
		"1\n1-A:3\n0\n",
		"1\n1-2:3\r\n0\n",
		"1\n1-2\033:3\n0\n",
		"1\n12345678901234567-2:3\n0\n",
		"1\n1-2:123456789012345678901\n0\n",
		"0\n1\n1-2:3\n",
		"0\n1\n1-> 2:3\n",
		"0\n1\n1>-2:3\n",
		"0\n2\n1->2:3\n",
	};
	struct problem problem;

	for (size_t i = 0; i < array_size(dumps); i++)
		if (check_dump(dumps[i], &problem) != -EBADMSG)
			fail_msg("passed: %s", dumps[i]);
	assert_int_equal(profile_check_dump("0\n\0\n", 4, &problem), -EBADMSG);
	assert_int_equal(profile_check_dump(NULL, 0, &problem), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_facts_that_could_be_are_read),
		cmocka_unit_test(test_facts_of_another_size_are_refused),
		cmocka_unit_test(test_facts_that_cannot_be_are_refused),
		cmocka_unit_test(test_facts_part_above_its_whole_is_refused),
		cmocka_unit_test(test_facts_of_no_profile_have_no_figures),
		cmocka_unit_test(test_check_profile_with_its_facts_passes),
		cmocka_unit_test(test_check_cut_or_longer_profile_is_refused),
		cmocka_unit_test(test_check_facts_of_another_profile_are_refused),
		cmocka_unit_test(test_check_damaged_section_table_is_refused),
		cmocka_unit_test(test_check_dump_as_we_write_it_passes),
		cmocka_unit_test(test_check_dump_with_anything_else_is_refused),
		cmocka_unit_test(test_check_dump_with_modules_passes_whole_only),
		cmocka_unit_test(test_check_dump_with_bad_modules_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
