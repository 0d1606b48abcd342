/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Small files of sysfs, read whole and with a bound.
 */

#include <stddef.h>
#include "base/macros.h"

/*
 * Contents of path below the directory dir_fd, without white space at the end, NUL-terminated.
 * 0; -errno; -EFBIG when it does not fit into size bytes.
 */
must_check int sysfs_read(int dir_fd, const char *path, char *text, size_t size);
