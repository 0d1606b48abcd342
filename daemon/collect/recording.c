/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk over the records. They stand one behind the other, each with its size in its header:
 *
 *   u32 type, u16 misc, u16 size (header included)
 *
 * Three things break the line:
 *
 *   TRACING_DATA and AUXTRACE say how many bytes that are no records follow them.
 *   COMPRESSED and COMPRESSED2 hold more records, see recording_zstd.h. Those come first, then the
 *   walk goes on behind.
 *   COMPRESSED2 { header, u64 n_bytes, bytes, padding to 8 } of perf 6.16 can be broken: what
 *   should be its size overflows 16 bits. Then size is wrong, n_bytes is right, and there is no
 *   padding. If n_bytes is more than one record can hold, it is the sum over several: the first one
 *   holds as much as one can, and the rest are COMPRESSED2 records of their own, with a good size,
 * a meaningless n_bytes and no padding. Source: tools/perf/builtin-record.c, record__pushfn() and
 *   zstd_compress(), Linux 6.16.
 *
 * A sample is read in place. It is copied only if it is not aligned, which happens behind a
 * COMPRESSED, whose size is any, or if its bytes have to be swapped.
 */
#include "recording_private.h"

#include <errno.h>

/* PERF_SAMPLE_MAX_SIZE - 16 - 1: tools/perf/builtin-record.c, zstd_compress(), Linux 6.16. */
#define PACK2_BYTES_MAX 65519u
#define PACK2_HEADER_BYTES 16
/* What is compressed at once is at most a ring, and zstd makes it hardly longer. */
#define PACK2_SUM_MAX ((uint64_t)1 << 40)

#define MALFORMED 1 /* counts as such, is no error */
#define CONSUMED 2  /* nothing to hand out */

/* Endings: each is said here, with its sentence. */

static int fail(struct recording *rec, int error, struct problem *problem)
{
	rec->error = error;
	if (problem)
		*problem = rec->problem;
	return error;
}

#define FAIL(rec, problem, code, ...)                                                              \
	fail(rec, problem_set(&(rec)->problem, code, "recording: " __VA_ARGS__), problem)

static int fail_reading(struct recording *rec, int error, struct problem *problem)
{
	return FAIL(rec, problem, error, "read at 0x%llx: %s",
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
		return FAIL(rec, problem, -EBADMSG,
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
		return FAIL(rec, problem, r, "record at 0x%llx: decompress: %s",
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
		return FAIL(rec, problem, r,
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
		return FAIL(rec, problem, -EBADMSG, "record at 0x%llx: size %u is below %d",
			    (unsigned long long)record.offset, record.size, RECORD_HEADER_BYTES);
	if (unlikely(rec->n_broken_pack_bytes && record.type != TYPE_COMPRESSED2))
		return FAIL(rec, problem, -EBADMSG,
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
				return FAIL(
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
			return FAIL(rec, problem, r, "compressed record at 0x%llx: %s",
				    (unsigned long long)rec->pack_offset, reason);
		rec->stats.n_decompressed_bytes += n;
	}
}

static int next_record(struct recording *rec, struct record *ret_record, struct problem *problem)
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

/* What a record says: 0 and an event, CONSUMED, MALFORMED, or -errno without a sentence. */

/* Copies a sample out of the buffer, into our byte order. */
static const uint64_t *copy_words(struct recording *rec, const struct record *record,
				  size_t n_words)
{
	memcpy(rec->copy, record->data + RECORD_HEADER_BYTES, n_words * sizeof(uint64_t));
	if (rec->is_swapped)
		for (size_t i = 0; i < n_words; i++)
			rec->copy[i] = __builtin_bswap64(rec->copy[i]);
	return rec->copy;
}

static void mirror_flags(struct recording *rec, const struct branch_entry *entries, uint32_t n)
{
	size_t first = (size_t)((const uint64_t *)entries - rec->copy);
	struct branch_entry *ours = (struct branch_entry *)(rec->copy + first);

	for (uint32_t i = 0; i < n; i++)
		ours[i].flags = sample_mirror_flags(ours[i].flags);
}

static int take_sample(struct recording *rec, const struct record *record,
		       struct recording_event *ret_event)
{
	const uint64_t *words = (const uint64_t *)(record->data + RECORD_HEADER_BYTES);
	size_t n_words = (record->size - RECORD_HEADER_BYTES) / sizeof(uint64_t);
	struct recording_sample s = { .cpumode = record->misc & MISC_CPUMODE_MASK };
	const struct sample_layout *layout;
	int event;

	if (unlikely(record->size % sizeof(uint64_t)))
		return MALFORMED;
	if (unlikely((uintptr_t)words % sizeof(uint64_t) || rec->is_swapped))
		words = copy_words(rec, record, n_words);
	event = attrs_event_of(&rec->attrs, words, n_words);
	if (unlikely(event < 0)) {
		rec->stats.n_samples_unknown_event++;
		return CONSUMED;
	}
	s.event = (uint32_t)event;
	layout = &rec->attrs.layouts[event];
	if (unlikely(layout->n_fixed_words > n_words))
		return MALFORMED;
	s.ip = layout->ip_word == SAMPLE_NO_WORD ? 0 : words[layout->ip_word];
	s.period =
		layout->period_word == SAMPLE_NO_WORD ? layout->period : words[layout->period_word];
	if (!layout->has_stack)
		rec->stats.n_samples_without_stack++;
	else if (unlikely(sample_find_stack(layout, words, n_words, rec->is_swapped, &s.entries,
					    &s.n_entries) != 0))
		return MALFORMED;
	else if (s.n_entries == 0)
		rec->stats.n_samples_empty_stack++;
	else if (unlikely(rec->is_swapped))
		mirror_flags(rec, s.entries, s.n_entries);
	rec->stats.n_samples++;
	ret_event->kind = RECORDING_SAMPLE;
	ret_event->sample = s;
	return 0;
}

/*
 * MMAP2 has, between pgoff and filename, { u32 maj, min; u64 ino, ino_generation } or { u8 size,
 * u8 pad[3], u8 build_id[20] }, then u32 prot, flags. Source: include/uapi/linux/perf_event.h.
 */
static bool take_mmap2_part(struct recording *rec, const struct record *record, struct bytes *b,
			    struct recording_map *map)
{
	struct bytes id = bytes_sub(b, 24);
	const uint8_t *bytes;

	map->prot = take_u32(b, rec->is_swapped);
	bytes_skip(b, 4);
	if (b->failed || !(record->misc & MISC_MMAP_BUILD_ID))
		return !b->failed;
	map->build_id.n_bytes = bytes_u8(&id);
	bytes_skip(&id, 3);
	bytes = bytes_take(&id, sizeof(map->build_id.bytes));
	if (!bytes || map->build_id.n_bytes > sizeof(map->build_id.bytes))
		return false;
	memcpy(map->build_id.bytes, bytes, map->build_id.n_bytes);
	return true;
}

static int file_build_id(struct recording *rec, const struct recording_map *map)
{
	const char *name =
		recording_is_kernel_name(map->filename) ? "[kernel.kallsyms]" : map->filename;

	if (!map->build_id.n_bytes || map->cpumode != RECORDING_CPUMODE_KERNEL)
		return 0;
	return meta_add_build_id(rec, name, strlen(name), &map->build_id);
}

static int take_map(struct recording *rec, const struct record *record,
		    struct recording_event *ret_event)
{
	struct recording_map map = { .cpumode = record->misc & MISC_CPUMODE_MASK };
	struct bytes b = record_body(record);
	int r;

	map.pid = take_u32(&b, rec->is_swapped);
	map.tid = take_u32(&b, rec->is_swapped);
	map.start = take_u64(&b, rec->is_swapped);
	map.n_bytes = take_u64(&b, rec->is_swapped);
	map.pgoff = take_u64(&b, rec->is_swapped);
	if (record->type == TYPE_MMAP2 && !take_mmap2_part(rec, record, &b, &map))
		return MALFORMED;
	map.filename = bytes_cstr(&b);
	if (b.failed)
		return MALFORMED;
	r = file_build_id(rec, &map);
	if (r < 0)
		return r;
	rec->stats.n_maps++;
	ret_event->kind = RECORDING_MAP;
	ret_event->map = map;
	return 0;
}

/* LOST { u64 id, lost }, LOST_SAMPLES { u64 lost }; either may have the id trailer behind. */
static int take_lost(struct recording *rec, const struct record *record,
		     struct recording_event *ret_event)
{
	bool is_of_ring = record->type == TYPE_LOST;
	struct bytes b = record_body(record);
	uint64_t n;

	if (is_of_ring)
		bytes_skip(&b, 8);
	n = take_u64(&b, rec->is_swapped);
	if (b.failed)
		return MALFORMED;
	if (!is_of_ring && record->misc & MISC_LOST_SAMPLES_BPF) {
		rec->stats.n_filtered_records++;
		rec->stats.n_filtered += n;
		return CONSUMED;
	}
	if (is_of_ring) {
		rec->stats.n_lost_records++;
		rec->stats.n_lost += n;
	} else {
		rec->stats.n_lost_samples_records++;
		rec->stats.n_lost_samples += n;
	}
	ret_event->kind = is_of_ring ? RECORDING_LOST : RECORDING_LOST_SAMPLES;
	ret_event->n_lost = n;
	return 0;
}

static int take_feature_record(struct recording *rec, const struct record *record)
{
	struct bytes b = record_body(record);
	uint64_t feature = take_u64(&b, rec->is_swapped);

	if (b.failed)
		return MALFORMED;
	meta_take_feature(rec, feature < 256 ? (unsigned int)feature : 0, &b);
	return CONSUMED;
}

/* TRACING_DATA { u32 size }, AUXTRACE { u64 size, … }: of what stands behind the record. */
static int take_payload_record(struct recording *rec, const struct record *record)
{
	struct bytes b = record_body(record);
	uint64_t n_bytes = record->type == TYPE_AUXTRACE ? take_u64(&b, rec->is_swapped)
							 : take_u32(&b, rec->is_swapped);

	/* perf writes them around the compressor, and without a size the next record is lost */
	if (b.failed || rec->is_in_pack)
		return -EBADMSG;
	rec->n_payload_bytes = n_bytes;
	return CONSUMED;
}

static int consumed(int r)
{
	return r < 0 ? r : CONSUMED;
}

static int take_rare(struct recording *rec, const struct record *record)
{
	int r = CONSUMED;

	switch (record->type) {
	case TYPE_HEADER_ATTR:
		r = consumed(meta_take_attr_record(rec, record));
		break;
	case TYPE_BUILD_ID:
		r = meta_take_build_id_record(rec, record);
		r = r == -EBADMSG ? MALFORMED : consumed(r);
		break;
	case TYPE_FEATURE:
		r = take_feature_record(rec, record);
		break;
	case TYPE_TRACING_DATA:
	case TYPE_AUXTRACE:
		r = take_payload_record(rec, record);
		break;
	case TYPE_COMPRESSED:
	case TYPE_COMPRESSED2:
		return -EBADMSG; /* in a compressed one */
	case TYPE_THROTTLE:
		rec->stats.n_throttle++;
		return CONSUMED;
	case TYPE_UNTHROTTLE:
		rec->stats.n_unthrottle++;
		return CONSUMED;
	default:
		if ((record->type >= TYPE_MMAP && record->type <= TYPE_KERNEL_LAST) ||
		    (record->type >= TYPE_HEADER_ATTR && record->type <= TYPE_PERF_LAST))
			rec->stats.n_skipped++;
		else
			rec->stats.n_unknown_type++;
		return CONSUMED;
	}
	rec->stats.n_control += r == CONSUMED;
	return r;
}

static int take(struct recording *rec, const struct record *record,
		struct recording_event *ret_event)
{
	switch (record->type) {
	case TYPE_SAMPLE:
		return take_sample(rec, record, ret_event);
	case TYPE_MMAP:
	case TYPE_MMAP2:
		return take_map(rec, record, ret_event);
	case TYPE_LOST:
	case TYPE_LOST_SAMPLES:
		return take_lost(rec, record, ret_event);
	default:
		return take_rare(rec, record);
	}
}

int recording_next(struct recording *rec, struct recording_event *ret_event,
		   struct problem *problem)
{
	struct record record;
	int r;

	if (unlikely(rec->error))
		return fail(rec, rec->error, problem);
	if (unlikely(rec->is_ended))
		return RECORDING_E_END;
	for (;;) {
		r = next_record(rec, &record, problem);
		if (unlikely(r != 0))
			return r;
		r = take(rec, &record, ret_event);
		if (unlikely(r < 0))
			return FAIL(rec, problem, r, "record at 0x%llx: type %u: %s",
				    (unsigned long long)record.offset, record.type, strerror(-r));
		if (likely(record.type < RECORDING_N_TYPES))
			rec->stats.n_by_type[record.type]++;
		if (likely(r == 0))
			return 0;
		rec->stats.n_malformed += r == MALFORMED;
	}
}

void recording_stats(const struct recording *rec, struct recording_stats *ret_stats)
{
	struct recording_stats s = rec->stats;

	s.n_records = s.n_samples + s.n_samples_unknown_event + s.n_malformed + s.n_maps +
		      s.n_lost_records + s.n_lost_samples_records + s.n_filtered_records +
		      s.n_throttle + s.n_unthrottle + s.n_control + s.n_skipped + s.n_unknown_type;
	s.n_bytes = records_offset(&rec->file) - rec->data_offset;
	*ret_stats = s;
}
