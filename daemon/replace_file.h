/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A small file that others read at any moment: it is written beside itself, as PATH.new, and moved
 * over the old one. Whoever reads sees the old one or the new one. Not synced: what a crash of the
 * machine leaves is an old one, or none.
 */

#include <stdbool.h>
#include <sys/types.h>
#include "base/macros.h"

struct buf;
struct problem;

enum replace_mode {
	REPLACE_BY_UMASK, /* 0644 less the umask */
	REPLACE_READABLE, /* 0644: for other users */
};

/*
 * What was left as PATH.new by a process that was killed is removed; no link is followed. 0; -errno
 * and a sentence: then the old file is there, and no new one.
 */
must_check int replace_file(const char *path, const struct buf *bytes, enum replace_mode mode,
			    struct problem *problem);
