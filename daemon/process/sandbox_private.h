/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>
#include "base/macros.h"

struct problem;
struct sandbox_user;

/* sandbox_drop(), but those of kept_caps that are permitted stay so and are effective. */
must_check int sandbox_drop_but(const struct sandbox_user *user, uint64_t kept_caps,
				struct problem *problem);
