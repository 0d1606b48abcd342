/* SPDX-License-Identifier: Apache-2.0 */
#include "pmu_sysfs.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>

int sysfs_read(int dir_fd, const char *path, char *text, size_t size)
{
	int fd cleanup(close_cleanup) = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t n_bytes = 0;

	if (fd < 0)
		return -errno;
	for (;;) {
		ssize_t n = read(fd, text + n_bytes, size - n_bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		n_bytes += (size_t)n;
		if (n_bytes == size)
			return -EFBIG;
	}
	while (n_bytes > 0 && isspace((unsigned char)text[n_bytes - 1]))
		n_bytes--;
	text[n_bytes] = '\0';
	return 0;
}
