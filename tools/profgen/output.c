/* SPDX-License-Identifier: Apache-2.0 */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/buf.h"

static int write_all(int fd, const char *data, size_t n_bytes)
{
	while (n_bytes) {
		ssize_t n = write(fd, data, n_bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		n_bytes -= (size_t)n;
	}
	return 0;
}

/* Through a temporary file in the same directory: rename(2) is atomic only there. */
static int replace(const char *path, const void *data, size_t n_bytes, bool is_synced)
{
	char temporary[PATH_MAX];
	mode_t mask = umask(0);
	int fd, r;

	umask(mask);
	if (snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >= (int)sizeof(temporary))
		return -ENAMETOOLONG;
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = write_all(fd, data, n_bytes);
	if (r == 0 && fchmod(fd, 0666 & ~mask) < 0)
		r = -errno;
	if (r == 0 && is_synced && fsync(fd) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && rename(temporary, path) < 0)
		r = -errno;
	if (r < 0)
		unlink(temporary);
	return r;
}

static int write_in_place(const char *path, const void *data, size_t n_bytes)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	r = write_all(fd, data, n_bytes);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

static int write_output(const char *path, const void *data, size_t n_bytes, bool is_synced,
			struct problem *problem)
{
	struct stat st;
	int r;

	if (strcmp(path, "-") == 0)
		r = write_all(STDOUT_FILENO, data, n_bytes);
	else if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		r = write_in_place(path, data, n_bytes);
	else
		r = replace(path, data, n_bytes, is_synced);
	if (r < 0)
		problem_set(problem, r, "cannot write %s: %s", path, strerror(-r));
	return r;
}

int output_write(const char *path, const void *data, size_t n_bytes, struct problem *problem)
{
	return write_output(path, data, n_bytes, true, problem);
}

int output_write_unsynced(const char *path, const void *data, size_t n_bytes,
			  struct problem *problem)
{
	return write_output(path, data, n_bytes, false, problem);
}

static int read_all(int fd, struct buf *buf)
{
	char chunk[65536];

	for (;;) {
		ssize_t n = read(fd, chunk, sizeof(chunk));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return buf->error;
		buf_append(buf, chunk, (size_t)n);
		if (buf->error)
			return buf->error;
	}
}

int input_read(const char *path, size_t ceiling_bytes, void **ret_data, size_t *ret_n_bytes,
	       struct problem *problem)
{
	cleanup(close_cleanup) int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return problem_set(problem, -errno, "cannot read %s: %s", path, strerror(errno));
	return input_read_fd(fd, path, ceiling_bytes, ret_data, ret_n_bytes, problem);
}

int input_read_fd(int fd, const char *path, size_t ceiling_bytes, void **ret_data,
		  size_t *ret_n_bytes, struct problem *problem)
{
	struct buf buf = BUF_INIT(ceiling_bytes);
	int r = read_all(fd, &buf);

	if (r < 0) {
		buf_deinit(&buf);
		return problem_set(problem, r, "cannot read %s: %s", path, strerror(-r));
	}
	*ret_data = buf_steal(&buf, ret_n_bytes);
	return 0;
}
