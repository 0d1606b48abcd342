/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The decompressor of `perf record -z`. Internal to the recording reader.
 *
 * All compressed records of a recording together are one zstd stream, and what comes out is records
 * again, cut anywhere: each compressed record is given in, comes out in pieces as large as there is
 * room, and what is left of a record at the end waits for the next compressed one.
 */

#include "recording_records.h"

struct unzstd {
	struct ZSTD_DCtx_s *stream; /* owned; NULL until there is something to decompress */
	const uint8_t *input;	    /* borrowed until unzstd_some() has said RECORDS_E_END */
	size_t n_input_bytes;
	bool is_active;		/* given an input that is not exhausted */
	struct records records; /* what came out */
};

/* lifecycle */

void unzstd_deinit(struct unzstd *u); /* accepts a zeroed one */

/* use */

/*
 * Gives in what a compressed record holds. Sets all up first if this is the first one, with a
 * buffer of buffer_bytes and a stream that reaches back at most window_max. 0, -ENOMEM.
 */
must_check int unzstd_give(struct unzstd *u, const uint8_t *input, size_t n_bytes,
			   size_t buffer_bytes, uint64_t window_max);

/*
 * Decompresses as much as there is room behind the records. 0: something came out; RECORDS_E_END:
 * the input is exhausted; -EBADMSG: it is no zstd stream; -E2BIG: it reaches back too far; -ENOMEM.
 * *ret_reason is zstd's word for an error.
 */
must_check int unzstd_some(struct unzstd *u, size_t *ret_n_bytes, const char **ret_reason);
