/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A listening socket where no service manager gives one. The file of a dead process is replaced:
 * whether it is dead, connecting tells.
 */
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include "base/problem.h"

#define BACKLOG 128

static int steal_fd(int *fd)
{
	int stolen = *fd;

	*fd = -1;
	return stolen;
}

/* A descriptor, or -errno. */
static int new_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

/* Only a socket that refuses is dead. */
static bool is_dead(const struct sockaddr_un *address)
{
	cleanup(close_cleanup) int fd = new_socket();
	struct stat st;

	if (fd < 0 || lstat(address->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return false;
	return connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 &&
	       errno == ECONNREFUSED;
}

static int bind_to(int fd, const struct sockaddr_un *address)
{
	return bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? -errno : 0;
}

static int bind_or_replace(int fd, const struct sockaddr_un *address, struct problem *problem)
{
	int r = bind_to(fd, address);

	if (r == -EADDRINUSE && is_dead(address)) {
		if (unlink(address->sun_path) < 0)
			return problem_set(problem, -errno, "control: remove %s: %s",
					   address->sun_path, strerror(errno));
		r = bind_to(fd, address);
	}
	if (r == -EADDRINUSE)
		return problem_set(
			problem, CONTROL_E_BUSY,
			"control: bind %s: another process listens there, or it is no socket",
			address->sun_path);
	if (r < 0)
		return problem_set(problem, r, "control: bind %s: %s", address->sun_path,
				   strerror(-r));
	return 0;
}

static int open_to_others(int fd, const char *path, mode_t mode, gid_t group,
			  struct problem *problem)
{
	if (group != (gid_t)-1 && lchown(path, (uid_t)-1, group) < 0)
		return problem_set(problem, -errno, "control: group of %s: %s", path,
				   strerror(errno));
	if (chmod(path, mode) < 0)
		return problem_set(problem, -errno, "control: mode of %s: %s", path,
				   strerror(errno));
	if (listen(fd, BACKLOG) < 0)
		return problem_set(problem, -errno, "control: listen on %s: %s", path,
				   strerror(errno));
	return 0;
}

int control_listen(const char *path, mode_t mode, gid_t group, int *ret_fd, struct problem *problem)
{
	cleanup(close_cleanup) int fd = new_socket();
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int r;

	if (fd < 0)
		return problem_set(problem, fd, "control: make a socket: %s", strerror(-fd));
	if (strlen(path) >= sizeof(address.sun_path))
		return problem_set(problem, -ENAMETOOLONG,
				   "control: path %s: longer than %zu bytes", path,
				   sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, strlen(path));
	/* bind() gives the file the socket's mode, less the umask: nobody comes before chmod() */
	(void)fchmod(fd, 0600);
	r = bind_or_replace(fd, &address, problem);
	if (r != 0)
		return r;
	r = open_to_others(fd, path, mode, group, problem);
	if (r < 0) {
		(void)unlink(path);
		return r;
	}
	*ret_fd = steal_fd(&fd);
	return 0;
}
