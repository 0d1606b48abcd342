/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An index gives the answers of the image that it is of, at every address; damaged in whatever way
 * it gives them still, or none and says so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include "index_compare.h"
#include "module_example.h"
#include "symbolize/index_view.h"
#include "symbolize_example.h"

#define N_CODE 600

/* What compilers write, and what they do not: see make(). */
struct fixture {
	struct example x;
	uint8_t *bytes; /* of the index */
	size_t n_bytes;
};

static size_t lines(struct example *x)
{
	size_t off = dwarf_lines_begin(&x->dwarf, 4, 2);

	dwarf_line_set_address(&x->dwarf, TEXT_VADDR);
	for (unsigned int i = 0; i < N_CODE / 4; i++) {
		dwarf_line_discriminator(&x->dwarf, i % 7 ? 0 : 0xfedcba98u - i);
		dwarf_line_row(&x->dwarf, i ? 4 : 0, (int)(i % 5) * 7 - 8 + (i ? 0 : 100));
	}
	dwarf_line_op(&x->dwarf, DW_LNS_advance_pc, 4);
	dwarf_line_end_sequence(&x->dwarf);
	dwarf_lines_end(&x->dwarf);
	return off;
}

static void inlined(struct example *x, size_t origin, uint64_t lo, uint64_t hi, uint64_t line)
{
	example_begin_die(x, EXAMPLE_INLINED);
	buf_u32(&x->dwarf.info, (uint32_t)(origin - x->dwarf.unit_off));
	example_code(x, lo, hi);
	buf_uleb(&x->dwarf.info, line);
	buf_uleb(&x->dwarf.info, line % 3);
}

/* Calls, jumps, returns, a byte that is no instruction, symbols within instructions. */
static void make_text(struct example *x)
{
	static const uint8_t piece[] = { 0x90, 0xe8, 0,	   0,	 0,    0,    0x74, 0x02, 0x06,
					 0x90, 0xff, 0xe0, 0xeb, 0x00, 0x0f, 0x1f, 0x40, 0x00,
					 0xc3, 0xcc, 0xcc, 0x48, 0x89, 0xd8, 0xf0, 0x48, 0x01,
					 0x03, 0xe9, 0,	   0,	 0,    0 };
	unsigned int text = example_text(x, ".text", TEXT_VADDR, NULL, 0);
	unsigned int init =
		example_text(x, ".init.text", TEXT_VADDR + 0x3000, piece, sizeof(piece));

	for (size_t i = 0; i < N_CODE; i++)
		buf_u8(elf_data(&x->elf, text), piece[i % sizeof(piece)]);
	/* padding, and more than a block of it */
	for (size_t i = 0; i < 9000; i++)
		buf_u8(elf_data(&x->elf, text), i < 8000 ? 0xcc : 0x90);
	elf_symbol(&x->elf, "_text", text, TEXT_VADDR + 3);
	elf_symbol(&x->elf, "f", text, TEXT_VADDR + 3);
	elf_symbol(&x->elf, "inside", text, TEXT_VADDR + 36);
	elf_symbol(&x->elf, "g", text, TEXT_VADDR + 100);
	elf_symbol(&x->elf, "h", text, TEXT_VADDR + 400);
	elf_symbol(&x->elf, "behind", text, TEXT_VADDR + 0x10000);
	elf_symbol(&x->elf, "below", init, TEXT_VADDR);
	elf_symbol(&x->elf, "init", init, TEXT_VADDR + 0x3000);
}

static void make_patches(struct example *x)
{
	unsigned int table =
		elf_section(&x->elf, "__retpoline_sites", SHT_PROGBITS, SHF_ALLOC, 0x480000);

	for (int i = 0; i < 2; i++)
		buf_u32(elf_data(&x->elf, table),
			(uint32_t)(TEXT_VADDR + 100 + 66 * (unsigned int)i - 0x480000 -
				   4 * (unsigned int)i));
	elf_symbol(&x->elf, "__retpoline_sites", table, 0x480000);
	elf_symbol(&x->elf, "__retpoline_sites_end", table, 0x480008);
}

static void make(struct example *x)
{
	size_t origin, nested, lines_off;

	example_init(x);
	make_text(x);
	make_patches(x);
	lines_off = lines(x);
	example_unit(x, 0, 300, lines_off);
	origin = example_abstract(x, "inlinee", 900);
	nested = example_abstract(x, "nested", 12);
	example_function(x, "f", 3, 100, 90);
	inlined(x, origin, 20, 60, 95);
	inlined(x, nested, 30, 40, 0); /* at line 0: nowhere */
	example_end(x);
	example_end(x);
	inlined(x, origin, 70, 75, 4000000000u);
	example_end(x);
	example_end(x);
	example_function(x, "g", 100, 300, 5);
	example_end(x);
	example_function(x, "f", 250, 260, 90);
	example_end(x);
	example_function(x, "", 260, 270, 0);
	example_end(x);
	example_unit_end(x);
	example_unit(x, 390, N_CODE, lines_off);
	example_function(x, "h.llvm.123", 400, 500, 5);
	example_end(x);
	example_unit_end(x);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	make(&f->x);
	example_load(&f->x);
	f->bytes = index_of(f->x.symbols, "vmlinux", &f->n_bytes);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	example_deinit(&f->x);
	free(f->bytes);
	free(f);
	return 0;
}

/* 0 and the symbols, with a table of names of their own; or as index_open(), symbols_from_index().
 */
static int open_index(const void *bytes, size_t n_bytes, uint64_t base_vaddr,
		      struct symbols **ret_symbols, struct problem *problem)
{
	cleanup(index_cleanup) struct index *index = NULL;
	struct names *names;
	int r = index_open_memory(bytes, n_bytes, &index, problem);

	if (r < 0)
		return r;
	if (index_n_objects(index) == 0)
		return -ENOENT;
	assert_int_equal(names_new(&names, 1 << 30), 0);
	r = symbols_from_index(index, 0, base_vaddr, names, ret_symbols, problem);
	if (r < 0)
		names_free(names);
	return r;
}

static void close_index(struct symbols *symbols)
{
	struct names *names = symbols->names;

	symbols_free(symbols);
	names_free(names);
}

static void assert_same(struct symbols *a, struct symbols *b, bool is_every_byte)
{
	struct problem problem = { "" };
	struct index_pair pair;

	index_pair_init(&pair, a, b);
	if (!index_same(&pair, is_every_byte))
		fail_msg("%s %s", pair.what, symbols_damage(b, &problem) ? problem.text : "");
	index_pair_deinit(&pair);
	assert_int_equal(symbols_damage(b, &problem), 0);
}

static void test_index_answers_are_those_of_the_image(void **state)
{
	struct fixture *f = *state;
	struct problem problem = { "" };
	struct symbols *symbols;

	assert_int_equal(open_index(f->bytes, f->n_bytes, 0, &symbols, &problem), 0);
	assert_same(f->x.symbols, symbols, true);
	close_index(symbols);
}

static void test_index_named_symbols_are_found(void **state)
{
	struct fixture *f = *state;
	struct problem problem = { "" };
	struct symbols *symbols;
	uint64_t vaddr = 0;

	assert_int_equal(open_index(f->bytes, f->n_bytes, 0, &symbols, &problem), 0);
	assert_true(image_find_by_name(symbols->image, "_text", &vaddr));
	assert_true(vaddr == TEXT_VADDR + 3);
	assert_false(image_find_by_name(symbols->image, "f", &vaddr));
	close_index(symbols);
}

static void test_index_is_made_of_files_only(void **state)
{
	cleanup(index_builder_cleanup) struct index_builder *builder = NULL;
	struct fixture *f = *state;
	struct problem problem = { "" };
	struct symbols *symbols;

	assert_int_equal(open_index(f->bytes, f->n_bytes, 0, &symbols, &problem), 0);
	assert_int_equal(index_builder_new(&builder, 1 << 24), 0);
	assert_int_equal(index_builder_add(builder, "a", symbols, &problem), -EINVAL);
	close_index(symbols);
}

static void test_index_object_is_described(void **state)
{
	cleanup(index_cleanup) struct index *index = NULL;
	struct build_id none = { 0 }, other = { .bytes = { 1 }, .n_bytes = 20 };
	const struct index_object *object;
	struct fixture *f = *state;
	struct problem problem;

	assert_int_equal(index_open_memory(f->bytes, f->n_bytes, &index, &problem), 0);
	assert_int_equal(index_n_objects(index), 1);
	object = index_object(index, 0);
	assert_string_equal(object->name, "vmlinux");
	assert_int_equal(object->n_functions, 5);
	assert_int_equal(object->n_units, 2);
	assert_false(object->is_relocatable);
	assert_true(object->preferred_base == 0x400000);
	assert_int_equal(index_find(index, &none), INDEX_NONE);
	assert_int_equal(index_find(index, &other), INDEX_NONE);
	assert_int_equal(index_check(index, &problem), 0);
}

/* damage */

/* Refused, or the same answers; an answer that differs without a word is a failure. */
static bool is_refused(struct fixture *f, const uint8_t *bytes, size_t n_bytes)
{
	struct problem problem = { "" };
	struct index_pair pair;
	struct symbols *symbols;
	bool is_same;
	int r = open_index(bytes, n_bytes, 0, &symbols, &problem);

	if (r < 0) {
		assert_true(problem.text[0]);
		return true;
	}
	index_pair_init(&pair, f->x.symbols, symbols);
	is_same = index_same(&pair, false);
	index_pair_deinit(&pair);
	r = symbols_damage(symbols, &problem);
	if (r == 0 && !is_same)
		fail_msg("a damaged index answers differently: %s", pair.what);
	if (r != 0) {
		assert_int_equal(r, -EBADMSG);
		assert_true(problem.text[0]);
	}
	close_index(symbols);
	return r != 0;
}

static void test_index_with_one_byte_flipped_is_refused(void **state)
{
	struct fixture *f = *state;
	size_t n_refused = 0;

	for (size_t i = 0; i < f->n_bytes; i++) {
		uint8_t flip = (uint8_t)(1u << (i % 8));

		f->bytes[i] ^= flip;
		n_refused += is_refused(f, f->bytes, f->n_bytes);
		f->bytes[i] ^= flip;
	}
	/* all that there is is read for all answers */
	assert_int_equal(n_refused, f->n_bytes);
}

static void test_index_that_was_cut_off_is_refused(void **state)
{
	struct fixture *f = *state;

	for (size_t n = 0; n < f->n_bytes; n++) {
		/* a block of just this size: a sanitizer sees what is read behind it */
		uint8_t *cut = malloc(n + 1);

		memcpy(cut, f->bytes, n);
		assert_true(is_refused(f, cut, n));
		free(cut);
	}
}

static void test_index_with_bytes_behind_its_end_is_refused(void **state)
{
	struct fixture *f = *state;
	uint8_t *longer = calloc(1, f->n_bytes + 1);

	memcpy(longer, f->bytes, f->n_bytes);
	assert_true(is_refused(f, longer, f->n_bytes + 1));
	free(longer);
}

static void assert_sentence(struct fixture *f, int error, const char *part)
{
	struct problem problem = { "" };
	struct index *index;

	assert_int_equal(index_open_memory(f->bytes, f->n_bytes, &index, &problem), error);
	if (!strstr(problem.text, part))
		fail_msg("'%s' does not say '%s'", problem.text, part);
}

static void test_index_of_another_kind_is_refused_with_a_sentence(void **state)
{
	struct fixture *f = *state;

	f->bytes[8]++;
	assert_sentence(f, -ENOEXEC, "version 2");
	f->bytes[8]--;
	f->bytes[12] ^= 5;
	f->bytes[15] ^= 5;
	assert_sentence(f, -ENOEXEC, "byte order");
	f->bytes[12] ^= 5;
	f->bytes[15] ^= 5;
	f->bytes[0] ^= 1;
	assert_sentence(f, -ENOEXEC, "not a symbol index");
	f->bytes[0] ^= 1;
	f->bytes[INDEX_HEADER_BYTES] ^= 1;
	assert_sentence(f, -EBADMSG, "checksum");
	f->bytes[INDEX_HEADER_BYTES] ^= 1;
	assert_false(index_is_one("\x7f"
				  "ELF1234",
				  8));
	assert_true(index_is_one(f->bytes, f->n_bytes));
}

/* files */

static void test_index_of_a_file_outlives_the_descriptor(void **state)
{
	cleanup(index_cleanup) struct index *index = NULL;
	struct fixture *f = *state;
	struct problem problem;
	int fd = memfd_create("index", MFD_CLOEXEC);

	assert_false(index_is_file(fd));
	assert_int_equal(index_open(fd, &index, &problem), -ENOEXEC);
	assert_int_equal(pwrite(fd, f->bytes, f->n_bytes, 0), f->n_bytes);
	assert_true(index_is_file(fd));
	assert_int_equal(index_open(fd, &index, &problem), 0);
	close(fd);
	assert_int_equal(index_check(index, &problem), 0);
}

/* Of a file, which is open to be written to, too. */
static int file_of(const struct fixture *f)
{
	int fd = memfd_create("index", MFD_CLOEXEC);

	assert_int_equal(pwrite(fd, f->bytes, f->n_bytes, 0), f->n_bytes);
	return fd;
}

/* Before the fix it was mapped, and this was SIGBUS. */
static void test_index_that_is_cut_short_while_it_is_read_is_damage(void **state)
{
	struct fixture *f = *state;

	for (size_t n_left = 0; n_left < f->n_bytes; n_left += INDEX_PAGE_BYTES / 2) {
		cleanup(index_cleanup) struct index *index = NULL;
		cleanup(names_cleanup) struct names *names = NULL;
		cleanup(symbols_cleanup) struct symbols *symbols = NULL;
		struct problem problem = { "" };
		int fd = file_of(f);

		assert_int_equal(names_new(&names, 1 << 30), 0);
		assert_int_equal(index_open(fd, &index, &problem), 0);
		assert_int_equal(ftruncate(fd, (off_t)n_left), 0);
		assert_true(symbols_from_index(index, 0, 0, names, &symbols, &problem) ==
				    -EBADMSG ||
			    index_check(index, &problem) == -EBADMSG);
		assert_non_null(strstr(problem.text, "cut short while it was read"));
		close(fd);
	}
}

/* Grown at once by zeros, so that nothing is missing: what it was is known. */
static void test_index_that_is_written_to_while_it_is_read_is_damage(void **state)
{
	cleanup(index_cleanup) struct index *index = NULL;
	cleanup(names_cleanup) struct names *names = NULL;
	cleanup(symbols_cleanup) struct symbols *symbols = NULL;
	struct fixture *f = *state;
	struct problem problem = { "" };
	int fd = file_of(f);

	assert_int_equal(names_new(&names, 1 << 30), 0);
	assert_int_equal(index_open(fd, &index, &problem), 0);
	assert_int_equal(index_check(index, &problem), 0);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(ftruncate(fd, (off_t)f->n_bytes), 0);
	/* what was checked is what is read, … */
	assert_int_equal(symbols_from_index(index, 0, 0, names, &symbols, &problem), 0);
	assert_int_equal(index_damage(index, &problem), 0);
	/* … and what was not checked is not what it was */
	close(fd);
	fd = file_of(f);
	index_unref(index);
	assert_int_equal(index_open(fd, &index, &problem), 0);
	assert_int_equal(ftruncate(fd, INDEX_PAGE_BYTES), 0);
	assert_int_equal(ftruncate(fd, (off_t)f->n_bytes), 0);
	assert_int_equal(index_check(index, &problem), -EBADMSG);
	assert_non_null(strstr(problem.text, "checksum"));
	close(fd);
}

static void test_index_of_a_file_answers_as_in_memory(void **state)
{
	cleanup(index_cleanup) struct index *index = NULL;
	struct fixture *f = *state;
	struct problem problem = { "" };
	struct symbols *symbols;
	struct names *names;
	int fd = file_of(f);

	assert_int_equal(names_new(&names, 1 << 30), 0);
	assert_int_equal(index_open(fd, &index, &problem), 0);
	assert_int_equal(symbols_from_index(index, 0, 0, names, &symbols, &problem), 0);
	assert_same(f->x.symbols, symbols, true);
	index_forget(index, 0);
	assert_same(f->x.symbols, symbols, true);
	assert_int_equal(index_check(index, &problem), 0);
	close_index(symbols);
	close(fd);
}

static void test_index_larger_than_any_is_refused(void **state)
{
	cleanup(index_cleanup) struct index *index = NULL;
	struct fixture *f = *state;
	struct problem problem = { "" };
	int fd = file_of(f);

	assert_int_equal(ftruncate(fd, (off_t)1 << 40), 0);
	assert_int_equal(index_open(fd, &index, &problem), -EBADMSG);
	assert_non_null(strstr(problem.text, "larger than any"));
	close(fd);
}

/* the builder */

static void test_index_builder_takes_several_objects_but_none_twice(void **state)
{
	cleanup(index_builder_cleanup) struct index_builder *builder = NULL;
	cleanup(index_cleanup) struct index *index = NULL;
	struct buf buf = BUF_INIT(1 << 24);
	char long_name[INDEX_NAME_SIZE + 1];
	struct fixture *f = *state;
	struct problem problem = { "" };

	memset(long_name, 'x', INDEX_NAME_SIZE);
	long_name[INDEX_NAME_SIZE] = '\0';
	assert_int_equal(index_builder_new(&builder, 1 << 24), 0);
	assert_int_equal(index_builder_add(builder, "a", f->x.symbols, &problem), 0);
	f->x.image->build_id = (struct build_id){ .bytes = { 1, 2 }, .n_bytes = 20 };
	assert_int_equal(index_builder_add(builder, "", f->x.symbols, &problem), -EINVAL);
	assert_int_equal(index_builder_add(builder, long_name, f->x.symbols, &problem), -EINVAL);
	assert_int_equal(index_builder_add(builder, "b", f->x.symbols, &problem), 0);
	assert_int_equal(index_builder_add(builder, "c", f->x.symbols, &problem), -EEXIST);
	assert_int_equal(index_builder_finish(builder, &buf), 0);
	assert_int_equal(index_open_memory(buf.data, buf.n_bytes, &index, &problem), 0);
	assert_int_equal(index_n_objects(index), 2);
	assert_int_equal(index_find(index, &f->x.image->build_id), 1);
	assert_string_equal(index_object(index, 1)->name, "b");
	index_unref(steal_ptr(index));
	buf_deinit(&buf);
}

static void test_index_builder_keeps_to_its_ceiling(void **state)
{
	cleanup(index_builder_cleanup) struct index_builder *builder = NULL;
	struct fixture *f = *state;
	struct problem problem = { "" };

	assert_int_equal(index_builder_new(&builder, 1000), 0);
	assert_int_equal(index_builder_add(builder, "a", f->x.symbols, &problem), -E2BIG);
	assert_true(problem.text[0]);
}

/* "f" at 8 to 24 of .text, "g" at the start of .text.unlikely. */
static struct image *make_module(void)
{
	struct dwarf_writer *d;
	struct image *image;
	struct module m;
	uint32_t f, g;

	module_begin(&m, EM_X86_64);
	d = &m.dwarf;
	f = module_symbol(&m, "f", module_code(&m, ".text", 0x20), 8);
	g = module_symbol(&m, "g", module_code(&m, ".text.unlikely", 0x20), 0);
	dwarf_abbrev(d, 1, DW_TAG_compile_unit, 1, DW_AT_low_pc, DW_FORM_addr, DW_AT_high_pc,
		     DW_FORM_data4, 0);
	dwarf_abbrev(d, 2, DW_TAG_subprogram, 0, DW_AT_name, DW_FORM_string, DW_AT_low_pc,
		     DW_FORM_addr, DW_AT_high_pc, DW_FORM_data4, 0);
	buf_u8(&d->abbrev, 0);
	dwarf_unit_begin(d, 4, 0);
	buf_uleb(&d->info, 1);
	module_address(&m, f, 0);
	buf_u32(&d->info, 0x40);
	for (int i = 0; i < 2; i++) {
		buf_uleb(&d->info, 2);
		buf_append(&d->info, i ? "g" : "f", 2);
		module_address(&m, i ? g : f, 0);
		buf_u32(&d->info, 16);
	}
	buf_u8(&d->info, 0);
	dwarf_unit_end(d);
	module_attach_dwarf(&m);
	image = module_must_open(module_only(module_write(&m)));
	module_end(&m);
	return image;
}

static void test_index_of_a_module_is_laid_out_where_it_is_opened(void **state)
{
	struct problem problem = { "" };
	struct symbols *symbols, *moved;
	struct names *names;
	uint8_t *bytes;
	size_t n_bytes;

	assert_int_equal(names_new(&names, 1 << 20), 0);
	assert_int_equal(symbols_new(make_module(), names, &symbols, &problem), 0);
	bytes = index_of(symbols, "m", &n_bytes);
	assert_int_equal(open_index(bytes, n_bytes, 0x7700000000, &moved, &problem), 0);
	assert_true(moved->image->text_lo_vaddr == 0x7700000000);
	assert_non_null(functions_find(&moved->functions, 0x7700000008));
	assert_same(symbols, moved, true);
	close_index(moved);
	close_index(symbols);
	free(bytes);
}

/* Of which little is in memory at a time: what was forgotten is had again, or is damage. */
static void compare_file(struct symbols *symbols, const uint8_t *bytes, size_t n_bytes)
{
	cleanup(index_cleanup) struct index *index = NULL;
	int fd = memfd_create("index", MFD_CLOEXEC);
	struct problem problem = { "" };
	struct symbols *indexed;
	struct names *names;

	assert_int_equal(pwrite(fd, bytes, n_bytes, 0), n_bytes);
	assert_int_equal(names_new(&names, SYMBOLS_NAMES_CEILING_BYTES), 0);
	assert_int_equal(index_open(fd, &index, &problem), 0);
	assert_int_equal(symbols_from_index(index, 0, 0, names, &indexed, &problem), 0);
	assert_same(symbols, indexed, false);
	assert_int_equal(index_check(index, &problem), 0);
	index_forget(index, 0);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(ftruncate(fd, (off_t)n_bytes), 0);
	assert_int_equal(index_check(index, &problem), -EBADMSG);
	assert_non_null(strstr(problem.text, "checksum"));
	close_index(indexed);
	close(fd);
}

static void test_index_of_a_real_kernel_answers_as_its_vmlinux(void **state)
{
	static const struct image_limits limits = IMAGE_LIMITS_DEFAULT;
	int fd = open(KERNEL_PATH, O_RDONLY | O_CLOEXEC);
	struct symbols *symbols, *indexed;
	struct problem problem = { "" };
	struct image *image;
	struct names *names;
	uint8_t *bytes;
	size_t n_bytes;

	assert_int_equal(image_open(fd, &limits, &image, &problem), 0);
	close(fd);
	assert_int_equal(names_new(&names, SYMBOLS_NAMES_CEILING_BYTES), 0);
	assert_int_equal(symbols_new(image, names, &symbols, &problem), 0);
	bytes = index_of(symbols, "vmlinux", &n_bytes);
	assert_int_equal(open_index(bytes, n_bytes, 0, &indexed, &problem), 0);
	assert_same(symbols, indexed, false);
	close_index(indexed);
	compare_file(symbols, bytes, n_bytes);
	close_index(symbols);
	free(bytes);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(test_index_answers_are_those_of_the_image),
		WITH(test_index_named_symbols_are_found),
		WITH(test_index_is_made_of_files_only),
		WITH(test_index_object_is_described),
		WITH(test_index_with_one_byte_flipped_is_refused),
		WITH(test_index_that_was_cut_off_is_refused),
		WITH(test_index_with_bytes_behind_its_end_is_refused),
		WITH(test_index_of_another_kind_is_refused_with_a_sentence),
		WITH(test_index_of_a_file_outlives_the_descriptor),
		WITH(test_index_of_a_file_answers_as_in_memory),
		WITH(test_index_that_is_cut_short_while_it_is_read_is_damage),
		WITH(test_index_that_is_written_to_while_it_is_read_is_damage),
		WITH(test_index_larger_than_any_is_refused),
		WITH(test_index_builder_takes_several_objects_but_none_twice),
		WITH(test_index_builder_keeps_to_its_ceiling),
		cmocka_unit_test(test_index_of_a_module_is_laid_out_where_it_is_opened),
		cmocka_unit_test(test_index_of_a_real_kernel_answers_as_its_vmlinux),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
