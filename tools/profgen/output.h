/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Writing a result: whole or not at all.
 */

#include <stddef.h>
#include "base/macros.h"
#include "base/problem.h"

/*
 * Writes the bytes to path, through a temporary file beside it and rename(2), so that a full disk
 * leaves what was there before; "-" is standard output, and what is not a regular file (a pipe, a
 * device) is written in place. 0 or -errno, with the sentence.
 */
must_check int output_write(const char *path, const void *data, size_t n_bytes,
			    struct problem *problem);
/*
 * The same without waiting for the disk, which takes as long as making a profile: for what can be
 * made again when the power failed in the seconds behind, as what a compiler writes.
 */
must_check int output_write_unsynced(const char *path, const void *data, size_t n_bytes,
				     struct problem *problem);

/*
 * The whole content of a file, malloc'd, at most ceiling_bytes. 0; -EFBIG; -errno, with the
 * sentence.
 */
must_check int input_read(const char *path, size_t ceiling_bytes, void **ret_data,
			  size_t *ret_n_bytes, struct problem *problem);
/* The same of what is open, and borrowed; path is for the sentence. */
must_check int input_read_fd(int fd, const char *path, size_t ceiling_bytes, void **ret_data,
			     size_t *ret_n_bytes, struct problem *problem);
