/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Keeps the intake's translation true while modules come and go.
 *
 * Before a ring is emptied, and after its head was read, the host is asked whether a module has
 * begun to go (host.h, modules_number()). If so, what is loaded is looked at, and the pages of each
 * module that is gone are in doubt from then on. So a sample of the next code at that place, which
 * was in the ring by then, cannot be taken for the former's: that was gone before it ran. What is
 * in doubt is lost, from the last drain to the module's end: half a second of it at the most.
 *
 * Then kallsyms is read again, a piece at a time. When it is known where all are, the rings are
 * emptied once more, as what is in them is older than that, and the new translation takes the place
 * of the old one. What comes is nobody's until then.
 */

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>
#include "base/macros.h"
#include "base/problem.h"
#include "kernel/loaded_modules.h"
#include "kernel/placement.h"
#include "kernel/translation.h"

struct branch_entry;
struct daemon;

struct module_watch {
	struct placement *placement;	 /* owned; NULL: modules are not counted */
	struct translation *translation; /* owned */
	struct branch_entry *placed;	 /* owned: for the intake */
	struct loaded_modules loaded;	 /* of the translation */
	bool is_first;			 /* there was no map yet but the kernel's own */
	bool is_stale;			 /* something came or went since */
	uint64_t number;		 /* of the host, when it was looked at last */
	uint64_t settle_ns;		 /* look at each drain until then (CLOCK_MONOTONIC) */
	bool is_passing;		 /* in the translation something was on its way */
	uint64_t retry_ns;		 /* read again then (CLOCK_MONOTONIC); 0: no need */
	uint64_t read_ns;		 /* when it was read last; 0: not yet */
	sd_event_source *work_source;
	void (*drain)(struct daemon *daemon); /* empties all rings; NULL: there are none yet */
	struct problem problem;		      /* of the last reading; empty: all is well */
	/* since the start */
	uint64_t n_maps, n_gone, n_failed;
};

/* lifecycle */

/*
 * With a list of places (counting.c), or nothing is done. Reads the first map, if it is there at
 * once. 0; -errno and a sentence.
 */
must_check int module_watch_init(struct daemon *daemon, struct problem *problem);
void module_watch_deinit(struct daemon *daemon);

/* use */

/* For struct sampler_sink. */
void module_watch_check(struct daemon *daemon);
/* Now and then: tries again what failed, and whatever no number told. */
void module_watch_look(struct daemon *daemon, uint64_t now_ns);
