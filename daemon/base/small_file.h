/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Files of /proc and /sys that fit into a buffer, read whole and with a bound. Not for files of
 * any size, and not for files that block.
 */

#include "macros.h"

/*
 * Contents of path below the directory dir_fd. 0; -errno; -EFBIG: more than size bytes.
 */
must_check int small_file_read(int dir_fd, const char *path, void *bytes, size_t size,
			       size_t *ret_n_bytes);
/*
 * The same as text, NUL-terminated, without the white space at its end. size counts the NUL.
 * -EBADMSG: there is a NUL inside.
 */
must_check int small_file_read_text(int dir_fd, const char *path, char *text, size_t size);
