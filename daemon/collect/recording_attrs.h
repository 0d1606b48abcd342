/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The events of a recording (struct perf_event_attr) and which ids are theirs. Internal to the
 * recording reader.
 *
 * With one event every sample is of it. With several, a sample carries the id of its event at a
 * place that must be the same for all of them (tools/perf/util/evlist.c,
 * evlist__valid_sample_type(), Linux 6.12); if there is none but all samples are laid out alike,
 * which event it was does not matter to reading them, and it is called event 0.
 */

#include "recording_sample.h"

struct problem;

struct attrs {
	struct sample_layout *layouts; /* n, by number of the event */
	size_t n, capacity;
	struct attrs_id
		*ids; /* open addressing, n_slots is 0 or a power of two, half full at most */
	size_t n_ids, n_slots, n_ids_max;
	uint64_t last_id; /* the cache of one: samples of an event come in runs; 0: empty */
	uint32_t last_event;
	uint8_t id_word; /* SAMPLE_NO_WORD: no common place */
	bool is_one_layout;
};

/* lifecycle */

void attrs_deinit(struct attrs *a); /* accepts a zeroed one */

/* use */

/*
 * Adds an event from the n_bytes of its attr, of whatever version: what is missing at the end is
 * zero, and what we do not know stands behind what we do. 0; -EBADMSG; -E2BIG; -ENOMEM.
 */
must_check int attrs_add(struct attrs *a, const void *attr, size_t n_bytes, bool is_swapped);
/* The id is one of the event that was added last. 0, -E2BIG, -ENOMEM. */
must_check int attrs_add_id(struct attrs *a, uint64_t id);
/* The event of a sample, or -1. words are the sample's, behind its header. */
int attrs_event_of(struct attrs *a, const uint64_t *words, size_t n_words);
