/* SPDX-License-Identifier: Apache-2.0 */
#include "replace_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/problem.h"

#define FILE_MODE 0644

static int create(const char *path)
{
	int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = open(path, flags, FILE_MODE);

	if (fd < 0 && errno == EEXIST) {
		(void)unlink(path);
		fd = open(path, flags, FILE_MODE);
	}
	return fd < 0 ? -errno : fd;
}

static int write_all(int fd, const struct buf *bytes)
{
	for (size_t n_done = 0; n_done < bytes->n_bytes;) {
		ssize_t n = write(fd, bytes->data + n_done, bytes->n_bytes - n_done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		n_done += (size_t)n;
	}
	return 0;
}

static int fill(int fd, const struct buf *bytes, enum replace_mode mode)
{
	int r = write_all(fd, bytes);

	if (r == 0 && mode == REPLACE_READABLE && fchmod(fd, FILE_MODE) < 0)
		r = -errno;
	/* delayed errors of some file systems come with close(2) */
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

int replace_file(const char *path, const struct buf *bytes, enum replace_mode mode,
		 struct problem *problem)
{
	char new_path[PATH_MAX + sizeof(".new")];
	int r, fd;

	snprintf(new_path, sizeof(new_path), "%s.new", path);
	fd = create(new_path);
	if (fd < 0)
		return problem_set(problem, fd, "create %s: %s", new_path, strerror(-fd));
	r = fill(fd, bytes, mode);
	if (r < 0) {
		(void)unlink(new_path);
		return problem_set(problem, r, "write %s: %s", new_path, strerror(-r));
	}
	if (rename(new_path, path) == 0)
		return 0;
	r = -errno;
	(void)unlink(new_path);
	return problem_set(problem, r, "replace %s: %s", path, strerror(-r));
}
