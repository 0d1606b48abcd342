/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * LLVM's extensible binary form of a sample profile ("extbinary", format 4, version 103), which is
 * what clang loads fastest and what kernel profiles are published as.
 * Source: llvm/lib/ProfileData/{SampleProfWriter,SampleProfReader}.cpp, LLVM 19.1.7.
 */

#include <stdbool.h>
#include <stddef.h>
#include "base/buf.h"
#include "base/macros.h"
#include "base/problem.h"
#include "summary.h"
#include "tree.h"

struct extbinary_options {
	bool has_md5_names; /* 8 bytes of hash instead of each name; always so if profile->is_md5 */
	const struct summary *summary; /* the profile's, borrowed; NULL: to be computed */
};

/*
 * Appends the profile, which is sorted (profile_sort()), byte for byte as llvm-profgen writes it.
 * 0; -ENOMEM; or buf->error. On failure the buffer holds garbage behind its old end.
 */
must_check int extbinary_encode(const struct profile *profile,
				const struct extbinary_options *options, struct buf *buf);

/*
 * Reads a whole file, foreign bytes: this form with all its flags (compressed, flat, hashed names),
 * or LLVM's older raw binary. names gets the names; ceiling_bytes bounds the tree, the table of
 * names and an unpacked section, each. Passed over: unknown sections, the summary's figures, a list
 * of cold symbols, function attributes. Of hashed names the profile holds the decimal hash, as
 * llvm-profdata prints it, and is_md5 is set. Functions that appear twice are added up.
 *
 * 0; -EBADMSG, malformed; -ENOTSUP, a context-sensitive or pseudo-probe profile or another version;
 * -E2BIG; -ENOMEM. On failure *problem names the section and the offset in it.
 */
must_check int extbinary_read(const void *data, size_t n_bytes, struct names *names,
			      size_t ceiling_bytes, struct problem *problem,
			      struct profile **ret_profile);

/* The format, shared by writer and reader. */

#define EXTBINARY_MAGIC 0x5350524f46343204ull /* "SPROF42" and the format's number */
#define RAWBINARY_MAGIC 0x5350524f463432ffull
#define EXTBINARY_VERSION 103

enum extbinary_section {
	EXTBINARY_SUMMARY = 1,
	EXTBINARY_NAME_TABLE = 2,
	EXTBINARY_SYMBOL_LIST = 3,
	EXTBINARY_OFFSET_TABLE = 4,
	EXTBINARY_METADATA = 5,
	EXTBINARY_CONTEXT_NAMES = 6,
	EXTBINARY_PROFILE = 32,
};

/* Flags of a section: these two of any, the others (in the high half) each of its own section. */
#define EXTBINARY_COMPRESSED (1ull << 0)
#define EXTBINARY_FLAT (1ull << 1)
#define EXTBINARY_SUMMARY_CONTEXT (1ull << 33)
#define EXTBINARY_SUMMARY_FS (1ull << 34)
#define EXTBINARY_NAMES_MD5 (1ull << 32)
#define EXTBINARY_NAMES_FIXED_MD5 (1ull << 33)
#define EXTBINARY_NAMES_UNIQ_SUFFIX (1ull << 34)
#define EXTBINARY_METADATA_PROBE (1ull << 32)
