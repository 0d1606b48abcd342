/* SPDX-License-Identifier: Apache-2.0 */
#include "array.h"

#include <errno.h>

int array_reserve(void **items, size_t *capacity, size_t n_needed, size_t item_bytes,
		  size_t n_ceiling)
{
	size_t n = *capacity < 8 ? 16 : *capacity * 2;
	void *grown;

	if (n_needed <= *capacity)
		return 0;
	if (n_needed > n_ceiling)
		return -E2BIG;
	if (n < n_needed)
		n = n_needed;
	if (n > n_ceiling)
		n = n_ceiling;
	grown = reallocarray(*items, n, item_bytes);
	if (!grown)
		return -ENOMEM;
	*items = grown;
	*capacity = n;
	return 0;
}
