/* SPDX-License-Identifier: Apache-2.0 */
/* Cuts a file under its mapping, and one of another kind of SIGBUS. */
#include "bus_guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_bus_guard_cut_pages_read_as_zeros_and_are_counted(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int fd = memfd_create("cut", MFD_CLOEXEC);
	volatile const char *map;
	unsigned int n_before;

	assert_int_equal(ftruncate(fd, (off_t)(4 * page)), 0);
	assert_int_equal(pwrite(fd, "a", 1, 0), 1);
	assert_int_equal(pwrite(fd, "b", 1, (off_t)(2 * page + 7)), 1);
	map = mmap(NULL, 4 * page, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	bus_guard_install();
	n_before = bus_guard_n_lost();
	assert_int_equal(map[2 * page + 7], 'b');
	assert_int_equal(ftruncate(fd, (off_t)page), 0);
	assert_int_equal(bus_guard_n_lost(), n_before);
	assert_int_equal(map[2 * page + 7], 0);
	assert_int_equal(map[2 * page + 8], 0);
	assert_int_equal(map[3 * page], 0);
	assert_int_equal(map[0], 'a');
	assert_int_equal(bus_guard_n_lost(), n_before + 2);
	munmap((void *)(uintptr_t)map, 4 * page);
	close(fd);
}

static void test_bus_guard_another_signal_still_ends_the_process(void **state)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		bus_guard_install();
		raise(SIGBUS);
		raise(SIGBUS);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGBUS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bus_guard_cut_pages_read_as_zeros_and_are_counted),
		cmocka_unit_test(test_bus_guard_another_signal_still_ends_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
