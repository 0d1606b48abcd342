/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The part of the statistics that is about objects: where branches arrived, and what became of
 * those of the kernel and of each module.
 */

#include "base/buf.h"
#include "stats.h"

struct json_object;

/* Of all that arrived in kernel and modules; SHARE_UNKNOWN: nothing did, or nobody asked. */
double stats_symbolized_share(const struct convert_stats *stats);
void stats_objects_text(const struct convert_stats *stats, struct buf *buf);
/* Adds "arrived", "objects" and "symbolized_share". */
void stats_objects_json(const struct convert_stats *stats, struct json_object *root);
