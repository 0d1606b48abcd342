/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include "elf_writer.h"
#include "symbolize/elf_file.h"

struct fixture {
	struct elf_writer w;
	uint8_t *bytes;
	size_t n_bytes;
	struct elf_file file;
	struct problem problem;
};

static void begin(struct fixture *f)
{
	*f = (struct fixture){ 0 };
	elf_writer_init(&f->w, EM_X86_64);
}

static void finish(struct fixture *f)
{
	f->bytes = elf_finish(&f->w, &f->n_bytes);
}

static Elf64_Ehdr *header(struct fixture *f)
{
	return (Elf64_Ehdr *)f->bytes;
}

static int open_it(struct fixture *f)
{
	return elf_file_open_memory(&f->file, "image", f->bytes, f->n_bytes, &f->problem);
}

static void end(struct fixture *f)
{
	elf_file_deinit(&f->file);
	elf_writer_deinit(&f->w);
	free(f->bytes);
}

static void test_elf_file_sections_are_found(void **state)
{
	const struct elf_section *s;
	struct fixture f;
	struct bytes b;

	begin(&f);
	elf_section(&f.w, ".note", SHT_NOTE, 0, 0);

	buf_append(elf_data(&f.w, elf_section(&f.w, ".data", SHT_PROGBITS, SHF_ALLOC, 0)), "abc",
		   3);
	finish(&f);
	assert_int_equal(open_it(&f), 0);
	assert_int_equal(f.file.type, ET_EXEC);
	assert_int_equal(f.file.n_sections, 4);
	s = elf_file_by_name(&f.file, ".data");
	assert_non_null(s);
	assert_int_equal(elf_section_index(&f.file, s), 2);
	assert_true(elf_file_contents(&f.file, s, &b));
	assert_memory_equal(b.pos, "abc", 3);
	assert_ptr_equal(elf_file_by_type(&f.file, SHT_NOTE), &f.file.sections[1]);
	assert_null(elf_file_by_name(&f.file, ".text"));
	assert_null(elf_file_section(&f.file, 0));
	assert_null(elf_file_section(&f.file, 4));
	end(&f);
}

static void test_elf_file_numbers_that_do_not_fit_stand_in_section_zero(void **state)
{
	struct fixture f;
	Elf64_Shdr *first;

	begin(&f);
	elf_section(&f.w, ".data", SHT_PROGBITS, SHF_ALLOC, 0);
	finish(&f);
	first = (Elf64_Shdr *)(f.bytes + header(&f)->e_shoff);
	first->sh_size = header(&f)->e_shnum;
	first->sh_link = header(&f)->e_shstrndx;
	header(&f)->e_shnum = 0;
	header(&f)->e_shstrndx = SHN_XINDEX;
	assert_int_equal(open_it(&f), 0);
	assert_int_equal(f.file.n_sections, 3);
	assert_non_null(elf_file_by_name(&f.file, ".data"));
	end(&f);
}

static void test_elf_file_without_sections_has_none(void **state)
{
	struct fixture f;

	begin(&f);
	finish(&f);
	header(&f)->e_shnum = 0;
	assert_int_equal(open_it(&f), 0);
	assert_int_equal(f.file.n_sections, 0);
	elf_file_deinit(&f.file);
	header(&f)->e_shoff = 0;
	assert_int_equal(open_it(&f), 0);
	end(&f);
}

static void check_damage(struct fixture *f, const char *sentence)
{
	assert_int_equal(open_it(f), -EBADMSG);
	assert_non_null(strstr(f->problem.text, sentence));
	end(f);
}

static void test_elf_file_headers_outside_of_the_file_are_damage(void **state)
{
	struct fixture f;

	begin(&f);
	finish(&f);
	header(&f)->e_shnum++;
	check_damage(&f, "image: cut off: it has");
	begin(&f);
	finish(&f);
	header(&f)->e_shoff = UINT64_MAX;
	check_damage(&f, "image: cut off: it has");
	begin(&f);
	finish(&f);
	header(&f)->e_shentsize = 63;
	check_damage(&f, "image: its ELF header is damaged");
	begin(&f);
	finish(&f);
	header(&f)->e_shstrndx = 99;
	check_damage(&f, "image: no section names");
	begin(&f);
	finish(&f);
	header(&f)->e_phnum = 9999;
	header(&f)->e_phentsize = sizeof(Elf64_Phdr);
	check_damage(&f, "image: unreadable program headers");
	begin(&f);
	finish(&f);
	f.n_bytes = 40;
	check_damage(&f, "image: cut off: it has 40 bytes");
}

static void test_elf_file_contents_outside_of_the_file_are_none(void **state)
{
	struct fixture f;
	unsigned int data, bss;
	struct bytes b;

	begin(&f);
	data = elf_section(&f.w, ".data", SHT_PROGBITS, SHF_ALLOC, 0);
	bss = elf_section(&f.w, ".bss", SHT_NOBITS, SHF_ALLOC, 0);
	f.w.sections[data].claimed_bytes = f.w.sections[bss].claimed_bytes = 1 << 20;
	finish(&f);
	assert_int_equal(open_it(&f), 0);
	assert_false(elf_file_contents(&f.file, &f.file.sections[data], &b));
	assert_true(elf_file_contents(&f.file, &f.file.sections[bss], &b));
	assert_int_equal(bytes_left(&b), 0);
	end(&f);
}

static void test_elf_file_names_without_end_in_sight_are_empty(void **state)
{
	char *name = malloc(6001);
	struct fixture f;

	assert_non_null(name);
	memset(name, 'x', 6000);
	name[6000] = '\0';
	begin(&f);
	elf_section(&f.w, name + 3000, SHT_PROGBITS, 0, 0);
	elf_section(&f.w, name, SHT_PROGBITS, 0, 0);
	finish(&f);
	assert_int_equal(open_it(&f), 0);
	assert_string_equal(f.file.sections[1].name, name + 3000);
	assert_string_equal(f.file.sections[2].name, "");
	free(name);
	end(&f);
}

/* elf_strptr() would look for an end in all that is behind, for each section again. */
static void test_elf_file_names_that_do_not_end_with_their_section_are_damage(void **state)
{
	struct fixture f;

	begin(&f);
	elf_section(&f.w, ".data", SHT_PROGBITS, SHF_ALLOC, 0);
	finish(&f);
	((Elf64_Shdr *)(f.bytes + header(&f)->e_shoff))[header(&f)->e_shstrndx].sh_size--;
	check_damage(&f, "image: no section names");
	begin(&f);
	finish(&f);
	((Elf64_Shdr *)(f.bytes + header(&f)->e_shoff))[header(&f)->e_shstrndx].sh_size = 0;
	check_damage(&f, "image: no section names");
	begin(&f);
	finish(&f);
	((Elf64_Shdr *)(f.bytes + header(&f)->e_shoff))[header(&f)->e_shstrndx].sh_offset = 1 << 30;
	check_damage(&f, "image: no section names");
}

/* Thousands that claim the same bytes: libelf would read, and may copy, all of them. */
static void test_elf_file_notes_that_share_bytes_are_not_read(void **state)
{
	static const uint8_t id[20] = { 7, 8 };
	struct fixture f;
	Elf64_Shdr *notes;

	begin(&f);
	elf_section(&f.w, ".note.a", SHT_NOTE, 0, 0);
	elf_section(&f.w, ".note.b", SHT_NOTE, 0, 0);
	elf_build_id(&f.w, id, 20);
	finish(&f);
	assert_int_equal(open_it(&f), 0);
	assert_int_equal(f.file.build_id.n_bytes, 20);
	elf_file_deinit(&f.file);
	notes = (Elf64_Shdr *)(f.bytes + header(&f)->e_shoff) + 1;
	for (int i = 0; i < 2; i++) {
		notes[i].sh_offset = notes[2].sh_offset;
		notes[i].sh_size = f.n_bytes / 2;
	}
	assert_int_equal(open_it(&f), 0);
	assert_int_equal(f.file.build_id.n_bytes, 0);
	end(&f);
}

static void test_elf_file_segments_of_notes_that_share_bytes_are_not_read(void **state)
{
	static const uint8_t id[20] = { 7, 8 };
	struct fixture f;
	Elf64_Phdr *segments;
	uint64_t off;

	begin(&f);
	for (int i = 0; i < 3; i++)
		elf_segment(&f.w, PT_NOTE, PF_R, 0);
	elf_build_id(&f.w, id, 20);
	finish(&f);
	assert_int_equal(open_it(&f), 0);
	off = f.file.sections[1].header.sh_offset;
	elf_file_deinit(&f.file);
	header(&f)->e_shoff = header(&f)->e_shnum = header(&f)->e_shstrndx = 0;
	segments = (Elf64_Phdr *)(f.bytes + header(&f)->e_phoff);
	for (int i = 0; i < 3; i++) {
		segments[i].p_offset = off;
		segments[i].p_filesz = f.n_bytes / 2;
	}
	assert_int_equal(open_it(&f), 0);
	assert_int_equal(f.file.build_id.n_bytes, 0);
	end(&f);
}

/* As a stripped file may have them, without any section. */
static void test_elf_file_build_id_is_found_in_segments(void **state)
{
	static const uint8_t id[20] = { 7, 8 };
	struct fixture f;
	Elf64_Phdr *segment;

	begin(&f);
	elf_segment(&f.w, PT_NOTE, PF_R, 0);
	elf_build_id(&f.w, id, 20);
	finish(&f);
	assert_int_equal(open_it(&f), 0);
	assert_int_equal(f.file.build_id.n_bytes, 20);
	segment = (Elf64_Phdr *)(f.bytes + header(&f)->e_phoff);
	segment->p_offset = f.file.sections[1].header.sh_offset;
	segment->p_filesz = f.file.sections[1].header.sh_size;
	elf_file_deinit(&f.file);
	header(&f)->e_shoff = header(&f)->e_shnum = header(&f)->e_shstrndx = 0;
	assert_int_equal(open_it(&f), 0);
	assert_int_equal(f.file.build_id.n_bytes, 20);
	assert_memory_equal(f.file.build_id.bytes, id, 20);
	elf_file_deinit(&f.file);
	segment->p_filesz = f.n_bytes;
	assert_int_equal(open_it(&f), 0);
	assert_int_equal(f.file.build_id.n_bytes, 0);
	end(&f);
}

static void test_elf_file_folders_and_empty_files_are_none(void **state)
{
	struct problem problem;
	struct elf_file file;
	int fd = memfd_create("empty", MFD_CLOEXEC);

	assert_int_equal(elf_file_open(&file, "image", fd, 100, &problem), -ENOEXEC);
	assert_string_equal(problem.text, "image: not an ELF file");
	close(fd);
	fd = open("/", O_RDONLY | O_DIRECTORY);
	assert_int_equal(elf_file_open(&file, "image", fd, 100, &problem), -EISDIR);
	close(fd);
	assert_int_equal(elf_file_open(&file, "image", -1, 100, &problem), -EBADF);
	assert_int_equal(elf_file_open_memory(&file, "image", NULL, 0, &problem), -ENOEXEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_elf_file_sections_are_found),
		cmocka_unit_test(test_elf_file_numbers_that_do_not_fit_stand_in_section_zero),
		cmocka_unit_test(test_elf_file_without_sections_has_none),
		cmocka_unit_test(test_elf_file_headers_outside_of_the_file_are_damage),
		cmocka_unit_test(test_elf_file_contents_outside_of_the_file_are_none),
		cmocka_unit_test(test_elf_file_names_without_end_in_sight_are_empty),
		cmocka_unit_test(test_elf_file_names_that_do_not_end_with_their_section_are_damage),
		cmocka_unit_test(test_elf_file_notes_that_share_bytes_are_not_read),
		cmocka_unit_test(test_elf_file_segments_of_notes_that_share_bytes_are_not_read),
		cmocka_unit_test(test_elf_file_build_id_is_found_in_segments),
		cmocka_unit_test(test_elf_file_folders_and_empty_files_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
