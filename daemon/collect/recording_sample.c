/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sample is a list of fields in a fixed order, each there if its bit is in the event's
 * sample_type, all of whole u64 words:
 *
 *   IDENTIFIER IP TID TIME ADDR ID STREAM_ID CPU PERIOD     a word each
 *   READ        value [enabled] [running] [id] [lost]                           not GROUP: fixed
 *               nr [enabled] [running] nr × { value [id] [lost] }               GROUP
 *   CALLCHAIN   nr, nr words
 *   RAW         u32 size, size bytes; 4 + size is a multiple of 8
 *   BRANCH_STACK nr [hw_index] nr × { from, to, flags } [nr × counters]
 *   …           what we do not look at
 *
 * hw_index is missing too when the PMU gave no stack, and then nr is 0 and nothing of it is read.
 * Without GROUP, CALLCHAIN and RAW, which is what a profile is recorded with, the stack is at one
 * place in all samples of the event.
 *
 * Source: kernel/events/core.c, perf_output_sample() and perf_output_read(), Linux 6.12.
 */
#include "recording_sample.h"

#include <linux/perf_event.h>

/* Younger than the headers of the distributions that we build on. */
#define FORMAT_LOST (1u << 4)	   /* PERF_FORMAT_LOST, Linux 6.0 */
#define BRANCH_HW_INDEX (1u << 17) /* PERF_SAMPLE_BRANCH_HW_INDEX, Linux 5.7 */

#define WORDS_PER_ENTRY (sizeof(struct branch_entry) / sizeof(uint64_t))

/* The fields of one word that stand before READ, in their order. */
static const uint64_t word_fields[] = {
	PERF_SAMPLE_IDENTIFIER, PERF_SAMPLE_IP,	  PERF_SAMPLE_TID,
	PERF_SAMPLE_TIME,	PERF_SAMPLE_ADDR, PERF_SAMPLE_ID,
	PERF_SAMPLE_STREAM_ID,	PERF_SAMPLE_CPU,  PERF_SAMPLE_PERIOD,
};

static uint8_t word_of(const struct sample_format *format, uint64_t field)
{
	uint8_t word = 0;

	if (!(format->sample_type & field))
		return SAMPLE_NO_WORD;
	for (size_t i = 0; word_fields[i] != field; i++)
		word += (format->sample_type & word_fields[i]) != 0;
	return word;
}

static uint8_t has(uint64_t bits, uint64_t bit)
{
	return (bits & bit) != 0;
}

static void add_read(struct sample_layout *l, uint64_t read_format)
{
	uint8_t n_times = has(read_format, PERF_FORMAT_TOTAL_TIME_ENABLED) +
			  has(read_format, PERF_FORMAT_TOTAL_TIME_RUNNING);
	uint8_t n_value_words =
		1 + has(read_format, PERF_FORMAT_ID) + has(read_format, FORMAT_LOST);

	if (read_format & PERF_FORMAT_GROUP) {
		l->has_group_read = true;
		l->n_group_words = 1 + n_times;
		l->n_group_value_words = n_value_words;
	} else {
		l->n_fixed_words += n_times + n_value_words;
	}
}

struct sample_layout sample_layout_of(const struct sample_format *format)
{
	uint64_t type = format->sample_type;
	struct sample_layout l = {
		.ip_word = word_of(format, PERF_SAMPLE_IP),
		.period_word = word_of(format, PERF_SAMPLE_PERIOD),
		.id_word = word_of(format, type & PERF_SAMPLE_IDENTIFIER ? PERF_SAMPLE_IDENTIFIER
									 : PERF_SAMPLE_ID),
		.has_callchain = has(type, PERF_SAMPLE_CALLCHAIN),
		.has_raw = has(type, PERF_SAMPLE_RAW),
		.has_stack = has(type, PERF_SAMPLE_BRANCH_STACK),
		.n_hw_index_words = has(format->branch_sample_type, BRANCH_HW_INDEX),
		.period = format->period,
	};

	for (size_t i = 0; i < array_size(word_fields); i++)
		l.n_fixed_words += has(type, word_fields[i]);
	if (type & PERF_SAMPLE_READ)
		add_read(&l, format->read_format);
	return l;
}

bool sample_layout_equal(const struct sample_layout *a, const struct sample_layout *b)
{
	return a->ip_word == b->ip_word && a->period_word == b->period_word &&
	       a->id_word == b->id_word && a->n_fixed_words == b->n_fixed_words &&
	       a->has_group_read == b->has_group_read && a->has_callchain == b->has_callchain &&
	       a->has_raw == b->has_raw && a->has_stack == b->has_stack &&
	       a->n_hw_index_words == b->n_hw_index_words && a->n_group_words == b->n_group_words &&
	       a->n_group_value_words == b->n_group_value_words && a->period == b->period;
}

/* Each skip moves *at, at most n_words, over one field; false if the field is not all there. */
static bool skip_words(size_t *at, size_t n_words, uint64_t n)
{
	if (n > n_words - *at)
		return false;
	*at += (size_t)n;
	return true;
}

static bool skip_group_read(const struct sample_layout *l, const uint64_t *words, size_t n_words,
			    size_t *at)
{
	uint64_t nr;

	if (*at >= n_words)
		return false;
	nr = words[*at];
	return nr <= n_words && skip_words(at, n_words, l->n_group_words) &&
	       skip_words(at, n_words, nr * l->n_group_value_words);
}

static bool skip_callchain(const uint64_t *words, size_t n_words, size_t *at)
{
	return *at < n_words && words[*at] < n_words && skip_words(at, n_words, words[*at] + 1);
}

/* The size is the first half of its word in the order of the recorded machine. */
static bool skip_raw(const uint64_t *words, size_t n_words, bool is_swapped, size_t *at)
{
	uint64_t n_bytes;

	if (*at >= n_words)
		return false;
	n_bytes = (is_swapped ? words[*at] >> 32 : (uint32_t)words[*at]) + sizeof(uint32_t);
	return n_bytes % sizeof(uint64_t) == 0 &&
	       skip_words(at, n_words, n_bytes / sizeof(uint64_t));
}

int sample_find_stack(const struct sample_layout *l, const uint64_t *words, size_t n_words,
		      bool is_swapped, const struct branch_entry **ret_entries,
		      uint32_t *ret_n_entries)
{
	size_t at = l->n_fixed_words;
	uint64_t nr;

	if (unlikely(at > n_words))
		return SAMPLE_E_MALFORMED;
	if (unlikely((l->has_group_read && !skip_group_read(l, words, n_words, &at)) ||
		     (l->has_callchain && !skip_callchain(words, n_words, &at)) ||
		     (l->has_raw && !skip_raw(words, n_words, is_swapped, &at))))
		return SAMPLE_E_MALFORMED;
	if (unlikely(at >= n_words))
		return SAMPLE_E_MALFORMED;
	nr = words[at++];
	if (nr > 0) {
		at += l->n_hw_index_words;
		if (unlikely(at > n_words || nr > (n_words - at) / WORDS_PER_ENTRY))
			return SAMPLE_E_MALFORMED;
	}
	*ret_entries = (const struct branch_entry *)(words + at);
	*ret_n_entries = (uint32_t)nr;
	return 0;
}

uint64_t sample_mirror_flags(uint64_t flags)
{
	/* mispred predicted in_tx abort cycles type spec new_type priv reserved */
	static const uint8_t widths[] = { 1, 1, 1, 1, 16, 4, 2, 4, 3, 31 };
	uint64_t mirrored = 0;
	unsigned int at = 0;

	for (size_t i = 0; i < array_size(widths); i++) {
		uint64_t field = flags >> (64 - at - widths[i]);

		mirrored |= (field & ((1ull << widths[i]) - 1)) << at;
		at += widths[i];
	}
	return mirrored;
}
