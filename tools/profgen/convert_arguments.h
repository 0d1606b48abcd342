/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the user of convert asks for. Strings are borrowed from argv where nothing else is said.
 */

#include <stdbool.h>
#include <stddef.h>
#include "kernel/object_files.h"
#include "profile/produce.h"

enum stats_form {
	STATS_NONE,
	STATS_TEXT,
	STATS_JSON,
};

struct convert_arguments {
	const char *vmlinux, *index; /* one of them */
	const char *unsymbolized;
	const char **texts;	/* owned; of each of perf_data; NULL: what is beside it */
	const char **perf_data; /* owned; n_perf_data, from argv */
	size_t n_perf_data;
	const char *output;
	enum produce_format format;
	enum stats_form stats;
	bool is_llvm, has_md5_names, allow_mismatch;
	bool has_offsets; /* of the dump */
	bool has_texts;	  /* one was given */
	bool without_text;
	bool without_modules;
	bool uses_debuginfod;
	char *debug_dirs[OBJECT_DIRS_MAX]; /* owned; absolute */
	size_t n_debug_dirs;
};

/* Of convert_parse(): --help was asked for and given. */
#define CONVERT_SHOWN_HELP 1000

/* 0; CONVERT_SHOWN_HELP; or the exit status with which to end, and the user was told why. */
int convert_parse(int argc, char **argv, struct convert_arguments *a);
/* Also of arguments that were not parsed to their end, and of { 0 }. */
void convert_arguments_deinit(struct convert_arguments *arguments);
