/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Finding the vmlinux of a build id where distributions and people put it, and saying why a place
 * would not do.
 */

#include <stdbool.h>
#include <stddef.h>
#include "build_id.h"

struct problem;

#define VMLINUX_TRIES_MAX 12u
#define VMLINUX_PATH_SIZE 512u

struct vmlinux_query {
	const struct build_id *build_id;
	const char *release;	     /* uname -r */
	const char *configured_path; /* absolute; tried first; NULL: none */
};

enum vmlinux_outcome {
	VMLINUX_ACCEPTED,
	VMLINUX_ABSENT,
	VMLINUX_UNREADABLE, /* it cannot be opened or read, or is no ELF file */
	VMLINUX_OTHER_BUILD,
	VMLINUX_STRIPPED, /* of this build, but without code or debug information */
};

struct vmlinux_try {
	char path[VMLINUX_PATH_SIZE];
	enum vmlinux_outcome outcome;
	char reason[160]; /* a clause ("build id is 4a5a9b0a"); empty if accepted */
};

struct vmlinux_search {
	int fd; /* owned; of the accepted file, the very one that was looked at; -1: none */
	struct vmlinux_try tries[VMLINUX_TRIES_MAX]; /* in order; the last is the accepted one */
	size_t n_tries;
	bool has_configured; /* the first of tries is what was configured */
};

/* lifecycle */

/*
 * Tries one path after the other below root_fd until one is accepted: a regular file of that
 * build id, with code and debug information. Fills *ret also if none is.
 */
void vmlinux_find(int root_fd, const struct vmlinux_query *query, struct vmlinux_search *ret);
void vmlinux_search_deinit(struct vmlinux_search *search);

/* use */

/* Path of the accepted file, borrowed; NULL: none. */
const char *vmlinux_path(const struct vmlinux_search *search);
/*
 * Why there is none, in one sentence: what was found and refused, how many places are empty.
 */
void vmlinux_explain(const struct vmlinux_search *search, const struct build_id *build_id,
		     struct problem *problem);
