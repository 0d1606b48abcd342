/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Why something failed, in one sentence, handed up beside the error code.
 *
 * Stages never log: a function that can fail for a reason that a person should read takes a
 * struct problem and writes the sentence into it: module, object and reason, lower case, no full
 * stop ("perf.data: record at 0x1a0: size 4 is below 8"). Whoever owns a terminal or a journal
 * prints it.
 */

#include "macros.h"

struct problem {
	char text[400]; /* NUL-terminated, cut if longer; empty if nothing was said */
};

/*
 * Writes the sentence and returns code, so that failing reads `return problem_set(p, -EBADMSG, …)`.
 * p may be NULL. Bytes of foreign origin in the arguments are printed with '?' for what is not
 * printable ASCII, so a file cannot write control sequences to a terminal.
 */
int problem_set(struct problem *p, int code, const char *format, ...) printf_like(3, 4);
