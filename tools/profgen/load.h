/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A profile of a file, for the commands that read some.
 */

#include <stddef.h>
#include "base/macros.h"
#include "base/problem.h"

struct names;
struct profile;

/* Ceilings on what a file can make us allocate. */
#define LOAD_FILE_BYTES_MAX ((size_t)4 << 30)
#define LOAD_PROFILE_BYTES_MAX ((size_t)8 << 30)
#define LOAD_NAMES_BYTES_MAX ((size_t)1 << 30)

/* Sorted; its names are added to names. 0; -errno and a sentence that names the file. */
must_check int load_profile(const char *path, struct names *names, struct profile **ret_profile,
			    struct problem *problem);
/* The same of bytes that were read from path. */
must_check int load_profile_bytes(const char *path, const void *data, size_t n_bytes,
				  struct names *names, struct profile **ret_profile,
				  struct problem *problem);
