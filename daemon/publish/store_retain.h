/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Removes publications beyond the limits, of all kernels. store.c's own.
 */

#include "base/macros.h"
#include "store.h"

/* All borrowed. */
struct store_retain_input {
	const char *directory; /* for sentences */
	int dir_fd;
	struct store_limits limits;
	const char *build_id; /* of the kernel in use */
	const char *stamp;    /* of its publication that is kept in any case; empty: none */
	uint64_t utc_s;	      /* now */
};

/* 0; -errno: the directory could not be read, and nothing was removed. */
must_check int store_retain_all(const struct store_retain_input *input,
				const struct store_calls *calls, struct store_kept *ret_kept);
