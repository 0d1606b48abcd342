/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/macros.h"
#include "base/problem.h"

struct show_index_options {
	bool is_json;	    /* else text … */
	uint32_t n_columns; /* … for a terminal of so many; 0: no limit */
};

/* What is in an index. 0; as index_open(); -EFBIG, -ENOMEM of buf. */
must_check int show_index(const void *data, size_t n_bytes,
			  const struct show_index_options *options, struct buf *buf,
			  struct problem *problem);
