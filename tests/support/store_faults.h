/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The kernel's calls for a store (publish/store.h), of which any can fail, kill the process before
 * or after it is made, or write less than it was asked to.
 */

#include <stdbool.h>
#include <stddef.h>
#include "publish/store.h"

enum store_trouble { NOTHING, FAIL, KILL_BEFORE, KILL_AFTER };

#define STORE_FAULTS_KILLED 99 /* exit status of a process that was killed so */

struct store_faults {
	enum store_trouble trouble;
	int error;		  /* FAIL: positive errno */
	unsigned int at, n_calls; /* which call, of those so far; from 0 */
	bool is_for_good;	  /* FAIL: all calls of that kind from then on, as on a full disk */
	const char *only;	  /* the kind of call that is counted; NULL: all */
	size_t n_write_max;	  /* a write takes no more; 0: no limit */
	/* of each descriptor: bytes written since the last sync */
	bool is_dirty[256];
	bool is_any_renamed_dirty;
};

/* faults is borrowed. */
struct store_calls store_faults_calls(struct store_faults *faults);
