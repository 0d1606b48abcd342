/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Whether figures that came as bytes can be: that no part is above what it is a part of.
 */

#include "ranges.h"

/* NULL, or the name of the first one that cannot be ("ranges.n_bogus"). */
const char *range_health_check(const struct range_health *health);
const char *branch_health_check(const struct branch_health *health);
