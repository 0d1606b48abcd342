/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a worker gives back: sections of bytes behind a header, in a memfd of fixed size.
 *
 * The header is written last: without it there is no result. The layout is in worker_result.c.
 */

#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"

struct problem;

#define WORKER_SECTIONS_MAX 16u
#define WORKER_RESULT_HEADER_BYTES 448u
#define WORKER_RESULT_TEXT_BYTES 400u

/* The writing side, in the worker. */
struct worker_out {
	int fd;
	uint64_t n_bytes, n_bytes_max; /* of sections, their headers and padding among them */
	uint64_t checksum;
	uint32_t n_sections;
	int error; /* the first -errno; sticks */
};

struct worker_section {
	const uint8_t *bytes; /* borrowed from the result */
	size_t n_bytes;
	uint32_t kind; /* the job's business */
};

/* The reading side. */
struct worker_result {
	uint8_t *memory; /* owned mapping, read-only; NULL: none */
	size_t n_memory_bytes;
	struct worker_section sections[WORKER_SECTIONS_MAX];
	size_t n_sections;
	int code;	  /* what the job returned */
	uint32_t without; /* WORKER_WITHOUT_* */
};

/* What the worker could not do for the good of others. */
#define WORKER_WITHOUT_IDLE (1u << 0)	   /* scheduling class */
#define WORKER_WITHOUT_IDLE_IO (1u << 1)   /* I/O priority */
#define WORKER_WITHOUT_OOM_SCORE (1u << 2) /* being the first to go */

/* writing */

/*
 * Appends a section, n_bytes may be 0. 0; -EFBIG: beyond the size, -E2BIG: WORKER_SECTIONS_MAX;
 * -errno. The first error sticks.
 */
must_check int worker_out_put(struct worker_out *out, uint32_t kind, const void *bytes,
			      size_t n_bytes);
/* Bytes of a memfd for sections of n_bytes altogether; 0: too many. */
uint64_t worker_result_file_bytes(uint64_t n_bytes);
/* Header and end; text may be NULL. 0; -errno, also of what was put before. */
must_check int worker_out_finish(struct worker_out *out, int code, uint32_t without,
				 const char *text);

/* reading */

/*
 * Finds the sections in foreign bytes, which stay the caller's (memory stays NULL) and aligned to
 * 8. text gets what was said, printable, NUL-terminated. 0; -EBADMSG and a sentence.
 */
must_check int worker_result_parse(const uint8_t *bytes, size_t n_bytes,
				   struct worker_result *ret_result, struct problem *ret_text,
				   struct problem *problem);
/* The first section of that kind, or NULL. */
const struct worker_section *worker_result_find(const struct worker_result *result, uint32_t kind);
void worker_result_deinit(struct worker_result *result); /* accepts a null-initialised one */
