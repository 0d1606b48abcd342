/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The part of the statistics that is about objects: where branches arrived, and what became of
 * those of the kernel and of each module.
 */

#include "base/buf.h"
#include "stats.h"

struct json_object;

void stats_objects_text(const struct convert_stats *stats, struct buf *buf);
/* Adds "arrived", "objects", "symbolized_share" and "named_share". */
void stats_objects_json(const struct convert_stats *stats, struct json_object *root);
