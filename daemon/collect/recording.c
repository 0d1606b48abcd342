/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a record says. Each function takes one in and gives 0 and an event, CONSUMED, MALFORMED, or
 * -errno without a sentence.
 *
 * A sample is read in place. It is copied only if it is not aligned, which happens behind a
 * COMPRESSED, whose size is any, or if its bytes have to be swapped.
 */
#include "recording_private.h"

#include <errno.h>

#define MALFORMED 1 /* counts as such, is no error */
#define CONSUMED 2  /* nothing to hand out */

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

/* { u64 addr; u32 len; u16 type, flags; char name[] } */
static int take_ksymbol(struct recording *rec, const struct record *record,
			struct recording_event *ret_event)
{
	struct recording_ksymbol k = { 0 };
	struct bytes b = record_body(record);

	k.start = take_u64(&b, rec->is_swapped);
	k.n_bytes = take_u32(&b, rec->is_swapped);
	k.type = take_u16(&b, rec->is_swapped);
	k.is_gone = take_u16(&b, rec->is_swapped) & KSYMBOL_UNREGISTER;
	k.name = bytes_cstr(&b);
	if (b.failed)
		return MALFORMED;
	rec->stats.n_ksymbols++;
	ret_event->kind = RECORDING_KSYMBOL;
	ret_event->ksymbol = k;
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
	case TYPE_KSYMBOL:
		return take_ksymbol(rec, record, ret_event);
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
		return walk_fail(rec, rec->error, problem);
	if (unlikely(rec->is_ended))
		return RECORDING_E_END;
	for (;;) {
		r = walk_next(rec, &record, problem);
		if (unlikely(r != 0))
			return r;
		r = take(rec, &record, ret_event);
		if (unlikely(r < 0))
			return WALK_FAIL(rec, problem, r, "record at 0x%llx: type %u: %s",
					 (unsigned long long)record.offset, record.type,
					 strerror(-r));
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
		      s.n_ksymbols + s.n_lost_records + s.n_lost_samples_records +
		      s.n_filtered_records + s.n_throttle + s.n_unthrottle + s.n_control +
		      s.n_skipped + s.n_unknown_type;
	s.n_bytes = records_offset(&rec->file) - rec->data_offset;
	*ret_stats = s;
}
