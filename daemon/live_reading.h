/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Reads the live text that a part of the tally points to, by asking the server of it
 * (process/text_server.h), into a memfd for the worker (kernel/text_pages.h).
 *
 * Never waits: marking pages is done in slices, an answer at a time is taken when it is there. What
 * becomes of it is no failure of anybody: a server that is not there, hangs, ends, or answers
 * something else than it was asked, is a sentence, and then there is no live text. What it has
 * given by then is given up, too: one that lies may have lied before.
 *
 * Pages are of different moments, and a site that is patched at run time may be of either state in
 * each, or of another than it was when a branch was sampled: so the rule for barriers does not look
 * at such sites (profile/ranges.h). What else is in a page has not changed since the boot.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>
#include "base/macros.h"
#include "base/problem.h"

struct counters;
struct live_reading;
struct text_client;

/* Borrowed until the reading is freed, counters until it has ended. */
struct live_reading_config {
	sd_event *event;
	int64_t priority; /* of its sources */
	/* Of a server that was forked; NULL: connect to the socket. */
	struct text_client *client;
	const char *socket;
	int kallsyms_fd; /* for a server that has none; duplicated; -1: none */
	const struct counters *counters;
	uint64_t window_ip; /* run-time address of offset 0 */
	/*
	 * The run-time offset of the page at that offset of the counters'; 0: it is not known, or
	 * no code. Only asked for multiples of TEXT_PAGE_BYTES.
	 */
	uint32_t (*run_off)(void *context, uint32_t off);
	/*
	 * What run_off() goes by has to be found out of date now, if it is: once the server knows
	 * what is code, and when it has given pages, which count if they are still where they were.
	 * NULL: it never is.
	 */
	void (*on_known)(void *context);
	/* It has ended: called once, from the loop. May free the reading. */
	void (*on_end)(void *context);
	void *context;
	uint64_t bytes_max; /* of the memfd */
	uint64_t reply_ns;  /* each answer is waited for so long */
	uint64_t total_ns;  /* … and all of them */
};

struct live_reading_result {
	int fd;		    /* sealed; owned by the reading; -1: none, why says why */
	uint64_t n_pages;   /* in it */
	uint64_t n_refused; /* asked for and not given: no code, or no longer */
	uint64_t n_left;    /* not asked for: beyond bytes_max, or not where code is now */
	uint64_t n_modules; /* whose code the server knows */
	uint64_t cpu_ns;    /* of the server, as it says */
	uint64_t wall_ns;
	struct problem why;
};

/* lifecycle */

/* 0; -errno. */
must_check int live_reading_start(const struct live_reading_config *config,
				  struct live_reading **ret_reading);
void live_reading_free(struct live_reading *reading);
DEFINE_CLEANUP(struct live_reading, live_reading, live_reading_free)

/* use */

bool live_reading_has_ended(const struct live_reading *reading);
/* Once it has. */
const struct live_reading_result *live_reading_result(const struct live_reading *reading);
/* From now on it is waited for no longer than that, all answers together. */
void live_reading_hurry(struct live_reading *reading, uint64_t total_ns);
/* The connection is of no use any more, also if it is lent. */
bool live_reading_is_broken(const struct live_reading *reading);
