/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "kernel/text_pages.h"

struct file {
	int fd;
	uint8_t bytes[4 * TEXT_PAGES_RECORD_BYTES];
	size_t n_bytes;
};

static void begin(struct file *f)
{
	f->fd = memfd_create("pages", MFD_CLOEXEC);
	assert_true(f->fd >= 0);
	assert_int_equal(text_pages_begin(f->fd), 0);
}

static void append(struct file *f, uint64_t window_off, uint8_t byte, size_t n_bytes)
{
	uint8_t page[TEXT_PAGE_BYTES];

	memset(page, byte, sizeof(page));
	assert_int_equal(text_pages_append(f->fd, window_off, page, n_bytes), 0);
}

static void end(struct file *f)
{
	struct stat st;

	assert_int_equal(fstat(f->fd, &st), 0);
	f->n_bytes = (size_t)st.st_size;
	assert_int_equal(pread(f->fd, f->bytes, sizeof(f->bytes), 0), f->n_bytes);
	close(f->fd);
}

static void test_text_pages_come_back_as_they_were_written(void **state)
{
	struct text_pages pages;
	struct text_page page;
	struct file f;

	begin(&f);
	append(&f, 0x80001000, 0x11, TEXT_PAGE_BYTES);
	append(&f, 0, 0x22, 1);
	end(&f);
	assert_int_equal(f.n_bytes, TEXT_PAGES_HEADER_BYTES + 2 * TEXT_PAGES_RECORD_BYTES);
	assert_int_equal(text_pages_open(&pages, f.bytes, f.n_bytes, NULL), 0);
	assert_true(text_pages_next(&pages, &page));
	assert_int_equal(page.window_off, 0x80001000);
	assert_int_equal(page.n_bytes, TEXT_PAGE_BYTES);
	assert_int_equal(page.bytes[TEXT_PAGE_BYTES - 1], 0x11);
	assert_true(text_pages_next(&pages, &page));
	assert_int_equal(page.window_off, 0);
	assert_int_equal(page.n_bytes, 1);
	assert_int_equal(page.bytes[0], 0x22);
	assert_int_equal(page.bytes[1], 0);
	assert_false(text_pages_next(&pages, &page));
	assert_int_equal(pages.n_refused, 0);
}

static void test_text_pages_that_are_none_are_not_written(void **state)
{
	uint8_t page[TEXT_PAGE_BYTES + 1] = { 0 };
	struct file f;

	begin(&f);
	assert_int_equal(text_pages_append(f.fd, 1, page, 1), -EINVAL);
	assert_int_equal(text_pages_append(f.fd, 0, page, 0), -EINVAL);
	assert_int_equal(text_pages_append(f.fd, 0, page, sizeof(page)), -EINVAL);
	end(&f);
	assert_int_equal(f.n_bytes, TEXT_PAGES_HEADER_BYTES);
	assert_int_equal(text_pages_append(-1, 0, page, 1), -EBADF);
}

static void test_text_pages_cut_off_gives_the_whole_records(void **state)
{
	struct text_pages pages;
	struct text_page page;
	struct file f;

	begin(&f);
	append(&f, 0, 1, TEXT_PAGE_BYTES);
	append(&f, TEXT_PAGE_BYTES, 2, TEXT_PAGE_BYTES);
	end(&f);
	assert_int_equal(text_pages_open(&pages, f.bytes, f.n_bytes - 1, NULL), 0);
	assert_true(text_pages_next(&pages, &page));
	assert_false(text_pages_next(&pages, &page));
}

static void test_text_pages_bad_records_are_left_out_and_counted(void **state)
{
	static const struct {
		size_t off;
		uint8_t value;
	} mangles[] = { { 0, 1 }, { 9, 0 }, { 8, 1 }, { 12, 1 } };

	for (size_t i = 0; i < sizeof(mangles) / sizeof(mangles[0]); i++) {
		struct text_pages pages;
		struct text_page page;
		struct file f;

		begin(&f);
		append(&f, 0, 1, TEXT_PAGE_BYTES);
		append(&f, TEXT_PAGE_BYTES, 2, TEXT_PAGE_BYTES);
		end(&f);
		f.bytes[TEXT_PAGES_HEADER_BYTES + mangles[i].off] = mangles[i].value;
		assert_int_equal(text_pages_open(&pages, f.bytes, f.n_bytes, NULL), 0);
		assert_true(text_pages_next(&pages, &page));
		assert_int_equal(page.window_off, TEXT_PAGE_BYTES);
		assert_false(text_pages_next(&pages, &page));
		assert_int_equal(pages.n_refused, 1);
	}
}

static void test_text_pages_foreign_header_is_refused(void **state)
{
	struct problem problem;
	struct text_pages pages;
	struct file f;

	begin(&f);
	end(&f);
	assert_int_equal(text_pages_open(&pages, f.bytes, TEXT_PAGES_HEADER_BYTES - 1, &problem),
			 -EBADMSG);
	assert_string_equal(problem.text, "text pages: not of this form");
	f.bytes[8] = 9;
	assert_int_equal(text_pages_open(&pages, f.bytes, f.n_bytes, &problem), -EBADMSG);
	assert_string_equal(problem.text,
			    "text pages: version 9 with pages of 4096 bytes, not 1 with 4096");
	f.bytes[0] ^= 1;
	assert_int_equal(text_pages_open(&pages, f.bytes, f.n_bytes, &problem), -EBADMSG);
	assert_int_equal(text_pages_open(&pages, NULL, 0, &problem), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_pages_come_back_as_they_were_written),
		cmocka_unit_test(test_text_pages_that_are_none_are_not_written),
		cmocka_unit_test(test_text_pages_cut_off_gives_the_whole_records),
		cmocka_unit_test(test_text_pages_bad_records_are_left_out_and_counted),
		cmocka_unit_test(test_text_pages_foreign_header_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
