/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Live text for publications: before the worker begins, the code that the published counts point to
 * is read (live_reading.h) from a process that can, one in a unit of its own or one that was forked
 * while there were rights. Where there is none, or it fails, profiles are made without: the log
 * says so once, status and manifests each time.
 */

#include <stdbool.h>
#include <stdint.h>
#include "base/macros.h"
#include "base/problem.h"

struct daemon;
struct live_reading;
struct text_client;

enum live_state {
	LIVE_UNTRIED, /* nothing was published yet */
	LIVE_READ,
	LIVE_MISSING, /* problem says why */
	LIVE_OFF,     /* as configured */
};

struct live {
	struct text_client *client; /* owned; of a forked process; NULL: the socket's */
	bool has_forked;	    /* there was one, also if it is gone by now */
	uint64_t forked_cpu_ns;	    /* of it, when it was asked last */
	struct live_reading
		*reading; /* owned; of the present publication, also when it has ended */
	uint64_t chain;	  /* that publication: n_begun */
	bool is_told;	  /* the log knows of state … */
	enum live_state told;
	/* of the last publication */
	enum live_state state;
	struct problem problem;
	uint64_t n_pages, n_refused, n_left, n_modules, wall_ns, cpu_ns;
};

/* lifecycle */

/* Takes the host's connection, if it has one. 0; -errno and a sentence. */
must_check int live_init(struct daemon *daemon, struct problem *problem);
void live_deinit(struct daemon *daemon);

/* use */

/*
 * Whether live text was read for the present publication, or will not be. If not, it is under way,
 * and the publication's work source is enabled when it has ended.
 */
bool live_gather(struct daemon *daemon);
/* The daemon is to end: what is under way is waited for no longer than that allows. */
void live_hurry(struct daemon *daemon);
/* What was read for the present publication, the daemon's; -1: nothing. */
int live_fd(const struct daemon *daemon);
/* It is not needed any more. */
void live_release(struct daemon *daemon);
/* "untried", "read", "missing", "off": for status. */
const char *live_state_name(enum live_state state);
