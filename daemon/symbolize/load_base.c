/* SPDX-License-Identifier: Apache-2.0 */
#include "load_base.h"

#include <string.h>

static const struct image_symbol *find_symbol(const struct image *image, const char *name)
{
	for (size_t i = 0; i < image->n_symbols; i++)
		if (strcmp(image_symbol_name(image, &image->symbols[i]), name) == 0)
			return &image->symbols[i];
	return NULL;
}

uint64_t load_base_from_map(const struct image *image, const char *filename, uint64_t start_ip,
			    uint64_t pgoff)
{
	const char *bracket = strrchr(filename, ']');
	const struct image_symbol *symbol = NULL;

	if (bracket && bracket[1] && pgoff)
		symbol = find_symbol(image, bracket + 1);
	return symbol ? image->preferred_base + pgoff - symbol->vaddr : start_ip;
}
