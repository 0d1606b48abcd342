/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A profile of any form that we know, told apart by its first bytes.
 */

#include <stddef.h>
#include "base/macros.h"
#include "base/problem.h"

struct names;
struct profile;

enum profile_form {
	PROFILE_EXTBINARY,
	PROFILE_RAWBINARY,
	PROFILE_TEXTUAL, /* also what is empty: a text profile without functions */
	PROFILE_UNKNOWN, /* it has bytes that no text has */
};

enum profile_form profile_form_of(const void *data, size_t n_bytes);
const char *profile_form_name(enum profile_form form); /* "extbinary", … */

/*
 * Reads a whole file, foreign bytes, by extbinary_read() or textual_read(), whose words on names,
 * ceiling_bytes and errors hold; -EBADMSG too when it is neither.
 */
must_check int profile_read(const void *data, size_t n_bytes, struct names *names,
			    size_t ceiling_bytes, struct problem *problem,
			    struct profile **ret_profile);
