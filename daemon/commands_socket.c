/* SPDX-License-Identifier: Apache-2.0 */
#include "commands_socket.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include "base/problem.h"
#include "control/control.h"
#include "log.h"
#include "options.h"

/* FileDescriptorName= of autofdod.socket */
#define SOCKET_NAME "varlink"

/* Whoever comes again at once is not waited for: /proc/sys/net/core/somaxconn, by default */
#define TURNED_AWAY_MAX 4096

/* the group */

bool commands_find_group(const struct daemon_options *options, struct log *log, gid_t *ret_group)
{
	const struct group *group;
	char why[200];

	if (!options->control_group[0])
		return false;
	/* of the process's one thread */
	group = getgrnam(options->control_group); /* NOLINT(concurrency-mt-unsafe) */
	if (group) {
		*ret_group = group->gr_gid;
		return true;
	}
	snprintf(why, sizeof(why),
		 "group %s: there is no such group: only root and the daemon's own user may change "
		 "something",
		 options->control_group);
	log_event(log, LOG_CONTROL_FAILED, LOG_TEXT("what", "group"), LOG_TEXT("reason", why));
	return false;
}

/* the socket */

/*
 * Among descriptors that the service manager kept for a former process, whose names are others and
 * which stay as they are: counting.c looks at them. -1: it has none for us.
 */
static int managers_socket(void)
{
	char **names = NULL;
	int n = sd_listen_fds_with_names(0, &names), fd = -1;

	for (int i = 0; i < n && names && names[i]; i++) {
		if (fd < 0 && strcmp(names[i], SOCKET_NAME) == 0 &&
		    sd_is_socket_unix(SD_LISTEN_FDS_START + i, SOCK_STREAM, 1, NULL, 0) > 0)
			fd = SD_LISTEN_FDS_START + i;
		free(names[i]);
	}
	free(names);
	return fd;
}

/* One level, as a service manager's RuntimeDirectory= would: /run is there. */
static void make_directory(const char *path)
{
	char directory[PATH_MAX];
	char *slash;

	snprintf(directory, sizeof(directory), "%s", path);
	slash = strrchr(directory, '/');
	if (!slash || slash == directory)
		return;
	*slash = '\0';
	/* what went wrong is told by the bind(2) that follows */
	(void)mkdir(directory, 0755);
}

/* Whoever is in the group may ask; without one, root and who runs it. */
static int own_socket(const struct commands_socket *socket, struct problem *problem)
{
	int fd = -1, r;

	make_directory(socket->path);
	r = control_listen(socket->path, socket->has_group ? 0660 : 0600,
			   socket->has_group ? socket->group : (gid_t)-1, &fd, problem);
	/* who is not in the group cannot hand the file to it */
	if (r == -EPERM)
		r = control_listen(socket->path, 0600, (gid_t)-1, &fd, problem);
	return r == 0 ? fd : -1;
}

void commands_socket_open(const struct daemon_options *options, struct log *log,
			  struct commands_socket *ret_socket)
{
	struct problem problem = { "" };

	*ret_socket = (struct commands_socket){ .fd = managers_socket() };
	if (ret_socket->fd < 0 && !options->control_socket[0])
		return;
	ret_socket->has_group = commands_find_group(options, log, &ret_socket->group);
	if (ret_socket->fd >= 0)
		return;
	snprintf(ret_socket->path, sizeof(ret_socket->path), "%s", options->control_socket);
	ret_socket->fd = own_socket(ret_socket, &problem);
	if (ret_socket->fd >= 0)
		return;
	ret_socket->path[0] = '\0';
	log_event(log, LOG_CONTROL_FAILED, LOG_TEXT("what", "socket"),
		  LOG_TEXT("reason", problem.text));
}

void commands_socket_deinit(struct commands_socket *socket)
{
	if (socket->fd >= 0)
		close(socket->fd);
	/* a directory of root's keeps it: the next one replaces it */
	if (socket->path[0])
		(void)unlink(socket->path);
	*socket = (struct commands_socket){ .fd = -1 };
}

void commands_socket_turn_away(int fd)
{
	struct pollfd wait = { .fd = fd < 0 ? managers_socket() : fd, .events = POLLIN };

	/* it may block: who listens with us has chosen that */
	for (unsigned int i = 0; i < TURNED_AWAY_MAX && poll(&wait, 1, 0) > 0; i++) {
		int client = accept4(wait.fd, NULL, NULL, SOCK_CLOEXEC);

		if (client < 0)
			return;
		close(client);
	}
}
