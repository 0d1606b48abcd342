/* SPDX-License-Identifier: Apache-2.0 */
#include "recording_zstd.h"

#include <errno.h>
#include <zstd.h>
#include <zstd_errors.h>

void unzstd_deinit(struct unzstd *u)
{
	ZSTD_freeDCtx(u->stream);
	records_deinit(&u->records);
	*u = (struct unzstd){};
}

static int log2_floor(uint64_t v)
{
	return v ? 63 - __builtin_clzll(v) : 0;
}

static int set_up(struct unzstd *u, size_t buffer_bytes, uint64_t window_max)
{
	ZSTD_bounds bounds = ZSTD_dParam_getBounds(ZSTD_d_windowLogMax);
	int window_log = log2_floor(window_max);

	if (window_log > bounds.upperBound)
		window_log = bounds.upperBound;
	if (window_log < bounds.lowerBound)
		window_log = bounds.lowerBound;
	if (!u->records.buffer) {
		int r = records_init(&u->records, buffer_bytes);

		if (r < 0)
			return r;
	}
	u->stream = ZSTD_createDCtx();
	if (!u->stream)
		return -ENOMEM;
	/* cannot fail: the value is within the bounds */
	(void)ZSTD_DCtx_setParameter(u->stream, ZSTD_d_windowLogMax, window_log);
	return 0;
}

int unzstd_give(struct unzstd *u, const uint8_t *input, size_t n_bytes, size_t buffer_bytes,
		uint64_t window_max)
{
	int r = u->stream ? 0 : set_up(u, buffer_bytes, window_max);

	if (r < 0)
		return r;
	u->input = input;
	u->n_input_bytes = n_bytes;
	u->is_active = true;
	return 0;
}

static int error_of(size_t status)
{
	ZSTD_ErrorCode code = ZSTD_getErrorCode(status);

	if (code == ZSTD_error_memory_allocation)
		return -ENOMEM;
	return code == ZSTD_error_frameParameter_windowTooLarge ? -E2BIG : -EBADMSG;
}

/*
 * zstd may hold back output for want of room after it has taken all input. So the input is
 * exhausted only when a call left room free.
 */
int unzstd_some(struct unzstd *u, size_t *ret_n_bytes, const char **ret_reason)
{
	ZSTD_inBuffer in = { .src = u->input, .size = u->n_input_bytes };
	ZSTD_outBuffer out = {};
	size_t status;

	out.dst = records_room(&u->records, &out.size);
	do {
		status = ZSTD_decompressStream(u->stream, &out, &in);
		if (ZSTD_isError(status)) {
			*ret_reason = ZSTD_getErrorName(status);
			return error_of(status);
		}
	} while (in.pos < in.size && out.pos < out.size);
	u->input += in.pos;
	u->n_input_bytes -= in.pos;
	u->is_active = out.pos == out.size;
	records_added(&u->records, out.pos);
	*ret_n_bytes = out.pos;
	return out.pos > 0 ? 0 : RECORDS_E_END;
}
