/* SPDX-License-Identifier: Apache-2.0 */
/* Images of several files, and of compressed ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <lzma.h>
#include <zstd.h>
#include "module_example.h"
#include "symbolize/dwarf_reader.h"

static const uint8_t id[20] = { 0x4a, 0x5a };
static const uint8_t other_id[20] = { 0x4a, 0x5b };

/* pairs */

enum { CODE, DEBUG };

/* What a test changes of a pair that belongs together. */
struct shape {
	const uint8_t *id[2];
	size_t text_bytes[2];
	const char *last_name[2];
	bool has_symbols[2];
	bool is_linked[2];
	bool has_bss[2];
	uint64_t text_vaddr[2]; /* if linked */
};

static const struct shape good = {
	.id = { id, id },
	.text_bytes = { 0x20, 0x20 },
	.last_name = { ".data", ".data" },
	.has_symbols = { false, true },
	.text_vaddr = { 0x401000, 0x401000 },
};

/* The debug file has one section more in front of the others, and no contents of what is loaded. */
static int write_one(const struct shape *shape, int which)
{
	uint32_t type = which == CODE ? SHT_PROGBITS : SHT_NOBITS;
	unsigned int init, text, last;
	struct module m;
	int fd;

	module_begin(&m, EM_X86_64);
	if (shape->is_linked[which]) {
		m.elf.header.e_type = ET_EXEC;
		elf_segment(&m.elf, PT_LOAD, PF_R | PF_X, 0x400000);
	}
	if (which == DEBUG)
		module_section(&m, ".comment", 0, 3, 'x');
	if (shape->id[which])
		elf_build_id(&m.elf, shape->id[which], 20);
	init = module_code(&m, ".init.text", 8);
	text = module_code(&m, ".text", shape->text_bytes[which]);
	last = module_section(&m, shape->last_name[which], SHF_ALLOC | SHF_WRITE, 8, 0);
	if (shape->has_bss[which])
		module_section(&m, ".bss", SHF_ALLOC | SHF_WRITE, 8, 0);
	m.elf.sections[init].header.sh_type = type;
	m.elf.sections[text].header.sh_type = type;
	m.elf.sections[last].header.sh_type = type;
	m.elf.sections[text].claimed_bytes = shape->text_bytes[which];
	m.elf.sections[init].claimed_bytes = m.elf.sections[last].claimed_bytes = 8;
	if (shape->is_linked[which])
		m.elf.sections[text].header.sh_addr = shape->text_vaddr[which];
	if (shape->has_symbols[which]) {
		module_symbol(&m, "f", text,
			      4 + (shape->is_linked[which] ? shape->text_vaddr[which] : 0));
		module_symbol(&m, "variable", last, 2);
	}
	if (which == DEBUG) {
		buf_append(&m.dwarf.info, "info", 4);
		buf_append(&m.dwarf.str, "debug", 6);
		module_attach_dwarf(&m);
	}
	fd = module_write(&m);
	module_end(&m);
	return fd;
}

static int open_pair(const struct shape *shape, struct image **ret_image, struct problem *problem)
{
	return module_open(
		(struct image_files){ write_one(shape, CODE), write_one(shape, DEBUG), -1 },
		ret_image, problem);
}

static void test_image_files_code_and_debug_information_are_joined(void **state)
{
	struct problem problem = { "" };
	struct image *image;
	uint64_t vaddr;

	assert_int_equal(open_pair(&good, &image, &problem), 0);
	assert_int_equal(image->n_text, 2);
	assert_int_equal(image->text[1].bytes[0], 0x90);
	assert_int_equal(bytes_left(&image->debug[IMAGE_DEBUG_INFO]), 4);
	assert_int_equal(image->n_symbols, 1);
	/* the section's number is that in the code file */
	assert_int_equal(image->symbols[0].section, image->text[1].index);
	assert_true(image->symbols[0].vaddr == MODULE_BASE + 4);
	assert_int_equal(image->text[1].n_symbols, 1);
	assert_true(image_find_by_name(image, "variable", &vaddr));
	assert_true(vaddr == MODULE_BASE + 0x1032); /* behind 36 bytes of notes */
	assert_int_equal(image->build_id.n_bytes, 20);
	image_free(image);
}

static void test_image_files_symbols_are_the_codes_if_it_has_some(void **state)
{
	struct shape shape = good;
	struct problem problem = { "" };
	struct image *image;

	shape.has_symbols[CODE] = true;
	assert_int_equal(open_pair(&shape, &image, &problem), 0);
	assert_int_equal(image->n_symbols, 1);
	assert_int_equal(image->symbols[0].section, image->text[1].index);
	image_free(image);
	/* and of a linked image */
	shape.is_linked[CODE] = shape.is_linked[DEBUG] = true;
	shape.has_symbols[CODE] = false;
	assert_int_equal(open_pair(&shape, &image, &problem), 0);
	assert_false(image->is_relocatable);
	assert_int_equal(image->n_symbols, 1);
	assert_int_equal(image->symbols[0].vaddr, 0x401004);
	assert_int_equal(image->text_lo_vaddr, 0x401000);
	assert_int_equal(image->text_hi_vaddr, 0x401020);
	image_free(image);
}

static void check_refused(const struct shape *shape, const char *why)
{
	struct problem problem = { "" };
	struct image *image = NULL;

	assert_int_equal(open_pair(shape, &image, &problem), -EINVAL);
	assert_string_equal(problem.text, why);
	assert_null(image);
}

static void test_image_files_that_do_not_belong_together_are_refused(void **state)
{
	struct shape shape = good;

	shape.id[DEBUG] = other_id;
	check_refused(&shape, "debug file: build id 4a5b000000000000000000000000000000000000, that "
			      "of the code is 4a5a000000000000000000000000000000000000");
	shape = good;
	shape.id[CODE] = NULL;
	check_refused(&shape, "debug file: build id 4a5a000000000000000000000000000000000000, that "
			      "of the code is none");
	shape = good;
	shape.text_bytes[DEBUG] = 0x21;
	check_refused(&shape, "debug file: its section .text is not the same as that of the code");
	shape = good;
	shape.last_name[DEBUG] = ".bss";
	check_refused(&shape, "debug file: its section .bss is not the same as that of the code");
	for (int which = 0; which < 2; which++) {
		shape = good;
		shape.has_bss[which] = true;
		check_refused(&shape,
			      "debug file: its section .bss is not the same as that of the code");
	}
	shape = good;
	shape.is_linked[DEBUG] = true;
	check_refused(&shape, "debug file: machine 62, type 2; of the code: machine 62, type 1");
	shape = good;
	shape.is_linked[CODE] = shape.is_linked[DEBUG] = true;
	shape.text_vaddr[DEBUG] += 16;
	check_refused(&shape, "debug file: its section .text is not the same as that of the code");
}

static void test_image_files_without_build_ids_sections_tell(void **state)
{
	struct shape shape = good;
	struct problem problem = { "" };
	struct image *image;

	shape.id[CODE] = shape.id[DEBUG] = NULL;
	assert_int_equal(open_pair(&shape, &image, &problem), 0);
	image_free(image);
	shape.text_bytes[DEBUG] = 0x21;
	check_refused(&shape, "debug file: its section .text is not the same as that of the code");
}

static void test_image_files_debug_information_alone_is_refused(void **state)
{
	struct problem problem = { "" };
	struct image *image;

	assert_int_equal(module_open(module_only(write_one(&good, DEBUG)), &image, &problem),
			 -ENOEXEC);
	assert_string_equal(problem.text,
			    "image: a file of debug information, whose code is in another file");
}

/* what debug information refers to in a file that several share (dwz) */

enum { UNIT = 1, ABSTRACT, INSTANCE, NAMED, NAMELESS, NEIGHBOUR };
#define N_USERS 4 /* functions of write_user() */

struct shared {
	bool is_dwarf5;	   /* .debug_sup instead of .gnu_debugaltlink */
	const uint8_t *id; /* of the shared file */
};

static void put_sup(struct module *m, bool is_shared, const uint8_t *sum)
{
	unsigned int s = elf_section(&m->elf, ".debug_sup", SHT_PROGBITS, 0, 0);
	struct buf *b = elf_data(&m->elf, s);

	buf_u16(b, 5);
	buf_u8(b, is_shared);
	buf_append(b, is_shared ? "" : "common", is_shared ? 1 : 7);
	buf_uleb(b, 20);
	buf_append(b, sum, 20);
}

/* A partial unit with one abstract function, "inlined"; its offset; and the string "named". */
static int write_shared(const struct shared *shared, uint64_t *ret_off, uint64_t *ret_string_off)
{
	struct dwarf_writer *d;
	struct module m;
	int fd;

	module_begin(&m, EM_X86_64);
	d = &m.dwarf;
	if (shared->is_dwarf5)
		put_sup(&m, true, shared->id);
	else
		elf_build_id(&m.elf, shared->id, 20);
	dwarf_abbrev(d, UNIT, DW_TAG_partial_unit, 1, 0);
	dwarf_abbrev(d, NAMED, DW_TAG_subprogram, 0, DW_AT_name, DW_FORM_strp, 0);
	dwarf_abbrev(d, ABSTRACT, DW_TAG_subprogram, 0, DW_AT_specification, DW_FORM_ref4,
		     DW_AT_decl_line, DW_FORM_udata, 0);
	buf_u8(&d->abbrev, 0);
	dwarf_string(&d->str, "inlined");
	*ret_string_off = dwarf_string(&d->str, "named");
	dwarf_unit_begin(d, 4, 0);
	buf_uleb(&d->info, UNIT);
	*ret_off = d->info.n_bytes;
	buf_uleb(&d->info, ABSTRACT);
	buf_u32(&d->info, (uint32_t)(d->info.n_bytes + 5));
	buf_uleb(&d->info, 41);
	buf_uleb(&d->info, NAMED);
	buf_u32(&d->info, 0);
	buf_u8(&d->info, 0);
	dwarf_unit_end(d);
	module_attach_dwarf(&m);
	fd = module_write(&m);
	module_end(&m);
	return fd;
}

/*
 * A unit with four functions: the first has its name from another unit of the same file, the second
 * from the shared file, the third from its strings; the last has none. Both files have their
 * abbreviations at the same offset.
 */
static int write_user(const struct shared *shared, uint64_t off, uint64_t string_off)
{
	unsigned int text;
	struct dwarf_writer *d;
	struct module m;
	size_t neighbour;
	int fd;

	module_begin(&m, EM_X86_64);
	d = &m.dwarf;
	text = module_code(&m, ".text", 0x20);
	module_symbol(&m, "f", text, 0);
	if (shared->is_dwarf5) {
		put_sup(&m, false, id);
	} else {
		unsigned int s = elf_section(&m.elf, ".gnu_debugaltlink", SHT_PROGBITS, 0, 0);

		buf_append(elf_data(&m.elf, s), "common", 7);
		buf_append(elf_data(&m.elf, s), id, 20);
	}
	dwarf_abbrev(d, UNIT, DW_TAG_compile_unit, 1, 0);
	dwarf_abbrev(d, INSTANCE, DW_TAG_subprogram, 0, DW_AT_abstract_origin,
		     shared->is_dwarf5 ? DW_FORM_ref_sup4 : DW_FORM_GNU_ref_alt, 0);
	dwarf_abbrev(d, NAMED, DW_TAG_subprogram, 0, DW_AT_name,
		     shared->is_dwarf5 ? DW_FORM_strp_sup : DW_FORM_GNU_strp_alt, 0);
	dwarf_abbrev(d, NAMELESS, DW_TAG_subprogram, 0, 0);
	dwarf_abbrev(d, NEIGHBOUR, DW_TAG_subprogram, 0, DW_AT_abstract_origin, DW_FORM_ref_addr,
		     0);
	/* what is an abstract function in the shared file has a name here */
	dwarf_abbrev(d, ABSTRACT, DW_TAG_subprogram, 0, DW_AT_name, DW_FORM_string, 0);
	buf_u8(&d->abbrev, 0);
	dwarf_unit_begin(d, 4, 0);
	buf_uleb(&d->info, UNIT);
	buf_uleb(&d->info, NEIGHBOUR);
	neighbour = d->info.n_bytes;
	buf_u32(&d->info, 0);
	buf_uleb(&d->info, INSTANCE);
	buf_u32(&d->info, (uint32_t)off);
	buf_uleb(&d->info, NAMED);
	buf_u32(&d->info, (uint32_t)string_off);
	buf_uleb(&d->info, NAMELESS);
	buf_u8(&d->info, 0);
	dwarf_unit_end(d);
	dwarf_unit_begin(d, 4, 0);
	buf_uleb(&d->info, UNIT);
	memcpy(d->info.data + neighbour, &(uint32_t){ (uint32_t)d->info.n_bytes }, 4);
	buf_uleb(&d->info, ABSTRACT);
	buf_append(&d->info, "neighbour", 10);
	buf_u8(&d->info, 0);
	dwarf_unit_end(d);
	module_attach_dwarf(&m);
	fd = module_write(&m);
	module_end(&m);
	return fd;
}

/* Names of the functions of unit 0, and the first line of the one from the shared file. */
static void read_names(struct dwarf *dwarf, const char *names[N_USERS], uint64_t *ret_line)
{
	struct dwarf_reader reader;
	struct dwarf_cursor cursor;
	struct dwarf_values values;
	struct dwarf_die die;

	dwarf_reader_init(&reader, dwarf);
	assert_int_equal(dwarf_reader_load(&reader, 0), 0);
	cursor = dwarf_reader_cursor(&reader);
	for (int i = -1; i < N_USERS; i++) {
		assert_true(dwarf_next(&cursor, &die));
		dwarf_read(&cursor, &die, &values);
		if (i < 0)
			continue;
		names[i] = dwarf_reader_name(&reader, die.off, &values);
		if (i == 1)
			*ret_line = dwarf_reader_decl_line(&reader, die.off, &values);
	}
	dwarf_reader_deinit(&reader);
}

static int open_shared(const struct shared *shared, bool is_there, struct image **ret_image,
		       struct problem *problem)
{
	struct image_files files = { .debug_fd = -1 };
	uint64_t off, string_off;

	files.alt_fd = write_shared(shared, &off, &string_off);
	files.fd = write_user(shared, off, string_off);
	if (!is_there) {
		close(files.alt_fd);
		files.alt_fd = -1;
	}
	return module_open(files, ret_image, problem);
}

static void test_image_files_names_are_found_in_the_shared_file(void **state)
{
	for (int is_dwarf5 = 0; is_dwarf5 < 2; is_dwarf5++) {
		struct shared shared = { is_dwarf5, id };
		struct problem problem = { "" };
		const char *names[N_USERS];
		struct image *image;
		struct dwarf dwarf;
		uint64_t line;

		assert_int_equal(open_shared(&shared, true, &image, &problem), 0);
		assert_false(image->lacks_alt);
		assert_int_equal(dwarf_init(&dwarf, image), 0);
		assert_int_equal(dwarf.n_units, 2);
		assert_int_equal(dwarf.n_alt_units, 1);
		read_names(&dwarf, names, &line);
		assert_string_equal(names[0], "neighbour");
		assert_string_equal(names[1], "inlined");
		assert_string_equal(names[2], "named");
		assert_null(names[3]);
		assert_int_equal(line, 41);
		assert_int_equal(dwarf.stats.n_names_lacking, 0);
		dwarf_deinit(&dwarf);
		image_free(image);
	}
}

static void test_image_files_lacking_shared_file_is_counted_by_name(void **state)
{
	for (int is_dwarf5 = 0; is_dwarf5 < 2; is_dwarf5++) {
		struct shared shared = { is_dwarf5, id };
		struct problem problem = { "" };
		const char *names[N_USERS];
		struct image *image;
		struct dwarf dwarf;
		uint64_t line;

		assert_int_equal(open_shared(&shared, false, &image, &problem), 0);
		assert_true(image->lacks_alt);
		assert_int_equal(dwarf_init(&dwarf, image), 0);
		read_names(&dwarf, names, &line);
		assert_string_equal(names[0], "neighbour");
		assert_null(names[1]);
		assert_null(names[2]);
		assert_null(names[3]);
		assert_int_equal(line, 0);
		assert_int_equal(dwarf.stats.n_names_lacking, 2);
		dwarf_deinit(&dwarf);
		image_free(image);
	}
}

static void test_image_files_wrong_shared_file_is_refused(void **state)
{
	struct shared shared = { false, other_id };
	struct problem problem = { "" };
	struct image *image;

	assert_int_equal(open_shared(&shared, true, &image, &problem), -EINVAL);
	assert_string_equal(problem.text,
			    "shared debug file: build id 4a5b000000000000000000000000000000000000, "
			    "not that which .gnu_debugaltlink names");
	shared.is_dwarf5 = true;
	assert_int_equal(open_shared(&shared, true, &image, &problem), -EINVAL);
	assert_string_equal(problem.text, "shared debug file: not the file that .debug_sup names");
}

/* compressed files */

#define PADDING_BYTES 100000u

/* The bytes of a module with a lot of zeros. */
static uint8_t *module_bytes(size_t *ret_n_bytes)
{
	unsigned int text;
	uint8_t *bytes;
	struct module m;

	module_begin(&m, EM_X86_64);
	text = module_code(&m, ".text", 0x20);
	module_symbol(&m, "f", text, 0);
	module_section(&m, ".comment", 0, PADDING_BYTES, 0);
	bytes = elf_finish(&m.elf, ret_n_bytes);
	module_end(&m);
	return bytes;
}

static int write_xz(const uint8_t *bytes, size_t n_bytes)
{
	uint8_t packed[PADDING_BYTES];
	size_t n = 0;

	assert_int_equal(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, NULL, bytes, n_bytes, packed,
						 &n, sizeof(packed)),
			 LZMA_OK);
	return module_file_of(packed, n);
}

static int write_zstd(const uint8_t *bytes, size_t n_bytes)
{
	uint8_t packed[PADDING_BYTES];
	size_t n = ZSTD_compress(packed, sizeof(packed), bytes, n_bytes, 3);

	return module_file_of(packed, n);
}

static void test_image_files_compressed_ones_are_unpacked(void **state)
{
	size_t n_bytes;
	uint8_t *bytes = module_bytes(&n_bytes);
	int fds[] = { write_xz(bytes, n_bytes), write_zstd(bytes, n_bytes) };

	for (size_t i = 0; i < array_size(fds); i++) {
		struct image *image = module_must_open(module_only(fds[i]));

		assert_int_equal(image->n_symbols, 1);
		assert_int_equal(image->text[0].bytes[3], 0x90);
		image_forget(image); /* it cannot be read again */
		assert_int_equal(image->text[0].bytes[3], 0x90);
		image_free(image);
	}
	free(bytes);
}

static void test_image_files_contents_above_the_limit_are_refused(void **state)
{
	const struct image_limits limits = { PADDING_BYTES, 1 << 16 };
	size_t n_bytes;
	uint8_t *bytes = module_bytes(&n_bytes);
	int fd = write_xz(bytes, n_bytes);
	struct problem problem;
	struct image *image;

	assert_int_equal(image_open(fd, &limits, &image, &problem), -EFBIG);
	assert_string_equal(problem.text, "image: cannot unpack: xz: contents are above the limit "
					  "of 100000 bytes");
	close(fd);
	fd = module_file_of("\xfd"
			    "7zXZ\0 no more",
			    13);
	assert_int_equal(image_open(fd, &limits, &image, &problem), -EBADMSG);
	close(fd);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_image_files_code_and_debug_information_are_joined),
		cmocka_unit_test(test_image_files_symbols_are_the_codes_if_it_has_some),
		cmocka_unit_test(test_image_files_that_do_not_belong_together_are_refused),
		cmocka_unit_test(test_image_files_without_build_ids_sections_tell),
		cmocka_unit_test(test_image_files_debug_information_alone_is_refused),
		cmocka_unit_test(test_image_files_names_are_found_in_the_shared_file),
		cmocka_unit_test(test_image_files_lacking_shared_file_is_counted_by_name),
		cmocka_unit_test(test_image_files_wrong_shared_file_is_refused),
		cmocka_unit_test(test_image_files_compressed_ones_are_unpacked),
		cmocka_unit_test(test_image_files_contents_above_the_limit_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
