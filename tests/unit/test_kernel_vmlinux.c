/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <elfutils/libdwelf.h>
#include "elf_writer.h"
#include "kernel/elf_facts.h"
#include "kernel/vmlinux.h"
#include "kernel_example.h"

#define RELEASE "6.12.0-test"

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

static void put_elf(const struct root *root, const char *path, uint8_t id_byte, unsigned int parts)
{
	size_t n_bytes;
	uint8_t *image = make_elf(id_byte, parts, &n_bytes);

	root_put_bytes(root, path, image, n_bytes);
	free(image);
}

static struct vmlinux_search find(const struct root *root, const char *configured_path)
{
	const struct build_id id = build_id_example(0xab);
	const struct vmlinux_query query = { &id, RELEASE, configured_path };
	struct vmlinux_search search;

	vmlinux_find(root->fd, &query, &search);
	return search;
}

static void test_vmlinux_nowhere_says_how_many_places(void **state)
{
	const struct build_id id = build_id_example(0xab);
	struct vmlinux_search search cleanup(vmlinux_search_deinit) = find(*state, NULL);
	struct problem problem;

	assert_null(vmlinux_path(&search));
	assert_int_equal(search.fd, -1);
	vmlinux_explain(&search, &id, &problem);
	assert_string_equal(problem.text,
			    "no vmlinux of build id abababababababababababababababababababab"
			    "; not in 8 places");
}

static void test_vmlinux_in_each_place_is_found(void **state)
{
	static const char *const places[] = {
		"usr/lib/debug/.build-id/ab/ababababababababababababababababababab.debug",
		"usr/lib/debug/boot/vmlinux-" RELEASE,
		"usr/lib/debug/boot/vmlinux-" RELEASE ".debug",
		"usr/lib/debug/lib/modules/" RELEASE "/vmlinux",
		"usr/lib/debug/usr/lib/modules/" RELEASE "/vmlinux",
		"boot/vmlinux-" RELEASE,
		"lib/modules/" RELEASE "/build/vmlinux",
		"lib/modules/" RELEASE "/vmlinux",
		"srv/my vmlinux",
	};
	const struct root *root = *state;

	/* from the last to the first: each is preferred to those that are there already */
	for (size_t i = 8; i-- > 0;) {
		struct vmlinux_search search cleanup(vmlinux_search_deinit) = { .fd = -1 };

		put_elf(root, places[i], 0xab, WHOLE);
		search = find(root, NULL);
		assert_non_null(vmlinux_path(&search));
		assert_string_equal(vmlinux_path(&search) + 1, places[i]);
		assert_int_equal(search.n_tries, i + 1);
	}
	put_elf(root, places[8], 0xab, WHOLE);
	struct vmlinux_search search cleanup(vmlinux_search_deinit) = find(root, "/srv/my vmlinux");
	assert_string_equal(vmlinux_path(&search), "/srv/my vmlinux");
}

/* The descriptor is of the file that was looked at. */
static void test_vmlinux_found_can_be_read(void **state)
{
	const struct root *root = *state;
	char magic[4];

	put_elf(root, "boot/vmlinux-" RELEASE, 0xab, WHOLE);
	struct vmlinux_search search cleanup(vmlinux_search_deinit) = find(root, NULL);
	assert_int_equal(pread(search.fd, magic, 4, 0), 4);
	assert_memory_equal(magic,
			    "\x7f"
			    "ELF",
			    4);
}

static void test_vmlinux_refused_files_are_named_with_the_reason(void **state)
{
	const struct root *root = *state;
	const struct build_id id = build_id_example(0xab);
	struct problem problem;

	root_put(root, "etc/v", "no ELF");
	put_elf(root, "usr/lib/debug/boot/vmlinux-" RELEASE, 0xcd, WHOLE);
	put_elf(root, "boot/vmlinux-" RELEASE, 0xab, CODE);
	put_elf(root, "lib/modules/" RELEASE "/build/vmlinux", 0, WHOLE);
	put_elf(root, "lib/modules/" RELEASE "/vmlinux", 0xab, DEBUG_INFO);
	struct vmlinux_search search cleanup(vmlinux_search_deinit) = find(root, "/etc/v");

	assert_null(vmlinux_path(&search));
	assert_int_equal(search.tries[0].outcome, VMLINUX_UNREADABLE);
	assert_string_equal(search.tries[0].reason, "not an ELF file of 64 bits, little-endian");
	assert_int_equal(search.tries[1].outcome, VMLINUX_ABSENT);
	assert_int_equal(search.tries[2].outcome, VMLINUX_OTHER_BUILD);
	assert_string_equal(search.tries[2].reason,
			    "its build id is cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd");
	assert_int_equal(search.tries[6].outcome, VMLINUX_STRIPPED);
	assert_string_equal(search.tries[6].reason, "it has no debug information");
	assert_string_equal(search.tries[7].reason, "it has no build id");
	assert_string_equal(search.tries[8].reason, "it has debug information, but no code");
	vmlinux_explain(&search, &id, &problem);
	assert_non_null(strstr(problem.text, "/etc/v: not an ELF file"));
	assert_non_null(strstr(problem.text, "/usr/lib/debug/boot/vmlinux-" RELEASE
					     ": its build id is cdcdcdcd"));
}

/* Whoever names a file is told about that one, even that it is not there. */
static void test_vmlinux_configured_path_that_is_absent_is_named(void **state)
{
	const struct build_id id = build_id_example(0xab);
	struct vmlinux_search search cleanup(vmlinux_search_deinit) =
		find(*state, "/no/such/vmlinux");
	struct problem problem;

	assert_null(vmlinux_path(&search));
	vmlinux_explain(&search, &id, &problem);
	assert_non_null(strstr(problem.text, "; /no/such/vmlinux: no such file; not in 8 other"));
}

static void test_vmlinux_configured_path_that_cannot_be_is_refused(void **state)
{
	const struct root *root = *state;
	char path[VMLINUX_PATH_SIZE + 8];

	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_string_equal(find(root, path).tries[0].reason, "the path is too long");
	assert_string_equal(find(root, "vmlinux").tries[0].reason, "not an absolute path");
	assert_string_equal(find(root, "").tries[0].reason, "not an absolute path");
}

static void test_vmlinux_directory_and_fifo_are_refused(void **state)
{
	const struct root *root = *state;

	root_put(root, "dir/file", "");
	assert_int_equal(mkfifoat(root->fd, "fifo", 0600), 0);
	assert_string_equal(find(root, "/dir").tries[0].reason, "not a regular file");
	assert_string_equal(find(root, "/fifo").tries[0].reason, "not a regular file");
	assert_int_equal(find(root, "/dir/file/vmlinux").tries[0].outcome, VMLINUX_ABSENT);
}

/* facts */

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
		WITH_ROOT(test_vmlinux_nowhere_says_how_many_places),
		WITH_ROOT(test_vmlinux_in_each_place_is_found),
		WITH_ROOT(test_vmlinux_found_can_be_read),
		WITH_ROOT(test_vmlinux_refused_files_are_named_with_the_reason),
		WITH_ROOT(test_vmlinux_configured_path_that_is_absent_is_named),
		WITH_ROOT(test_vmlinux_configured_path_that_cannot_be_is_refused),
		WITH_ROOT(test_vmlinux_directory_and_fifo_are_refused),
		WITH_ROOT(test_elf_facts_cut_anywhere_never_yield_what_is_not_there),
		WITH_ROOT(test_elf_facts_damaged_headers_are_named),
		WITH_ROOT(test_elf_facts_segment_of_no_notes_yields_to_sections),
		cmocka_unit_test(test_elf_facts_of_this_program_agree_with_elfutils),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
