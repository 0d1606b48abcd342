/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The one place where run-time kernel addresses meet link-time ones: vaddr = ip - base + preferred
 * base of the image.
 */

#include <stdint.h>
#include "image.h"

/*
 * Base from a kernel mapping of a recording, whose name may say which symbol ("_text" or "_stext")
 * its run-time address pgoff is of: that symbol on both sides. Without one (or if the image lacks
 * the symbol) the mapping is taken to begin at the image's first executable segment, as
 * llvm-profgen always does.
 */
uint64_t load_base_from_map(const struct image *image, const char *filename, uint64_t start_ip,
			    uint64_t pgoff);
