/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <elfutils/libdwelf.h>
#include "elf_writer.h"
#include "kernel/elf_facts.h"
#include "kernel_example.h"

enum parts { CODE = 1, DEBUG_INFO = 2, WHOLE = CODE | DEBUG_INFO };

static uint8_t *make_elf(uint8_t id_byte, unsigned int parts, size_t *ret_n_bytes)
{
	const struct build_id id = build_id_example(id_byte);
	struct elf_writer w;
	uint8_t *image;

	elf_writer_init(&w, EM_X86_64);
	if (parts & CODE)
		buf_append(elf_data(&w, elf_section(&w, ".text", SHT_PROGBITS,
						    SHF_ALLOC | SHF_EXECINSTR, 0x1000)),
			   "\xc3", 1);
	if (id_byte)
		elf_build_id(&w, id.bytes, 20);
	if (parts & DEBUG_INFO)
		buf_append(elf_data(&w, elf_section(&w, ".debug_info", SHT_PROGBITS, 0, 0)), "x",
			   1);
	image = elf_finish(&w, ret_n_bytes);
	elf_writer_deinit(&w);
	return image;
}

static int read_facts(const struct root *root, const void *bytes, size_t n_bytes,
		      struct elf_facts *ret, struct problem *problem)
{
	int fd, r;

	root_put_bytes(root, "elf", bytes, n_bytes);
	fd = openat(root->fd, "elf", O_RDONLY);
	r = elf_facts_read(fd, ret, problem);
	close(fd);
	return r;
}

static void test_elf_facts_cut_anywhere_never_yield_what_is_not_there(void **state)
{
	const struct root *root = *state;
	size_t n_bytes;
	uint8_t *image = make_elf(0xab, WHOLE, &n_bytes);

	for (size_t n = 0; n < n_bytes; n++) {
		struct problem problem = { "" };
		struct elf_facts facts;
		int r = read_facts(root, image, n, &facts, &problem);

		/* all that is cut off is behind the section headers, or they are cut */
		assert_true(r == 0 || (r == -EBADMSG && problem.text[0]));
	}
	free(image);
}

static void test_elf_facts_damaged_headers_are_named(void **state)
{
	static const struct {
		size_t off;
		uint8_t byte;
		const char *sentence;
	} cases[] = {
		{ 0, 'x', "not an ELF file of 64 bits, little-endian" },
		{ EI_CLASS, ELFCLASS32, "not an ELF file of 64 bits, little-endian" },
		{ EI_DATA, ELFDATA2MSB, "not an ELF file of 64 bits, little-endian" },
		{ offsetof(Elf64_Ehdr, e_shentsize), 63, "its ELF header is damaged" },
		{ offsetof(Elf64_Ehdr, e_shoff) + 7, 0xff,
		  "the file ends within its table of sections" },
		{ offsetof(Elf64_Ehdr, e_shoff) + 4, 1,
		  "the file ends within its table of sections" },
		{ offsetof(Elf64_Ehdr, e_shnum) + 1, 0xff,
		  "it has 65285 sections, more than a vmlinux" },
	};
	const struct root *root = *state;

	for (size_t i = 0; i < array_size(cases); i++) {
		struct problem problem = { "" };
		struct elf_facts facts;
		size_t n_bytes;
		uint8_t *image = make_elf(0xab, WHOLE, &n_bytes);

		assert_int_equal(read_facts(root, image, n_bytes, &facts, &problem), 0);
		image[cases[i].off] = cases[i].byte;
		assert_int_equal(read_facts(root, image, n_bytes, &facts, &problem), -EBADMSG);
		assert_string_equal(problem.text, cases[i].sentence);
		free(image);
	}
}

/* A debug file keeps the segments of the file that it was made of, which point at other bytes. */
static void test_elf_facts_segment_of_no_notes_yields_to_sections(void **state)
{
	const struct build_id id = build_id_example(0xab);
	struct problem problem = { "" };
	struct elf_facts facts;
	struct elf_writer w;
	size_t n_bytes;
	uint8_t *image;

	elf_writer_init(&w, EM_X86_64);
	elf_build_id(&w, id.bytes, 20);
	elf_segment(&w, PT_NOTE, PF_R, 0);
	image = elf_finish(&w, &n_bytes);
	elf_writer_deinit(&w);
	for (uint64_t off = 0; off < n_bytes; off += n_bytes - 8) {
		Elf64_Phdr *segment = (void *)(image + ((Elf64_Ehdr *)image)->e_phoff);

		segment->p_offset = off;
		segment->p_filesz = 60;
		assert_int_equal(read_facts(*state, image, n_bytes, &facts, &problem), 0);
		assert_true(build_id_equal(&facts.build_id, &id));
	}
	free(image);
}

/* What a section of that name says, in facts of a file with it. */
static void read_link(const struct root *root, const char *section, const void *bytes,
		      size_t n_section, struct elf_facts *ret)
{
	struct problem problem = { "" };
	struct elf_writer w;
	size_t n_bytes;
	uint8_t *image;

	elf_writer_init(&w, EM_X86_64);
	buf_append(elf_data(&w, elf_section(&w, section, SHT_PROGBITS, 0, 0)), bytes, n_section);
	image = elf_finish(&w, &n_bytes);
	elf_writer_deinit(&w);
	assert_int_equal(read_facts(root, image, n_bytes, ret, &problem), 0);
	free(image);
}

static void test_elf_facts_debuglink_is_a_plain_name_or_none(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *name;
	} cases[] = {
		{ "ext4.ko.debug\0\0\0\x12\x34\x56\x78", 20, "ext4.ko.debug" },
		{ "v\0\0\0\0\0\0\0", 8, "v" },
		{ "without an end", 14, "" },
		{ "", 0, "" },
		{ "\0\0\0\0\0\0\0\0", 8, "" },
		{ "../v\0\0\0\0\0\0\0\0", 12, "" },
		{ "/v\0\0\0\0\0\0", 8, "" },
		{ "..\0\0\0\0\0\0", 8, "" },
	};
	static uint8_t long_name[ELF_DEBUGLINK_SIZE + 8];
	struct elf_facts facts;

	for (size_t i = 0; i < array_size(cases); i++) {
		read_link(*state, ".gnu_debuglink", cases[i].bytes, cases[i].n, &facts);
		assert_string_equal(facts.debuglink, cases[i].name);
	}
	memset(long_name, 'x', ELF_DEBUGLINK_SIZE);
	read_link(*state, ".gnu_debuglink", long_name, sizeof(long_name), &facts);
	assert_string_equal(facts.debuglink, "");
	long_name[ELF_DEBUGLINK_SIZE - 1] = 0;
	read_link(*state, ".gnu_debuglink", long_name, sizeof(long_name), &facts);
	assert_int_equal(strlen(facts.debuglink), ELF_DEBUGLINK_SIZE - 1);
	/* a name alone does not make it one */
	read_link(*state, ".gnu_debuglinks", "v\0\0\0\0\0\0\0", 8, &facts);
	assert_string_equal(facts.debuglink, "");
}

static void test_elf_facts_altlink_is_a_path_and_a_build_id_or_none(void **state)
{
	static uint8_t bytes[ELF_ALTLINK_SIZE + BUILD_ID_BYTES_MAX + 1];
	struct elf_facts facts;

	read_link(*state, ".gnu_debugaltlink", "../.dwz/x\0\1\2\3", 13, &facts);
	assert_string_equal(facts.altlink, "../.dwz/x");
	assert_int_equal(facts.alt_build_id.n_bytes, 3);
	assert_memory_equal(facts.alt_build_id.bytes, "\1\2\3", 3);
	/* without an end, a build id or a path */
	read_link(*state, ".gnu_debugaltlink", "../.dwz/x", 9, &facts);
	assert_string_equal(facts.altlink, "");
	read_link(*state, ".gnu_debugaltlink", "../.dwz/x\0", 10, &facts);
	assert_string_equal(facts.altlink, "");
	read_link(*state, ".gnu_debugaltlink", "\0\1\2\3", 4, &facts);
	assert_int_equal(facts.alt_build_id.n_bytes, 0);
	/* a build id that is too long, a path that is */
	memset(bytes, 'x', sizeof(bytes));
	bytes[1] = 0;
	read_link(*state, ".gnu_debugaltlink", bytes, 2 + BUILD_ID_BYTES_MAX, &facts);
	assert_int_equal(facts.alt_build_id.n_bytes, BUILD_ID_BYTES_MAX);
	read_link(*state, ".gnu_debugaltlink", bytes, 3 + BUILD_ID_BYTES_MAX, &facts);
	assert_int_equal(facts.alt_build_id.n_bytes, 0);
	memset(bytes, 'x', sizeof(bytes));
	bytes[ELF_ALTLINK_SIZE] = 0;
	read_link(*state, ".gnu_debugaltlink", bytes, ELF_ALTLINK_SIZE + 3, &facts);
	assert_string_equal(facts.altlink, "");
	read_link(*state, ".gnu_debugaltlink", bytes, sizeof(bytes), &facts);
	assert_string_equal(facts.altlink, "");
}

/* Debug files keep the headers of sections whose contents they leave out. */
static void test_elf_facts_code_without_contents_is_none(void **state)
{
	struct problem problem = { "" };
	struct elf_facts facts;
	struct elf_writer w;
	size_t n_bytes;
	uint8_t *image;

	elf_writer_init(&w, EM_X86_64);
	w.header.e_type = ET_REL;
	w.sections[elf_section(&w, ".text", SHT_NOBITS, SHF_ALLOC | SHF_EXECINSTR, 0)]
		.claimed_bytes = 100;
	buf_append(elf_data(&w, elf_section(&w, ".debug_info", SHT_PROGBITS, 0, 0)), "x", 1);
	elf_symbol(&w, "f", 1, 0);
	image = elf_finish(&w, &n_bytes);
	elf_writer_deinit(&w);
	assert_int_equal(read_facts(*state, image, n_bytes, &facts, &problem), 0);
	assert_true(!facts.has_code && facts.has_debug_info && facts.has_symbols);
	assert_true(facts.is_relocatable);
	free(image);
}

/* The same id as elfutils finds, in a real program. */
static void test_elf_facts_of_this_program_agree_with_elfutils(void **state)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct problem problem = { "" };
	struct elf_facts facts;
	const void *id;
	ssize_t n;
	Elf *elf;

	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	assert_non_null(elf);
	n = dwelf_elf_gnu_build_id(elf, &id);
	assert_int_equal(elf_facts_read(fd, &facts, &problem), 0);
	assert_int_equal(facts.build_id.n_bytes, n > 0 ? n : 0);
	assert_memory_equal(facts.build_id.bytes, id, facts.build_id.n_bytes);
	assert_true(facts.has_code);
	elf_end(elf);
	close(fd);
}

#define WITH_ROOT(test) cmocka_unit_test_setup_teardown(test, root_set_up, root_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ROOT(test_elf_facts_cut_anywhere_never_yield_what_is_not_there),
		WITH_ROOT(test_elf_facts_damaged_headers_are_named),
		WITH_ROOT(test_elf_facts_segment_of_no_notes_yields_to_sections),
		WITH_ROOT(test_elf_facts_debuglink_is_a_plain_name_or_none),
		WITH_ROOT(test_elf_facts_altlink_is_a_path_and_a_build_id_or_none),
		WITH_ROOT(test_elf_facts_code_without_contents_is_none),
		cmocka_unit_test(test_elf_facts_of_this_program_agree_with_elfutils),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
