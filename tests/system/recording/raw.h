/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the plugin hands to write-recording: two files, all in 64-bit
 * little-endian words, runtime addresses.
 *
 *	samples.raw   n_samples x { time, n, n x { from, to } }   newest first,
 *	              or n x { from, to, flags } as perf has them
 *
 *	tables.raw    struct raw_header
 *	              n_branches x { from, to, count }            sorted
 *	              n_ranges   x { start, end, count }          sorted
 *
 * Both files cover the time between the two markers and nothing else.
 */
#include <stdint.h>

#define RAW_MAGIC 0x3162616c6f647561 /* "audolab1" */
#define RAW_STACK_DEPTH 32	     /* entries, as Intel's LBR since Skylake */

/* A source in user space: a branch counts, where it came from does not. */
#define RAW_EXTERNAL 1

struct raw_header {
	uint64_t magic;
	uint64_t slide;	 /* runtime minus link-time address */
	uint64_t period; /* taken branches between two samples */
	uint64_t n_samples;
	uint64_t n_branches; /* rows, not executions */
	uint64_t n_ranges;   /* rows, not executions */
	uint64_t n_taken;    /* branches executed, target in the kernel */
	uint64_t n_kernel_insns;
	uint64_t n_user_insns;
	uint64_t n_kernel_l1i_fetches; /* of 64-byte lines */
	uint64_t n_kernel_l1i_misses;
	uint64_t n_interrupts;	/* interrupts and exceptions, all */
	uint64_t n_cuts;	/* of these: source unknown, stack cut */
	uint64_t n_restarts;	/* an instruction that QEMU began again */
	uint64_t n_unexplained; /* must be 0 */
	uint64_t n_entry_words; /* 2, or 3 with flags */
};

struct raw_pair {
	uint64_t first;	 /* from, or start */
	uint64_t second; /* to, or end (address of the last instruction) */
	uint64_t count;
};
