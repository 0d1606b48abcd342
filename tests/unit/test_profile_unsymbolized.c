/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "profile/unsymbolized.h"

#define EXAMPLE                                                                                    \
	"5\n401000-401007:10\n401002-401007:5\n401002-40100e:10\n40100c-40100e:10\n"               \
	"40100c-401010:5\n4\n1->401000:2\n401007->40100c:15\n40100e->401002:25\n"                  \
	"401020->401000:10\n"

static const struct unsymbolized_options absolute = { .ceiling_bytes = 1 << 20 };

static struct branch_counts read_text(const char *text)
{
	struct branch_counts counts;
	struct problem problem = { 0 };

	if (unsymbolized_read(text, strlen(text), &absolute, &problem, &counts) != 0)
		fail_msg("%s", problem.text);
	return counts;
}

static void expect_encoded(const struct branch_counts *counts, uint64_t base_vaddr,
			   const char *text)
{
	struct buf b = BUF_INIT(1 << 20);

	unsymbolized_encode(counts, base_vaddr, &b);
	buf_u8(&b, 0);
	assert_int_equal(b.error, 0);
	assert_string_equal((const char *)b.data, text);
	buf_deinit(&b);
}

static void test_unsymbolized_example_round_trips(void **state)
{
	struct branch_counts counts = read_text(EXAMPLE);

	assert_int_equal(counts.n_ranges, 5);
	assert_int_equal(counts.n_branches, 4);
	assert_int_equal(counts.branches[0].from_vaddr, VADDR_EXTERNAL);
	assert_int_equal(counts.ranges[4].end_vaddr, 0x401010);
	assert_int_equal(counts.ranges[4].n, 5);
	expect_encoded(&counts, 0, EXAMPLE);
	branch_counts_deinit(&counts);
}

static void test_unsymbolized_offsets_come_back_with_their_base(void **state)
{
	struct branch_counts counts = read_text("1\n401000-401007:3\n1\n1->401000:2\n"), again;
	static const char offsets[] = "1\n0-7:3\n1\nffffffffffbff001->0:2\n";
	struct unsymbolized_options options = { .base_vaddr = 0x401000, .ceiling_bytes = 1 << 20 };

	expect_encoded(&counts, 0x401000, offsets);
	assert_int_equal(unsymbolized_read(offsets, strlen(offsets), &options, NULL, &again), 0);
	expect_encoded(&again, 0, "1\n401000-401007:3\n1\n1->401000:2\n");
	branch_counts_deinit(&counts);
	branch_counts_deinit(&again);
}

static void test_unsymbolized_empty_counts_are_two_zeros(void **state)
{
	struct branch_counts counts = read_text("0\n0\n");

	expect_encoded(&counts, 0, "0\n0\n");
	branch_counts_deinit(&counts);
}

static void test_unsymbolized_repeated_keys_and_dumps_add_up(void **state)
{
	struct branch_counts counts = read_text(
		"2\n10-20:1\n 10-20:2\n0\n   1\n5-6:0\n2\nA->b:18446744073709551615\na->b:7"
		"\n1\n10-20:4\n0");

	expect_encoded(&counts, 0, "1\n10-20:7\n1\na->b:18446744073709551615\n");
	branch_counts_deinit(&counts);
}

static void test_unsymbolized_malformed_input_is_named_by_line_and_column(void **state)
{
	static const struct {
		const char *text, *place;
		int code;
	} cases[] = {
		{ "", "the input is empty", -EBADMSG },
		{ "\n", "line 1, column 1: expected the number of ranges", -EBADMSG },
		{ "0\n", "line 1: the input ends before its branches", -EBADMSG },
		{ "0\n\n", "line 2, column 1: expected the number of branches", -EBADMSG },
		{ "1x\n", "line 1, column 2: expected the end", -EBADMSG },
		{ "0x1\n", "line 1, column 2: expected the end", -EBADMSG },
		{ "-1\n", "line 1, column 1: expected the number", -EBADMSG },
		{ "18446744073709551616\n", "line 1, column 1", -EBADMSG },
		{ "2\n1-2:3\n", "line 2: 1 more ranges were announced", -EBADMSG },
		{ "18446744073709551615\n1-2:3\n", "18446744073709551614 more", -EBADMSG },
		{ "1\n0x1-2:3\n0\n", "line 2, column 2: expected '-'", -EBADMSG },
		{ "1\n1->2:3\n0\n", "line 2, column 3: expected a hex", -EBADMSG },
		{ "1\n1-2:3 \n0\n", "line 2, column 6: expected the end", -EBADMSG },
		{ "1\n1-2:3\r\n0\n", "line 2, column 6: expected the end", -EBADMSG },
		{ "1\n1-2:a\n0\n", "line 2, column 5: expected a decimal", -EBADMSG },
		{ "1\n1-2\n0\n", "line 2, column 4: expected ':'", -EBADMSG },
		{ "1\n\n0\n", "line 2, column 1: expected a hex", -EBADMSG },
		{ "1\n  11111111111111111-2:3\n0\n", "line 2, column 3: expected a hex", -EBADMSG },
		{ "1\n1-2:99999999999999999999\n0\n", "column 5: expected a decimal", -EBADMSG },
		{ "0\n1\n1-2:3\n", "line 3, column 2: expected '->'", -EBADMSG },
		{ "[main]\n0\n0\n", "line 1: a context-sensitive dump", -ENOTSUP },
		{ "0\n0\n0\n", "line 3: the input ends before", -EBADMSG },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		struct branch_counts counts;
		struct problem problem = { 0 };

		assert_int_equal(unsymbolized_read(cases[i].text, strlen(cases[i].text), &absolute,
						   &problem, &counts),
				 cases[i].code);
		if (!strstr(problem.text, cases[i].place))
			fail_msg("%zu: \"%s\" lacks \"%s\"", i, problem.text, cases[i].place);
	}
}

#define MODULES                                                                                    \
	"1\n401000-401007:10\n1\n1->401000:2\n"                                                    \
	"modules 2\next4 3000 4041ff\nx_y 10 -\n"                                                  \
	"3\n0+10-0+2f:5\n1+0-0+4:1\n1+0-1+f:9\n"                                                   \
	"3\n401000->0+10:5\n0+2f->1+0:6\n1+f->401007:2\n"

static void expect_objects(const struct branch_counts *counts, const struct objects *objects,
			   const char *text)
{
	struct buf b = BUF_INIT(1 << 20);

	assert_int_equal(unsymbolized_encode_objects(counts, objects, &b), 0);
	buf_u8(&b, 0);
	assert_string_equal((const char *)b.data, text);
	buf_deinit(&b);
}

static void read_objects(const char *text, struct objects *objects, struct branch_counts *counts)
{
	struct unsymbolized_options options = { .ceiling_bytes = 1 << 20, .objects = objects };
	struct problem problem = { 0 };

	if (unsymbolized_read(text, strlen(text), &options, &problem, counts) != 0)
		fail_msg("%s", problem.text);
}

static void test_unsymbolized_modules_round_trip_wherever_they_are(void **state)
{
	/* named in the other order, and others are there before */
	static const char swapped[] = "1\n401000-401007:10\n1\n1->401000:2\n"
				      "modules 3\nx_y 10 -\nnot_counted 4 -\next4 3000 4041ff\n"
				      "3\n0+0-2+4:1\n0+0-0+f:9\n2+10-2+2f:5\n"
				      "3\n0+f->401007:2\n401000->2+10:5\n2+2f->0+0:6\n";
	static const char *const texts[] = { MODULES, swapped };

	for (size_t i = 0; i < array_size(texts); i++) {
		struct build_id id = { .bytes = { 0x40, 0x41, 0xff }, .n_bytes = 3 };
		struct branch_counts counts;
		struct objects objects;
		struct object *ext4, *other;

		assert_int_equal(objects_init(&objects), 0);
		assert_int_equal(objects_add_module(&objects, "ext4", NULL, 0x3000, &other), 0);
		read_objects(texts[i], &objects, &counts);
		assert_int_equal(counts.n_ranges, 4);
		assert_int_equal(counts.n_branches, 4);
		expect_objects(&counts, &objects, MODULES);
		assert_int_equal(objects_add_module(&objects, "ext4", &id, 0x3000, &ext4), 0);
		assert_ptr_not_equal(ext4, other);
		assert_ptr_equal(objects_find(&objects, ext4->lo_vaddr + 0x2f), ext4);
		branch_counts_deinit(&counts);
		objects_deinit(&objects);
	}
}

static void test_unsymbolized_dumps_with_modules_add_up(void **state)
{
	struct branch_counts counts;
	struct objects objects;

	assert_int_equal(objects_init(&objects), 0);
	read_objects(MODULES "0\n0\n" MODULES, &objects, &counts);
	assert_int_equal(objects.n, 2);
	expect_objects(&counts, &objects,
		       "1\n401000-401007:20\n1\n1->401000:4\n"
		       "modules 2\next4 3000 4041ff\nx_y 10 -\n"
		       "3\n0+10-0+2f:10\n1+0-0+4:2\n1+0-1+f:18\n"
		       "3\n401000->0+10:10\n0+2f->1+0:12\n1+f->401007:4\n");
	branch_counts_deinit(&counts);
	objects_deinit(&objects);
}

/* Without objects, and to llvm-profgen, modules are external. */
static void test_unsymbolized_modules_are_external_to_the_kernel(void **state)
{
	static const char expected[] = "1\n401000-401007:10\n2\n1->401000:2\n1->401007:2\n";
	struct branch_counts counts = read_text(MODULES), part;
	struct objects objects;

	expect_encoded(&counts, 0, expected);
	branch_counts_deinit(&counts);
	assert_int_equal(objects_init(&objects), 0);
	read_objects(MODULES, &objects, &counts);
	assert_int_equal(unsymbolized_kernel_part(&counts, &objects, &part), 0);
	expect_encoded(&part, 0, expected);
	branch_counts_deinit(&part);
	branch_counts_deinit(&counts);
	objects_deinit(&objects);
}

static void test_unsymbolized_malformed_modules_are_named_by_line_and_column(void **state)
{
	static const struct {
		const char *text, *place;
	} cases[] = {
		{ "modules 1\nx 10 -\n0\n0\n", "line 1, column 1: expected the number of ranges" },
		{ "0\n0\nmodules\n", "line 3, column 1: expected the number of ranges" },
		{ "0\n0\nmodules x\n", "line 3, column 9: expected the number of modules" },
		{ "0\n0\nmodules 1 \n", "line 3, column 10: expected the end" },
		{ "0\n0\nmodules 1\n", "line 3: the input ends before its modules' counts" },
		{ "0\n0\nmodules 1\nx 10 -\n", "line 4: the input ends before its modules'" },
		{ "0\n0\nmodules 0\n0\n", "line 4: the input ends before its branches" },
		{ "0\n0\nmodules 1\n x\n", "line 4, column 3: expected the name" },
		{ "0\n0\nmodules 1\n\n", "line 4, column 1: expected the name" },
		{ "0\n0\nmodules 1\na/b 10 -\n", "line 4, column 2: expected the name" },
		{ "0\n0\nmodules 1\nx g -\n", "line 4, column 3: expected the hex" },
		{ "0\n0\nmodules 1\nx 10\n", "line 4, column 5: expected the hex" },
		{ "0\n0\nmodules 1\nx 10 4g\n", "line 4, column 6: expected a build id" },
		{ "0\n0\nmodules 1\nx 10 404\n", "line 4, column 8: expected the end" },
		{ "0\n0\nmodules 1\nx 0 -\n", "line 4: a module too many or too large" },
		{ "0\n0\nmodules 1\nx fffffffff -\n", "line 4: a module too many or too large" },
		{ "0\n0\nmodules 1\nx 10 -\n1\n1+0-0+1:1\n0\n",
		  "line 6, column 1: expected a mod" },
		{ "0\n0\nmodules 1\nx 10 -\n1\n0+0-0+10:1\n0\n",
		  "line 6, column 9: expected a hex" },
		{ "0\n0\nmodules 1\nx 10 -\n1\n0+-0+1:1\n0\n", "line 6, column 3: expected a hex" },
		{ "0\n0\nmodules 1\nx 10 -\n0\n0\n1\n0+0-0+1:1\n0\n", "line 8, column 2: exp" },
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		struct branch_counts counts;
		struct problem problem = { 0 };
		struct objects objects;
		struct unsymbolized_options options = { .ceiling_bytes = 1 << 20,
							.objects = &objects };

		assert_int_equal(objects_init(&objects), 0);
		assert_int_equal(unsymbolized_read(cases[i].text, strlen(cases[i].text), &options,
						   &problem, &counts),
				 -EBADMSG);
		if (!strstr(problem.text, cases[i].place))
			fail_msg("%zu: \"%s\" lacks \"%s\"", i, problem.text, cases[i].place);
		objects_deinit(&objects);
	}
}

static void test_unsymbolized_base_leaves_modules_and_external_alone(void **state)
{
	static const char text[] = "1\n0-7:3\n1\n1->0:2\nmodules 1\nx 10 -\n"
				   "0\n1\n5->0+5:1\n";
	struct objects objects;
	struct unsymbolized_options options = { .base_vaddr = 0x401000,
						.ceiling_bytes = 1 << 20,
						.keeps_external = true,
						.objects = &objects };
	struct branch_counts counts;

	assert_int_equal(objects_init(&objects), 0);
	assert_int_equal(unsymbolized_read(text, strlen(text), &options, NULL, &counts), 0);
	expect_objects(&counts, &objects,
		       "1\n401000-401007:3\n1\n1->401000:2\nmodules 1\nx 10 -\n"
		       "0\n1\n401005->0+5:1\n");
	branch_counts_deinit(&counts);
	objects_deinit(&objects);
}

static int memfd_of(const struct buf *b, unsigned int n_times)
{
	int fd = memfd_create("test", 0);

	assert_true(fd >= 0);
	for (unsigned int i = 0; i < n_times; i++)
		assert_int_equal(write(fd, b->data, b->n_bytes), b->n_bytes);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void put_many(struct buf *b, unsigned int n)
{
	buf_printf(b, "%u\n", n);
	for (unsigned int i = 0; i < n; i++)
		buf_printf(b, "%llx-%llx:1\n", 0xffffffff81000000ull + i * 2,
			   0xffffffff81000000ull + i * 3);
	buf_printf(b, "%u\n", n);
	for (unsigned int i = n; i-- > 0;)
		buf_printf(b, "%x->%x:2\n", i, i + 1);
}

/* Far larger than the window, the ceiling and what would fit without folding. */
static void test_unsymbolized_many_dumps_fit_where_one_fits(void **state)
{
	const unsigned int n = 5000, n_dumps = 200;
	struct unsymbolized_options options = { .ceiling_bytes = 3 * (size_t)n * 24 };
	struct branch_counts counts;
	struct problem problem = { 0 };
	struct buf b = BUF_INIT(1 << 20);
	int fd;

	put_many(&b, n);
	fd = memfd_of(&b, n_dumps);
	if (unsymbolized_read_fd(fd, &options, &problem, &counts) != 0)
		fail_msg("%s", problem.text);
	assert_int_equal(counts.n_ranges, n);
	assert_int_equal(counts.n_branches, n);
	for (unsigned int i = 0; i < n; i++) {
		assert_int_equal(counts.ranges[i].n, n_dumps);
		assert_int_equal(counts.branches[i].n, 2 * n_dumps);
		assert_int_equal(counts.branches[i].from_vaddr, i);
	}
	branch_counts_deinit(&counts);
	close(fd);
	buf_deinit(&b);
}

static void test_unsymbolized_ceiling_is_kept(void **state)
{
	struct unsymbolized_options options = { .ceiling_bytes = 2000 * 24 };
	struct branch_counts counts;
	struct problem problem = { 0 };
	struct buf b = BUF_INIT(1 << 20);

	put_many(&b, 2001);
	assert_int_equal(unsymbolized_read(b.data, b.n_bytes, &options, &problem, &counts), -E2BIG);
	assert_non_null(strstr(problem.text, "counts need more than 48000 bytes"));
	buf_deinit(&b);
}

static void test_unsymbolized_endless_line_is_refused(void **state)
{
	struct branch_counts counts;
	struct problem problem = { 0 };
	struct buf b = BUF_INIT(1 << 20);
	int fd;

	buf_str(&b, "1\n");
	buf_spaces(&b, 100000);
	fd = memfd_of(&b, 1);
	assert_int_equal(unsymbolized_read_fd(fd, &absolute, &problem, &counts), -EBADMSG);
	assert_string_equal(problem.text, "unsymbolized: line 2: longer than 65536 bytes");
	close(fd);
	buf_deinit(&b);
}

static void test_unsymbolized_bad_descriptor_is_an_error(void **state)
{
	struct branch_counts counts;
	struct problem problem = { 0 };

	assert_int_equal(unsymbolized_read_fd(-1, &absolute, &problem, &counts), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unsymbolized_example_round_trips),
		cmocka_unit_test(test_unsymbolized_offsets_come_back_with_their_base),
		cmocka_unit_test(test_unsymbolized_empty_counts_are_two_zeros),
		cmocka_unit_test(test_unsymbolized_repeated_keys_and_dumps_add_up),
		cmocka_unit_test(test_unsymbolized_malformed_input_is_named_by_line_and_column),
		cmocka_unit_test(test_unsymbolized_modules_round_trip_wherever_they_are),
		cmocka_unit_test(test_unsymbolized_dumps_with_modules_add_up),
		cmocka_unit_test(test_unsymbolized_modules_are_external_to_the_kernel),
		cmocka_unit_test(test_unsymbolized_malformed_modules_are_named_by_line_and_column),
		cmocka_unit_test(test_unsymbolized_base_leaves_modules_and_external_alone),
		cmocka_unit_test(test_unsymbolized_many_dumps_fit_where_one_fits),
		cmocka_unit_test(test_unsymbolized_ceiling_is_kept),
		cmocka_unit_test(test_unsymbolized_endless_line_is_refused),
		cmocka_unit_test(test_unsymbolized_bad_descriptor_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
