/* SPDX-License-Identifier: Apache-2.0 */
#include "load_base.h"

#include <string.h>

/* In code alone; an image without a file has no other names. */
static bool find_symbol(const struct image *image, const char *name, uint64_t *ret_vaddr)
{
	if (!image->file)
		return image_find_by_name(image, name, ret_vaddr);
	for (size_t i = 0; i < image->n_symbols; i++) {
		if (strcmp(image_symbol_name(image, &image->symbols[i]), name) == 0) {
			*ret_vaddr = image->symbols[i].vaddr;
			return true;
		}
	}
	return false;
}

uint64_t load_base_from_map(const struct image *image, const char *filename, uint64_t start_ip,
			    uint64_t pgoff)
{
	const char *bracket = strrchr(filename, ']');
	uint64_t vaddr;

	if (bracket && bracket[1] && pgoff && find_symbol(image, bracket + 1, &vaddr))
		return image->preferred_base + pgoff - vaddr;
	return start_ip;
}
