/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of our events, u64 words behind the header. TRAILER is what sample_id_all adds.
 *
 *   SAMPLE        fields of recording_sample.c, here no others than the fixed ones and the stack
 *   LOST          id, lost                                             TRAILER
 *   LOST_SAMPLES  lost                                                 TRAILER
 *   (UN)THROTTLE  time, id, stream_id                                  TRAILER
 *   KSYMBOL       addr, u32 len u16 type u16 flags, name, padded       TRAILER
 *   BPF_EVENT     u16 type u16 flags u32 id, u8 tag[8]                 TRAILER
 *   TEXT_POKE     addr, u16 old_len u16 new_len, old, new, padded      TRAILER
 *   TRAILER       [TID] [TIME] [ID] [STREAM_ID] [CPU] [IDENTIFIER]     a word each
 *
 * A sample has exactly the words that its nr asks for: anything else is not what we asked for, so
 * it is not read as if it were.
 *
 * Source: kernel/events/core.c, perf_event_header__init_id(), perf_prepare_sample(),
 * perf_event_ksymbol(), perf_event_bpf_event(), perf_event_text_poke(), Linux 6.12.
 */
#include "record.h"

#include <linux/perf_event.h>
#include <string.h>
#include "ring.h"

#define WORDS_PER_ENTRY (sizeof(struct branch_entry) / sizeof(uint64_t))
#define BRANCH_COUNTERS (1u << 19) /* PERF_SAMPLE_BRANCH_COUNTERS, Linux 6.8 */

#define SUPPORTED_FIELDS                                                                           \
	((uint64_t)PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME |  \
	 PERF_SAMPLE_ID | PERF_SAMPLE_STREAM_ID | PERF_SAMPLE_CPU | PERF_SAMPLE_PERIOD |           \
	 PERF_SAMPLE_BRANCH_STACK)
#define TRAILER_FIELDS                                                                             \
	((uint64_t)PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_ID |  \
	 PERF_SAMPLE_STREAM_ID | PERF_SAMPLE_CPU)
#define FIELDS_BEFORE_TIME ((uint64_t)PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP | PERF_SAMPLE_TID)

static uint8_t n_fields(uint64_t fields)
{
	return (uint8_t)__builtin_popcountll(fields);
}

int record_layout_of(const struct record_format *format, struct record_layout *ret_layout)
{
	uint64_t type = format->sample.sample_type;
	bool has_time = type & PERF_SAMPLE_TIME;

	if ((type & ~SUPPORTED_FIELDS) || (format->sample.branch_sample_type & BRANCH_COUNTERS))
		return RECORD_E_UNSUPPORTED;
	*ret_layout = (struct record_layout){
		.sample = sample_layout_of(&format->sample),
		.time_word = has_time ? n_fields(type & FIELDS_BEFORE_TIME) : SAMPLE_NO_WORD,
		.n_trailer_words = n_fields(type & TRAILER_FIELDS),
		.trailer_time_word = has_time ? n_fields(type & PERF_SAMPLE_TID) : SAMPLE_NO_WORD,
		.n_depth = format->n_depth,
	};
	return 0;
}

static uint64_t word_at(const uint64_t *words, uint8_t word)
{
	return word == SAMPLE_NO_WORD ? 0 : words[word];
}

static int find_entries(const struct record_layout *layout, const struct ring_record *raw,
			struct record_sample *ret_sample)
{
	const struct branch_entry *entries;
	uint32_t n_entries;

	if (unlikely(sample_find_stack(&layout->sample, raw->words, raw->n_words, false, &entries,
				       &n_entries) != 0))
		return RECORD_E_MALFORMED;
	if (unlikely((const uint64_t *)entries + n_entries * WORDS_PER_ENTRY !=
		     raw->words + raw->n_words))
		return RECORD_E_MALFORMED;
	if (unlikely(layout->n_depth && n_entries > layout->n_depth))
		return RECORD_E_TOO_DEEP;
	ret_sample->entries = entries;
	ret_sample->n_entries = n_entries;
	return 0;
}

static int decode_sample(const struct record_layout *layout, const struct ring_record *raw,
			 struct record *ret)
{
	const struct sample_layout *l = &layout->sample;
	struct record_sample sample = { 0 };
	int r;

	if (l->has_stack) {
		r = find_entries(layout, raw, &sample);
		if (unlikely(r != 0))
			return r;
	} else if (raw->n_words != l->n_fixed_words) {
		return RECORD_E_MALFORMED;
	}
	sample.ip = word_at(raw->words, l->ip_word);
	sample.period = l->period_word == SAMPLE_NO_WORD ? l->period : raw->words[l->period_word];
	*ret = (struct record){
		.kind = RECORD_SAMPLE,
		.misc = raw->misc,
		.time_ns = word_at(raw->words, layout->time_word),
		.sample = sample,
	};
	return 0;
}

static int decode_ksymbol(const uint64_t *words, size_t n_words, struct record_ksymbol *ret)
{
	const char *name = (const char *)(words + 2);

	if (n_words < 3 || !memchr(name, '\0', (n_words - 2) * sizeof(*words)))
		return RECORD_E_MALFORMED;
	*ret = (struct record_ksymbol){
		.ip = words[0],
		.n_bytes = (uint32_t)words[1],
		.type = (uint16_t)(words[1] >> 32),
		.flags = (uint16_t)(words[1] >> 48),
		.name = name,
	};
	return 0;
}

static int decode_bpf_event(const uint64_t *words, size_t n_words, struct record_bpf_event *ret)
{
	if (n_words < 2)
		return RECORD_E_MALFORMED;
	*ret = (struct record_bpf_event){
		.type = (uint16_t)words[0],
		.flags = (uint16_t)(words[0] >> 16),
		.id = (uint32_t)(words[0] >> 32),
		.tag = (const uint8_t *)(words + 1),
	};
	return 0;
}

static int decode_text_poke(const uint64_t *words, size_t n_words, struct record_text_poke *ret)
{
	const uint8_t *bytes = (const uint8_t *)(words + 1) + 2 * sizeof(uint16_t);
	uint16_t n_old, n_new;

	if (n_words < 2)
		return RECORD_E_MALFORMED;
	n_old = (uint16_t)words[1];
	n_new = (uint16_t)(words[1] >> 16);
	if (2 * sizeof(uint16_t) + n_old + n_new > (n_words - 1) * sizeof(*words))
		return RECORD_E_MALFORMED;
	*ret = (struct record_text_poke){
		.ip = words[0],
		.n_old_bytes = n_old,
		.n_new_bytes = n_new,
		.old_bytes = bytes,
		.new_bytes = bytes + n_old,
	};
	return 0;
}

/* What stands before the trailer. */
static int decode_body(struct record *record, const uint64_t *words, size_t n_words)
{
	switch (record->kind) {
	case RECORD_LOST:
		if (n_words < 2)
			return RECORD_E_MALFORMED;
		record->n_lost = words[1];
		return 0;
	case RECORD_HW_LOST:
		if (n_words < 1)
			return RECORD_E_MALFORMED;
		record->n_lost = words[0];
		return 0;
	case RECORD_THROTTLE:
	case RECORD_UNTHROTTLE:
		return n_words < 3 ? RECORD_E_MALFORMED : 0;
	case RECORD_KSYMBOL:
		return decode_ksymbol(words, n_words, &record->ksymbol);
	case RECORD_BPF_EVENT:
		return decode_bpf_event(words, n_words, &record->bpf_event);
	case RECORD_TEXT_POKE:
		return decode_text_poke(words, n_words, &record->text_poke);
	case RECORD_SAMPLE:
		break;
	}
	return RECORD_E_MALFORMED;
}

static bool find_kind(uint32_t type, enum record_kind *ret_kind)
{
	static const uint8_t kinds[] = {
		[PERF_RECORD_LOST] = RECORD_LOST,
		[PERF_RECORD_THROTTLE] = RECORD_THROTTLE,
		[PERF_RECORD_UNTHROTTLE] = RECORD_UNTHROTTLE,
		[PERF_RECORD_LOST_SAMPLES] = RECORD_HW_LOST,
		[PERF_RECORD_KSYMBOL] = RECORD_KSYMBOL,
		[PERF_RECORD_BPF_EVENT] = RECORD_BPF_EVENT,
		[PERF_RECORD_TEXT_POKE] = RECORD_TEXT_POKE,
	};

	/* RECORD_SAMPLE is 0: what has no kind of its own here */
	if (type >= array_size(kinds) || kinds[type] == RECORD_SAMPLE)
		return false;
	*ret_kind = (enum record_kind)kinds[type];
	return true;
}

int record_decode(const struct record_layout *layout, const struct ring_record *raw,
		  struct record *ret_record)
{
	struct record record = { .misc = raw->misc };
	size_t n_words;
	int r;

	if (likely(raw->type == PERF_RECORD_SAMPLE))
		return decode_sample(layout, raw, ret_record);
	if (!find_kind(raw->type, &record.kind))
		return RECORD_E_UNKNOWN;
	if (raw->n_words < layout->n_trailer_words)
		return RECORD_E_MALFORMED;
	n_words = raw->n_words - layout->n_trailer_words;
	r = decode_body(&record, raw->words, n_words);
	if (r != 0)
		return r;
	record.time_ns = word_at(raw->words + n_words, layout->trailer_time_word);
	*ret_record = record;
	return 0;
}
