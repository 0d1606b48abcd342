/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What happened in one ring, since it was mapped. Of the same shape for a sum over rings: that of
 * a CPU whose event was opened several times, or that of the machine.
 */

#include <stdbool.h>
#include <stdint.h>
#include "base/macros.h"

/* Record types that are counted one by one; the last place counts all from there on. */
#define RING_N_TYPES 32u

/*
 * Nothing is unaccounted for:
 *   bytes that the tail moved over == n_record_bytes + n_given_up_bytes       (modulo 2^64)
 *   n_records == n_samples + n_lost_records + n_hw_lost_records + n_throttles + n_unthrottles
 *              + n_ksymbols + n_bpf_events + n_text_pokes + n_malformed + sum of n_unknown
 *   n_samples == n_good_samples + n_malformed_samples + n_too_deep_samples
 */
struct ring_stats {
	uint64_t n_record_bytes;
	uint64_t n_given_up_bytes; /* the next record could not be found in them */
	uint64_t n_wrapped;	   /* records that were copied because the ring's end is in them */
	uint64_t n_corrupt_heads;  /* head further ahead than the ring is large, or in a word */
	uint64_t n_corrupt_sizes;  /* a record too small, of half words, or reaching behind head */

	uint64_t n_records;
	uint64_t n_samples;
	uint64_t n_lost_records;    /* LOST */
	uint64_t n_hw_lost_records; /* LOST_SAMPLES */
	uint64_t n_throttles, n_unthrottles;
	uint64_t n_ksymbols, n_bpf_events, n_text_pokes;
	uint64_t n_malformed;		  /* of known types other than SAMPLE */
	uint64_t n_unknown[RING_N_TYPES]; /* by type */

	uint64_t n_good_samples;
	uint64_t n_empty_samples;     /* of the good ones: without an entry */
	uint64_t n_malformed_samples; /* not of the size that their layout and nr ask for */
	uint64_t n_too_deep_samples;  /* more entries than the PMU has */
	uint64_t n_entries;	      /* of the good samples */

	uint64_t n_lost;    /* what the LOST records say: records that found no room */
	uint64_t n_hw_lost; /* what the LOST_SAMPLES records say: samples the hardware dropped */
};

/* Adds one to sum, field by field. */
void ring_stats_add(struct ring_stats *sum, const struct ring_stats *one);

/*
 * Verifies the equations above but the first: 0, or -EBADMSG and, in *ret_what, which one does not
 * hold (static text). That they do not is a defect of ours, whatever stood in the ring.
 */
must_check int ring_stats_check(const struct ring_stats *stats, const char **ret_what);
