/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Function samples: the tree that an AutoFDO profile is.
 *
 * A profile is a set of top-level functions by name. A function has a total, a head count (only at
 * top level), records by (line offset, discriminator) with samples and call targets, and inlined
 * functions by (line offset, discriminator, name) which are functions again. Everything in it is a
 * sum or a maximum, so the order of adding never matters; encoders sort.
 * Rules: LLVM 19.1, llvm/include/llvm/ProfileData/SampleProf.h (FunctionSamples, SampleRecord).
 *
 * All counts add with saturation at 2^64-1 (SaturatingMultiplyAdd in the source above).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "base/names.h"

struct arena;

struct target {
	uint32_t name; /* callee */
	uint64_t n;
};

struct record {
	uint32_t line_off;
	uint32_t disc;
	uint64_t samples;
	struct target *targets; /* n_targets, distinct names, unsorted until profile_sort() */
	uint32_t n_targets, targets_capacity; /* every _capacity here is tree.c's own */
};

/*
 * An inline chain ends above this depth. The tree refuses a deeper one, so whoever walks it may
 * recurse. The symbolizer cuts its chains to as many frames (symbolize/frame.h, N_FRAMES_MAX).
 */
#define PROFILE_DEPTH_MAX 512

struct function {
	uint32_t name;
	uint32_t line_off, disc; /* call site in the parent; 0 at top level */
	uint32_t depth;		 /* 0 at top level; < PROFILE_DEPTH_MAX */
	uint64_t total;
	uint64_t head; /* top level only */
	struct record *records;
	uint32_t n_records, records_capacity;
	struct function **inlinees;
	uint32_t n_inlinees, inlinees_capacity;
};

struct profile {
	struct names *names; /* borrowed */
	struct function **functions;
	uint32_t n_functions, functions_capacity;
	bool is_fs;  /* flow-sensitive discriminators: a flag of the extbinary summary section */
	bool is_md5; /* names are decimal numbers, the MD5 hashes of names that we do not have */
	struct arena *arena; /* tree.c's own: all memory of the tree */
};

/* lifecycle */

/* names is borrowed and must outlive the profile; ceiling_bytes bounds the tree's memory. */
must_check int profile_new(struct profile **ret_profile, struct names *names, size_t ceiling_bytes);
void profile_free(struct profile *profile);
DEFINE_CLEANUP(struct profile, profile, profile_free)

/*
 * use: each finds or creates; NULL means -ENOMEM, or -E2BIG for the ceiling or a chain that is too
 * deep (profile_error() tells). Finding takes constant time however many there are.
 */

struct function *profile_function(struct profile *profile, uint32_t name);
struct function *profile_inlinee(struct profile *profile, struct function *parent,
				 uint32_t line_off, uint32_t disc, uint32_t name);
/* The pointer is valid until the next record is created in the same function. */
struct record *profile_record(struct profile *profile, struct function *function, uint32_t line_off,
			      uint32_t disc);
/* Adds n to the record's target of that name. 0 or the profile's error. */
must_check int profile_add_target(struct profile *profile, struct record *record, uint32_t name,
				  uint64_t n);
int profile_error(const struct profile *profile); /* 0, -ENOMEM or -E2BIG; sticks */

/* Decides over a function and all that is inlined in it. */
typedef bool (*profile_predicate)(const struct profile *profile, const struct function *function,
				  void *arg);

/*
 * Takes out every function, at any depth, for which is_unwanted() says so, with its inlinees. The
 * callers' totals stay. Returns how many it found unwanted; the memory comes back with
 * profile_free().
 */
size_t profile_remove(struct profile *profile, profile_predicate is_unwanted, void *arg);

/*
 * Puts everything into the order of the formats: functions by (total descending, name), records by
 * (line_off, disc), inlinees by (line_off, disc, name), targets by (n descending, name). Encoders
 * ask for a sorted profile. Finding and creating go on working afterwards.
 */
void profile_sort(struct profile *profile);

/* Name order of this profile: of hashes it is numeric (LLVM 19, FunctionId::compare). */
int profile_compare_names(const struct profile *profile, uint32_t a, uint32_t b);

/* inline helpers */

static inline uint64_t saturating_add(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static inline uint64_t saturating_mul(uint64_t a, uint64_t b)
{
	uint64_t product;

	return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}
