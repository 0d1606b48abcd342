/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Configuration files into a fresh target of a table of settings: everything that is wrong in any
 * of them is found, and where each value comes from is kept. Whoever wants the values checks that
 * there are no errors, that the values go together, and then takes the target over: all or nothing.
 */

#include "errors.h"
#include "paths.h"

struct conf_setting;

#define CONF_N_SETTINGS_MAX 64u /* rows of a table */

enum conf_origin {
	CONF_ORIGIN_DEFAULT,
	CONF_ORIGIN_FILE,
	CONF_ORIGIN_OPTION, /* of the command line */
};

struct conf_place {
	enum conf_origin origin;
	/* CONF_ORIGIN_FILE: */
	unsigned int i_path; /* of the paths of the report */
	unsigned int line;
};

/* Zeroed before use. */
struct conf_report {
	struct conf_paths paths;
	struct conf_place places[CONF_N_SETTINGS_MAX]; /* by the index of the setting */
	struct conf_errors errors;		       /* borrow from paths */
};

void conf_report_deinit(struct conf_report *report); /* accepts a null-initialised one */

/*
 * Sets target, which holds the defaults, to what the paths of the report say; a later value
 * replaces an earlier one. 0, also with errors in the report, and then the target is of no use;
 * -ENOMEM.
 */
must_check int conf_load(const struct conf_setting *settings, size_t n, void *target,
			 struct conf_report *report);
/* The same with the text of paths.items[i_path]. */
must_check int conf_load_text(const struct conf_setting *settings, size_t n, void *target,
			      struct conf_report *report, unsigned int i_path, const char *text,
			      size_t n_bytes);
