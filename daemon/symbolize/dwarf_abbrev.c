/* SPDX-License-Identifier: Apache-2.0 */
#include "dwarf_abbrev.h"

#include <dwarf.h>
#include <errno.h>
#include "base/array.h"

/* Set by clang on inlined subroutines; elfutils has no name for it (LLVM 19,
 * llvm/include/llvm/BinaryFormat/Dwarf.def). */
#define DW_AT_GNU_discriminator 0x2136

/* Ceilings far above what compilers write (a few hundred abbreviations a unit). */
#define N_ABBREVS_MAX (1u << 20)
#define N_SPECS_MAX (16u << 20)
#define N_SPECS_OF_ONE_MAX 256 /* attributes without bytes must not make a DIE endless */

static uint8_t slot_of(uint64_t attribute)
{
	switch (attribute) {
	case DW_AT_low_pc:
		return SLOT_LOW_PC;
	case DW_AT_high_pc:
		return SLOT_HIGH_PC;
	case DW_AT_ranges:
		return SLOT_RANGES;
	case DW_AT_name:
		return SLOT_NAME;
	case DW_AT_linkage_name:
		return SLOT_LINKAGE_NAME;
	case DW_AT_MIPS_linkage_name:
		return SLOT_MIPS_LINKAGE_NAME;
	case DW_AT_decl_line:
		return SLOT_DECL_LINE;
	case DW_AT_call_line:
		return SLOT_CALL_LINE;
	case DW_AT_GNU_discriminator:
		return SLOT_DISCRIMINATOR;
	case DW_AT_abstract_origin:
		return SLOT_ABSTRACT_ORIGIN;
	case DW_AT_specification:
		return SLOT_SPECIFICATION;
	case DW_AT_stmt_list:
		return SLOT_STMT_LIST;
	case DW_AT_str_offsets_base:
		return SLOT_STR_OFFSETS_BASE;
	case DW_AT_addr_base:
		return SLOT_ADDR_BASE;
	case DW_AT_rnglists_base:
		return SLOT_RNGLISTS_BASE;
	default:
		return SLOT_NONE;
	}
}

#define VARIABLE UINT32_MAX

/* Bytes of a value of this form, or VARIABLE (DWARF 5, 7.5.6). */
static uint32_t form_bytes(uint16_t form, struct dwarf_encoding e)
{
	switch (form) {
	case DW_FORM_flag_present:
	case DW_FORM_implicit_const:
		return 0;
	case DW_FORM_data1:
	case DW_FORM_ref1:
	case DW_FORM_flag:
	case DW_FORM_strx1:
	case DW_FORM_addrx1:
		return 1;
	case DW_FORM_data2:
	case DW_FORM_ref2:
	case DW_FORM_strx2:
	case DW_FORM_addrx2:
		return 2;
	case DW_FORM_strx3:
	case DW_FORM_addrx3:
		return 3;
	case DW_FORM_data4:
	case DW_FORM_ref4:
	case DW_FORM_strx4:
	case DW_FORM_addrx4:
	case DW_FORM_ref_sup4:
		return 4;
	case DW_FORM_data8:
	case DW_FORM_ref8:
	case DW_FORM_ref_sig8:
	case DW_FORM_ref_sup8:
		return 8;
	case DW_FORM_data16:
		return 16;
	case DW_FORM_addr:
		return e.addr_bytes;
	case DW_FORM_ref_addr:
		return e.version <= 2 ? e.addr_bytes : e.off_bytes;
	case DW_FORM_sec_offset:
	case DW_FORM_strp:
	case DW_FORM_line_strp:
	case DW_FORM_strp_sup:
	case DW_FORM_GNU_ref_alt:
	case DW_FORM_GNU_strp_alt:
		return e.off_bytes;
	default:
		return VARIABLE;
	}
}

static bool is_leb(uint16_t form)
{
	switch (form) {
	case DW_FORM_udata:
	case DW_FORM_sdata:
	case DW_FORM_ref_udata:
	case DW_FORM_strx:
	case DW_FORM_addrx:
	case DW_FORM_loclistx:
	case DW_FORM_rnglistx:
	case DW_FORM_GNU_addr_index:
	case DW_FORM_GNU_str_index:
		return true;
	default:
		return false;
	}
}

void dwarf_skip_form(struct bytes *b, uint16_t form, struct dwarf_encoding e)
{
	uint32_t n = form_bytes(form, e);

	if (n != VARIABLE) {
		bytes_skip(b, n);
		return;
	}
	if (is_leb(form)) {
		bytes_skip_leb(b);
		return;
	}
	switch (form) {
	case DW_FORM_string:
		(void)bytes_cstr(b);
		break;
	case DW_FORM_block1:
		bytes_skip(b, bytes_u8(b));
		break;
	case DW_FORM_block2:
		bytes_skip(b, bytes_u16(b));
		break;
	case DW_FORM_block4:
		bytes_skip(b, bytes_u32(b));
		break;
	case DW_FORM_block:
	case DW_FORM_exprloc:
		bytes_skip(b, bytes_uleb(b));
		break;
	case DW_FORM_indirect: {
		uint64_t inner = bytes_uleb(b);

		/* an indirect form that names itself would never end */
		if (inner == DW_FORM_indirect || inner > UINT16_MAX)
			bytes_fail(b);
		else
			dwarf_skip_form(b, (uint16_t)inner, e);
		break;
	}
	default:
		bytes_fail(b);
	}
}

static int add_step(struct dwarf_abbrevs *abbrevs, struct dwarf_abbrev *a, uint16_t form,
		    struct dwarf_encoding e)
{
	struct dwarf_step step = { .form = form, .n_bytes = form_bytes(form, e) };
	struct dwarf_step *last = a->n_steps ? &abbrevs->steps[abbrevs->n_steps - 1] : NULL;
	int r;

	if (step.n_bytes != VARIABLE)
		step.kind = STEP_FIXED;
	else
		step.kind = is_leb(form) ? STEP_LEB : STEP_OTHER;
	if (step.kind == STEP_FIXED && last && last->kind == STEP_FIXED) {
		/* at most N_SPECS_MAX values of at most 16 bytes: no overflow */
		last->n_bytes += step.n_bytes;
		return 0;
	}
	r = array_push_room(abbrevs->steps, abbrevs->n_steps, abbrevs->steps_capacity, N_SPECS_MAX);
	if (r == 0) {
		abbrevs->steps[abbrevs->n_steps++] = step;
		a->n_steps++;
	}
	return r;
}

/* One (attribute, form) pair; *ret_end at the pair of zeros that ends the list. */
static int read_spec(struct dwarf_abbrevs *abbrevs, struct dwarf_abbrev *a, struct bytes *table,
		     struct dwarf_encoding e, bool *ret_end)
{
	uint64_t attribute = bytes_uleb(table), form = bytes_uleb(table);
	struct dwarf_spec spec = { .form = (uint16_t)form, .slot = slot_of(attribute) };
	int r;

	*ret_end = attribute == 0 && form == 0;
	if (*ret_end || table->failed)
		return table->failed ? -EBADMSG : 0;
	if (form > UINT16_MAX || a->n_specs == N_SPECS_OF_ONE_MAX)
		return -EBADMSG;
	if (form == DW_FORM_implicit_const)
		spec.implicit_const = bytes_sleb(table);
	r = array_push_room(abbrevs->specs, abbrevs->n_specs, abbrevs->specs_capacity, N_SPECS_MAX);
	if (r < 0)
		return r;
	abbrevs->specs[abbrevs->n_specs++] = spec;
	a->n_specs++;
	a->has_code |= spec.slot == SLOT_LOW_PC || spec.slot == SLOT_RANGES;
	return add_step(abbrevs, a, spec.form, e);
}

static int read_abbrev(struct dwarf_abbrevs *abbrevs, uint64_t code, struct bytes *table,
		       struct dwarf_encoding e)
{
	struct dwarf_abbrev a = {
		.code = code,
		.first_spec = (uint32_t)abbrevs->n_specs,
		.first_step = (uint32_t)abbrevs->n_steps,
		.order = (uint32_t)abbrevs->n_items,
	};
	uint64_t tag = bytes_uleb(table);
	bool is_end = false;
	int r;

	a.tag = tag <= UINT16_MAX ? (uint16_t)tag : 0;
	a.has_children = bytes_u8(table) != 0;
	while (!is_end) {
		r = read_spec(abbrevs, &a, table, e, &is_end);
		if (r < 0)
			return r;
	}
	r = array_push_room(abbrevs->items, abbrevs->n_items, abbrevs->items_capacity,
			    N_ABBREVS_MAX);
	if (r < 0)
		return r;
	abbrevs->items[abbrevs->n_items++] = a;
	abbrevs->is_dense &= code == abbrevs->n_items;
	return 0;
}

static int compare_abbrevs(const void *a, const void *b)
{
	const struct dwarf_abbrev *x = a, *y = b;

	if (x->code != y->code)
		return x->code < y->code ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

int dwarf_abbrevs_read(struct dwarf_abbrevs *abbrevs, struct bytes table, struct dwarf_encoding e)
{
	size_t start_off = bytes_off(&table);

	abbrevs->n_items = abbrevs->n_specs = abbrevs->n_steps = 0;
	abbrevs->is_dense = true;
	abbrevs->is_whole = false;
	for (;;) {
		uint64_t code = bytes_uleb(&table);
		int r;

		if (table.failed)
			return -EBADMSG;
		if (code == 0)
			break;
		r = read_abbrev(abbrevs, code, &table, e);
		if (r < 0)
			return r;
	}
	if (!abbrevs->is_dense)
		qsort(abbrevs->items, abbrevs->n_items, sizeof(*abbrevs->items), compare_abbrevs);
	abbrevs->is_whole = true;
	abbrevs->n_bytes = bytes_off(&table) - start_off;
	return 0;
}

void dwarf_abbrevs_deinit(struct dwarf_abbrevs *abbrevs)
{
	free(abbrevs->items);
	free(abbrevs->specs);
	free(abbrevs->steps);
	*abbrevs = (struct dwarf_abbrevs){ 0 };
}

const struct dwarf_abbrev *dwarf_abbrevs_search(const struct dwarf_abbrevs *abbrevs, uint64_t code)
{
	size_t lo = 0, hi = abbrevs->n_items;

	/* of several with one code the first counts */
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (abbrevs->items[mid].code < code)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < abbrevs->n_items && abbrevs->items[lo].code == code ? &abbrevs->items[lo]
									: NULL;
}
