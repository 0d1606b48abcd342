/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * All functions of an image by address and by name, from one pass over .debug_info.
 *
 * Functions are keyed by name: static functions of one name in different files are one function
 * with several ranges, because that is all a sample profile can say (and what clang looks up).
 * Rules: llvm-profgen 19.1, ProfiledBinary::loadSymbolsFromDWARFUnit(), setIsFuncEntry().
 */

#include <stdbool.h>
#include <stdint.h>
#include "base/macros.h"
#include "base/names.h"
#include "dwarf.h"
#include "image.h"

#define FUNCTION_NONE UINT32_MAX

struct function_range {
	uint64_t lo_vaddr, hi_vaddr; /* [lo, hi), lo < hi */
	uint32_t name;
	uint32_t first; /* index of the first range of the same name, perhaps this one */
	uint32_t next;	/* index of the next range of the same name, or FUNCTION_NONE */
};

struct index_view;

/* What functions.entry_answers holds. */
enum function_answer {
	FUNCTION_NOT_ASKED,
	FUNCTION_IS_ENTRY,
	FUNCTION_IS_NO_ENTRY,
};

struct functions {
	struct function_range *ranges; /* n_ranges, in order of .debug_info */
	size_t n_ranges, ranges_capacity;
	uint32_t
		*starts; /* n_starts indices of ranges: the first one at each address, by address */
	size_t n_starts;
	uint8_t *entry_answers;	   /* by start: what functions_entry_at() found out, once */
	struct index_view *view;   /* borrowed; NULL: they are from DWARF */
	uint32_t *index_names;	   /* by range, if from an index: its name there; name is NAME_NONE
				      until it is asked for */
	const struct image *image; /* borrowed */
	struct names *names;	   /* borrowed */
};

/* lifecycle */

/* Adds the names to names, which must outlive the result. 0; -ENOMEM; -E2BIG. */
must_check int functions_load(struct functions *functions, struct dwarf *dwarf,
			      struct names *names);
void functions_deinit(struct functions *functions);

/* use */

/* The range that holds vaddr (greatest start at or below it, if it ends above it), or NULL. */
const struct function_range *functions_find(const struct functions *functions, uint64_t vaddr);
/* The first range of the function that range is of; follow functions_next(). */
static inline const struct function_range *functions_first(const struct functions *functions,
							   const struct function_range *range)
{
	return &functions->ranges[range->first];
}
static inline const struct function_range *functions_next(const struct functions *functions,
							  const struct function_range *range)
{
	return range->next == FUNCTION_NONE ? NULL : &functions->ranges[range->next];
}

/*
 * vaddr is where a function is entered: exactly the start of a range, and that range is the
 * function's only one or a symbol of the function's name points into it (so a split-off cold part
 * is no entry). The range, or NULL.
 */
const struct function_range *functions_entry_at(struct functions *functions, uint64_t vaddr);

/*
 * Bytes of the name that remain without the suffixes ".llvm.N" and ".part.N", as
 * FunctionSamples::getCanonicalFnName() cuts them under the default "selected" policy. ".__uniq."
 * stays.
 */
size_t function_canonical_bytes(const char *name, size_t n_bytes);
