/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The extbinary writer against a second reader that shares nothing with it: written from the
 * format's description alone, without bounds, for files of our own. It prints what it reads as
 * text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "base/buf.h"
#include "profile/extbinary.h"
#include "profile/textual.h"
#include "profile_random.h"

#define CEILING (64u << 20)

struct reference {
	const uint8_t *file, *p;
	const char *names[4096];
	size_t n_names;
	uint64_t flags[64];		 /* by section type */
	uint64_t offsets[64], sizes[64]; /* likewise */
	uint64_t n_records, sum, max_head, n_functions;
	uint64_t head_offsets[4096]; /* of each function, from the profile section */
	uint64_t head_names[4096];
	struct buf text;
};

static uint64_t uleb(struct reference *r)
{
	uint64_t v = 0;
	int shift = 0;

	do {
		v |= (uint64_t)(*r->p & 0x7f) << shift;
		shift += 7;
	} while (*r->p++ & 0x80);
	return v;
}

static uint64_t u64_at(const uint8_t *p)
{
	uint64_t v = 0;

	for (int i = 7; i >= 0; i--)
		v = v << 8 | p[i];
	return v;
}

static void read_table(struct reference *r)
{
	static const uint64_t order[] = { 1, 2, 6, 4, 32, 3, 5 };

	assert_memory_equal(r->file, "\x84\xe4\xd0\xb1\xf4\xc9\x94\xa8\x53\x67", 10);
	assert_int_equal(u64_at(r->file + 10), 7);
	for (size_t i = 0; i < 7; i++) {
		const uint8_t *entry = r->file + 18 + 32 * i;

		assert_int_equal(u64_at(entry), order[i]);
		r->flags[order[i]] = u64_at(entry + 8);
		r->offsets[order[i]] = u64_at(entry + 16);
		r->sizes[order[i]] = u64_at(entry + 24);
	}
}

static void read_names(struct reference *r)
{
	r->p = r->file + r->offsets[2];
	r->n_names = uleb(r);
	assert_true(r->n_names <= 4096);
	for (size_t i = 0; i < r->n_names; i++) {
		r->names[i] = (const char *)r->p;
		if (i)
			assert_true(strcmp(r->names[i - 1], r->names[i]) < 0);
		r->p += strlen((const char *)r->p) + 1;
	}
	assert_ptr_equal(r->p, r->file + r->offsets[2] + r->sizes[2]);
}

static void print_place(struct reference *r, unsigned int depth)
{
	uint64_t line = uleb(r), disc = uleb(r);

	buf_spaces(&r->text, depth);
	if (disc)
		buf_printf(&r->text, "%llu.%llu: ", (unsigned long long)line,
			   (unsigned long long)disc);
	else
		buf_printf(&r->text, "%llu: ", (unsigned long long)line);
}

/* Behind name and place: total, records, inlinees. */
static void print_body(struct reference *r, unsigned int depth, int has_head, uint64_t head)
{
	uint64_t n;

	buf_str(&r->text, r->names[uleb(r)]);
	buf_printf(&r->text, ":%llu", (unsigned long long)uleb(r));
	if (has_head)
		buf_printf(&r->text, ":%llu", (unsigned long long)head);
	buf_str(&r->text, "\n");
	for (n = uleb(r); n > 0; n--) {
		uint64_t samples, n_targets;

		print_place(r, depth + 1);
		samples = uleb(r);
		buf_printf(&r->text, "%llu", (unsigned long long)samples);
		r->n_records++;
		r->sum += samples;
		for (n_targets = uleb(r); n_targets > 0; n_targets--) {
			buf_printf(&r->text, " %s:", r->names[uleb(r)]);
			buf_printf(&r->text, "%llu", (unsigned long long)uleb(r));
		}
		buf_str(&r->text, "\n");
	}
	for (n = uleb(r); n > 0; n--) {
		print_place(r, depth + 1);
		print_body(r, depth + 1, 0, 0);
	}
}

static void print_profile(struct reference *r)
{
	const uint8_t *end = r->file + r->offsets[32] + r->sizes[32];

	r->p = r->file + r->offsets[32];
	while (r->p < end) {
		const uint8_t *start = r->p;
		uint64_t head = uleb(r);
		const uint8_t *name = r->p;

		r->head_offsets[r->n_functions] = (uint64_t)(start - r->file) - r->offsets[32];
		r->head_names[r->n_functions++] = uleb(r);
		r->p = name;
		r->max_head = head > r->max_head ? head : r->max_head;
		print_body(r, 0, 1, head);
	}
	assert_ptr_equal(r->p, end);
}

static void check_offsets(struct reference *r)
{
	r->p = r->file + r->offsets[4];
	assert_int_equal(uleb(r), r->n_functions);
	for (uint64_t i = 0; i < r->n_functions; i++) {
		assert_int_equal(uleb(r), r->head_names[i]);
		assert_int_equal(uleb(r), r->head_offsets[i]);
	}
	assert_ptr_equal(r->p, r->file + r->offsets[4] + r->sizes[4]);
}

static void check_summary(struct reference *r, int is_fs)
{
	uint64_t last_min = UINT64_MAX;

	r->p = r->file + r->offsets[1];
	assert_true(uleb(r) == r->sum);
	(void)uleb(r); /* the largest count */
	assert_true(uleb(r) == r->max_head);
	assert_true(uleb(r) == r->n_records);
	assert_true(uleb(r) == r->n_functions);
	assert_int_equal(uleb(r), 16);
	for (int i = 0; i < 16; i++) {
		uint64_t min;

		(void)uleb(r);
		min = uleb(r);
		assert_true(min <= last_min);
		last_min = min;
		assert_true(uleb(r) <= r->n_records);
	}
	assert_ptr_equal(r->p, r->file + r->offsets[1] + r->sizes[1]);
	assert_true(r->flags[1] == (is_fs ? 4ull << 32 : 0));
}

static void test_extbinary_reference_reader_prints_the_same_text(void **state)
{
	for (uint64_t seed = 0; seed < 200; seed++) {
		struct buf binary = BUF_INIT(CEILING), text = BUF_INIT(CEILING);
		static struct reference r;
		struct names *names;
		struct profile *p;

		r = (struct reference){ .text = BUF_INIT(CEILING) };
		assert_int_equal(names_new(&names, CEILING), 0);
		p = random_profile(names, seed);
		textual_encode(p, &text);
		assert_int_equal(extbinary_encode(p, &(struct extbinary_options){ 0 }, &binary), 0);
		r.file = binary.data;
		read_table(&r);
		read_names(&r);
		print_profile(&r);
		check_offsets(&r);
		check_summary(&r, p->is_fs);
		assert_int_equal(r.text.n_bytes, text.n_bytes);
		if (text.n_bytes)
			assert_memory_equal(r.text.data, text.data, text.n_bytes);
		buf_deinit(&r.text);
		buf_deinit(&binary);
		buf_deinit(&text);
		profile_free(p);
		names_free(names);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_extbinary_reference_reader_prints_the_same_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
