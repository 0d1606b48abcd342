/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What is wrong with configuration files, all of it in one go, up to a bound.
 */

#include <limits.h>
#include <stddef.h>
#include "base/problem.h"

struct buf;

#define CONF_N_ERRORS_MAX 50u /* are kept; the others are counted */

struct conf_error {
	const char *path;  /* borrowed from who has the list of files; NULL: none, a command line */
	unsigned int line; /* from 1; 0: none */
	/* As they stand there, cut if too long, '?' for what cannot be printed; empty: none. */
	char section[50], key[50], value[100];
	struct problem why; /* quotes the value and says what is allowed; without the place */
};

struct conf_errors {
	struct conf_error items[CONF_N_ERRORS_MAX];
	size_t n; /* that there were; min(n, CONF_N_ERRORS_MAX) are kept, the first ones */
};

/* A copy; section, key and value may be NULL. */
void conf_errors_add(struct conf_errors *errors, const char *path, unsigned int line,
		     const char *section, const char *key, const char *value,
		     const struct problem *why);
size_t conf_errors_n_kept(const struct conf_errors *errors);
/* Appends "/etc/x.conf:12: [Section] Key: sentence", without a newline. */
void conf_error_show(const struct conf_error *error, struct buf *text);
