/* SPDX-License-Identifier: Apache-2.0 */
#include "small_file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static int read_to_end(int fd, uint8_t *bytes, size_t size, size_t *ret_n_bytes)
{
	size_t n_bytes = 0;
	uint8_t one_more;

	for (;;) {
		/* a full buffer may be the whole file: only a byte behind it tells */
		bool is_full = n_bytes == size;
		ssize_t n = read(fd, is_full ? &one_more : bytes + n_bytes,
				 is_full ? 1 : size - n_bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		if (is_full)
			return -EFBIG;
		n_bytes += (size_t)n;
	}
	*ret_n_bytes = n_bytes;
	return 0;
}

int small_file_read(int dir_fd, const char *path, void *bytes, size_t size, size_t *ret_n_bytes)
{
	int fd cleanup(close_cleanup) =
		openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return -errno;
	return read_to_end(fd, bytes, size, ret_n_bytes);
}

int small_file_read_text(int dir_fd, const char *path, char *text, size_t size)
{
	size_t n_bytes;
	int r;

	if (size == 0)
		return -EFBIG;
	r = small_file_read(dir_fd, path, text, size - 1, &n_bytes);
	if (r != 0)
		return r;
	if (memchr(text, '\0', n_bytes))
		return -EBADMSG;
	while (n_bytes > 0 && isspace((unsigned char)text[n_bytes - 1]))
		n_bytes--;
	text[n_bytes] = '\0';
	return 0;
}
