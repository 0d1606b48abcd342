/* SPDX-License-Identifier: Apache-2.0 */
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>
#include "kernel/kcore.h"

#define KERNEL_IP 0xffffffff81000000ull
#define MODULES_IP 0xffffffffc0000000ull
#define N_PHDRS_MAX 8
#define DATA_OFF 1024

/* An ELF core whose byte at offset DATA_OFF + i is i. */
struct core {
	Elf64_Ehdr header;
	Elf64_Phdr phdrs[N_PHDRS_MAX];
	uint8_t data[256];
};

static void init_core(struct core *c)
{
	*c = (struct core){
		.header = {
			.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB },
			.e_type = ET_CORE,
			.e_phoff = offsetof(struct core, phdrs),
			.e_phentsize = sizeof(Elf64_Phdr),
		},
	};
	for (size_t i = 0; i < sizeof(c->data); i++)
		c->data[i] = (uint8_t)i;
}

static void add(struct core *c, uint32_t type, uint64_t ip, uint64_t off, uint64_t n_bytes)
{
	c->phdrs[c->header.e_phnum++] = (Elf64_Phdr){
		.p_type = type,
		.p_vaddr = ip,
		.p_offset = DATA_OFF + off,
		.p_filesz = n_bytes,
		.p_memsz = n_bytes,
	};
}

static int make_file(const struct core *c)
{
	int fd = memfd_create("core", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, c, offsetof(struct core, data), 0),
			 offsetof(struct core, data));
	assert_int_equal(pwrite(fd, c->data, sizeof(c->data), DATA_OFF), sizeof(c->data));
	return fd;
}

static struct kcore *open_core(const struct core *c, int *ret_fd)
{
	struct problem problem = { "" };
	struct kcore *kcore;

	*ret_fd = make_file(c);
	if (kcore_open(*ret_fd, &kcore, &problem) != 0)
		fail_msg("%s", problem.text);
	return kcore;
}

static void close_core(struct kcore *kcore, int fd)
{
	kcore_free(kcore);
	close(fd);
}

/* The n_bytes from ip on begin with the byte first. */
static void assert_reads(const struct kcore *kcore, uint64_t ip, size_t n_bytes, uint8_t first,
			 size_t n_expected)
{
	uint8_t buf[512];
	size_t n;

	assert_int_equal(kcore_read(kcore, ip, buf, n_bytes, &n), 0);
	assert_int_equal(n, n_expected);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(buf[i], first + i);
}

static void test_kcore_segments_are_read_by_run_time_address(void **state)
{
	struct core c;
	struct kcore *kcore;
	uint8_t byte;
	size_t n = 77;
	int fd;

	init_core(&c);
	add(&c, PT_NOTE, 0, 0, 16);
	add(&c, PT_LOAD, MODULES_IP, 128, 32);
	add(&c, PT_LOAD, KERNEL_IP, 0, 64);
	kcore = open_core(&c, &fd);
	assert_reads(kcore, KERNEL_IP, 64, 0, 64);
	assert_reads(kcore, KERNEL_IP + 60, 100, 60, 4);
	assert_reads(kcore, MODULES_IP + 31, 1, 159, 1);
	assert_int_equal(kcore_read(kcore, KERNEL_IP + 64, &byte, 1, &n), KCORE_E_ABSENT);
	assert_int_equal(kcore_read(kcore, KERNEL_IP - 1, &byte, 1, &n), KCORE_E_ABSENT);
	assert_int_equal(kcore_read(kcore, 0, &byte, 1, &n), KCORE_E_ABSENT);
	assert_int_equal(kcore_read(kcore, UINT64_MAX, &byte, 1, &n), KCORE_E_ABSENT);
	assert_int_equal(n, 77);
	assert_int_equal(kcore_segments(kcore, &n)[0].ip, KERNEL_IP);
	assert_int_equal(n, 2);
	close_core(kcore, fd);
}

static void test_kcore_adjacent_segments_are_read_as_one(void **state)
{
	struct core c;
	struct kcore *kcore;
	int fd;

	init_core(&c);
	add(&c, PT_LOAD, KERNEL_IP, 0, 64);
	add(&c, PT_LOAD, KERNEL_IP + 64, 64, 64);
	kcore = open_core(&c, &fd);
	assert_reads(kcore, KERNEL_IP + 32, 96, 32, 96);
	close_core(kcore, fd);
}

/* As on arm64, where the kernel's text lies in the range for vmalloc. */
static void test_kcore_overlapping_segments_are_cut(void **state)
{
	struct core c;
	struct kcore *kcore;
	size_t n;
	int fd;

	init_core(&c);
	add(&c, PT_LOAD, KERNEL_IP + 16, 16, 16); /* inside the next */
	add(&c, PT_LOAD, KERNEL_IP, 0, 64);
	add(&c, PT_LOAD, KERNEL_IP + 48, 48, 64); /* runs over its end */
	add(&c, PT_LOAD, KERNEL_IP, 0, 8);
	kcore = open_core(&c, &fd);
	assert_reads(kcore, KERNEL_IP, 200, 0, 112);
	assert_int_equal(kcore_segments(kcore, &n)[1].ip, KERNEL_IP + 64);
	assert_int_equal(n, 2);
	close_core(kcore, fd);
}

/* Before the fix the third one, which begins before what is left of the second, stayed whole. */
static void test_kcore_three_segments_in_each_other_are_cut(void **state)
{
	struct core c;
	struct kcore *kcore;
	size_t n;
	int fd;

	init_core(&c);
	add(&c, PT_LOAD, KERNEL_IP, 0, 64);
	add(&c, PT_LOAD, KERNEL_IP + 16, 16, 64);
	add(&c, PT_LOAD, KERNEL_IP + 32, 32, 64);
	kcore = open_core(&c, &fd);
	assert_reads(kcore, KERNEL_IP, 200, 0, 96);
	assert_reads(kcore, KERNEL_IP + 80, 200, 80, 16);
	assert_int_equal(kcore_segments(kcore, &n)[2].n_bytes, 16);
	assert_int_equal(n, 3);
	close_core(kcore, fd);
}

static void test_kcore_what_the_file_lacks_is_absent(void **state)
{
	struct core c;
	struct kcore *kcore;
	uint8_t byte;
	size_t n;
	int fd;

	init_core(&c);
	add(&c, PT_LOAD, KERNEL_IP, 192, 4096);
	add(&c, PT_LOAD, MODULES_IP, 1u << 20, 4096);
	kcore = open_core(&c, &fd);
	assert_reads(kcore, KERNEL_IP, 512, 192, 64);
	assert_int_equal(kcore_read(kcore, KERNEL_IP + 64, &byte, 1, &n), KCORE_E_ABSENT);
	assert_int_equal(kcore_read(kcore, MODULES_IP, &byte, 1, &n), KCORE_E_ABSENT);
	close_core(kcore, fd);
}

static void test_kcore_last_byte_of_the_address_space_is_read(void **state)
{
	struct core c;
	struct kcore *kcore;
	int fd;

	init_core(&c);
	add(&c, PT_LOAD, UINT64_MAX - 15, 0, 16);
	kcore = open_core(&c, &fd);
	assert_reads(kcore, UINT64_MAX - 15, 64, 0, 16);
	close_core(kcore, fd);
}

/* One line a damage: what is changed of a good core, and what becomes of it. */
static void test_kcore_damaged_headers_are_refused(void **state)
{
	static const struct {
		size_t off;
		uint64_t value;
		size_t n_bytes;
		int error;
		const char *says;
	} mangles[] = {
		{ offsetof(Elf64_Ehdr, e_version), 7, 4, 0, "" },
		{ EI_MAG1, 'X', 1, -ENOEXEC, "64-bit little-endian" },
		{ EI_CLASS, ELFCLASS32, 1, -ENOEXEC, "64-bit little-endian" },
		{ EI_DATA, ELFDATA2MSB, 1, -ENOEXEC, "64-bit little-endian" },
		{ offsetof(Elf64_Ehdr, e_type), ET_EXEC, 2, -ENOEXEC, "type 2" },
		{ offsetof(Elf64_Ehdr, e_phnum), PN_XNUM, 2, -E2BIG, "more segments" },
		{ offsetof(Elf64_Ehdr, e_phnum), 0xfffe, 2, -EBADMSG, "cut off" },
		{ offsetof(Elf64_Ehdr, e_phentsize), 32, 2, -EBADMSG, "of 32 bytes" },
		{ offsetof(Elf64_Ehdr, e_phoff), UINT64_MAX, 8, -EBADMSG, "program headers at" },
		{ offsetof(Elf64_Ehdr, e_phoff), 1 << 20, 8, -EBADMSG, "cut off" },
		{ offsetof(struct core, phdrs[0].p_vaddr), UINT64_MAX - 8, 8, -EBADMSG, "wraps" },
		{ offsetof(struct core, phdrs[0].p_offset), UINT64_MAX, 8, -EBADMSG, "wraps" },
		{ offsetof(struct core, phdrs[0].p_filesz), INT64_MAX, 8, -EBADMSG, "wraps" },
	};

	for (size_t i = 0; i < sizeof(mangles) / sizeof(mangles[0]); i++) {
		struct problem problem = { "" };
		struct kcore *kcore = NULL;
		struct core c;
		int fd;

		init_core(&c);
		add(&c, PT_LOAD, KERNEL_IP, 0, 64);
		memcpy((uint8_t *)&c + mangles[i].off, &mangles[i].value, mangles[i].n_bytes);
		fd = make_file(&c);
		assert_int_equal(kcore_open(fd, &kcore, &problem), mangles[i].error);
		assert_non_null(strstr(problem.text, mangles[i].says));
		close_core(kcore, fd);
	}
}

static void test_kcore_no_file_at_all_is_refused(void **state)
{
	struct problem problem = { "" };
	struct kcore *kcore;
	int fd = memfd_create("empty", MFD_CLOEXEC);

	assert_int_equal(kcore_open(fd, &kcore, &problem), -ENOEXEC);
	assert_string_equal(problem.text, "kcore: too short to be an ELF file");
	close(fd);
	assert_int_equal(kcore_open(-1, &kcore, &problem), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kcore_segments_are_read_by_run_time_address),
		cmocka_unit_test(test_kcore_adjacent_segments_are_read_as_one),
		cmocka_unit_test(test_kcore_overlapping_segments_are_cut),
		cmocka_unit_test(test_kcore_three_segments_in_each_other_are_cut),
		cmocka_unit_test(test_kcore_what_the_file_lacks_is_absent),
		cmocka_unit_test(test_kcore_last_byte_of_the_address_space_is_read),
		cmocka_unit_test(test_kcore_damaged_headers_are_refused),
		cmocka_unit_test(test_kcore_no_file_at_all_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
