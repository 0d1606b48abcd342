/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Calls of List. A store may have hundreds of manifests, which take their time to read and were
 * written by whoever may write there: a worker reads them, for one call after the other.
 */

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>
#include "base/macros.h"
#include "kernel/build_id.h"
#include "process/worker.h"

struct control_call;
struct daemon;
struct json_object;

#define LISTINGS_MAX 16u
/* Profiles in one answer: some 400 bytes each, of the 1 MiB that an answer may have. */
#define LISTING_PROFILES_MAX 1000u

struct listing {
	struct control_call *call;	  /* borrowed; NULL: it is gone */
	char build_id[BUILD_ID_HEX_SIZE]; /* of the kernel whose profiles are wanted; empty: all */
	uint32_t n_max;			  /* 1 to LISTING_PROFILES_MAX */
};

struct listings {
	struct listing items[LISTINGS_MAX]; /* the first one is in work */
	unsigned int n;
	struct worker *worker; /* owned; NULL: none */
	sd_event_source *worker_source, *deadline_source;
};

/* lifecycle */

void listings_deinit(struct daemon *daemon);

/* calls */

void listings_call(struct daemon *daemon, struct json_object *parameters,
		   struct control_call *call);
void listings_gone(struct daemon *daemon, struct control_call *call);

/* the worker's side */

/* Plain data; texts are NUL-terminated. */
struct listing_profile {
	uint64_t n_bytes;
	uint8_t is_latest, reserved[7];
	char folder[BUILD_ID_HEX_SIZE];
	char stamp[32];	    /* as files are named: 20261121T190000Z */
	char extension[16]; /* ".afdo", or ".unsym" where there is no profile */
	char release[72];
	char verdict[16]; /* empty: the manifest does not say */
};

/* Whether what a worker that has read foreign files says is there can be there. */
bool listing_is_sound(const struct listing_profile *profile);

struct listing_job {
	char directory[PATH_MAX];
	struct listing listing;
};

/* A worker_job; context is a struct listing_job. One section: profiles, newest first. */
int listing_job_run(void *context, struct worker_out *out, struct problem *problem);
