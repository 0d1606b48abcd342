/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The profile that was published before of the same kernel, to see how much has changed: opened by
 * the daemon, which may see its directory, read by the worker, which may not and need not.
 */

#include "base/macros.h"
#include "base/problem.h"
#include "publish/store.h"

struct build_id;
struct names;
struct profile;

/* Enough for 100 times the lab's kernel; what is read counts to the worker's memory. */
#define PREVIOUS_BYTES_MAX ((size_t)256 << 20)

/*
 * Opens what latest.afdo below directory names, an ordinary file beside it, for reading; its name
 * goes to name. -1: there is none, and no name.
 */
int previous_open(const char *directory, const struct build_id *build_id,
		  char name[STORE_NAME_SIZE]);

/*
 * The overlap of a profile, sorted, and the file (overlap.h); names are the profile's. The file is
 * foreign. 0; -errno and a sentence.
 */
must_check int previous_compare(int fd, const struct profile *profile, struct names *names,
				double *ret_overlap, struct problem *problem);
