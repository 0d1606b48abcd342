/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Calls of Monitor: the functions in which the latest samples were taken.
 *
 * As long as somebody looks, each sample that counts is also counted by the function that it was
 * taken in (hot.h). Which functions there are a worker says, once, when the first one begins to
 * look.
 */

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>
#include "base/macros.h"
#include "hot.h"
#include "process/worker.h"

struct control_call;
struct daemon;
struct json_object;

#define MONITORS_MAX 8u

struct monitor {
	struct control_call *call; /* borrowed */
	uint64_t interval_ns;
	uint64_t since_ns; /* CLOCK_MONOTONIC: of the reply before */
	uint32_t n_max;	   /* functions in a reply */
	uint32_t *before;  /* owned; hot.n: counts then. NULL: functions are not known yet */
	uint64_t n_samples, n_lost; /* then */
};

struct monitors {
	struct monitor items[MONITORS_MAX];
	unsigned int n;
	struct hot hot;
	struct worker *worker; /* owned: it finds out what functions there are */
	sd_event_source *timer, *worker_source, *deadline_source; /* owned */
};

/* lifecycle */

must_check int monitors_init(struct daemon *daemon); /* 0; -errno */
void monitors_deinit(struct daemon *daemon);

/* calls */

void monitors_call(struct daemon *daemon, struct json_object *parameters,
		   struct control_call *call);
void monitors_gone(struct daemon *daemon, struct control_call *call);
