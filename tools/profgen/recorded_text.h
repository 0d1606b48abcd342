/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Where a recording and the text of its kernel are: one file; or a directory as perf record --kcore
 * makes it, DIR/data with DIR/kcore_dir/kcore; or a file with a kcore_dir beside it, which perf or
 * autofdod-profgen record-text have written.
 */

#include <limits.h>
#include <stdbool.h>
#include "base/macros.h"
#include "base/problem.h"
#include "kernel/modules.h"

struct kcore;

struct recording_paths {
	char data[PATH_MAX];  /* the recording itself, or "-" */
	char kcore[PATH_MAX]; /* empty: there is none */
};

/* Text of a kernel as somebody has saved it. */
struct recorded_text {
	int fd;
	struct kcore *kcore;
	/* what was loaded then, by the file modules beside it; !has_modules: there is none */
	struct modules modules;
	bool has_modules;
};

#define RECORDED_TEXT_INIT { .fd = -1 }

/*
 * What path, as given for a recording, stands for. That a file can be read is not looked at. 0;
 * -ENOENT: a directory that holds no recording; -ENAMETOOLONG; with a sentence.
 */
must_check int recording_paths_find(const char *path, struct recording_paths *ret_paths,
				    struct problem *problem);

/*
 * Opens text: path is a kcore, or a directory with one in it or in its kcore_dir. 0; -errno and
 * what kcore_open() or modules_read() return, with a sentence that names the file.
 */
must_check int recorded_text_open(const char *path, struct recorded_text *ret_text,
				  struct problem *problem);
void recorded_text_deinit(struct recorded_text *text); /* accepts RECORDED_TEXT_INIT */
