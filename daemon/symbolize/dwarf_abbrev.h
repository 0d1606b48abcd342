/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Abbreviation tables (DWARF 5, 7.5.3): what the DIEs of one unit look like, prepared so that most
 * DIEs are skipped with one addition and only wanted attributes are decoded.
 */

#include <stdbool.h>
#include <stdint.h>
#include "base/bytes.h"
#include "base/macros.h"

/* The attributes that a profile needs; the position in struct dwarf_values. */
enum dwarf_slot {
	SLOT_LOW_PC,
	SLOT_HIGH_PC,
	SLOT_RANGES,
	SLOT_NAME,
	SLOT_LINKAGE_NAME,
	SLOT_MIPS_LINKAGE_NAME,
	SLOT_DECL_LINE,
	SLOT_CALL_LINE,
	SLOT_DISCRIMINATOR,
	SLOT_ABSTRACT_ORIGIN,
	SLOT_SPECIFICATION,
	SLOT_STMT_LIST,
	SLOT_STR_OFFSETS_BASE,
	SLOT_ADDR_BASE,
	SLOT_RNGLISTS_BASE,
	N_SLOTS,
	SLOT_NONE = N_SLOTS,
};

/* What the size of a form depends on, apart from the form. */
struct dwarf_encoding {
	uint16_t version;
	uint8_t addr_bytes; /* 4 or 8 */
	uint8_t off_bytes;  /* 4: 32-bit DWARF, 8: 64-bit DWARF */
};

struct dwarf_spec {
	uint16_t form;
	uint8_t slot;
	int64_t implicit_const; /* of DW_FORM_implicit_const */
};

/*
 * How to step over the values of a DIE. Neighbouring values of fixed size are one step, so the DIEs
 * of types are one step altogether.
 */
enum dwarf_step_kind {
	STEP_FIXED, /* n_bytes */
	STEP_LEB,   /* a LEB128, signed or not */
	STEP_OTHER, /* a value of `form` */
};

struct dwarf_step {
	uint8_t kind;
	uint16_t form;
	uint32_t n_bytes;
};

struct dwarf_abbrev {
	uint64_t code;
	uint16_t tag;
	bool has_children;
	bool has_code; /* some attribute says where its machine code is */
	uint32_t first_spec, n_specs;
	uint32_t first_step, n_steps;
	uint32_t order; /* place in the table */
};

struct dwarf_abbrevs {
	struct dwarf_abbrev *items; /* by code; if is_dense item i has code i + 1 */
	size_t n_items, items_capacity;
	struct dwarf_spec *specs;
	size_t n_specs, specs_capacity;
	struct dwarf_step *steps;
	size_t n_steps, steps_capacity;
	bool is_dense;
	bool is_whole;	  /* read to its end; then: */
	uint64_t n_bytes; /* size of the table in the file */
	uint64_t off;	  /* the reader's: where it is, and how it was read */
	bool is_alt;	  /* … in which file */
	struct dwarf_encoding encoding;
};

/* lifecycle */

/* Reads the table at table->pos. 0; -EBADMSG: damaged or unknown form; -E2BIG; -ENOMEM. */
must_check int dwarf_abbrevs_read(struct dwarf_abbrevs *abbrevs, struct bytes table,
				  struct dwarf_encoding encoding);
void dwarf_abbrevs_deinit(struct dwarf_abbrevs *abbrevs);

/* use */

const struct dwarf_abbrev *dwarf_abbrevs_search(const struct dwarf_abbrevs *abbrevs, uint64_t code);
/* Steps over one value; fails the cursor when it is cut off or the form is unknown. */
void dwarf_skip_form(struct bytes *b, uint16_t form, struct dwarf_encoding encoding);

/* inline helpers */

static inline const struct dwarf_abbrev *dwarf_abbrevs_find(const struct dwarf_abbrevs *abbrevs,
							    uint64_t code)
{
	if (likely(abbrevs->is_dense))
		return code - 1 < abbrevs->n_items ? &abbrevs->items[code - 1] : NULL;
	return dwarf_abbrevs_search(abbrevs, code);
}
