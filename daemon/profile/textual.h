/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * LLVM's text form of a sample profile.
 * Source: llvm/lib/ProfileData/{SampleProfWriter,SampleProfReader}.cpp, LLVM 19.1.7.
 *
 *	function := name ":" total ":" head "\n" body			(column 0)
 *	inlinee  := loc ": " name ":" total "\n" body
 *	body     := record* inlinee*			(one space deeper than its function)
 *	record   := loc ": " samples (" " callee ":" count)* "\n"
 *	loc      := line_off ["." disc]			(the dot part if disc != 0)
 *
 * It cannot say that discriminators are flow-sensitive: what is converted from such text has lost
 * that, and clang then has to be told (-mllvm -profile-isfs).
 */

#include <stddef.h>
#include "base/buf.h"
#include "base/macros.h"
#include "base/problem.h"
#include "tree.h"

/* Appends the profile, which is sorted (profile_sort()). The caller asks buf->error at the end. */
void textual_encode(const struct profile *profile, struct buf *buf);

/*
 * Reads a whole file, foreign bytes. names gets the names; ceiling_bytes bounds the tree. Functions
 * and lines that appear twice are added up, as LLVM does. is_fs is false; the caller may know.
 *
 * 0; -EBADMSG, malformed; -ENOTSUP, a context-sensitive or pseudo-probe profile; -E2BIG; -ENOMEM.
 * On failure *problem names the line.
 */
must_check int textual_read(const void *data, size_t n_bytes, struct names *names,
			    size_t ceiling_bytes, struct problem *problem,
			    struct profile **ret_profile);
