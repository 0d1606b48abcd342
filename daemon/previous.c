/* SPDX-License-Identifier: Apache-2.0 */
#include "previous.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "base/buf.h"
#include "kernel/build_id.h"
#include "profile/overlap.h"

#define SUFFIX ".afdo"

/* The link's target, if it is the name of a profile beside it. */
static bool read_link(int folder_fd, char name[STORE_NAME_SIZE])
{
	ssize_t n = readlinkat(folder_fd, "latest" SUFFIX, name, STORE_NAME_SIZE - 1);

	if (n <= (ssize_t)strlen(SUFFIX))
		return false;
	name[n] = '\0';
	return !strchr(name, '/') && name[0] != '.' &&
	       strcmp(name + n - strlen(SUFFIX), SUFFIX) == 0;
}

int previous_open(const char *directory, const struct build_id *build_id,
		  char name[STORE_NAME_SIZE])
{
	cleanup(close_cleanup) int folder_fd = -1;
	char path[PATH_MAX], hex[BUILD_ID_HEX_SIZE];
	struct stat st;
	int fd = -1;

	build_id_to_hex(build_id, hex);
	if (snprintf(path, sizeof(path), "%s/%s", directory, hex) < (int)sizeof(path))
		folder_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder_fd >= 0 && read_link(folder_fd, name))
		fd = openat(folder_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))) {
		close(fd);
		fd = -1;
	}
	if (fd < 0)
		name[0] = '\0';
	return fd;
}

static int read_file(int fd, struct buf *buf)
{
	char chunk[16384];
	off_t off = 0;

	for (;;) {
		ssize_t n = pread(fd, chunk, sizeof(chunk), off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return buf->error;
		buf_append(buf, chunk, (size_t)n);
		if (buf->error)
			return buf->error;
		off += n;
	}
}

int previous_compare(int fd, const struct profile *profile, struct names *names,
		     double *ret_overlap, struct problem *problem)
{
	struct buf cleanup(buf_deinit) buf = BUF_INIT(PREVIOUS_BYTES_MAX);
	int r = read_file(fd, &buf);

	if (r < 0)
		return problem_set(problem, r, "the previous profile: %s", strerror(-r));
	return overlap_with_bytes(profile, names, buf.data, buf.n_bytes, PREVIOUS_BYTES_MAX,
				  ret_overlap, problem);
}
