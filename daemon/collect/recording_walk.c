/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk over the records. They stand one behind the other, each with its size in its header:
 *
 *   u32 type, u16 misc, u16 size (header included)
 *
 * Three things break the line:
 *
 *   TRACING_DATA and AUXTRACE say how many bytes that are no records follow them.
 *
 *   COMPRESSED and COMPRESSED2 hold more records, see recording_zstd.h. Those come first, then the
 *   walk goes on behind.
 *
 *   COMPRESSED2 { header, u64 n_bytes, bytes, padding to 8 } of perf 6.16 can be broken: what
 *   should be its size overflows 16 bits. Then size is wrong, n_bytes is right, and there is no
 *   padding. If n_bytes is more than one record can hold, it is the sum over several: the first
 *   one holds as much as one can, and the rest are COMPRESSED2 records of their own, with a good
 *   size, a meaningless n_bytes and no padding. Source: tools/perf/builtin-record.c,
 *   record__pushfn() and zstd_compress(), Linux 6.16.
 */
#include "recording_private.h"

#include <errno.h>

/* PERF_SAMPLE_MAX_SIZE - 16 - 1: tools/perf/builtin-record.c, zstd_compress(), Linux 6.16. */
#define PACK2_BYTES_MAX 65519u
#define PACK2_HEADER_BYTES 16
/* What is compressed at once is at most a ring, and zstd makes it hardly longer. */
#define PACK2_SUM_MAX ((uint64_t)1 << 40)

/* Endings: each is said here, with its sentence. */

static int fail_reading(struct recording *rec, int error, struct problem *problem)
{
	return WALK_FAIL(rec, problem, error, "read at 0x%llx: %s",
			 (unsigned long long)(rec->file.base + rec->file.end), strerror(-error));
}

/* The walk is at its end, between two records. */
static int end(struct recording *rec, struct problem *problem)
{
	unsigned long long offset = records_offset(&rec->file);

	rec->is_ended = true;
	if (rec->n_broken_pack_bytes || records_left(&rec->unzstd.records))
		return problem_set(
			problem, RECORDING_E_TRUNCATED,
			"recording: ends at 0x%llx: the compressed record at 0x%llx ends "
			"within a record, and none continues it",
			offset, (unsigned long long)rec->pack_offset);
	if (rec->file.at_file_end && rec->file.limit != UINT64_MAX)
		return problem_set(problem, RECORDING_E_TRUNCATED,
				   "recording: ends at 0x%llx, where its data goes on to 0x%llx",
				   offset, (unsigned long long)rec->file.limit);
	if (rec->is_unfinished)
		return problem_set(problem, RECORDING_E_TRUNCATED,
				   "recording: perf record did not finish it: ends at 0x%llx",
				   offset);
	if (rec->are_features_cut)
		return problem_set(
			problem, RECORDING_E_TRUNCATED,
			"recording: data is whole up to 0x%llx, but not all features behind "
			"it can be read",
			offset);
	return RECORDING_E_END;
}

/* No more bytes come, but the record at offset, or what belongs to it, goes on. */
static int end_within(struct recording *rec, uint64_t offset, uint64_t n_bytes,
		      struct problem *problem)
{
	if (rec->file.limit != UINT64_MAX && !rec->file.at_file_end)
		return WALK_FAIL(
			rec, problem, -EBADMSG,
			"record at 0x%llx: its %llu bytes go beyond the data, which ends at "
			"0x%llx",
			(unsigned long long)offset, (unsigned long long)n_bytes,
			(unsigned long long)rec->file.limit);
	rec->is_ended = true;
	return problem_set(problem, RECORDING_E_TRUNCATED,
			   "recording: ends at 0x%llx, within the record at 0x%llx",
			   (unsigned long long)(rec->file.base + rec->file.end),
			   (unsigned long long)offset);
}

/* Which record is next. */

static uint64_t align_8(uint64_t n)
{
	return (n + 7) & ~(uint64_t)7;
}

/*
 * The bytes of a COMPRESSED2 with what belongs to it, from its head of PACK2_HEADER_BYTES, and the
 * broken ones as the top of this file says. 0, or -EBADMSG.
 */
static int measure_pack2(struct recording *rec, struct record *record, size_t *ret_n_bytes)
{
	struct bytes head = bytes_of(record->data, PACK2_HEADER_BYTES);
	uint64_t n_bytes, n_first;

	bytes_skip(&head, RECORD_HEADER_BYTES);
	n_bytes = take_u64(&head, rec->is_swapped);
	if (rec->n_broken_pack_bytes) {
		if (record->size < PACK2_HEADER_BYTES || record->size > rec->n_broken_pack_bytes)
			return -EBADMSG;
		rec->n_broken_pack_bytes -= record->size;
		*ret_n_bytes = record->size - PACK2_HEADER_BYTES;
		return 0;
	}
	if (n_bytes <= UINT16_MAX && align_8(n_bytes) + PACK2_HEADER_BYTES <= record->size) {
		*ret_n_bytes = n_bytes;
		return 0;
	}
	if (n_bytes > PACK2_SUM_MAX ||
	    (uint16_t)align_8(n_bytes + PACK2_HEADER_BYTES) != record->size)
		return -EBADMSG;
	n_first = n_bytes < PACK2_BYTES_MAX ? n_bytes : PACK2_BYTES_MAX;
	rec->n_broken_pack_bytes = n_bytes - n_first;
	record->size = (uint16_t)(n_first + PACK2_HEADER_BYTES);
	*ret_n_bytes = n_first;
	return 0;
}

/* Gives rec->unzstd what the COMPRESSED or COMPRESSED2 holds, which is all in the buffer. */
static int unpack(struct recording *rec, const struct record *record, struct problem *problem)
{
	size_t head = record->type == TYPE_COMPRESSED2 ? PACK2_HEADER_BYTES : RECORD_HEADER_BYTES;
	size_t n_bytes =
		record->type == TYPE_COMPRESSED2 ? rec->n_pack2_bytes : record->size - head;
	int r = unzstd_give(&rec->unzstd, record->data + head, n_bytes, rec->options.buffer_bytes,
			    rec->options.zstd_window_max);

	if (r < 0)
		return WALK_FAIL(rec, problem, r, "record at 0x%llx: decompress: %s",
				 (unsigned long long)record->offset, strerror(-r));
	rec->pack_offset = record->offset;
	rec->stats.n_compressed_bytes += n_bytes;
	rec->stats.n_control++;
	rec->stats.n_by_type[record->type]++;
	return 0;
}

/* The head of the record at the place of the walk, with the first n bytes of it in the buffer. */
static int look_at_head(struct recording *rec, size_t n, struct record *ret_record,
			struct problem *problem)
{
	int r = records_want(&rec->file, n);

	if (unlikely(r < 0))
		return fail_reading(rec, r, problem);
	if (unlikely(r == RECORDS_E_END)) {
		if (records_left(&rec->file) == 0)
			return end(rec, problem);
		return end_within(rec, records_offset(&rec->file), n, problem);
	}
	*ret_record =
		record_of(records_at(&rec->file), records_offset(&rec->file), rec->is_swapped);
	return 0;
}

static int look_at_pack2(struct recording *rec, struct record *record, struct problem *problem)
{
	int r = look_at_head(rec, PACK2_HEADER_BYTES, record, problem);

	if (r != 0)
		return r;
	r = measure_pack2(rec, record, &rec->n_pack2_bytes);
	if (r < 0)
		return WALK_FAIL(
			rec, problem, r,
			"record at 0x%llx: compressed: its two sizes contradict each other",
			(unsigned long long)record->offset);
	return 0;
}

static int skip_payload(struct recording *rec, struct problem *problem)
{
	uint64_t n_bytes = rec->n_payload_bytes;
	uint64_t offset = records_offset(&rec->file);
	int r = records_skip(&rec->file, n_bytes);

	if (r < 0)
		return fail_reading(rec, r, problem);
	if (r == RECORDS_E_END)
		return end_within(rec, offset, n_bytes, problem);
	rec->n_payload_bytes = 0;
	return 0;
}

static int next_in_file(struct recording *rec, struct record *ret_record, struct problem *problem)
{
	struct record record;
	int r = unlikely(rec->n_payload_bytes) ? skip_payload(rec, problem) : 0;

	if (r == 0)
		r = look_at_head(rec, RECORD_HEADER_BYTES, &record, problem);
	if (r == 0 && unlikely(record.type == TYPE_COMPRESSED2))
		r = look_at_pack2(rec, &record, problem);
	if (unlikely(r != 0))
		return r;
	if (unlikely(record.size < RECORD_HEADER_BYTES))
		return WALK_FAIL(rec, problem, -EBADMSG, "record at 0x%llx: size %u is below %d",
				 (unsigned long long)record.offset, record.size,
				 RECORD_HEADER_BYTES);
	if (unlikely(rec->n_broken_pack_bytes && record.type != TYPE_COMPRESSED2))
		return WALK_FAIL(rec, problem, -EBADMSG,
				 "record at 0x%llx: type %u within several compressed ones",
				 (unsigned long long)record.offset, record.type);
	r = records_want(&rec->file, record.size);
	if (unlikely(r < 0))
		return fail_reading(rec, r, problem);
	if (unlikely(r == RECORDS_E_END))
		return end_within(rec, record.offset, record.size, problem);
	record.data = records_at(&rec->file);
	rec->file.pos += record.size;
	*ret_record = record;
	return 0;
}

/* RECORDS_E_END when what is left of the pack is less than a record. */
static int next_in_pack(struct recording *rec, struct record *ret_record, struct problem *problem)
{
	struct records *records = &rec->unzstd.records;
	const char *reason = "";
	size_t n = 0;
	int r;

	for (;;) {
		if (records_left(records) >= RECORD_HEADER_BYTES) {
			struct record record =
				record_of(records_at(records), rec->pack_offset, rec->is_swapped);

			if (record.size < RECORD_HEADER_BYTES)
				return WALK_FAIL(
					rec, problem, -EBADMSG,
					"compressed record at 0x%llx: in it, size %u is below %d",
					(unsigned long long)rec->pack_offset, record.size,
					RECORD_HEADER_BYTES);
			if (record.size <= records_left(records)) {
				records->pos += record.size;
				*ret_record = record;
				return 0;
			}
		}
		if (!rec->unzstd.is_active)
			return RECORDS_E_END;
		r = unzstd_some(&rec->unzstd, &n, &reason);
		if (r < 0)
			return WALK_FAIL(rec, problem, r, "compressed record at 0x%llx: %s",
					 (unsigned long long)rec->pack_offset, reason);
		rec->stats.n_decompressed_bytes += n;
	}
}

int walk_next(struct recording *rec, struct record *ret_record, struct problem *problem)
{
	int r;

	for (;;) {
		if (rec->is_in_pack) {
			r = next_in_pack(rec, ret_record, problem);
			if (r != RECORDS_E_END)
				return r;
			rec->is_in_pack = false;
		}
		r = next_in_file(rec, ret_record, problem);
		if (r != 0 ||
		    (ret_record->type != TYPE_COMPRESSED && ret_record->type != TYPE_COMPRESSED2))
			return r;
		r = unpack(rec, ret_record, problem);
		if (r < 0)
			return r;
		rec->is_in_pack = true;
	}
}
