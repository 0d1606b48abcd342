/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The commands of autofdod-profgen. Each takes its own argv (argv[0] is the command) and returns
 * the exit status of the program.
 */

enum exit_code {
	EXIT_OK = 0,
	EXIT_ERROR = 1, /* nothing was written */
	EXIT_USAGE = 2,
	EXIT_TRUNCATED = 3, /* written, from what was whole of a truncated recording */
	EXIT_EMPTY = 4,	    /* nothing to make a profile of; nothing was written */
	EXIT_THIN = 5,	    /* the verdict, as the next two */
	EXIT_STALE = 6,
	EXIT_UNFIT = 7,
	EXIT_MISMATCH = 8, /* not the file that its manifest is of, or of another kernel */
};

int command_convert(int argc, char **argv);
int command_fetch(int argc, char **argv);
int command_index(int argc, char **argv);
int command_merge(int argc, char **argv);
int command_overlap(int argc, char **argv);
int command_record_text(int argc, char **argv);
int command_show(int argc, char **argv);
int command_verify(int argc, char **argv);

/* Prints text, a command's --help. The exit status: EXIT_OK only if it could be written. */
int command_help(const char *text);
