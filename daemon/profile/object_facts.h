/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What became of each object that something was counted in, as plain data: an array that goes as
 * bytes beside struct profile_facts (facts.h), and is believed as little.
 */

#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "kernel/build_id.h"
#include "kernel/kallsyms.h" /* MODULE_NAME_SIZE */
#include "ranges.h"
#include "symbolize/objects.h"

struct problem;
struct produce_input;
struct produced;
struct profile_facts;

#define OBJECT_SOURCE_SIZE 256u

/* No padding, on machines of 32 bits neither. Texts are NUL-terminated, zeros behind. */
struct object_facts {
	char name[MODULE_NAME_SIZE];	      /* "vmlinux" or the module's */
	uint8_t build_id[BUILD_ID_BYTES_MAX]; /* zeros behind n_build_id_bytes */
	uint64_t n_build_id_bytes;	      /* 0: not known */
	uint32_t is_kernel;		      /* 0 or 1; of the first one at most */
	uint32_t state;			      /* enum object_state */
	struct object_figures figures;	      /* zero if nothing was selected */
	/* The file that its symbols are from, if anybody said; without symbols why there are none.
	 * Cut if it is longer. */
	char source[OBJECT_SOURCE_SIZE];
};

/* Something was counted in it: it is wanted (objects_want()), or figures (may be NULL) say so. */
bool object_is_listed(const struct object *object, const struct object_figures *figures);

/*
 * Those that are listed by produced->figures_of, or by being wanted: the kernel first, then modules
 * by name. *ret_facts is the caller's to free(). 0, -ENOMEM.
 */
must_check int object_facts_list(const struct objects *objects,
				 const struct object_figures *figures,
				 struct object_facts **ret_facts, size_t *ret_n);

/*
 * Takes foreign bytes for the array: whole items, OBJECTS_N_MAX at most, in order, every number in
 * its range and none above what it is a part of, texts printable. Together they are not more than
 * what `whole` says, which was read before. *ret_facts points into a copy, the caller's to free().
 * 0; -EBADMSG and a sentence; -ENOMEM.
 */
must_check int object_facts_read(const void *data, size_t n_bytes,
				 const struct profile_facts *whole, struct object_facts **ret_facts,
				 size_t *ret_n, struct problem *problem);

/*
 * Of all branches (is_ip: of all addresses) that arrived in an object, or SHARE_UNKNOWN (verdict.h)
 * where none did: those that arrived at an instruction of a file that has symbols; and of those
 * that did so in a function that is known by name, so that they have frames, which assembly mostly
 * has not.
 */
double object_figures_known_share(const struct object_figures *figures, bool is_ip);
double object_figures_named_share(const struct object_figures *figures, bool is_ip);
