/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our reader of DWARF against libdw's, on a real kernel: every function's name and code, and the
 * chains of inlined calls at thousands of addresses. Left out where the two differ by design: line
 * rows, of which libdw's cannot hold flow-sensitive discriminators.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <stdio.h>
#include "symbolize/symbols.h"
#include "symbolize/unit_frames.h"

#define N_ADDRESSES 3000
#define N_CHAIN_MAX 64

struct libdw {
	Elf *elf;
	Dwarf *dwarf;
};

struct fixture {
	struct libdw libdw;
	struct symbols *symbols;
	struct names *names;
};

static int open_both(void **state)
{
	static const struct image_limits limits = IMAGE_LIMITS_DEFAULT;
	struct fixture *f = calloc(1, sizeof(*f));
	int fd = open(KERNEL_PATH, O_RDONLY | O_CLOEXEC);
	struct problem problem;
	struct image *image;

	assert_true(fd >= 0);
	elf_version(EV_CURRENT);
	f->libdw.elf = dwelf_elf_begin(fd);
	assert_non_null(f->libdw.elf);
	f->libdw.dwarf = dwarf_begin_elf(f->libdw.elf, DWARF_C_READ, NULL);
	assert_non_null(f->libdw.dwarf);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(image_open(fd, &limits, &image, &problem), 0);
	assert_int_equal(names_new(&f->names, SYMBOLS_NAMES_CEILING_BYTES), 0);
	assert_int_equal(symbols_new(image, f->names, &f->symbols, &problem), 0);
	close(fd);
	*state = f;
	return 0;
}

static int close_both(void **state)
{
	struct fixture *f = *state;

	symbols_free(f->symbols);
	names_free(f->names);
	dwarf_end(f->libdw.dwarf);
	elf_end(f->libdw.elf);
	free(f);
	return 0;
}

static const char *name_of(Dwarf_Die *die)
{
	static const unsigned int attributes[] = { DW_AT_MIPS_linkage_name, DW_AT_linkage_name,
						   DW_AT_name };

	for (size_t i = 0; i < array_size(attributes); i++) {
		Dwarf_Attribute attribute;

		if (dwarf_attr_integrate(die, attributes[i], &attribute))
			return dwarf_formstring(&attribute);
	}
	return NULL;
}

static uint64_t number_of(Dwarf_Die *die, unsigned int attribute_code)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;

	if (!dwarf_attr_integrate(die, attribute_code, &attribute) ||
	    dwarf_formudata(&attribute, &value) != 0)
		return 0;
	return value;
}

/* functions */

struct comparison {
	const struct functions *functions;
	size_t n_seen;
};

static void compare_function(struct comparison *c, Dwarf_Die *die)
{
	const char *name = name_of(die);
	Dwarf_Addr base, lo, hi;
	ptrdiff_t off = 0;

	while (name && (off = dwarf_ranges(die, off, &base, &lo, &hi)) > 0) {
		const struct function_range *r = &c->functions->ranges[c->n_seen];

		if (hi <= lo || lo < c->functions->image->preferred_base)
			continue;
		assert_true(c->n_seen < c->functions->n_ranges);
		assert_true(r->lo_vaddr == lo);
		assert_true(r->hi_vaddr == hi);
		assert_string_equal(names_get(c->functions->names, r->name).text, name);
		c->n_seen++;
	}
}

static void compare_tree(struct comparison *c, Dwarf_Die *die)
{
	Dwarf_Die child;

	if (dwarf_tag(die) == DW_TAG_subprogram)
		compare_function(c, die);
	if (dwarf_child(die, &child) != 0)
		return;
	do {
		compare_tree(c, &child);
	} while (dwarf_siblingof(&child, &child) == 0);
}

static void test_libdw_has_the_same_functions(void **state)
{
	struct fixture *f = *state;
	struct comparison c = { &f->symbols->functions, 0 };
	Dwarf_CU *cu = NULL;
	Dwarf_Die die;

	while (dwarf_get_units(f->libdw.dwarf, cu, &cu, NULL, NULL, &die, NULL) == 0)
		compare_tree(&c, &die);
	assert_int_equal(c.n_seen, f->symbols->functions.n_ranges);
	print_message("%zu ranges of functions\n", c.n_seen);
	assert_true(c.n_seen > 10000);
}

/* frames */

/* libdw's chain at the address, leaf first; 0 if no function is there. */
static size_t libdw_chain(Dwarf_Die *unit, uint64_t vaddr, Dwarf_Die *chain)
{
	Dwarf_Die *at, *scopes;
	int n_at = dwarf_getscopes(unit, vaddr, &at), n_scopes;
	size_t n = 0;

	if (n_at <= 0)
		return 0;
	/* the first is the innermost; what follows it leaves the chain for the abstract function */
	n_scopes = dwarf_getscopes_die(&at[0], &scopes);
	for (int i = 0; i < n_scopes; i++) {
		int tag = dwarf_tag(&scopes[i]);

		if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_subprogram)
			continue;
		assert_true(n < N_CHAIN_MAX);
		chain[n++] = scopes[i];
		if (tag == DW_TAG_subprogram)
			break;
	}
	free(at);
	free(scopes);
	return n;
}

static size_t compare_chain(struct fixture *f, struct unit_frames *uf, Dwarf_Die *unit,
			    uint64_t vaddr)
{
	Dwarf_Die chain[N_CHAIN_MAX];
	struct frame frames[N_FRAMES_MAX];
	struct location location = unit_frames_find(uf, vaddr);
	size_t n_frames, n = libdw_chain(unit, vaddr, chain);

	assert_int_equal(unit_frames_chain(uf, &location, frames, &n_frames), 0);
	assert_int_equal(n_frames, n);
	for (size_t i = 0; i < n; i++) {
		Dwarf_Die *die = &chain[n - 1 - i];

		assert_string_equal(names_get(f->symbols->names, frames[i].name).text,
				    name_of(die));
		if (i + 1 < n)
			assert_int_equal(frames[i].line_off,
					 (number_of(&chain[n - 2 - i], DW_AT_call_line) -
					  number_of(die, DW_AT_decl_line)) &
						 0xffff);
	}
	return n;
}

static bool is_in_unit(Dwarf_Die *unit, uint64_t vaddr)
{
	return dwarf_haspc(unit, vaddr) == 1;
}

/* Addresses of one unit; our map of units must lead from each to it. */
static void test_libdw_has_the_same_inline_chains(void **state)
{
	struct fixture *f = *state;
	struct functions *functions = &f->symbols->functions;
	struct unit_frames uf;
	size_t n_compared = 0, n_inlined = 0, n_deep = 0;
	uint32_t x = 7;

	unit_frames_init(&uf, &f->symbols->dwarf, f->symbols->names);
	for (size_t i = 0; i < N_ADDRESSES; i++) {
		const struct function_range *r;
		Dwarf_Die unit;
		uint64_t vaddr, hi;
		size_t found, n;

		x = x * 1664525 + 1013904223;
		r = &functions->ranges[(x >> 8) % functions->n_ranges];
		x = x * 1664525 + 1013904223;
		vaddr = r->lo_vaddr + (x >> 8) % (r->hi_vaddr - r->lo_vaddr);
		found = unit_map_find(&f->symbols->units, vaddr, &hi);
		assert_true(found != DWARF_NO_UNIT);
		assert_non_null(dwarf_offdie(f->libdw.dwarf,
					     f->symbols->dwarf.units[found].dies_off, &unit));
		assert_true(is_in_unit(&unit, vaddr));
		assert_int_equal(unit_frames_load(&uf, found), 0);
		n = compare_chain(f, &uf, &unit, vaddr);
		n_compared += n > 0;
		n_inlined += n > 1;
		n_deep += n > 4;
	}
	unit_frames_deinit(&uf);
	print_message("%zu chains, %zu of inlined code, %zu deeper than 4\n", n_compared, n_inlined,
		      n_deep);
	assert_true(n_compared > N_ADDRESSES / 2 && n_inlined > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_libdw_has_the_same_functions),
		cmocka_unit_test(test_libdw_has_the_same_inline_chains),
	};

	if (access(KERNEL_PATH, R_OK) != 0) {
		fprintf(stderr, "%s is not there\n", KERNEL_PATH);
		return 77;
	}
	return cmocka_run_group_tests(tests, open_both, close_both);
}
