/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "aggregate/counters.h"
#include "base/problem.h"
#include "service/job_live.h"
#include "kernel/text_pages.h"
#include "symbolize/live_text.h"

#define VADDR 0xffffffff81000000ull
#define MODULE_VADDR (1ull << 60)
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static int begin(void)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(text_pages_begin(fd), 0);
	return fd;
}

static void add(int fd, uint64_t off, uint8_t byte)
{
	uint8_t page[TEXT_PAGE_BYTES];

	memset(page, byte, sizeof(page));
	assert_int_equal(text_pages_append(fd, off, page, sizeof(page)), 0);
}

static void seal(int fd)
{
	assert_int_equal(fcntl(fd, F_ADD_SEALS, SEALS), 0);
}

static uint8_t byte_at(const struct live_text *live, uint64_t vaddr)
{
	uint8_t byte = 0;

	return live_text_read(live, vaddr, &byte, 1) == 1 ? byte : 0;
}

static void test_job_live_pages_are_at_the_addresses_of_their_pieces(void **state)
{
	const struct snapshot_piece pieces[] = {
		{ 0x80000000, 0x80003fff, VADDR },
		{ 0xc0001000, 0xc00017ff, MODULE_VADDR },
		{ 0xc0001800, 0xc0002fff, MODULE_VADDR + 0x200000 },
	};
	struct problem problem = { "" };
	struct live_text *live = NULL;
	int fd = begin();

	(void)state;
	add(fd, 0x80000000, 1);
	add(fd, 0x80003000, 2);
	add(fd, 0x80004000, 3); /* behind the kernel */
	add(fd, 0xc0001000, 4); /* of two pieces */
	add(fd, 0xffffffff000, 5);
	seal(fd);
	assert_int_equal(job_live_read(fd, pieces, 3, &live, &problem), 0);
	assert_int_equal(byte_at(live, VADDR), 1);
	assert_int_equal(byte_at(live, VADDR + 0xfff), 1);
	assert_int_equal(byte_at(live, VADDR + 0x1000), 0);
	assert_int_equal(byte_at(live, VADDR + 0x3fff), 2);
	assert_int_equal(byte_at(live, VADDR + 0x4000), 0);
	assert_int_equal(byte_at(live, MODULE_VADDR), 4);
	assert_int_equal(byte_at(live, MODULE_VADDR + 0x7ff), 4);
	assert_int_equal(byte_at(live, MODULE_VADDR + 0x800), 0);
	assert_int_equal(byte_at(live, MODULE_VADDR + 0x200000), 4);
	assert_int_equal(byte_at(live, MODULE_VADDR + 0x2007ff), 4);
	assert_int_equal(byte_at(live, MODULE_VADDR + 0x200800), 0);
	assert_int_equal(live_text_stats(live).n_bytes, 3 * TEXT_PAGE_BYTES);
	live_text_free(live);
	close(fd);
}

static void test_job_live_the_whole_window_is_a_piece(void **state)
{
	const struct snapshot_piece window = { 0, UINT32_MAX, VADDR - 0x80000000 };
	struct problem problem = { "" };
	struct live_text *live = NULL;
	int fd = begin();

	(void)state;
	add(fd, 0x80000000, 1);
	add(fd, 0xfffff000, 2);
	seal(fd);
	assert_int_equal(job_live_read(fd, &window, 1, &live, &problem), 0);
	assert_int_equal(byte_at(live, VADDR), 1);
	assert_int_equal(byte_at(live, VADDR + 0x7fffffff), 2);
	live_text_free(live);
	close(fd);
}

static void is_refused(int fd)
{
	const struct snapshot_piece window = { 0, UINT32_MAX, 0 };
	struct problem problem = { "" };
	struct live_text *live = NULL;

	assert_int_equal(job_live_read(fd, &window, 1, &live, &problem), -EBADMSG);
	assert_int_not_equal(problem.text[0], '\0');
	assert_null(live);
	close(fd);
}

static void test_job_live_what_could_change_is_refused(void **state)
{
	int fd = begin();

	(void)state;
	add(fd, 0x80000000, 1);
	is_refused(fd);
	is_refused(open("/dev/zero", O_RDONLY));
	is_refused(open("/proc/self/exe", O_RDONLY));
}

static void test_job_live_what_is_none_is_refused(void **state)
{
	int empty = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int other = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int large = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	(void)state;
	seal(empty);
	is_refused(empty);
	assert_int_equal(write(other, "something else, long enough", 27), 27);
	seal(other);
	is_refused(other);
	assert_int_equal(ftruncate(large, (off_t)1 << 40), 0);
	seal(large);
	is_refused(large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_job_live_pages_are_at_the_addresses_of_their_pieces),
		cmocka_unit_test(test_job_live_the_whole_window_is_a_piece),
		cmocka_unit_test(test_job_live_what_could_change_is_refused),
		cmocka_unit_test(test_job_live_what_is_none_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
