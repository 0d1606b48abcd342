/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The text of one configuration file, read into sections and entries. What they mean, and where the
 * text comes from, is not known here.
 */

#include <stddef.h>
#include "base/macros.h"

struct problem;

#define CONF_FILE_BYTES_MAX ((size_t)256 << 10)
#define CONF_LINE_BYTES_MAX ((size_t)8192) /* without its end */
#define CONF_NAME_SIZE 49u		   /* of a section or key, with the NUL; more is no name */

/* All are borrowed for the call. Lines count from 1. Returns 0, or -errno, which ends the reading.
 */
struct conf_file_handler {
	/* A [Section] begins. */
	int (*section)(void *context, unsigned int line, const char *name);
	/*
	 * Key=value, without the white space around both; value may be empty. Not called before the
	 * first section, nor below a section whose line could not be read.
	 */
	int (*entry)(void *context, unsigned int line, const char *key, const char *value);
	/* A line that is neither; it is skipped. */
	int (*complaint)(void *context, unsigned int line, const struct problem *why);
	void *context;
};

/* Reads all lines, whatever is wrong with some. 0; what a handler returned; -ENOMEM. */
must_check int conf_file_read(const char *text, size_t n_bytes,
			      const struct conf_file_handler *handler);
