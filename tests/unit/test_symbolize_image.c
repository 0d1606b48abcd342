/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <sys/mman.h>
#include "symbolize_example.h"

static const uint8_t code[16] = { 0xc3 };

/* Opens what was built and says what came of it. */
static int outcome(struct example *x, struct problem *problem)
{
	int r = example_try_open(x, problem);

	example_deinit(x);
	return r;
}

static void test_image_first_executable_segment_is_the_preferred_base(void **state)
{
	struct example x;

	example_init_bare(&x);
	x.elf.n_segments = 0;
	elf_segment(&x.elf, PT_LOAD, PF_R, 0x1000);
	elf_segment(&x.elf, PT_NOTE, PF_R | PF_X, 0x2000);
	elf_segment(&x.elf, PT_LOAD, PF_R | PF_X, 0x405678);
	elf_segment(&x.elf, PT_LOAD, PF_R | PF_W | PF_X, 0x3000);
	assert_int_equal(example_open(&x)->preferred_base, 0x405000);
	example_deinit(&x);
}

static void test_image_without_executable_segment_is_refused(void **state)
{
	struct problem problem;
	struct example x;

	example_init_bare(&x);
	x.elf.segments[0].p_flags = PF_R | PF_W;
	assert_int_equal(outcome(&x, &problem), -ENOEXEC);
	assert_string_equal(problem.text, "image: no executable segment");
}

static void test_image_foreign_machine_class_and_garbage_are_refused(void **state)
{
	static const struct image_limits limits = IMAGE_LIMITS_DEFAULT;
	struct problem problem;
	struct image *image;
	struct example x;

	example_init_bare(&x);
	x.elf.header.e_machine = EM_PPC64;
	assert_int_equal(outcome(&x, &problem), -ENOEXEC);
	assert_string_equal(problem.text, "image: machine 21 is neither x86-64 nor AArch64");
	example_init_bare(&x);
	x.elf.header.e_ident[EI_CLASS] = ELFCLASS32;
	assert_int_equal(outcome(&x, &problem), -ENOEXEC);
	example_init_bare(&x);
	x.elf.header.e_ident[EI_DATA] = ELFDATA2MSB;
	assert_int_equal(outcome(&x, &problem), -ENOEXEC);
	assert_int_equal(image_open_memory("hello, world", 12, &limits, &image, &problem),
			 -ENOEXEC);
	example_init_bare(&x);
	x.elf.header.e_machine = EM_AARCH64;
	assert_int_equal(example_open(&x)->machine, IMAGE_AARCH64);
	example_deinit(&x);
}

static void test_image_executable_sections_but_plt_are_text(void **state)
{
	struct image *image;
	struct example x;

	example_init_bare(&x);
	example_text(&x, ".text", 0x402000, code, 16);
	example_text(&x, ".plt", 0x403000, code, 16);
	example_text(&x, ".plt.got", 0x404000, code, 16);
	example_text(&x, ".empty", 0x405000, code, 0);
	elf_section(&x.elf, ".data", SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, 0x406000);
	example_text(&x, ".init.text", 0x401000, code, 3);
	image = example_open(&x);
	assert_int_equal(image->n_text, 3);
	assert_string_equal(image->text[0].name, ".text");
	assert_string_equal(image->text[1].name, ".plt.got");
	assert_string_equal(image->text[2].name, ".init.text");
	assert_int_equal(image->text[2].n_bytes, 3);
	assert_int_equal(image->text[2].bytes[0], 0xc3);
	example_deinit(&x);
}

static void test_image_sections_outside_the_file_are_damage(void **state)
{
	struct problem problem;
	struct example x;
	unsigned int text;

	example_init_bare(&x);
	text = example_text(&x, ".text", 0x401000, code, 16);
	x.elf.sections[text].claimed_bytes = 1 << 20;
	assert_int_equal(outcome(&x, &problem), -EBADMSG);
	assert_string_equal(problem.text, "image: section .text is unreadable or cut off");
	example_init_bare(&x);
	example_text(&x, ".text", UINT64_MAX - 7, code, 16);
	assert_int_equal(outcome(&x, &problem), -EBADMSG);
	assert_string_equal(problem.text, "image: section .text wraps around");
}

static void test_image_sections_over_the_same_bytes_are_refused(void **state)
{
	static const uint8_t page[4096];
	struct problem problem;
	struct example x;

	example_init_bare(&x);
	for (unsigned int i = 0; i < 8; i++) {
		unsigned int s = example_text(&x, ".text", 0x411000 + i * 0x10000, code, 1);

		x.elf.sections[s].claimed_bytes = 2000;
	}
	example_text(&x, ".text", 0x401000, page, sizeof(page));
	assert_int_equal(outcome(&x, &problem), -EBADMSG);
	assert_string_equal(problem.text, "image: section .text shares bytes with others");
}

static void test_image_symbols_are_sorted_within_their_sections(void **state)
{
	struct image *image;
	struct example x;
	unsigned int a, b, data;

	example_init_bare(&x);
	a = example_text(&x, ".text", 0x402000, code, 16);
	data = elf_section(&x.elf, ".data", SHT_PROGBITS, SHF_ALLOC, 0x406000);
	b = example_text(&x, ".init.text", 0x401000, code, 16);
	elf_symbol(&x.elf, "b1", b, 0x401008);
	elf_symbol(&x.elf, "a2", a, 0x402008);
	elf_symbol(&x.elf, "d", data, 0x406000);
	elf_symbol(&x.elf, "outside", a, 0x500000);
	elf_symbol(&x.elf, "absolute", SHN_ABS, 0x402004);
	elf_symbol(&x.elf, "undefined", SHN_UNDEF, 0x402004);
	elf_symbol(&x.elf, "a1", a, 0x402000);
	elf_symbol(&x.elf, "beyond", 60, 0x402000);
	image = example_open(&x);
	assert_int_equal(image->n_symbols, 4);
	assert_string_equal(image_symbol_name(image, &image->symbols[0]), "a1");
	assert_string_equal(image_symbol_name(image, &image->symbols[1]), "a2");
	assert_string_equal(image_symbol_name(image, &image->symbols[2]), "outside");
	assert_string_equal(image_symbol_name(image, &image->symbols[3]), "b1");
	assert_int_equal(image->text[0].first_symbol, 0);
	assert_int_equal(image->text[0].n_symbols, 3);
	assert_int_equal(image->text[1].first_symbol, 3);
	assert_int_equal(image->text[1].n_symbols, 1);
	assert_int_equal(image_find_symbol(image, &image->text[0], 0x402001), 1);
	assert_int_equal(image_find_symbol(image, &image->text[0], 0x402008), 1);
	assert_int_equal(image_find_symbol(image, &image->text[0], UINT64_MAX), 3);
	assert_int_equal(image_find_symbol(image, &image->text[1], 0), 3);
	example_deinit(&x);
}

static void test_image_symbol_names_outside_the_string_table_are_empty(void **state)
{
	struct image *image;
	struct example x;
	unsigned int text;
	Elf64_Sym *symbol;

	example_init_bare(&x);
	text = example_text(&x, ".text", 0x402000, code, 16);
	elf_symbol(&x.elf, "f", text, 0x402000);
	symbol = (Elf64_Sym *)x.elf.symbols.data + 1;
	symbol->st_name = 0x7fffffff;
	image = example_open(&x);
	assert_string_equal(image_symbol_name(image, &image->symbols[0]), "");
	example_deinit(&x);
}

static void test_image_without_symbols_has_none(void **state)
{
	struct problem problem;
	struct symbols *symbols;
	struct names *names;
	struct example x;

	example_init_bare(&x);
	example_text(&x, ".text", 0x402000, code, 16);
	assert_int_equal(example_open(&x)->n_symbols, 0);
	assert_int_equal(names_new(&names, 1 << 20), 0);
	assert_int_equal(symbols_new(x.image, names, &symbols, &problem), -ENODATA);
	names_free(names);
	x.image = NULL; /* taken */
	example_deinit(&x);
}

static void test_image_more_symbols_than_the_limit_are_refused(void **state)
{
	static const struct image_limits limits = { 1 << 20, 3 };
	struct problem problem;
	struct image *image;
	struct example x;
	unsigned int text;

	example_init_bare(&x);
	text = example_text(&x, ".text", 0x402000, code, 16);
	for (int i = 0; i < 3; i++)
		elf_symbol(&x.elf, "f", text, 0x402000);
	x.bytes = elf_finish(&x.elf, &x.n_bytes);
	assert_int_equal(image_open_memory(x.bytes, x.n_bytes, &limits, &image, &problem), -E2BIG);
	assert_string_equal(problem.text, "image: 4 symbols, the limit is 3");
	example_deinit(&x);
}

static bool is_fs_with_mark(uint32_t type, uint64_t flags, size_t n_bytes, const char *name)
{
	struct example x;
	unsigned int mark;
	bool is_fs;

	example_init_bare(&x);
	example_nops(&x, 4);
	mark = elf_section(&x.elf, ".data", type, flags, 0x500000);
	for (size_t i = 0; i < n_bytes; i++)
		buf_u8(elf_data(&x.elf, mark), 0);
	elf_symbol(&x.elf, name, mark, 0x500000);
	is_fs = example_open(&x)->is_fs;
	example_deinit(&x);
	return is_fs;
}

static void test_image_flow_sensitive_mark_is_a_symbol_of_loaded_data(void **state)
{
	const char *name = "__llvm_fs_discriminator__";

	assert_true(is_fs_with_mark(SHT_PROGBITS, SHF_ALLOC, 1, name));
	assert_true(is_fs_with_mark(SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, 4, name));
	assert_false(is_fs_with_mark(SHT_PROGBITS, SHF_ALLOC, 1, "__llvm_fs_discriminator"));
	assert_false(is_fs_with_mark(SHT_PROGBITS, SHF_ALLOC, 0, name));
	assert_false(is_fs_with_mark(SHT_PROGBITS, 0, 1, name));
	assert_false(is_fs_with_mark(SHT_NOBITS, SHF_ALLOC, 1, name));
	assert_false(is_fs_with_mark(SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, 1, name));
}

static void test_image_build_id_is_found_if_of_bearable_length(void **state)
{
	static const uint8_t id[BUILD_ID_BYTES_MAX + 1] = { 0xde, 0xad };
	struct example x;

	example_init_bare(&x);
	elf_build_id(&x.elf, id, 20);
	assert_int_equal(example_open(&x)->build_id.n_bytes, 20);
	assert_memory_equal(x.image->build_id.bytes, id, 20);
	example_deinit(&x);
	example_init_bare(&x);
	elf_build_id(&x.elf, id, sizeof(id));
	assert_int_equal(example_open(&x)->build_id.n_bytes, 0);
	example_deinit(&x);
	example_init_bare(&x);
	assert_int_equal(example_open(&x)->build_id.n_bytes, 0);
	example_deinit(&x);
}

/* Of n zeros and an 'x', compressed. */
static unsigned int add_compressed(struct example *x, const char *name, size_t n,
				   size_t claimed_bytes)
{
	unsigned int s = elf_section(&x->elf, name, SHT_PROGBITS, 0, 0);

	for (size_t i = 0; i < n; i++)
		buf_u8(elf_data(&x->elf, s), 0);
	buf_u8(elf_data(&x->elf, s), 'x');
	elf_compress_section(&x->elf, s, claimed_bytes);
	return s;
}

static unsigned int compressed(struct example *x, size_t n, size_t claimed_bytes)
{
	example_init_bare(x);
	return add_compressed(x, ".debug_str", n, claimed_bytes);
}

static void test_image_compressed_debug_sections_are_unpacked(void **state)
{
	struct example x;
	struct bytes b;

	compressed(&x, 5000, 5001);
	b = example_open(&x)->debug[IMAGE_DEBUG_STR];
	assert_int_equal(bytes_left(&b), 5001);
	assert_int_equal(b.start[5000], 'x');
	example_deinit(&x);
}

/* The header of a section must not be written to: a file is mapped read-only. */
static void test_image_compressed_debug_sections_of_a_file_are_unpacked(void **state)
{
	static const struct image_limits limits = IMAGE_LIMITS_DEFAULT;
	int fd = memfd_create("image", 0);
	struct problem problem;
	struct image *image;
	struct example x;

	compressed(&x, 5000, 5001);
	x.bytes = elf_finish(&x.elf, &x.n_bytes);
	assert_int_equal(write(fd, x.bytes, x.n_bytes), x.n_bytes);
	assert_int_equal(image_open(fd, &limits, &image, &problem), 0);
	close(fd);
	assert_int_equal(bytes_left(&image->debug[IMAGE_DEBUG_STR]), 5001);
	image_forget(image);
	assert_int_equal(image->debug[IMAGE_DEBUG_STR].start[5000], 'x');
	image_free(image);
	example_deinit(&x);
}

/* Before the fix each of them was unpacked, one after the other. */
static void test_image_of_compressed_sections_of_one_name_only_the_last_is_unpacked(void **state)
{
	struct example x;

	compressed(&x, 5000, 5002); /* cannot be */
	for (int i = 0; i < 5; i++)
		add_compressed(&x, ".debug_str", 5000, 5002);
	add_compressed(&x, ".debug_str", 5000, 5001);
	example_open(&x);
	assert_int_equal(bytes_left(&x.image->debug[IMAGE_DEBUG_STR]), 5001);
	example_deinit(&x);
}

/* Before the fix it was a limit of each, and so ten times as much. */
static void test_image_compressed_sections_are_limited_together(void **state)
{
	static const struct image_limits limits = { .decompressed_bytes = 10001,
						    .n_symbols = 1 << 20 };
	struct problem problem = { "" };
	struct image *image;
	struct example x;

	compressed(&x, 5000, 5001);
	add_compressed(&x, ".debug_line_str", 5000, 5001);
	x.bytes = elf_finish(&x.elf, &x.n_bytes);
	assert_int_equal(image_open_memory(x.bytes, x.n_bytes, &limits, &image, &problem), -E2BIG);
	assert_string_equal(problem.text, "image: .debug_line_str: decompressed size 10002 is "
					  "above the limit of 10001");
	example_deinit(&x);
}

static void test_image_bad_compression_is_refused_before_memory_is_taken(void **state)
{
	struct problem problem;
	struct example x;
	unsigned int s;

	compressed(&x, 5000, (1 << 20) + 1);
	assert_int_equal(outcome(&x, &problem), -E2BIG);
	assert_string_equal(problem.text,
			    "image: .debug_str: decompressed size 1048577 is above the "
			    "limit of 1048576");
	compressed(&x, 5000, 1 << 20);
	assert_int_equal(outcome(&x, &problem), -EBADMSG);
	assert_string_equal(problem.text, "image: .debug_str: decompressed size 1048576 is beyond "
					  "belief");
	compressed(&x, 5000, 5002);
	assert_int_equal(outcome(&x, &problem), -EBADMSG);
	assert_string_equal(problem.text, "image: .debug_str: cannot decompress");
	s = compressed(&x, 5000, 5001);
	elf_data(&x.elf, s)->data[0] = 77; /* ch_type */
	assert_int_equal(outcome(&x, &problem), -EBADMSG);
	s = compressed(&x, 5000, 5001);
	elf_data(&x.elf, s)->n_bytes = sizeof(Elf64_Chdr) - 1;
	assert_int_equal(outcome(&x, &problem), -EBADMSG);
	assert_string_equal(problem.text, "image: .debug_str: bad compression header");
}

static void test_image_bytes_are_found_by_address(void **state)
{
	struct image *image;
	struct example x;
	struct bytes b;
	uint64_t vaddr;
	unsigned int data;

	example_init_bare(&x);
	data = elf_section(&x.elf, ".rodata", SHT_PROGBITS, SHF_ALLOC, 0x500000);
	buf_append(elf_data(&x.elf, data), "abcdef", 6);
	elf_symbol(&x.elf, "table", data, 0x500002);
	image = example_open(&x);
	assert_true(image_find_by_name(image, "table", &vaddr));
	b = image_bytes_at(image, vaddr, 4);
	assert_int_equal(bytes_left(&b), 4);
	assert_memory_equal(b.pos, "cdef", 4);
	b = image_bytes_at(image, vaddr, 5);
	assert_int_equal(bytes_left(&b), 0);
	b = image_bytes_at(image, UINT64_MAX, 1);
	assert_int_equal(bytes_left(&b), 0);
	assert_false(image_find_by_name(image, "", &vaddr));
	assert_false(image_find_by_name(image, "tables", &vaddr));
	example_deinit(&x);
}

/* Every file that is cut somewhere is refused or opened, and every byte read lies inside it. */
static void test_image_cut_anywhere_does_no_harm(void **state)
{
	static const struct image_limits limits = { 1 << 20, 1 << 16 };
	struct problem problem;
	struct example x;

	example_init(&x);
	example_nops(&x, 16);
	example_unit(&x, 0, 16, 0);
	example_function(&x, "f", 0, 16, 3);
	example_end(&x);
	example_unit_end(&x);
	example_load(&x);
	for (size_t n = 0; n < x.n_bytes; n++) {
		uint8_t *cut = malloc(n ? n : 1);
		struct symbols *symbols;
		struct image *image;

		memcpy(cut, x.bytes, n);
		if (image_open_memory(cut, n, &limits, &image, &problem) == 0 &&
		    symbols_new(image, x.objects.names, &symbols, &problem) == 0)
			symbols_free(symbols);
		free(cut);
	}
	example_deinit(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_image_first_executable_segment_is_the_preferred_base),
		cmocka_unit_test(test_image_without_executable_segment_is_refused),
		cmocka_unit_test(test_image_foreign_machine_class_and_garbage_are_refused),
		cmocka_unit_test(test_image_executable_sections_but_plt_are_text),
		cmocka_unit_test(test_image_sections_outside_the_file_are_damage),
		cmocka_unit_test(test_image_sections_over_the_same_bytes_are_refused),
		cmocka_unit_test(test_image_symbols_are_sorted_within_their_sections),
		cmocka_unit_test(test_image_symbol_names_outside_the_string_table_are_empty),
		cmocka_unit_test(test_image_without_symbols_has_none),
		cmocka_unit_test(test_image_more_symbols_than_the_limit_are_refused),
		cmocka_unit_test(test_image_flow_sensitive_mark_is_a_symbol_of_loaded_data),
		cmocka_unit_test(test_image_build_id_is_found_if_of_bearable_length),
		cmocka_unit_test(test_image_compressed_debug_sections_are_unpacked),
		cmocka_unit_test(test_image_compressed_debug_sections_of_a_file_are_unpacked),
		cmocka_unit_test(
			test_image_of_compressed_sections_of_one_name_only_the_last_is_unpacked),
		cmocka_unit_test(test_image_compressed_sections_are_limited_together),
		cmocka_unit_test(test_image_bad_compression_is_refused_before_memory_is_taken),
		cmocka_unit_test(test_image_bytes_are_found_by_address),
		cmocka_unit_test(test_image_cut_anywhere_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
