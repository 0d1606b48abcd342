/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The text of the running kernel and its modules as files, in the form of the kcore_dir that perf
 * record --kcore makes:
 *
 *	kcore		an ELF core with a segment for each stretch of text, and no data
 *	kallsyms	as /proc has them
 *	modules
 */

#include <stdint.h>
#include "base/macros.h"
#include "base/problem.h"

struct text_copy_config {
	int root_fd;	     /* proc and sys are below; / where nothing else is wanted */
	uint64_t page_bytes; /* the machine's */
};

struct text_copy_stats {
	uint64_t n_text_bytes;
	uint64_t n_modules;	  /* stretches of modules' text: neighbours may be one */
	uint64_t n_missing_pages; /* of modules, which could not be read: zeros */
	/* modules whose text is not known: being initialized, livepatches, without sys/module */
	uint64_t n_left_out;
};

/*
 * Makes the directory path, of mode 0700, with these files of mode 0600: whole, or not at all. An
 * empty directory is replaced. 0; -errno and a sentence, which says what is missing where the
 * kernel refuses.
 */
must_check int text_copy(const struct text_copy_config *config, const char *path,
			 struct text_copy_stats *ret_stats, struct problem *problem);
