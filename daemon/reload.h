/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Other settings while the daemon runs: all of them or none. What is_fixed in the table of settings
 * stays as it was until the next start, and is named.
 */

#include "base/macros.h"
#include "base/problem.h"

struct daemon;
struct json_object;

enum {
	RELOAD_E_CONFIG = 1,   /* the files have errors: the old settings hold */
	RELOAD_E_NOT_POSSIBLE, /* nobody said where the settings come from */
};

/*
 * Loads and applies, tells the service manager and the log. ret_errors: of RELOAD_E_CONFIG, an
 * array of sentences, the caller's to json_object_put(); may be NULL. 0; RELOAD_E_*; -errno; all
 * but RELOAD_E_CONFIG with a sentence.
 */
must_check int reload(struct daemon *daemon, struct json_object **ret_errors,
		      struct problem *problem);
