/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Files by build id from debuginfod servers (debuginfod(8)), through libdebuginfod, which need not
 * be installed: it is loaded when it is asked for. It has its own settings in the environment
 * (debuginfod-find(1)): DEBUGINFOD_URLS, DEBUGINFOD_CACHE_PATH and more.
 *
 * Only for the tool: nothing of this is in the daemon, which has no network.
 */

#include "base/macros.h"
#include "kernel/object_files.h"

struct debuginfod;
struct problem;

/*
 * Loads the library. Where the environment has no limits of its own, a file has at most 4 GiB and
 * takes at most 30 minutes. 0; -ENOENT: no library, or no servers; -ENOMEM; with a sentence.
 */
must_check int debuginfod_new(struct debuginfod **ret_debuginfod, struct problem *problem);
void debuginfod_free(struct debuginfod *debuginfod); /* accepts NULL */
DEFINE_CLEANUP(struct debuginfod, debuginfod, debuginfod_free)
/* An object_fetch; context is a struct debuginfod. */
int debuginfod_fetch(void *context, const struct build_id *build_id, enum object_role role,
		     int *ret_fd, char *ret_name, struct problem *problem);
/* How many files it has brought so far, from a server or its cache. */
size_t debuginfod_n_fetched(const struct debuginfod *debuginfod);
