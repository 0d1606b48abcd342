/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * [Metrics] TextFile=: the metrics as a file that the node exporter collects, renewed every
 * METRICS_FILE_NS and at the end. It stays when the daemon ends, with the state "stopped": whoever
 * watches sees by autofdod_last_cycle_timestamp_seconds how old it is.
 *
 * It is written by a child: the directory belongs to somebody else, and may lie on a disk that
 * hangs. One that has not ended when the next is due is killed; as long as it does not end, because
 * it cannot before the disk answers, there is no next one.
 */

#include <limits.h>
#include <stdint.h>
#include <systemd/sd-event.h>
#include "base/buf.h"
#include "base/macros.h"

struct daemon;
struct worker;

#define METRICS_FILE_NS (15 * 1000000000ull)

struct metrics_file {
	char path[PATH_MAX];   /* that was written to last; empty: none */
	struct buf text;       /* of the child in work */
	struct worker *writer; /* owned; NULL: none is in work */
	sd_event_source *timer, *writer_source;
	uint64_t n_failed;
};

/* lifecycle */

/* Nothing is written yet. 0; -errno. */
must_check int metrics_file_init(struct daemon *daemon);
void metrics_file_deinit(struct daemon *daemon);

/* use */

/*
 * The options are new, or others: begins to write, or ends to. A file that is not wanted any more
 * is removed, as nobody would see that it is old; not where the disk hangs.
 */
void metrics_file_follow(struct daemon *daemon);
/* For the last time: the loop has ended. Takes milliseconds, two seconds where the disk hangs. */
void metrics_file_end(struct daemon *daemon);
