/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One publication's files: what the worker gave back is checked, its manifest is made, and all of
 * it is written.
 */

#include "base/macros.h"

struct daemon;
struct problem;
struct publication_last;

/* Fills in path and facts. 0; -errno and a sentence: then no file is there. */
must_check int edition_write(struct daemon *daemon, struct publication_last *ret_last,
			     struct problem *problem);
