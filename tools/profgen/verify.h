/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A profile and what is said of it, put together to be judged: verify_read.c reads, verify_show.c
 * shows, verify.c is the command.
 */

#include <limits.h>
#include <stdbool.h>
#include "base/buf.h"
#include "base/macros.h"
#include "base/problem.h"
#include "profile/read.h"
#include "profile/verdict.h"
#include "publish/manifest_read.h"

struct verify_arguments {
	const char *previous; /* a profile to compare with; NULL: as the manifest says */
	const char *path;     /* a profile or a manifest */
	const char *manifest; /* NULL: beside the profile, if there is one */
	bool needs_manifest;  /* without one it is a mismatch */
	const char *build_id; /* of the kernel that it has to be of; NULL: any */
	const char *vmlinux;  /* likewise */
	struct verdict_limits limits;
	bool is_json;
};

struct verification {
	char path[PATH_MAX]; /* of the profile; empty: the manifest is of none */
	enum profile_form form;
	uint64_t n_bytes;
	char manifest_path[PATH_MAX]; /* empty: there is none */
	struct manifest_read manifest;
	struct verdict_input input;
	uint64_t n_functions, samples;
	struct verdict_result result;
};

/* It could be read, but is not what is wanted; the sentence says why. */
#define VERIFY_E_MISMATCH 1

/*
 * Reads profile and manifest, holds them against each other, and judges. now_usec is since 1970. 0;
 * VERIFY_E_MISMATCH; -errno; not 0 with a sentence.
 */
must_check int verify_read(const struct verify_arguments *arguments, uint64_t now_usec,
			   struct verification *ret, struct problem *problem);

/* Both append, and leave their failure in buf->error. */
void verify_text(const struct verification *v, const struct verdict_limits *limits,
		 struct buf *buf);
void verify_json(const struct verification *v, const struct verdict_limits *limits,
		 struct buf *buf);
