/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our writers and readers against the real consumer: llvm-profdata 19 reads what we write, and
 * what it writes we read. Profiles are random, with the extremes of every field.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/buf.h"
#include "profile/extbinary.h"
#include "profile/read.h"
#include "profile/textual.h"
#include "profile_random.h"

#define CEILING (64u << 20)

static char directory[] = "/tmp/test_profile_llvm.XXXXXX";

/* files and the other program */

static const char *path_of(const char *name)
{
	static char paths[4][128];
	static unsigned int i;

	i = (i + 1) % array_size(paths);
	snprintf(paths[i], sizeof(paths[i]), "%s/%s", directory, name);
	return paths[i];
}

static void write_file(const char *name, const struct buf *b)
{
	FILE *f = fopen(path_of(name), "w");

	assert_non_null(f);
	if (b->n_bytes)
		assert_int_equal(fwrite(b->data, 1, b->n_bytes, f), b->n_bytes);
	assert_int_equal(fclose(f), 0);
}

static struct buf read_file(const char *name)
{
	struct buf b = BUF_INIT(CEILING);
	char piece[4096];
	size_t n;
	FILE *f = fopen(path_of(name), "r");

	assert_non_null(f);
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
		buf_append(&b, piece, n);
	fclose(f);
	return b;
}

static void run_profdata(const char *arguments, const char *from, const char *to)
{
	char command[512];

	snprintf(command, sizeof(command), "llvm-profdata-19 %s %s -o %s 2>%s", arguments,
		 path_of(from), path_of(to), path_of("stderr"));
	if (system(command) != 0)
		fail_msg("%s failed", command);
}

static void expect_equal(const char *what, uint64_t seed, const struct buf *got,
			 const struct buf *want)
{
	if (got->n_bytes != want->n_bytes ||
	    (want->n_bytes && memcmp(got->data, want->data, want->n_bytes) != 0)) {
		write_file("got", got);
		write_file("want", want);
		fail_msg("seed %llu: %s differs: see %s", (unsigned long long)seed, what,
			 directory);
	}
}

/* Our reader's view of a file, written again as text (and as extbinary if ret_binary). */
static struct buf text_of_file(const char *name, struct buf *ret_binary)
{
	struct buf data = read_file(name), text = BUF_INIT(CEILING);
	struct problem problem = { 0 };
	struct names *names;
	struct profile *p;

	assert_int_equal(names_new(&names, CEILING), 0);
	if (profile_read(data.data, data.n_bytes, names, CEILING, &problem, &p) != 0)
		fail_msg("%s: %s", name, problem.text);
	profile_sort(p);
	textual_encode(p, &text);
	if (ret_binary)
		assert_int_equal(extbinary_encode(p, &(struct extbinary_options){ 0 }, ret_binary),
				 0);
	profile_free(p);
	names_free(names);
	buf_deinit(&data);
	return text;
}

/* Has llvm-profdata convert `from`; our reader must see the text `want` in the result. */
static void expect_read(const char *arguments, const char *from, uint64_t seed,
			const struct buf *want)
{
	struct buf got;

	run_profdata(arguments, from, "converted");
	got = text_of_file("converted", NULL);
	expect_equal(arguments, seed, &got, want);
	buf_deinit(&got);
}

static void expect_written(const char *arguments, const char *from, uint64_t seed,
			   const struct buf *want)
{
	struct buf got;

	run_profdata(arguments, from, "converted");
	got = read_file("converted");
	expect_equal(arguments, seed, &got, want);
	buf_deinit(&got);
}

/* the tests */

struct written {
	struct names *names;
	struct profile *profile;
	struct buf text, binary, md5;
};

static struct written write_random(uint64_t seed)
{
	struct written w = { .text = BUF_INIT(CEILING),
			     .binary = BUF_INIT(CEILING),
			     .md5 = BUF_INIT(CEILING) };

	assert_int_equal(names_new(&w.names, CEILING), 0);
	w.profile = random_profile(w.names, seed);
	textual_encode(w.profile, &w.text);
	assert_int_equal(extbinary_encode(w.profile, &(struct extbinary_options){ 0 }, &w.binary),
			 0);
	assert_int_equal(extbinary_encode(w.profile,
					  &(struct extbinary_options){ .has_md5_names = true },
					  &w.md5),
			 0);
	write_file("text", &w.text);
	write_file("binary", &w.binary);
	write_file("md5", &w.md5);
	return w;
}

static void drop_written(struct written *w)
{
	buf_deinit(&w->text);
	buf_deinit(&w->binary);
	buf_deinit(&w->md5);
	profile_free(w->profile);
	names_free(w->names);
}

#define N_SEEDS 25

static void test_llvm_rewrites_our_files_to_the_same_bytes(void **state)
{
	for (uint64_t seed = 1; seed < N_SEEDS; seed++) {
		struct written w = write_random(seed);

		expect_written("merge --sample --extbinary", "binary", seed, &w.binary);
		expect_written("merge --sample --text", "binary", seed, &w.text);
		expect_written("merge --sample --text", "text", seed, &w.text);
		expect_written("merge --sample --extbinary --use-md5", "binary", seed, &w.md5);
		drop_written(&w);
	}
}

static void test_llvm_files_of_every_kind_are_read(void **state)
{
	for (uint64_t seed = 1; seed < N_SEEDS; seed++) {
		struct written w = write_random(seed);

		expect_read("merge --sample --extbinary", "binary", seed, &w.text);
		expect_read("merge --sample --extbinary --compress-all-sections", "binary", seed,
			    &w.text);
		expect_read("merge --sample --binary", "binary", seed, &w.text);
		expect_read("merge --sample --text", "binary", seed, &w.text);
		drop_written(&w);
	}
}

static void test_llvm_and_we_print_hashed_names_alike(void **state)
{
	for (uint64_t seed = 1; seed < N_SEEDS; seed++) {
		struct written w = write_random(seed);
		struct buf ours, again = BUF_INIT(CEILING);

		ours = text_of_file("md5", &again);
		expect_written("merge --sample --text", "md5", seed, &ours);
		expect_written("merge --sample --extbinary --use-md5", "md5", seed, &again);
		expect_read("merge --sample --extbinary --use-md5 --compress-all-sections", "md5",
			    seed, &ours);
		buf_deinit(&ours);
		buf_deinit(&again);
		drop_written(&w);
	}
}

static void test_llvm_shows_a_profile_of_ours(void **state)
{
	struct written w = write_random(3);

	run_profdata("show --sample", "binary", "shown");
	run_profdata("show --sample", "md5", "shown");
	run_profdata("show --sample --show-sec-info-only", "binary", "shown");
	drop_written(&w);
}

/* llvm-profdata refuses to merge an empty profile, but shows it. */
static void test_llvm_shows_an_empty_profile_of_ours(void **state)
{
	struct written w = write_random(0);
	struct buf shown, text;

	assert_int_equal(w.text.n_bytes, 0);
	run_profdata("show --sample", "binary", "shown");
	shown = read_file("shown");
	assert_int_equal(shown.n_bytes, 0);
	text = text_of_file("binary", NULL);
	assert_int_equal(text.n_bytes, 0);
	buf_deinit(&text);
	buf_deinit(&shown);
	drop_written(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_llvm_rewrites_our_files_to_the_same_bytes),
		cmocka_unit_test(test_llvm_files_of_every_kind_are_read),
		cmocka_unit_test(test_llvm_and_we_print_hashed_names_alike),
		cmocka_unit_test(test_llvm_shows_a_profile_of_ours),
		cmocka_unit_test(test_llvm_shows_an_empty_profile_of_ours),
	};
	char command[64];
	int r;

	if (system("llvm-profdata-19 --version >/dev/null 2>&1") != 0)
		return 77; /* skipped: without the other program there is nothing to compare */
	if (!mkdtemp(directory))
		return 1;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(command, sizeof(command), "rm -r %s", directory);
	if (r == 0 && system(command) != 0)
		return 1;
	return r;
}
