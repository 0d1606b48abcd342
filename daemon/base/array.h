/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Growing a plain C array (items, n, capacity) up to a ceiling that the caller names.
 */

#include "macros.h"

/*
 * Makes room for n_needed items of item_bytes each. *items is NULL or from malloc(); capacity at
 * least doubles. 0; -ENOMEM; -E2BIG when n_needed exceeds n_ceiling. On failure nothing changes.
 */
must_check int array_reserve(void **items, size_t *capacity, size_t n_needed, size_t item_bytes,
			     size_t n_ceiling);

/* array_push_room(a, n, cap, ceiling): room for one more behind the first n. */
#define array_push_room(items, n, capacity, ceiling)                                               \
	((n) < (capacity) ? 0                                                                      \
			  : array_reserve((void **)&(items), &(capacity), (n) + 1,                 \
					  sizeof(*(items)), (ceiling)))
