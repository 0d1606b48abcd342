/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Calls of Dump, which wait for a publication that has everything counted until the call: the one
 * that the call begins or, if one is in work already, the next, which is then one for all that came
 * meanwhile.
 */

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>
#include "base/macros.h"
#include "base/problem.h"
#include "publish/store.h"

struct control_call;
struct daemon;
struct json_object;

#define DUMPS_MAX 32u

struct dump {
	struct control_call *call; /* borrowed until it is answered or gone */
	enum store_kind kind;	   /* what is wanted: profile or dump */
	uint64_t since_ns;	   /* CLOCK_MONOTONIC */
	uint64_t n_chain;	   /* publication.n_begun of the first that is good enough */
	bool is_joined;		   /* another one was in work when it came */
};

struct dumps {
	struct dump items[DUMPS_MAX];
	unsigned int n;
	sd_event_source *timer; /* owned: something is said at least so often */
	const char *told;	/* static: state that was said last */
};

/* lifecycle */

must_check int dumps_init(struct daemon *daemon); /* 0; -errno */
void dumps_deinit(struct daemon *daemon);

/* calls */

void dumps_call(struct daemon *daemon, struct json_object *parameters, struct control_call *call);
void dumps_gone(struct daemon *daemon, struct control_call *call);

/* what a publication tells */

bool dumps_are_waiting(const struct daemon *daemon);
void dumps_tell_state(struct daemon *daemon);
/* Files are there. is_whole: they have all that was counted until it began. */
void dumps_written(struct daemon *daemon, bool is_whole);
/* It came to nothing. is_last: no other one follows. */
void dumps_failed(struct daemon *daemon, const struct problem *problem, bool is_last);
/* There was nothing new. */
void dumps_skipped(struct daemon *daemon);
