/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a job of a profile says of indexes: which objects it had to read the debug information of,
 * as there was no index of them, and which indexes would not do. So that somebody makes them.
 *
 * Plain data in the section JOB_BUILDS: a head, then items. The daemon reads it as foreign bytes.
 */

#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "kernel/build_id.h"
#include "kernel/kallsyms.h" /* MODULE_NAME_SIZE */
#include "kernel/object_files.h"

struct objects;
struct problem;
struct worker_out;
struct worker_result;

/* Of one job; the next one tells of those that are left. */
#define JOB_BUILDS_MAX 256u

struct job_builds_head {
	uint32_t n_symbolized; /* objects that have symbols … */
	uint32_t n_indexed;    /* … those of an index */
	uint32_t n_items;
	uint32_t zero;
};

/* An object without an index, or whose index is to be made again. No padding. */
struct job_build {
	char name[MODULE_NAME_SIZE]; /* "vmlinux", or the module's */
	struct bad_index bad;	     /* path empty: there is none */
	uint32_t has_symbols;	     /* 0: its files were not found, so nothing can be made */
	uint32_t n_build_id_bytes;
	uint8_t build_id[BUILD_ID_BYTES_MAX];
};

/* In the worker: what was found for the kernel, which may have become no object. */
struct job_builds {
	bool has_bad;
	struct bad_index bad;
	struct build_id build_id;
};

/* in the worker */

void job_builds_note_kernel(struct job_builds *builds, const struct object_query *query,
			    const struct object_files *files);
/* Puts the section. 0; -errno. */
must_check int job_builds_put(const struct job_builds *builds, const struct objects *objects,
			      struct worker_out *out);

/* in the daemon */

/*
 * Of foreign bytes: items have a name that is one, a build id, and texts that end. *ret_items is
 * borrowed from the result. 0; -EBADMSG and a sentence.
 */
must_check int job_builds_read(const struct worker_result *result, struct job_builds_head *ret_head,
			       const struct job_build **ret_items, struct problem *problem);
