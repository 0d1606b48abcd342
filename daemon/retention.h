/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * That limits of what is published hold also when nothing is published: at the start, and in an
 * interval that has nothing to publish. What a publication removes itself is told here, too.
 */

#include <stdint.h>
#include <systemd/sd-event.h>
#include "base/macros.h"
#include "publish/store.h"

struct daemon;
struct daemon_options;
struct worker;

struct retention {
	/* since the start of the daemon; n_left and its bytes as of last; late of the last */
	struct store_kept figures;
	bool is_known;	       /* figures are of at least one look */
	struct worker *writer; /* owned; NULL: none is in work */
	sd_event_source *writer_source;
};

/* lifecycle */

/* Applies the limits at once: before the loop turns. What fails is logged. */
void retention_init(struct daemon *daemon);
void retention_deinit(struct daemon *daemon);

/* use */

struct store_limits retention_limits(const struct daemon_options *options);
/* Notes and logs what became of files. */
void retention_note(struct daemon *daemon, const struct store_kept *kept);
/* Begins to apply the limits, in a child, as removing waits for the disk. */
void retention_start(struct daemon *daemon);
