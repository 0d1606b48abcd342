/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the methods of the control socket (control/io.autofdod.varlink) do in this daemon. Those
 * that are answered at once are here; what takes longer than a pass of the loop may has a file of
 * its own: dumps, listings, monitors.
 */

#include "base/macros.h"
#include "base/problem.h"
#include "dumps.h"
#include "listings.h"
#include "monitors.h"

struct commands_socket;
struct control;
struct daemon;

/*
 * Of all sources that clients keep busy: behind rings, timers and publishing, but before a
 * recording, which is all but always due.
 */
#define COMMANDS_PRIORITY (SD_EVENT_PRIORITY_NORMAL + 20)

struct commands {
	struct control *control; /* owned; NULL: nobody can call */
	struct dumps dumps;
	struct listings listings;
	struct monitors monitors;
};

/* lifecycle */

/* Serves the socket, which is taken, also on failure. 0; -errno and a sentence. */
must_check int commands_init(struct daemon *daemon, struct commands_socket *socket,
			     struct problem *problem);
/* Callers that wait are told that it ends. Before publication_deinit(). */
void commands_deinit(struct daemon *daemon);

/* use */

/* The group that may change things, as the settings name it now. Logs if there is none. */
void commands_follow_group(struct daemon *daemon);
