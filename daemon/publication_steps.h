/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the files of the chain (publication.h) use of each other: publication.c begins, merges,
 * clears and ends, publication_work.c has the worker, publication_write.c the writer.
 */

#include <stdint.h>
#include "base/macros.h"
#include "publication.h"

struct daemon;

/* steps */

/* Starts the worker; the next step comes when it has ended. */
void publication_work(struct daemon *daemon);
/* Starts the writer; likewise. */
void publication_write(struct daemon *daemon);

/* from one to the next */

/* The next step comes in a pass of the loop of its own, after the rings. */
void publication_go_on(struct daemon *daemon, enum publication_state state);
/* Once more when this one has ended, for the more pressing of two reasons. */
void publication_want_again(struct publication *p, enum publication_reason reason);
/* The chain ends with a log line: what failed, and why. */
void publication_fail(struct daemon *daemon, const char *what, const struct problem *problem);
/* Lets go of the tally and of live text. */
void publication_release(struct daemon *daemon);
/* Worker and writer are over, by force if they still run. */
void publication_end_children(struct publication *p);

/* children */

/*
 * Calls the handler when the child has ended, and kills it at its deadline. 0; -errno.
 */
must_check int publication_watch_child(struct daemon *daemon, struct worker *child,
				       sd_event_source **source, sd_event_io_handler_t handler);
/* What the present pass of the loop is about, and whether it is on behalf of who asked. */
void publication_begin_pass(struct daemon *daemon, const char *name);
/* What a child took, on behalf of whom it was. */
void publication_add_cpu(struct daemon *daemon, uint64_t ns);
