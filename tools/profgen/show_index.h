/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include "base/buf.h"
#include "base/macros.h"
#include "base/problem.h"

/* What is in an index, as text or JSON. 0; as index_open(); -EFBIG, -ENOMEM of buf. */
must_check int show_index(const void *data, size_t n_bytes, bool is_json, struct buf *buf,
			  struct problem *problem);
