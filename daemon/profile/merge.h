/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Adding one profile to another, as `llvm-profdata merge --sample` does: sums of all counts, each
 * times a weight, saturating. Counts of finished profiles are maxima taken at different places, so
 * where the counters are at hand (unsymbolized.h), adding those is better.
 * Source: llvm/include/llvm/ProfileData/SampleProf.h (FunctionSamples::merge), LLVM 19.1.7.
 */

#include <stdint.h>
#include "base/macros.h"

struct profile;

/*
 * Both of the same names; both have names or both have hashes, an empty one as it comes. into is to
 * be sorted anew. It is flow-sensitive if one of them is. 0; -ENOMEM; -E2BIG: the ceiling of into;
 * -EINVAL: one has hashes, the other names. After a failure into has a part of from.
 */
must_check int profile_merge(struct profile *into, const struct profile *from, uint64_t weight);
