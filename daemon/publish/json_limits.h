/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The verdict's thresholds, under the names that the manifest and `verify --json` share. */

#include <stdbool.h>

struct json_object;
struct verdict_limits;

/* The caller's to take; on failure *ok is false, as in json_build.h. maxAgeNs is not in it. */
struct json_object *json_of_limits(const struct verdict_limits *limits, bool *ok);
