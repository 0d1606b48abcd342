/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Where the control socket comes from: the service manager, or a file of our own. To be opened
 * while there are still rights to make it, and to load what the system's database of groups needs.
 */

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

struct daemon_options;
struct log;

struct commands_socket {
	int fd;		     /* listening; owned, -1: none */
	char path[PATH_MAX]; /* of our own file; empty: it is the service manager's */
	bool has_group;	     /* the group of the settings is there … */
	gid_t group;
};

/* Never fails: without it the daemon samples all the same, and a log line says why. */
void commands_socket_open(const struct daemon_options *options, struct log *log,
			  struct commands_socket *ret_socket);
/* Closes what is left of it, and removes the file if it may. Accepts an empty one. */
void commands_socket_deinit(struct commands_socket *socket);

/*
 * Who waits for an answer goes away without one. For an end that a start would not cure: of a
 * connection that nobody takes the service manager makes another start, at once and for ever.
 * -1: the service manager's socket is looked for.
 */
void commands_socket_turn_away(int fd);

/* False: there is no such group, which is told, or none is wanted. */
bool commands_find_group(const struct daemon_options *options, struct log *log, gid_t *ret_group);
