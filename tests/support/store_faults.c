/* SPDX-License-Identifier: Apache-2.0 */
#include "store_faults.h"

#include <string.h>
#include <unistd.h>
#include "base/macros.h"

/* The error that the call gets instead, or 0. */
static int before(struct store_faults *f, const char *kind)
{
	bool is_hit;

	if (f->only && strcmp(f->only, kind) != 0)
		return 0;
	is_hit = f->is_for_good ? f->n_calls >= f->at : f->n_calls == f->at;
	f->n_calls++;
	if (!is_hit)
		return 0;
	if (f->trouble == KILL_BEFORE)
		_exit(STORE_FAULTS_KILLED);
	return f->trouble == FAIL ? -f->error : 0;
}

static void after(struct store_faults *f, const char *kind)
{
	bool is_counted = !f->only || strcmp(f->only, kind) == 0;

	if (is_counted && f->trouble == KILL_AFTER && f->n_calls == f->at + 1)
		_exit(STORE_FAULTS_KILLED);
}

#define FORWARD(type, kind, call)                                                                  \
	struct store_faults *f = context;                                                          \
	int error = before(f, kind);                                                               \
	type result;                                                                               \
                                                                                                   \
	if (error)                                                                                 \
		return error;                                                                      \
	result = call;                                                                             \
	after(f, kind);                                                                            \
	return result

static const struct store_calls *const real = &store_calls_kernel;

static int fake_open(void *context, int dir_fd, const char *path, int flags, mode_t mode)
{
	FORWARD(int, "open", real->open(NULL, dir_fd, path, flags, mode));
}

static int fake_lock(void *context, int fd)
{
	FORWARD(int, "lock", real->lock(NULL, fd));
}

static int fake_mkdir(void *context, int dir_fd, const char *path, mode_t mode)
{
	FORWARD(int, "mkdir", real->mkdir(NULL, dir_fd, path, mode));
}

static ssize_t write_some(struct store_faults *f, int fd, const void *data, size_t n_bytes)
{
	if (f->n_write_max && n_bytes > f->n_write_max)
		n_bytes = f->n_write_max;
	f->is_dirty[fd] = true;
	return real->write(NULL, fd, data, n_bytes);
}

static ssize_t fake_write(void *context, int fd, const void *data, size_t n_bytes)
{
	FORWARD(ssize_t, "write", write_some(f, fd, data, n_bytes));
}

static int sync_clean(struct store_faults *f, int fd)
{
	f->is_dirty[fd] = false;
	return 0; /* the disk of a test is not worth the wait */
}

static int fake_sync(void *context, int fd)
{
	FORWARD(int, "sync", sync_clean(f, fd));
}

static int rename_clean(struct store_faults *f, int dir_fd, const char *from, const char *to)
{
	for (size_t i = 0; i < array_size(f->is_dirty); i++)
		f->is_any_renamed_dirty |= f->is_dirty[i];
	return real->rename(NULL, dir_fd, from, to);
}

static int fake_rename(void *context, int dir_fd, const char *from, const char *to)
{
	FORWARD(int, "rename", rename_clean(f, dir_fd, from, to));
}

static int fake_symlink(void *context, const char *target, int dir_fd, const char *path)
{
	FORWARD(int, "symlink", real->symlink(NULL, target, dir_fd, path));
}

static ssize_t fake_readlink(void *context, int dir_fd, const char *path, char *target, size_t size)
{
	FORWARD(ssize_t, "readlink", real->readlink(NULL, dir_fd, path, target, size));
}

static int fake_unlink(void *context, int dir_fd, const char *path)
{
	FORWARD(int, "unlink", real->unlink(NULL, dir_fd, path));
}

static int fake_rmdir(void *context, int dir_fd, const char *path)
{
	FORWARD(int, "rmdir", real->rmdir(NULL, dir_fd, path));
}

static int fake_stat(void *context, int dir_fd, const char *path, struct store_stat *ret_stat)
{
	FORWARD(int, "stat", real->stat(NULL, dir_fd, path, ret_stat));
}

/* As close(2): whatever it says, the descriptor is gone. */
static int fake_close(void *context, int fd)
{
	struct store_faults *f = context;
	int error = before(f, "close"), r = real->close(NULL, fd);

	after(f, "close");
	return error ? error : r;
}

struct store_calls store_faults_calls(struct store_faults *faults)
{
	return (struct store_calls){
		.context = faults,
		.open = fake_open,
		.lock = fake_lock,
		.mkdir = fake_mkdir,
		.write = fake_write,
		.sync = fake_sync,
		.rename = fake_rename,
		.symlink = fake_symlink,
		.readlink = fake_readlink,
		.unlink = fake_unlink,
		.rmdir = fake_rmdir,
		.stat = fake_stat,
		.close = fake_close,
	};
}
