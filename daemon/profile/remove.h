/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What llvm-profgen takes out of a finished profile.
 */

#include <stddef.h>

struct profile;

/*
 * Takes out compiler-made initializers (__cxx_global_var_init…, __tls_init…) at every depth: many
 * files have one, all of one name. Returns how many there were.
 */
size_t remove_initializers(struct profile *profile);
