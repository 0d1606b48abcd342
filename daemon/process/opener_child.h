/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/types.h>

struct opener_config;

/*
 * The opener itself, in its process: gives up what it does not need, says on socket_fd whether it
 * could, and answers requests until the other end is closed. parent_pid is the daemon's.
 */
_Noreturn void opener_child_run(const struct opener_config *config, int socket_fd,
				pid_t parent_pid);
