/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Where in a sample its branch stack is. Internal to the recording reader.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "branch.h"

#define SAMPLE_NO_WORD 0xff

/* What decides the layout, as in struct perf_event_attr. */
struct sample_format {
	uint64_t sample_type;
	uint64_t read_format;
	uint64_t branch_sample_type;
	uint64_t period; /* 0 if the event adjusts it to a frequency */
};

/* Word indexes count u64 from behind the record's header. */
struct sample_layout {
	uint8_t ip_word, period_word, id_word; /* SAMPLE_NO_WORD: not recorded */
	uint8_t n_fixed_words;		       /* before the first field of variable size */
	bool has_group_read, has_callchain, has_raw;
	bool has_stack;
	uint8_t n_hw_index_words;    /* 0 or 1: between the stack's nr and its entries */
	uint8_t n_group_words;	     /* has_group_read: before its values, nr included */
	uint8_t n_group_value_words; /* … and of each value */
	uint64_t period;	     /* used if there is no period_word */
};

#define SAMPLE_E_MALFORMED 1

struct sample_layout sample_layout_of(const struct sample_format *format);
bool sample_layout_equal(const struct sample_layout *a, const struct sample_layout *b);

/*
 * Finds the branch stack in the words of a sample whose layout has_stack. is_swapped says that the
 * words were swapped from the other byte order. *ret_entries is set but in the malformed case.
 * 0; SAMPLE_E_MALFORMED: a size or count in it does not fit in.
 */
must_check int sample_find_stack(const struct sample_layout *layout, const uint64_t *words,
				 size_t n_words, bool is_swapped,
				 const struct branch_entry **ret_entries, uint32_t *ret_n_entries);

/*
 * Flags of a branch entry as a big-endian machine laid them out, after the word was swapped: the
 * compiler puts the first bit field of a struct at the other end of the word there. So every field
 * moves to the mirrored place and keeps the order of its own bits.
 * Source: tools/perf/util/evsel.c, evsel__bitfield_swap_branch_flags(), Linux 6.12.
 */
uint64_t sample_mirror_flags(uint64_t flags);
