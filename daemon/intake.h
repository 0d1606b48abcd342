/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Between ring and counters: which samples count, and with what weight. Called for every sample, so
 * it allocates nothing, locks nothing and calls nothing of the system.
 */

#include <stdint.h>
#include "aggregate/counters.h"
#include "aggregate/tally.h"
#include "collect/sampler.h"
#include "gate/budget.h"
#include "kernel/ip_ranges.h"
#include "kernel/kallsyms.h"
#include "kernel/translation.h"

struct hot;

/* Of a stack: a record of 64 KiB has no more. */
#define INTAKE_ENTRIES_MAX 2731u

_Static_assert(N_PLACE_KINDS <= TALLY_N_PLACES, "the sums have room for all kinds");

struct intake {
	struct tally *tally;	     /* borrowed */
	struct kernel_text text;     /* text_ip is where offsets count from */
	const struct ip_range *idle; /* borrowed; n_idle, normalized; none: idle samples count */
	size_t n_idle;
	const struct budget *budget; /* borrowed; NULL: every sample weighs 1 */
	uint64_t weight;	     /* of a sample that does not say its period */
	uint64_t n_samples;	     /* that came here */
	/* of the samples that were used */
	uint64_t weight_sum, weight_squares_sum;
	struct hot *hot; /* borrowed; NULL: nobody looks on */
	/*
	 * Where modules are, borrowed; NULL: they are not counted, and what is outside of the
	 * kernel's own text is external.
	 */
	const struct translation *translation;
	struct branch_entry *placed; /* borrowed; room for INTAKE_ENTRIES_MAX */
	/*
	 * Entries of stacks, and addresses without a stack, that were handed to the counters since
	 * the process began, by where they lead to: all of them are in exactly one. Only with a
	 * translation.
	 */
	uint64_t n_targets[N_PLACE_KINDS];
};

/* Run-time address of offset 0 of the counters. */
uint64_t intake_window_ip(const struct kernel_text *text);

/*
 * For struct counters_config, context is a struct kernel_text: a half is good if it is in the code
 * of the kernel's image. Modules, BPF programs and trampolines are external.
 */
uint8_t intake_classify(void *context, uint32_t from_off, uint32_t to_off);

/*
 * The same where there is a translation: whatever has an offset is code of a placed object, as all
 * else was made external before it was counted. context is not used.
 */
uint8_t intake_classify_placed(void *context, uint32_t from_off, uint32_t to_off);

/* For struct sampler_sink, context is the intake. */
struct sampler_verdict intake_take(void *context, const struct sampler_sample *sample);
