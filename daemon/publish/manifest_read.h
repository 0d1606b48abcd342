/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a manifest says, read again by who wants to judge its profile: foreign text, from another
 * machine perhaps. Keys that are not needed are passed over, as manifest.md wants it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "base/problem.h"
#include "kernel/build_id.h"
#include "manifest.h"
#include "profile/verdict.h"

#define MANIFEST_READ_BYTES_MAX ((size_t)1 << 20)
#define MANIFEST_TEXT_SIZE 128u
#define MANIFEST_FILES_MAX 8u

struct manifest_read_file {
	char name[MANIFEST_TEXT_SIZE]; /* neither '/' nor a dot in front */
	char format[MANIFEST_TEXT_SIZE];
	uint64_t n_bytes;
	uint8_t sha256[MANIFEST_SHA256_BYTES];
};

/* Plain data. Text is printable ASCII, NUL-terminated, empty where there is none. */
struct manifest_read {
	char release[MANIFEST_TEXT_SIZE], machine[MANIFEST_TEXT_SIZE];
	char build_id[BUILD_ID_HEX_SIZE];	   /* lower-case hexadecimal digits */
	uint64_t built_usec, begin_usec, end_usec; /* since 1970; 0: not known */
	bool is_accumulated;
	bool has_profile; /* else it is of a dump alone */
	bool is_ip_only;
	uint64_t n_taken, n_used, n_lost;	   /* samples; n_used + n_lost <= n_taken */
	double lost_share, invalid_share, overlap; /* or SHARE_UNKNOWN */
	char previous[MANIFEST_TEXT_SIZE];	   /* that overlap is with */
	char verdict[MANIFEST_TEXT_SIZE], reason[VERDICT_REASON_SIZE]; /* as it was then */
	struct manifest_read_file files[MANIFEST_FILES_MAX];
	size_t n_files;
};

/*
 * 0; -EBADMSG: not a manifest, or numbers that cannot be; -ENOTSUP: of another schema; -E2BIG:
 * longer than MANIFEST_READ_BYTES_MAX; -ENOMEM; with a sentence.
 */
must_check int manifest_read(const void *data, size_t n_bytes, struct manifest_read *ret_manifest,
			     struct problem *problem);

/* The file of that size and hash, whatever its name is now; NULL: it has none. */
const struct manifest_read_file *manifest_find_bytes(const struct manifest_read *manifest,
						     const void *data, size_t n_bytes);
/* The first file of that format; NULL. */
const struct manifest_read_file *manifest_find_format(const struct manifest_read *manifest,
						      const char *format);
