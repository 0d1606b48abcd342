/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How dense a profile is: samples per record in the functions that make 99 % of it. Too few, and
 * the optimizer cannot tell a hot line from a lucky one.
 * Source: llvm/tools/llvm-profgen/ProfileGenerator.cpp (calculateDensity), LLVM 19.1.7.
 */

#include "base/macros.h"

struct profile;

/* Below this llvm-profgen advises to sample more: DENSITY_ENOUGH / density times as much. */
#define DENSITY_ENOUGH 50.0

/* 0 (a density of 0 means that there are no samples) or -ENOMEM. */
must_check int density_compute(const struct profile *profile, double *ret_density);
