/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "open.h"

static int open_event(void *context, struct perf_event_attr *attr, int cpu)
{
	long fd = syscall(SYS_perf_event_open, attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : (int)fd;
}

/* Writable: the kernel then waits for the reader instead of overwriting. */
static int map(void *context, int fd, size_t n_bytes, void **ret_memory)
{
	void *memory = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED)
		return -errno;
	*ret_memory = memory;
	return 0;
}

static int unmap(void *context, void *memory, size_t n_bytes)
{
	return munmap(memory, n_bytes) < 0 ? -errno : 0;
}

static int control(void *context, int fd, unsigned long request, unsigned long argument)
{
	return ioctl(fd, request, argument) < 0 ? -errno : 0;
}

static ssize_t read_event(void *context, int fd, void *data, size_t n_bytes)
{
	ssize_t n = read(fd, data, n_bytes);

	return n < 0 ? -errno : n;
}

static void close_event(void *context, int fd)
{
	close(fd);
}

const struct open_calls open_calls_kernel = {
	.open_event = open_event,
	.map = map,
	.unmap = unmap,
	.control = control,
	.read = read_event,
	.close = close_event,
};
