/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "store.h"

static int or_errno(int r)
{
	return r < 0 ? -errno : r;
}

static int call_open(void *context, int dir_fd, const char *path, int flags, mode_t mode)
{
	return or_errno(openat(dir_fd, path, flags, mode));
}

static int call_lock(void *context, int fd)
{
	return or_errno(flock(fd, LOCK_EX | LOCK_NB));
}

static int call_mkdir(void *context, int dir_fd, const char *path, mode_t mode)
{
	return or_errno(mkdirat(dir_fd, path, mode));
}

static ssize_t call_write(void *context, int fd, const void *data, size_t n_bytes)
{
	ssize_t n = write(fd, data, n_bytes);

	return n < 0 ? -errno : n;
}

static int call_sync(void *context, int fd)
{
	return or_errno(fsync(fd));
}

static int call_rename(void *context, int dir_fd, const char *from, const char *to)
{
	return or_errno(renameat(dir_fd, from, dir_fd, to));
}

static int call_symlink(void *context, const char *target, int dir_fd, const char *path)
{
	return or_errno(symlinkat(target, dir_fd, path));
}

static ssize_t call_readlink(void *context, int dir_fd, const char *path, char *target, size_t size)
{
	ssize_t n = readlinkat(dir_fd, path, target, size);

	return n < 0 ? -errno : n;
}

static int call_unlink(void *context, int dir_fd, const char *path)
{
	return or_errno(unlinkat(dir_fd, path, 0));
}

static int call_rmdir(void *context, int dir_fd, const char *path)
{
	return or_errno(unlinkat(dir_fd, path, AT_REMOVEDIR));
}

static int call_stat(void *context, int dir_fd, const char *path, struct store_stat *ret_stat)
{
	struct stat st;

	if (fstatat(dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	*ret_stat = (struct store_stat){
		.is_file = S_ISREG(st.st_mode),
		.n_bytes = (uint64_t)st.st_size,
		.device = st.st_dev,
		.inode = st.st_ino,
	};
	return 0;
}

static int call_close(void *context, int fd)
{
	return or_errno(close(fd));
}

const struct store_calls store_calls_kernel = {
	.open = call_open,
	.lock = call_lock,
	.mkdir = call_mkdir,
	.write = call_write,
	.sync = call_sync,
	.rename = call_rename,
	.symlink = call_symlink,
	.readlink = call_readlink,
	.unlink = call_unlink,
	.rmdir = call_rmdir,
	.stat = call_stat,
	.close = call_close,
};
