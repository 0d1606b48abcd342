/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What is known of a profile when it is made, as plain data of fixed size: it goes as bytes from
 * the process that made the profile to the one that publishes it, which believes none of it
 * unchecked.
 */

#include <stddef.h>
#include <stdint.h>
#include "accumulate.h"
#include "base/macros.h"
#include "kernel/build_id.h"
#include "ranges.h"
#include "verdict.h"

struct problem;

#define PROFILE_FACTS_VERSION 5u

/*
 * No padding, on machines of 32 bits neither; begins as PROFILE_FACTS_INIT, and zeros stay where
 * something was not made. Both sides are the same program.
 */
struct profile_facts {
	uint32_t version;     /* PROFILE_FACTS_VERSION */
	uint32_t has_profile; /* 0 or 1, as all has_ and is_ here; 0: counts only */
	uint32_t is_selected; /* else ranges and branches say nothing */
	uint32_t is_ip_only;
	uint32_t is_fs;			      /* flow-sensitive discriminators */
	uint32_t verdict;		      /* enum verdict */
	uint8_t build_id[BUILD_ID_BYTES_MAX]; /* of the image; zeros behind n_build_id_bytes */
	uint64_t n_build_id_bytes;
	double density;
	double overlap;	      /* with what was published before, overlap.h; or SHARE_UNKNOWN */
	uint64_t n_functions; /* at top level */
	uint64_t n_inlinees;
	uint64_t n_records;
	uint64_t total_samples; /* of the records, modulo 2^64 as LLVM adds them */
	uint64_t max_samples;
	uint64_t max_head;
	uint64_t n_branches; /* distinct, used */
	uint64_t n_ranges;   /* distinct, used */
	uint64_t n_objects;  /* that something was counted in: as many object_facts.h lists */
	uint64_t n_objects_symbolized;
	/*
	 * Of the kernel and its modules: branches (of is_ip_only addresses) that arrived there, of
	 * these those at an instruction of a file that has symbols, and those in a function that is
	 * known by name. All 0 of compatible mode.
	 */
	uint64_t n_arrived, n_known, n_named;
	struct range_health ranges;
	struct branch_health branches;
	struct accumulate_stats accumulate;
	uint64_t text_rule;		  /* enum text_rule, of the ranges */
	uint64_t n_units_damaged;	  /* of the kernel's debug information */
	char reason[VERDICT_REASON_SIZE]; /* of the verdict, NUL-terminated, zeros behind */
};

/* Of nothing: no profile, unfit; a reason is due. */
#define PROFILE_FACTS_INIT                                                                         \
	{ .version = PROFILE_FACTS_VERSION, .verdict = VERDICT_UNFIT, .overlap = SHARE_UNKNOWN }

/*
 * Takes foreign bytes for facts: right in size and version, every number in its range and none
 * above what it is a part of, text that is printable and ends. 0; -EBADMSG and a sentence.
 */
must_check int profile_facts_read(const void *data, size_t n_bytes, struct profile_facts *ret_facts,
				  struct problem *problem);

/*
 * A light check that a profile is whole and the one that the facts are of: extbinary, all sections
 * within the file, uncompressed, the summary's figures as the facts have them. Does not read the
 * functions: nobody here looks at them, and who does has a reader of his own. 0; -EBADMSG and a
 * sentence.
 */
must_check int profile_check_extbinary(const struct profile_facts *facts, const void *data,
				       size_t n_bytes, struct problem *problem);
/*
 * The same for a dump of counters (unsymbolized.h), of the kernel or with modules: as many lines as
 * it says, of no other bytes than those have. 0; -EBADMSG, -ENOMEM, and a sentence.
 */
must_check int profile_check_dump(const void *data, size_t n_bytes, struct problem *problem);
